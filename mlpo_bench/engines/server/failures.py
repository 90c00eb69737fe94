"""Errors that come with a status of success, wherever in an answer a server puts them."""

from __future__ import annotations

import re
from typing import Any

from mlpo_bench.engines.server.words import behind, one_line
from mlpo_bench.engines.server.words import said as words_of
from mlpo_bench.errors import EngineError


_DIGITS_OF_A_STATUS = 3
_WAITS = {
    "429", "rate_limit", "rate_limit_error", "rate_limit_exceeded", "rate_limit_reached", "rate_limited",
    "ratelimiterror", "ratelimitexceeded", "resource_exhausted", "throttled", "throttling", "throttlingexception",
    "too_many_requests", "toomanyrequests",
}  # fmt: skip
_PASSING = {408, 409, 425, 429}
_FINAL = {
    "authentication_error", "bad_request", "badrequesterror", "forbidden", "invalid_api_key", "invalid_argument",
    "invalid_request", "invalid_request_error", "model_not_found", "not_found", "not_found_error", "notfounderror",
    "permission_denied", "permission_error", "unauthenticated", "unauthorized",
}  # fmt: skip
"""Names of errors that stay however often is asked, where servers give a name in place of HTTP's number."""
_MONEY = {
    "1113", "arrearage", "billing_hard_limit_reached", "billing_not_active", "credit_balance_too_low",
    "exceeded_current_quota_error", "insufficient_balance", "insufficient_credits", "insufficient_funds",
    "insufficient_quota", "payment_required",
}  # fmt: skip
_NOTHING_LEFT = (
    r"insufficient (?:\w{1,20} )?(?:balance|credits?|funds)|\b(?:no|out of) credits?\b"
    r"|\b(?:credits?|balance) (?:is |are |has been |have )?(?:used up|run out|exhausted|too low)"
    r"|\bused (?:up )?all (?:of )?(?:your |its |the )?(?:available )?credits\b|\b(?:monthly )?spending limit\b"
    r"|\u4f59\u989d\u4e0d\u8db3|\u6b20\u8d39"
)
_NOTHING_LEFT_IN_WORDS = re.compile(_NOTHING_LEFT, re.IGNORECASE)
_MONEY_IN_WORDS = re.compile(
    rf"{_NOTHING_LEFT}|insufficient (?:\w{{1,20}} )?quota"
    r"|\bquota (?:is |are |has been |have )?(?:used up|run out|exhausted|too low)",
    re.IGNORECASE,
)
"""Where it comes with no number of HTTP's. Beside a 429 a quota may be a minute's."""
_HASTE_IN_WORDS = re.compile(
    r"\brate.?limit(?:s|ed|ing)?\b(?! (?:is|was) not)|too many requests|requests? limit reached|\bthrottl(?:ed|ing)\b",
    re.IGNORECASE,
)
_NO_ERROR = {"0", "200", "ok", "success", "none"}
_NAMED = ("code", "status", "type", "status_code", "error_code", "errcode", "error")
_INNER = ("error", "errors", "base_resp", "detail")
_TOLD_OUTSIDE = (
    "message", "msg", "detail", "details", "errors", "error_message", "error_msg", "errmsg", "description", "base_resp",
    "status_msg", "title", "reason",
)  # fmt: skip
"""Where servers put their words beside `error`, or in its place."""


class RateLimited(EngineError):
    """A server asks to wait, in an answer with status 200."""


