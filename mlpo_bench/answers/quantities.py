r"""Quantities as siunitx and physicists set them, `\SI{5}{\kilo\gram}` and `\frac{\text{km}}{\text{h}}`, as plain text.

Every pattern repeats only within small bounds.
"""

from __future__ import annotations

import re


_NAMES = {
    "kilo": "k", "centi": "c", "milli": "m", "meter": "m", "metre": "m", "gram": "g", "second": "s", "minute": "min",
    "hour": "h", "liter": "L", "litre": "L", "newton": "N", "joule": "J", "degree": "degree", "percent": "%",
}  # fmt: skip
_POWERS = {"squared": "^2", "cubed": "^3"}
_OPTIONS = r"(?:\[[^\[\]]{0,80}\])?\s?"
_BRACED = r"\{((?:[^{}]|\{[^{}]{0,40}\}){0,80})\}"
_NUMBER = re.compile(rf"\\(?:num|tablenum)\s?{_OPTIONS}\{{([^{{}}]{{1,80}})\}}")
_QUANTITY = re.compile(rf"\\(?:SI|qty)\s?{_OPTIONS}\{{(?P<value>[^{{}}]{{1,80}})\}}\s?{_BRACED}")
_UNIT = re.compile(rf"\\(?:si|unit)\s?{_OPTIONS}{_BRACED}")
_NAMED = re.compile(r"\\([a-zA-Z]{1,20})\s?")
_SET = r"\\(?:text|mathrm|textrm)\s?\{\s?([a-zA-Z]{1,10})\s?\}"
_ONE_OVER_ANOTHER = re.compile(rf"\\[dt]?frac\s?\{{\s?{_SET}\s?\}}\s?\{{\s?{_SET}\s?\}}")
_UNITS = re.compile(r"(\\(?:text|mathrm|textrm)\s?\{)((?:[^{}]|\{[^{}]{0,9}\}){1,60})\}")
_INVERSE = re.compile(r"(?<=[a-zA-Z])\s{0,3}(?:\\[,;:]|\\cdot|~)?\s{0,3}([a-z]{1,3})\s?\^\s?(?:\{\s?-([1-3])\s?\}|-1)")
_COMMA = re.compile(r"(?<![0-9,}.])(?P<whole>[0-9]{1,15})\{,\}(?P<part>[0-9]{1,15})(?![0-9]|\{,\})")
_GROUP = 3


def with_points(text: str) -> str:
    """Return a text in which a comma in braces is a decimal point where it cannot group thousands: `2{,}5`."""
    return _COMMA.sub(_point, text) if "{,}" in text else text


def _point(number: re.Match[str]) -> str:
    whole, part = number["whole"], number["part"]
    groups = len(part) == _GROUP and len(whole) <= _GROUP and not whole.startswith("0")
    return number.group() if groups else f"{whole}.{part}"


def in_words(text: str) -> str:
    r"""Return a text with siunitx's numbers and quantities, and units over units, as plain text: `5\text{ kg}`."""
    text = with_points(text)
    if "\\" not in text:
        return text
    text = _NUMBER.sub(_plain_number, text)
    text = _QUANTITY.sub(lambda one: f"{_value(one['value'])}\\text{{ {_unit(one.group(2))}}}", text)
    text = _UNIT.sub(lambda one: f"\\text{{ {_unit(one.group(1))}}}", text)
    text = _ONE_OVER_ANOTHER.sub(r"\\text{ \1/\2}", text)
    return _UNITS.sub(lambda units: f"{units[1]}{_INVERSE.sub(_per, units[2])}}}", text)


def _per(unit: re.Match[str]) -> str:
    """Return what stands below the fraction: `/s^2` for `s^{-2}`."""
    return f"/{unit[1]}" + (f"^{unit[2]}" if (unit[2] or "1") != "1" else "")


def _plain_number(number: re.Match[str]) -> str:
    return _value(number.group(1))


def _value(written: str) -> str:
    """Return a number as siunitx prints it: its spaces only group digits, and a comma is a decimal point."""
    value = re.sub(r"(?<=[0-9])\s(?=[0-9])", "", written.strip())
    return re.sub(r"(?<=[0-9]),(?=[0-9])", ".", value)


def _unit(written: str) -> str:
    r"""Return a unit in short: `kg` for `\kilo\gram`, `m/s^2` for `\meter\per\second\squared`."""
    return _NAMED.sub(_one_name, written).replace(".", " ").strip()


def _one_name(command: re.Match[str]) -> str:
    name = command.group(1)
    return "/" if name == "per" else _POWERS.get(name) or _NAMES.get(name, name)
