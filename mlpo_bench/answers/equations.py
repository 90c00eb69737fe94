r"""The value that an equation states of a quantity: `17` of `m+n=17`, `3` of `f^{-1}(2)=3`, `7` of `a+b=3+4=7`.

What is still to be solved (`2x=10`, `x^2=4`, `|x|=3`) and the equation of a line or a curve (`x^2+y^2=25`) state none.
A left side is read name by name, each made a mark; what is left of it tells a quantity from an equation. Whatever is
not known there makes it none. Every pattern repeats only within small bounds.
"""

from __future__ import annotations

import re

from mlpo_bench.answers import values
from mlpo_bench.answers.shapes import OR, split
from mlpo_bench.answers.units import MEANINGFUL


_MARK = "@"
_LONGEST = 200
_TWO = 2
_EQUALS, _BREAK = re.compile("="), re.compile(r"[,;\n]")
_RELATION = re.compile(
    r"[=<>]|\\(?:le|ge|neq|in|approx|equiv|subset|subseteq|setminus|to|iff|implies|therefore)(?![a-zA-Z])"
    r"|\\[a-zA-Z]{0,9}arrow(?![a-zA-Z])"
)

_BRACKETS = r"(?:\((?:[^()]|\([^()]{0,60}\)){1,80}\)|\[[^\[\]]{1,80}\])"
_BELOW = r"_(?:\{[^{}]{1,20}\}|[0-9a-zA-Z])"
_INVERSE = r"\^(?:\{-1\}|-1)"
_GREEK = rf"\\(?:{'|'.join(sorted(values.GREEK))}|varphi)(?![a-zA-Z])"
_FUNCTION = (
    r"\\(?:arc)?(?:sin|cos|tan)h?(?![a-zA-Z])|\\(?:cot|sec|csc|log|ln|exp|gcd|lcm|det|deg|dim|arg|Re|Im|Pr)(?![a-zA-Z])"
    r"|(?<![a-zA-Z\\])(?:lcm|proj|Re|Im|Pr|Var)(?![a-zA-Z])"
)
_CALLED = (
    rf"{_FUNCTION}|\\(?:(?:var)?phi|sigma|tau|mu)(?![a-zA-Z])|(?<![a-zA-Z\\])(?:[A-Za-z]{{3,14}}|[fghpqdFGHPQET])|\\mathbb\{{?[PE]\}}?"
    r"|\([fgh](?:\s?(?:\\circ|[-+/]|\\cdot)\s?[fgh]){1,3}\)"
)
# f(2), f^{-1}(x), (f \circ g)(x), P(X=2), \gcd(12,18); f(f(2)) calls itself, but p(p+1) is a product.
_CALL = re.compile(rf"(?P<name>{_CALLED})(?:{_BELOW})?(?:{_INVERSE}|'{{1,3}})?\s?(?P<of>{_BRACKETS})")
_CALLS_ITSELF = frozenset("fghFGH")
_BARS = re.compile(r"\\\|[^|\\]{1,40}\\\||\|(?P<of>[^|]{1,40})\|")
_SIZED = frozenset("zwuv")  # what |z| and |v| are usual names of the size of
_GEOMETRIC = re.compile(
    r"\[[A-Z]{3,6}\]|(?:(?<![a-zA-Z\\])m\s?)?\\(?:measured)?angle\s?(?:[A-Z]{1,3}|[a-z0-9](?![a-z0-9]))"
    r"|\\(?:vec|bar|hat|overline|overrightarrow|widehat)(?:\{[a-zA-Z]{1,4}\}|\s[a-zA-Z])"
    r"|\\triangle\s?[A-Z]{3}"
)
_SUBSCRIPTED = re.compile(rf"(?<![a-zA-Z\\])(?!{_FUNCTION})\\?[a-zA-Z]{{1,8}}{_BELOW}'?")
_SEGMENT = re.compile(r"(?<![a-zA-Z\\])[A-Z]{2,4}'?(?![a-zA-Z])")
# \sin x, \log_2 x, \cos 2\theta, \sin^2 x: the power stays, as a square is another quantity.
_APPLIED = re.compile(
    rf"(?:{_FUNCTION})(?:{_BELOW})?(?:{_INVERSE}|(?P<power>\^(?:[0-9]|\{{[0-9]\}})))?"
    rf"(?:\s|[0-9a-zA-Z{_MARK}]|{_GREEK}|\\frac\{{[^{{}}]{{1,20}}\}}\{{[^{{}}]{{1,20}}\}}){{1,20}}"
)
_OVER_MANY = re.compile(r"\\(?:sum|prod|lim|int|max|min|sup)(?![a-zA-Z])")
_WORDS = re.compile(rf"[A-Za-z]{{3}}[A-Za-z\s{_MARK}]{{0,80}}")
_OTHER_AMOUNTS = MEANINGFUL - {"of", "in", "per"} | {"double", "triple", "quadruple"}
# AB, A^2, u \cdot v, A \cup B
_OF_MATRICES = re.compile(
    rf"(?:[A-Z{_MARK}]|\^(?:[0-9T]|\{{[-0-9T]{{1,3}}\}})|\\(?:cdot|cup|cap)(?![a-zA-Z])|[-+\s()]){{1,20}}"
    rf"|(?:[a-z{_MARK}]|\\cdot(?![a-zA-Z])|[-+\s()]){{1,20}}"
)
_MATRIX = re.compile(r"\\begin\{pmatrix\}|\\langle(?![a-zA-Z])|\\\{")

