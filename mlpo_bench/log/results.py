"""What a run came to, cell by cell.

`python -c "from mlpo_bench.log import results; print(results.schema().decode(), end='')"` writes the file's schema.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import BaseModel, Field

from mlpo_bench.errors import UsageError
from mlpo_bench.harness import readers
from mlpo_bench.log.files import damaged
from mlpo_bench.log.ledger import SeatCost, Shared
from mlpo_bench.log.records import Records
from mlpo_bench.log.schemas import json_schema
from mlpo_bench.log.seals import read_sealed
from mlpo_bench.protocols.base import Family
from mlpo_bench.stats import accuracy
from mlpo_bench.teams import LEADER


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Self

    from mlpo_bench.log.ledger import Spent
    from mlpo_bench.log.records import Record
    from mlpo_bench.matrix.cells import Cell

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_SHARES = ("accuracy", "low", "high")
_OF_THE_QUESTIONS = ("right", "unread", "cut_off", "refused")
_COUNTED = ("n", "errors", "calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "serial_calls")
_SUMMED = (
    "unread", "cut_off", "refused", "calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds",
    "serial_calls", "serial_seconds", "estimated",
)  # fmt: skip
SCHEMA_VERSION = 2
"""Version 1, whose files do not name it, had neither settings nor families."""


class CellResult(BaseModel):
    """A cell's figures.

    `n` counts the questions that were answered, right or wrong; `errors` those that a fault of the machinery left
    unanswered, which no other figure includes. `low` and `high` bound the 95 % interval of `accuracy`, which allows
    for questions alike within a subject; `caution` tells what it cannot promise. Calls, tokens and seconds are totals
    over the cell's questions, as if nothing had been shared with other cells; `serial_seconds` adds up each
    question's longest chain of turns that had to wait for one another, and `serial_tokens` what was written in such
    chains (None where an earlier version ran the cell). Seconds are those that the engine took when
    the completion was first made. `seats` tells the same seat by seat; `samples` is the number of ballots of a vote
    whose tokens were matched to those of the cell `matched`, or the budget of whoever was given as many;
    `scores` are what ballots were weighted with, by member.
    `readers` is the identity of the readers that judged (see `harness.readers`), None where an earlier version did.
    `protocol`, `settings`, `family` and `ceiling` are the protocol's own words on itself (see `protocols.base`), and
    `seat` is whose member answered in the leader's place: nobody need read them off the label. `refused` counts the
    final texts that are refusals: not right, and not unread besides. `estimated` counts the calls whose tokens no
    server told, and `causes` tells why questions were left unanswered, each with how many. `data` is
    the revision of the questions (see `questions.Source`), None where an earlier version asked them. Where something
    was altered of what seats read of one another, `intervention` has its settings and `plain` names the cell that it is
    held against, which lacks it.
    """

    cell: str
    suite: str
    label: str
    team: str
    protocol: str
    settings: dict[str, Any]
    family: Family
    ceiling: bool
    seat: str
    peers: int
    seed: int
    samples: int | None = None
    matched: str | None = None
    scores: dict[str, float] = {}
    n: int
    right: int
    accuracy: float | None
    low: float | None
    high: float | None
    caution: str | None = None
    unread: int
    cut_off: int
    errors: int
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float
    serial_calls: int
    serial_seconds: float
    seats: dict[str, SeatCost] = {}
    lm_eval: dict[str, Any] = {}
    readers: str | None = None
    # Left out where there are none, so that files are what they were before these were told.
    refused: Annotated[int, Field(exclude_if=lambda count: count == 0)] = 0
    estimated: Annotated[int, Field(exclude_if=lambda count: count == 0)] = 0
    causes: Annotated[dict[str, int], Field(exclude_if=lambda causes: not causes)] = {}
    data: Annotated[str | None, Field(exclude_if=lambda revision: revision is None)] = None
    serial_tokens: Annotated[int | None, Field(exclude_if=lambda tokens: tokens is None)] = None
    intervention: Annotated[dict[str, Any] | None, Field(exclude_if=lambda settings: settings is None)] = None
    plain: Annotated[str | None, Field(exclude_if=lambda cell: cell is None)] = None

    @classmethod
    def of(
        cls,
        cell: Cell,
        records: Iterable[Record],
        seats: Mapping[str, SeatCost],
        lm_eval: Mapping[str, Any],
        data: str | None = None,
        serial_tokens: int | None = None,
    ) -> Self:
        """Sum up a cell's records."""
        every = Records.of(records)
        answered = every.answered
        n, verdicts = len(answered), answered.column("right")
        right = sum(verdicts)
        estimate = accuracy([float(verdict) for verdict in verdicts], answered.column("subject")) if n else None
        return cls(
            cell=cell.id,
            suite=cell.suite,
            label=cell.label,
            team=cell.team,
            **_of_protocol(cell),
            peers=cell.peers,
            seed=cell.setting.seed,
            samples=cell.samples if cell.matched else None,
            matched=cell.matched_id,
            scores={member.label: score for member, score in cell.setting.weights.items()},
            n=n,
            right=right,
            accuracy=right / n if n else None,
            low=estimate.low if estimate else None,
            high=estimate.high if estimate else None,
            caution=estimate.caution if estimate else None,
            errors=len(every) - n,
            **{name: sum(answered.column(name)) for name in _SUMMED},
            seats=dict(seats),
            lm_eval=dict(lm_eval),
            readers=readers.identity(),
            causes=grouped(error for error in every.column("error") if error is not None),
            data=data,
            serial_tokens=serial_tokens,
            intervention=None if (altered := cell.setting.intervention) is None else altered.settings,
            plain=cell.plain_id,
        )

    @property
    def alone(self) -> bool:
        """Whether this is what the leader's model does alone: one answer, or a vote of its own answers."""
        return self.family in {"solo", "vote"} and self.seat == LEADER and not self.peers

    @property
    def counted(self) -> str:
        """What its `samples` count: ballots, or the tokens of a `budget` for each question."""
        return "tokens" if "budget" in self.settings else "ballots"

    @property
    def operations(self) -> float | None:
        """An estimate of the cell's floating-point operations; None where a model's size is not known."""
        of_seats = [seat.operations(seat.parameters) for seat in self.seats.values()]
        return None if None in of_seats else sum(of_seats)  # type: ignore[arg-type]


