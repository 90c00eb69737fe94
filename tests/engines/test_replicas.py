"""Several servers behind one entry of a team file, on loopback: shared out, left out while down, one identity."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import open_engine, replicas
from mlpo_bench.engines.server import engine as server_engine
from mlpo_bench.engines.server import listing as server_listing
from mlpo_bench.errors import ContextOverflow, EngineError, Stopped, UsageError
from mlpo_bench.log.answerers import told
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.teams import Member, ModelSpec, Team
from tests.engines.imitated_server import (
    MODEL,
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
    from collections.abc import Callable, Iterator

    from mlpo_bench.chat import Completion
    from mlpo_bench.engines import Engine
    from tests.engines.imitated_server import Asked

FIVE_TOKENS = Sampling(max_tokens=5)
A, B, C = (f"http://127.0.0.1:{port}/v1" for port in (8000, 8001, 8002))


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_engine, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(replicas, "FIRST_REST_S", 0.01)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def two() -> Iterator[tuple[ImitatedServer, ImitatedServer]]:
    with ImitatedServer() as one, ImitatedServer() as another:
        yield one, another


def spec_of(*servers: ImitatedServer | str, **more: Any) -> ModelSpec:
    urls = [server if isinstance(server, str) else server.url for server in servers]
    return ModelSpec(**{"model": MODEL, "base_url": urls, "api_key_env": "MADE_UP_KEY", **more})


def question(n: int) -> list[Message]:
    return [Message("user", f"question {n}: {'why? ' * 100}")]


async def asked(engine: Engine, numbers: range) -> list[Completion]:
    return await asyncio.gather(*(engine.complete(question(n), FIVE_TOKENS, n) for n in numbers))


def ask(spec: ModelSpec, count: int, said: list[str] | None = None) -> list[Completion]:
    async def go() -> list[Completion]:
        engine = await open_engine(spec, on_event=None if said is None else said.append)
        try:
            return await asked(engine, range(count))
        finally:
            await engine.close()

    return asyncio.run(go())


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


# What a team file says


def test_a_list_of_one_is_that_one_and_several_come_back_as_they_were() -> None:
    assert ModelSpec(model="m", base_url=(A,)) == ModelSpec(model="m", base_url=A)
    assert ModelSpec.model_validate({"model": "m", "base_url": [A]}) == ModelSpec(model="m", base_url=A)
    several = ModelSpec(model="m", base_url=(A, f" {B}\n"))
    assert several.addresses == (A, B)
    assert several.address == A
    assert several.kind is ModelSpec(model="m", base_url=A).kind
    assert ModelSpec.model_validate(several.model_dump(mode="json")) == several
    assert len({several, ModelSpec(model="m", base_url=(A, B))}) == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "server's address, or a list of several"),
        ([A, 5], "server's address, or a list of several"),
        (5, "server's address, or a list of several"),
        ([A, B, A], f"{A} stands twice"),
        ([A, f"{A}/"], "stands twice"),
        ([A, "nonsense"], "no address of a server"),
        ([f"http://127.0.0.1:{port}/v1" for port in range(1, 1_100)], "1024 addresses at most, not 1099"),
    ],
)
def test_a_wrong_list_is_a_sentence(given: object, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        ModelSpec.model_validate({"model": "m", "base_url": given})


def test_neither_how_many_servers_answer_nor_which_is_part_of_an_identity() -> None:
    def config(*urls: str) -> RunConfig:
        member = Member(model="m", base_url=urls)
        team = Team(leader=member, peers=(member,), untrained=member)
        return RunConfig.model_validate({"suites": ["bbh"], "teams": {"team": team}, "protocols": ["solo"]})

    assert config(A).digest == config(A, B).digest == config(A, C, B).digest != config(B, A).digest
    assert told(ModelSpec(model="m", base_url=(A, B))) == told(ModelSpec(model="m", base_url=A))
    assert config(A, B).to_yaml() != config(A).to_yaml()


def test_a_replicated_model_has_the_facts_of_its_first_server(two: tuple[ImitatedServer, ImitatedServer]) -> None:
    def facts(*servers: ImitatedServer | str) -> Any:
        async def go() -> Any:
            engine = await open_engine(spec_of(*servers))
            await engine.close()
            return engine.facts

        return asyncio.run(go())

    one, another = two
    assert facts(one) == facts(one, another)
    assert facts(another, one).fingerprint == facts(another).fingerprint != facts(one).fingerprint
    down = f"http://127.0.0.1:{free_port()}/v1"
    assert facts(down, one).fingerprint == f"{MODEL}|{down} {MODEL}|unknown|openai"  # though another answers


# Who is asked


def test_all_get_work_and_every_question_is_asked_once(two: tuple[ImitatedServer, ImitatedServer]) -> None:
    for server in two:
        server.delay = 0.02
    ask(spec_of(*two, concurrency=4), 40)
    counts = [len(server.asked) for server in two]
    assert sum(counts) == 40
    assert min(counts) >= 15
    assert all(server.most_in_flight <= 4 for server in two)


def test_a_conversation_goes_on_where_it_began(two: tuple[ImitatedServer, ImitatedServer]) -> None:
    async def go() -> None:
        engine = await open_engine(spec_of(*two))
        for further in range(3):
            for n in range(6):
                more = [Message("assistant", "fine"), Message("user", "and then?")] * further
                await engine.complete(question(n) + more, FIVE_TOKENS, n)
        await engine.close()

    asyncio.run(go())
    began = [{a.body["messages"][0]["content"] for a in server.asked} for server in two]
    assert not began[0] & began[1]
    assert [len(contents) for contents in began] == [3, 3]


def test_a_slow_server_gets_less(two: tuple[ImitatedServer, ImitatedServer]) -> None:
    slow, fast = two
    slow.delay, fast.delay = 0.2, 0.01

    async def go() -> None:
        engine = await open_engine(spec_of(*two, concurrency=2))
        waiting = iter(range(60))

        async def one_after_another() -> None:
            for n in waiting:
                await engine.complete(question(n), FIVE_TOKENS, n)

        await asyncio.gather(*(one_after_another() for _ in range(6)))
        await engine.close()

    asyncio.run(go())
    assert len(slow.asked) + len(fast.asked) == 60
    assert len(fast.asked) > 2 * len(slow.asked)


# What is down


def test_what_a_dead_server_was_asked_is_asked_of_another() -> None:
    said: list[str] = []

    async def dies(mortal: ExitStack, dying: ImitatedServer) -> None:
        for _ in range(3000):
            if len(dying.asked) >= 6:  # it has answered some; four are under way there, others wait
                break
            await asyncio.sleep(0.01)
        mortal.close()

    async def go(mortal: ExitStack, dying: ImitatedServer, spec: ModelSpec) -> list[Completion]:
        engine = await open_engine(spec, on_event=said.append)
        death = asyncio.create_task(dies(mortal, dying))
        made = await asked(engine, range(40))
        await death
        await engine.close()
        return made

    with ExitStack() as sound, ExitStack() as mortal:
        living, dying = sound.enter_context(ImitatedServer()), mortal.enter_context(ImitatedServer())
        living.delay = dying.delay = 0.1
        made = asyncio.run(go(mortal, dying, spec_of(dying, living, concurrency=4)))
    assert len(made) == 40
    assert 20 <= len(living.asked) < 40
    assert dying.asked
    assert len({asked.body["seed"] for asked in (*living.asked, *dying.asked)}) == 40
    assert len({asked.body["seed"] for asked in living.asked}) == len(living.asked)
    assert any(f"the server {dying.url} is left out until it answers: " in sentence for sentence in said), said


def heard(said: list[str], back: asyncio.Event) -> Callable[[str], None]:
    """Return what keeps the sentences that an engine says, and tells when a server is back."""

    def hear(sentence: str) -> None:
        said.append(sentence)
        if sentence.endswith("answers."):
            back.set()

    return hear


def test_a_server_that_was_down_at_the_start_joins_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "LONGEST_AWAY_S", 0.05)
    said: list[str] = []
    with ImitatedServer() as sound:
        late = ImitatedServer()  # it listens, and hangs up
        port = late.server_port
        late.server_close()
        spec = spec_of(f"http://127.0.0.1:{port}/v1", sound)

        async def go() -> ImitatedServer:
            back = asyncio.Event()
            engine = await open_engine(spec, on_event=heard(said, back))
            await asked(engine, range(4))
            assert len(sound.asked) == 4
            with ImitatedServer(port=port) as here:
                await asyncio.wait_for(back.wait(), 10)
                await asked(engine, range(4, 12))
            await engine.close()
            return here

        here = asyncio.run(go())
    assert len(here.asked) >= 3
    assert len(here.asked) + len(sound.asked) == 12
    assert any("so it is left out until one does" in sentence for sentence in said)


LOADING = refused("Loading model", 503)


@pytest.mark.parametrize("shown", [LOADING, sent(b"<html><title>502 Bad Gateway</title></html>", 502), Sent(dies=True)])
def test_a_server_that_serves_nothing_yet_joins_later(shown: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "LONGEST_AWAY_S", 0.05)
    monkeypatch.setattr(server_listing, "FIRST_RETRY_S", 0.001)
    said: list[str] = []
    with ImitatedServer() as sound, ImitatedServer(Mode(lambda *_: shown, models=shown)) as loading:

        async def go() -> None:
            back = asyncio.Event()
            engine = await open_engine(spec_of(loading, sound), on_event=heard(said, back))
            await asked(engine, range(4))
            assert len(sound.asked) == 4
            loading.mode = Mode()
            await asyncio.wait_for(back.wait(), 20)
            before = len(loading.asked)
            await asked(engine, range(4, 12))
            assert len(loading.asked) >= before + 3
            await engine.close()

        asyncio.run(go())
    assert any(f"no server answers at {loading.url}, so it is left out until one does" in one for one in said)
    assert not any("serves something else" in one for one in said)


def test_a_server_that_comes_back_and_is_still_loading_is_not_taken_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replicas, "LONGEST_AWAY_S", 0.05)
    monkeypatch.setattr(server_listing, "FIRST_RETRY_S", 0.001)
    said: list[str] = []
    with ImitatedServer() as sound, ImitatedServer() as flapping:

        async def go() -> None:
            back = asyncio.Event()
            engine = await open_engine(spec_of(flapping, sound), on_event=heard(said, back))
            flapping.mode = Mode(lambda *_: LOADING, models=LOADING)
            for n in range(6):
                await asked(engine, range(8 * n, 8 * n + 8))
                await asyncio.sleep(0.05)
            flapping.mode = Mode()
            await asyncio.wait_for(back.wait(), 20)
            await engine.close()

        asyncio.run(go())
    assert said[-1] == f"the server {flapping.url} answers."
    assert any("is left out until it answers" in one for one in said)
    assert not any("serves something else" in one for one in said)


def test_where_all_serve_nothing_yet_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_listing, "FIRST_RETRY_S", 0.001)
    loading = Mode(lambda *_: LOADING, models=LOADING)
    with (
        ImitatedServer(loading) as one,
        ImitatedServer(loading) as another,
        pytest.raises(UsageError, match=f"the server {one.url} serves nothing yet: it answers 503 when asked for its"),
    ):
        ask(spec_of(one, another), 1)


def test_waiting_as_a_server_asks_takes_nothing_from_the_tries() -> None:
    """One asks to wait for longer than an answer may take, then one fails in passing."""
    replies = iter([sent({"error": {"message": "slow"}}, 429, Retry_After="1.5"), refused("passing", 502)])
    mode = Mode(lambda _, asked: next(replies, None) or sent(answer_to(asked)))
    with ImitatedServer(mode) as one, ImitatedServer(mode) as another:
        (made,) = ask(spec_of(one, another, request={"timeout": 1}), 1)
    assert made.text == "fine"


def test_a_server_that_fails_again_and_again_is_left_out() -> None:
    said: list[str] = []
    with ImitatedServer(says(refused("out of memory", 500))) as failing, ImitatedServer() as sound:
        made = ask(spec_of(failing, sound), 60, said)
    assert len(made) == 60
    assert len(sound.asked) == 60
    assert len(failing.asked) < 60
    assert any(f"{failing.url} is left out" in sentence and "out of memory" in sentence for sentence in said)


def test_where_none_answers_any_more_it_is_a_fault_that_names_them() -> None:
    async def go() -> None:
        with ExitStack() as mortal:
            servers = [mortal.enter_context(ImitatedServer()) for _ in range(2)]
            engine = await open_engine(spec_of(*servers))
        assert isinstance(engine, replicas.ReplicatedEngine)
        engine._limits = replace(engine._limits, patience=0.1)
        try:
            await engine.complete(question(1), FIVE_TOKENS, 1)
        finally:
            await engine.close()

    with pytest.raises(EngineError, match=f"none of the 2 replicas of {MODEL} answers: .*http://127") as caught:
        asyncio.run(go())
    assert caught.value.tried


def test_a_fault_of_the_request_itself_is_not_asked_of_another() -> None:
    with (
        ImitatedServer("ctx_vllm") as one,
        ImitatedServer("ctx_vllm") as another,
        pytest.raises(ContextOverflow, match="600"),
    ):
        ask(spec_of(one, another), 1)
    assert len(one.asked) + len(another.asked) == 1


@pytest.mark.parametrize(
    "useless",
    [*(refused("not like this", status) for status in (400, 401, 403, 404, 501)), sent(b"", 204), sent(b"data: {}")],
    ids=lambda reply: f"{reply.status} {reply.body[:5]}",
)
def test_what_one_server_alone_refuses_is_answered_by_another(useless: Sent) -> None:
    said: list[str] = []
    with ImitatedServer(says(useless)) as useless_one, ImitatedServer() as sound:
        made = ask(spec_of(sound, useless_one, concurrency=2), 54, said)
    assert [one.text for one in made] == ["fine"] * 54
    assert len(sound.asked) == 54
    assert 3 <= len(useless_one.asked) < 54
    assert any(f"{useless_one.url} is left out until it answers" in sentence for sentence in said)


def test_what_all_refuse_is_told_once_each_has_been_asked() -> None:
    said: list[str] = []
    with (
        ImitatedServer(says(refused("no such field"))) as one,
        ImitatedServer(says(refused("no such field"))) as another,
        pytest.raises(EngineError, match="answered 400: no such field") as caught,
    ):
        ask(spec_of(one, another), 1, said)
    assert not caught.value.transient
    assert [len(server.asked) for server in (one, another)] == [1, 1]
    assert not any("left out" in sentence for sentence in said)


def test_a_question_that_all_refuse_takes_nobody_out() -> None:
    def picky(_: ImitatedServer, asked: Asked) -> Sent:
        refuses = "question 1" in asked.body["messages"][0]["content"]  # 11 of 20
        return refused("not that one") if refuses else sent(answer_to(asked))

    async def go() -> list[Any]:
        engine = await open_engine(spec_of(one, another), on_event=said.append)
        outcomes = await asyncio.gather(
            *(engine.complete(question(n), FIVE_TOKENS, n) for n in range(20)), return_exceptions=True
        )
        await engine.close()
        return outcomes

    said: list[str] = []
    with ImitatedServer(Mode(picky)) as one, ImitatedServer(Mode(picky)) as another:
        outcomes = asyncio.run(go())
    assert sum(isinstance(outcome, EngineError) for outcome in outcomes) == 11
    assert not any("left out" in sentence for sentence in said)


@pytest.mark.parametrize("mode", ["empty_stop", "finish_filter"])
def test_what_the_model_itself_did_is_not_asked_of_another(mode: str) -> None:
    with ImitatedServer(mode) as one, ImitatedServer(mode) as another, pytest.raises(EngineError):
        ask(spec_of(one, another), 1)
    assert len(one.asked) + len(another.asked) == 1


@pytest.mark.parametrize(("sound", "asked_first"), [(False, 0), (True, 1)])
def test_a_refusal_is_the_last_word_of_a_server_that_answers_others(sound: bool, asked_first: int) -> None:
    """While the other is down, a server that has answered nothing yet may be the one that is wrong."""

    async def go(spec: ModelSpec) -> float:
        engine = await open_engine(spec)
        assert isinstance(engine, replicas.ReplicatedEngine)
        engine._limits = replace(engine._limits, patience=0.3)
        for n in range(asked_first):
            await engine.complete(question(n), FIVE_TOKENS, n)
        began = asyncio.get_running_loop().time()
        with pytest.raises(EngineError, match="not like this"):
            await engine.complete(question(9), FIVE_TOKENS, 9)
        await engine.close()
        return asyncio.get_running_loop().time() - began

    refusing = Mode(
        lambda _, asked: (
            refused("not like this") if "question 9" in asked.body["messages"][0]["content"] else sent(answer_to(asked))
        )
    )
    with ImitatedServer(refusing) as up:
        spent = asyncio.run(go(spec_of(f"http://127.0.0.1:{free_port()}/v1", up)))
    assert (spent < 0.3) == sound


def test_what_waits_ends_when_a_person_stops(two: tuple[ImitatedServer, ImitatedServer]) -> None:
    for server in two:
        server.delay = 0.3

    async def go() -> list[Any]:
        engine = await open_engine(spec_of(*two, concurrency=1))
        waiting = [asyncio.create_task(engine.complete(question(n), FIVE_TOKENS, n)) for n in range(8)]
        await asyncio.sleep(0.1)
        engine.halt(Stopped())  # type: ignore[attr-defined]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        await engine.close()
        return outcomes

    outcomes = asyncio.run(go())
    assert sum(isinstance(one, Stopped) for one in outcomes) == 6


# What is refused at the start


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        (listing(root="another/model"), "another/model"),
        (listing(max_model_len=1024), "it holds 1,024 tokens, not 512"),
        (listing(owned_by="llamacpp"), "it is served by llamacpp, not by something without a name"),
    ],
)
def test_servers_of_different_models_are_refused_in_a_sentence(other: dict[str, Any], apart: str) -> None:
    with (
        ImitatedServer() as one,
        ImitatedServer(lists(other)) as another,
        pytest.raises(UsageError, match="do not serve the same") as caught,
    ):
        ask(spec_of(one, another), 1)
    assert apart in str(caught.value)
    assert f"do not serve the same: of {another.url}, it " in str(caught.value)
    assert "leave one out" in str(caught.value)
    assert not one.asked


@pytest.mark.parametrize(
    ("models", "matter"),
    [
        (refused("no right to list", 403), "it answers 403 when asked for its models"),
        (sent(listing("something-else")), f"'{MODEL}' is not in its list of models. It lists: something-else"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_where_one_does_not_show_what_it_serves_that_is_the_matter(models: Sent, matter: str, place: int) -> None:
    with (
        ImitatedServer() as one,
        ImitatedServer(lists(models)) as hiding,
        pytest.raises(UsageError, match="do not show that they serve the same") as caught,
    ):
        ask(spec_of(*((hiding, one), (one, hiding))[place]), 1)
    assert f": of {hiding.url}, {matter}. All addresses" in str(caught.value)
    assert "context" not in str(caught.value)


def test_a_context_that_is_not_told_is_no_number() -> None:
    with (
        ImitatedServer() as one,
        ImitatedServer(lists(listing(max_model_len=None))) as another,
        pytest.raises(UsageError, match="it does not tell its context, and the other holds 512 tokens"),
    ):
        ask(spec_of(one, another), 1)


def test_a_server_that_lacks_the_model_is_named() -> None:
    lacking = Mode(lambda *_: refused("no such model", 404), models=sent(listing("something-else")))
    with ImitatedServer() as one, ImitatedServer(lacking) as another, pytest.raises(UsageError, match="something-else"):
        ask(spec_of(one, another), 1)


def test_where_nobody_answers_it_is_one_sentence_and_deterministic_is_refused() -> None:
    urls = [f"http://127.0.0.1:{free_port()}/v1" for _ in range(2)]
    with pytest.raises(UsageError, match=f"no server answers at {urls[0]}.*start it"):
        ask(spec_of(*urls), 1)
    with pytest.raises(UsageError, match="cannot be deterministic"):
        asyncio.run(open_engine(spec_of(*urls), deterministic=True))
