"""Text from outside as it may be shown: what a model wrote, a person named, a server answered.

Characters that cannot be seen steer a terminal, turn the reading order or break a file's format. Wherever the project
prints or writes text for people they are shown by their numbers; the page's scripts do the same
(`reports/html/text.js`).
"""

from __future__ import annotations

import re
import unicodedata


_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode's categories of controls, formats, private use, halves of surrogate pairs, and line separators."""
_PLAIN = frozenset("\n\t\u200c\u200d")
"""Line breaks and tabs are seen as such; joiners are part of how words and emoji are written."""
_PRINTABLE_ASCII = re.compile(r"[\n\t\x20-\x7e]*")


def visible(text: str) -> str:
    """Return text with `[U+202E]` in place of each character that cannot be seen; line breaks and tabs stay."""
    if _PRINTABLE_ASCII.fullmatch(text):
        return text
    return "".join(f"[U+{ord(c):04X}]" if _unseen(c) else c for c in text.replace("\r\n", "\n"))


def visible_line(text: str) -> str:
    """Return text on one line, with `[U+202E]` in place of each character that cannot be seen."""
    return visible(" ".join(text.split()))


def visible_json(text: str) -> str:
    """Return JSON that holds the same, in which each character that cannot be seen is written by its number.

    JSON itself does so for a few of them; others would steer the terminal that it is printed on.
    """
    if _PRINTABLE_ASCII.fullmatch(text):
        return text
    return "".join(_escaped(c) if _unseen(c) else c for c in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _unseen(character: str) -> bool:
    unseen = unicodedata.category(character) in _UNSEEN or _no_character(ord(character))
    return unseen and character not in _PLAIN


def _no_character(code: int) -> bool:
    """Whether Unicode keeps a number from ever becoming a character, so that XML refuses it."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004 - as the standard lists them