_OPERATION = re.compile(r"\\(?:frac|sqrt|cdot|pi)(?![a-zA-Z])")
_WRITTEN = re.compile(rf"[0-9a-zA-Z{_MARK}\s+\-/^(){{}}\[\].:!]{{1,{_LONGEST}}}")
_COORDINATES, _CONSTANTS = frozenset("xyz"), frozenset("ei")
_NUMERIC = re.compile(r"\\(?:frac|binom|sqrt|cdot|pi|log|ln|sin|cos|tan)(?![a-zA-Z])|(?<![a-zA-Z])[ei](?![a-zA-Z])")
_CALCULATION = re.compile(r"[0-9)}]\s?(?:[-+/^(!]|\\cdot|\\sqrt|\\pi)|\\(?:frac|binom|sqrt)")


def value(text: str) -> str | None:
    """Return the last side of a canonical equation whose left side names a quantity; None for anything else."""
    sides = [side.strip() for side in split(text, _EQUALS)]
    if len(sides) < _TWO or not all(sides) or len(split(text, _BREAK)) > 1 or len(split(text, OR)) > 1:
        return None
    left, last = sides[0], sides[-1]
    if any(_RELATION.search(side) or re.search(r"[0-9)}]\s[a-zA-Z]", side) for side in sides[1:-1]):
        return None
    return last if _names_a_quantity(left, last) or _calculated(sides) else None


def is_relation(text: str) -> bool:
    """Return whether an expression relates two sides: an equation, an inequality, a membership."""
    return _RELATION.search(text) is not None


def _names_a_quantity(left: str, right: str) -> bool:
    """Return whether a left side says what the right side is the value of."""
    if len(left) > _LONGEST or _MARK in left:
        return False
    marked = _marked(left)
    if marked == _MARK or _OVER_MANY.match(left) or _in_words(marked):
        return True
    if _MATRIX.search(right) and _OF_MATRICES.fullmatch(marked):
        return True
    return _of_several(marked) and _is_number(right) and not (right == "0" and re.search(r"[0-9]", marked))


def _marked(left: str) -> str:
    """Return a left side with a mark in place of each name: `@+@` for `f(2)+f(3)`."""
    marked = _BARS.sub(_sized, _CALL.sub(_called, _CALL.sub(_called, left)))  # f(f(f(2))): from within
    for names in (_GEOMETRIC, _SUBSCRIPTED, _SEGMENT):
        marked = names.sub(_MARK, marked)
    return _APPLIED.sub(lambda applied: _MARK + (applied["power"] or ""), marked).strip()


def _called(call: re.Match[str]) -> str:
    name = call["name"]
    product = name in call["of"] and len(name) == 1 and name not in _CALLS_ITSELF
    return call.group() if product else _MARK


def _sized(bars: re.Match[str]) -> str:
    """Return a mark for the size of a number or a vector, `|z|`; `|x|` and `|2a-3|` are equations in what they hold."""
    if bars["of"] is None:
        return _MARK
    named = re.sub(_BELOW, "", bars["of"])
    letters = set(re.findall(r"[a-zA-Z]", named))
    unknown = re.search(r"[0-9]", named) or letters & {"x", "y"}
    known = letters & _SIZED or len(letters) > 1 or _MARK in named or any(letter.isupper() for letter in letters)
    return _MARK if known and not unknown else bars.group()


def _in_words(marked: str) -> bool:
    """Return whether words name a quantity, as "Area of @" does; "twice the area" is another one."""
    words = marked.replace(_MARK, " ").casefold().split()
    return bool(_WORDS.fullmatch(marked)) and not (MEANINGFUL - {"of", "in", "per", "sum"} | _OTHER_AMOUNTS) & set(
        words
    )


def _of_several(marked: str) -> bool:
    """Return whether several quantities are put together, `m+n`; of coordinates alone, only without numbers."""
    letters = set(re.findall(_GREEK, marked))
    bare = _OPERATION.sub(" ", re.sub(_GREEK, " ", marked))
    if not _WRITTEN.fullmatch(bare) or re.search(r"[a-z]{2}\s[a-z]{2}|[a-z]{5}", bare):
        return False
    letters |= set(re.findall(r"[a-zA-Z]", bare))
    if letters & _COORDINATES:
        return len(letters) >= _TWO and letters <= _COORDINATES and not re.search(rf"[0-9^{_MARK}]", bare)
    return len(letters - _CONSTANTS) + bare.count(_MARK) >= _TWO


def _is_number(text: str) -> bool:
    return not re.search(r"[a-zA-Z]", _NUMERIC.sub(" ", text))


def _calculated(sides: list[str]) -> bool:
    r"""Return whether numbers were put in for letters: `\pi r^2=\pi\cdot 3^2=9\pi` is no equation to be solved."""
    if len(sides) == _TWO or len(sides[0]) > _LONGEST:
        return False
    first = re.sub(_GREEK, " ", _OPERATION.sub(" ", _marked(sides[0])))
    return (
        _WRITTEN.fullmatch(first) is not None
        and not set(first) & _COORDINATES
        and all(map(_is_number, sides[1:]))
        and _CALCULATION.search(sides[1]) is not None
    )
