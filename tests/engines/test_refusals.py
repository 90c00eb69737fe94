"""What a server says when it does not answer: prompts that do not fit, and the options that would help."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from mlpo_bench.engines.server.hints import hint
from mlpo_bench.engines.server.refusals import Asked, refusal
from mlpo_bench.engines.server.transport import Answer
from mlpo_bench.engines.server_options import RequestOptions
from mlpo_bench.errors import ContextOverflow, EngineError


def fault_of(error: dict[str, Any], status: int = 400) -> EngineError:
    body = json.dumps({"error": error}).encode()
    return refusal(Answer(status, {}, body), Asked("m", 5_000, 5))


@pytest.mark.parametrize(
    ("told", "prompt", "holds"),
    [
        ("input length and max_tokens exceed context limit: 190000 + 20000 > 200000", 190_000, 200_000),
        ("input length and `max_tokens` exceed context limit: 190,000 + 20,000 > 200,000", 190_000, 200_000),
        ("Input length (5000 tokens) exceeds the maximum allowed length (4090 tokens).", 5_000, 4_090),
        (
            "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
            200_000,
            131_072,
        ),
        (
            "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5001.",
            5_001,
            4_081,
        ),
        ("Invalid request: Your request exceeded model token limit: 8192", 5_000, 8_192),
        ("Prompt length 5000 is greater than max_seq_len", 5_000, None),
        ("the input is over the session_len", 5_000, None),
        ("prompt too long; exceeded max context length by 809 tokens", 5_000, None),
        ("Prompt tokens (9000) exceeds context size (8192)", 9_000, 8_192),
        ("Input length 9001 exceeds maximum length 8192", 9_001, 8_192),
        ("Input tokens 9,001 exceed the maximum of 8,192", 9_001, 8_192),
        ("The decoder prompt (length 9001) is longer than the maximum model length of 8192.", 9_001, 8_192),
        ("The prompt (total length 9001) is too long to fit into the model (context length 8192).", 9_001, 8_192),
        ("Input is too long. The input has 9001 tokens, max 8192", 9_001, 8_192),
        ("Error code: 400 - tokens in prompt (9001) exceed max (8192)", 9_001, 8_192),
        ("your prompt has 9001 tokens; the context window holds 8192", 9_001, 8_192),
        ("The input token count exceeds the maximum number of tokens allowed 1048576.", 5_000, 1_048_576),
        (
            "Input tokens exceed the configured limit of 5004 tokens. Your messages resulted in 6000 tokens.",
            6_000,
            5_004,
        ),
        (
            "The provided prompt is 9001 tokens long, but the maximum supported sequence length is just 8192!",
            9_001,
            8_192,
        ),
        ("max_tokens must be at least 1, got -808.", 5_000, None),
        ("Total tokens of image and text exceed max message tokens", 5_000, None),
        ("Prompt \u8d85\u957f", 5_000, None),
        ("Prompt too long", 5_000, None),
        ("Range of input length should be [1, 30720]", 5_000, None),
        ("Request body too large for gpt-4o model. Max size: 8000 tokens. (tokens_limit_reached)", 5_000, 8_000),
        (
            "The sum of prompt length (9001.0), query length (0) should not exceed max_num_tokens (8192)",
            9_001,
            8_192,
        ),
        ("Request prompt has 9001 tokens in total, larger than the model input length limit 8192.", 9_001, 8_192),
        ("Number of prompt tokens: 9001 exceeds model max length: 8192", 9_001, 8_192),
        ("Prompt length (9001) exceeds maximum input length (8192)", 9_001, 8_192),
        (
            "The estimated number of input and maximum output tokens (9000) exceeded this model context window (8192).",
            5_000,
            8_192,
        ),
    ],
)
def test_a_prompt_that_does_not_fit_is_known_by_its_words(told: str, prompt: int, holds: int | None) -> None:
    fault = fault_of({"message": told})
    assert isinstance(fault, ContextOverflow)
    assert (fault.prompt, fault.context) == (prompt, holds)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "no", "code": "context_length_exceeded"},
        {"message": "no", "type": "exceed_context_size_error", "code": 400},
        {"message": "Max size: 8000 tokens.", "code": "tokens_limit_reached"},
    ],
)
def test_a_prompt_that_does_not_fit_is_known_by_the_name_of_the_error(error: dict[str, Any]) -> None:
    assert isinstance(fault_of(error), ContextOverflow)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            413,
            {
                "message": "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 8000",
                "code": "rate_limit_exceeded",
            },
        ),
        (
            400,
            {
                "message": "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is "
                "less than the `context_window` for this model"
            },
        ),
        (400, {"message": "Unsupported parameter: 'context_window' is not supported with this model."}),
        (400, {"message": "Extra inputs are not permitted: max_context_length"}),
        (429, {"message": "too many tokens", "code": "context_length_exceeded"}),
    ],
)
def test_what_speaks_of_a_context_may_be_something_else(status: int, error: dict[str, Any]) -> None:
    fault = fault_of(error, status)
    assert not isinstance(fault, ContextOverflow)
    assert error["message"].rstrip(".") in str(fault)


@pytest.mark.parametrize("named", [{"code": "insufficient_quota"}, {"type": "exceeded_current_quota_error"}])
def test_a_429_that_only_money_mends_is_final(named: dict[str, str]) -> None:
    assert fault_of({"message": "You exceeded your current quota.", **named}, 429).barred
    assert not fault_of({"message": "You exceeded your current quota.", **named}, 429).transient
    assert fault_of({"message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED"}, 429).transient


@pytest.mark.parametrize(
    "error",
    [
        {"code": "1113", "message": "Please recharge."},
        {"message": "Insufficient balance or no resource package."},
        {"message": "\u8d26\u6237\u4f59\u989d\u4e0d\u8db3"},
        {"message": "Your team has either used all available credits or reached its monthly spending limit."},
        {"message": "Your credit balance is too low to access the API."},
    ],
)
def test_money_is_known_by_its_words_as_well(error: dict[str, Any]) -> None:
    assert not fault_of(error, 429).transient


@pytest.mark.parametrize(
    "told",
    [
        "You exceeded your current quota, please check your plan and billing details.",
        "Resource has been exhausted (e.g. check quota).",
        "Rate limit reached for m: quota is exhausted for this minute. Add a payment method to raise your limits.",
    ],
)
def test_a_quota_of_the_moment_is_waited_for(told: str) -> None:
    assert fault_of({"message": told}, 429).transient


@pytest.mark.parametrize(("status", "barred"), [(401, True), (402, True), (403, False), (400, False), (429, False)])
def test_what_refuses_the_account_refuses_everything(status: int, barred: bool) -> None:
    assert fault_of({"message": "no"}, status).barred == barred


UPSTREAM = {"message": "Provider returned error", "code": 400}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ('{"error":{"message":"seed is not supported"}}', "Provider returned error: seed is not supported"),
        ("seed is not supported", "Provider returned error: seed is not supported"),
        ("<html><title>502 Bad Gateway</title></html>", "Provider returned error: 502 Bad Gateway"),
        ({"error": "busy"}, "Provider returned error: busy"),
        ("", "Provider returned error"),
        ("[" * 100_000, "Provider returned error: [[["),
        (None, "Provider returned error"),
        (7, "Provider returned error"),
    ],
)
def test_what_the_server_behind_a_gateway_said_is_told(raw: Any, words: str) -> None:
    fault = fault_of({**UPSTREAM, "metadata": {"raw": raw, "provider_name": "P"}})
    assert str(fault).startswith(f"answered 400: {words}")


def test_what_the_server_behind_a_gateway_said_is_understood() -> None:
    raw = json.dumps({"error": {"message": "maximum context length is 8192 tokens, your prompt has 9001 tokens"}})
    fault = fault_of({**UPSTREAM, "metadata": {"raw": raw}})
    assert isinstance(fault, ContextOverflow)
    assert (fault.prompt, fault.context) == (9_001, 8_192)
    unpaid = fault_of({**UPSTREAM, "metadata": {"raw": '{"error":{"code":"insufficient_quota"}}'}}, 429)
    assert not unpaid.transient


def test_requests_that_outgrow_a_shared_context_together_may_fit_one_by_one() -> None:
    told = {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}
    fault = fault_of(told, 500)
    assert fault.transient
    assert not fault.own
    assert "with less concurrency each has more of it" in str(fault)
    assert isinstance(fault_of(told), ContextOverflow)


@pytest.mark.parametrize(
    ("told", "sent", "options"),
    [
        ("`temperature` and `top_p` cannot both be specified", "max_tokens", {"omit": ["top_p", "temperature"]}),
        ("seed, top_p, temperature, top_k: no", "max_tokens", {"omit": ["seed", "top_p", "temperature", "top_k"]}),
        ("Unsupported parameter: 'stop' is not supported with this model.", "max_tokens", {"omit": ["stop"]}),
        ("Unrecognized request argument supplied: stop", "max_tokens", {"omit": ["stop"]}),
        ("Argument not supported on this model: stop", "max_tokens", {"omit": ["stop"]}),
        ("Please stop that.", "max_tokens", {}),
        ("Unrecognized request argument supplied: max_completion_tokens", "max_tokens", {}),
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "max_tokens",
            {"max_tokens_field": "max_completion_tokens"},
        ),
        ("Unsupported parameter: 'max_tokens'", "max_tokens", {"max_tokens_field": "max_completion_tokens"}),
        (
            "Unrecognized request argument supplied: max_completion_tokens",
            "max_completion_tokens",
            {"max_tokens_field": "max_tokens"},
        ),
        ("Unsupported: max_length. Use 'max_tokens' instead.", "max_length", {"max_tokens_field": "max_tokens"}),
        ("max_completion_tokens is too large: 5", "max_completion_tokens", {}),
        ("max_tokens is too large: 5", "max_tokens", {}),
        (
            "Unsupported: 'seed', 'top_p', system role, api version",
            "max_tokens",
            {"omit": ["seed", "top_p"], "fold_system": True},
        ),
    ],
)
def test_a_hint_can_be_entered_and_is_not_what_was_sent(told: str, sent: str, options: dict[str, Any]) -> None:
    found = hint(told, sent)
    assert bool(found) == bool(options)
    if found:
        entered = yaml.safe_load(found.partition("request: ")[2].removesuffix("."))
        assert entered == options
        assert RequestOptions.model_validate(entered)


def test_the_number_of_an_error_is_no_size() -> None:
    body = b'{"base_resp": {"status_code": 2013, "status_msg": "invalid params, context window exceeds limit (2013)"}}'
    fault = refusal(Answer(400, {}, body), Asked("m", 5_000, 5))
    assert isinstance(fault, ContextOverflow)
    assert fault.context is None
