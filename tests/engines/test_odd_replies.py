"""Answers with a status of success that hold none: errors in any place, other protocols, and how a text ended."""

from __future__ import annotations

from typing import Any

import pytest

from mlpo_bench.engines.server import failures, reply
from mlpo_bench.errors import EngineError


TEXT = {"type": "text", "text": "Yes."}
ENCRYPTED = {"type": "reasoning.encrypted", "data": "x"}
PARTS_BESIDE = [
    {"type": "tool_use", "id": "1", "name": "a", "input": {}},
    {"type": "image_url", "image_url": {"url": "http://a"}},
    {"type": "reference", "reference_ids": [1]},
]


def replied(message: dict[str, Any] | None = None, **choice: Any) -> reply.Reply:
    return reply.read({"choices": [{"message": message or {"content": "Yes."}, "finish_reason": "stop", **choice}]})


def fault_of(content: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        reply.read(content)
    return caught.value


@pytest.mark.parametrize(
    ("content", "words", "again"),
    [
        ({"detail": "Model is overloaded"}, "Model is overloaded", True),
        ({"message": "try later", "code": 503}, "try later", True),
        ({"message": "no such model", "code": 404}, "no such model", False),
        ({"success": False, "msg": "no credit"}, "no credit", False),
        ({"errors": ["it broke"]}, "it broke", True),
        ({"errors": [{"message": "who are you?", "code": "401"}]}, "who are you?", False),
        (
            {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
            "insufficient balance",
            False,
        ),
        ({"error": True, "message": "quota used up"}, "quota used up", False),
        ({"error": "Bad Request", "message": "model m is not loaded"}, "Bad Request: model m is not loaded", False),
        ({"error": "it broke", "message": "it broke"}, "it broke", True),
        ({"error": 1, "error_msg": "it broke"}, "it broke", True),
        ({"error": [{"message": "it broke", "code": 400}]}, "it broke", False),
        ({"choices": [], "status_msg": "asleep"}, "asleep", True),
        ({"choices": [{}], "msg": "asleep"}, "asleep", True),
    ],
)
def test_an_error_in_any_place_is_told_in_the_servers_words(content: Any, words: str, again: bool) -> None:
    fault = fault_of(content)
    assert (str(fault), fault.transient) == (f"answered with an error: {words}.", again)


def test_words_beside_an_answer_are_no_error() -> None:
    whole = {
        "choices": [{"message": {"content": "Yes."}}],
        "message": "welcome",
        "base_resp": {"status_msg": "success"},
    }
    assert reply.read(whole).text == "Yes."


@pytest.mark.parametrize("name", ["promptFeedback", "prompt_feedback"])
def test_a_prompt_that_was_blocked_is_told(name: str) -> None:
    fault = fault_of({name: {"blockReason": "SAFETY"}})
    assert (str(fault), fault.transient, fault.own) == (
        "blocked the prompt (SAFETY): a filter of its own.",
        False,
        True,
    )


@pytest.mark.parametrize(
    "error",
    [
        {"type": "rate_limit_error"},
        {"code": "too_many_requests"},
        {"code": "Too Many Requests"},
        {"status": "RESOURCE_EXHAUSTED", "code": 200},
        {"status_code": 429},
        {"code": "rate_limit_daily"},
        {"error_code": 18, "message": "Open api qps request limit reached"},
        {"code": 500, "message": "litellm.RateLimitError: rate limited"},
    ],
)
def test_an_error_for_haste_is_waited_for_whatever_it_is_called(error: dict[str, Any]) -> None:
    for content in ({"error": {"message": "slow down"} | error}, {"message": "slow down", **error}):
        assert isinstance(fault_of(content), failures.RateLimited)


def test_what_only_money_mends_is_not_waited_for() -> None:
    fault = fault_of({"error": {"message": "spent", "code": 429, "type": "insufficient_quota"}})
    assert not isinstance(fault, failures.RateLimited)
    assert not fault.transient


def test_what_stands_behind_a_gateway_is_read_in_an_answer_too() -> None:
    behind = {"raw": '{"error":{"message":"Developer instruction is not enabled for m"}}'}
    told = str(fault_of({"error": {"message": "Provider returned error", "code": 400, "metadata": behind}}))
    assert "Provider returned error: Developer instruction is not enabled for m" in told


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ({"type": "message", "role": "assistant", "content": [TEXT], "stop_reason": "end_turn"}, "Anthropic's own"),
        ({"model": "m", "message": {"role": "assistant", "content": "Yes."}, "done": True}, "Ollama's own form"),
        ({"model": "m", "response": "Yes.", "done": True}, "Ollama's own form"),
        ({"object": "response", "status": "completed", "output": [], "error": None}, "OpenAI's Responses"),
        ({"candidates": [{"content": {"parts": [{"text": "Yes."}]}}]}, "Gemini's own form"),
        ({"output": {"message": {"content": [{"text": "Yes."}]}}, "stopReason": "end_turn"}, "Bedrock's own form"),
        ({"message": {"role": "assistant", "content": [TEXT]}, "finish_reason": "COMPLETE"}, "Cohere's own form"),
        ({"text": "Yes.", "finish_reason": "COMPLETE"}, "Cohere's own form"),
        ([{"generated_text": "Yes."}], "TGI's own form"),
        ({"content": "Yes.", "stop": True}, "llama.cpp's own form"),
        ({"result": {"response": "Yes."}, "success": True, "errors": []}, "Cloudflare's own form"),
        ({"choices": [{"delta": {"content": "Yes."}, "finish_reason": None}]}, "a piece of a stream"),
    ],
)
def test_another_protocol_is_named_and_not_asked_for_again(content: Any, form: str) -> None:
    fault = fault_of(content)
    assert form in str(fault)
    assert not fault.transient


