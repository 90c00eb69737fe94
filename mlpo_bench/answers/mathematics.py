r"""A mathematical expression in LaTeX, canonically without dollars.

Equal after textual normalisation is equal; all else is settled by math-verify in processes that can be killed
(`mlpo_bench.answers.referees`), and remembered.
"""

from __future__ import annotations

import functools
import re

from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format
from mlpo_bench.answers.referees import shared


_REMEMBERED = 1 << 16
_INSIDE = r"(?:[^$\\]|\\.){1,2000}"  # a dollar that is escaped is money
_DELIMITED = re.compile(
    rf"(?<!\\)\$\$(?P<a>{_INSIDE})\$\$|(?<!\\)\$(?P<b>{_INSIDE})\$"
    r"|\\\((?P<c>.{1,2000}?)\\\)|\\\[(?P<d>.{1,2000}?)\\\]",
    re.DOTALL,
)
_PLAIN_NUMBER = re.compile(r"-?\$?[0-9][0-9,]{0,40}(?:\.[0-9]{1,40})?(?:/[0-9]{1,40})?%?")
_DISPLAY = re.compile(r"\A(?:\$\$|\\\[)")


class Mathematics(Format):
    r"""An expression, as `\frac{1}{2}`."""

    name = "maths"
    slow = True
    instruction = "End with the final expression in LaTeX, written as <answer>...</answer>."

    def clause(self, after: str) -> str:
        """Return the formula after "answer is" (on its line, or displayed below it), or else its first sentence."""
        head = after[: self.longest]
        if _DISPLAY.match(head) and (displayed := _DELIMITED.match(head)):
            return displayed.group()
        line = passages.first_line(head)
        formula = _DELIMITED.search(line)
        if (
            formula
            and len(_DELIMITED.findall(passages.sentence(line))) == 1
            and not line[: formula.start()].strip("*: ")
        ):
            return formula.group()
        return passages.sentence(line)

    def parse(self, passage: str) -> str | None:
        """Return a passage without dollars, boxes and a full stop: its one formula, or its several as a list."""
        for content in passages.boxed(passage):
            passage = content
        passage = _undelimited(passage)
        formulas = [next(filter(None, match.groups())) for match in _DELIMITED.finditer(passage)]
        if len(formulas) == 1:
            passage = _undelimited(formulas[0])
        elif formulas:
            passage = re.sub(r"\s(?:and|or)\s", ", ", re.sub(r"(?<!\\)\$", "", passage))
        return passage or None

    def last_resort(self, text: str) -> str | None:
        """Return the formula or number that the closing line consists of, or the one in a concluding line."""
        line = passages.last_line(text)
        if len(line) > self.longest:
            return None
        alone = line.strip("*_ ").rstrip(".")
        if _PLAIN_NUMBER.fullmatch(alone) or _DELIMITED.fullmatch(alone):
            return self.parse(alone)
        formulas = _DELIMITED.findall(line)
        return self.parse(line) if passages.concludes(line) and len(formulas) == 1 else None

    def judge(self, answer: str, gold: str) -> bool:
        """Return whether two expressions are equal; False where that cannot be settled within seconds.

        Raises:
            EngineFault: The processes that compare expressions cannot be started.
        """
        if self.key(answer) == self.key(gold):
            return True
        return len(answer) <= self.longest and _same(answer.strip(), gold.strip())

    def key(self, answer: str) -> str:
        """Return the expression normalised as text: cheap, and blind to spacing and ways of writing alone."""
        return _normalised(answer)

    def written(self, gold: str) -> str:
        """Return the expression between dollars."""
        return f"${gold}$"


_same = functools.lru_cache(maxsize=_REMEMBERED)(shared.same)

_SIZING = re.compile(r"\\(?:left|right|[bB]ig{1,2}[lr]?|displaystyle|limits)(?![a-zA-Z])|\\!|\{\}")
_SPACE = re.compile(r"\\[,;:> ]|~")
_NEEDLESS_SPACE = re.compile(r"(?<![0-9\s])\s+|\s+(?![0-9\s])")  # `1 1/2` is not `11/2`
_TEXT = re.compile(r"\\(?:text|mbox|textbf|textit|mathrm|mathbf|textrm|operatorname)\s?\{([^{}]{0,300})\}")
_DEGREES = re.compile(r"\^\s?(?:\\circ|\{\s?\\circ\s?\})|\\degree|°")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:(?:,|\{,\}|\\,|\\!|,\\!)[0-9]{3}){1,20}(?:\.[0-9]{1,60})?")
_SHORT_FRACTION = re.compile(r"\\frac\s?([0-9a-zA-Z])\s?([0-9a-zA-Z])(?![{0-9])")
_HALF_FRACTION = re.compile(r"\\frac\s?(?:([0-9a-zA-Z])\s?(\{[^{}]{1,300}\})|(\{[^{}]{1,300}\})\s?([0-9a-zA-Z]))")
_UNITS = re.compile(r"\\?[$%]")  # asked for a percentage or a price, a bare number is the same answer
_SHORT_ROOT = re.compile(r"\\sqrt\s?([0-9a-zA-Z])")


@functools.lru_cache(maxsize=_REMEMBERED)
def _normalised(expression: str) -> str:
    expression = _undelimited(passages.plain(expression[: Mathematics.longest]))
    if _GROUPED.fullmatch(expression):
        expression = re.sub(r"[^0-9.+-]", "", expression)
    expression = re.sub(r"\\[dtc]frac(?![a-zA-Z])", r"\\frac", expression)
    expression = _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", expression)
    expression = _HALF_FRACTION.sub(_braced, expression)
    expression = _SHORT_ROOT.sub(r"\\sqrt{\1}", expression)
    expression = _TEXT.sub(r"\1", expression)
    expression = _DEGREES.sub("", expression)
    expression = _NEEDLESS_SPACE.sub("", _SPACE.sub(" ", _SIZING.sub("", expression)))
    return _UNITS.sub("", expression).rstrip(".").removeprefix("+")


def _braced(match: re.Match[str]) -> str:
    """Return a fraction with both its parts in braces."""
    top, braced_bottom, braced_top, bottom = match.groups()
    return f"\\frac{{{top}}}{braced_bottom}" if top else f"\\frac{braced_top}{{{bottom}}}"


def _undelimited(passage: str) -> str:
    """Return a passage without what surrounds it: Markdown, dollars, a full stop."""
    previous = None
    while previous != passage:
        previous = passage
        passage = passage.strip().strip("*`").strip()
        passage = passage.removesuffix(".")
        whole = _DELIMITED.fullmatch(passage)
        if whole and not ("\\(" in passage[2:] or "\\[" in passage[2:]):
            passage = next(filter(None, whole.groups()))
    return passage.strip()
