r"""Whether two mathematical expressions say the same, decided by their shape.

Lists, sets, tuples, intervals, vectors and matrices are compared part by part, and only parts of a kind are equal: a
point is no list, a closed end no open one. What is left are single values (`mlpo_bench.answers.values`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlpo_bench.answers import equations, latex
from mlpo_bench.answers.shapes import DEEPEST, MOST_PARTS, Shape, split, taken_apart
from mlpo_bench.answers.values import has_digits_of, same_value


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlpo_bench.answers.values import Same

_AND_A_FRACTION = re.compile(
    r"(-?[0-9]{1,9})\s{1,3}and\s{1,3}([0-9]{1,9}/[0-9]{1,9}|\\[dt]?frac\{[0-9]{1,9}\}\{[0-9]{1,9}\})"
)
# "\textbf{(B)}\ 12": an option's letter beside its value.
_LETTERED = re.compile(
    r"\s?\\(?:text|textbf|textrm|mathrm|mathbf)\s?\{\s?(?P<letter>\([A-F]\)|[A-F][.)])[\s~:]{0,3}\}"
    r"[\s~:]{0,3}(?:\\[ ,;:]|\\q?quad\s?){0,3}(?=[^\s}])"
)
_OF_NUMBERS = re.compile(
    r"\\(?:frac|binom|sqrt|cdot|pi|log|ln|sin|cos|tan|lfloor|rfloor|lceil|rceil|gcd|lcm|bmod|pmod|mod)(?![a-zA-Z])"
)
# "x+5, x \neq 3": where an expression is defined says nothing else than the expression.
_WHERE_DEFINED = re.compile(
    r"(?:[,(]\s?|(?<![a-zA-Z\\])(?=(?:for|where|when|with|if)\s)|\s)(?:(?:for|where|when|with|if)\s)?"
    r"(?P<name>[a-zA-Z])\s?\\neq\s?[-0-9a-zA-Z/\\{}]{1,30}\)?\Z"
)
_EQUALS = re.compile("=")
_LIST_OR_NUMBER = re.compile(r"[0-9]{1,3}(?:,[0-9]{3}){1,6}")


def equal(answer: str, gold: str, same: Same) -> bool:
    """Return whether two expressions say the same.

    Args:
        answer: What was read.
        gold: What is right.
        same: Compares two single values in canonical LaTeX.
    """
    if {latex.unit(answer), latex.unit(gold)} == {"cent", "dollar"}:
        cents, dollars = (answer, gold) if latex.unit(answer) == "cent" else (gold, answer)
        return same_value(f"\\frac{{{latex.canonical(cents)}}}{{100}}", latex.canonical(dollars), same)
    if _units_differ(answer, gold):
        return False
    if mixed := _AND_A_FRACTION.fullmatch(answer.strip()):
        return equal(f"{mixed[1]} {mixed[2]}", gold, same) or equal(f"{mixed[1]}, {mixed[2]}", gold, same)
    if lettered := _LETTERED.match(answer):
        return any(equal(side, gold, same) for side in (lettered["letter"], answer[lettered.end() :]))
    one, other = latex.canonical(answer), latex.canonical(gold)
    # Gold `70,110` may be one number or two, which `70, 110` is.
    if one == other or has_digits_of(one, other) or (_LIST_OR_NUMBER.fullmatch(gold) and one == gold):
        return True
    return _same_said(one, other, [latex.is_percentage(side) for side in (answer, gold)], same)


def _same_said(answer: str, gold: str, in_per_cent: list[bool], same: Same) -> bool:
    """Return whether a canonical answer, or the value that it states, is gold."""
    for said in _sayings(answer, gold):
        if _alike(taken_apart(said), taken_apart(gold), same, DEEPEST):
            return True
        per_cent, number = (said, gold) if in_per_cent[0] else (gold, said)
        if len(set(in_per_cent)) > 1 and _as_share(per_cent, number, same):
            return True
    return _is_identity(answer, gold, same)


def _is_identity(answer: str, gold: str, same: Same) -> bool:
    """Return whether an answer says that what was asked about is gold, whatever its letters are: `x^2-1=(x+1)(x-1)`.

    What holds for some values alone, `2x=10`, is an equation, and its right side the answer to nothing.
    """
    sides = split(answer, _EQUALS)
    if len(sides) == 1 or equations.is_relation(gold) or not all(re.search("[a-zA-Z]", side) for side in sides):
        return False
    if any(equations.is_relation(side) for side in sides) or not same_value(sides[-1], gold, same):
        return False
    return all(same_value(side, sides[-1], same) for side in sides[:-1])


def _sayings(answer: str, gold: str) -> Iterator[str]:
    """Yield what a canonical answer may say: as it stands, and the value that it states where a value is asked for."""
    yield answer
    if equations.is_relation(gold):
        return
    if (stated := equations.value(answer)) is not None:
        yield stated
    defined = _WHERE_DEFINED.search(answer)
    if defined and re.search(rf"(?<![a-zA-Z\\]){defined['name']}(?![a-zA-Z])", gold):
        yield answer[: defined.start()]


def _units_differ(answer: str, gold: str) -> bool:
    units = {latex.unit(answer), latex.unit(gold)} - {"", "unit", "unit^2", "unit^3"}
    return len(units) > 1


def _as_share(per_cent: str, number: str, same: Same) -> bool:
    """Return whether so much per cent is what a number says: 15 % and 0.15."""
    return same_value(f"\\frac{{{per_cent}}}{{100}}", number, same)


def _alike(answer: Shape, gold: Shape, same: Same, depth: int) -> bool:
    """Return whether two shapes say the same."""
    if answer.name != gold.name and (_an_equation(answer) and _an_equation(gold)):
        return same_value(_equation(answer), _equation(gold), same)
    if answer.name and gold.name and answer.name != gold.name:
        return False
    answer, gold = _flat(answer), _flat(gold)
    if len(answer.parts) > MOST_PARTS or len(gold.parts) > MOST_PARTS or depth == 0:
        return False
    if (
        answer.kind == "list"
        and gold.kind not in {"list", "set"}
        and len(distinct := _distinct(answer.parts, same, depth)) == 1
    ):
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
        twin = next((one for one in left if _alike(one, part, same, depth - 1)), None)
        if twin is None:
            return False
        left.remove(twin)
    return not left


def _same_matrix(answer: Shape, gold: Shape, same: Same, depth: int) -> bool:
    return len(answer.parts) == len(gold.parts) and all(
        _in_order(one.parts, other.parts, same, depth) for one, other in zip(answer.parts, gold.parts, strict=True)
    )


def _both_values(answer: Shape, gold: Shape, same: Same, depth: int) -> bool:
    del depth
    one, other = _calculated(answer.text), _calculated(gold.text)
    if ("=" in one) != ("=" in other) and re.search(r"[a-zA-Z|]", one.rpartition("=")[0] + other.rpartition("=")[0]):
        return False  # an equation is no value
    return same_value(one, other, same)


def _calculated(text: str) -> str:
    r"""Return what a calculation comes to, `6` for `\binom{4}{2}=6`; whatever else there is as it is."""
    left, equals, right = text.rpartition("=")
    calculation = equals and not re.search(r"[a-zA-Z|<>]", _OF_NUMBERS.sub("", left)) and re.search(r"[0-9]", left)
    return right if calculation else text


_ALIKE: Mapping[frozenset[str], Callable[[Shape, Shape, Same, int], bool]] = {
    frozenset({"value"}): _both_values,
    frozenset({"list"}): _matched,
    frozenset({"set"}): _matched,
    frozenset({"list", "set"}): _matched,
    frozenset({"union"}): _matched,
    frozenset({"matrix"}): _same_matrix,
}
