from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench import dispatch as dispatching
from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.dispatch import FAULTS_UNTIL_DOWN, TRIES, Dispatch, Request
from mlpo_bench.engines import ModelFacts
from mlpo_bench.engines.engine_options import EngineOptions
from mlpo_bench.errors import EngineError, Stopped, UsageError
from mlpo_bench.store import Store
from mlpo_bench.teams import Member


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MEMBER = Member(model="m")


class Counting:
    """An engine that waits a moment, counts its calls, and fails as it is told to."""

    facts = ModelFacts("m", "scripted", "1", "none", 1_000)

    def __init__(self, fail: Callable[[int], EngineError | None] = lambda _: None) -> None:
        self.calls = 0
        self.seeds: list[int] = []
        self._fail = fail

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:  # noqa: ARG002
        self.calls += 1
        self.seeds.append(seed)
        call = self.calls
        await asyncio.sleep(0.01)
        if fault := self._fail(call):
            raise fault
        return Completion(f"{messages[-1].content} {seed} \ud800", Usage(1, 0, 1), "stop", 0.0)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(messages)

    async def close(self) -> None:
        pass


class Gated(Counting):
    """An engine that answers when its gate is opened."""

    def __init__(self, fail: Callable[[int], EngineError | None] = lambda _: None) -> None:
        super().__init__(fail)
        self.gate = asyncio.Event()

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:  # noqa: ARG002
        self.calls += 1
        call = self.calls
        await self.gate.wait()
        if fault := self._fail(call):
            raise fault
        return Completion(f"{messages[-1].content} {seed}", Usage(1, 0, 1), "stop", 0.0)

    async def until_asked(self, calls: int) -> None:
        while self.calls < calls:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def ask(dispatch: Dispatch, text: str = "Why?", *, sample: int = 0, seed: int = 0) -> Completion:
    reply = await dispatch.ask(MEMBER, (Message("user", text),), Sampling(), sample=sample, seed=seed)
    return reply.completion


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.sqlite")


def test_equal_requests_in_flight_are_made_once(store: Store) -> None:
    engine = Counting()

    async def go() -> list[Completion]:
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        done = await asyncio.gather(*(ask(dispatch) for _ in range(50)), ask(dispatch, sample=1))
        assert (dispatch.tally.made, dispatch.tally.shared, dispatch.tally.found) == (2, 49, 0)
        assert dispatch.tally.paid == Usage(2, 0, 2)
        return done

    done = asyncio.run(go())
    assert engine.calls == 2
    assert len({c.text for c in done[:50]}) == 1
    assert done[50].text != done[0].text


def test_a_request_that_lands_while_others_are_made_ready_is_not_made_again(store: Store) -> None:
    engine = Gated()

    async def go() -> None:
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        first = asyncio.create_task(ask(dispatch, "Why?"))
        await engine.until_asked(1)
        requests = [Request(MEMBER, (Message("user", text),), Sampling(), 0) for text in ("Why?", "How?")]
        second = asyncio.create_task(dispatch.ask_each(requests, seed=0))
        engine.gate.set()  # the first answer arrives after the second conversation looked, before it asks
        assert (await second)[0].completion == await first
        assert (dispatch.tally.made, dispatch.tally.asked) == (2, 3)

    asyncio.run(go())
    assert engine.calls == 2


def test_a_second_run_with_the_same_seed_asks_nothing(store: Store) -> None:
    first, second = Counting(), Counting()

    async def go(engine: Counting, seed: int) -> Completion:
        return await ask(Dispatch({MEMBER.spec: engine}, store), seed=seed)

    assert asyncio.run(go(first, 5)) == asyncio.run(go(second, 5))
    assert second.calls == 0
    asyncio.run(go(second, 6))
    assert second.calls == 1
    assert second.seeds != first.seeds


def test_half_a_surrogate_pair_never_reaches_the_store(store: Store) -> None:
    made = asyncio.run(ask(Dispatch({MEMBER.spec: Counting()}, store)))
    assert made.text.encode()


def test_a_passing_fault_is_retried(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)
    engine = Counting(lambda call: EngineError("once") if call == 1 else None)
    dispatch = Dispatch({MEMBER.spec: engine}, store)
    assert asyncio.run(ask(dispatch)).text.startswith("Why?")
    assert dispatch.tally.retried == 1


