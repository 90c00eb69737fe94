"""What a server says when it does not answer: prompts that do not fit, fields it will not take, and all the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.server.failures import codes_of, wants_money
from mlpo_bench.engines.server.hints import hint
from mlpo_bench.engines.server.reply import parsed
from mlpo_bench.engines.server.words import said
from mlpo_bench.errors import ContextOverflow, EngineError
from mlpo_bench.store import MOST_TOKENS


if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlpo_bench.engines.server.transport import Answer

OK, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY = 200, 400, 401, 403, 404, 429
_PAYMENT_REQUIRED = 402
ANSWERED = range(200, 300)
"""Statuses under which a completion may come: a gateway may say 201 or 203 where servers say 200."""
REDIRECTS = range(300, 400)
_MAY_PASS = {408, 409, 425, TOO_MANY}
_WILL_NOT_PASS = {501, 505}
_SERVER_FAILED = 500

# Any of these tells that a prompt and its answer are too long. Sources: vLLM, llama.cpp, LM Studio, TGI, SGLang,
# Groq, Mistral, OpenRouter, Anthropic, Gemini, Ollama, DeepSeek, xAI, Cohere, Moonshot, TensorRT-LLM, LMDeploy, GitHub,
# Qwen, Zhipu, MiniMax, Volcengine, Databricks, LoRAX, MLC, OpenVINO.
_TOO_LONG = re.compile(
    r"context.{0,3}(?:length|size|window|limit)|max_model_len|maximum context|exceed_context|context the overflows"
    r"|prompt (?:is )?too long|input is too long|too large for model|longer than the model|maximum input length"
    r"|inputs?\W{0,3} (?:tokens \+|must have less than)|number of tokens to keep|input token count"
    r"|reduce the length of the (?:messages|prompt|input)|exceeds? the (?:maximum number of tokens|model's)"
    r"|context shift is disabled|exceeds? the maximum allowed length|maximum prompt length is|too many tokens\b"
    r"|exceed(?:s|ed)? (?:the )?model token limit|max_seq_len|over the session_len|tokens_limit_reached"
    r"|range of input length"
    r"|(?:prompt|input|messages?|sequence)(?: tokens?| length| size)?[ (\d,)]{1,16}(?:tokens? )?"
    r"(?:exceeds?|is (?:longer|larger|greater) than) (?:the )?(?:max|limit|configured|allowed|context)"
    r"|tokens? in (?:the )?prompt \(?[\d,]{1,12}\)? exceeds? |exceeds? max message tokens"
    r"|maximum supported sequence length"
    r"|longer than the maximum model length|model input length limit|exceeds model max length"
    r"|prompt length\b.{0,60}should not exceed max_num_tokens"
    r"|max_total_tokens exceeded|token count exceeds|conversation is too long|string_above_max_length"
    r"|must be at least 1, got -\d|input is too large to process|\u4e0a\u4e0b\u6587\u957f\u5ea6|\u8d85\u957f",
    re.IGNORECASE,
)
# What speaks of a context, or of something too large, though another prompt would be refused alike.
_SHARED_CACHE_FULL = re.compile(r"\W*context size has been exceeded\W*", re.IGNORECASE)
"""What llama.cpp says to every request under way where they outgrow together the context that its slots share."""
_CUT_OFF = re.compile(r"could not finish the message because max_tokens\b.{0,40} was reached", re.IGNORECASE)
_NOT_TOO_LONG = re.compile(
    r"(?:tokens|requests) per (?:second|minute|hour|day)|\bTPM\b"
    r"|un(?:supported|recogni[sz]ed|known|expected) (?:request )?(?:parameter|argument|field|keyword)"
    r"|extra (?:inputs|fields)\b.{0,20}not permitted"
    r"|max_(?:completion_)?tokens\W{0,3} must be (?:less|at most|<)",
    re.IGNORECASE,
)
# A number of tokens in words, with commas or without, and not so long that it cannot be one.
_N = r"(?<![\d.])(\d{1,3}(?:,\d{3}){1,3}|\d{1,10})(?![\d,]*\d)"
_HOLDS = (
    rf"\d \+ [\d,]+ > {_N}",  # first, for "context limit: 190000 + 20000 > 200000" tells the prompt before it
    (
        rf"(?:max_model_len|context (?:length|window|limit|size))(?:(?!\bby\b)\D){{0,60}}?{_N}"  # "by 809" is no size
        r"(?!\s*(?:in the messages|input tokens))"
    ),
    rf"\({_N} tokens\), try increasing",
    rf"(?:maximum allowed length \(|maximum prompt length is|cannot exceed|model token limit:|max size:) ?{_N}",
    rf"max_num_tokens \({_N}",
    rf"{_N} maximum context length",
    rf"(?:must be <=|must have less than|maximum number of tokens allowed \(?|tokens >) ?{_N}",
    rf"(?:configured limit of|maximum supported sequence length is(?: just)?) {_N}",
)
_PROMPT = (
    rf"{_N}\s+(?:tokens )?(?:in (?:the messages|the prompt|your prompt)|of text input|from the input)",
    rf"{_N}\s+(?:input|`?inputs`?) tokens",
    rf"(?:prompt contains|passed|input \(|request \(|first|messages resulted in|given:|count \(|long:)\s*{_N}",
    rf"(?:(?<!maximum )input length \(|prompt length \(|received)\s*{_N}",
    rf"request contains {_N} tokens",
    rf"exceed context limit: {_N} \+",
    rf"(?:prompt|input) (?:has|is|of) {_N} tokens",
)
# "Input length 9001 exceeds maximum length 8192"; of "input and output tokens" the first is no prompt's alone.
_BOTH = re.compile(
    rf"(?:prompt|input|messages)\b(?![^.\d]{{0,40}}\boutput\b)[^.\d]{{0,40}}?{_N}[^.\d]{{0,40}}?"
    r"(?:exceed|longer|larger|greater|too long|>|max)"
    rf"[^.\d]{{0,60}}?{_N}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a refusal is about: the model, and the prompt's length (an estimate) and the answer's bound, in tokens.

    `length_field` is the name under which that bound was sent.
    """

    model: str
    prompt: int
    answer: int
    length_field: str = "max_tokens"


