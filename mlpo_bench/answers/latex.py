r"""One way of writing mathematics: Unicode signs, code and words made LaTeX, and LaTeX's own variants made one.

`canonical` changes how an expression is written and never what it says. What it does not know it leaves in place, so
that nothing is passed over: whoever compares sees the sign and may refuse it.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction

from mlpo_bench.answers import layout, number_words, passages
from mlpo_bench.answers.units import without_unit


_REMEMBERED = 1 << 16
_LONGEST = 2_000

_SIGNS = {
    "π": r"\pi ", "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "±": r"\pm ", "∓": r"\mp ",
    "×": r"\cdot ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "∗": r"\cdot ", "÷": "/", "∕": "/", "⁄": "/",
    "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≠": r"\neq ", "≈": r"\approx ", "∅": r"\emptyset ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
    "⟨": r"\langle ", "⟩": r"\rangle ", "〈": r"\langle ", "〉": r"\rangle ", "°": r"^{\circ}", "º": r"^{\circ}",
    "∖": r"\setminus ", "→": r"\to ", "∠": r"\angle ", "△": r"\triangle ", "∘": r"\circ ", "⌊": r"\lfloor ",
    "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "∨": r"\lor ", "∧": r"\land ", "…": r"\ldots ",
    "€": "", "£": "", "¥": "",
    "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "ε": r"\epsilon ", "θ": r"\theta ",
    "λ": r"\lambda ", "μ": r"\mu ", "ρ": r"\rho ", "σ": r"\sigma ", "τ": r"\tau ", "φ": r"\phi ", "ω": r"\omega ",
    "Δ": r"\Delta ", "Ω": r"\Omega ", "ψ": r"\psi ", "ϕ": r"\phi ",
    "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
    "⅕": r"\frac{1}{5}", "⅖": r"\frac{2}{5}", "⅗": r"\frac{3}{5}", "⅘": r"\frac{4}{5}", "⅙": r"\frac{1}{6}",
    "⅚": r"\frac{5}{6}", "⅐": r"\frac{1}{7}", "⅛": r"\frac{1}{8}", "⅜": r"\frac{3}{8}", "⅝": r"\frac{5}{8}",
    "⅞": r"\frac{7}{8}", "⅑": r"\frac{1}{9}", "⅒": r"\frac{1}{10}",
}  # fmt: skip
_SIGN = re.compile("|".join(map(re.escape, _SIGNS)))
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣʸᵃᵇᵏᵐᵗ", "0123456789+-()nixyabkmt")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_RAISED_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣʸᵃᵇᵏᵐᵗ]{1,20}")
_OVERLINED = re.compile("(?:[0-9]\u0305){1,15}")
_LOWERED_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉]{1,20}")
_ROOTS = {"√": r"\sqrt", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]"}

_ROOT_IN_CODE = re.compile(r"(?<![\\a-zA-Z])(?:sqrt(?=\s?[({0-9a-zA-Z])|root(?=\s?[({0-9]|\s[a-zA-Z](?![a-zA-Z])))")
_CODE = (
    (re.compile(r"(?<![\\a-zA-Z])cbrt(?=\s?[({])"), r"\\sqrt[3]"),
    (re.compile(r"(?<![\\a-zA-Z])pi(?![a-zA-Z])", re.IGNORECASE), r"\\pi "),
    (re.compile(r"(?<![\\a-zA-Z])(?:infinity|infty|inf|oo)(?![a-zA-Z])"), r"\\infty "),
    (re.compile(r"\+\s?/\s?-|\bplus or minus\b"), r"\\pm "),
    (re.compile(r"\^-\s?([0-9a-zA-Z]{1,20})"), r"^{-\1}"),
    (re.compile(r"(?<![\\a-zA-Z])frac(?=\{)"), r"\\frac"),
    (re.compile(r"(?<=[a-zA-Z])\sin\s(?=[\[({])"), r"\\in "),
    (re.compile(r"(?<![\\a-zA-Z])C\(([0-9]{1,4}),\s?([0-9]{1,4})\)"), r"\\binom{\1}{\2}"),
    (re.compile(r"(?<![0-9A-Za-z_.])([0-9]{1,3})\s?C\s?([0-9]{1,3})(?![0-9A-Za-z_])"), r"\\binom{\1}{\2}"),
    (re.compile(r"(?<=[0-9])\s?[xX]\s?(?=10\s?\^)"), r"\\cdot "),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"(?<![\\<>!=])\*"), r"\\cdot "),
    (re.compile(r"<="), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(r"!="), r"\\neq "),
    (re.compile(r"(?<=[)\]])\s?U\s?(?=[(\[])"), r"\\cup "),
    (
        re.compile(
            r"(?<![\\a-zA-Z])(sin|cos|tan|cot|sec|csc|log|ln|exp|arcsin|arccos|arctan)(?=[\s(^_{\\0-9]|[a-z](?![a-z]))"
        ),
        r"\\\1",
    ),
    (re.compile(r"(?<![\\a-zA-Z])(?:union)(?![a-zA-Z])"), r"\\cup "),
)


def _ungrouped(match: re.Match[str]) -> str:
    return match.group(1) + match.group(2).replace(",", "")


_DEGREES = re.compile(
    r"\^\s?\\circ(?![a-zA-Z])|\^\s?\{\s?\\(?:circ|(?:text)?degree)\s?\}|\{\s?\^\s?\\circ\s?\}|\\(?:text)?degree(?![a-zA-Z])"
    r"|(?<=[0-9}])\^\s?(?:o(?![a-zA-Z0-9])|\{\s?(?:o|\\(?:text|mathrm)\s?\{\s?o\s?\})\s?\})"
)
_SAME = (
    (re.compile(r"\\(?:leq|leqslant)(?![a-zA-Z])"), r"\\le "),
    (re.compile(r"\\(?:geq|geqslant)(?![a-zA-Z])"), r"\\ge "),
    (re.compile(r"\\(?:lt)(?![a-zA-Z])"), "<"),
    (re.compile(r"\\(?:gt)(?![a-zA-Z])"), ">"),
    (re.compile(r"\\ne(?![a-zA-Z])"), r"\\neq "),
    (re.compile(r"\\(?:times|ast|cdotp)(?![a-zA-Z])"), r"\\cdot "),
    (re.compile(r"\\div(?![a-zA-Z])"), "/"),
    (re.compile(r"\\(?:lbrace)(?![a-zA-Z])"), r"\\{"),
    (re.compile(r"\\(?:rbrace)(?![a-zA-Z])"), r"\\}"),
    (re.compile(r"\\(?:varnothing)(?![a-zA-Z])"), r"\\emptyset "),
    (
        re.compile(
            rf"\\(sin|cos|tan|cot|sec|csc)\s?\(?\s?(-?[0-9]{{1,6}}(?:\.[0-9]{{1,6}})?)\s?(?:{_DEGREES.pattern})\s?\)?"
        ),
        r"\\\1(\\frac{\2\\pi}{180})",
    ),
    (re.compile(rf"(?:{_DEGREES.pattern})\s?(?:\\(?:text|mathrm|textrm)\s?\{{\s?[CF]\s?\}}|[CF](?![a-zA-Z]))"), ""),
    (
        re.compile(rf"(?:{_DEGREES.pattern})\s?,\s?|,\s?(?=\\?\$)"),
        ", ",
    ),  # another number follows
    (_DEGREES, ""),
    (re.compile(r"\+\s?\\infty"), r"\\infty"),
    (re.compile(r"\\(?:textcolor|color|f?colorbox)\s?(?:\[[a-zA-Z]{1,9}\])?\{[#a-zA-Z!0-9,.]{1,30}\}"), ""),
    (re.compile(r"\\\\\s?\Z"), ""),
    (re.compile(r"\\(overline|bar|dot)\s([0-9])"), r"\\\1{\2}"),
    (re.compile(r"\{?([^{}\\]{1,30}?)\s?\\choose(?![a-zA-Z])\s?([^{}\\]{1,30})\}?"), r"\\binom{\1}{\2}"),
    (re.compile(r"\A\s?\\\{\s?\\\}\s?\Z"), r"\\emptyset"),
    (re.compile(r"((?:=|(?<!\\)\{)\s?)([0-9]{1,3}(?:,[0-9]{3}){1,6})(?=\s?(?:\}|\Z))"), _ungrouped),
    (re.compile(r"\{?([^{}\\]{1,60}?)\s?\\over(?![a-zA-Z])\s?([^{}\\]{1,60})\}?"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\sqrt\[([3579])\]\s?\{-([^{}]{1,60})\}"), r"-\\sqrt[\1]{\2}"),
    (re.compile(r"\A\s?<([^<>=]{1,200},[^<>=]{1,200})>\s?\Z"), r"\\langle \1\\rangle "),
    (
        re.compile(r"(?<![a-zA-Z0-9.])([0-9]{1,20}(?:\.[0-9]{1,20})?)[eE]([-+]?[0-9]{1,4})(?![0-9a-zA-Z.])"),
        r"\1\\cdot 10^{\2}",
    ),
    (
        re.compile(r"\A\\\{\s?([a-zA-Z])\s?(?:\\in\s?\\mathbb\{?R\}?\s?)?[|:]\s?([^{}]{1,300})\\\}\Z"),
        r"\2",
    ),
)
_ALL_REALS = re.compile(
    r"(?:x\s?\\in\s?)?(?:\\mathbb\s?\{?R\}?|(?:the\s|all\s)?(?:set of\s)?(?:all\s)?reals?(?:\snumbers?)?)",
    re.IGNORECASE,
)
_GROUPED = re.compile(
    r"(?P<sign>[-+]?)\\?\$?\s?(?P<digits>[0-9]{1,3}(?:(?:,|\{,\}|\\,|\\!|,\\!|\x20)[0-9]{3}){1,20}(?:\.[0-9]{1,60})?)(?![0-9])"
)
# "15, \\! 600" is one number, and its comma closed up; "15, 600" are two.
_CLOSED_UP = re.compile(r"(?<=[0-9]),\s?\\[!,]\s?(?=[0-9]{3}(?![0-9]))")
# "3/4 \\pi", set apart, is three quarters of it.
_PART_OF = re.compile(r"\A(-?)([0-9]{1,15})\s?/\s?([0-9]{1,15})\s(?=\\(?:pi(?![a-zA-Z])|sqrt\{)[^/]{0,60}\Z)")
_SHORT_FRACTION = re.compile(r"\\(frac|binom)\s?([0-9a-zA-Z])\s?([0-9a-zA-Z])(?![{0-9])")
_HALF_FRACTION = re.compile(
    r"\\(frac|binom)\s?(?:([0-9a-zA-Z])\s?(\{[^{}]{1,300}\})|(\{[^{}]{1,300}\})\s?([0-9a-zA-Z]))"
)
_SHORT_ROOT = re.compile(r"(\\sqrt(?:\[[0-9]{1,3}\])?)\s?([0-9a-zA-Z])")
_SHORT_POWER = re.compile(r"\^\s?\{([0-9a-zA-Z])\}")
_NEEDLESS_SPACE = re.compile(r"(?<![0-9a-zA-Z\s])\s+|\s+(?![0-9a-zA-Z\s])")  # `1 1/2` is not `11/2`
_MIXED = re.compile(
    r"(?P<sign>-?)(?P<whole>[0-9]{1,15})(?:\s?\\frac\{(?P<a>[0-9]{1,15})\}\{(?P<b>[0-9]{1,15})\}"
    r"|\s{1,3}(?P<c>[0-9]{1,15})\s?/\s?(?P<d>[0-9]{1,15}))"
)
_REPEATING = re.compile(
    r"(?P<sign>-?)(?P<whole>[0-9]{0,15})\.(?P<fixed>[0-9]{0,15})"
    r"(?:\\(?:overline|bar|dot)\s?\{(?P<a>[0-9]{1,15})\}|\((?P<b>[0-9]{1,15})\))"
)
# 0.333..., 0.1212...: what is written at least twice, and one digit three times, goes on for ever.
_ENDLESS = re.compile(
    r"-?(?P<whole>[0-9]{0,15})\.(?P<fixed>[0-9]{0,15}?)(?:(?P<cycle>[0-9]{2,8})(?P=cycle){1,8}|(?P<one>[0-9])(?P=one){2,20})"
    r"\s?\\[lc]?dots"
)
_PRICE = re.compile(r"\s?-?\\?\$\s?[0-9.,]{1,40}\s?\Z")
_BASE = re.compile(
    r"(?P<digits>-?[0-9A-F]{1,60})(?:_\{?\s?(?:\\text\{)?|\s{0,3}\(?(?:in\s)?base[\s-]{0,3})\(?(?P<base>[0-9]{1,2}|[a-z]{3,7})\s?\)?\}{0,2}\)?",
)
_MONEY = re.compile(r"\\?\$")
_PERCENT = re.compile(r"\s?\\?%|\s?\bper\s?cent(?:age)?\b|\s?\bpercentage points?\b")


def canonical(expression: str) -> str:
    """Return an expression in one way of writing, without its unit; cheap, by text alone."""
    return _quantity(expression)[0]


def unit(expression: str) -> str:
    """Return the unit of a quantity in one spelling, or an empty string where it names none that is known."""
    return _quantity(expression)[1]


@functools.lru_cache(maxsize=_REMEMBERED)
def _quantity(expression: str) -> tuple[str, str]:
    """Return a quantity's canonical value and its unit."""
    text = _CLOSED_UP.sub(",", passages.plain(expression[:_LONGEST]))
    text = _as_latex(_grouped(layout.one_way(text)))
    degrees = _DEGREES.search(text)
    for pattern, replacement in _SAME:
        text = pattern.sub(replacement, text)
    said = "degree" if degrees else "dollar" if _PRICE.match(text) else ""
    text = _grouped(_MONEY.sub("", _plainly_set(text)).strip("\"' "))
    text = _in_base(_fractions(_PERCENT.sub("", text).strip()))
    text, unit_of_it = without_unit(text)
    return _value(text.strip()), unit_of_it or said


