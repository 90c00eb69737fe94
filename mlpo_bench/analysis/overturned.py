"""Leaders that overturned what most of their peers had answered, and a run's conversations of that kind."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell

_LEADER = "leader"


def is_overturned(turns: Sequence[dict[str, Any]]) -> bool:
    """Whether the last verdict is another answer than the one that most peers of its round gave.

    A verdict that could not be read overturns nothing, and where two answers are as frequent there is no majority.
    """
    verdict = turns[-1]
    heard = [turn for turn in turns if turn["round"] == verdict["round"] and turn["seat"] != _LEADER]
    if verdict["seat"] != _LEADER or verdict["answer"] is None or not heard:
        return False
    counted = Counter(key for turn in heard if (key := turn.get("key", turn["answer"])) is not None).most_common(2)
    tied = len(counted) > 1 and counted[0][1] == counted[1][1]
    return bool(counted) and not tied and counted[0][0] != verdict.get("key", verdict["answer"])


def conversations_found(
    run: LoadedRun, cells: Sequence[Cell], *, overturned: bool, wrong: bool
) -> Iterator[tuple[Cell, str]]:
    """Yield the cell and the question of each conversation that ended wrong, or whose leader overturned, or both.

    Args:
        run: The run.
        cells: Those to look at; of those that are not done, nothing is yielded.
        overturned: Only led ones whose leader overturned the majority of its peers.
        wrong: Only those that ended wrong, unread ones among them.
    """
    for cell in cells:
        if not run.has_conversed(cell):
            continue
        if overturned and cell.setting.protocol.family != "led":
            continue
        for line in run.transcripts(cell):
            if "turns" in line and not (wrong and line["right"]) and (not overturned or is_overturned(line["turns"])):
                yield cell, line["question"]