@pytest.mark.parametrize(("transient", "calls"), [(True, TRIES), (False, 1)])
def test_a_lasting_fault_reaches_everybody_who_waits_and_is_not_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch, transient: bool, calls: int
) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)
    engine = Counting(lambda _: EngineError("broken", transient=transient))

    async def go() -> list[Completion | BaseException]:
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        return await asyncio.gather(*(ask(dispatch) for _ in range(3)), return_exceptions=True)

    assert [str(e) for e in asyncio.run(go())] == ["broken"] * 3
    assert engine.calls == calls
    assert len(store) == 0


def test_an_engine_that_keeps_failing_is_asked_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)
    engine = Counting(lambda _: EngineError("no route to host"))
    dispatch = Dispatch({MEMBER.spec: engine}, store)

    async def go() -> list[str]:
        said = []
        for n in range(2 * FAULTS_UNTIL_DOWN):
            with pytest.raises(EngineError) as fault:
                await ask(dispatch, str(n))
            said.append(str(fault.value))
        assert len(fault.traceback) < 2 * FAULTS_UNTIL_DOWN  # it does not pile up, request after request
        return said

    said = asyncio.run(go())
    assert engine.calls == TRIES * FAULTS_UNTIL_DOWN
    assert said == ["no route to host"] * FAULTS_UNTIL_DOWN + ["m is taken to be down: no route to host"] * (
        FAULTS_UNTIL_DOWN
    )


def test_an_answer_in_between_shows_that_an_engine_is_not_down(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)
    every_other = TRIES * (FAULTS_UNTIL_DOWN - 1) + 1
    engine = Counting(lambda call: EngineError("busy") if call % every_other else None)
    dispatch = Dispatch({MEMBER.spec: engine}, store)

    async def go() -> list[bool]:
        asked = [await asyncio.gather(ask(dispatch, str(n)), return_exceptions=True) for n in range(40)]
        return [isinstance(one, Completion) for (one,) in asked]

    answered = asyncio.run(go())
    assert sum(answered) == 5
    assert engine.calls == TRIES * answered.count(False) + 5


def test_faults_that_asking_again_cannot_mend_do_not_take_an_engine_down(store: Store) -> None:
    engine = Counting(lambda _: EngineError("too long", transient=False))
    dispatch = Dispatch({MEMBER.spec: engine}, store)

    async def go() -> None:
        for n in range(2 * FAULTS_UNTIL_DOWN):
            with pytest.raises(EngineError, match=r"^too long$"):
                await ask(dispatch, str(n))

    asyncio.run(go())
    assert engine.calls == 2 * FAULTS_UNTIL_DOWN


def test_an_account_that_is_refused_again_and_again_takes_an_engine_down(store: Store) -> None:
    engine = Counting(lambda _: EngineError("nothing left", transient=False, barred=True))
    dispatch = Dispatch({MEMBER.spec: engine}, store)

    async def go() -> None:
        for n in range(2 * FAULTS_UNTIL_DOWN):
            with pytest.raises(EngineError, match=r"nothing left$"):
                await ask(dispatch, str(n))

    asyncio.run(go())
    assert engine.calls == FAULTS_UNTIL_DOWN


def test_one_engine_that_is_down_leaves_the_others_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)
    other = Member(model="other")
    broken, sound = Counting(lambda _: EngineError("broken")), Counting()
    dispatch = Dispatch({MEMBER.spec: broken, other.spec: sound}, store)

    async def go() -> None:
        for n in range(FAULTS_UNTIL_DOWN + 1):
            with pytest.raises(EngineError):
                await ask(dispatch, str(n))
        made = await dispatch.ask(other, (Message("user", "Why?"),), Sampling(), sample=0, seed=0)
        assert made.completion.text.startswith("Why?")

    asyncio.run(go())
    assert sound.calls == 1


def test_after_a_stop_what_is_in_flight_arrives_and_nothing_else_is_asked(store: Store) -> None:
    engine = Gated()

    async def go() -> None:
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        known = asyncio.create_task(ask(dispatch, "asked"))
        await engine.until_asked(1)
        assert dispatch.in_flight == 1
        dispatch.stop()
        shared = asyncio.create_task(ask(dispatch, "asked"))
        with pytest.raises(Stopped):
            await ask(dispatch, "not asked yet")
        engine.gate.set()
        assert await known == await shared == await ask(dispatch, "asked")
        assert dispatch.in_flight == 0
        assert (dispatch.tally.made, dispatch.tally.shared, dispatch.tally.found) == (1, 1, 1)

    asyncio.run(go())
    assert engine.calls == len(store) == 1