def _value(text: str) -> str:
    """Return a value in one way of writing: number words in digits, mixed and repeating numbers as fractions."""
    if (parts := number_words.fraction(text)) is not None:
        text = f"\\frac{{{parts[0]}}}{{{parts[1]}}}"
    elif (number := number_words.read(text)) is not None:
        text = number
    if dozens := re.fullmatch(r"([0-9]{1,9})\sdozen", text):
        text = str(12 * int(dozens.group(1)))
    if scale := re.fullmatch(r"(-?[0-9]{1,40}(?:\.[0-9]{1,40})?)(\s(?:hundred|thousand|[mbtr]{1,2}illion))", text):
        text = number_words.scaled(scale.group(1), scale.group(2))
    if (exact := _exact(text)) is not None:
        text = exact
    if _ALL_REALS.fullmatch(text):
        return r"(-\infty,\infty)"
    text = re.sub(r"[^\S\n]+", " ", text)
    return _word(_NEEDLESS_SPACE.sub(_line_break_kept, text).rstrip(".").removeprefix("+"))


def _line_break_kept(space: re.Match[str]) -> str:
    return "\n" if "\n" in space.group() else ""


def is_percentage(expression: str) -> bool:
    """Return whether an expression is given in per cent."""
    return _PERCENT.search(passages.plain(expression[:_LONGEST])) is not None


