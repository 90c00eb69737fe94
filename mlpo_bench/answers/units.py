"""What a quantity is measured in: taken off where a number is asked for, and compared where both sides name it."""

from __future__ import annotations

import re


_NAMES = {
    "cm": "cm centimeter centimeters centimetre centimetres",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "m": "m meter meters metre metres",
    "km": "km kilometer kilometers kilometre kilometres",
    "in": "in inch inches",
    "ft": "ft foot feet",
    "yd": "yd yard yards",
    "mi": "mi mile miles",
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "day": "day days",
    "week": "week weeks",
    "month": "month months",
    "year": "year years yr yrs",
    "g": "g gram grams",
    "kg": "kg kilogram kilograms",
    "mg": "mg milligram milligrams",
    "lb": "lb lbs pound pounds",
    "oz": "oz ounce ounces",
    "L": "l liter liters litre litres",
    "mL": "ml milliliter milliliters",
    "gal": "gallon gallons",
    "degree": "degree degrees deg",
    "radian": "radian radians rad",
    "dollar": "dollar dollars usd bucks",
    "cent": "cent cents",
    "mph": "mph",
    "unit": "unit units",
    "N": "newton newtons",
    "J": "joule joules",
}
_KNOWN = {name: unit for unit, names in _NAMES.items() for name in names.split()}
_POWERS = {"square": "^2", "sq": "^2", "squared": "^2", "cubic": "^3", "cu": "^3", "cubed": "^3"}
# Words that change what a number says; whatever they stand in is no unit.
_MEANINGFUL_WORDS = (
    "or and more less than least most plus minus times over under mod modulo percent hundred thousand million "
    "billion trillion dozen half halves third thirds quarter quarters fifth fifths sixth tenth tenths squared cubed "
    "if when for not no about approximately roughly between to from through sin cos tan cot sec csc log ln exp max "
    "min sqrt root pi infinity infty is are was equals per by with without base each on where "
    "undefined does exist am zero one two three four five six seven eight nine ten twice choose "
    "factorial union intersect above below greater smaller larger fewer around nearly almost only in of either "
    "neither nor frac cdot le ge neq pm"
)
MEANINGFUL = frozenset(_MEANINGFUL_WORDS.split())
_LONGEST_NOUN = 4
_QUANTITY = re.compile(
    r"(?P<value>.{0,400}?(?:[0-9)}]|\\pi|(?<=[0-9])[a-z](?=\s)))(?P<space>\s{0,3})(?P<unit>[A-Za-z][A-Za-z\s./^0-9{}-]{0,80})\Z",
    re.DOTALL,
)
_PARTS = re.compile(r"([A-Za-z]{1,20})(?:\s?\^\s?\{?([23])\}?)?")
# A noun in brackets behind its number: "5 (hours)", "6 (minimum)"
_ASIDE = re.compile(r"(?<=[0-9}])\s{0,3}\((?P<said>[a-z]{3,20}(?:\s[a-z]{2,20}){0,3})\)\s?\Z")


def _bare_noun(aside: re.Match[str]) -> str:
    said = str(aside["said"])
    return aside.group() if MEANINGFUL & set(said.split()) else f" {said}"


def without_unit(text: str) -> tuple[str, str]:
    """Return a quantity's value and its unit in one spelling.

    A known unit is a unit; any other noun behind a number is taken off, too, and is called the empty string, as a
    count of things is the same count whatever they are called. What is no quantity comes back whole.
    """
    text = _ASIDE.sub(_bare_noun, text)
    match = _QUANTITY.match(text.strip())
    if match is None:
        return text, ""
    value, unit = match["value"].strip(), match["unit"].strip().rstrip(".")
    if (known := _known(unit, apart=bool(match["space"]))) is not None:
        return value, known
    words = unit.split()
    nouns = (
        all(re.fullmatch(r"[A-Za-z]{3,20}(?:-[a-z]{2,12})?|of|in|the|per", word) for word in words)
        and len(words) <= _LONGEST_NOUN
    )
    plain = not any(
        word.endswith(("ths", "th")) or word.casefold() in MEANINGFUL - {"of", "in", "per"} for word in words
    )
    if nouns and plain and match["space"] and re.search(r"[0-9]", value) and words[0] not in {"of", "in"}:
        return value, ""
    return text, ""


def _known(unit: str, *, apart: bool) -> str | None:
    """Return a unit of the table in one spelling ("square cm", "km/h", "miles per hour"), or None.

    One letter is a unit only where it stands apart from its number: `24 m`, but not `24m`.
    """
    power, words = "", unit
    first, _, rest = unit.partition(" ")
    if first.casefold().rstrip(".") in _POWERS and rest:
        power, words = _POWERS[first.casefold().rstrip(".")], rest
    sides = re.split(r"\s?/\s?|\sper\s", words.strip())
    named = []
    for side in sides:
        part = _PARTS.fullmatch(side.strip().removesuffix(" squared").removesuffix(" cubed"))
        name = _KNOWN.get(part.group(1).casefold()) if part else None
        if part is None or name is None or (len(part.group(1)) == 1 and not apart):
            return None
        raised = "^2" if side.endswith(" squared") else "^3" if side.endswith(" cubed") else ""
        named.append(name + (f"^{part.group(2)}" if part.group(2) else raised))
    if named == ["mi", "h"]:
        return "mph"
    return "/".join(named) + power