def test_after_a_stop_no_fault_is_retried(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)
    engine = Gated(lambda _: EngineError("busy"))

    async def go() -> None:
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        asked = asyncio.create_task(ask(dispatch))
        await engine.until_asked(1)
        dispatch.stop()
        engine.gate.set()
        with pytest.raises(Stopped):
            await asked

    asyncio.run(go())
    assert engine.calls == 1


def test_what_a_failed_conversation_left_in_flight_is_waited_for(store: Store) -> None:
    slow, broken = Gated(), Counting(lambda _: EngineError("broken", transient=False))
    other = Member(model="other")

    async def go() -> None:
        dispatch = Dispatch({MEMBER.spec: slow, other.spec: broken}, store)
        requests = [Request(member, (Message("user", member.model),), Sampling(), 0) for member in (MEMBER, other)]
        with pytest.raises(EngineError):
            await dispatch.ask_each(requests, seed=0)
        assert dispatch.in_flight == 1
        landing = asyncio.create_task(dispatch.landed())
        await asyncio.sleep(0)
        assert not landing.done()
        slow.gate.set()
        await landing
        assert dispatch.in_flight == 0

    asyncio.run(go())
    assert len(store) == 1


def test_a_client_counts_what_it_made_and_the_time_in_which_it_had_something_to_do(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("mlpo_bench.dispatch.time.perf_counter", lambda: now[0])
    engine = Gated()

    async def go() -> None:
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        client = dispatch.clients[MEMBER.spec]
        both = [asyncio.create_task(ask(dispatch, text)) for text in ("one", "two")]
        await engine.until_asked(2)
        now[0] += 3
        engine.gate.set()
        await asyncio.gather(*both)
        now[0] += 50  # nothing to do
        assert (client.made, client.written, client.busy) == (2, 2, 3.0)
        await ask(dispatch, "one")  # known
        assert (client.made, client.busy) == (2, 3.0)

    asyncio.run(go())


def test_an_engine_that_hangs_until_it_is_given_up_has_worked_until_its_last_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("mlpo_bench.dispatch.time.perf_counter", lambda: now[0])

    def dies(call: int) -> EngineError | None:
        now[0] += 2 if call == 1 else 900
        return None if call == 1 else EngineError("timed out", transient=False)

    async def go() -> None:
        dispatch = Dispatch({MEMBER.spec: Counting(dies)}, store)
        await ask(dispatch, "one")
        with pytest.raises(EngineError):
            await ask(dispatch, "two")
        assert dispatch.clients[MEMBER.spec].busy == 2.0

    asyncio.run(go())


@pytest.mark.parametrize(
    "made",
    [
        Completion("fine", Usage(9.5, 0, 1), "stop", 0.0),  # type: ignore[arg-type]
        Completion("fine", Usage(2**33, 0, 1), "stop", 0.0),
        Completion("fine", Usage(-300, 0, 1), "stop", 0.0),
        Completion("fine", Usage(float("nan"), 0, 1), "stop", 0.0),  # type: ignore[arg-type]
        Completion("fine", Usage(True, 0, 1), "stop", 0.0),
        Completion("fine", None, "stop", 0.0),  # type: ignore[arg-type]
        Completion(None, Usage(1, 0, 1), "stop", 0.0),  # type: ignore[arg-type]
        Completion(b"fine", Usage(1, 0, 1), "stop", 0.0),  # type: ignore[arg-type]
        Completion("fine", Usage(1, 0, 1), "done", 0.0),  # type: ignore[arg-type]
        Completion("fine", Usage(1, 0, 1), ["stop"], 0.0),  # type: ignore[arg-type]
        Completion("fine", Usage(1, 0, 1), "stop", float("inf")),
        Completion("fine", Usage(1, 0, 1), "stop", -1.0),
        Completion("fine", Usage(1, 0, 1), "stop", 0.0, reasoning=5),  # type: ignore[arg-type]
        Completion("fine", Usage(1, 0, 1), "stop", 0.0, cache_written=-1),
    ],
)
def test_figures_that_cannot_be_never_reach_the_store(store: Store, made: Completion) -> None:
    class Odd(Counting):
        async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:  # noqa: ARG002
            return made

    with pytest.raises(EngineError, match="figures that cannot be"):
        asyncio.run(ask(Dispatch({MEMBER.spec: Odd()}, store)))
    assert len(store) == 0


def test_what_an_engine_tried_again_itself_is_not_tried_again(store: Store) -> None:
    engine = Counting(lambda _: EngineError("gone", tried=True))
    with pytest.raises(EngineError, match="gone"):
        asyncio.run(ask(Dispatch({MEMBER.spec: engine}, store)))
    assert engine.calls == 1


def test_a_stop_reaches_what_waits_within_an_engine(store: Store) -> None:
    class Queueing(Gated):
        reason: Exception | None = None

        def halt(self, reason: Exception) -> None:
            self.reason = reason

    engine = Queueing()
    Dispatch({MEMBER.spec: engine}, store).stop()
    assert isinstance(engine.reason, Stopped)


class Odd(Counting):
    """An engine that raises, or returns, what none should."""

    def __init__(self, made: object) -> None:
        super().__init__()
        self._made = made

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:  # noqa: ARG002
        self.calls += 1
        if isinstance(self._made, Exception):
            raise self._made
        return self._made  # type: ignore[return-value] # what is tried


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (ZeroDivisionError("by nothing"), "m failed with ZeroDivisionError: by nothing"),
        (KeyError(), "m failed with KeyError"),
        (None, "m answered with no Completion, but None"),
        ("text", "m answered with no Completion, but 'text'"),
    ],
)
def test_whatever_an_engine_does_is_its_fault_and_is_not_kept(store: Store, made: object, told: str) -> None:
    engine = Odd(made)
    with pytest.raises(EngineError, match=told) as fault:
        asyncio.run(ask(Dispatch({MEMBER.spec: engine}, store)))
    assert not fault.value.transient
    assert engine.calls == 1
    assert len(store) == 0


