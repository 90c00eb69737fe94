"""What a run cost, turn by turn.

Two figures are kept apart wherever costs are told. What a cell costs *alone* counts all its turns, as if nothing were
shared. What was *paid* counts every distinct completion of the run once, however many cells used it.
"""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from mlpo_bench import atomic
from mlpo_bench.chat import Usage
from mlpo_bench.log.columns import Columns
from mlpo_bench.log.files import ROWS, damaged, read_parts, read_table, write_parts


if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import Self

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
_WAITS = ("waited", "began")
_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")
_COUNTED = ["request", *_TOKENS, "seconds"]
CACHE_WRITES = "cache_write_tokens"
_HELD = Columns(SCHEMA.append(pa.field(CACHE_WRITES, pa.int32())), frozenset({"answer", "began", "waited"}))
# Arrow adds up a piece of so many parts before it adds its sum to that of others, which decides what is rounded. Tables
# that are read whole come in such pieces, so one that is read in parts is added up like them.
_TOGETHER = 1 << 17
_AT_ONCE = _TOGETHER // ROWS
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
        """Write the file, whole or not at all, and let go of what it holds."""
        schema = _HELD.schema if any(self._cache_writes) else SCHEMA
        with atomic.written(self._path) as beside:
            write_parts(self._parts(schema), schema, beside)
        self._questions, self._seats, self._answers, self._columns, self._cache_writes = [], {}, {}, {}, array("i")

    def _parts(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield the turns, some at a time: as a table all of them take as much again."""
        held = {"question": self._questions, "seat": list(self._seats), "answer": list(self._answers)}
        names = {name: pa.array(words, pa.string()) for name, words in held.items()}
        columns = {**self._columns, CACHE_WRITES: self._cache_writes}
        for first in range(0, max(len(self._cache_writes), 1), _TOGETHER):
            some = [_part(schema.field(name), columns[name][first : first + _TOGETHER], names) for name in schema.names]
            yield pa.Table.from_arrays(some, schema=schema)


def _part(field: pa.Field, held: array[Any], names: Mapping[str, pa.Array]) -> pa.Array:
    """Return some values of a column; words as `names` has them."""
    values = np.asarray(held)
    if field.name in names:
        return pa.DictionaryArray.from_arrays(values, names[field.name]).cast(pa.string())
    known = values != _UNKNOWN if field.name == "began" else np.ones(len(values), dtype=bool)
    return pa.array(values, mask=~known).cast(field.type)


def read_ledger(path: Path) -> pa.Table:
    """Return a cell's turns, a row each (see `SCHEMA`).

    Raises:
        DamagedFile: the file is not what was written.
    """
    table = read_table(path, needed=[*_PLACE, *_COUNTED], held=_HELD)
    _check_verdicts(path, table)
    return table


def check_ledger(path: Path) -> set[str]:
    """Check that a ledger is one, and return the questions that its turns are of.

    Raises:
        DamagedFile: the file is not what was written.
    """
    questions: set[str] = set()
    for table in read_parts(path, needed=[*_PLACE, *_COUNTED], held=_HELD):
        _check_verdicts(path, table)
        questions.update(pc.unique(table["question"]).to_pylist())
    return questions


def _check_verdicts(path: Path, turns: pa.Table) -> None:
    """Check that no turn is right whose answer could not be read; earlier versions judged no turns."""
    if not {"answer", "right"} <= set(turns.column_names):
        return
    if pc.any(pc.and_(pc.is_null(turns["answer"]), turns["right"])).as_py():
        raise damaged(path, "has a row that is 'right' without an 'answer'")


def turns_digest(path: Path) -> str:
    """Return the SHA-256 of a ledger's turns, in hex, without their waits: two runs have all else in common.

    Raises:
        DamagedFile: the file is not what was written.
    """
    hashes: dict[str, Any] = {}
    for table in read_parts(path, needed=[*_PLACE, *_COUNTED], held=_HELD):
        for field in _HELD.schema:
            if field.name in table.column_names and field.name not in _WAITS:
                for aspect, told in _bytes(table[field.name].cast(field.type)):
                    hashes.setdefault(f"{field.name} {aspect}", hashlib.sha256()).update(told)
    return hashlib.sha256("".join(f"{name} {one.hexdigest()}\n" for name, one in hashes.items()).encode()).hexdigest()


def _bytes(column: pa.ChunkedArray) -> Iterator[tuple[str, bytes]]:
    """Yield what a column holds, by what it tells: however a file is cut into parts, these add up to the same."""
    yield "nulls", pc.is_null(column).to_numpy().tobytes()
    if not pa.types.is_string(column.type):
        yield "values", column.to_numpy().tobytes()
        return
    texts = pc.fill_null(column, "")
    yield "lengths", pc.binary_length(texts).to_numpy().tobytes()
    yield "values", "".join(texts.to_pylist()).encode()


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
    parts = (table.slice(first, _TOGETHER) for first in range(0, max(len(table), 1), _TOGETHER))
    write_parts(parts, table.schema, after)


def shared(cells: Iterable[tuple[Path, dict[str, SeatCost]]]) -> Shared:
    """Add up cells, each given by its ledger's path and its seats: alone, and with every completion counted once."""
    alone: dict[str, _Sum] = {}
    distinct: dict[str, pa.Table] = {}
    for path, seats in cells:
        models = sorted({cost.model for cost in seats.values()})
        sitting = {m: pa.array([name for name, cost in seats.items() if cost.model == m]) for m in models}
        parts: dict[str, list[pa.Table]] = {model: [] for model in models}
        for piece, table in _counted(path):
            for model, names in sitting.items():
                part = table.filter(pc.is_in(table["seat"], value_set=names)).select([*_COUNTED, CACHE_WRITES])
                alone.setdefault(model, _Sum()).add(part, piece)
                parts[model].append(part)
        for model, of_cell in parts.items():
            known = [distinct.pop(model)] if model in distinct else []
            distinct[model] = _distinct(pa.concat_tables(known + of_cell))
    paid = {model: _Sum().add(table, model).spent for model, table in sorted(distinct.items())}
    return Shared(alone={model: alone[model].spent for model in paid}, paid=paid)


def _distinct(turns: pa.Table) -> pa.Table:
    """Return the first of the turns of each request, in the order of the requests."""
    _, first = np.unique(turns["request"].to_numpy(), return_index=True)
    return turns.take(pa.array(first))


def by_seat(path: Path) -> dict[str, Spent]:
    """Return what each seat of a cell cost, in the order of their names."""
    sums: dict[str, _Sum] = {}
    for piece, table in _counted(path):
        for seat in pc.unique(table["seat"]).to_pylist():
            sums.setdefault(seat, _Sum()).add(table.filter(pc.equal(table["seat"], seat)), piece)
    return {seat: sums[seat].spent for seat in sorted(sums, key=lambda name: (name != "leader", len(name), name))}


def _counted(path: Path) -> Iterator[tuple[Hashable, pa.Table]]:
    """Yield what a ledger counts, by seat, with its piece; to caches nothing was written where none tells."""
    columns = ["seat", *_COUNTED]
    for part, table in enumerate(read_parts(path, columns, needed=_PLACE, seldom=[CACHE_WRITES], held=_HELD)):
        yield (path, part // _AT_ONCE), with_cache_writes(table)


def with_cache_writes(turns: pa.Table) -> pa.Table:
    """Return turns with what of each prompt was written to a cache: nothing where their ledger tells of none."""
    if CACHE_WRITES in turns.column_names:
        return turns
    return turns.append_column(CACHE_WRITES, pa.array(np.zeros(len(turns), dtype=np.int32)))


def serial_tokens(path: Path) -> int:
    """Return the tokens that were written one after the other, over a cell's questions.

    That is each conversation's longest chain: of the turns of a stage, which ran side by side, the longest counts.
    """
    tokens, begun = 0, None
    for part in read_parts(path, ["question", "stage", "completion_tokens"], held=_HELD):
        table = part if begun is None else pa.concat_tables([begun, part])
        last = pc.equal(table["question"], table["question"][-1])  # its turns may go on in the next part
        tokens += _longest(table.filter(pc.invert(last)))
        begun = table.filter(last)
    return tokens if begun is None else tokens + _longest(begun)


def _longest(turns: pa.Table) -> int:
    """Return the sum of the longest turns of all stages of all questions, each of which has its turns together."""
    if not len(turns):
        return 0
    questions, stages = turns["question"].combine_chunks(), turns["stage"].to_numpy()
    changes = pc.not_equal(questions[1:], questions[:-1]).to_numpy(zero_copy_only=False)
    numbers = np.concatenate(([0], np.cumsum(changes)))
    in_order = np.lexsort((stages, numbers))
    keys = np.stack((numbers[in_order], stages[in_order]))
    begins = np.concatenate(([0], 1 + np.flatnonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0))))
    return int(np.maximum.reduceat(turns["completion_tokens"].to_numpy()[in_order], begins).sum())