_SET_IN = re.compile(rf"\\{layout.FONT}\s?\{{")


def _plainly_set(text: str) -> str:
    r"""Return a text without `\text{...}`, `\mathbf{...}` and their kin around what they hold, braces matched."""
    for _ in range(40):
        match = _SET_IN.search(text)
        content = passages.to_closing_brace(text, match.end()) if match else None
        if match is None or content is None:
            break
        text = f"{text[: match.start()]}{content}{text[match.end() + len(content) + 1 :]}"
    while text.startswith("{") and passages.to_closing_brace(text, 1) == text[1:-1]:
        text = text[1:-1].strip()
    return text


def _as_latex(text: str) -> str:
    """Return a text with Unicode's signs and what people write in code as LaTeX."""
    text = _OVERLINED.sub(lambda run: f"\\overline{{{run.group().replace(chr(0x305), '')}}}", text)
    text = _RAISED_RUN.sub(lambda run: f"^{{{run.group().translate(_RAISED)}}}", text)
    text = _LOWERED_RUN.sub(lambda run: f"_{{{run.group().translate(_LOWERED)}}}", text)
    text = _SIGN.sub(lambda sign: _SIGNS[sign.group()], text)
    text = _ROOT_IN_CODE.sub("√", text)
    for sign, command in _ROOTS.items():
        text = text.replace(sign, command)
    for pattern, replacement in _CODE:
        text = pattern.sub(replacement, text)
    return _braced_calls(text)


