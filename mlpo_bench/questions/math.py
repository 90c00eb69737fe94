r"""MATH: problems of competitions, answered by an expression (Hendrycks et al., arXiv 2103.03874).

    DATA/math/test/<subject>/<number>.json      {"problem", "solution", ...}
    DATA/math/test.jsonl                        MATH-500: one {"problem", ...} on each line

Of its 5,000 test problems the 500 of MATH-500 are tested, and the others are the train split. The `answer` column of
some copies is damaged (backslashes lost): gold is the last `\boxed{}` of the official solution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.questions import olmo
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mlpo_bench.questions.folder import Files


_SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
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
    tested = _fingerprints(files.lines("test.jsonl"))
    for subject in _SUBJECTS:
        paths = sorted((files.root / "test" / subject).glob("*.json"), key=lambda path: _number(path.stem))
        if not paths:
            raise UsageError(f"{files.root / 'test' / subject} holds no problems.")
        for index, path in enumerate(paths):
            yield entry(subject, index, files.json(path.relative_to(files.root).as_posix()), tested)


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


MATH = Suite(
    name="math",
    title="MATH",
    subjects=_SUBJECTS,
    size=5_000,
    licence="MIT",
    published="github.com/hendrycks/math",
    sources=(Folder(_from_folder), olmo.Olmo(_from_olmo), Hub(_REPOSITORY, _REPOSITORY_500, entries=_from_hub)),
)
SUITES.add(MATH, module=__name__)
