"""What a run cost, turn by turn.

Two figures are kept apart wherever costs are told. What a cell costs *alone* counts all its turns, as if nothing were
shared. What was *paid* counts every distinct completion of the run once, however many cells used it.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from mlpo_bench import atomic
from mlpo_bench.chat import Usage
from mlpo_bench.log.columns import Columns
from mlpo_bench.log.files import read_table, write_table


if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from mlpo_bench.harness.verdicts import Judged

    Place = tuple[str, str, int, int, int, int]

# A row for each turn. `answer` is what equal answers share (null: none could be read), and `right` tells whether it
# would have been right as the final one. `request` holds the first 8 bytes of the request's identity: equal
# completions share it. `seconds` are the engine's when the completion was made, `waited` those of this conversation
# in this run, which `began` to wait then (UTC; null or no column in ledgers from before it was kept). Where a server
# told of any, `cache_write_tokens` holds what of the prompt it wrote to its cache.
SCHEMA = pa.schema(
    [
        ("question", pa.string()),
        ("seat", pa.string()),
        ("round", pa.int16()),
        ("stage", pa.int16()),
        ("sample", pa.int16()),
        ("answer", pa.string()),
        ("right", pa.bool_()),
        ("cut_off", pa.bool_()),
        ("request", pa.uint64()),
        ("prompt_tokens", pa.int32()),
        ("cached_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("seconds", pa.float32()),
        ("waited", pa.float32()),
        ("began", pa.timestamp("ms", "UTC")),
    ]
)
_PLACE = ("question", "seat", "round", "stage", "sample", "request")
_COUNTED = ["request", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds"]
_CACHE_WRITES = "cache_write_tokens"
_HELD = Columns(SCHEMA.append(pa.field(_CACHE_WRITES, pa.int32())), frozenset({"answer", "began", "waited"}))
_UNKNOWN = -1
FLOPS_PER_PARAMETER = 2
"""Operations that a parameter takes part in for each token that a model reads or writes: a multiply and an add."""


class Spent(BaseModel):
    """Calls, tokens and engine seconds of some turns."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    # Left out where there are none, so that files are what they were before these were told.
    cache_write_tokens: Annotated[int, Field(exclude_if=lambda tokens: tokens == 0)] = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(**{name: getattr(self, name) + getattr(other, name) for name in Spent.model_fields})

    @property
    def usage(self) -> Usage:
        """The tokens."""
        return Usage(self.prompt_tokens, self.cached_tokens, self.completion_tokens, self.cache_write_tokens)

    def operations(self, parameters: int | None) -> float | None:
        """Return an estimate of the floating-point operations; None where the model's size is not known.

        Two for each parameter and token that was read afresh or written. What attention adds with the length of
        the context is left out, and so is what a cache saved.
        """
        if parameters is None:
            return None
        return float(FLOPS_PER_PARAMETER * parameters * (self.prompt_tokens + self.completion_tokens))


class SeatCost(Spent):
    """What one seat of a cell cost; `model` sits there, of so many `parameters` (None where a server does not tell)."""

    model: str
    parameters: int | None = None


class Shared(BaseModel):
    """What a run's cells cost alone, added up, and what was paid for all of them together, by model."""

    alone: dict[str, Spent] = {}
    paid: dict[str, Spent] = {}

    @property
    def share(self) -> float | None:
        """The completions made for each one that the cells use; 1 where nothing is shared."""
        alone = sum(spent.calls for spent in self.alone.values())
        return sum(spent.calls for spent in self.paid.values()) / alone if alone else None


class LedgerWriter:
    """Gathers a cell's turns, some 50 bytes each, and writes them when the cell is done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._questions: list[str] = []
        self._seats: dict[str, int] = {}
        self._answers: dict[str | None, int] = {}
        # What `array` calls the types of SCHEMA; words are counted, and named when they are written.
        self._columns: dict[str, array[Any]] = {
            name: array(code) for name, code in zip(SCHEMA.names, "ibhhhibbQiiiffq", strict=True)
        }
        self._cache_writes = array("i")

    def put(self, judged: Judged) -> None:
        """Take a conversation's turns."""
        question, columns = len(self._questions), self._columns
        self._questions.append(judged.transcript.question.id)
        for turn, verdict in zip(judged.transcript.turns, judged.turns, strict=True):
            columns["question"].append(question)
            columns["answer"].append(self._answers.setdefault(verdict.key, len(self._answers)))
            columns["right"].append(verdict.right)
            columns["cut_off"].append(turn.cut_off)
            columns["seat"].append(self._seats.setdefault(turn.seat, len(self._seats)))
            columns["round"].append(turn.round)
            columns["stage"].append(turn.stage)
            columns["sample"].append(turn.sample)
            columns["request"].append(int.from_bytes(turn.request[:8], "big"))
            columns["prompt_tokens"].append(turn.usage.prompt)
            columns["cached_tokens"].append(turn.usage.cached)
            columns["completion_tokens"].append(turn.usage.completion)
            columns["seconds"].append(turn.seconds)
            columns["waited"].append(turn.waited)
            columns["began"].append(_UNKNOWN if turn.began is None else round(turn.began * 1000))
            self._cache_writes.append(turn.cache_written)

    def finish(self) -> None:
        """Write the file, whole or not at all."""
        columns = [self._column(name, np.asarray(column)) for name, column in self._columns.items()]
        table = pa.Table.from_arrays(columns, schema=SCHEMA)
        if any(self._cache_writes):
            table = table.append_column(_CACHE_WRITES, pa.array(np.asarray(self._cache_writes), pa.int32()))
        with atomic.written(self._path) as beside:
            write_table(table, beside)

    def _column(self, name: str, values: NDArray[Any]) -> pa.Array:
        names = {"question": self._questions, "seat": list(self._seats), "answer": list(self._answers)}
        if name in names:
            return pa.DictionaryArray.from_arrays(values, pa.array(names[name], pa.string())).cast(pa.string())
        known = values != _UNKNOWN if name == "began" else np.ones(len(values), dtype=bool)
        return pa.array(values, mask=~known).cast(SCHEMA.field(name).type)


