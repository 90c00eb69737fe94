r"""Whether two mathematical expressions say the same, decided by their shape.

Lists, sets, tuples, intervals, vectors and matrices are compared part by part, and only parts of a kind are equal: a
point is no list, a closed end no open one. What is left are single values, which a referee compares. It is asked
only about what it is known to understand whole: an unknown sign makes two values different.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from mlpo_bench.answers import latex


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Same = Callable[[str, str], bool]

_MOST_PARTS = 40
_DEEPEST = 6

_OPENING, _CLOSING = "([{", ")]}"
_OR = re.compile(r"(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])|\\lor(?![a-zA-Z])|\\(?:text|mathrm)\{\s?(?:and|or)\s?\}")
_NAME = (
    r"(?:\\?[a-zA-Z]{1,7}(?:_\{?[a-zA-Z0-9]{1,3}\}?)?'?(?:\(\\?[a-zA-Z]{1,6}\))?"
    r"|\((?:\\?[a-zA-Z]{1,6},){1,3}\\?[a-zA-Z]{1,6}\)|\\angle\s?[A-Z]{1,3}|\\(?:overline|overrightarrow)\{[A-Z]{1,2}\})"
)
_ASSIGNED = re.compile(rf"\s?(?P<name>{_NAME})\s?(?:=|\\in(?![a-zA-Z])|\\approx)\s?(?P<value>.+)\Z", re.DOTALL)
_RELATIONS = {"<": "<", ">": ">", r"\le": "<=", r"\ge": ">="}
_RELATION = re.compile(r"<|>|\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])")
_VARIABLE = re.compile(r"\s?\\?[a-zA-Z]{1,6}\s?")
_ALL_BUT = re.compile(
    r"\s?\\?[a-zA-Z]\s?\\neq\s?(?P<one>[^,]{1,60})|(?:x\\in\s?)?(?:\(-\\infty,\\infty\)|\\mathbb\{?R\}?)\s?\\(?:setminus|backslash)\s?"
    r"\\\{(?P<other>[^,{}]{1,60})\\\}"
)
_MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", re.DOTALL)
_ANGLED = re.compile(r"\\langle(?![a-zA-Z])(.*)\\rangle", re.DOTALL)
_BASED = re.compile(r"\(?(-?[0-9A-Fa-f.]+)\)?_\{?(?:\\?[a-z]*\s?)?([0-9]{1,3}|two|ten)\}?")
_AND_A_FRACTION = re.compile(
    r"(-?[0-9]{1,9})\s{1,3}and\s{1,3}([0-9]{1,9}/[0-9]{1,9}|\\[dt]?frac\{[0-9]{1,9}\}\{[0-9]{1,9}\})"
)
_CLOCK = re.compile(r"([0-9]{1,4}\s?:\s?[0-9]{1,4}(?::[0-9]{1,4})*)\s?([ap])?\.?\s?(?:m\b)?\.?", re.IGNORECASE)
_GREEK_LETTERS = "alpha beta gamma delta epsilon theta lambda mu rho sigma tau phi omega psi Delta Omega"
_GREEK = frozenset(_GREEK_LETTERS.split())
_OPERATORS = (
    "frac sqrt pi cdot infty le ge neq sin cos tan cot sec csc arcsin arccos arctan log ln exp pm binom lfloor rfloor "
    "lceil rceil cup cap in"
)
_COMMANDS = _GREEK | frozenset(_OPERATORS.split())
_KNOWN_CHARACTERS = re.compile(r"[0-9a-zA-Z\s+\-/^_(){}\[\].,=<>!|\\:]*")
_NOTHING_BUT_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Shape:
    r"""An expression taken apart.

    `kind` is `value`, `list`, `set`, `tuple` (whose brackets `ends` tells: an interval is one), `matrix` (rows are
    tuples) or `union`. `name` is the variable that it was said of: `x` in `x=5`, `x \in [0,1)` and `0 \le x<1`.
    """

    kind: str
    text: str
    parts: tuple[Shape, ...] = ()
    ends: str = ""
    name: str = ""


def equal(answer: str, gold: str, same: Same) -> bool:
    """Return whether two expressions say the same.

    Args:
        answer: What was read.
        gold: What is right.
        same: Compares two single values in canonical LaTeX.
    """
    if {latex.unit(answer), latex.unit(gold)} == {"cent", "dollar"}:
        cents, dollars = (answer, gold) if latex.unit(answer) == "cent" else (gold, answer)
        return _same_value(f"\\frac{{{latex.canonical(cents)}}}{{100}}", latex.canonical(dollars), same)
    if _units_differ(answer, gold):
        return False
    if mixed := _AND_A_FRACTION.fullmatch(answer.strip()):
        return equal(f"{mixed[1]} {mixed[2]}", gold, same) or equal(f"{mixed[1]}, {mixed[2]}", gold, same)
    one, other = latex.canonical(answer), latex.canonical(gold)
    if one == other or _alike(taken_apart(one), taken_apart(other), same, _DEEPEST):
        return True
    return latex.is_percentage(answer) != latex.is_percentage(gold) and _as_share(answer, gold, same)


def _units_differ(answer: str, gold: str) -> bool:
    units = {latex.unit(answer), latex.unit(gold)} - {"", "unit", "unit^2", "unit^3"}
    return len(units) > 1


def _as_share(answer: str, gold: str, same: Same) -> bool:
    """Return whether one side is in per cent of what the other says as a number: 15 % and 0.15."""
    if not latex.is_percentage(answer):
        answer, gold = gold, answer
    share = f"\\frac{{{latex.canonical(answer)}}}{{100}}"
    return _same_value(share, latex.canonical(gold), same)


def taken_apart(text: str, depth: int = _DEEPEST) -> Shape:
    """Return the shape of a canonical expression."""
    text = text.strip()
    if depth == 0:
        return Shape("value", text)
    for take in (_matrix, _angled, _all_but, _union, _bounds, _list, _interval, _assigned, _bracketed, _both_signs):
        if (shape := take(text, depth - 1)) is not None:
            return shape
    return Shape("value", text)


def _union(text: str, depth: int) -> Shape | None:
    """Take apart a union of intervals, and inequalities joined by "or"."""
    pieces = _split(text, re.compile(r"\\cup(?![a-zA-Z])"))
    name = ""
    if len(pieces) == 1:
        pieces = _split(text, re.compile(r"(?<![a-zA-Z\\])or(?![a-zA-Z])|\\lor(?![a-zA-Z])"))
        if len(pieces) == 1 or not all(_RELATION.search(piece) for piece in pieces):
            return None
    elif (assigned := _ASSIGNED.match(pieces[0])) and "\\in" in pieces[0]:
        name, pieces[0] = assigned["name"], assigned["value"]
    shapes = tuple(taken_apart(piece, depth) for piece in pieces)
    return Shape("union", text, shapes, name=name or shapes[0].name)


def _all_but(text: str, depth: int) -> Shape | None:
    r"""Take apart the line without a point: `x \neq 2`, `(-\infty,\infty)\setminus\{2\}`."""
    found = _ALL_BUT.fullmatch(text)
    if found is None:
        return None
    point = found["one"] or found["other"]
    return taken_apart(f"(-\\infty,{point})\\cup({point},\\infty)", depth)


def _bounds(text: str, depth: int) -> Shape | None:
    """Take apart two inequalities in one variable: what both allow, or either where a comma joins what excludes it."""
    both = _split(text, re.compile(r"(?<![a-zA-Z\\])and(?![a-zA-Z])|\\land(?![a-zA-Z])"))
    pieces = both if len(both) > 1 else _split(text, re.compile(","))
    shapes = [_interval(piece.strip(), depth) for piece in pieces]
    if len(shapes) != 2 or None in shapes:  # noqa: PLR2004
        return None
    one, other = sorted((shape for shape in shapes if shape), key=lambda shape: shape.parts[0].text != "-\\infty")
    if one.name != other.name or one.parts[0].text != "-\\infty" or other.parts[1].text != "\\infty":
        return None
    low, high = _plain_value(other.parts[0].text), _plain_value(one.parts[1].text)
    if low is None or high is None or (low >= high and len(both) > 1):
        return None
    if low >= high:
        return Shape("union", text, (one, other), name=one.name)
    return Shape("tuple", text, (other.parts[0], one.parts[1]), other.ends[0] + one.ends[1], one.name)


def _plain_value(text: str) -> Fraction | None:
    """Return the value of a whole number, a decimal or a fraction of whole numbers; None for anything else."""
    text = re.sub(r"\\frac\{(-?[0-9]{1,15})\}\{([0-9]{1,15})\}", r"\1/\2", text)
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def _list(text: str, depth: int) -> Shape | None:
    """Take apart what stands between commas, semicolons, line breaks, "and" and "or"."""
    pieces = [piece for part in _split(text, re.compile(r",|;|\n")) for piece in _split(part, _OR)]
    pieces = [piece for piece in pieces if piece.strip()]
    if len(pieces) < 2:  # noqa: PLR2004
        return None
    return Shape("list", text, tuple(taken_apart(piece, depth) for piece in pieces[: _MOST_PARTS + 1]))


def _interval(text: str, depth: int) -> Shape | None:
    r"""Take apart an inequality in one variable: `x>2`, `-2 \le x<7`."""
    signs = [_RELATIONS[sign.group()] for sign in _RELATION.finditer(text)]
    sides = [side.strip() for side in _RELATION.split(text)]
    if len(signs) not in {1, 2} or not all(sides):
        return None
    at = len(sides) // 2 if len(signs) == 2 else 0 if _VARIABLE.fullmatch(sides[0]) else 1  # noqa: PLR2004
    if not _VARIABLE.fullmatch(sides[at]) or any(_VARIABLE.fullmatch(side) for n, side in enumerate(sides) if n != at):
        return None
    low, high = ("-\\infty", "("), ("\\infty", ")")
    for n, (left, right) in enumerate(pairwise(sides)):
        bound, below = (right, False) if n == at else (left, True)
        below = below == signs[n].startswith("<")
        closed = signs[n].endswith("=")
        if below:
            low = (bound, "[" if closed else "(")
        else:
            high = (bound, "]" if closed else ")")
    parts = (taken_apart(low[0], depth), taken_apart(high[0], depth))
    return Shape("tuple", text, parts, low[1] + high[1], sides[at].strip())


def _assigned(text: str, depth: int) -> Shape | None:
    r"""Take off the name in `x=5`, `f(x)=x^2`, `(x,y)=(2,4)` and `x \in \{1,2\}`."""
    assigned = _ASSIGNED.fullmatch(text)
    if assigned is None and (swapped := re.fullmatch(r"([^=]{1,60})=\s?([a-zA-Z])", text)):
        assigned = _ASSIGNED.fullmatch(f"{swapped.group(2)}={swapped.group(1)}")
    if assigned is None or (assigned["name"].startswith("\\") and assigned["name"][1:] in _COMMANDS - _GREEK):
        return None
    value = assigned["value"]
    if "=" in value:
        value = value.rpartition("=")[2]
    inner = taken_apart(value, depth)
    return Shape(inner.kind, inner.text, inner.parts, inner.ends, assigned["name"].replace(" ", ""))


def _bracketed(text: str, depth: int) -> Shape | None:
    """Take apart a set, a tuple, a point or an interval."""
    braced = text.startswith("\\{") and text.endswith("\\}")
    if braced or (text.startswith("{") and text.endswith("}") and _closes_at_end(text)):
        inside = text[2:-2] if braced else text[1:-1]
        pieces = [piece for part in _split(inside, re.compile(r",|;")) for piece in _split(part, _OR)]
        return Shape("set", text, tuple(taken_apart(piece, depth) for piece in pieces if piece.strip()))
    if len(text) < 2 or text[0] not in "([" or text[-1] not in ")]" or not _closes_at_end(text):  # noqa: PLR2004
        return None
    pieces = _split(text[1:-1], re.compile(","))
    if len(pieces) == 1:
        return taken_apart(pieces[0], depth) if text[0] + text[-1] == "()" else None
    return Shape("tuple", text, tuple(taken_apart(piece, depth) for piece in pieces), text[0] + text[-1])


def _matrix(text: str, depth: int) -> Shape | None:
    found = _MATRIX.fullmatch(text[1:-1] if text[:1] + text[-1:] in {"[]", "()"} else text)
    if found is None:
        return None
    rows = [row for row in re.split(r"\\\\", found.group(1)) if row.strip()]
    parts = [tuple(taken_apart(cell, depth) for cell in row.split("&")) for row in rows]
    return Shape("matrix", text, tuple(Shape("row", row, cells) for row, cells in zip(rows, parts, strict=True)))


def _angled(text: str, depth: int) -> Shape | None:
    """Take a vector between angle brackets for a column."""
    found = _ANGLED.fullmatch(text)
    if found is None or "\\langle" in found.group(1):
        return None
    pieces = _split(found.group(1), re.compile(","))
    return Shape("matrix", text, tuple(Shape("row", piece, (taken_apart(piece, depth),)) for piece in pieces))


def _both_signs(text: str, depth: int) -> Shape | None:
    r"""Take `a \pm b` for the list of both."""
    if not re.search(r"\\pm(?![a-zA-Z])", text):
        if "\\mp" not in text:
            return None
        text = text.replace("\\mp", "\\pm")
    both = []
    for upper, lower in (("+", "-"), ("-", "+")):
        written = re.sub(r"\\pm(?![a-zA-Z])\s?", upper, text)
        both.append(re.sub(r"\\mp(?![a-zA-Z])\s?", lower, written).removeprefix("+"))
    return Shape("list", text, tuple(taken_apart(one, depth) for one in both))


def _alike(answer: Shape, gold: Shape, same: Same, depth: int) -> bool:
    """Return whether two shapes say the same."""
    if answer.name != gold.name and (_an_equation(answer) and _an_equation(gold)):
        return _same_value(_equation(answer), _equation(gold), same)
    if answer.name and gold.name and answer.name != gold.name:
        return False
    answer, gold = _flat(answer), _flat(gold)
    if len(answer.parts) > _MOST_PARTS or len(gold.parts) > _MOST_PARTS or depth == 0:
        return False
    if answer.kind == "list" and len(distinct := _distinct(answer.parts, same, depth)) == 1:
        return _alike(distinct[0], gold, same, depth - 1)
    return _ALIKE.get(frozenset({answer.kind, gold.kind}), _same_row)(answer, gold, same, depth)


def _alphabetical(part: Shape) -> tuple[bool, str]:
    """Order names as points are written: x before y, r before the angle."""
    return part.name.startswith("\\"), part.name


def _distinct(parts: tuple[Shape, ...], same: Same, depth: int) -> list[Shape]:
    """Return the parts of a list without those that say what an earlier one says: `1/10 or 0.10` is one value."""
    kept: list[Shape] = []
    for part in parts:
        if not any(_alike(part, earlier, same, depth - 1) for earlier in kept):
            kept.append(part)
    return kept


def _same_row(answer: Shape, gold: Shape, same: Same, depth: int) -> bool:
    return _in_order(_in_a_row(answer, gold), _in_a_row(gold, answer), same, depth)


def _in_a_row(shape: Shape, beside: Shape) -> tuple[Shape, ...] | None:
    """Return the parts of a shape where it is one row with the other's ends, or None where it is none.

    A point may be written as a column or, its brackets left out, as a list in order.
    """
    if shape.kind == "tuple":
        return shape.parts if shape.ends == (beside.ends or "()") else None
    if shape.kind == "list":
        names = [part.name for part in shape.parts]
        by_name = all(names) and len(set(names)) == len(names)  # "y = -2, x = 1" for (1, -2)
        return tuple(sorted(shape.parts, key=_alphabetical)) if by_name else shape.parts
    if shape.kind == "matrix" and all(len(row.parts) == 1 for row in shape.parts):
        return tuple(row.parts[0] for row in shape.parts)
    return None


def _an_equation(shape: Shape) -> bool:
    """Return whether a value was said of a name, or is an equation of its own."""
    return shape.kind == "value" and bool(shape.name or "=" in shape.text)


def _equation(shape: Shape) -> str:
    return f"{shape.name}={shape.text}" if shape.name else shape.text


def _flat(shape: Shape) -> Shape:
    """Return a list or set whose parts are no lists themselves; a set of one value as that value."""
    if shape.kind == "set" and len(shape.parts) == 1 and shape.parts[0].kind == "value":
        return shape.parts[0]
    if shape.kind not in {"list", "set"}:
        return shape
    if len(shape.parts) == 1 and shape.kind == "set" and shape.parts[0].kind == "list":
        return Shape("set", shape.text, shape.parts[0].parts, name=shape.name)
    parts = [inner for part in shape.parts for inner in (part.parts if part.kind == "list" else (part,))]
    return Shape(shape.kind, shape.text, tuple(parts), name=shape.name)


def _in_order(answer: tuple[Shape, ...] | None, gold: tuple[Shape, ...] | None, same: Same, depth: int) -> bool:
    if answer is None or gold is None or len(answer) != len(gold):
        return False
    return all(_alike(_unnamed(one), _unnamed(other), same, depth - 1) for one, other in zip(answer, gold, strict=True))


def _unnamed(shape: Shape) -> Shape:
    return Shape(shape.kind, shape.text, shape.parts, shape.ends)


def _matched(answer: Shape, gold: Shape, same: Same, depth: int) -> bool:
    """Return whether each part of one side is a part of the other, each taken once."""
    left = list(answer.parts)
    for part in gold.parts:
        found = next((one for one in left if _alike(one, part, same, depth - 1)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def _same_matrix(answer: Shape, gold: Shape, same: Same, depth: int) -> bool:
    return len(answer.parts) == len(gold.parts) and all(
        _in_order(one.parts, other.parts, same, depth) for one, other in zip(answer.parts, gold.parts, strict=True)
    )


def _both_values(answer: Shape, gold: Shape, same: Same, depth: int) -> bool:
    del depth
    if ("=" in answer.text) != ("=" in gold.text) and re.search(
        r"[a-zA-Z|]", answer.text.rpartition("=")[0] + gold.text.rpartition("=")[0]
    ):
        return False  # an equation is no value
    return _same_value(answer.text, gold.text, same)


_ALIKE: Mapping[frozenset[str], Callable[[Shape, Shape, Same, int], bool]] = {
    frozenset({"value"}): _both_values,
    frozenset({"list"}): _matched,
    frozenset({"set"}): _matched,
    frozenset({"list", "set"}): _matched,
    frozenset({"union"}): _matched,
    frozenset({"matrix"}): _same_matrix,
}


def _same_value(answer: str, gold: str, same: Same) -> bool:
    """Return whether two single values are equal; those that a referee may not understand whole, by their text."""
    if answer == gold:
        return True
    if all(re.fullmatch(r"[A-Za-z][a-zA-Z' -]+", side) for side in (answer, gold)):
        return answer.casefold() == gold.casefold()
    for form, agree in ((_BASED, _same_in_base), (_CLOCK, _same_time)):
        one, other = form.fullmatch(answer), form.fullmatch(gold)
        if one or other:
            return bool(one and other and agree(one, other))
    return understood(answer, gold) and understood(gold, answer) and same(answer, gold)


def _same_in_base(one: re.Match[str], other: re.Match[str]) -> bool:
    """Return whether two numbers have the same digits in the same base."""
    digits = {side.group(1).upper().lstrip("0") for side in (one, other)}
    return len(digits) == 1 and one.group(2) == other.group(2)


def _same_time(one: re.Match[str], other: re.Match[str]) -> bool:
    """Return whether two times of day, or ratios, agree; a half of the day that only one names does not matter."""
    digits = {re.sub(r"\s", "", side.group(1)).lstrip("0") for side in (one, other)}
    halves = {side.group(2).lower() for side in (one, other) if side.group(2)}
    return len(digits) == 1 and len(halves) <= 1


def understood(text: str, other: str) -> bool:
    """Return whether a value consists of nothing but what the referee is known to read.

    Letters side by side are a product only where the other side has the same letters; else they are a word.
    """
    if not text or not _KNOWN_CHARACTERS.fullmatch(text):
        return False
    commands = re.findall(r"\\([a-zA-Z]+|.)", text)
    if not set(commands) <= _COMMANDS:
        return False
    runs = re.findall(r"[a-zA-Z]{2,}", re.sub(r"\\[a-zA-Z]+", " ", text))
    letters = set(re.findall(r"[a-zA-Z]", re.sub(r"\\[a-zA-Z]+", " ", other)))
    return all(len(run) <= _NOTHING_BUT_LETTERS and set(run) <= letters for run in runs)


def _split(text: str, separator: re.Pattern[str]) -> list[str]:
    """Return the parts of a text between separators that stand outside all brackets."""
    if not separator.search(text):
        return [text]
    depths, depth = [], 0
    for at, character in enumerate(text):
        depth += character in _OPENING
        depths.append(depth)
        depth -= character in _CLOSING and depth > 0
        del at
    parts, start = [], 0
    for found in separator.finditer(text):
        if depths[found.start()] == 0 and found.start() >= start:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def _closes_at_end(text: str) -> bool:
    """Return whether the bracket that a text begins with is closed by its last character, whatever its kind."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth == 0:
            return at == len(text) - 1
    return False
