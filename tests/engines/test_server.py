"""The engine for servers, against one that behaves as people's servers do."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.engines import open_engine
from mlpo_bench.engines.server import engine as server_engine
from mlpo_bench.engines.server import listing as server_listing
from mlpo_bench.errors import ContextOverflow, EngineError, Stopped, UsageError
from mlpo_bench.teams import ModelSpec
from tests.engines.imitated_server import (
    MODEL,
    MODES,
    ImitatedServer,
    Mode,
    Sent,
    chat,
    listing,
    lists,
    refused,
    says,
    sent,
)


if TYPE_CHECKING:
    from mlpo_bench.engines import Engine

KEY = "sk-made-up-and-secret"
FIVE_TOKENS = Sampling(max_tokens=5)
TOLD = Usage(6, 4, 3)


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment, no proxy, and failures that are soon tried again."""
    monkeypatch.setenv("MADE_UP_KEY", KEY)
    monkeypatch.setattr(server_engine, "FIRST_RETRY_S", 0.01)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def spec_of(server: ImitatedServer, model: str = MODEL, **more: Any) -> ModelSpec:
    return ModelSpec(**{"model": model, "base_url": server.url, "api_key_env": "MADE_UP_KEY", **more})


def ask(
    spec: ModelSpec,
    count: int = 1,
    sampling: Sampling = FIVE_TOKENS,
    said: list[str] | None = None,
    system: str | None = None,
) -> list[Completion]:
    async def go() -> list[Completion]:
        engine = await open_engine(spec, on_event=None if said is None else said.append)
        before = [Message("system", system)] if system else []
        try:
            chats = [[*before, Message("user", f"question {i}")] for i in range(count)]
            return await asyncio.gather(*(engine.complete(chat, sampling, i) for i, chat in enumerate(chats)))
        finally:
            await engine.close()

    return asyncio.run(go())


def ask_one(mode: str | Mode, **more: Any) -> Completion:
    with ImitatedServer(mode) as server:
        (made,) = ask(spec_of(server, **more))
    return made


def fault_of(mode: str | Mode, **more: Any) -> EngineError:
    with ImitatedServer(mode) as server, pytest.raises(EngineError) as caught:
        ask(spec_of(server, **more))
    return caught.value


def opened(spec: ModelSpec, said: list[str] | None = None) -> Engine:
    async def go() -> Engine:
        engine = await open_engine(spec, on_event=None if said is None else said.append)
        await engine.close()
        return engine

    return asyncio.run(go())


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
        ("200_error_once", "fine", None),
        ("empty_choices_once", "fine", None),
        ("models_bare_list", "fine", None),
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
        ("html_502", "answered 502: 502 Bad Gateway"),
        ("deep", "nested too deeply"),
        ("bomb", "more than 16 MiB, unpacked"),
        ("50_megabytes", "more than 16 MiB for one answer"),
        ("gzip_cut", "cut short"),
        ("brotli", "packed its answer as br"),
        ("hangs_up", "cannot be reached"),
        ("cut_body", "cannot be reached"),
        ("redirect", "sends on to http://127.0.0.1:9/elsewhere, which is not followed"),
        ("no_seed_422", r"answered 422: seed: extra fields not permitted\. .*omit: \[seed\]"),
        ("temperature1", r"'temperature' does not support 0\.7"),
        ("no_top_p", r"cannot both be specified.*omit: \[top_p\]"),
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
        assert time.monotonic() - began < 5
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
    assert time.monotonic() - began < 5


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


# What a team file says


def body_of(mode: str | Mode = "well-behaved", system: str | None = None, **more: Any) -> dict[str, Any]:
    with ImitatedServer(mode) as server:
        assert ask(spec_of(server, **more), system=system)[0].text == "fine"
    return server.asked[-1].body


@pytest.mark.parametrize(
    ("mode", "request_options"),
    [
        ("no_max_tokens", {"max_tokens_field": "max_completion_tokens"}),
        ("no_top_p", {"omit": ["top_p"]}),
        ("no_seed_422", {"omit": ["seed"]}),
        ("temperature1", {"omit": ["temperature"]}),
        ("no_template_400", {"endpoint": "completions"}),
        ("needs_api_version", {"extra_query": {"api-version": "2026-01-01"}}),
        ("needs_header_key", {"key_header": "api-key"}),
        ("needs_header_key", {"extra_headers": {"api-key": "${MADE_UP_KEY}"}}),
    ],
)
def test_a_server_that_wants_its_own_way_gets_it(mode: str, request_options: dict[str, Any]) -> None:
    assert ask_one(mode, request=request_options).text == "fine"


