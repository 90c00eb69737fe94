"""What guessing gets right, from the questions as they were asked: a run keeps them in its conversations."""

from __future__ import annotations

import re
from statistics import mean
from typing import TYPE_CHECKING

from mlpo_bench.answers import FORMATS


if TYPE_CHECKING:
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell

_OPTION = re.compile(r"^\s*\(([A-Z])\)", re.MULTILINE)
_OF_TWO = ("yes_no", "true_false", "valid_invalid")


def chance(run: LoadedRun, suite: str) -> float | None:
    """Return the share of a suite's questions that guessing gets right; None where no question can be told of.

    A choice among options counts for one of as many, yes or no for a half, and an answer in words or numbers for
    nothing. All is read off what was asked, whoever asked it.
    """
    cells = [cell for cell in run.ended if cell.suite == suite]
    if not cells:
        return None
    shares = [of_prompt(prompt) for prompt in _prompts(run, min(cells, key=lambda cell: cell.calls))]
    return mean(share for share in shares if share is not None) if any(s is not None for s in shares) else None


def of_prompt(prompt: str) -> float | None:
    """Return the chance of a guess to be right; None where that is not known.

    That is for a prompt that asks in none of the forms that are known, or for a choice whose options it does not list.
    """
    form = next((form for form in FORMATS.values() if form.instruction and form.instruction in prompt), None)
    if form is None:
        return None
    if form.name in _OF_TWO:
        return 0.5
    if form.name != "option":
        return 0.0
    options = set(_OPTION.findall(prompt))
    return 1 / len(options) if options else None


def _prompts(run: LoadedRun, cell: Cell) -> list[str]:
    """Return what each question of a cell was asked as: the first turn reads nothing else."""
    lines = [line for line in run.transcripts(cell) if line.get("turns")]
    return ["\n".join(message["content"] for message in line["turns"][0]["read"]) for line in lines]