_CALL = re.compile(r"(\\sqrt(?:\[[0-9]{1,3}\])?|\^)\s?\(")
_ROOT_OF_NUMBER = re.compile(r"(\\sqrt(?:\[[0-9]{1,3}\])?)\s?([0-9]{1,40}(?:\.[0-9]{1,20})?)")


def _braced_calls(text: str) -> str:
    r"""Return a text with `\sqrt(...)` and `^(...)` in braces, and the whole number after a bare root sign as well."""
    for _ in range(40):
        call = _CALL.search(text)
        if call is None:
            break
        end = _closing_bracket(text, call.end())
        if end is None:
            break
        text = f"{text[: call.start()]}{call.group(1)}{{{text[call.end() : end]}}}{text[end + 1 :]}"
    return _ROOT_OF_NUMBER.sub(_number_in_braces, text)


def _number_in_braces(root: re.Match[str]) -> str:
    return f"{root.group(1)}{{{root.group(2)}}}"


def _closing_bracket(text: str, start: int) -> int | None:
    """Return where the round bracket that was opened before `start` closes."""
    depth = 1
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at
    return None


def _grouped(text: str) -> str:
    """Return a number without its thousands separators; anything else as it is."""
    match = _GROUPED.match(text.strip())
    if match is None or re.match(r"\s?[,;]", text.strip()[match.end() :]):
        return text
    return match["sign"] + re.sub(r"[^0-9.]", "", match["digits"]) + text.strip()[match.end() :]