def test_options_are_sent() -> None:
    options = {
        "reasoning_effort": "low",
        "min_p": 0.1,
        "presence_penalty": 0.5,
        "stop": ["\n\n"],
        "chat_template_kwargs": {"enable_thinking": False},
        "extra_body": {"provider": {"order": ["a"]}, "chat_template_kwargs": {"more": 1}},
        "omit": ["seed", "top_p"],
    }
    assert body_of(request=options) == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "question 0"}],
        "temperature": 0.7,
        "max_tokens": 5,
        "reasoning_effort": "low",
        "min_p": 0.1,
        "presence_penalty": 0.5,
        "stop": ["\n\n"],
        "chat_template_kwargs": {"enable_thinking": False, "more": 1},
        "provider": {"order": ["a"]},
    }


def test_a_base_model_is_asked_in_plain_text() -> None:
    body = body_of(system="Be brief.", request={"endpoint": "completions"})
    assert body["prompt"] == "Be brief.\n\nUser: question 0\n\nAssistant:"
    assert body["stop"] == ["\nUser:"]
    assert "messages" not in body


@pytest.mark.parametrize(("mode", "options"), [("well-behaved", {"fold_system": True}), ("system_refused", {})])
def test_a_persona_is_folded_into_the_users_turn(mode: str, options: dict[str, Any]) -> None:
    messages = body_of(mode, system="Be brief.", request=options)["messages"]
    assert messages == [{"role": "user", "content": "Be brief.\n\nquestion 0"}]


def test_all_that_were_asked_at_once_are_folded() -> None:
    said: list[str] = []
    with ImitatedServer("system_refused") as server:
        server.delay = 0.05
        assert len(ask(spec_of(server), count=6, said=said, system="Be brief.")) == 6
    assert len([s for s in said if "takes no system message" in s]) == 1


def test_a_seed_fits_into_32_bits_with_a_sign() -> None:
    async def go(spec: ModelSpec) -> Completion:
        engine = await open_engine(spec)
        try:
            return await engine.complete([Message("user", "?")], FIVE_TOKENS, 2**32 - 1)
        finally:
            await engine.close()

    with ImitatedServer("seed_int32") as server:
        assert asyncio.run(go(spec_of(server))).text == "fine"


@pytest.mark.parametrize("owner", ["vllm", "sglang", "llamacpp"])
def test_a_server_is_kept_from_adding_its_own_sampling(owner: str) -> None:
    mode = Mode(models=Sent(json.dumps({"data": [{"id": MODEL, "owned_by": owner, "created": 5}]}).encode()))
    body = body_of(mode)
    assert body["top_k"] in {-1, 0}
    assert (body["min_p"], body["presence_penalty"], body["frequency_penalty"]) == (0.0, 0.0, 0.0)
    left_to_it = body_of(mode, generation="model")
    assert left_to_it.keys() == {"model", "messages", "max_tokens", "seed"}


def test_a_base_model_s_own_template_is_applied_here(tiny_folder: Path) -> None:
    body = body_of(request={"endpoint": "completions", "template": str(tiny_folder)})
    assert "question 0" in body["prompt"]
    with ImitatedServer() as server:
        facts = opened(spec_of(server, request={"endpoint": "completions", "template": str(tiny_folder)})).facts
        assert " template sha256:" in facts.revision
        with pytest.raises(UsageError, match="a folder with its tokenizer, and nowhere is none"):
            opened(spec_of(server, request={"endpoint": "completions", "template": "nowhere"}))


def test_a_prompt_that_a_server_cuts_is_noticed() -> None:
    said: list[str] = []
    with ImitatedServer() as server:
        ask(spec_of(server), count=2, said=said, system="word " * 2_000)
    assert [s for s in said if "tokens in a prompt of about 2," in s] == [s for s in said if "may have cut it" in s]
    assert len([s for s in said if "counts 10 tokens" in s]) == 1


# The key


def test_a_key_with_a_blank_at_its_end_is_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MADE_UP_KEY", f" {KEY}\n")
    with ImitatedServer() as server:
        ask(spec_of(server))
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_of_other_characters_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MADE_UP_KEY", "sk-a\nb")
    with ImitatedServer() as server, pytest.raises(UsageError, match="the key in the variable MADE_UP_KEY"):
        ask(spec_of(server))


def test_a_key_is_not_sent_in_the_open_unless_a_team_file_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpo_bench.engines.server.transport import Transport

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    far, near = "http://far.example/v1", "http://127.0.0.1:1/v1"

    def sends(**more: Any) -> bool:
        return KEY in repr(Transport(ModelSpec(model="m", **more))._client.headers.raw)

    assert not sends(base_url=far)
    assert sends(base_url=near)
    assert sends(base_url=far.replace("http", "https"))
    assert sends(base_url=far, request={"key_over_http": True})
    assert sends(base_url=far, api_key_env="MADE_UP_KEY")


