"""What a server's answer means, whatever it holds: an answer, or that request's fault, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines.server import failures, refusals, reply, waits, words
from mlpo_bench.engines.server.listing import _models
from mlpo_bench.engines.server.transport import Answer
from mlpo_bench.errors import EngineError
from mlpo_bench.store import sound


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(),
    st.text(st.characters(), max_size=12),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def near(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with fields that count, each now and then of any kind, or missing."""
    return st.one_of(JSON, st.fixed_dictionaries({}, optional={name: value | JSON for name, value in fields.items()}))


PARTS = near(type=st.sampled_from(["text", "thinking", "refusal"]), text=st.text(), thinking=st.text())
MESSAGES = near(
    content=st.text() | st.lists(PARTS, max_size=3),
    refusal=st.text(),
    reasoning_content=st.text() | st.lists(PARTS, max_size=2),
    reasoning=st.text(),
)
ERRORS = near(code=st.sampled_from([400, 429, 502, "429"]), message=st.text())
CHOICES = near(
    message=MESSAGES, text=st.text(), finish_reason=st.sampled_from(["stop", "length", "refusal", ""]), error=ERRORS
)
COUNTS = near(
    prompt_tokens=st.integers(),
    completion_tokens=st.integers(),
    total_tokens=st.integers(),
    prompt_tokens_details=near(cached_tokens=st.integers()),
)
REPLIES = near(choices=st.lists(CHOICES, max_size=2), usage=COUNTS, error=ERRORS, system_fingerprint=st.text())


@given(REPLIES)
def test_any_json_is_an_answer_that_can_be_stored_or_a_fault(content: Any) -> None:
    try:
        found = reply.read(content)
    except EngineError:
        return
    usage = found.usage or Usage()
    made = Completion(found.text, usage, found.finish_reason, 0.0, found.reasoning, found.refused)
    assert sound(made)
    assert found.text.encode() is not None


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_json_or_a_value_error(body: bytes) -> None:
    try:
        whole = reply.parsed(body)
    except ValueError:
        return
    assert json.loads(body) == whole or "NaN" in repr(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b'{"choices": [{"message": {"content": "A", "content": "B"}}]}',
            "'content' stands twice, and is not the same",
        ),
        (b'{"usage": {"prompt_tokens": 1, "prompt_tokens": 7}}', "'prompt_tokens' stands twice"),
        (b'{"choices": [1], "choices": []}', "'choices' stands twice"),
    ],
)
def test_of_two_values_under_one_name_none_is_taken(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        reply.parsed(body)


def test_what_is_said_twice_in_the_same_words_is_said() -> None:
    assert reply.parsed(b'{"a": [1], "b": 2, "a": [1]}') == {"a": [1], "b": 2}


@pytest.mark.parametrize("tokens", [100_000_001, 2**31 - 1, 2**64, 1e10, 1e300])
def test_more_tokens_than_there_can_be_are_not_believed(tokens: float) -> None:
    assert replied({"content": "Yes."}, prompt_tokens=5, completion_tokens=tokens).usage is None
    assert replied({"content": "Yes."}, prompt_tokens=tokens, completion_tokens=1).usage is None


@pytest.mark.parametrize(
    "address", ["http://me:secret@host/", "https://secret@host:1/x", "http://me:se@cret@host/", "socks5://:secret@h"]
)
def test_no_password_of_an_address_is_repeated(address: str) -> None:
    fault = refusals.refusal(Answer(302, {"location": address}, b""), refusals.Asked("m", 1, 1))
    assert "sends on to" in str(fault)
    assert "secret" not in str(fault) + words.said(f"see {address}") + words.said(None, f"<p>{address}</p>")
    assert words.one_line("a://b c@d, http://h/@me") == "a://b c@d, http://h/@me"


@given(st.integers(100, 599), st.dictionaries(st.sampled_from(["location", "retry-after"]), st.text()), JSON)
def test_any_refusal_is_a_fault_of_one_line(status: int, headers: dict[str, str], content: Any) -> None:
    fault = refusals.refusal(Answer(status, headers, json.dumps(content).encode()), refusals.Asked("m", 1, 1))
    assert isinstance(fault, EngineError)
    assert str(fault).isprintable()


@given(JSON)
def test_any_list_of_models_is_one_or_a_value_error(content: Any) -> None:
    try:
        assert all(isinstance(name, str) for name in _models(content))
    except ValueError:
        assert not isinstance(content, list)


@given(st.text(max_size=500))
def test_any_words_become_one_line_that_moves_no_cursor(text: str) -> None:
    line = words.one_line(text)
    assert line.isprintable()
    assert len(line) <= words.LONGEST + 1


WAIT_HEADERS = (
    "retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-requests-reset",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(WAIT_HEADERS), st.text()), st.text())
