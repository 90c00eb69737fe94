r"""A recording's own questions: one file that people can read, laid out as the suites are published.

    bbh:
      navigate: [{input: ..., target: "Yes"}]
    mmlu:
      college_physics: [{question: ..., choices: [..., ..., ..., ...], answer: B}]
    math:
      algebra: [{problem: ..., solution: 'so \boxed{4}'}]

All of them are tested. A suite is whole or not at all, so places that these leave empty (other subjects, and a train
split, by which votes are weighted) are filled with lines that say so.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from mlpo_bench import yamls
from mlpo_bench.questions import SUITES


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    Rows = tuple[dict[str, Any], ...]

# One in five questions of a BBH subtask is tested, the second of each five (see `mlpo_bench.questions.bbh`).
_FIVE, _TESTED = 5, 1


class _Questions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    bbh: dict[str, tuple[dict[str, Any], ...]] = {}
    mmlu: dict[str, tuple[dict[str, Any], ...]] = {}
    math: dict[str, tuple[dict[str, Any], ...]] = {}


def lay_out(questions: Path, data: Path) -> None:
    """Write the questions of a file as a data folder of suites.

    Raises:
        UsageError: the file cannot be read or is laid out otherwise.
    """
    file = yamls.read(questions, _Questions, "questions file")
    for suite, write in _WRITERS.items():
        subjects: Mapping[str, Rows] = getattr(file, suite)
        if subjects:
            write({name: subjects.get(name, ()) for name in SUITES[suite].subjects}, data / suite)


def _filler(subject: str, place: str) -> str:
    return f"Nothing is asked about {subject} here ({place})."


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
