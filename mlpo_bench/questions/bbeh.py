"""BIG-Bench Extra Hard: for each task of BIG-Bench Hard a harder one (Kazemi et al., arXiv 2502.19187).

    DATA/bbeh/benchmark_tasks/bbeh_<task>/task.json    {"examples": [{"input", "target"}, ...]}

All of it is tested. Where every answer of a task is an option's letter or a number, its format reads it; the other
tasks are answered as they ask for it (format `literal`), judged by the publishers' rule. Most questions of some tasks
are longer than what a small model takes in.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from mlpo_bench.questions.answerable import checked
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlpo_bench.questions.files import Files


_FORMATS = {
    "boardgame_qa": "literal",
    "boolean_expressions": "option",
    "buggy_tables": "number",
    "causal_understanding": "literal",
    "disambiguation_qa": "option",
    "dyck_languages": "literal",
    "geometric_shapes": "option",
    "hyperbaton": "literal",
    "linguini": "literal",
    "movie_recommendation": "option",
    "multistep_arithmetic": "number",
    "nycc": "option",
    "object_counting": "number",
    "object_properties": "number",
    "sarc_triples": "literal",
    "shuffled_objects": "option",
    "spatial_reasoning": "literal",
    "sportqa": "literal",
    "temporal_sequence": "literal",
    "time_arithmetic": "literal",
    "web_of_lies": "literal",
    "word_sorting": "literal",
    "zebra_puzzles": "number",
}
_REPOSITORY = Repository("BBEH/bbeh", "08e07a803851822c04399782ece3c4a07ce419f9")


def entry(task: str, index: int, row: Mapping[str, Any]) -> Entry:
    """Return the question of a published row (`input`, `target`).

    Args:
        task: One of the 23.
        index: The position among the task's questions, from 0.
        row: The row.
    """
    return Entry.of("bbeh", task, index, row["input"], row["target"].strip(), _FORMATS[task], tested=True)


def _from_folder(files: Files) -> Iterator[Entry]:
    for task in _FORMATS:
        rows = files.records(f"benchmark_tasks/bbeh_{task}/task.json", "input", "target")
        for index, (place, row) in enumerate(rows):
            yield checked(place, entry(task, index, row))


def _from_hub() -> Iterator[Entry]:
    seen: Counter[str] = Counter()
    for row in _REPOSITORY.rows(None, "train"):  # its only split
        task = row["task"].replace(" ", "_")
        yield entry(task, seen[task], row)
        seen[task] += 1


BBEH = Suite(
    name="bbeh",
    title="BIG-Bench Extra Hard",
    subjects=tuple(_FORMATS),
    size=4_520,
    licence="CC BY 4.0",
    published="github.com/google-deepmind/bbeh",
    all_tested=True,
    sources=(Folder(_from_folder, marks=("benchmark_tasks/bbeh_nycc/task.json",)), Hub(_REPOSITORY, entries=_from_hub)),
)
SUITES.add(BBEH, module=__name__)