def test_any_wait_is_none_or_seconds(headers: dict[str, str], said: str) -> None:
    wait = waits.told_wait(headers, said)
    assert wait is None or 0 <= wait < float("inf")


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"retry-after": "2.5"}, "", 2.5),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, "", 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, "", 0.0),
        ({"x-ratelimit-reset": "1800000012"}, "", 12.0),
        ({"x-ratelimit-reset": "1800000012000"}, "", 12.0),
        ({"x-ratelimit-reset": "12"}, "", 12.0),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "59.7ms"}, "", 360.0),
        (
            {
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            "",
            7.66,
        ),
        *(
            ({f"anthropic-ratelimit-{what}-reset": "2027-01-15T08:00:30Z"}, "", 30.0)
            for what in ("requests", "tokens", "input-tokens", "output-tokens")
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:02Z",
                "anthropic-ratelimit-tokens-remaining": "9000",
                "anthropic-ratelimit-tokens-reset": "2027-01-15T08:01:00+00:00",
            },
            "",
            2.0,
        ),
        ({"retry-after": "3", "anthropic-ratelimit-tokens-reset": "2027-01-15T08:01:00Z"}, "", 3.0),
        ({"anthropic-ratelimit-tokens-reset": "2027-01-15T07:00:00Z"}, "", 0.0),
        ({"x-ratelimit-reset-requests": "1m30s"}, "", 90.0),
        ({"x-ratelimit-reset-tokens": "250ms"}, "", 0.25),
        ({"x-ratelimit-reset-tokens-minute": "11.4"}, "", 11.4),
        ({"ratelimit-reset": "12"}, "", 12.0),
        ({"ratelimit-reset": "1800000012"}, "", 12.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "5", "x-ratelimit-reset-tokens": "1m"}, "", 5.0),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "9"}, "", 9.0),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "9"}, "try again in 2 s", 2.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, "try again in 2 s", 9.0),
        (
            {
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-tokens": "3",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            "",
            360.0,
        ),
        (
            {
                "x-ratelimit-remaining-requests-day": "900",
                "x-ratelimit-reset-requests-day": "33011",
                "x-ratelimit-remaining-tokens-minute": "3",
                "x-ratelimit-reset-tokens-minute": "11",
            },
            "",
            11.0,
        ),
        ({"x-ratelimit-remaining-requests-day": "0", "x-ratelimit-reset-requests-day": "33011"}, "", 33_011.0),
        ({"x-ratelimit-reset": "soon", "ratelimit-reset": "5"}, "", 5.0),
        ({"x-ratelimit-limit-requests": "5"}, "", None),
        ({}, "Rate limit reached. Please try again in 7m12s. Visit us", 432.0),
        ({}, "Please try again in 20 seconds", 20.0),
        ({}, '"retryDelay": "34s"', 34.0),
        ({}, "Please try again in 500 milliseconds", 0.5),
        ({}, "Please wait 10 more seconds", 10.0),
        ({}, "try again in 2 months", 5_184_000.0),
        ({}, "Try again in 5 minutes and 10 seconds.", 310.0),
        ({}, "try again in 1 hour, 2 minutes, and 3 seconds", 3_723.0),
        ({}, "try again in 1 day", 86_400.0),
        ({}, "wait for 12 seconds", 12.0),
        ({}, "retry after 30", 30.0),
        ({}, "Retry after 30. Thanks", 30.0),
        ({}, "retry after 30 seconds", 30.0),
        ({}, "Please retry in 34.074824224s.", 34.074824224),
        ({}, '{"error": {"details": [{"retryDelay": "34s"}]}}', 34.0),
        ({}, '{"retry_after": 2.5}', 2.5),
        ({}, "try again in 20ms", 0.02),
        ({}, "try again in 1m30.5s", 90.5),
        ({}, "retry after 2 attempts", None),
        ({}, "retry after 2026-11-27", None),
        ({}, "try again in 3 moons", None),
        ({}, "wait 5 maintainers", None),
        ({"retry-after": "30 seconds"}, "", 30.0),
        ({"retry-after": "1 minute"}, "", 60.0),
        ({"retry-after": "Fri Jan 15 08:00:30 2027"}, "", 30.0),
        ({"retry-after": "Friday, 15-Jan-27 08:00:30 GMT"}, "", 30.0),
        ({"retry-after": "2027-01-15T08:00:30Z"}, "", 30.0),
        ({"retry-after": "1000000000"}, "", 1e9),
        ({"retry-after": "1799999990"}, "", 0.0),
        ({"retry-after": "5s later"}, "", None),
        *(({name: "30"}, "", 30.0) for name in ("x-retry-after", "retry-after-seconds", "x-ratelimit-requests-reset")),
        *(
            ({name: "30"}, "", 30.0)
            for name in ("x-rate-limit-reset", "x-rate-limit-reset-seconds", "x-ratelimit-reset-after")
        ),
        ({"x-ratelimitbysize-reset-minute": "30"}, "", 30.0),
        ({"x-ms-retry-after-ms": "1500"}, "", 1.5),
        ({"ratelimit": '"default";r=0;t=30'}, "", 30.0),
        ({"ratelimit": "limit=10, remaining=0, reset=30"}, "", 30.0),
        ({"ratelimit": '"burst";r=0;t=30, "day";r=9;t=9000'}, "", 30.0),
        ({"retry-after": "5, 7"}, "", 7.0),
        ({"retry-after": "5, soon"}, "", None),
        ({"retry-after": '"5";'}, "", 5.0),
        ({"retry-after": "PT1M30S"}, "", 90.0),
        ({"retry-after": "PT"}, "", None),
        ({}, '{"retry_after_ms": 1500}', 1.5),
        ({}, "Your quota will reset after 30s.", 30.0),
        ({}, "Rate limit resets in 30 seconds", 30.0),
        ({}, "Request was throttled. Expected available in 30 seconds.", 30.0),
        ({}, "Please retry your request in 2s", 2.0),
        ({}, "Please try your request again in 2 seconds", 2.0),
        ({}, "Please wait a minute", 60.0),
        ({}, "try again in an hour", 3_600.0),
        ({}, "wait a moment", None),
        ({}, "\u8bf7\u5728 5 \u79d2\u540e\u91cd\u8bd5", 5.0),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "1e300"}, "", None),
        ({}, "no", None),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], said: str, seconds: float | None) -> None:
    wait = waits.told_wait(headers, said, now=lambda: NOW)
    assert wait == pytest.approx(seconds) if seconds is not None else wait is None


