r"""A recording's own questions: one file that people can read, laid out as the suites are published.

    bbh:
      navigate: [{input: ..., target: "Yes"}]
    mmlu:
      college_physics: [{question: ..., choices: [..., ..., ..., ...], answer: B}]
    math:
      algebra: [{problem: ..., solution: 'so \boxed{4}'}]

All of them are tested. A suite is whole or not at all, so places that these leave empty (other subjects, and a train
split, by which votes are weighted) are filled with lines that say so. Subjects that a run asks must have questions.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from mlpo_bench import yamls
from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.questions import SUITES, Entry, bbh, math, mmlu
from mlpo_bench.questions.answerable import NOTHING_ASKED, unanswerable


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pydantic import ValidationInfo

    from mlpo_bench.matrix.config import RunConfig

    Rows = tuple[dict[str, Any], ...]

# One in five questions of a BBH subtask is tested, the second of each five (see `mlpo_bench.questions.bbh`).
_FIVE, _TESTED = 5, 1
KIND = "questions file"
_NAMED = 3  # subjects told one by one


def _seen(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


Text = Annotated[str, AfterValidator(_seen)]


class _Row(BaseModel):
    """A question as its suite publishes it; what stands beside these columns is kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class _OfBbh(_Row):
    input: Text
    target: Text


class _OfMmlu(_Row):
    question: Text
    choices: Annotated[tuple[str | yamls.Whole | yamls.Real, ...], Field(min_length=4, max_length=4)]
    answer: Literal["A", "B", "C", "D"]


class _OfMath(_Row):
    problem: Text
    solution: Text


class _Questions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    bbh: dict[str, tuple[_OfBbh, ...]] = {}
    mmlu: dict[str, tuple[_OfMmlu, ...]] = {}
    math: dict[str, tuple[_OfMath, ...]] = {}

    @field_validator("bbh", "mmlu", "math")
    @classmethod
    def _are_of_the_suite(cls, subjects: dict[str, tuple[_Row, ...]], info: ValidationInfo) -> Any:  # noqa: ANN401
        """Refuse a subject that the suite does not have, one without questions, and questions nobody can answer."""
        suite = str(info.field_name)
        for name, rows in subjects.items():
            if name not in SUITES[suite].subjects:
                raise unknown("subject", name, SUITES[suite].subjects)
            if not rows:
                raise ValueError(f"{name!r} has no question; leave its line out, or ask one")
            for number, row in enumerate(rows, start=1):
                if fault := _unanswerable(suite, name, row.model_dump()):
                    raise ValueError(f"question {number} of {name!r}: {fault}")
        return subjects


def _unanswerable(suite: str, subject: str, row: dict[str, Any]) -> str:
    """Return what keeps a question from being answered rightly, as a clause; nothing where nothing does."""
    one: Entry
    match suite:
        case "bbh":
            one = bbh.entry(subject, 0, row)
            if fault := bbh.no_option(one):
                return fault
        case "mmlu":
            choices = list(map(str, row["choices"]))
            one = mmlu.entry(subject, "test", 0, row["question"], choices, "ABCD".index(row["answer"]))
        case _:
            one = math.entry(subject, 0, row, frozenset())
    return unanswerable(one.item)


def lay_out(questions: Path, data: Path, config: RunConfig | None = None) -> None:
    """Write the questions of a file as a data folder of suites.

    Args:
        questions: The file.
        data: Where the folder is made.
        config: The run that is to be recorded; every subject that it asks must have some. None leaves it at that.

    Raises:
        UsageError: the file cannot be read, is laid out otherwise, or lacks questions that are asked.
    """
    text = yamls.read_text(questions, KIND)
    file = yamls.parsed(text, questions, _Questions, KIND)
    written, _ = yamls.load(text)  # its own values in its own order: by their bytes recordings know their questions
    if config is not None:
        _check_asked(questions, file, config)
    for suite, write in _WRITERS.items():
        subjects: Mapping[str, Rows] = written.get(suite) or {}
        if subjects:
            write({name: subjects.get(name, ()) for name in SUITES[suite].subjects}, data / suite)


def _check_asked(path: Path, file: _Questions, config: RunConfig) -> None:
    """Refuse to ask a subject that has no question: its place is filled with words that ask nothing."""
    for suite in config.suites:
        if suite not in _WRITERS:
            continue
        known = SUITES[suite].subjects
        asked = [name for name in known if config.subjects is None or name in config.subjects]
        if lacking := [name for name in asked if name not in getattr(file, suite)]:
            listed = ", ".join(lacking[:_NAMED]) + (f" and {len(lacking) - _NAMED} more" if lacking[_NAMED:] else "")
            raise UsageError(
                f"{path} has no question of {suite} for {listed}, which config.yaml asks: write some, or name the "
                "subjects to be asked there (subjects: [...])."
            )


def _filler(subject: str, place: str) -> str:
    return f"{NOTHING_ASKED} {subject} here ({place})."


def _bbh(subjects: Mapping[str, Rows], folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, rows in subjects.items():
        tested = [*rows] or [{"input": _filler(name, "test"), "target": "-"}]
        places: list[dict[str, Any]] = [
            tested[n // _FIVE] if n % _FIVE == _TESTED else {"input": _filler(name, f"train {n}"), "target": "-"}
            for n in range(_FIVE * (len(tested) - 1) + _TESTED + 1)
        ]
        (folder / f"{name}.json").write_text(json.dumps({"examples": places}), encoding="utf-8")


def _mmlu(subjects: Mapping[str, Rows], folder: Path) -> None:
    for name, rows in subjects.items():
        asked = [[row["question"], *row["choices"], row["answer"]] for row in rows]
        _write_csv(folder / "test" / f"{name}_test.csv", asked or [[_filler(name, "test"), *"1234", "A"]])
        _write_csv(folder / "val" / f"{name}_val.csv", [[_filler(name, "train"), *"1234", "A"]])
        _write_csv(folder / "dev" / f"{name}_dev.csv", [])


def _write_csv(path: Path, rows: Iterable[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _math(subjects: Mapping[str, Rows], folder: Path) -> None:
    tested = []
    for name, rows in subjects.items():
        (folder / "test" / name).mkdir(parents=True)
        asked = [*rows] or [{"problem": _filler(name, "test"), "solution": r"\boxed{0}"}]
        tested += asked
        trained = {"problem": _filler(name, "train"), "solution": r"\boxed{0}"}
        for index, row in enumerate((*asked, trained)):
            (folder / "test" / name / f"{index}.json").write_text(json.dumps(row), encoding="utf-8")
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tested), encoding="utf-8")


_WRITERS: dict[str, Callable[[Mapping[str, Rows], Path], None]] = {"bbh": _bbh, "mmlu": _mmlu, "math": _math}
