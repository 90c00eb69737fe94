"""A number in decimal notation, canonically without separators: `-11520`, `3.5`."""

from __future__ import annotations

import re
from decimal import Decimal

from mlpo_bench.answers import abroad, number_words, parts, passages, quantities, results, solutions
from mlpo_bench.answers.format import Format


_DIGITS = r"(?:[0-9]{1,60}(?:,[0-9]{3}){0,20}(?:\.[0-9]{1,60})?|\.[0-9]{1,60})"
_NUMBER = re.compile(rf"(?<![\w.,])(?:\$[-+]|[-+]?\$?){_DIGITS}(?![\w]|[.,][0-9]|\s?\+)")
_ATTACHED = r"(?:cm|mm|km|m|kg|g|mg|lbs?|oz|ml|l|h|hrs?|s|mins?|th|st|nd|rd|k|bn|mph|ft|in)(?![a-zA-Z])"
_LEADING = re.compile(
    rf"(?P<number>(?:\$[-+]|[-+]?\$?){_DIGITS})(?![.,/:^*+%-]?[0-9])(?=\Z|[\s,.;:!?)*_%/]|\\|{_ATTACHED})(?P<rest>.*)\Z",
    re.DOTALL | re.IGNORECASE,
)
# Another number beside the leading one: "12 50", "2 hours 30 minutes", "7 or 8"; "36 from 3 trays" says 36.
_ANOTHER = re.compile(
    r"\A(?:\s{1,3}[0-9]|\s?[+<>]|\s(?:dozen|in(?!\s(?:total|all)\b))\b|[^;:(]{0,60}?(?<!\sfrom)(?<!\sin)(?<!\son)(?<!\sfor)(?<!\swith)(?<!\sof)(?<!\sper)"
    r"(?<!\sby)(?<!\safter)(?<!\sthe)\s\$?[0-9])"
)
_THOUSANDS = re.compile(r"(?<=[0-9])(?:\{,\}|,?\\[,!;:]|,\s?\\!|[\x20'_])(?=[0-9]{3}(?![0-9]))")
# What is said before or at a number so that it is not the number that is said.
_NO_VALUE = re.compile(
    r"\b(?:not|at least|at most|more than|less than|fewer than|greater than|up to"
    r"|(?:half|third|quarter|fifth|tenth|fraction)s? of"
    r"|(?<=[0-9]\s)or\s(?:more|less|fewer|so|above|below))\b|(?:percent|%)\sof\s\$?[0-9]"
    r"|(?<![\w\\])[a-z]\s?[+*/<>]\s?\$?[0-9]|[0-9]\s:\s[0-9]{1,9}\W{0,3}\Z"
    r"|\A\s?[<>\u2264\u2265]|[\u221a\u00b1]|\\(?:sqrt|pm|frac|le|ge)(?![a-zA-Z])",
    re.IGNORECASE,
)
_CALCULATION = re.compile(r"[0-9)]\s{0,3}(?:[*/^+\u00d7\u00f7\u00b7]{1,2}|-(?=\s{0,3}[0-9(]))\s{0,3}[0-9(]")
_SIGN_APART = re.compile(r"(?<![0-9)\w.]\s)(?<![0-9)\w.])([-+])\s{1,3}(?=\$?[0-9])")
_NEGATIVE = re.compile(r"\b(?:negative|minus)\s{1,3}(?=\$?[0-9a-z])", re.IGNORECASE)
_SCIENTIFIC = re.compile(
    r"(?:(?P<digits>-?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s?(?:\\times|\\cdot|\u00d7|x|\*)\s?)?10\s?(?:\^|\*\*)\s?\{?\s?(?P<power>[0-9]{1,2})\s?\}?\Z"
)
_IN_WORDS = re.compile(
    r"\A[\W_]{0,8}(?:(?:so|thus|hence|therefore|overall|altogether),?\s)?(?:you|i|we|he|she|they|there)\s"
    r"(?:now\s)?(?:have|has|are|is|were)\s(?:exactly\s|only\s|a total of\s)?"
    r"(?P<said>[a-z][a-z\s-]{1,80}?)(?:\s(?:in total|in all|altogether))?[.!*\s]{0,4}\Z",
    re.IGNORECASE,
)
# "8 is the answer"
_IS_THE_ANSWER = re.compile(
    rf"\A[\W_]{{0,4}}?(?:(?:i|we)\s(?:think|believe|would\ssay)\s(?:that\s)?)?"
    rf"(?P<said>[-$]{{0,2}}{_DIGITS}(?:\s[a-z]{{1,20}}){{0,2}}?)[*_\"']{{0,3}}\s(?:is|was)\s(?:the|our|my|your)\s"
    r"(?:final\s|correct\s|right\s)?(?:answer|result)\b[^?]{0,40}\Z",
    re.IGNORECASE,
)
# "$64 for 16 glasses" says 64.
_FOR_SO_MANY = re.compile(
    rf"(?<=[\s\w])\s(?:for|on|in|at|after|from|over|within)\s(?:the\s|all\s|these\s|those\s)?\$?{_DIGITS}(?=\s[a-z])",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    rf"[-$]{{0,2}}{_DIGITS}(?:\s(?!is\b|are\b|was\b|were\b|and\b|or\b|more\b|less\b|fewer\b|of\b|times\b|plus\b|minus\b)[a-z]{{2,20}}){{1,3}}\.?|[-$]{{0,2}}{_DIGITS}\s(?:k?m/h|m/s|mph|km|cm|mm|kg|[mgLlsh])\.?"
)
# "That makes it twenty-four"
_THAT_MAKES = re.compile(
    r"\A[\W_]{0,8}(?:(?:so|thus|hence|therefore),?\s)?(?:that|this|it|which)(?:\sis|'s|\smakes(?:\sit)?|\sleaves(?:\s\w{2,12})?"
    r"|\scomes to|\sgives(?:\sus)?)\s(?:exactly\s|only\s|a total of\s)?(?P<said>[a-z][a-z\s-]{1,80})[.!*\s]{0,4}\Z",
    re.IGNORECASE,
)
# "5 apples and 3 pears, 8 in all"
_IN_ALL = re.compile(
    rf"\A[^.:;!?]{{1,120}}?(?:,\s|\s\()(?:(?:so|or|i\.e\.,?|that is,?|making|which (?:is|makes)"
    rf"|for a total of|totall?ing)\s){{0,2}}"
    rf"(?P<said>{_DIGITS})(?:\s\w{{2,20}}){{0,2}}\s(?:in all|in total|altogether|all together|total|combined)"
    rf"\b\W{{0,4}}\Z",
    re.IGNORECASE,
)
# "3 hours and 20 minutes, i.e. 200 minutes"
_THAT_IS = re.compile(
    rf",\s(?:i\.e\.|that is),?\s(?P<said>{_DIGITS}(?:\s[a-z]{{1,20}}){{0,3}})\W{{0,4}}\Z", re.IGNORECASE
)
# "1.5e-3"
_E_NOTATION = re.compile(
    r"(?<![\w.,])(?P<digits>[0-9]{1,15}(?:\.[0-9]{1,15})?)e(?P<power>[-+]?[0-9]{1,2})(?![\w^]|\.[0-9])", re.IGNORECASE
)
# "n = 12, m = 5" says what each is, and not which of them is asked for
_ASSIGNED = r"[a-z]\s?=\s?-?[0-9.]{1,20}"
_SEVERAL_ASSIGNED = re.compile(
    rf"(?<![\w)]){_ASSIGNED}(?:\s?[,;]\s?(?:and\s|or\s)?|\s(?:and|or)\s){_ASSIGNED}\W{{0,4}}(?:</answer>)?\W{{0,4}}\Z",
    re.IGNORECASE,
)
_MIXED = re.compile(
    r"(?<![\w.,/])(?P<whole>[0-9]{1,9})(?:\s|\sand\s)(?P<top>[1-9])/(?P<bottom>[248]|5|10)(?![\w/.,]\S)"
)
_ONE_MARK = str.maketrans({"\u00bd": ".5", "\u00bc": ".25", "\u00be": ".75"})
_POWER = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789")
_EUROPEAN = re.compile(r"(?<![\w.,])(?P<whole>[0-9]{1,3}(?:\.[0-9]{3}){1,6}),(?P<part>[0-9]{1,2})(?![\w.,]\S)")
# "12 and not 13", "12 rather than 13"
_NOT_ANOTHER = re.compile(r",?\s(?:(?:and\s)?not|rather than|instead of)\s[^.]{1,60}\Z", re.IGNORECASE)
_GOES_ON = re.compile(r",\s?(?:\.\.|\u2026|\\[lc]?dots)")  # "10, ..." is a list
_ABOUT = re.compile(
    r"\A(?:\u2248|~|\\approx\b|(?:approximately|approx\.|about|roughly)\s)\s?(?=[-$0-9])", re.IGNORECASE
)
# What may stand beside a number alone: how it was calculated, a per cent sign, a currency
_BESIDE = re.compile(r"(?<=[0-9])(?:\s\([^()\n]{1,60}\)|\s?(?:\\?%|[\u20ac\u00a3\u00a5]|USD|EUR|GBP))\Z")
_LONGEST_RESULT = 60
_GETS = (
    r"(?:(?:has\s|have\s|had\s)?got|has|have|had|gets?|receives?|earns?|needs?|takes?|pays?|spends?|saves?|sells?|buys?|eats?|reads?|uses?|contains?"
    r"|holds?|made|lost|gained|weighs?|scores?|makes?|gives?|costs?|requires?|remains?|produces?|walks?|runs?|writes?|collects?|travels?"
    r"|received|earned|needed|paid|spent|saved|sold|bought|ate|used|weighed|scored|produced|walked|ran|wrote|collected"
    r"|travel+ed|drove|baked|picked|planted|worked"
    r"|(?:needs?|has|have|had|will have|must|should|can|could|will)\s(?:to\s)?(?:pay|spend|save|buy|earn|sell"
    r"|walk|run|make|read|drive|wait"
    r"|work|give|cut|use|eat|bake|collect|travel|cost|take|score|produce|get|add|fill|plant|charge))"
)
_STATES = re.compile(
    rf"\b(?:is|are|was|were|equals|be|total|totals|left with|result|answer|{_GETS})\s"
    r"(?:of\s|exactly\s|only\s)?|[=:]\s{0,3}",
    re.IGNORECASE,
)
# "So there were 70 people on 7 ships", "So 20 of the 80 passed"
_FIRST_COUNTS = re.compile(
    rf"\bthere\s(?:is|are|was|were)\s(?:exactly\s|only\s)?(?P<said>{_DIGITS})(?=\s[a-z])(?!.{{0,200}}(?:\band\b|\bor\b|:))"
    rf"|\A\W{{0,4}}so\s(?P<part>{_DIGITS})\sof\s",
    re.IGNORECASE,
)
# "There are 7 hats", "The total cost is 7", "Total: 7": said of what was asked for, and not of anything on the way.
_SAID_OF_RESULT = re.compile(
    r"\A[\W_]{0,8}(?:(?:it|that|this)(?:\sis|'s|\scomes to|\swould be|\swill be)\s(?:exactly\s|only\s)?"
    rf"|(?:[A-Za-z][\w']{{0,20}}\s){{1,5}}?(?:is|are|was|were)\s(?=(?:minus\s|negative\s)?[-$]{{0,2}}{_DIGITS}(?:\s\w{{1,20}}){{0,3}}\W{{0,3}}\Z)"
    r"|there\s(?:is|are|was|were|will be|would be)\s(?:exactly\s|only\s)?"
    r"|(?:the\s|our\s|her\s|his\s|their\s)?(?:\w{2,12}\s){0,2}?"
    r"(?:result|total|sum|number|value|cost|amount|count|difference|product)\b[^.:=?!]{0,80}?"
    r"(?:\b(?:is|are|was|equals|(?:would|will|should|must) be"
    r"|(?:comes|works|adds)(?:\sout|\sup)?\sto|amounts to)\b|:)\s?(?:exactly\s)?"
    rf"|(?:[A-Za-z][\w']{{0,20}},?\s){{1,6}}?(?:will\s|would\s)?{_GETS}\s"
    r"(?:(?:him|her|them|it|us|(?:her|his|their|the)\s[a-z]{2,15}|(?-i:[A-Z])[a-z]{1,15})\s)?"
    r"(?:exactly\s|only\s|a\s[a-z]{2,12}\sof\s)?"
    rf"(?=[-$]{{0,2}}{_DIGITS}(?:\s(?!and\b|or\b|but\b)[\w']{{1,20}}){{0,5}}(?:\s(?:at|in|from)\sthe(?:\s[\w']{{1,20}}){{1,6}})?\W{{0,3}}\Z)"
    rf"|(?={_DIGITS}\s(?:\w{{1,20}}\s){{1,3}}(?:are|is|were|was|remain|remains)\b))\s{{0,3}}(?P<said>.{{1,200}})\Z",
    re.IGNORECASE | re.DOTALL,
)


