r"""A mathematical expression in LaTeX, canonically without dollars.

Equal after both were written in one way is equal (`mlpo_bench.answers.latex`); lists, intervals and the like are
compared by their parts (`mlpo_bench.answers.expressions`); single values are settled by math-verify in processes that
can be killed (`mlpo_bench.answers.referees`), and remembered.
"""

from __future__ import annotations

import functools
import html
import re
from typing import TYPE_CHECKING

from mlpo_bench.answers import declarations, expressions, latex, layout, number_words, passages, solutions
from mlpo_bench.answers.declared import Declared
from mlpo_bench.answers.format import Format
from mlpo_bench.answers.referees import shared


if TYPE_CHECKING:
    from collections.abc import Iterator

_REMEMBERED = 1 << 16
_SECONDS = 1.5  # of the processor's time for all an answer's parts; what is compared after that is not equal
_INSIDE = r"(?:[^$\\]|\\.){1,2000}"  # a dollar that is escaped is money
_DELIMITED = re.compile(
    rf"(?<!\\)\$\$(?P<a>{_INSIDE})\$\$|(?<!\\)\$(?P<b>{_INSIDE})\$"
    r"|\\\((?P<c>.{1,2000}?)\\\)|\\\[(?P<d>.{1,2000}?)\\\]",
    re.DOTALL,
)
_DISPLAY = re.compile(r"\A(?:\$\$|\\\[)")
_CLOSING_DISPLAY = re.compile(rf"(?:(?<!\\)\$\${_INSIDE}\$\$|\\\[.{{1,2000}}?\\\])[\s.]{{0,4}}\Z", re.DOTALL)
_BETWEEN_BOXES = re.compile(
    r"(?:[\s$.]|\\q?quad|\\text\{){0,6}(?:,|;|and|or|,\s?and|,\s?or)(?:[\s$}]|\\q?quad){0,6}(?:[a-zA-Z]\s?=\s?)?"
)
_LEAD_IN = re.compile(
    r"\A(?:so\s|thus\s|hence\s)?(?:the\s|our\s)?(?:final\s|exact\s|correct\s)?"
    r"(?:answer|value|result|solution|sum|probability|total|expression)s?(?:\sof\s[^.:=]{1,40})?\s?(?:is\s?:|are\s?:|is|are|:)\s{1,3}",
    re.IGNORECASE,
)
_BECAUSE = re.compile(r"(?<=\S),?\s(?:because|since)\s|(?<=\S)\s\((?:as|because|since)\s")
_CLOSING_LINES = re.compile(
    r"\\begin\{(?P<name>align|aligned|equation|gather|eqnarray|multline)\*?\}(?P<lines>.{1,2000}?)"
    r"\\end\{(?P=name)\*?\}[\s.$\]\\]{0,6}\Z",
    re.DOTALL,
)
_OF_RESULT = re.compile(
    r"\A[\W_]{0,8}(?:there\s(?:is|are|were)\s(?:exactly\s|only\s)?(?=\W{0,3}[0-9])"
    r"|(?:the\s)?(?:\w{2,12}\s){0,2}?(?:result|total|sum|number|value|probability|area|length|product|difference|minimum"
    r"|maximum|answer|solution|ratio|root|zero|volume|perimeter|circumference|radius|diameter|height|width|distance|speed"
    r"|integer|digit|term|multiple|factor|prime|divisor|base|exponent|constant|score|price|cost|time|age|count|amount"
    r"|percentage|fraction|degree|rate|slope|angle|vertex|center|centre|midpoint|focus|point|intersection|vector|remainder|quotient|average|mean|median|range|coefficient|determinant|magnitude|coordinate)(?:s|es)?\b(?:[^.:=?!$]|\$[^$]{1,40}\$){0,80}?\b(?:(?:is|are|lies)(?:\slocated)?(?:\sat)?|equals)\s"
    r"|the\s(?:\w{2,12}\s){1,5}(?:intersect|meet|cross|touch)(?:es|s)?\sat\s)",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\s?\((?:about|approximately|approx\.?|roughly|or about|i\.e\.|\\approx|\u2248|=|not\b|by\b|using\b"
    r"|which\b|(?:or\s)?[0-9.]{1,9}\s?\\?%)"
    r"[^()]{0,80}\)\Z|,\s(?:approximately|about|or about|roughly|not|which is)\b.{0,80}\Z",
    re.IGNORECASE,
)
_IN_WORDS_TOO = re.compile(r"(?<=[0-9])\s\((?P<said>[a-z][a-z -]{2,60})\)\W{0,3}\Z")  # "17 (seventeen)"
_OF_A_THING = re.compile(
    r"\A(?:the|its|their)\s(?:[a-z]{1,15}\s){1,5}?(?:is|are|equals)\s(?=[-\\$0-9(])", re.IGNORECASE
)
_APPROXIMATED = re.compile(r"\s?(?:\\approx(?![a-zA-Z])|\u2248)\s?")
_AND_IN_PER_CENT = re.compile(
    r"(?P<said>(?:[^=%]{0,200}=)?[^=%]{0,200}[0-9][^=%]{0,200}?)\s?=\s?[0-9.]{1,20}\s?\\?%\s?"
)  # 1/2 = 50 %
_ONE_SIGN = "[\u00bc-\u00be\u2150-\u215e]"  # a fraction in one character
_FRACTION = (
    r"(?:[0-9]{1,15}(?:\s{1,3}|\sand\s))?[0-9]{1,15}\s?[/\u2044]\s?[0-9]{1,15}(?![0-9/])"
    rf"|[0-9]{{0,15}}\s?{_ONE_SIGN}"
)
_COMES_TO = re.compile(
    r"(?:\b(?:(?:is|are|lies)(?:\slocated)?\sat|is|are|equals|be|gives|get|obtain|to|have)|[=:])\s{1,3}(?=\S)"
)
_SAYS_A_VALUE = re.compile(rf"[0-9]|\\|{_ONE_SIGN}")
_MATHS = re.compile(
    r"[-+(\[{]{0,3}\\?[$]?(?:[0-9.]|\\[a-zA-Z]|[a-zA-Z](?![a-zA-Z]))[^\s]{0,200}(?:\s[-+*/=<>\u00b1\u2248]\s\S{1,60}|\s(?:[a-z]{2,20}))"
    rf"{{0,6}}\Z|-?(?:{_FRACTION})(?:\s[a-z]{{2,20}}){{0,6}}\Z"
    r"|\(\s?-?[^()\s,]{1,30}(?:,\s?-?[^()\s,]{1,30}){1,3}\s?\)\Z"  # a point
)
_LAST_FORMULA = re.compile(
    rf"\b(?:is|are|equals|that|get|have|so|giving|obtain|find)\s(?P<said>{_DELIMITED.pattern})\W{{0,3}}\Z", re.DOTALL
)
_LAST_NUMBER = re.compile(
    r"\b(?:is|are|equals|be)\s(?:exactly\s|only\s|indeed\s|just\s|therefore\s)?"
    rf"(?P<said>-?(?:{_FRACTION}|[0-9][0-9,]{{0,40}}(?:\.[0-9]{{1,40}})?)(?:\s[a-z]{{2,20}}){{0,3}})[*_.! ]{{0,3}}\Z"
)
# "The vertex is $(3,-2)$ and the focus is $(3,-1)$" says two things, of which either may be asked for.
_OF_ANOTHER = re.compile(r"\bis\s[^a-z]{1,80}\sand\s(?:the|its)\s(?:[a-z]{1,15}\s){1,4}is\s(?=\$|\\\()")
_FIRST_FORMULA = re.compile(r"\b(?:is|are|equals)\s(?=\$|\\\()")
_JOINED = re.compile(r"\$\s?(?:,|and|or|,\s?and)\s?\$")
_THERE_ARE = re.compile(
    rf"\bthere (?:is|are) (?:exactly |only )?({_FRACTION}|[0-9][0-9,]{{0,20}})(?= [a-z])", re.IGNORECASE
)
_SO_AT_ONCE = re.compile(rf"\W{{0,4}}[a-zA-Z]{{2,9}}[,:]?\s(-?(?:{_FRACTION})|\S{{1,40}}?)\.?\Z")
# What a line may name before its value: x, an angle, a function
_NAMED = re.compile(
    r"\$?(?:(?:m\s?)?(?:\u2220|\\angle\s?)[A-Z]{1,3}\s?|[fgh](?:\^\{?-1\}?|\u207b\u00b9)?\([a-z]\)\s?|[a-zA-Z]\s?)?=\s?([^=]{1,200})\$?"
)
_ABOUT_ALONE = re.compile(
    r"\$?(?P<said>(?:[0-9.]{1,20}(?:\u03c0|\\pi)|(?:\u03c0|\\pi)/[0-9]{1,9}|[^\s=\u2248$]{0,40}(?:\\frac|\\sqrt|\u221a)[^\s=\u2248$]{1,40}))"
    r"\s?(?:\u2248|\\approx)\s?-?[0-9.,]{1,20}\$?"
)
_TAKEN_BACK = re.compile(r"\bnot\b|n't\b|\bcannot\b|\?[*_ ]{0,4}\Z")
_NUMBER = re.compile(
    rf"\(-?(?:{_FRACTION})\)|-?\s?(?:{_FRACTION}|(?:[0-9]{{1,15}}\s?)?\\[dtc]?frac\{{-?[0-9]{{1,15}}\}}\{{[0-9]{{1,15}}\}}"
    r"|\\?\$?[0-9][0-9,]{0,40}(?:\.[0-9]{1,40})?(?:/[0-9]{1,40})?\\?%?)"
)
# What stands behind an expression and is none of it; of the space that "\\ ", "\\," or "\\;" is, the whole.
_TRAILING = re.compile(r"(?:[,;]|(?<!\\)\\[,;:!]?){1,9}\Z")
# Where a value is taken, "9, attained at" some place
_ATTAINED = re.compile(
    r"(?<=[0-9})$]),?\s(?:(?:which is\s)?(?:attained|achieved|reached|obtained|occurring|taken)\s)?"
    r"(?:at|when|for|where|if)\s"
    r"\$?\(?[a-zA-Z][^.=]{0,12}=[^=]{1,40}\Z"
)
# Dots by which a list, a sum or a decimal goes on; "10..." of a sentence only trails off.
_GOES_ON = re.compile(r"([,;+]|\.[0-9]{1,40})\s?(?:\.{3,6}|\u2026)")


class Mathematics(Format):
    r"""An expression, as `\frac{1}{2}`."""

    name = "maths"
    slow = True
    grows = True
    instruction = "End with the final expression in LaTeX, written as <answer>...</answer>."

    def declared(self, text: str) -> Iterator[Declared]:
        r"""Yield declarations; boxes joined by "and", "or" or commas are one list."""
        yield from declarations.tagged(text)
        yield from _boxes_together(text)
        yield from declarations.phrased(text)

    def clause(self, after: str) -> str:
        """Return the formula after "answer is" (on its line, or displayed below it), or else its first sentence."""
        head = _GOES_ON.sub(r"\1\\ldots", after[: self.longest].lstrip("*_ \n"))
        if _DISPLAY.match(head) and (displayed := _DELIMITED.match(head)):
            return displayed.group()
        line = passages.first_line(head)
        clause = passages.before_reason(passages.sentence(line))
        formula = _DELIMITED.match(line)
        if formula and len(_DELIMITED.findall(clause)) <= 1:
            return formula.group()
        return clause

    def parse(self, passage: str) -> str | None:
        """Return a passage without dollars, boxes and a full stop: its one formula, or its several as a list."""
        passage = re.sub(r"(?<=[0-9])(?:\.{3,6}|\u2026)", r"\\ldots", _GOES_ON.sub(r"\1\\ldots", passage))
        contents = [content for _, _, content in passages.boxes(passage)]
        if contents:
            passage = contents[0] if len(contents) == 1 else ", ".join(reversed(contents))
        passage = _BECAUSE.split(solutions.without_rejected(html.unescape(passage)), maxsplit=1)[0]
        if re.match(r"not\s", passage):
            passage = passage.partition(" but ")[2]
        if (words := _IN_WORDS_TOO.search(passage)) and number_words.whole(words["said"]) is not None:
            passage = passage[: words.start()]
        passage = _ABOUT.sub("", _undelimited(passages.unemphasised(passage)))
        passage = _OF_A_THING.sub("", passage)
        passage = _LEAD_IN.sub("", _LEAD_IN.sub("", _text_unwrapped(passage)))
        formulas = [next(filter(None, match.groups())) for match in _DELIMITED.finditer(passage)]
        if len(formulas) == 1:
            passage = _undelimited(formulas[0])
        elif formulas:
            passage = re.sub(r"\s(?:and|or)\s", ", ", re.sub(r"(?<!\\)\$|\\[()\[\]]", "", passage))
        passage = _TRAILING.sub("", _exact_side(passage).strip()).strip()
        return passage if re.search(r"\w|\\\{|\u221e|\u2205", passage) and _whole(passage) else None

    def conclusion(self, sentence: str) -> str | None:
        """Return the formulas of a concluding sentence, or the expression that it says something is."""
        sentence = solutions.without_rejected(_ATTAINED.sub("", sentence))
        said = _OF_RESULT.match(sentence) or passages.concludes(sentence)
        if not said or _TAKEN_BACK.search(sentence) or len(re.findall(r"(?<!\\)\$", sentence)) % 2:
            return None
        formulas = [match.group() for match in _DELIMITED.finditer(sentence)]
        return self._of_formulas(sentence, formulas) if formulas else self._of_words(sentence)

    def _of_formulas(self, sentence: str, formulas: list[str]) -> str | None:
        """Return what a sentence says something is: the formula at its end, its several as a list, or its first."""
        if number := _LAST_NUMBER.search(passages.before_reason(sentence)):
            return self.parse(number["said"])
        if len(formulas) > 1 and _OF_ANOTHER.search(sentence):
            return None
        if last := _LAST_FORMULA.search(sentence):
            return self.parse(last["said"])
        if len(formulas) == 1 or _JOINED.search(sentence):
            return self.parse(", ".join(formulas))
        return self.parse(formulas[0]) if _FIRST_FORMULA.search(sentence) else None

    def _of_words(self, sentence: str) -> str | None:
        """Return the expression that a sentence without formulas comes to: "there are 10 ways", "so it is 10"."""
        if there := _THERE_ARE.search(sentence):
            return self.parse(there.group(1))
        if (several := solutions.listed(sentence)) is not None:
            return self.parse(several)
        stated = [sentence[match.end() :].strip().rstrip(".!") for match in _COMES_TO.finditer(sentence)]
        if at_once := _SO_AT_ONCE.match(sentence):
            stated.append(at_once.group(1))
        said = stated[-1] if stated else ""
        return self.parse(said) if _MATHS.fullmatch(said) and _SAYS_A_VALUE.search(said) else None

    def alone(self, line: str) -> str | None:
        """Return the formula or number that a line consists of, perhaps behind a name: "x = 10", "= 10"."""
        alone = solutions.without_rejected(line).strip("*_ ").rstrip(".")
        if about := _ABOUT_ALONE.fullmatch(alone):
            return self.parse(about["said"])
        if named := _NAMED.fullmatch(alone):
            if re.search(r"[0-9]|\\", named.group(1)):
                return self.parse(named.group(1).rstrip("$"))
            return self.parse(alone) if "(x)" in alone else None
        in_words = number_words.fraction(alone) or number_words.whole(alone)
        return self.parse(alone) if in_words or _NUMBER.fullmatch(alone) or _DELIMITED.fullmatch(alone) else None

    def last_resort(self, text: str) -> str | None:
        """Return the display that closes a text, or what its closing line states."""
        if passages.continues_a_list(text):
            return None
        if lines := _CLOSING_LINES.search(text[-2 * self.longest :]):
            rows = layout.rows_ended_alike(lines["lines"]).rstrip("\\ \n").split("\\\\ ")
            return self.parse(rows[-1].replace("&", "").rpartition("=")[2])
        if displayed := _CLOSING_DISPLAY.search(text[-2 * self.longest :]):
            return self.parse(displayed.group().strip().rstrip("."))
        return super().last_resort(text)

    def judge(self, answer: str, gold: str) -> bool:
        """Return whether two expressions are equal; False where that cannot be settled within seconds.

        Raises:
            EngineError: The processes that compare expressions cannot be started.
        """
        return len(answer) <= self.longest and _equal(answer.strip(), gold.strip())

    def key(self, answer: str) -> str:
        """Return the expression in one way of writing: cheap, and blind to how it was written alone."""
        return latex.canonical(answer)

    def written(self, gold: str) -> str:
        """Return the expression between dollars."""
        return f"${gold}$"


_same = functools.lru_cache(maxsize=_REMEMBERED)(shared.same)


@functools.lru_cache(maxsize=_REMEMBERED)
def _equal(answer: str, gold: str) -> bool:
    """Return whether two expressions are equal; parts that would be compared after the time for it are not."""
    spent = 0.0

    def same(one: str, other: str) -> bool:
        nonlocal spent
        if spent > _SECONDS:
            return False
        verdict = _same(one, other)
        spent += verdict.seconds
        return verdict.equal

    return expressions.equal(answer, gold, same)


def _boxes_together(text: str) -> Iterator[Declared]:
    """Yield the writer's last box, with those before it that it is joined to, as one list."""
    for last in declarations.boxed(text):
        start, contents = last.start, [last.passage]
        for before, end, content in passages.boxes(text):
            if end <= start and _BETWEEN_BOXES.fullmatch(text[end:start]):
                start, contents = before, [content, *contents]
        yield Declared("box", start, last.end, ", ".join(contents))


def _text_unwrapped(passage: str) -> str:
    r"""Return a passage whose `\text{The value is } 5` is plain words; a unit or a word keeps its wrapping."""
    said = passages.unwrapped(passage)
    return said if _LEAD_IN.match(said) else passage


def _exact_side(passage: str) -> str:
    r"""Return what stands before "\approx", or behind it where a variable alone stands before it."""
    if share := _AND_IN_PER_CENT.fullmatch(passage):
        return share["said"]
    sides = _APPROXIMATED.split(passage)
    if len(sides) == 1:
        return passage
    named = re.fullmatch(r"\s?\\?[a-zA-Z]{0,6}\s?", sides[0]) and sides[0].strip() not in {"\\pi", "e"}
    return sides[-1] if named else sides[0].strip()


def _whole(passage: str) -> bool:
    """Return whether a passage closes the braces that it opens (one that does not was cut off) and boxes something."""
    bare = re.sub(r"\\.", "", passage)
    return bare.count("{") == bare.count("}") and not re.search(r"\\(?:boxed|fbox)\s?\{\s?\}", passage)


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