def answers_of_seats(path: Path) -> dict[tuple[str, bool], Spent]:
    """Return the answers of each seat of a cell and their tokens, those that open a conversation (True) apart."""
    answers: dict[tuple[str, bool], Spent] = {}
    for table in read_parts(path, ["seat", "stage", "completion_tokens"], needed=_PLACE, held=_HELD):
        opens = pc.equal(table["stage"], 0)
        for seat in pc.unique(table["seat"]).to_pylist():
            of_seat = pc.equal(table["seat"], seat)
            for opening, there in ((True, pc.and_(of_seat, opens)), (False, pc.and_not(of_seat, opens))):
                tokens = table["completion_tokens"].filter(there)
                if len(tokens):
                    spent = Spent(calls=len(tokens), completion_tokens=pc.sum(tokens).as_py())
                    answers[seat, opening] = answers.get((seat, opening), Spent()) + spent
    return answers


class _Sum:
    """What turns come to that are told part after part."""

    def __init__(self) -> None:
        self._calls = 0
        self._tokens = dict.fromkeys((*_TOKENS, CACHE_WRITES), 0)
        self._seconds: dict[Hashable, list[pa.Array]] = {}

    def add(self, turns: pa.Table, piece: Hashable) -> Self:
        """Add some turns, which are of a piece that is added up at once."""
        self._calls += len(turns)
        for name in self._tokens:
            self._tokens[name] += pc.sum(turns[name]).as_py() or 0
        if parts := turns["seconds"].chunks:
            self._seconds.setdefault(piece, []).extend(parts)
        return self

    @property
    def spent(self) -> Spent:
        """The sum of all."""
        pieces = [pa.concat_arrays(of_piece) for of_piece in self._seconds.values()]
        seconds = pc.sum(pa.chunked_array(pieces)).as_py() if pieces else None
        return Spent(calls=self._calls, seconds=seconds or 0, **self._tokens)