def error_of(content: dict[str, Any], choice: Any, *, answered: bool) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return the error that an answer with status 200 holds; None where it holds none.

    Beside an answer it is one under that name alone; where there is no answer, words stand anywhere.
    """
    if content.get("object") == "error":
        return content
    error = content.get("error")
    if _says_something(error) and not (answered and _is_none(error)):
        return error if isinstance(error, dict | list) else _with_words_beside(error, content)
    inner = choice.get("error") if isinstance(choice, dict) else None
    if _says_something(inner):
        return inner
    beside = {name: content[name] for name in (*_TOLD_OUTSIDE, *_NAMED) if name in content}
    told = {name: value for name, value in beside.items() if name in _TOLD_OUTSIDE}
    return beside if not answered and (words_of(told) or codes_of(beside) & (_WAITS | _MONEY)) else None


def _with_words_beside(error: Any, content: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Return an error that is a word, or just true, with what the server says beside it."""
    named = {name: content[name] for name in _NAMED if name in content}
    beside = words_of({name: content[name] for name in _TOLD_OUTSIDE if name in content})
    word = error.strip() if isinstance(error, str) else ""
    return {**named, "message": f"{word}: {beside}" if word and beside and word != beside else word or beside}


def _says_something(error: Any) -> bool:  # noqa: ANN401
    """Whether an error is one: some servers send the field with nothing in it."""
    inner = error.values() if isinstance(error, dict) else error if isinstance(error, list) else None
    return bool(error) if inner is None else any(inner)


def _is_none(error: Any) -> bool:  # noqa: ANN401
    """Whether an error says of itself that it is none: `{"code": 0, "message": "success"}`."""
    codes = codes_of(error)
    return bool(codes) and codes <= _NO_ERROR


def failed(error: Any) -> EngineError:  # noqa: ANN401
    """Return the fault of an error that came with status 200."""
    codes, words = codes_of(error), words_of(error)
    if codes & _WAITS and not codes & _MONEY:
        return RateLimited(f"answered with an error: {words or 'too many requests'}.")
    numbers = {int(code) for code in codes if code.isdecimal() and len(code) <= _DIGITS_OF_A_STATUS}
    final = any(400 <= one < 500 and one not in _PASSING for one in numbers)  # noqa: PLR2004 - HTTP's
    final = final or bool(codes & (_FINAL | _MONEY)) or _MONEY_IN_WORDS.search(words) is not None
    if not final and any(_HASTE_IN_WORDS.search(told.replace("_", " ")) for told in (words, *codes)):
        return RateLimited(f"answered with an error: {words}.")
    return EngineError(f"answered with an error: {words or 'it does not say which'}.", transient=not final)


def wants_money(content: Any) -> bool:  # noqa: ANN401
    """Whether an error says that nothing is left to pay with: no wait mends that."""
    return bool(codes_of(content) & _MONEY) or _NOTHING_LEFT_IN_WORDS.search(words_of(content)) is not None


def codes_of(error: Any, *, deep: bool = True) -> set[str]:  # noqa: ANN401
    """Return what an error calls itself, in small letters with `_` between them.

    A number stands there as text with some servers, and the names in an error inside it, or behind it, with others.
    """
    if isinstance(error, list) and error:
        error = error[0]
    if not isinstance(error, dict):
        return set()
    inner = [error[name] for name in _INNER if name in error] if deep else []
    inner = [part for one in inner for part in (one[:1] if isinstance(one, list) else [one])]
    told = [error.get(place) for place in _NAMED]
    codes = {
        str(int(one) if isinstance(one, float) and one.is_integer() else one).strip().lower()
        for one in told
        if isinstance(one, int | float | str) and not isinstance(one, bool)
    }
    within = (codes_of(one, deep=False) for one in inner)
    return {re.sub(r"[\s-]+", "_", code) for code in codes}.union(*within, codes_of(behind(error)))


def blocked(content: dict[str, Any]) -> EngineError | None:
    """Return the fault of a prompt that Gemini's filter blocked, which it tells in place of an answer."""
    feedback = content.get("promptFeedback", content.get("prompt_feedback"))
    if not isinstance(feedback, dict):
        return None
    reason = feedback.get("blockReason", feedback.get("block_reason"))
    if not isinstance(reason, str) or not reason:
        return None
    return EngineError(f"blocked the prompt ({one_line(reason, 60)}): a filter of its own.", transient=False, own=True)
