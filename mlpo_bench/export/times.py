"""When turns and conversations began and ended by the clock, as a run's ledgers tell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlpo_bench.log.ledger import read_waits


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.log.ledger import Place
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell

Span = tuple[datetime, datetime]
_KEY_DIGITS = 16


def of_turns(run: LoadedRun, cell: Cell) -> dict[Place, Span]:
    """Return from when to when each turn of a cell was waited for; those of which that is not known are left out."""
    run.turns(cell.id)  # says so where the ledger is not this cell's
    waits = read_waits(run.directory.ledger_path(cell.id))
    return {
        place: (began, began + timedelta(seconds=waited))
        for place, (waited, began) in waits.items()
        if began is not None
    }


def of(spans: Mapping[Place, Span], question: str, turn: Mapping[str, Any]) -> Span | None:
    """Return the span of a turn as a transcript has it."""
    key = int(turn["request"][:_KEY_DIGITS] or "0", 16)
    return spans.get((question, turn["seat"], turn["round"], turn["stage"], turn["sample"], key))


def of_questions(run: LoadedRun, cell: Cell) -> dict[str, Span]:
    """Return from when to when each conversation of a cell was held: from its first request to its last answer."""
    spans: dict[str, Span] = {}
    for (question, *_), (began, ended) in of_turns(run, cell).items():
        first, last = spans.get(question, (began, ended))
        spans[question] = min(first, began), max(last, ended)
    return spans


def told(span: Span | None, *, duration: bool = False) -> dict[str, Any]:
    """Return a span by name; null where it is not known."""
    began, ended = span or (None, None)
    lasted = (ended - began).total_seconds() if began and ended else None
    return {"began": began, "ended": ended} | ({"duration": lasted} if duration else {})
