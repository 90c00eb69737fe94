r"""BIG-Bench Hard: the tasks of BIG-Bench on which models were behind people (Suzgun et al., arXiv 2210.09261).

    DATA/bbh/<subtask>.json                            {"examples": [{"input", "target"}, ...]}
    DATA/bbh/<subtask>/test-00000-of-00001.parquet     the same columns, as copies on the hub have them

Oddities of the data are met by rule, not by lists of exceptions:

- Three questions (one in movie_recommendation, two in ruin_names) had an option with a comma in it, which their
  publisher cut into several options; their target is the whole phrase, which is no letter. A target that is none of
  the letters offered is therefore answered in words (format `phrase`).
- Yes and no stand in lower case in one subtask and capitalised in others; judges ignore case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.questions.answerable import NOTHING_ASKED, checked
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.package import Package
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlpo_bench.questions.files import Files


_SUBJECTS = (
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
    "word_sorting",
)
_FORMATS = {
    "boolean_expressions": "true_false",
    "causal_judgement": "yes_no",
    "dyck_languages": "brackets",
    "formal_fallacies": "valid_invalid",
    "multistep_arithmetic_two": "number",
    "navigate": "yes_no",
    "object_counting": "number",
    "sports_understanding": "yes_no",
    "web_of_lies": "yes_no",
    "word_sorting": "words",
}  # the others are answered by an option's letter
_REPOSITORY = Repository("SaylorTwift/bbh", "b5306be6f827cfafbb545ff5a51f96916029b0fd")
_TESTED_OF_FIVE = 1


def entry(subject: str, index: int, row: Mapping[str, Any], *, place: str = "") -> Entry:
    """Return the question of a published row (`input`, `target`); one in five of each subtask is tested.

    Args:
        subject: The subtask.
        index: The row's position in the subtask's file, from 0.
        row: The row.
        place: The question's place, where it is not that position.
    """
    target = row["target"].strip()
    form = _FORMATS.get(subject, "option")
    if form == "option" and not re.fullmatch(r"\([A-Z]\)", target):
        form = "phrase"
    return Entry.of("bbh", subject, place or index, row["input"], target, form, tested=index % 5 == _TESTED_OF_FIVE)


def _from_folder(files: Files) -> Iterator[Entry]:
    for subject in _SUBJECTS:
        name = f"{subject}.json"
        shards = [] if files.has(name) else files.shards(subject, "test") or files.shards("", subject)
        rows = (each for shard in shards or [name] for each in files.records(shard, "input", "target"))
        for index, (place, row) in enumerate(rows):
            one = entry(subject, index, row)
            if fault := no_option(one):
                raise UsageError(f"{place}: {fault}.")
            yield checked(place, one)


def no_option(one: Entry) -> str:
    """Return, as a clause, that a target is neither an option's letter nor an option, whole or cut at its commas."""
    if one.item.answer_format != "phrase" or one.item.text.startswith(NOTHING_ASKED):
        return ""
    offered = {line.partition(")")[2].strip().casefold() for line in one.item.text.splitlines()}
    whole = one.item.gold.casefold()
    if {whole} <= offered or {part.strip() for part in whole.split(",")} <= offered:
        return ""
    return f"its target {one.item.gold!r} is neither a letter, such as (A), nor an option"


def _from_hub() -> Iterator[Entry]:
    for subject in _SUBJECTS:
        for index, row in enumerate(_REPOSITORY.rows(subject, "test")):
            yield entry(subject, index, row)


def _from_lm_eval(root: Path) -> Iterator[Entry]:
    """Yield the questions among lm-eval's worked examples, three of each subtask, whose answers end in words."""
    import yaml

    for subject in _SUBJECTS:
        path = root / "tasks" / "bbh" / "cot_fewshot" / f"{subject}.yaml"
        shots = yaml.safe_load(path.read_text(encoding="utf-8"))["fewshot_config"]["samples"]
        for index, shot in enumerate(shots):
            gold = shot["target"].rpartition("answer is")[2].strip().removesuffix(".")
            yield entry(subject, index, {"input": shot["input"], "target": gold}, place=f"shot-{index}")


_SIZE = 6_511
_MARKS = ("navigate.json", "snarks.json", "navigate/test*.parquet", "snarks/test*.parquet")

BBH = Suite(
    name="bbh",
    title="BIG-Bench Hard",
    subjects=_SUBJECTS,
    size=_SIZE,
    licence="MIT",
    published="github.com/suzgunmirac/BIG-Bench-Hard",
    max_tokens=512,
    sources=(
        Folder(_from_folder, marks=_MARKS),
        Hub(_REPOSITORY, entries=_from_hub),
        Package(
            "lm_eval",
            "lm-eval",
            _from_lm_eval,
            kind="shots",
            missing="a partial set of {count} questions, lm-eval's worked examples; "
            f"pass --data for all {_SIZE:,}, and compare with nothing published",
        ),
    ),
)
SUITES.add(BBH, module=__name__)