def test_words_are_found_where_servers_put_them() -> None:
    for content in (
        {"error": {"message": "no"}},
        {"error": "no"},
        {"message": "no"},
        {"detail": "no"},
        {"detail": [{"msg": "no"}]},
        [{"error": {"message": "no"}}],
        {"errors": ["no"]},
        {"object": "error", "message": "no"},
        "no",
    ):
        assert words.said(content) == "no"
    assert words.said(None, "<html><head><title>504 Gateway</title></head><body>x</body>") == "504 Gateway"
    assert words.said(None, "plain \x1b[31mred\x1b[0m") == "plain red"


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5}},
            Usage(6, 4, 2, 5),
        ),
        ({"input_tokens": 3, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 7}, Usage(10, 40, 2, 7)),
        ({"prompt_tokens": 10}, Usage(10, 0, 2)),
    ],
)
def test_what_was_written_to_a_cache_is_told_apart(told: dict[str, Any], usage: Usage) -> None:
    content: dict[str, Any] = {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}
    assert reply.read(content | {"usage": told | {"completion_tokens": 2}}).usage == usage


def replied(message: dict[str, Any], **usage: Any) -> reply.Reply:
    return reply.read({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


@pytest.mark.parametrize("message", [{"refusal": "No."}, {"content": [{"type": "refusal", "refusal": "No."}]}])
def test_a_refusal_stands_beside_the_content_or_in_it(message: dict[str, Any]) -> None:
    found = replied(message)
    assert (found.text, found.refused) == ("No.", True)


def test_thinking_that_is_kept_from_us_leaves_the_text() -> None:
    found = replied({"content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "Yes."}]})
    assert (found.text, found.reasoning, found.refused) == ("Yes.", None, False)


def test_a_text_of_no_tokens_is_counted_here() -> None:
    assert replied({"content": "Yes."}, prompt_tokens=5, completion_tokens=0).usage is None
    assert replied({"content": "Yes."}, prompt_tokens=5, completion_tokens=1).usage == Usage(5, 0, 1)


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": 0, "completion_tokens": 3}, {"completion_tokens": 3, "total_tokens": 3}]
)
def test_a_prompt_of_no_tokens_is_counted_here(usage: dict[str, int]) -> None:
    assert replied({"content": "Yes."}, **usage).usage is None


def test_a_prompt_that_was_cached_whole_is_one() -> None:
    assert replied({"content": "Yes."}, input_tokens=0, cache_read_input_tokens=40, output_tokens=1).usage == Usage(
        0, 40, 1
    )


@pytest.mark.parametrize(
    ("written", "thought", "total", "counted"),
    [
        (5, 1_000, 1_055, 1_005),  # apart: the total says so
        (1_499, 800, 2_349, 2_299),  # apart, though fewer: the total is larger by just so many
        (5, None, 1_055, 1_005),  # apart, and not told
        (0, 60, 110, 60),
        (5, 1_000, None, 1_005),  # a part is no larger than the whole
        (1_005, 1_000, 1_055, 1_005),  # within
        (1_005, 1_000, None, 1_005),
        (5, 1_000, 55, 5),  # the total holds no more
        (5, 0, 55, 5),
        (5, 3, 80, 5),  # what else the total holds is not this thinking
        (5, None, 20, 5),  # a total that cannot be
        (5, "many", 55, 5),
    ],
)
def test_thinking_beside_the_completion_is_counted_once(
    written: int, thought: Any, total: int | None, counted: int
) -> None:
    told = {
        "prompt_tokens": 50,
        "completion_tokens": written,
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    assert replied({"content": "Yes."}, **told, **({} if total is None else {"total_tokens": total})).usage == Usage(
        50, 0, counted
    )


def openai_usage(prompt: int, cached: int, written: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    told = {"prompt_tokens": prompt, "completion_tokens": written, "prompt_tokens_details": {"cached_tokens": cached}}
    return told | ({} if total is None else {"total_tokens": total}) | more


def thinking(tokens: int) -> dict[str, Any]:
    return {"completion_tokens_details": {"reasoning_tokens": tokens}}


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (openai_usage(100, 50, 10, 110), Usage(50, 50, 10)),  # within, as most servers count
        (openai_usage(100, 50, 10), Usage(50, 50, 10)),
        (openai_usage(100, 50, 10, 160), Usage(100, 50, 10)),  # the total says that they stand beside
        (openai_usage(100, 50, 10, 167, **thinking(7)), Usage(100, 50, 17)),  # as the thinking does
        (openai_usage(100, 50, 10, 160, **thinking(7)), Usage(100, 50, 10)),
        (openai_usage(100, 50, 10, 160, **thinking(50)), Usage(50, 50, 60)),  # the thinking, as likely as not
        (openai_usage(100, 50, 10, 190, cache_creation_input_tokens=30), Usage(130, 50, 10, 30)),
        (openai_usage(100, 50, 10, cache_read_input_tokens=50), Usage(50, 50, 10)),  # told twice
        (openai_usage(10, 40, 10, 60), Usage(10, 40, 10)),
        ({"input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 10}, Usage(100, 50, 10)),
        (
            {"input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 10, "total_tokens": 110},
            Usage(100, 50, 10),
        ),
        (
            {"input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 10, "total_tokens": 160},
            Usage(100, 50, 10),
        ),
        (
            {"input_tokens": 100, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 80, "output_tokens": 10},
            Usage(180, 0, 10, 80),
        ),
        ({"input_tokens": 100, "input_tokens_details": {"cached_tokens": 50}, "output_tokens": 10}, Usage(50, 50, 10)),
    ],
)
def test_what_was_cached_is_counted_once(told: dict[str, Any], usage: Usage) -> None:
    assert replied({"content": "Yes."}, **told).usage == usage


def test_what_was_cached_apart_is_no_thinking() -> None:
    told = {"input_tokens": 10, "cache_read_input_tokens": 40, "output_tokens": 5, "total_tokens": 55}
    assert replied({"content": "Yes."}, **told).usage == Usage(10, 40, 5)


ANSWER = {"message": {"content": "The answer is (A)."}, "finish_reason": "stop"}
DIED = {"message": "provider died mid-answer", "code": 502}


@pytest.mark.parametrize(
    "content",
    [
        {"choices": [ANSWER], "error": DIED},
        {"choices": [ANSWER | {"error": DIED}]},
        {"choices": [ANSWER | {"error": DIED, "finish_reason": "error"}]},
        {"choices": [], "error": DIED},
        {"choices": [ANSWER], "error": "provider died mid-answer"},
        {"object": "error", "message": "provider died mid-answer"},
    ],
)
def test_an_error_beside_an_answer_is_a_fault(content: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match=r"^answered with an error: provider died mid-answer\.$") as caught:
        reply.read(content)
    assert caught.value.transient


@pytest.mark.parametrize("nothing", [None, "", False, {}, [], {"code": None, "message": ""}, {"code": 0}])
def test_an_error_with_nothing_in_it_is_none(nothing: Any) -> None:
    found = reply.read({"choices": [ANSWER | {"error": nothing}], "error": nothing})
    assert found.text == "The answer is (A)."


@pytest.mark.parametrize(
    ("code", "again"),
    [
        (401, False),
        ("401", False),
        (400.0, False),
        ("invalid_api_key", False),
        (502, True),
        ("502", True),
        (True, True),
    ],
)
def test_an_error_is_asked_again_for_unless_its_code_says_that_this_is_useless(code: Any, again: bool) -> None:
    with pytest.raises(EngineError, match="no") as caught:
        reply.read({"error": {"message": "no", "code": code}})
    assert caught.value.transient == again


@pytest.mark.parametrize("code", [429, "429", 429.0, "rate_limit_exceeded"])
def test_an_error_for_haste_is_waited_for(code: Any) -> None:
    with pytest.raises(failures.RateLimited):
        reply.read({"choices": [ANSWER], "error": {"message": "slow down", "code": code}})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "sent an empty answer"),
        (b" \n", "sent an empty answer"),
        (b'data: {"choices": []}\n\ndata: [DONE]\n\n', "streams its answer, though no stream was asked for"),
        (b': keep\n\ndata: {"choices": []}\n\n', "streams its answer"),
        (b'{"done": false}\n{"done": true}\n', "streams its answer"),
        (b"not json", "sent no valid answer: Expecting value"),
        (
            b"<html><head><title>502 Bad Gateway</title></head></html>",
            "sent a page in place of an answer: 502 Bad Gateway.",
        ),
        (b"\n<!DOCTYPE html><p>Please <b>log in</b>.", "sent a page in place of an answer: Please log in"),
        (b'{"a": 1}\nnonsense', "sent no valid answer: Extra data"),
    ],
)
def test_what_is_no_json_is_told_in_a_sentence(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        reply.parsed(body)
    assert str(reply.unreadable(body, caught.value)).startswith(said)
