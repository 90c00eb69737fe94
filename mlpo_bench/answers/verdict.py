"""One of two words: yes or no, True or False, valid or invalid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.answers import abroad, booleans, denials, passages
from mlpo_bench.answers.format import Format


if TYPE_CHECKING:
    from collections.abc import Mapping


_LEAD_IN = (
    r"(?:that\s|it\s|this\s|the\s(?:argument|statement|expression|result|value|sentence)\s|is\s|it's\s|are\s"
    r"|definitely\s|clearly\s|probably\s|(?:most\s)?likely\s|an?\s|(?:deductively|logically|formally)\s"
    r"|(?:i|we)\s(?:(?:would|do)\s)?(?:believe|think|guess|suspect|suppose|say)\s|i'd\ssay\s|the\sanswer\s|(?:wait|sorry|oops|actually|so|therefore|thus|hence|then|well|indeed),?\s)"
)
_END = (
    r"(?!\.\s?[0-9])(?=[*_`\"')}$\]]{0,4}(?:\s{0,3}(?:\Z|[.,:;!?(\u2014<\n]|-\s"
    r"|because\b|since\b|as\b|and\s(?:that|not)\b|for\b|which\b)|\s{1,4}(?:\Z|\n)))"
)
_UNDECIDED = re.compile(
    r"\b(?:whether|if|decide|determine|check|assume|suppose|see|prove|show|cannot tell|could|might|may|some people"
    r"|some say|many)\b",
    re.IGNORECASE,
)


# "Yes, but it could be no", "probably yes, probably no"; "yes or no" side by side only says what may be answered.
_NOT_OF_A_PAIR = "".join(rf"(?<!{word}\s)(?<!{word}[\"'*_]\s)" for word in ("yes", r"\bno", "true", "false", "valid"))
_HEDGED = re.compile(
    rf"\b(?:could|might|may|can|probably|maybe|perhaps|possibly|{_NOT_OF_A_PAIR}or)\s"
    r"(?:(?:also|well|equally|just as well)\s){0,2}"
    r"(?:be\s)?(?:an?\s)?"
    r"[\"'*_]{0,2}(?P<word>yes|no|true|false|valid|invalid)\b(?!\s[a-z])",
    re.IGNORECASE,
)
_THEREFORE = re.compile(r"\A[\W_]{0,8}(?:so|therefore|thus|hence)[,:]?\s", re.IGNORECASE)
_ARROW = re.compile(r"\u2192|\u21d2|[-=]>")  # "False and True → False"


class Verdict(Format):
    """A choice between two words. `words` maps each way to say one to its canonical form.

    What a passage opens with decides ("False, not True"); else it must say one of the two words alone. `stated` is
    how a closing sentence says so without announcing it ("The argument is valid."); its groups are what is said.
    """

    words: ClassVar[Mapping[re.Pattern[str], str]]
    opens: ClassVar[re.Pattern[str]]
    stated: ClassVar[re.Pattern[str]]
    abroad: ClassVar[frozenset[str]] = frozenset()
    """The verdicts that are read in other languages, too."""
    # "the result is not True, it is False"
    _replaced = re.compile(
        r"[^.;!?]{0,80}?\bnot\s[\"'*_]{0,2}(?P<denied>yes|no|true|false|valid|invalid)[\"'*_]{0,2}\s?[,;]?\s(?:but|rather|instead)?[,\s]{0,2}"
        r"(?:(?:it|that)(?:'s|\sis|\sshould be)\s)?(?:rather\s|actually\s|in fact\s)?[\"'*_]{0,2}"
        r"(?P<word>yes|no|true|false|valid|invalid)\W{0,4}\Z",
        re.IGNORECASE,
    )

    def parse(self, passage: str) -> str | None:
        """Return the one word of the two that a passage opens with, or says."""
        passage = passages.before_reason(passages.bare(passages.unwrapped(passage)))
        if (said_abroad := self._in_another_language(passage)) is not None:
            return said_abroad
        if replaced := self._replaced.match(passage):
            return self._said(replaced["word"]) or None
        if opening := self.opens.match(passage):
            said = self._said(opening["word"])
            if self._hedged(passage[opening.end("word") :], said):
                return None
            behind = re.match(r"[\s,/|]{0,4}(?:(?:or|and)\s)?(\w{2,7})\b", passage[opening.end("word") :])
            return (said or None) if behind is None or self._said(behind.group(1)) in {None, "", said} else None
        return self._said(passage) or None

    def _hedged(self, rest: str, said: str | None) -> bool:
        """Return whether what stands behind a word says that it may as well be the other one."""
        other = _HEDGED.search(rest)
        return other is not None and self._said(other["word"]) not in {None, "", said}

    def _in_another_language(self, passage: str) -> str | None:
        said = abroad.verdict(passage)
        return said if said in self.abroad else None

    def _said(self, passage: str) -> str | None:
        said = {canonical for pattern, canonical in self.words.items() if pattern.search(passage)}
        return said.pop() if len(said) == 1 else None

    def conclusion(self, sentence: str) -> str | None:
        """Return the word that a sentence opens with, or comes to as a conclusion or a result."""
        if sentence.rstrip("*_ ").endswith("?"):
            return None
        opening = self.opens.match(sentence)
        if opening and re.match(
            r"[*_\"')]{0,3}(?:[.,:;!](?:\s|\Z)|\s{0,2}(?:\u2014|-\s)|\Z)", sentence[opening.end("word") :]
        ):
            said = self._said(opening["word"])
            return None if self._hedged(sentence[opening.end("word") :], said) else said or None
        left, _, result = _ARROW.sub("=", sentence).rpartition("=")
        if re.search(r"(?:\A|\W)[A-Z]\s{0,2}\Z", left) and not passages.concludes(sentence):
            return None  # "A = True" says what A is
        if passages.concludes(sentence) or passages.bare(result.rstrip(". *")).isalpha():
            return self.parse(_THEREFORE.sub("", result))
        stated = self.stated.search(sentence)
        if stated is None or _UNDECIDED.search(sentence[: stated.end()].partition(",")[0]):
            return None
        return self.parse(self.of_statement(sentence, stated))

    def of_statement(self, sentence: str, stated: re.Match[str]) -> str:  # noqa: ARG002 - what denies may stand before
        """Return the part of a sentence that says the word."""
        return str(next(filter(None, stated.groups())))

    def opening(self, text: str) -> str | None:
        """Return the word that a text opens with, set off from its explanation ("No. The walk ends east.")."""
        first = passages.first_line(text)
        said = self.opens.match(first)
        if re.search(r"\b(?:let me|let's|let us|i will|i'll|we need|i need)\b", first, re.IGNORECASE):
            return None
        set_off = said and re.match(r"[*_\"']{0,3}[.,:;!]\s", first[said.end("word") :])
        if said is None or not set_off:
            return super().opening(text)
        word = self._said(first[: said.end("word") + 1])
        return None if self._hedged(first[said.end("word") :], word) else word or None

    def instead(self, said: str, answer: str) -> str | None:
        """Return the word that a correction says, whatever reason follows."""
        return super().instead(passages.before_reason(said), answer)

    def alone(self, line: str) -> str | None:
        """Return the word that a line consists of."""
        line = passages.bare(line.strip().lstrip("> ").rstrip(".!"))
        if (said_abroad := self._in_another_language(line)) is not None:
            return said_abroad
        return self._said(line) or None if line.isalpha() else None


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'-])(?:{pattern})(?![\w'-])", re.IGNORECASE)


def _opens(words: str) -> re.Pattern[str]:
    return re.compile(rf"[\W_]{{0,4}}{_LEAD_IN}{{0,5}}(?P<word>{words}){_END}", re.IGNORECASE)


# What was asked, turned into a statement: "The sentence is not plausible", "You would return to the starting point".
_SO = r"\A[\W_]{0,8}(?:(?:so|therefore|thus|hence|overall|finally|in conclusion),?\s(?:that\s)?)?"
_PLAUSIBLE = (
    r"(?:the|this|that|it)(?:'s|\b[^.,;:!?]{0,60}?(?:is|sounds|seems|seem|appears|does|be))(?P<is_not>n't|\snot)?"
    r"(?:\s(?:quite|very|highly|seem|sound|entirely|physically|factually)){0,2}\s(?P<im>im)?plausible"
)
_RETURNS = (
    r"(?:you|we|i|he|she|they|one)\s(?:(?:do|does|did|will|would|have|are|end|ended)(?P<do_not>n't|\snot)?\s)?"
    r"(?:indeed\s|actually\s)?(?:returns?|returned|up|back|end up)(?:\sback)?\s(?:to|at|in)\s"
    r"(?:the|your|our|my|his|her|their)\s(?:original\s)?(?:starting|initial)\s(?:point|position|place|spot)"
)
# "You are not at the starting point", "We end up where we started"
_IS_BACK = (
    r"(?:you|we)\s(?:(?:are|were|do|will|did|would)(?P<are_not>n't|\snot)?\s)?"
    r"(?:be\s|end up\s|finish\s)?(?:right\s)?(?:back\s)?"
    r"(?:at\s(?:the|your|our)\s(?:original\s)?(?:starting\s(?:point|position|place)|origin|start)"
    r"|where\s(?:you|we)\s(?:started|began))"
)
# Where a walk ends, said with its coordinates: "You end at (3, 0), which is not the starting point".
_WHICH_IS = (
    r"(?:you|we)\s[^?!]{1,80},\s(?:and\s)?(?:which|this|that)\s(?:is|was)(?P<which_not>n't|\snot)?"
    r"\s(?:the same as\s)?(?:(?:the|your|our)\s"
    r"(?:original\s)?(?:starting|initial)\s(?:point|position|place|spot)|the\sorigin|where\s(?:you|we)\s(?:started|began))"
)
_ASKED = re.compile(rf"{_SO}(?:{_PLAUSIBLE}|{_RETURNS}|{_IS_BACK}|{_WHICH_IS})[^\w?]{{0,4}}\Z", re.IGNORECASE)
# "It is not the case that the sentence is plausible"
_NOT_THAT = re.compile(
    r"(?:\bnot|n't)\s(?:the\scase|true|seem|appear|look|so|likely)\s(?:that|as\sif|like)\b", re.IGNORECASE
)
_BECAUSE = re.compile(r",?\s(?:because|since)\s")
_TELLS_THE_TRUTH = re.compile(
    rf"{_SO}(?P<who>[a-z]{{2,20}})\s(?:must\s|is\s)?(?:(?P<not>does(?:\snot|n't)\s)?(?P<truth>tell(?:s|ing)?\sthe\struth)"
    r"|(?P<lies>lies?|lying|a liar))\W{0,4}\Z",
    re.IGNORECASE,
)


class YesNo(Verdict):
    """Yes or No. "No" counts where it stands by itself: "no longer" is no answer."""

    name = "yes_no"
    instruction = "End with Yes or No, written as <answer>Yes</answer> or <answer>No</answer>."
    words: ClassVar = {
        _word("yes|yep|yeah|yup"): "Yes",
        _word(r"nope|nah"): "No",
        _word(r"not\s[\"'*_]{0,3}(?:yes|no)"): "",
        re.compile(
            r"(?<![\w'-])no(?!\.\s?[0-9])(?=[\s*_`\"')}$]{0,4}(?:\Z|[.,:;!?\u2014<(/]|-\s|because\b|since\b|as\b))",
            re.IGNORECASE,
        ): "No",
    }
    opens = _opens("yes|yep|yeah|no|nope")
    abroad = frozenset(("Yes", "No"))
    stated = re.compile(
        r"\b(?:answers?|say|says|reply|conclude|meant?)\W{1,4}"
        r"((?:yes|no)\b(?=[\"'*_)]{0,4}\s(?:here|in this case)\W{0,4}\Z)|(?:yes|no)\b.*\Z)"
        r"|\bso,\s(yes|no)\W{0,4}\Z|,\s(yes|no)(?=,\s|,?\s(?:he|she|it|they|you|we|i)\s(?:do|does|did|will|would|is|are|can|has)\b)",
        re.IGNORECASE | re.DOTALL,
    )

    def read(self, text: str, *, question: str = "", cut_off: bool = False) -> str | None:
        """Return the verdict of a text; else what its last sentence says of whom the question asks about."""
        if (answer := super().read(text, question=question, cut_off=cut_off)) is not None or cut_off:
            return answer
        about = re.search(r"\bDoes (\w{2,20}) tell the truth\?", question)
        last = passages.sentences(passages.last_line(passages.prepared(text)))[-1:]
        said = _TELLS_THE_TRUTH.match(last[0][: self.longest]) if about and last else None
        if about is None or said is None or said["who"].casefold() != about.group(1).casefold():
            return None
        return "Yes" if said["truth"] and not said["not"] else "No"

    def conclusion(self, sentence: str) -> str | None:
        """Return the word that a sentence says, or that it comes to by stating what was asked, or denying it."""
        if (answer := super().conclusion(sentence)) is not None:
            return answer
        stated = _ASKED.match(_BECAUSE.split(sentence, maxsplit=1)[0])
        if stated is None or _UNDECIDED.search(sentence):
            return None
        negations = [stated[name] for name in ("is_not", "im", "do_not", "are_not", "which_not")]
        denied = sum(map(bool, (*negations, _NOT_THAT.search(stated.group())))) % 2
        return "No" if denied else "Yes"


class TrueFalse(Verdict):
    """True or False. A negated one ("not True") is an expression, and no answer."""

    name = "true_false"
    instruction = "End with True or False, written as <answer>True</answer> or <answer>False</answer>."
    words: ClassVar = {_word("true"): "True", _word("false"): "False", _word("not|and|or"): ""}
    opens = _opens("true|false")
    stated = re.compile(
        r"\b(?:(?:evaluates?|simplifies|reduces|comes|amounts) to|left with|is|equals|becomes|gives(?:\sus)?|yields"
        r"|returns|get|:)\s"
        r"(\W{0,3}(?:true|false)\W{0,4})\Z",
        re.IGNORECASE,
    )
    # "`not True and False` is `False`"
    _expression = re.compile(r"`[^`\n]{0,200}\b(?:not|and|or)\b[^`\n]{0,200}`(?=\s\w)", re.IGNORECASE)
    # "True and not False is ..." begins with no answer, as "True and not False." does.
    _goes_on = re.compile(
        r"\sand\snot\b[^.,;:!?]{0,200}?\b(?:is|equals|becomes|gives|yields|(?:evaluates|simplifies|reduces|comes)\sto)\b",
        re.IGNORECASE,
    )

    def conclusion(self, sentence: str) -> str | None:
        """Return what a sentence comes to, whatever is said in the expression that it quotes or spells out."""
        opening = self.opens.match(sentence)
        set_off = opening is not None and sentence[opening.end("word") :].startswith((",", ":", ";", ".", "!"))
        if not set_off and (said := booleans.result(sentence)) and not _UNDECIDED.search(sentence):
            return self._said(said)
        opening = self.opens.match(plain := _THEREFORE.sub("", sentence))
        if opening and passages.concludes(sentence) and self._goes_on.match(plain, opening.end("word")):
            return None
        return super().conclusion(self._expression.sub("it", sentence))


_GIVEN = re.compile(r",\sgiven\s[^.,;:!?]{1,80},(?=\s)", re.IGNORECASE)  # "given the explicitly stated premises"
_DENYING = re.compile(
    r"\b(?:wrong|incorrect|mistake|mistaken|false|cannot|can't|not)\s(?:to\s|that\s)?(?:call|say|think|consider|conclude|claim|regard)\b"
    r"|(?<!\bno\s)(?<!\bwithout\s)\bdoubt\s(?:that\s|whether\s|if\s)?(?:the\s|this\s)?\Z",
    re.IGNORECASE,
)


class ValidInvalid(Verdict):
    """Valid or invalid; whatever denies "valid" within its clause makes it invalid, and the other way round."""

    name = "valid_invalid"
    instruction = "End with valid or invalid, written as <answer>valid</answer> or <answer>invalid</answer>."
    opens = _opens("valid|invalid")
    abroad = frozenset(("valid", "invalid"))
    stated = re.compile(
        r"(\b(?:argument|reasoning|inference|deduction|conclusion|it|this|which)(?:(?<=\bit)'s)?(?:,\sgiven\s[^.,;:!?]{1,80},)?\s(?:\w{1,12}\s){0,3}"
        r"(?:is|isn't|valid|invalid|can|cannot|can't|could|must|was|as|are|makes|lacks|has|does|doesn't)\b.*)\Z",
        re.IGNORECASE | re.DOTALL,
    )
    _verdict = _word("valid|invalid|validity")
    # "Not deductively valid", "An invalid argument"
    _alone = re.compile(
        r"(?:an?\s)?(?:not\s)?(?:an?\s)?(?:[a-z]{4,12}ly\s)?(?:valid|invalid)"
        r"(?:\s(?:argument|inference|deduction|reasoning|syllogism|conclusion))?",
        re.IGNORECASE,
    )
    _follows = re.compile(
        r"\A[\W_]{0,8}(?:(?:so|therefore|thus|hence|overall|finally),?\s)?(?:the|this|its)\s(?:conclusion|argument|inference)\s(?:(?:does|can|could)\s)?"
        r"(?P<not>(?:n't|not|cannot|doesn't|can't)\s)?(?:be\s)?(?:(?:necessarily|logically|deductively)\s){0,2}"
        r"(?:follows?|drawn|deduced|derived|inferred)(?:\s(?:necessarily|logically|deductively)){0,2}(?:\sfrom\s"
        r"(?:the|these|those|its|our|what)\s(?:\w{1,12}\s)?(?:premises?|statements|information|arguments?|given))?\W{0,4}\Z",
        re.IGNORECASE,
    )

    def parse(self, passage: str) -> str | None:
        """Return the verdict of a passage; else of the consequence that it draws: "..., making it invalid"."""
        answer = super().parse(passage)
        if answer is not None or _UNDECIDED.search(passage):
            return answer
        return self._said(denials.consequence(passages.bare(passages.unwrapped(passage))))

    def alone(self, line: str) -> str | None:
        """Return the verdict that a line consists of, with the word for what it is said of."""
        said = passages.bare(line.strip().lstrip("> ").rstrip(".!"))
        return self._said(said) if self._alone.fullmatch(said) else super().alone(line)

    def of_statement(self, sentence: str, stated: re.Match[str]) -> str:
        """Return the clause that says the word: "it would be wrong to call this valid" denies it from before."""
        before = sentence[: stated.start(1)]
        denying = sentence[max(map(before.rfind, ",;:.")) + 1 :]
        clause = _GIVEN.sub("", stated.group(1), count=1)
        return denying if _DENYING.search(before) or denials.reaches(before) else clause

    def conclusion(self, sentence: str) -> str | None:
        """Return the verdict of a sentence; one on whether the conclusion follows from the premises is one, too."""
        if (answer := super().conclusion(sentence)) is not None:
            return answer
        if (answer := self.alone(_BECAUSE.split(sentence, maxsplit=1)[0])) is not None and "?" not in sentence:
            return answer
        follows = self._follows.match(sentence)
        return None if follows is None else "invalid" if follows["not"] else "valid"

    def _said(self, passage: str) -> str | None:
        """Return the verdict that a passage comes to where all its words for one agree, denials counted."""
        said = set()
        passage = denials.without_asides(passage)
        if " but " in passage:
            passage = passage.rpartition(" but ")[2]
        for word in self._verdict.finditer(passage):
            valid = word.group().casefold() != "invalid"
            said.add("valid" if valid != denials.denied(passage, word) else "invalid")
        return said.pop() if len(said) == 1 else None