def _fractions(text: str) -> str:
    """Return a text in which fractions and roots have their parts in braces."""
    text = _SHORT_FRACTION.sub(r"\\\1{\2}{\3}", re.sub(r"\\frac\s{1,3}", r"\\frac ", text))
    text = _HALF_FRACTION.sub(_braced, re.sub(r"\\frac\s?\\pi\s?([0-9a-zA-Z])", r"\\frac{\\pi}{\1}", text))
    text = _PART_OF.sub(r"\1\\frac{\2}{\3}", re.sub(r"\}\s{1,3}\{", "}{", text))
    return _SHORT_POWER.sub(r"^\1", _SHORT_ROOT.sub(r"\1{\2}", text))


def _braced(match: re.Match[str]) -> str:
    """Return a fraction or a binomial with both its parts in braces."""
    name, top, braced_bottom, braced_top, bottom = match.groups()
    return f"\\{name}{{{top}}}{braced_bottom}" if top else f"\\{name}{braced_top}{{{bottom}}}"


def _in_base(text: str) -> str:
    """Return a number in another base as `304_7`, however the base was named."""
    match = _BASE.fullmatch(text)
    if match is None:
        return text
    base = match["base"] if match["base"].isdigit() else number_words.read(match["base"])
    return f"{match['digits']}_{base}" if base else text


def _exact(text: str) -> str | None:
    """Return a mixed number, or a decimal that repeats, as one fraction; None for anything else."""
    if mixed := _MIXED.fullmatch(text.strip()):
        top, bottom = int(mixed["a"] or mixed["c"]), int(mixed["b"] or mixed["d"])
        if not bottom:
            return None
        value = int(mixed["whole"]) + Fraction(top, bottom)
    elif repeating := _REPEATING.fullmatch(text.strip()):
        fixed, cycle = repeating["fixed"], repeating["a"] or repeating["b"]
        value = Fraction(int(repeating["whole"] or 0))
        value += Fraction(int(fixed or 0), 10 ** len(fixed))
        value += Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(fixed))
    elif endless := _ENDLESS.fullmatch(text.strip()):
        fixed, cycle = endless["fixed"], endless["cycle"] or endless["one"]
        value = Fraction(int(endless["whole"] + fixed or 0), 10 ** len(fixed))
        value += Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(fixed))
    else:
        return None
    sign = "-" if text.strip().startswith("-") else ""
    return f"{sign}\\frac{{{value.numerator}}}{{{value.denominator}}}"


def _word(text: str) -> str:
    """Return words in lower case and without an article, a letter without its brackets, an expression as it is."""
    if letter := re.fullmatch(r"\(([A-Z])\)", text):
        return letter.group(1)
    if re.fullmatch(r"[A-Za-z][A-Za-z' -]{1,200}", text) and re.search(r"[A-Za-z]{2}", text):
        return re.sub(r"\A(?:(?:it|this)(?:'s|\sis)\s)?(?:an?\s|the\s)?", "", " ".join(text.split()).casefold())
    return text
