r"""MATH: problems of competitions, answered by an expression (Hendrycks et al., arXiv 2103.03874).

    DATA/math/test/<subject>/<number>.json             {"problem", "solution", ...}
    DATA/math/<subject>/test-00000-of-00001.parquet    the same columns, as copies on the hub have them
    DATA/math/test.jsonl                               MATH-500: one {"problem", ...} on each line
    DATA/math/test-00000-of-00001.parquet              or so

Of its 5,000 test problems the 500 of MATH-500 are tested, and the others are the train split. MATH-500 may stand there
alone (or in `DATA/MATH-500`): the test split is whole then, and there is no train split. The `answer` column of some
copies is damaged (backslashes lost): gold is the last `\boxed{}` of the official solution, where there is one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.questions import olmo
from mlpo_bench.questions.answerable import checked
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.reading import check_row
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mlpo_bench.questions.files import Files


_SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
_PROBLEMS, _TESTED = 5_000, 500
_REPOSITORY = Repository("EleutherAI/hendrycks_math", "21a5633873b6a120296cce3e2df9d5550074f4a3")
_REPOSITORY_500 = Repository("HuggingFaceH4/MATH-500", "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be")


def entry(subject: str, index: int, row: Mapping[str, Any], tested: frozenset[str]) -> Entry:
    """Return the problem of a published row (`problem`, `solution`).

    Args:
        subject: One of the 7.
        index: The position among the subject's published test problems, from 0.
        row: The row, in LaTeX; the solution's last box holds the answer.
        tested: The fingerprints of MATH-500.

    Raises:
        ValueError: The solution boxes nothing.
    """
    gold = " ".join(last_box(row["solution"]).split())  # to LaTeX a line break is a space
    inside = fingerprint(row["problem"]) in tested
    return Entry.of("math", subject, index, row["problem"], gold, "maths", tested=inside)


def last_box(solution: str) -> str:
    r"""Return what the last `\boxed` of a solution holds, its braces matched.

    Raises:
        ValueError: There is no box, or it is never closed.
    """
    start = solution.rfind("\\boxed")
    if start < 0:
        raise ValueError(f"this solution boxes no answer: {solution[-80:]!r}")
    rest = solution[start + len("\\boxed") :].lstrip()
    if not rest.startswith("{"):
        return rest[:1]
    depth = 0
    for at, character in enumerate(rest):
        escaped = at > 0 and rest[at - 1] == "\\"
        depth += 0 if escaped else (character == "{") - (character == "}")
        if depth == 0:
            return rest[1:at].strip()
    raise ValueError(f"the last box of this solution is never closed: {solution[-80:]!r}")


def _from_folder(files: Files) -> Iterator[Entry]:
    listed = [one for name in _names_of_500(files) for one in files.records(name, "problem")]
    by_json = any(files.has(f"test/{subject}") for subject in _SUBJECTS)
    if not by_json and not any(files.shards(subject, "test") for subject in _SUBJECTS):
        if not listed:
            raise UsageError(f"{files.root} holds no problems: neither test/SUBJECT/*.json nor MATH-500 as test.jsonl.")
        files.missing.append("MATH-500 alone, the whole test split, and no train split")
        yield from (checked(place, _of_500(place, row)) for place, row in listed)
        return
    if not listed:
        raise UsageError(f"{files.root} has no test.jsonl: MATH-500, which says what of MATH is tested.")
    tested = _fingerprints(row for _, row in listed)
    count = 0
    for subject in _SUBJECTS:
        rows = _by_json(files, subject) if by_json else _by_parquet(files, subject)
        for index, (place, row) in enumerate(rows):
            count += 1
            yield checked(place, entry(subject, index, row, tested))
    if count == _PROBLEMS and len(listed) != _TESTED:
        raise UsageError(
            f"{files.root} holds all of MATH, and {len(listed)} of the {_TESTED} problems of MATH-500, which says what "
            "of it is tested: the rest would be trained on. Fetch it whole."
        )


def _names_of_500(files: Files) -> list[str]:
    """Return the files with MATH-500 as people have them; none where there is none."""
    name = files.first("test.jsonl", "math500.jsonl", "math-500.jsonl", "math_500.jsonl", "MATH-500.jsonl")
    return (
        [name] if name else files.shards("", "test") or files.shards("data", "test") or files.shards("default", "test")
    )


def _by_json(files: Files, subject: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    folder = files.root / "test" / subject
    paths = sorted(folder.glob("*.json"), key=lambda path: _number(path.stem))
    if not paths:
        raise UsageError(f"{folder} holds no problems.")
    for path in paths:
        row = files.json(path.relative_to(files.root).as_posix())
        check_row(row, ("problem", "solution"), str(path))
        yield str(path), row


def _by_parquet(files: Files, subject: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    names = files.shards(subject, "test")
    if not names:
        raise UsageError(f"{files.root / subject} holds no problems: no test-*.parquet.")
    for name in names:
        yield from files.records(name, "problem", "solution")


def _of_500(place: str, row: Mapping[str, Any]) -> Entry:
    """Return a problem of MATH-500 where the others are not at hand: it is known by its number, not by its place.

    Raises:
        UsageError: The row has no subject of MATH's, no number, or no answer.
    """
    told = str(row.get("unique_id", "")).removesuffix(".json").split("/")
    stated = row.get("subject") or row.get("type") or told[-2:][0]
    subject = re.sub(r"\W+", "_", str(stated).replace("&", "and")).casefold()
    if subject not in _SUBJECTS:
        raise UsageError(f"{place}: its subject {str(stated)!r} is none of MATH's: {', '.join(_SUBJECTS)}.")
    if not told[-1]:
        raise UsageError(f"{place}: it has no unique_id, such as test/{subject}/7.json.")
    column = "solution" if row.get("solution") else "answer"
    check_row(row, ("problem", column), place)
    gold = last_box(row["solution"]) if column == "solution" else row["answer"]
    return Entry.of("math", subject, f"no-{told[-1]}", row["problem"], " ".join(gold.split()), "maths", tested=True)


def _from_olmo(root: Path) -> Iterator[Entry]:
    tested = _fingerprints(olmo.requests(root, "minerva_math_500"))
    for subject in _SUBJECTS:
        for index, row in enumerate(olmo.requests(root, f"minerva_math_{subject}")):
            yield entry(subject, index, row, tested)


def _from_hub() -> Iterator[Entry]:
    tested = _fingerprints(_REPOSITORY_500.rows(None, "test"))
    for subject in _SUBJECTS:
        for index, row in enumerate(_REPOSITORY.rows(subject, "test")):
            yield entry(subject, index, row, tested)


def _fingerprints(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(fingerprint(row["problem"]) for row in rows)


def _number(stem: str) -> tuple[int, str]:
    """Return a key that puts `9` before `10`."""
    return (int(stem) if stem.isascii() and stem.isdigit() else 0, stem)


_MARKS = ("test/algebra/*.json", "test/prealgebra/*.json", "algebra/test*.parquet")
_ALSO = ("MATH-500", "MATH500", "math-500", "math500", "math_500")

MATH = Suite(
    name="math",
    title="MATH",
    subjects=_SUBJECTS,
    size=_PROBLEMS,
    licence="MIT",
    published="github.com/hendrycks/math",
    sources=(
        Folder(_from_folder, _MARKS, _ALSO),
        olmo.Olmo(_from_olmo),
        Hub(_REPOSITORY, _REPOSITORY_500, entries=_from_hub),
    ),
)
SUITES.add(MATH, module=__name__)