def refusal(answer: Answer, asked: Asked) -> EngineError:
    """Return the fault of an answer whose status is none of success; its message completes `the server ...`."""
    content, raw = _content(answer)
    told = said(content, raw)
    if answer.status in REDIRECTS and (target := answer.headers.get("location")):
        return EngineError(
            f"answered {answer.status}: it sends on to {said(target)}, which is not followed. Is that the base_url?",
            transient=False,
        )
    if too_long(answer.status, told, content):
        return overflow(told, content, asked)
    passes = may_pass(answer.status)
    words = f": {told.rstrip('.')}" if told else ""
    unpaid = wants_money(content)
    passes = passes and not unpaid
    option = hint(told, asked.length_field) if BAD_REQUEST <= answer.status < _SERVER_FAILED and not passes else ""
    if shared_cache_full(answer.status, told):
        option = " With llama.cpp what is asked at once shares one context: with less concurrency each has more of it."
    barred = unpaid or answer.status in {UNAUTHORIZED, _PAYMENT_REQUIRED}
    return EngineError(f"answered {answer.status}{words}.{option}", transient=passes, barred=barred)


def cut_off(status: int, told: str) -> bool:
    """Whether a refusal says that an answer was cut off before anything but thoughts was written, as OpenAI does."""
    return status == BAD_REQUEST and _CUT_OFF.search(told) is not None


def may_pass(status: int) -> bool:
    """Whether a refusal is one of the moment, by its status."""
    return (status >= _SERVER_FAILED or status in _MAY_PASS) and status not in _WILL_NOT_PASS


def too_long(status: int, told: str, content: Any = None) -> bool:  # noqa: ANN401 - whatever JSON holds
    """Whether a refusal says that a prompt does not fit (one for haste never does, whatever it speaks of).

    Some say so in the name of their error alone, which stands in `content`.
    """
    if status == TOO_MANY or _NOT_TOO_LONG.search(told) or shared_cache_full(status, told):
        return False
    return any(_TOO_LONG.search(text) for text in (told, *codes_of(content)))


def shared_cache_full(status: int, told: str) -> bool:
    """Whether requests that were under way together did not fit, each of which may by itself."""
    return status >= _SERVER_FAILED and _SHARED_CACHE_FULL.fullmatch(told) is not None


def overflow(told: str, content: Any, asked: Asked) -> ContextOverflow:  # noqa: ANN401
    """Return the fault of a prompt that does not fit, with the server's figures where it tells them."""
    error = content.get("error") if isinstance(content, dict) else None
    figures = error if isinstance(error, dict) else content if isinstance(content, dict) else {}
    words = told
    for code in codes_of(content):  # "exceeds limit (2013)" tells the error's own number
        words = words.replace(f"({code})", "")
    both = _BOTH.search(words)
    holds = _figure(figures.get("n_ctx")) or _number(_HOLDS, words) or (_count(both[2]) if both else None)
    prompt = _figure(figures.get("n_prompt_tokens")) or _number(_PROMPT, words) or (_count(both[1]) if both else None)
    return ContextOverflow(
        model=asked.model,
        prompt=asked.prompt if prompt is None else prompt,
        answer=asked.answer,
        context=holds,
        said=told,
    )


def _content(answer: Answer) -> tuple[Any, str]:
    try:
        return parsed(answer.body), answer.body[:20_000].decode("utf-8", "replace")
    except ValueError:
        return None, answer.body[:20_000].decode("utf-8", "replace")


def _number(patterns: Iterable[str], text: str) -> int | None:
    for pattern in patterns:
        if (match := re.search(pattern, text, re.IGNORECASE | re.DOTALL)) is not None:
            return _count(match[1])
    return None


def _count(digits: str) -> int | None:
    return _figure(int(digits.replace(",", "")))


def _figure(value: Any) -> int | None:  # noqa: ANN401
    return value if type(value) is int and 0 < value <= MOST_TOKENS else None
