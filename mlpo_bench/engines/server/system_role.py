"""Whether a server refuses system messages: many chat templates have no such role, and say so in words of their own."""

from __future__ import annotations

import re


_IT = r"(?:system|developer)\W{0,3}(?:roles?|messages?|prompts?|instructions?)\b"
_LET = r"(?:supported|allowed|permitted|accepted|available|enabled|implemented)\b"
_AFTER = (
    rf"{_IT}\W{{0,3}}(?:(?:is|are|currently)\W+){{0,2}}(?:(?:(?:is|are)n.t|not)\W(?:(?:yet|currently)\W)?|un){_LET}"
)
_BEFORE = (
    r"(?:(?:does|do)(?: not|n.t) (?:support|accept|allow|have|take)|(?:has|takes) no|un(?:supported|expected))"
    rf"\W{{1,4}}(?:(?:a|an|any|the)\W)?(?:\w+\W{{1,3}}, ?\W?){{0,6}}{_IT}"
)
_USERS = r"(?:user\W{1,5}(?:(?:and|or)\W{1,3})?assistant|assistant\W{1,5}(?:(?:and|or)\W{1,3})?user)\b"
_NOT_IT = r"(?!(?:\W+(?:and|or|tool|function|developer))*\W+system\b)"
"""A list of roles does not go on to the system's."""
_ONE_OF = (
    r"(?:must|should|has to|have to|can only) be\W{1,3}(?:(?:one of|either|in)\b\W{1,4})?(?:the following\W{1,4})?"
)

_REFUSES = re.compile(
    rf"{_AFTER}|{_BEFORE}"
    r"|\brole\W{1,4}system\b|\brole\W{1,3}(?:does not|doesn't) (?:support|accept|allow)\W{1,3}(?:system|developer)\b"
    r"|\bsystem\W{1,3}is (?:not (?:one of|in\b|(?:an? )?(?:valid|supported|allowed))|an? (?:invalid|unknown))"
    r"|unknown variant\W{1,3}system\b|\btag\W{1,3}system\W{1,3}found using"
    r"|\broles must alternate"
    rf"|(?:\broles?\b[^.]{{0,20}}\b{_ONE_OF}|\binput should be )\W{{0,4}}{_USERS}{_NOT_IT}"
    rf"|\bonly\W{{1,3}}{_USERS}\W{{1,3}}(?:roles?|messages?)\b",
    re.IGNORECASE,
)
_TAKES_IT = re.compile(
    r"optional system message|(?:first|at the (?:beginning|start))\b|multiple system|more than one system",
    re.IGNORECASE,
)
"""What is said where a system message is refused for its place, or is none of what is refused."""


def refuses_system_role(told: str) -> bool:
    """Whether a server's words say that it takes no system message, whatever it may say of another's place."""
    return _REFUSES.search(told) is not None and _TAKES_IT.search(told) is None
