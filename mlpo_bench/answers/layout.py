r"""What LaTeX is set with and says nothing: spaces, sizes, phantoms; and the names of one command made one.

`\dbinom` is `\binom`, `\lvert x\rvert` is `|x|`, `\\[4pt]` ends a row as `\\` does. Every pattern repeats only within
small bounds.
"""

from __future__ import annotations

import re

from mlpo_bench.answers import quantities


FONT = (
    r"(?:text(?:bf|it|rm|tt|sf|sc|sl|up|md|normal)?|math(?:rm|bf|it|sf|tt|cal|normal)|bold(?:symbol)?|bm|pmb|[mh]box"
    r"|operatorname\*?|emph|underline|smash(?:\[[tb]\])?)"
)
"""Commands that change how what stands in their braces looks: a pattern, without the backslash and the brace."""

_END = r"(?![a-zA-Z])"
_LENGTH = r"[-+]?\s?[0-9.]{1,9}\s?(?:pt|em|ex|cm|mm|in|mu|pc|px|bp)"
_BRACED = r"\s?\{((?:[^{}]|\{[^{}]{0,200}\}){0,1000})\}"
_FUNCTIONS = r"(?:arc)?(?:sin|cos|tan)|cot|csc|log|ln|exp"
_OPERATORS = rf"{_FUNCTIONS}|sec|max|min|gcd|lim|sup|inf|deg|det|dim|arg|sinh|cosh|tanh|coth"
_DOTS = r"\\(?:[lc]?dots|dots[bcimo]|hdots|(?:text|math)ellipsis)(?![a-zA-Z])"

_ENDS_A_ROW = re.compile(rf"\\\\\*?(?:\s?\[\s?{_LENGTH}\s?\])?|\\(?:cr(?:cr)?|newline|tabularnewline){_END}")
_UNSEEN = re.compile(
    rf"\\[hv]?phantom{_BRACED}|\\(?:tag|label)\*?{_BRACED}"
    rf"|\\(?:left|right|middle|[bB]ig{{1,2}}[lmr]?|mleft|mright){_END}\.?"
    r"|\\(?:(?:display|text|script|scriptscript)style|(?:no|display)?limits|(?:math)?strut|nonumber|notag|(?:allow|no)break"
    r"|noindent|centering|relax|hline|checkmark|qed(?:here|symbol)?|blacksquare|neg(?:thin|med|thick)space|bf|rm|it|sf|tt|tiny|small|normalsize|[lL]arge|LARGE"
    rf"|[hH]uge|boldmath){_END}"
    rf"|\\math(?:rm|bf|it|sf|normal|open|close|bin|rel|ord|punct|inner){_END}(?!\s?\{{)|(?<!\\)\\!"
)
_SPACE = re.compile(
    rf"\\[hv]space\*?\s?\{{[^{{}}]{{0,40}}\}}|\\(?:[hvm]skip|m?kern)\s?{_LENGTH}"
    rf"|\\(?:q?quad|en(?:space|skip)|(?:thin|med|thick|nobreak)?space|hfill?|(?:small|med|big)skip){_END}"
    r"|(?<!\\)\\[,;:> ]|~"
)
_ONE_NAME = (
    (re.compile(rf"\\(?:[dtcs]|nice)frac{_END}"), r"\\frac"),
    (re.compile(rf"\\[dt]binom{_END}"), r"\\binom"),
    (re.compile(rf"\\ensuremath{_BRACED}"), r"\1"),
    (re.compile(rf"\\(?:[lr]?vert|mid){_END}"), "|"),
    (re.compile(rf"\\[lr]?Vert{_END}"), r"\\|"),
    (re.compile(rf"\\operatorname\s?\{{\s?abs\s?\}}|\\abs{_END}(?=\s?\()"), "abs"),
    (re.compile(rf"\\abs\*?{_BRACED}"), r"|\1|"),
    (re.compile(r"(?<![\\a-zA-Z])abs\s?\(([^()]{1,200})\)"), r"|\1|"),
    (re.compile(rf"\\norm\*?{_BRACED}"), r"\\|\1\\|"),
    (re.compile(r"\\math(?:open|close|bin|rel|ord|op|punct|inner)\s?\{([^{}]{0,200})\}"), r"\1"),
    (re.compile(rf"\\colon{_END}|(?<![\\a-zA-Z])\{{\s?:\s?\}}"), ":"),
    (re.compile(rf"{_DOTS}|\.{{3,6}}"), r"\\ldots "),
    (re.compile(rf"\\operatorname\*?\s?\{{\s?({_OPERATORS})\s?\}}"), r"\\\1 "),
    (re.compile(rf"\\(?:mathrm|text|textrm)\s?\{{\s?({_FUNCTIONS})\s?\}}"), r"\\\1 "),
    (re.compile(rf"\\[bBp]?matrix{_BRACED}"), r"\\begin{pmatrix}\1\\end{pmatrix}"),
    (
        re.compile(
            r"\\begin\{[bBp]?(?:small)?matrix\*?\}(?:\[[lcr]\])?"
            r"|\\begin\{array\}(?:\[[tcb]\])?(?:\{[lcr| ]{1,20}\})?"
        ),
        r"\\begin{pmatrix}",
    ),
    (re.compile(r"\\end\{(?:[bBp]?(?:small)?matrix\*?|array)\}"), r"\\end{pmatrix}"),
    (re.compile(r"\\ang\s?\{([0-9.]{1,20})\}"), r"\1^{\\circ}"),
)


def rows_ended_alike(text: str) -> str:
    r"""Return a text in which every row ends in `\\ `, whatever space or name its end was given."""
    return _ENDS_A_ROW.sub(r"\\\\ ", text)


def unset(text: str) -> str:
    """Return a text without what only sets it: spaces of all widths are one, sizes and phantoms are gone."""
    return _SPACE.sub(" ", _UNSEEN.sub("", text)) if "\\" in text or "~" in text else text


def one_way(text: str) -> str:
    """Return an expression without what only sets it, each of its commands under one name."""
    text = unset(quantities.in_words(rows_ended_alike(text)))
    for pattern, replacement in _ONE_NAME:
        text = pattern.sub(replacement, text)
    return re.sub(r"[^\S\n]{2,40}", " ", text)