def test_an_error_of_another_protocol_is_told_in_its_words() -> None:
    assert "answered with an error: asleep" in str(fault_of({"object": "response", "error": {"message": "asleep"}}))


@pytest.mark.parametrize("part", PARTS_BESIDE)
def test_parts_without_text_are_passed_over_beside_text(part: dict[str, Any]) -> None:
    assert replied({"content": [part, TEXT]}).text == "Yes."
    alone = fault_of({"choices": [{"message": {"content": [part]}}]})
    assert f"the content has a part without text ('{part['type']}')" in str(alone)
    assert not alone.transient


@pytest.mark.parametrize(
    "message",
    [
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "Hm."},
                {"type": "reasoning.encrypted", "data": "x"},
            ]
        },
        {"thinking": {"content": "Hm."}},
        {"reasoning": {"content": "Hm.", "summary": None}},
        {"reasoning": {"text": "Hm.", "encrypted": "x"}},
        {"reasoning": {"type": "thinking", "thinking": "Hm."}},
        {"reasoning": {"summary": [{"type": "summary_text", "text": "Hm."}]}},
    ],
)
def test_thinking_is_found_in_objects(message: dict[str, Any]) -> None:
    found = replied({"content": "Yes.", **message})
    assert (found.text, found.reasoning) == ("Yes.", "Hm.")


def test_thinking_is_found_in_blocks_beside_a_content() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "x"}]
    assert replied({"content": "Yes.", "thinking_blocks": blocks}).reasoning == "Hm."


def test_a_text_stands_beside_a_message_that_is_null() -> None:
    assert reply.read({"choices": [{"message": None, "text": "Yes."}]}).text == "Yes."
    assert "piece of a stream" in str(fault_of({"choices": [{"message": None, "delta": {"content": "Yes."}}]}))


def test_an_error_that_says_it_is_none_is_none_beside_an_answer() -> None:
    choices = [{"message": {"content": "Yes."}}]
    assert reply.read({"error": {"code": 0, "message": "success"}, "choices": choices}).text == "Yes."
    assert "success" in str(fault_of({"error": {"code": 0, "message": "success"}, "choices": None}))


@pytest.mark.parametrize(
    "reason",
    [
        "incomplete", "context_length", "context_length_exceeded", "token_limit_reached", "max_token", "MAX_TOKENS",
        "maxTokens", "FinishReason.length", "FinishReason.MAX_TOKENS", {"type": "length"}, "model_length", "max-tokens",
        "length", "finish_reason_max_tokens", "tokens", "truncation", "budget_exhausted", "repetition", "pause_turn",
        "model_context_window_exceeded", "max_output_reached", "time_limit",
    ],
)  # fmt: skip
def test_what_was_cut_off_is_no_end(reason: Any) -> None:
    assert replied(finish_reason=reason).finish_reason == "length"


@pytest.mark.parametrize("reason", ["stop", "FinishReason.STOP", {"type": "stop"}, "END_TURN", "Stop.", "", None])
def test_what_ended_is_an_end(reason: Any) -> None:
    found = replied(finish_reason=reason)
    assert (found.finish_reason, found.note) == ("stop", "")


@pytest.mark.parametrize("reason", ["stop_token", "eos_token_id", "OTHER", "unknown", "tool_calls"])
def test_what_may_be_an_end_is_taken_as_one_and_told(reason: str) -> None:
    found = replied(finish_reason=reason)
    assert found.finish_reason == "stop"
    assert reason in found.note


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        ("network_error", True),
        ("server_error", True),
        ("unexpected_error", True),
        ("ERROR_TOXIC", True),
        ("ERROR_LIMIT", True),
        ("engine failure", True),
        ("rate_limit", True),
        ({"type": "error"}, True),
        *((reason, True) for reason in ("overloaded", "shutdown", "preempted", "interrupted", "timed_out", "timeout")),
        *((reason, True) for reason in ("client_disconnected", "unavailable", "cancelled", "request_aborted")),
        *(
            (reason, False)
            for reason in ("guardrail_intervened", "moderation", "flagged", "IMAGE_SAFETY", "policy_violation")
        ),
        ("sensitive", False),
        ("FinishReason.SAFETY", False),
    ],
)
def test_what_failed_is_no_end(reason: Any, again: bool) -> None:
    fault = fault_of({"choices": [{"message": {"content": "Yes."}, "finish_reason": reason}]})
    assert "ended an answer with" in str(fault)
    assert fault.transient == again