class Number(Format):
    """A number. Of a calculation, what stands after its last `=` counts; a passage with several numbers has none.

    A passage that opens with a number states it, whatever reason follows: "42 because there are 6 bags of 7".
    """

    name = "number"
    grows = True
    instruction = "End with the number alone, written as <answer>N</answer>."

    def clause(self, after: str) -> str:
        """Return the sentence after "answer is", up to the reason that it gives."""
        return passages.before_reason(super().clause(after))

    def parse(self, passage: str) -> str | None:
        """Return the one number that a passage states, in digits or in words."""
        passage = abroad.without_counter(solutions.without_rejected(passages.unemphasised(passage)))
        passage = re.sub(r"\(\s?=[^()]{0,200}\)", "", passage)  # "62 (= 25 + 37)"
        left, equals, right = _THOUSANDS.sub(",", _in_decimals(passage)).rpartition("=")
        stated = passages.bare(passages.before_reason(passages.unwrapped(right).strip())).rstrip(".")
        stated = _SIGN_APART.sub(r"\1", _NEGATIVE.sub("-", stated))
        if negated := re.match(
            r"(?:definitely\s)?not\s.{1,40}?(?:\bbut\s|[,;]\s)(?:rather\s)?(?:(?:it|that)(?:'s|\sis)\s)?(.{1,80})\Z",
            stated,
        ):
            stated = negated.group(1)
        stated = re.sub(r"\s\([^()]{0,80}\)\Z", "", stated)  # "42 (6 x 7)"
        if re.match(r"[-$]{0,2}[0-9]", stated):
            stated = _NOT_ANOTHER.sub("", stated)
        if _NO_VALUE.search(stated) or _SEVERAL_ASSIGNED.search(passage) or _GOES_ON.search(passage):
            return None
        restated = _IN_ALL.match(stated) or _THAT_IS.search(stated)
        said = self.parse(restated["said"]) if restated else _scientific(stated) or number_words.read(stated)
        if restated or said is not None:
            return said
        if _CALCULATION.search(stated):  # "36 = 12 * 3" states 36
            return self.parse(left) if equals and _NUMBER.fullmatch(left.strip()) else None
        if leading := _LEADING.match(stated.lstrip("(")):
            if _ANOTHER.match(leading["rest"]):
                return None
            return _plain(number_words.scaled(_plain(leading["number"]), leading["rest"]))
        numbers = {
            _plain(number_words.scaled(_plain(number.group()), stated[number.end() :]))
            for number in _NUMBER.finditer(stated)
        }
        return numbers.pop() if len(numbers) == 1 else None

    def conclusion(self, sentence: str) -> str | None:
        """Return the number that a sentence comes to as a result or a conclusion, or states of its subject."""
        sentence = results.without_contrast(_in_decimals(sentence))
        if (answer := parts.whole(sentence) or self._comes_to(sentence)) is not None:
            return answer
        if (left := results.left_over(sentence)) is not None:
            return self.parse(left)
        clause = results.behind_reason(sentence)
        return None if clause is None else self._comes_to(clause)

    def _comes_to(self, sentence: str) -> str | None:
        """Return the number of a sentence that does not count its parts."""
        if "=" in sentence:
            return self.parse(sentence) if len(sentence.rpartition("=")[2]) <= _LONGEST_RESULT else None
        asked = sentence.rstrip("*_ ").endswith("?")
        if asked or passages.concludes(sentence):
            return None if asked else self._concluding(sentence)
        said_in_words = passages.unemphasised(sentence)
        if words := _IN_WORDS.match(said_in_words) or _THAT_MAKES.match(said_in_words):
            return number_words.read(words["said"])
        sentence = parts.without_aside(sentence)
        said = _IS_THE_ANSWER.match(sentence) or _THAT_IS.search(sentence) or _SAID_OF_RESULT.match(sentence)
        if said is None or results.supposes(sentence):
            return None
        return None if len(_NUMBER.findall(_FOR_SO_MANY.sub("", said["said"]))) > 1 else self.parse(said["said"])

    def _concluding(self, sentence: str) -> str | None:
        """Return the number behind a colon, the first count, the only number, or the last that something is."""
        if (behind := self.alone(sentence.rpartition(": ")[2].strip())) is not None:
            return behind
        if first := _FIRST_COUNTS.search(sentence):
            return self.parse(first["said"] or first["part"])
        head = sentence.partition(":")[0]
        if (answer := self.parse(head if re.search(r"[0-9]", head) else sentence)) is not None:
            return answer
        stated = [sentence[match.end() :] for match in _STATES.finditer(sentence)]
        said = {answer for one in stated if (answer := self.parse(one)) is not None}
        return self.parse(stated[-1]) if stated and not (len(said) > 1 and " and " in sentence) else None

    def alone(self, line: str) -> str | None:
        """Return the number that a line consists of."""
        alone = abroad.without_counter(results.without_contrast(passages.bare(line)))
        alone = _ABOUT.sub("", alone).lstrip("\u20ac\u00a3\u00a5 ")
        alone = passages.bare(_SIGN_APART.sub(r"\1", _BESIDE.sub("", alone.rstrip(". "))))
        alone = re.sub(r"\A\(\s?(-[^()\s]{1,40})\s?\)\Z", r"\1", alone)
        if re.fullmatch(r"[A-Za-z][a-z-]{2,60}(?:\s[a-z-]{2,20}){0,8}", alone):
            return number_words.whole(alone)
        return self.parse(alone) if _NUMBER.fullmatch(_THOUSANDS.sub(",", _in_decimals(alone))) else None

    def instead(self, said: str, answer: str) -> str | None:
        """Return the number that a correction says alone or with what it counts."""
        said = passages.before_reason(said)
        return self.parse(said) if _COUNTED.fullmatch(said) else super().instead(said, answer)

    def last_resort(self, text: str) -> str | None:
        """Return what the closing line states, unless it goes on with a list's numbering."""
        if passages.continues_a_list(text):
            return None
        above, _, line = results.without_contrast(text.strip("*_ \n")).rpartition("\n")
        another = any(_COUNTED.fullmatch(one.strip()) for one in above[-self.longest :].split("\n"))
        apart = not above or (above.endswith("\n") and not another)
        counted = apart and _COUNTED.fullmatch(passages.unadorned(line.strip("*_ ")))
        return self.parse(counted.group()) if counted else super().last_resort(text)

    def key(self, answer: str) -> str:
        """Return the number without separators and needless zeros."""
        return _plain(passages.plain(answer).strip())