def test_a_header_whose_variable_is_not_set_is_a_sentence() -> None:
    with ImitatedServer() as server, pytest.raises(UsageError, match="asks for the environment variable NOT_SET"):
        ask(spec_of(server, request={"extra_headers": {"x": "$NOT_SET"}}))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_neither_a_question_nor_a_key_travels_to_where_a_server_sends_on(status: int) -> None:
    with ImitatedServer("well-behaved") as elsewhere:
        sends_on = says(sent(b"", status, Location=f"{elsewhere.url}/chat/completions"))
        assert "which is not followed" in str(fault_of(sends_on))
        listed_elsewhere = replace(sends_on, models=sent(b"", status, Location=f"{elsewhere.url}/models"))
        with ImitatedServer(listed_elsewhere) as server, pytest.raises(UsageError, match="which is not followed"):
            opened(spec_of(server))
        assert elsewhere.asked == []


# Opening


@pytest.mark.parametrize("mode", [m for m in MODES if m.startswith("models_")])
def test_the_list_of_models_is_optional(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_listing, "OPEN_TIMEOUT_S", 0.5)
    said: list[str] = []
    with ImitatedServer(mode) as server:
        assert ask(spec_of(server), said=said)[0].text == "fine"
    warned = mode not in {"models_bare_list", "models_context_nan", "models_context_list", "models_context_text"}
    assert any("a trial question was answered" in s for s in said) == warned
    assert len(server.asked) == 1 + warned


def test_a_model_that_is_not_served_is_named_with_the_nearest() -> None:
    mode = Mode(lambda _, asked: refused(f"The model {asked.body['model']} does not exist", 404))
    with ImitatedServer(mode) as server, pytest.raises(UsageError, match="did you mean 'served-model'"):
        ask(spec_of(server, "servd-model"))


@pytest.mark.parametrize("path", ["", "/", "/v2", "/v1/v1"])
def test_a_wrong_base_url_is_one_sentence(path: str) -> None:
    with ImitatedServer(Mode(models=refused("Not Found", 404))) as server:
        spec = spec_of(server, base_url=server.url.removesuffix("/v1") + path)
        with pytest.raises(UsageError, match=r"cannot be asked: .*answered 404: Not Found.*ends in /v1"):
            ask(spec)


def test_a_refused_key_is_one_sentence() -> None:
    refusing = refused(f"bad key {KEY}", 401)
    with (
        ImitatedServer(Mode(lambda *_: refusing, models=refusing)) as server,
        pytest.raises(UsageError, match=r"refuses the key.*that in the variable MADE_UP_KEY") as caught,
    ):
        ask(spec_of(server))
    assert KEY not in str(caught.value)


def test_a_key_that_is_missing_is_told() -> None:
    refusing = refused("who are you?", 401)
    with (
        ImitatedServer(Mode(lambda *_: refusing, models=refusing)) as server,
        pytest.raises(UsageError, match="None was sent: the variable NOT_SET is not set"),
    ):
        ask(spec_of(server, api_key_env="NOT_SET"))


def test_what_is_no_server_of_this_kind_is_one_sentence() -> None:
    page = Sent(b"<html><title>Welcome</title></html>", headers={"Content-Type": "text/html"})
    with (
        ImitatedServer(Mode(lambda *_: page, models=page)) as server,
        pytest.raises(UsageError, match="does not speak OpenAI's protocol"),
    ):
        ask(spec_of(server))


def test_no_server_is_one_sentence_with_the_url() -> None:
    with pytest.raises(UsageError, match=r"no server answers at http://127\.0\.0\.1:9/v1"):
        ask(ModelSpec(model="m", base_url="http://127.0.0.1:9/v1"))


def test_a_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(UsageError, match=r"through the proxy http://127\.0\.0\.1:9") as caught:
        ask(ModelSpec(model="m", base_url="http://far.example/v1"))
    assert "secret" not in str(caught.value)


def test_a_socks_proxy_without_its_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    with pytest.raises(UsageError, match=r"speaks SOCKS.*pip install 'httpx\[socks\]'"):
        ask(ModelSpec(model="m", base_url="http://far.example/v1"))


def test_deterministic_is_refused() -> None:
    with ImitatedServer() as server, pytest.raises(UsageError, match="cannot be deterministic"):
        asyncio.run(open_engine(spec_of(server), deterministic=True))


def test_what_a_server_calls_its_state_is_told() -> None:
    with ImitatedServer(says({**chat(), "system_fingerprint": "fp_1"})) as server:

        async def go() -> dict[str, Any]:
            engine = await open_engine(spec_of(server))
            await engine.complete([Message("user", "?")], FIVE_TOKENS, 0)
            await engine.close()
            return engine.facts.plain()

        told = asyncio.run(go())["told"]
    assert told["system_fingerprints"] == ["fp_1"]
    assert told["sends"] == ["max_tokens", "seed", "temperature", "top_p"]