@pytest.mark.parametrize(("kind", "accelerated", "at_once"), [
    ("hf", False, 64), ("hf", True, 1_024), ("vllm", False, 1_024), ("vllm", True, 1_024),
])  # fmt: skip
def test_transformers_answers_more_at_once_on_a_gpu(
    kind: str, accelerated: bool, at_once: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_bench.engines.processor.accelerated", lambda: accelerated)
    engine = Counting()
    engine.facts = ModelFacts("m", kind, "1", "none", 1_000)
    (client,) = Dispatch({MEMBER.spec: engine}, store).clients.values()
    assert client.at_once == at_once
    asked = MEMBER.model_copy(update={"engine_options": EngineOptions(max_num_seqs=7)})
    (client,) = Dispatch({asked.spec: engine}, store).clients.values()
    assert client.at_once == 7


def test_a_further_conversation_waits_until_an_engine_has_room_or_all_is_stopped(store: Store) -> None:
    async def scenario() -> list[bool]:
        engine = Gated()
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        (client,) = dispatch.clients.values()
        client.at_once = 1
        await asyncio.wait_for(dispatch.hungry(), 5)  # nothing is under way
        asked = [asyncio.create_task(ask(dispatch, f"Why {n}?")) for n in range(40)]
        await engine.until_asked(1)
        waiting = asyncio.create_task(dispatch.hungry())
        await asyncio.sleep(0.01)
        full, waits = client.full, not waiting.done()
        engine.gate.set()
        await asyncio.gather(*asked)
        await asyncio.wait_for(waiting, 5)
        return [full, waits, client.full]

    assert asyncio.run(scenario()) == [True, True, False]


def test_the_store_is_committed_while_conversations_are_held_and_stops_them_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, completions: Callable[[Path], int]
) -> None:
    monkeypatch.setattr(dispatching, "COMMIT_EVERY_S", 0.01)
    path = tmp_path / "store.sqlite"

    async def scenario(store: Store) -> None:
        dispatch = Dispatch({MEMBER.spec: Counting()}, store)
        async with dispatch.at_work():
            await ask(dispatch)
            for _ in range(500):
                if completions(path):
                    break
                await asyncio.sleep(0.01)
            assert completions(path) == 1
            before = dispatch.stopped
            store._fail(sqlite3.OperationalError("disk I/O error"))
            assert (before, dispatch.stopped) == (False, True)
            with pytest.raises(Stopped):
                await ask(dispatch, "And then?")

    with pytest.raises(UsageError, match="cannot be written or read: disk I/O error"), Store(path) as store:
        asyncio.run(scenario(store))


def test_a_store_that_was_in_trouble_before_anybody_asked_is_asked_for_nothing_new(tmp_path: Path) -> None:
    engine = Counting()

    async def scenario(store: Store) -> None:
        store._fail(sqlite3.OperationalError("database or disk is full"))
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        async with dispatch.at_work():
            await ask(dispatch)

    with pytest.raises(UsageError, match="database or disk is full"), Store(tmp_path / "store.sqlite") as store:
        asyncio.run(scenario(store))
    assert engine.calls == 0


