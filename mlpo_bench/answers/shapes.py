r"""A mathematical expression taken apart: a list, a set, a point, an interval, a matrix, or a single value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from mlpo_bench.answers import values


MOST_PARTS = 40
DEEPEST = 6
_OPENING, _CLOSING = "([{", ")]}"
OR = re.compile(r"(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])|\\lor(?![a-zA-Z])|\\(?:text|mathrm)\{\s?(?:and|or)\s?\}")
_NAME = (
    r"(?:\\?[a-zA-Z]{1,7}(?:_\{?[a-zA-Z0-9]{1,3}\}?)?'?(?:\^\{-1\}(?=\())?(?:\((?:\\?[a-zA-Z]{1,6}|-?[0-9.]{1,9})\))?"
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
_NESTED = re.compile(r"\[\[([^\[\]]{1,200}(?:\],\s?\[[^\[\]]{1,200}){0,19})\]\]")  # [[1,2],[3,4]]
_BEGINS_MATRIX = re.compile(r"\\begin\{pmatrix\}|\\langle(?![a-zA-Z])|\[\[")
# A number or a letter before a matrix: \frac{1}{13}, -, 2\sqrt{3}, t; no capital, which is a matrix itself.
_SCALAR = re.compile(
    r"-?(?:[0-9./()\s]|(?<![a-z])[a-z](?![a-z])|\\(?:frac|sqrt|pi|cdot)(?![a-zA-Z])"
    r"|\{(?:[^{}]|\{[^{}]{1,20}\}){1,40}\}){0,40}"
)
_ANGLED = re.compile(r"\\langle(?![a-zA-Z])(.*)\\rangle", re.DOTALL)


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


def taken_apart(text: str, depth: int = DEEPEST) -> Shape:
    """Return the shape of a canonical expression."""
    text = text.strip()
    if depth == 0:
        return Shape("value", text)
    for take in _TAKES:
        if (shape := take(text, depth - 1)) is not None:
            return shape
    return Shape("value", text)


def _union(text: str, depth: int) -> Shape | None:
    """Take apart a union of intervals, and inequalities joined by "or"."""
    pieces = split(text, re.compile(r"\\cup(?![a-zA-Z])"))
    name = ""
    if len(pieces) == 1:
        pieces = split(text, re.compile(r"(?<![a-zA-Z\\])or(?![a-zA-Z])|\\lor(?![a-zA-Z])"))
        if len(pieces) == 1 or not all(_RELATION.search(piece) for piece in pieces):
            return None
    elif (assigned := _ASSIGNED.match(pieces[0])) and "\\in" in pieces[0]:
        name, pieces[0] = assigned["name"], assigned["value"]
    shapes = tuple(taken_apart(piece, depth) for piece in pieces)
    return Shape("union", text, shapes, name=name or shapes[0].name)


def _all_but(text: str, depth: int) -> Shape | None:
    r"""Take apart the line without a point: `x \neq 2`, `(-\infty,\infty)\setminus\{2\}`."""
    match = _ALL_BUT.fullmatch(text)
    if match is None:
        return None
    point = match["one"] or match["other"]
    return taken_apart(f"(-\\infty,{point})\\cup({point},\\infty)", depth)


def _bounds(text: str, depth: int) -> Shape | None:
    """Take apart two inequalities in one variable: what both allow, or either where a comma joins what excludes it."""
    both = split(text, re.compile(r"(?<![a-zA-Z\\])and(?![a-zA-Z])|\\land(?![a-zA-Z])"))
    pieces = both if len(both) > 1 else split(text, re.compile(","))
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
    pieces = [piece for part in split(text, re.compile(r",|;|\n")) for piece in split(part, OR)]
    pieces = [piece for piece in pieces if piece.strip()]
    if len(pieces) < 2:  # noqa: PLR2004
        return None
    return Shape("list", text, tuple(taken_apart(piece, depth) for piece in pieces[: MOST_PARTS + 1]))


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
    if assigned is None or (
        assigned["name"].startswith("\\") and assigned["name"][1:] in values.COMMANDS - values.GREEK
    ):
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
        pieces = [piece for part in split(inside, re.compile(r",|;")) for piece in split(part, OR)]
        return Shape("set", text, tuple(taken_apart(piece, depth) for piece in pieces if piece.strip()))
    if len(text) < 2 or text[0] not in "([" or text[-1] not in ")]" or not _closes_at_end(text):  # noqa: PLR2004
        return None
    pieces = split(text[1:-1], re.compile(","))
    if len(pieces) == 1:
        pieces = split(text[1:-1], re.compile(";"))
    if len(pieces) == 1:
        return taken_apart(pieces[0], depth) if text[0] + text[-1] == "()" else None
    return Shape("tuple", text, tuple(taken_apart(piece, depth) for piece in pieces), text[0] + text[-1])


def _matrix(text: str, depth: int) -> Shape | None:
    if nested := _NESTED.fullmatch(text):
        text = "\\begin{pmatrix}" + re.sub(r"\],\s?\[", r"\\\\", nested.group(1)).replace(",", "&") + "\\end{pmatrix}"
    match = _MATRIX.fullmatch(text[1:-1] if text[:1] + text[-1:] in {"[]", "()"} else text)
    if match is None:
        return None
    rows = [row for row in re.split(r"\\\\", match.group(1)) if row.strip()]
    parts = [tuple(taken_apart(cell, depth) for cell in row.split("&")) for row in rows]
    return Shape("matrix", text, tuple(Shape("row", row, cells) for row, cells in zip(rows, parts, strict=True)))


def _scaled(text: str, depth: int) -> Shape | None:
    r"""Take apart a matrix or vector behind a number, `\frac{1}{13}\begin{pmatrix}...`: so many times each cell."""
    begins = _BEGINS_MATRIX.search(text)
    if begins is None or text.count("\\begin") > 1 or not _SCALAR.fullmatch(text[: begins.start()]):
        return None
    by = text[: begins.start()].strip().removesuffix("\\cdot").strip()
    matrix = _matrix(text[begins.start() :], depth) or _angled(text[begins.start() :], depth)
    if matrix is None or not by:
        return None
    times = "-1" if by == "-" else f"({by})" if "/" in by else by
    rows = tuple(
        Shape("row", row.text, tuple(taken_apart(f"{times}\\cdot({cell.text})", depth) for cell in row.parts))
        for row in matrix.parts
    )
    return Shape("matrix", text, rows)


def _angled(text: str, depth: int) -> Shape | None:
    """Take a vector between angle brackets for a column."""
    match = _ANGLED.fullmatch(text)
    if match is None or "\\langle" in match.group(1):
        return None
    pieces = split(match.group(1), re.compile(","))
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


def split(text: str, separator: re.Pattern[str]) -> list[str]:
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
    for match in separator.finditer(text):
        if depths[match.start()] == 0 and match.start() >= start:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]


def _closes_at_end(text: str) -> bool:
    """Return whether the bracket that a text begins with is closed by its last character, whatever its kind."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth == 0:
            return at == len(text) - 1
    return False


_TAKES = (
    _matrix, _angled, _scaled, _all_but, _union, _bounds, _list, _interval, _assigned, _bracketed, _both_signs,
)  # fmt: skip
