"""How servers are asked, as a team file says it: options, keys, and what is found when one is opened."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message
from mlpo_bench.engines import open_engine
from mlpo_bench.engines.server import listing as server_listing
from mlpo_bench.engines.server import transport
from mlpo_bench.errors import EngineError, UsageError
from mlpo_bench.teams import ModelSpec
from tests.engines.asking import FIVE_TOKENS, KEY, ask, ask_one, body_of, fault_of, opened, spec_of
from tests.engines.imitated_server import (
    MODEL,
    MODES,
    ImitatedServer,
    Mode,
    Sent,
    chat,
    listing,
    refused,
    says,
    sent,
)


if TYPE_CHECKING:
    from tests.engines.imitated_server import Asked

pytestmark = pytest.mark.usefixtures("in_no_hurry")


# What a team file says


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


OF_VLLM = sent(listing(owned_by="vllm"))
BUSY = refused("busy", 503)
HALF = Sent(b"[" + b" " * 10_000, drip=0.05)


@pytest.mark.parametrize("failure", [BUSY, refused("slow down", 429), refused("oops", 500), Sent(dies=True), HALF])
def test_a_list_of_models_that_fails_in_passing_is_asked_for_again(
    failure: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_listing, "OPEN_TIMEOUT_S", 0.5)
    with ImitatedServer(Mode(models=OF_VLLM, before=(failure,) * 2)) as server:
        spec = spec_of(server)
        ask(spec)
        assert len(server.listed) == 3
        assert server.asked[-1].body["top_k"] == -1
        assert opened(spec).facts.fingerprint == f"{MODEL}|{server.url} {MODEL}|unknown|openai"
    assert len(server.asked) == 1


def test_a_server_that_has_just_begun_to_answer_is_asked_for_its_list_once_more() -> None:
    said: list[str] = []
    with ImitatedServer(Mode(models=OF_VLLM, before=(BUSY,) * server_listing.TRIES)) as server:
        spec = spec_of(server)
        assert opened(spec, said).facts.fingerprint == f"{MODEL}|{server.url} {MODEL}|unknown|openai"
    assert len(server.listed) == server_listing.TRIES + 1
    assert not any("its answers are kept apart" in one for one in said)


def test_a_server_says_when_its_list_of_models_may_be_asked_for_again() -> None:
    later = sent({}, 429, Retry_After="1.2")
    with ImitatedServer(Mode(models=OF_VLLM, before=(later,))) as server:
        opened(spec_of(server))
    first, second = (asked.at for asked in server.listed)
    assert 1.2 <= second - first < 10


@pytest.mark.parametrize("bound", [{"timeout": 1}, {"max_wait": 1}, {}])
def test_a_list_of_models_is_not_waited_for_longer_than_a_person_allows(bound: dict[str, Any]) -> None:
    later = sent({}, 429, Retry_After="2" if bound else "86400")
    with ImitatedServer(Mode(models=OF_VLLM, before=(later,))) as server:
        opened(spec_of(server, request=bound))
    assert len(server.listed) == 1


def test_a_list_of_models_that_is_waited_for_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_listing, "SAID_AFTER_S", 0.1)
    monkeypatch.setattr(server_listing, "FIRST_RETRY_S", 0.5)
    said: list[str] = []
    with ImitatedServer(Mode(models=OF_VLLM, before=(BUSY,))) as server:
        opened(spec_of(server), said)
        monkeypatch.setattr(server_listing, "SAID_AFTER_S", 60.0)
        opened(spec_of(server), said)
    assert said.count(f"waiting for the server {server.url} to list its models.") == 1


@pytest.mark.parametrize(
    ("models", "known"),
    [
        (BUSY, False),
        (refused("slow down", 429), False),
        (Sent(dies=True), False),
        (refused("not found", 404), True),
        (refused("not allowed", 405), True),
        (refused("no right to list", 403), True),
        (sent(b"", 501), True),
        (sent(b"<html>"), True),
        (sent(listing("another")), True),
    ],
)
def test_answers_of_a_server_whose_list_of_models_cannot_be_had_now_are_kept_apart(models: Sent, known: bool) -> None:
    said: list[str] = []
    with ImitatedServer(Mode(models=models)) as server:
        engine = opened(spec_of(server, asked_anew="now"), said)
    apart = "" if known else " without its list of models"
    assert engine.facts.revision == f"{server.url} {MODEL}{apart} asked anew now"
    assert any("its answers are kept apart" in one for one in said) != known


@contextlib.contextmanager
def full() -> Iterator[str]:
    """Give the address of a port on which connections wait for ever, as behind a firewall that drops them."""
    with contextlib.ExitStack() as held:
        listening = held.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):  # what the system keeps waiting is full after these
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def test_a_server_that_takes_no_connection_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_S", 0.3)
    with full() as url, pytest.raises(UsageError, match=f"no server answers at {url}: ConnectTimeout; start it, or"):
        opened(ModelSpec(model="m", base_url=url))


def test_a_server_that_breaks_every_connection_off_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_listing, "FIRST_RETRY_S", 0.01)
    dies = Sent(dies=True)
    with (
        ImitatedServer(Mode(models=dies, answer=lambda *_: dies)) as server,
        pytest.raises(UsageError, match=f"the server {server.url} broke the connection off.*; start it, or correct"),
    ):
        opened(spec_of(server))


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


def test_a_server_that_streams_is_one_sentence() -> None:
    with (
        ImitatedServer(replace(MODES["streamed"], models=refused("not found", 404))) as server,
        pytest.raises(UsageError, match=r"cannot be asked: it streams its answer, though no stream was asked for"),
    ):
        ask(spec_of(server))


NO_LIST = refused("not found", 404)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"error": {"message": "no such model", "code": 404}}, "it answered with an error: no such model"),
        ({"success": False, "msg": "no credit"}, "it answered with an error: no credit"),
        ({"type": "message", "content": [{"type": "text", "text": "Yes."}]}, "this is Anthropic's own form"),
        ([{"generated_text": "Yes."}], "this is TGI's own form"),
        ([], "does not speak OpenAI's protocol"),
    ],
)
def test_a_trial_that_no_question_passes_ends_with_the_servers_words(content: Any, sentence: str) -> None:
    with (
        ImitatedServer(replace(says(content), models=NO_LIST)) as server,
        pytest.raises(UsageError, match=f"cannot be asked: .*{sentence}"),
    ):
        opened(spec_of(server))


@pytest.mark.parametrize(
    ("content", "odd"),
    [
        ({"error": {"message": "asleep", "code": 503}}, "failed: it answered with an error: asleep"),
        ({"error": {"message": "slow down", "code": 429}}, "failed: it answered with an error: slow down"),
        ({"fine": True}, "failed: it did not answer with a completion: it has no choices"),
        (chat(""), "failed: it answered with nothing"),
        (chat("Ye", "length"), "was answered"),
    ],
)
def test_a_trial_that_failed_is_told_as_it_failed(content: Any, odd: str) -> None:
    said: list[str] = []
    with ImitatedServer(replace(says(content), models=NO_LIST)) as server:
        opened(spec_of(server), said)
    assert len([s for s in said if f"a trial question {odd}" in s]) == 1


def test_no_server_is_one_sentence_with_the_url() -> None:
    with pytest.raises(UsageError, match=r"no server answers at http://127\.0\.0\.1:9/v1"):
        ask(ModelSpec(model="m", base_url="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize("user", ["user:secret", "user:sec/secret", "user:s@ecret", "secret", ":secret"])
def test_a_proxy_is_named(monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    monkeypatch.setenv("http_proxy", f"http://{user}@127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(UsageError, match=r"the proxy http://127\.0\.0\.1:9") as caught:
        ask(ModelSpec(model="m", base_url="http://far.example/v1"))
    assert "sec" not in str(caught.value) + str(caught.value.__cause__)
    assert "ecret" not in str(caught.value)


def test_a_key_that_a_server_tells_back_is_in_no_answer() -> None:
    def echo(_: ImitatedServer, asked: Asked) -> Sent:
        key = asked.headers["authorization"]
        return sent(chat(f"You are {key}.", reasoning_content=f"So {key}") | {"system_fingerprint": key})

    with ImitatedServer(Mode(echo)) as server:
        (made,) = ask(spec_of(server))
    assert (made.text, made.reasoning) == ("You are Bearer ***.", "So Bearer ***")


@pytest.mark.parametrize("escapes", [{"/": "\\/"}, {"/": "\\u002F", "+": "\\u002b"}, {"k": "\\u006b", "/": "\\\\\\/"}])
def test_a_key_is_found_however_json_writes_it(monkeypatch: pytest.MonkeyPatch, escapes: dict[str, str]) -> None:
    key = 'sk-made/up+and"secret'
    monkeypatch.setenv("MADE_UP_KEY", key)
    told = "".join(escapes.get(one, json.dumps(one)[1:-1]) for one in key)
    with ImitatedServer(says(sent(json.dumps(chat("It is KEY.")).replace("KEY", told).encode()))) as server:
        (made,) = ask(spec_of(server))
    assert made.text == "It is ***."


def test_words_that_are_no_keys_stay_in_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MADE_UP_KEY", "anything")
    with ImitatedServer(says(chat("It is anything."))) as server:
        (made,) = ask(spec_of(server))
    assert made.text == "It is anything."


def test_a_socks_proxy_without_its_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    with pytest.raises(UsageError, match=r"speaks SOCKS.*pip install 'httpx\[socks\]'"):
        ask(ModelSpec(model="m", base_url="http://far.example/v1"))


def test_deterministic_is_refused() -> None:
    with ImitatedServer() as server, pytest.raises(UsageError, match="cannot be deterministic"):
        asyncio.run(open_engine(spec_of(server), deterministic=True))


def test_whatever_the_layers_below_raise_is_that_request_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def trips(*_: object, **__: object) -> None:
        raise LookupError(f"below {KEY}")

    monkeypatch.setattr("httpx.AsyncHTTPTransport.handle_async_request", trips)
    said: list[str] = []
    with (
        ImitatedServer() as server,
        pytest.raises(EngineError, match=r"cannot be asked: LookupError, .*below") as caught,
    ):
        ask(spec_of(server), said=said)
    assert KEY not in str(caught.value) + "".join(said)
    assert any("its list of models cannot be had" in sentence for sentence in said)


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