def test_an_answer_from_before_is_counted_with_when_it_was_made(store: Store) -> None:
    async def keys() -> list[bytes]:
        dispatch = Dispatch({MEMBER.spec: Counting()}, store)
        asked = [(Message("user", text),) for text in ("Why?", "How?", "When?")]
        replies = [await dispatch.ask(MEMBER, one, Sampling(), sample=0, seed=0) for one in asked]
        return [reply.request for reply in replies]

    made = asyncio.run(keys())
    before = Store(None)
    for key, at in zip(made, (1_000.0, 2_000.0, None), strict=True):
        before.put(key, Completion("then", Usage(1, 0, 1), "stop", 0.0, asked_at=at))

    async def again() -> Dispatch:
        engine = Counting()
        dispatch = Dispatch({MEMBER.spec: engine}, before)
        for text in ("How?", "Why?", "When?"):
            assert (await ask(dispatch, text)).text == "then"
        assert engine.calls == 0
        return dispatch

    tally = asyncio.run(again()).tally
    assert (tally.found, tally.earlier, tally.oldest, tally.newest) == (3, 3, 1_000.0, 2_000.0)


SERVED = {"base_url": "http://127.0.0.1:9/v1"}
OMITS = {**SERVED, "request": {"omit": ["temperature"]}}
OVERRIDES = {**SERVED, "request": {"omit": ["temperature"], "extra_body": {"temperature": 0.8}}}


@pytest.mark.parametrize(
    ("options", "drawn"),
    [({}, 1), (SERVED, 1), (OMITS, 4), (OVERRIDES, 4), ({"generation": "model"}, 4)],
)
def test_a_greedy_request_is_one_for_all_draws_where_it_is_drawn_greedily(
    store: Store, options: dict[str, Any], drawn: int
) -> None:
    member = Member.model_validate({"model": "m", **options})
    engine = Counting()
    dispatch = Dispatch({member.spec: engine}, store)

    async def scenario() -> None:
        for sample, seed in ((0, 0), (1, 0), (0, 1), (1, 1)):
            await dispatch.ask(member, (Message("user", "Why?"),), Sampling(temperature=0.0), sample=sample, seed=seed)

    asyncio.run(scenario())
    assert engine.calls == drawn == len(set(engine.seeds))


def test_who_gives_up_on_a_request_takes_nobody_along_and_what_was_asked_is_kept(store: Store) -> None:
    async def scenario() -> tuple[list[str], int]:
        engine = Gated()
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        impatient = asyncio.create_task(ask(dispatch))
        await engine.until_asked(1)
        patient = asyncio.create_task(ask(dispatch))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        alone = asyncio.create_task(ask(dispatch, "How?"))
        await engine.until_asked(2)
        alone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await alone
        engine.gate.set()
        await dispatch.landed()
        return [(await patient).text, (await ask(dispatch, "How?")).text], engine.calls

    (why, how), calls = asyncio.run(scenario())
    assert why.startswith("Why?")
    assert how.startswith("How?")
    assert calls == 2


def test_a_fault_that_nobody_waits_for_any_more_is_nobodys(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)

    async def scenario() -> None:
        engine = Gated(lambda call: EngineError("gone", transient=False) if call == 1 else None)
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        first = asyncio.create_task(ask(dispatch))
        await engine.until_asked(1)
        first.cancel()
        engine.gate.set()
        await dispatch.landed()
        assert (await ask(dispatch)).text.startswith("Why?")

    asyncio.run(scenario())
    assert not caplog.records


def test_a_request_that_its_engine_gives_up_is_a_fault_and_cancels_nobody(store: Store) -> None:
    class GivesUp(Counting):
        async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:  # noqa: ARG002
            raise asyncio.CancelledError

    async def scenario() -> list[Completion | BaseException]:
        dispatch = Dispatch({MEMBER.spec: GivesUp()}, store)
        return await asyncio.gather(*(ask(dispatch) for _ in range(2)), return_exceptions=True)

    assert [str(fault) for fault in asyncio.run(scenario())] == ["m gave a request up."] * 2


def test_what_was_called_off_is_asked_again(store: Store) -> None:
    async def scenario() -> int:
        engine = Gated()
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        async with dispatch.at_work():
            first = asyncio.create_task(ask(dispatch))
            await engine.until_asked(1)
            first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert dispatch.in_flight == 0
        engine.gate.set()
        assert (await ask(dispatch)).text.startswith("Why?")
        return engine.calls

    assert asyncio.run(scenario()) == 2