def _in_decimals(text: str) -> str:
    """Return a text with mixed numbers, points for thousands and `1e6` in decimals: `2 1/2`, `3.400,00`."""
    text = quantities.with_points(text).replace("\\$", "$")
    text = re.sub(r"(?<=[0-9])\s?(?=[\u00bc-\u00be])", "", text).translate(_ONE_MARK)
    text = re.sub(
        r"(?<=10)([\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{1,2})", lambda run: "^" + run.group().translate(_POWER), text
    )
    text = _E_NOTATION.sub(lambda n: f"{Decimal(n['digits']).scaleb(int(n['power'])):f}", text)
    text = _MIXED.sub(lambda n: f"{int(n['whole']) + Decimal(n['top']) / Decimal(n['bottom']):f}", text)
    return _EUROPEAN.sub(lambda n: f"{n['whole'].replace('.', '')}.{n['part']}", text)


def _scientific(text: str) -> str | None:
    r"""Return the value of a number with a power of ten, `1.5 \times 10^3`."""
    match = _SCIENTIFIC.fullmatch(text)
    return _plain(f"{Decimal(match['digits'] or 1).scaleb(int(match['power'])):f}") if match else None


def _plain(number: str) -> str:
    """Return a number's canonical text, made without computing anything, so that no number is too long."""
    sign = "-" if number.startswith(("-", "$-")) else ""
    whole, _, fraction = number.lstrip("+-$").replace(",", "").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return plain if plain == "0" else sign + plain
