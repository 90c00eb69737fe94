"""The engine for servers, against one that behaves as people's servers do: answers, faults, time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Message, Sampling, Usage
from mlpo_bench.engines import open_engine
from mlpo_bench.engines.server import engine as server_engine
from mlpo_bench.errors import ContextOverflow, EngineError, Stopped
from mlpo_bench.teams import ModelSpec
from tests.engines.asking import FIVE_TOKENS, KEY, TOLD, ask, ask_one, fault_of, opened, spec_of
from tests.engines.imitated_server import (
    MODEL,
    MODES,
    ImitatedServer,
    Mode,
    Sent,
    answer_to,
    listing,
    lists,
    refused,
    says,
    sent,
)


if TYPE_CHECKING:
    from tests.engines.imitated_server import Asked

pytestmark = pytest.mark.usefixtures("in_no_hurry")


# What is sent, and what comes back


def test_text_usage_and_request() -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=3, max_tokens=5, stop=("END",))
    with ImitatedServer() as server:
        (made,) = ask(spec_of(server), sampling=sampling)
    assert (made.text, made.usage, made.finish_reason, made.more) == ("fine", TOLD, "stop", {})
    assert made.seconds > 0
    (asked,) = server.asked
    assert asked.body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "question 0"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "max_tokens": 5,
        "stop": ["END"],
        "seed": 0,
    }
    assert {a.headers["authorization"] for a in (asked, *server.listed)} == {f"Bearer {KEY}"}


def test_facts_are_the_servers_own() -> None:
    with ImitatedServer() as server:
        facts = opened(spec_of(server)).facts
        assert (facts.engine, facts.context) == ("openai", 512)
        assert facts.fingerprint == f"{MODEL}|{server.url} {MODEL}|unknown|openai"
        assert opened(spec_of(server, context=100)).facts.context == 100
    assert KEY not in repr(facts)


@pytest.mark.parametrize(
    ("more", "behind"),
    [
        ({"revision": "v2"}, " revision v2"),
        ({"deployment": "Tuesday"}, " deployment Tuesday"),
        ({"request": {"reasoning_effort": "low"}}, " request "),
        ({"generation": "model"}, " generation model"),
    ],
)
def test_what_changes_answers_is_part_of_their_identity(more: dict[str, Any], behind: str) -> None:
    with ImitatedServer() as server:
        plain, changed = opened(spec_of(server)).facts, opened(spec_of(server, **more)).facts
    assert changed.revision.startswith(plain.revision + behind)


@pytest.mark.parametrize(
    ("created", "behind"), [(1_700_000_000, " deployment 2023-11-14T22:13:20+00:00"), (None, ""), (10**18, "")]
)
def test_a_deployment_may_be_when_the_model_was_made(created: int | None, behind: str) -> None:
    said: list[str] = []
    with ImitatedServer(lists(listing(created=created))) as server:
        facts = opened(spec_of(server, deployment="auto"), said).facts
    assert facts.revision == f"{server.url} {MODEL}{behind}"
    assert any("name its deployment yourself" in s for s in said) == (not behind)


def test_how_a_server_is_reached_is_no_part_of_the_identity() -> None:
    reached = {"timeout": 5, "max_wait": 5, "requests_per_minute": 6e4, "max_tokens_field": "max_completion_tokens"}
    with ImitatedServer() as server:
        assert opened(spec_of(server, request=reached)).facts == opened(spec_of(server)).facts


# Answers that count


@pytest.mark.parametrize(
    ("mode", "text", "reasoning"),
    [
        ("content_list", "fine", None),
        ("reasoning_and_content", "B", "It is B, I think."),
        ("reasoning_field_and_content", "B", "It is B, I think."),
        ("reasoning_parts", "B", "Hm."),
        ("reasoning_length_null", "", "Let me see"),
        ("lone_surrogate", "a?b", None),
        ("unicode", "\u0627\u0644\U0001f600\x00", None),
        ("gzip", "fine", None),
        ("latin_1", "caf\u00e9", None),
        ("gbk", "\u7b54\u6848", None),
        ("utf_8_said_to_be_latin_1", "caf\u00e9", None),
        ("packed_as_utf_8", "fine", None),
        ("200_error_once", "fine", None),
        ("empty_choices_once", "fine", None),
        ("models_bare_list", "fine", None),
        ("status_201", "fine", None),
        ("status_203", "fine", None),
        ("base_elsewhere", "fine", None),
    ],
)
def test_an_answer_is_read(mode: str, text: str, reasoning: str | None) -> None:
    made = ask_one(mode)
    assert (made.text, made.reasoning, made.refused) == (text, reasoning, False)


@pytest.mark.parametrize("mode", [m for m in MODES if m.startswith("finish_") and not m.endswith(("filter", "error"))])
def test_a_text_that_ended_counts_whatever_the_server_calls_it(mode: str) -> None:
    made = ask_one(mode)
    assert (made.finish_reason, made.refused) == ("stop", mode == "finish_refusal")


@pytest.mark.parametrize("reason", ["made_up", ["stop"], {"a": 1}, 7])
def test_an_unknown_reason_is_told_once(reason: object) -> None:
    said: list[str] = []
    with ImitatedServer(f"finish_{reason}") as server:
        ask(spec_of(server), count=3, said=said)
    assert len([s for s in said if "as its end" in s and str(reason)[:6] in s]) == 1


@pytest.mark.parametrize("mode", [m for m in MODES if m.startswith("cut_off_")])
def test_a_text_that_was_cut_off_is_so_whatever_the_server_calls_it(mode: str) -> None:
    assert ask_one(mode).cut_off


@pytest.mark.parametrize("mode", ["refusal", "finish_refusal"])
def test_a_refusal_is_neither_an_answer_nor_a_fault(mode: str) -> None:
    made = ask_one(mode)
    assert (made.text, made.refused) == ("I will not.", True)


# Tokens


@pytest.mark.parametrize(
    "what", ["missing", "null", "empty", "list", "text", "partial", "fields_null", "negative", "float", "nan", "huge"]
)
def test_tokens_that_are_not_told_are_estimated_and_marked(what: str) -> None:
    made = ask_one(f"usage_{what}")
    assert made.estimated
    assert made.usage == Usage(7, 0, 1)  # "question 0" and a message; "fine"


@pytest.mark.parametrize(("what", "usage"), [("details_null", Usage(10, 0, 3)), ("cached_more", Usage(10, 100, 3))])
def test_odd_tokens_are_never_negative(what: str, usage: Usage) -> None:
    made = ask_one(f"usage_{what}")
    assert (made.usage, made.estimated) == (usage, False)


# Faults


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("reasoning_null_stop", r"wrote its thinking apart \(8 characters\) and no answer"),
        ("reasoning_field_null_stop", r"wrote its thinking apart"),
        ("empty_stop", r"answered with nothing: the content is empty, the finish reason 'stop'"),
        ("finish_filter", "ended an answer with 'content_filter'"),
        ("finish_error", "ended an answer with 'error'"),
        ("content_number", "the content is a number"),
        ("content_list_of_numbers", "the content is a number"),
        ("content_dict", "a part without text"),
        ("always_200_error", "answered with an error: the provider is asleep"),
        ("choice_error", "answered with an error: the provider is asleep"),
        ("error_and_answer", "answered with an error: the provider died"),
        ("error_as_text", "answered with an error: bad key"),
        ("nothing", "sent an empty answer"),
        ("no_content", "sent an empty answer"),
        ("streamed", "streams its answer, though no stream was asked for"),
        ("html_502", "answered 502: 502 Bad Gateway"),
        ("deep", "nested too deeply"),
        ("digits", r"no valid answer: a number has more digits than are read\."),
        ("bomb", "more than 16 MiB, unpacked"),
        ("50_megabytes", "more than 16 MiB for one answer"),
        ("gzip_cut", "cut short"),
        ("brotli", "packed its answer as br"),
        ("hangs_up", r"broke the connection off: Server disconnected without sending a response\."),
        ("cut_body", "broke the connection off: peer closed connection"),
        ("redirect", "sends on to http://127.0.0.1:9/elsewhere, which is not followed"),
        ("no_seed_422", r"answered 422: seed: extra fields not permitted\. .*omit: \[seed\]"),
        ("temperature1", r"'temperature' does not support 0\.7"),
        ("no_top_p", r"cannot both be specified.*omit: \[top_p, temperature\]"),
        ("no_max_tokens", "max_tokens_field: max_completion_tokens"),
    ],
)
def test_a_fault_is_told_in_the_servers_words(mode: str, sentence: str) -> None:
    with ImitatedServer(mode) as server, pytest.raises(EngineError, match=sentence) as caught:
        ask(spec_of(server))
    assert server.url in str(caught.value)
    assert len(server.asked) == (1 + server_engine.RETRIES if caught.value.transient else 1)


@pytest.mark.parametrize("mode", [m for m in MODES if m.startswith(("choice_", "body_", "not_json"))])
def test_what_is_no_completion_is_a_fault(mode: str) -> None:
    said = str(fault_of(mode))
    assert "did not answer with a completion" in said or "sent no valid answer" in said or "asleep" in said


def test_a_fault_keeps_the_key_to_itself_and_leaves_a_terminal_alone() -> None:
    said = str(fault_of("markup_and_control"))
    assert said.endswith("answered 400: [red]no[/red] way key ***.")


CONTEXTS = [m for m in MODES if m.startswith("ctx_") and m not in {"ctx_groq", "ctx_llamacpp_500", "ctx_huge"}]


@pytest.mark.parametrize("mode", CONTEXTS)
def test_a_prompt_too_long_is_an_overflow_with_its_numbers(mode: str) -> None:
    fault = fault_of(mode)
    assert isinstance(fault, ContextOverflow)
    assert (fault.prompt, fault.answer, fault.context) == (600, 5, 512)
    assert "93 too many" in str(fault)


@pytest.mark.parametrize("mode", ["ctx_groq", "ctx_llamacpp_500", "ctx_huge"])
def test_a_prompt_too_long_without_figures_is_told_in_words(mode: str) -> None:
    fault = fault_of(mode)
    assert isinstance(fault, ContextOverflow)
    assert "too many" not in str(fault)
    assert "exceed what served-model holds: " in str(fault)


def test_failures_are_tried_again_in_one_layer() -> None:
    with (
        ImitatedServer(says(Sent(b"oops", 500))) as server,
        pytest.raises(EngineError, match="answered 500: oops") as caught,
    ):
        ask(spec_of(server))
    assert caught.value.transient
    assert caught.value.tried
    assert len(server.asked) == 1 + server_engine.RETRIES


# Time


@pytest.mark.parametrize("mode", ["silent", "drip"])
def test_a_whole_answer_has_a_deadline_and_is_not_waited_for_again(mode: str) -> None:
    began = time.monotonic()
    with ImitatedServer(mode) as server:
        with pytest.raises(EngineError, match=r"did not answer within 0\.3 s") as caught:
            ask(spec_of(server, request={"timeout": 0.3}))
        assert time.monotonic() - began < 20  # the server would take 30
        assert len(server.asked) == 1
    assert caught.value.transient


@pytest.mark.parametrize("how", ["retry_after", "retry_after_ms", "xreset", "words", "no_header", "in_200", "zero"])
def test_a_server_that_asks_to_wait_is_waited_for(how: str) -> None:
    said: list[str] = []
    count = 7 if how == "no_header" else 5
    with ImitatedServer(f"limited_{how}") as server:
        assert [c.text for c in ask(spec_of(server), count=count, said=said)] == ["fine"] * count
        assert len(server.asked) < 40
    if how == "no_header":
        assert any("answered 429: slow down. Waiting" in s for s in said)


def test_a_wait_longer_than_a_person_allows_is_told_at_once() -> None:
    began = time.monotonic()
    with ImitatedServer("retry_after_long") as server:
        with pytest.raises(EngineError, match=r"quota spent\. It asks to wait 86,400 s\. A request waits 600 s in all"):
            ask(spec_of(server))
        assert len(server.asked) == 1
    assert time.monotonic() - began < 60


def test_requests_in_flight_are_bounded() -> None:
    with ImitatedServer() as server:
        server.delay = 0.05
        assert len(ask(spec_of(server, concurrency=3), count=12)) == 12
    assert server.most_in_flight == 3


def test_requests_a_minute_are_spread() -> None:
    with ImitatedServer() as server:
        ask(spec_of(server, request={"requests_per_minute": 600}), count=4)
    times = sorted(a.at for a in server.asked)
    assert times[-1] - times[0] >= 0.25


def test_waiting_for_a_turn_takes_nothing_from_the_tries() -> None:
    """The third request waits longer for its turn than an answer may take, and fails once in passing."""

    def answer(server: ImitatedServer, asked: Asked) -> Sent:
        return refused("passing", 502) if len(server.asked) == 3 else sent(answer_to(asked))

    with ImitatedServer(Mode(answer)) as server:
        made = ask(spec_of(server, request={"requests_per_minute": 60, "timeout": 1}), count=3)
    assert [one.text for one in made] == ["fine"] * 3
    assert len(server.asked) == 4


def test_an_answer_that_was_cut_off_before_it_began_is_no_fault() -> None:
    told = "Could not finish the message because max_tokens or model output limit was reached. Please try again."
    made = ask_one(says(refused(told)))
    assert (made.text, made.finish_reason, made.estimated, made.usage.completion) == ("", "length", True, 5)


def test_what_waits_for_its_turn_ends_when_a_person_stops() -> None:
    async def go(spec: ModelSpec) -> list[Any]:
        engine: Any = await open_engine(spec)
        asking = [asyncio.create_task(engine.complete([Message("user", "?")], FIVE_TOKENS, i)) for i in range(5)]
        while not server.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        engine.halt(Stopped())
        try:
            return await asyncio.gather(*asking, return_exceptions=True)
        finally:
            await engine.close()

    with ImitatedServer() as server:
        server.delay = 0.3
        first, *others = asyncio.run(go(spec_of(server, concurrency=1)))
    assert first.text == "fine"
    assert [type(other) for other in others] == [Stopped] * 4
    assert len(server.asked) == 1
