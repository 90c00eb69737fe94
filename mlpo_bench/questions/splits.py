"""Train and test, disjoint by content; and how a few questions are picked evenly, the same ones every time."""

from __future__ import annotations

import hashlib
import unicodedata
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal, get_args

from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.questions.packed import Entries, Items


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from mlpo_bench.questions.question import Entry, Item

Split = Literal["test", "train", "all"]
SPLITS: tuple[Split, ...] = get_args(Split)


def fingerprint(text: str) -> str:
    """Return the identity of a question's content (options included), blind to case, spacing and Unicode forms."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def take(entries: Iterable[Entry], split: str) -> Items:
    """Return one split. A question whose content is tested anywhere in the suite is never in `train`.

    Args:
        entries: A whole suite, in published order.
        split: `train`, `test`, or `all`, which is every entry, repeated content included.

    Raises:
        UsageError: No split has that name.
    """
    held = entries if isinstance(entries, Entries) else Entries(entries)
    if split == "all":
        return Items(held, range(len(held)))
    if split == "test":
        return Items(held, (place for place, entry in enumerate(held) if entry.tested))
    if split != "train":
        raise unknown("split", split, SPLITS)
    tested = {fingerprint(entry.item.text) for entry in held if entry.tested}
    left = (not entry.tested and fingerprint(entry.item.text) not in tested for entry in held)
    return Items(held, (place for place, is_left in enumerate(left) if is_left))


def select(items: Sequence[Item], limit: int | None = None, subjects: Collection[str] | None = None) -> Items:
    """Return the items of some subjects, at most `limit` of each suite, spread evenly over the subjects.

    What is picked depends on content alone, and a smaller limit picks a part of what a larger one does. The order
    of `items` is kept.

    Args:
        items: Of one suite or several.
        limit: Questions a suite; none takes all.
        subjects: Names; none takes all.

    Raises:
        UsageError: A subject is unknown, or the limit is not positive.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit} would ask nothing; give a positive number.")
    items = Items.of(items)
    if subjects is not None:
        known = set(items.subjects)
        for wrong in sorted(set(subjects) - known):
            raise unknown("subject", wrong, known)
        items = items.where(subject in subjects for subject in items.subjects)
    if limit is None:
        return items
    picked: set[str] = set()
    for suite in {item.suite for item in items}:
        picked |= {item.id for item in _dealt([item for item in items if item.suite == suite])[:limit]}
    return items.where(item.id in picked for item in items)


def _dealt(items: Iterable[Item]) -> list[Item]:
    """Return items as if dealt in turn from a pile for each subject, shuffled by their fingerprints."""
    piles: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: (fingerprint(item.text), item.id)):
        piles.setdefault(item.subject, []).append(item)
    ordered = [piles[subject] for subject in sorted(piles, key=fingerprint)]
    return [item for turn in zip_longest(*ordered) for item in turn if item is not None]
