"""Sequences in little memory: their members are made when they are looked at, of what takes less than objects do."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Hashable, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeVar, overload

import zstandard


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


Made = TypeVar("Made")
Word = TypeVar("Word", bound=Hashable)
_TOGETHER, _LEVEL = 96, 1


class Packed(Sequence[Made]):
    """A sequence whose members are made when they are asked for."""

    @abstractmethod
    def made(self, place: int) -> Made:
        """Return the member at a place, from 0 to the length."""

    @overload
    def __getitem__(self, place: int) -> Made: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Made]: ...
    def __getitem__(self, place: int | slice) -> Made | Sequence[Made]:
        places = range(len(self))[place]
        return self.made(places) if isinstance(places, int) else tuple(map(self.made, places))

    def __iter__(self) -> Iterator[Made]:
        return map(self.made, range(len(self)))


class Growing(Packed[Made]):
    """A sequence that further members may be put to."""

    @abstractmethod
    def append(self, one: Made) -> None:
        """Take a further member."""

    def extend(self, several: Iterable[Made]) -> None:
        """Take further members."""
        for one in several:
            self.append(one)


class Texts(Growing[str]):
    """Texts in UTF-8, some neighbours compressed together; whoever looks at one mostly looks at the next."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._open: list[str] = []
        self._looked_at: tuple[int, list[str]] = -1, []

    def append(self, one: str) -> None:
        """Take a further text."""
        self._open.append(one)
        if len(self._open) == _TOGETHER:
            self._packed.append(_packed(self._open))
            self._open = []

    def made(self, place: int) -> str:
        """Return the text at a place."""
        number, nth = divmod(place, _TOGETHER)
        if number == len(self._packed):
            return self._open[nth]
        looked_at, texts = self._looked_at  # as one: threads may look at several places
        if looked_at != number:
            texts = _unpacked(self._packed[number])
            self._looked_at = number, texts
        return texts[nth]

    def __len__(self) -> int:
        return len(self._packed) * _TOGETHER + len(self._open)


def _packed(texts: Sequence[str]) -> bytes:
    coded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = array("Q", map(len, coded))
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join([lengths.tobytes(), *coded]))
    return bytes(memoryview(packed))  # a copy: zstandard's own keeps the room of what might not have been compressed


def _unpacked(packed: bytes) -> list[str]:
    held = memoryview(zstandard.ZstdDecompressor().decompress(packed))
    lengths = held[: _TOGETHER * array("Q").itemsize].cast("Q")
    ends = [len(lengths) * lengths.itemsize, *lengths]
    places = pairwise(accumulate(ends))
    return [str(held[start:end], "utf-8", "surrogatepass") for start, end in places]


class Words(Growing[Word]):
    """Values of which most are equal: each that there is is held once."""

    def __init__(self) -> None:
        self._numbers: dict[Word, int] = {}
        self._words: list[Word] = []
        self._held = array("I")

    def append(self, one: Word) -> None:
        """Take a further value."""
        if (number := self._numbers.setdefault(one, len(self._words))) == len(self._words):
            self._words.append(one)
        self._held.append(number)

    def made(self, place: int) -> Word:
        """Return the one at a place."""
        return self._words[self._held[place]]

    def __len__(self) -> int:
        return len(self._held)
