"""What a sentence says a Boolean expression of literals comes to: "not (True and False) evaluates to True"."""

from __future__ import annotations

import re
from itertools import takewhile


_COMES_TO = re.compile(
    r"[\s,](?:is|equals|is\s(?:equal|equivalent)\sto|(?:evaluates?|simplifies|reduces|comes|amounts)\s(?:down\s)?to|becomes"
    r"|gives|yields|returns|results\sin|=)\s(?:just\s|simply\s|therefore\s|also\s)?\W{0,3}(?P<said>true|false)[^\w?]{0,4}\Z",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[\w'-]{1,40}|[^\w\s]")
_MARKS = frozenset("()[]{}\"'`*_,$\\")
_WORDS = frozenset(("true", "false", "not", "and", "or"))
_EXPRESSION = re.compile(r"(?:not )*(?:true|false)(?: (?:and|or) (?:not )*(?:true|false))*")
_OF_A_NAME = frozenset(("is", "are", "be"))  # "A is True and False is ..." does not set its expression off
# "Since True and False is False, the whole expression is True."
_SUBJECT = re.compile(
    r",\s(?:so\s|then\s)?(?:it|(?:the|this)\s(?:\w{1,12}\s){0,2}(?:expression|result|value|statement|answer))\Z",
    re.IGNORECASE,
)


def result(sentence: str) -> str | None:
    """Return the word that a sentence ends in, said of an expression of True and False that stands before it."""
    said = _COMES_TO.search(sentence)
    if said is None:
        return None
    of = re.sub(r",?\s(?:which|this|that|it)\Z", "", sentence[: said.start()], flags=re.IGNORECASE)
    return said["said"] if _SUBJECT.search(of) or _ends_in_expression(of) else None


def _ends_in_expression(text: str) -> bool:
    """Return whether a text ends in a whole expression: with an operator, and not as the value of a name."""
    tokens = [token.casefold() for token in _TOKEN.findall(text)]
    tail = list(takewhile(lambda token: token in _MARKS or token in _WORDS, reversed(tokens)))[::-1]
    words = [token for token in tail if token in _WORDS]
    before = tokens[len(tokens) - len(tail) - 1] if len(tail) < len(tokens) else ""
    return (
        len(words) > 1
        and _EXPRESSION.fullmatch(" ".join(words)) is not None
        and tail.count("(") == tail.count(")")
        and before not in _OF_A_NAME
    )
