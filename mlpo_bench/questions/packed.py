"""Many questions in little memory: their texts in one piece, and each question made anew when it is looked at.

A run holds all of its questions from its beginning to its end. As objects they take a thousand bytes each besides what
they say; packed, some fifty.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from mlpo_bench.packed import Growing, Packed, Texts, Words
from mlpo_bench.questions.question import Entry, Item


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Entries(Growing[Entry]):
    """The entries of a suite.

    Args:
        entries: those that there are; others may follow.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._suites, self.subjects, self.answer_formats = Words[str](), Words[str](), Words[str]()
        self._texts = Texts()
        self._tested = bytearray()
        self.extend(entries)

    def append(self, one: Entry) -> None:
        """Take a further entry."""
        item = one.item
        self._suites.append(item.suite)
        self.subjects.append(item.subject)
        self.answer_formats.append(item.answer_format)
        for text in (item.id, item.text, item.gold):
            self._texts.append(text)
        self._tested.append(one.tested)

    def made(self, place: int) -> Entry:
        """Return the entry at a place."""
        return Entry(self.item(place), tested=bool(self._tested[place]))

    def item(self, place: int) -> Item:
        """Return the item at a place."""
        name, text, gold = (self._texts.made(3 * place + nth) for nth in range(3))
        return Item(self._suites[place], self.subjects[place], name, text, gold, self.answer_formats[place])

    def __len__(self) -> int:
        return len(self._tested)


class Items(Packed[Item]):
    """The items of some entries.

    Args:
        entries: those of a whole suite.
        places: which of them, in order.
    """

    def __init__(self, entries: Entries, places: Iterable[int]) -> None:
        self._entries = entries
        self._places = array("I", places)

    @classmethod
    def of(cls, items: Sequence[Item]) -> Items:
        """Return items as packed ones, which they may be already."""
        if isinstance(items, cls):
            return items
        return cls(Entries(Entry(item, tested=True) for item in items), range(len(items)))

    @property
    def subjects(self) -> Iterator[str]:
        """The subject of each, without its question being made."""
        return map(self._entries.subjects.made, self._places)

    @property
    def answer_formats(self) -> Iterator[str]:
        """How each is answered."""
        return map(self._entries.answer_formats.made, self._places)

    def where(self, wanted: Iterable[bool]) -> Items:
        """Return those for which it is said."""
        return Items(self._entries, (place for place, want in zip(self._places, wanted, strict=True) if want))

    def of_subject(self, subject: str) -> Items:
        """Return those of a subject."""
        return self.where(each == subject for each in self.subjects)

    def made(self, place: int) -> Item:
        """Return the item at a place."""
        return self._entries.item(self._places[place])

    def __len__(self) -> int:
        return len(self._places)
