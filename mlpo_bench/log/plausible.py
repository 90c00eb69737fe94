"""Whether figures can be what a cell came to: whoever reads them from a file need not doubt them from there on."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlpo_bench.log.ledger import Spent
    from mlpo_bench.log.results import CellResult, Results

_SHARES = ("accuracy", "low", "high")
_OF_THE_QUESTIONS = ("right", "unread", "cut_off", "refused")
_COUNTED = ("n", "errors", "calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "serial_calls")


def fault_of_cell(result: CellResult) -> str:
    """Return which of a cell's figures cannot be, as a clause; nothing where all can."""
    counted = {name: getattr(result, name) for name in (*_COUNTED, "serial_seconds", *_OF_THE_QUESTIONS, "estimated")}
    counted |= {"serial_tokens": result.serial_tokens or 0}
    if below := next((name for name, value in counted.items() if not _is_count(value)), None):
        return f"its {below} is {counted[below]}"
    if beyond := next((name for name in _OF_THE_QUESTIONS if getattr(result, name) > result.n), None):
        return f"its {beyond} is {getattr(result, beyond)} of n = {result.n}"
    shares = {name: value for name in _SHARES if (value := getattr(result, name)) is not None}
    if out := next((name for name, value in shares.items() if not 0 <= value <= 1), None):
        return f"its {out} is {shares[out]}"
    share = result.right / result.n if result.n else None
    if (share is None) != (result.accuracy is None) or (share and not math.isclose(share, result.accuracy or 0)):
        return f"its accuracy is {result.accuracy}, with {result.right} of {result.n} right"
    return _fault_of_spent(result.seats.values())


def fault_of_results(results: Results) -> str:
    """Return what cannot be among a run's results, as a clause; nothing where all can."""
    counts = Counter(result.cell for result in results.cells)
    if twice := next((cell for cell, count in counts.items() if count > 1), None):
        return f"the cell {twice} stands there twice"
    for result in results.cells:
        if fault := fault_of_cell(result):
            return f"{result.cell}: {fault}"
    return _fault_of_spent([*results.shared.alone.values(), *results.shared.paid.values()])


def _fault_of_spent(costs: Iterable[Spent]) -> str:
    for spent in costs:
        told = {name: value for name, value in spent.model_dump().items() if name not in {"model", "parameters"}}
        if below := next((name for name, value in told.items() if not _is_count(value)), None):
            return f"one of its costs has {below} {told[below]}"
    return ""


def _is_count(value: float) -> bool:
    return math.isfinite(value) and value >= 0
