"""Completions by themselves: what was answered, without what was asked.

In a file they are JSON lines under zstd. The first line tells what they belong to; each further one is a completion::

    [request, text, fresh prompt tokens, cached ones, written ones, finish reason, seconds]

`request` is the identity of what was asked (see `store.request_key`), in hex. A further field tells the layer of the
completion, where that is not the first (see `Layers`); another, an object, what else there is of it: see
`Completion.more`, `asked_at`, and `by`, the place of who made it among the header's `makers`.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import zstandard

from mlpo_bench import atomic
from mlpo_bench.chat import Completion, Usage
from mlpo_bench.errors import UsageError
from mlpo_bench.log.files import SCHEMA, check_schema, read_lines
from mlpo_bench.store import KEY_BYTES, Maker, Store, sound


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Self

# Decides some tenths of a file's size; the highest take many times as long.
LEVEL = 12
# A run has as many as there are stores that it was carried out with.
_MOST_LAYERS = 1_000


class Kept(NamedTuple):
    """A completion with the identity of the request that it answered, its layer, and who made it, where told."""

    request: bytes
    made: Completion
    layer: int = 0
    by: Maker | None = None


class Layers:
    """The completions of a run's cells, in stores: in one, unless cells hold different answers to one request.

    That happens to a run that was taken up with another store and an engine that does not repeat itself. Such cells
    have layers of their own, each a store that holds one answer to a request, and looks in those before it for what it
    lacks.

    Args:
        folder: Where the stores are made.
        beyond: A store that is asked for what none of them holds.
    """

    def __init__(self, folder: Path, beyond: Path | None = None) -> None:
        self._folder, self._beyond = folder, [] if beyond is None else [beyond]
        self._open = ExitStack()
        self.stores: list[Store] = []
        self.of_cell: dict[str, int] = {}
        self._add()

    def of(self, cell: str) -> Store:
        """Return the store with a cell's completions."""
        return self.stores[self.of_cell[cell]]

    def pour(self, cell: str, completions: Callable[[], Iterable[Kept]]) -> None:
        """Take a cell's completions, which can be told again, into the first layer that holds no others."""
        layer = 0
        while not _poured(completions(), self.stores[layer]):
            layer += 1
            if layer == len(self.stores):
                self._add()
        self.of_cell[cell] = layer

    def add(self, one: Kept) -> None:
        """Take a completion that belongs to no cell."""
        while one.layer >= len(self.stores):
            self._add()
        if self.stores[one.layer].held(one.request) is None:
            self.stores[one.layer].put(one.request, one.made, one.by)

    def commit(self) -> None:
        """Write what is pending, so that later layers see it."""
        for store in self.stores:
            store.commit()

    def __iter__(self) -> Iterator[Kept]:
        for layer, store in enumerate(self.stores):
            for request, made, by in store.part():
                yield Kept(request, made, layer, by)

    def _add(self) -> None:
        self.commit()
        path = self._folder / f"layer-{len(self.stores)}.sqlite"
        before = [store.path for store in self.stores if store.path]
        self.stores.append(self._open.enter_context(Store(path, beyond=[*before, *self._beyond])))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def _poured(completions: Iterable[Kept], store: Store) -> bool:
    for one in completions:
        held = store.held(one.request)
        if held is None:
            store.put(one.request, one.made, one.by)
        elif held != one.made:
            return False
    return True


def write_completions(
    path: Path, header: Mapping[str, Any], completions: Iterable[Kept], makers: Sequence[Maker] = ()
) -> int:
    """Write completions, whole or not at all, with those of their makers that are named; return how many."""
    places = {maker: place for place, maker in enumerate(makers)}
    count = 0
    with (
        atomic.written(path) as beside,
        beside.open("wb") as file,
        zstandard.ZstdCompressor(LEVEL).stream_writer(file) as stream,
    ):
        told = {"makers": [list(maker) for maker in makers]} if makers else {}
        stream.write(orjson.dumps({**header, **told}, option=orjson.OPT_APPEND_NEWLINE))
        for one in completions:
            stream.write(_line(one, None if one.by is None else places.get(one.by)))
            count += 1
    return count


def read_header(path: Path) -> dict[str, Any]:
    """Return what the completions of a file belong to.

    Raises:
        UsageError: the file cannot be read, or is none of completions.
    """
    return _header(path, read_lines(path))


def _header(path: Path, lines: Iterator[Any]) -> dict[str, Any]:
    header = next(lines, None)
    if not isinstance(header, dict):
        raise UsageError(f"{path} is no file of completions.")
    check_schema(path, header.get(SCHEMA, 1))
    return header


def read_completions(path: Path) -> Iterator[Kept]:
    """Yield the completions of a file.

    Raises:
        UsageError: the file cannot be read, or is none of completions.
    """
    lines = read_lines(path)
    makers = _makers(path, _header(path, lines))
    for number, line in enumerate(lines, start=2):
        try:
            request, text, prompt, cached, written, finish_reason, seconds, *further = line
            more = dict(next((each for each in further if isinstance(each, dict)), {}))
            layer = next((each for each in further if not isinstance(each, dict)), 0)
            by = None if (place := more.pop("by", None)) is None else makers[_place(place)]
            made = Completion(text, Usage(prompt, cached, written), finish_reason, seconds, **more)
            one = Kept(bytes.fromhex(request), made, layer, by)
        except (TypeError, ValueError, IndexError):
            raise _none(path, number) from None
        if not (sound(made) and len(one.request) == KEY_BYTES and type(layer) is int and 0 <= layer < _MOST_LAYERS):
            raise _none(path, number)
        yield one


def _place(told: object) -> int:
    """Return a place in a list; from behind, and as true or false, none is told."""
    if type(told) is not int or told < 0:
        raise ValueError("no place")
    return told


def _none(path: Path, number: int) -> UsageError:
    return UsageError(f"{path}, line {number}, is no completion.")


def _makers(path: Path, header: Mapping[str, Any]) -> list[Maker]:
    try:
        return [Maker(*map(str, maker)) for maker in header.get("makers", ())]
    except TypeError:
        raise UsageError(f"{path}: its header names makers that are none.") from None


def _line(one: Kept, by: int | None) -> bytes:
    made, u = one.made, one.made.usage
    line = [one.request.hex(), made.text, u.prompt, u.cached, u.completion, made.finish_reason, made.seconds]
    more = made.more | ({} if made.asked_at is None else {"asked_at": round(made.asked_at)})
    more |= {} if by is None else {"by": by}
    further = [one.layer] * (one.layer > 0) + [more] * bool(more)
    return orjson.dumps(line + further, option=orjson.OPT_APPEND_NEWLINE)