def read_ledger(path: Path) -> pa.Table:
    """Return a cell's turns, a row each (see `SCHEMA`).

    Raises:
        DamagedFile: the file is not what was written.
    """
    return read_table(path, needed=[*_PLACE, *_COUNTED], held=_HELD)


def read_places(path: Path) -> dict[Place, tuple[str | None, bool, float]]:
    """Return the answer, the verdict and the wait of each turn of a cell, by its place: two ledgers may share it."""
    table = read_table(path, [*_PLACE, "answer", "right", "waited"], held=_HELD)
    places, told = ([table[name].to_pylist() for name in names] for names in (_PLACE, ("answer", "right", "waited")))
    return dict(zip(zip(*places, strict=True), zip(*told, strict=True), strict=True))


def read_waits(path: Path) -> dict[Place, tuple[float, datetime | None]]:
    """Return for how many seconds each turn of a cell was waited for, and since when, by its place."""
    table = read_table(path, needed=[*_PLACE, "waited"], held=_HELD)
    places = zip(*(table[name].to_pylist() for name in _PLACE), strict=True)
    began = table["began"].to_pylist() if "began" in table.column_names else [None] * len(table)
    return dict(zip(places, zip(table["waited"].to_pylist(), began, strict=True), strict=True))


def keep_waits(before: Path, after: Path) -> None:
    """Give the turns of a ledger that was made again the waits that they had: nobody waited when they were repeated."""
    was, table = read_waits(before), read_ledger(after)
    places = list(zip(*(table[name].to_pylist() for name in _PLACE), strict=True))
    waits = [was.get(place, (0.0, None)) for place in places]
    for name, values in (("waited", [wait for wait, _ in waits]), ("began", [began for _, began in waits])):
        field = SCHEMA.field(name)
        table = table.set_column(SCHEMA.get_field_index(name), field, pa.array(values, field.type))
    write_table(table, after)


def shared(cells: Iterable[tuple[Path, dict[str, SeatCost]]]) -> Shared:
    """Add up cells, each given by its ledger's path and its seats: alone, and with every completion counted once."""
    by_model: dict[str, list[pa.Table]] = {}
    for path, seats in cells:
        table = _counted(path)
        for model in {cost.model for cost in seats.values()}:
            sitting = pa.array([name for name, cost in seats.items() if cost.model == model])
            mask = pc.is_in(table["seat"], value_set=sitting)
            by_model.setdefault(model, []).append(table.filter(mask).select([*_COUNTED, _CACHE_WRITES]))
    alone, paid = {}, {}
    for model, tables in sorted(by_model.items()):
        every = pa.concat_tables(tables)
        _, first = np.unique(every["request"].to_numpy(), return_index=True)
        alone[model], paid[model] = _spent(every), _spent(every.take(pa.array(first)))
    return Shared(alone=alone, paid=paid)


def by_seat(path: Path) -> dict[str, Spent]:
    """Return what each seat of a cell cost, in the order of their names."""
    table = _counted(path)
    return {seat: _spent(table.filter(pc.equal(table["seat"], seat))) for seat in _seats(table)}


def _counted(path: Path) -> pa.Table:
    """Return what a ledger counts, by seat; to caches nothing was written where it does not tell."""
    table = read_table(path, ["seat", *_COUNTED], needed=_PLACE, seldom=[_CACHE_WRITES], held=_HELD)
    if _CACHE_WRITES in table.column_names:
        return table
    return table.append_column(_CACHE_WRITES, pa.array(np.zeros(len(table), dtype=np.int32)))


def serial_tokens(path: Path) -> int:
    """Return the tokens that were written one after the other, over a cell's questions.

    That is each conversation's longest chain: of the turns of a stage, which ran side by side, the longest counts.
    """
    table = read_table(path, ["question", "stage", "completion_tokens"], held=_HELD)
    longest = table.group_by(["question", "stage"]).aggregate([("completion_tokens", "max")])
    return int(pc.sum(longest["completion_tokens_max"]).as_py() or 0)


def _seats(table: pa.Table) -> list[str]:
    names: list[str] = pc.unique(table["seat"]).to_pylist()
    return sorted(names, key=lambda name: (name != "leader", len(name), name))


def _spent(table: pa.Table) -> Spent:
    sums: dict[str, Any] = {name: pc.sum(table[name]).as_py() or 0 for name in (*_COUNTED[1:], _CACHE_WRITES)}
    return Spent(calls=table.num_rows, **sums)