def check_alike(cells: Iterable[CellResult]) -> None:
    """Check that the cells of each suite were asked the same data, as far as they tell.

    Raises:
        UsageError: they were not.
    """
    known: dict[str, CellResult] = {}
    for cell in cells:
        if cell.data is not None and (first := known.setdefault(cell.suite, cell)).data != cell.data:
            raise UsageError(
                f"the cells {first.cell} and {cell.cell} were asked questions of {first.data} and of {cell.data}: they "
                "are not of one run."
            )


def grouped(errors: Iterable[str]) -> dict[str, int]:
    """Count faults by what they say, the most frequent first; those that differ in their figures alone are one."""
    told: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for error in errors:
        kind = _FIGURE.sub("0", error)
        told.setdefault(kind, error)
        counts[kind] += 1
    return {told[kind]: count for kind, count in counts.most_common()}


def _of_protocol(cell: Cell) -> dict[str, Any]:
    protocol = cell.setting.protocol
    return {
        "protocol": protocol.name,
        "settings": protocol.recorded,
        "family": protocol.family,
        "ceiling": protocol.ceiling,
        "seat": cell.seat,
    }


def filled_in(result: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """Return a cell's figures as this version has them: what the first one left to the label is known of the cell."""
    of_protocol = _of_protocol(cell if result["samples"] is None else cell.with_samples(result["samples"]))
    return {**of_protocol, **result}


class Results(BaseModel):
    """The cells of a run that have come to an end, in the order of its matrix.

    `schema_version` is that of the file's form: `docs/results.schema.json` is the present one.
    `sources` tells where each suite's questions came from, `unfinished` names the cells that have yet to end, and
    `shared` what was paid for all cells together.
    """

    schema_version: int = SCHEMA_VERSION
    config_sha256: str
    sources: dict[str, str]
    cells: tuple[CellResult, ...]
    unfinished: tuple[str, ...] = ()
    shared: Shared = Shared()

    @property
    def read_alike(self) -> bool:
        """Whether the same readers judged all cells."""
        return len({cell.readers for cell in self.cells}) <= 1

    @property
    def failed(self) -> tuple[CellResult, ...]:
        """The cells that lack answers."""
        return tuple(cell for cell in self.cells if cell.errors)


def read_result(path: Path, cell: Cell) -> CellResult:
    """Read a cell's figures, of whichever version.

    Raises:
        DamagedFile: they are not what was written.
    """
    content = read_sealed(path)
    try:
        result = CellResult.model_validate(filled_in(content, cell), strict=True)
    except (ValueError, LookupError, TypeError):
        raise damaged(path, "does not hold a cell's figures") from None
    if fault := _fault_of_place(result, cell) or _fault_of_cell(result):
        raise damaged(path, f"does not hold a cell's figures ({fault})")
    return result


def read_results(path: Path, cells: Mapping[str, Cell]) -> Results:
    """Read the results of a run whose cells have these names, of whichever version.

    Raises:
        DamagedFile: they are not what was written.
        ForeignSchema: a later version wrote them.
    """
    value = read_sealed(path, schemas=(1, SCHEMA_VERSION))
    try:
        results = _results(value, cells)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise damaged(path, "does not hold a run's results") from None
    if fault := _fault_of_results(results, cells):
        raise damaged(path, f"does not hold a run's results ({fault})")
    return results


def _results(value: dict[str, Any], cells: Mapping[str, Cell]) -> Results:
    if value.get("schema_version", 1) == 1:
        results = [filled_in(result, cells[result["cell"]]) for result in value["cells"]]
        value = value | {"schema_version": SCHEMA_VERSION, "cells": results}
    return Results.model_validate_json(orjson.dumps(value), strict=True)


def _fault_of_cell(result: CellResult) -> str:
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
    if (share is None) != (result.accuracy is None) or not math.isclose(share or 0, result.accuracy or 0):
        return f"its accuracy is {result.accuracy}, with {result.right} of {result.n} right"
    return _fault_of_spent(result.seats.values())


def _fault_of_place(result: CellResult, cell: Cell) -> str:
    """Return what figures tell of another cell than theirs, as a clause; nothing where all is theirs.

    Earlier versions may not tell what a cell is held against.
    """
    own: dict[str, str | None] = {"cell": cell.id, "suite": cell.suite, "team": cell.team, "label": cell.label}
    own |= {"matched": cell.matched_id, "plain": cell.plain_id}
    for name, value in own.items():
        if (told := getattr(result, name)) != value and (told is not None or name not in {"matched", "plain"}):
            return f"its {name} is {told!r}"
    altered, told = cell.setting.intervention, result.intervention
    settings = None if altered is None else orjson.loads(orjson.dumps(altered.settings))
    if (settings is None) != (told is None) or (settings and told and not told.items() >= settings.items()):
        return "its intervention is another"
    return ""


def _fault_of_results(results: Results, cells: Mapping[str, Cell]) -> str:
    """Return what cannot be among a run's results, as a clause; nothing where all can."""
    counts = Counter([*(result.cell for result in results.cells), *results.unfinished])
    if twice := next((cell for cell, count in counts.items() if count > 1), None):
        return f"the cell {twice} stands there twice"
    if unknown := next((cell for cell in counts if cell not in cells), None):
        return f"the run has no cell {unknown!r}"
    for result in results.cells:
        if fault := _fault_of_place(result, cells[result.cell]) or _fault_of_cell(result):
            return f"{result.cell}: {fault}"
        if result.suite not in results.sources:
            return f"it has no source of {result.suite}"
    alone, paid = results.shared.alone, results.shared.paid
    if other := sorted(alone.keys() ^ paid.keys()):
        return f"what {other[0]} cost is told by half"
    return _fault_of_spent([*alone.values(), *paid.values()])


def _fault_of_spent(costs: Iterable[Spent]) -> str:
    for spent in costs:
        told = {name: value for name, value in spent.model_dump().items() if name not in {"model", "parameters"}}
        if below := next((name for name, value in told.items() if not _is_count(value)), None):
            return f"one of its costs has {below} {told[below]}"
    return ""


def _is_count(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def schema() -> bytes:
    """Return the JSON Schema of `results.json`."""
    return json_schema(Results)
