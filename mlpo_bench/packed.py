"""Sequences in little memory: their members are made when they are looked at, of what takes less than objects do."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar, overload


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


Made = TypeVar("Made")
Word = TypeVar("Word", bound=Hashable)


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


class Coded(Growing[Made]):
    """Members as bytes, all in one piece of memory."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._ends = array("Q", [0])

    @abstractmethod
    def encoded(self, one: Made) -> bytes:
        """Return a member as bytes."""

    @abstractmethod
    def decoded(self, held: bytes) -> Made:
        """Return the member that was made bytes of."""

    def append(self, one: Made) -> None:
        """Take a further member."""
        self._held += self.encoded(one)
        self._ends.append(len(self._held))

    def made(self, place: int) -> Made:
        """Return the member at a place."""
        return self.decoded(bytes(self._held[self._ends[place] : self._ends[place + 1]]))

    def __len__(self) -> int:
        return len(self._ends) - 1


class Texts(Coded[str]):
    """Texts, in UTF-8."""

    def encoded(self, one: str) -> bytes:
        """Return a text as bytes."""
        return one.encode("utf-8", "surrogatepass")

    def decoded(self, held: bytes) -> str:
        """Return bytes as the text that they were."""
        return held.decode("utf-8", "surrogatepass")


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
