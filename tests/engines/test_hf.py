"""The transformers engine on a tiny model: batching, seeds, limits, stops, faults."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines import models
from mlpo_bench.errors import ContextOverflow, EngineError, Stopped, UsageError
from mlpo_bench.teams import ModelSpec


torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from mlpo_bench.engines import hf  # noqa: E402 - after the skip
from mlpo_bench.engines.decoding import decoder  # noqa: E402
from mlpo_bench.engines.sampling import drawn  # noqa: E402


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mlpo_bench.engines.decoding.rows import Row

CHATS = [[Message("user", " ".join("abcdefgh"[: n % 8 + 1]))] for n in range(12)]
MIXED = [Sampling(temperature=(0.0, 0.7, 1.5)[n % 3], top_k=n % 4, max_tokens=4 + n) for n in range(12)]


@pytest.fixture
def engine(tiny_folder: Path) -> Iterator[hf.HFEngine]:
    spec = ModelSpec(model=str(tiny_folder))
    loaded = hf.load(models.resolve(spec), spec)
    yield loaded
    asyncio.run(loaded.close())


def ask_all(engine: hf.HFEngine, order: Sequence[int], samplings: Sequence[Sampling] = MIXED) -> dict[int, Completion]:
    async def gathered() -> list[Completion]:
        return await asyncio.gather(*(engine.complete(CHATS[i], samplings[i], i) for i in order))

    return dict(zip(order, asyncio.run(gathered()), strict=True))


def plain_greedy(engine: hf.HFEngine, messages: list[Message], tokens: int) -> str:
    """What transformers itself writes for one prompt, without any of our batching."""
    ids = torch.tensor([engine._chats.ids(messages)])
    out = engine._decoder._model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, pad_token_id=2
    )
    text: str = engine._chats.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    return text


def test_greedy_answers_are_those_of_transformers_itself(engine: hf.HFEngine) -> None:
    greedy = [Sampling(temperature=0, max_tokens=8)] * len(CHATS)
    made = ask_all(engine, range(len(CHATS)), greedy)
    assert [made[i].text for i in made] == [plain_greedy(engine, chat, 8) for chat in CHATS]


def test_different_samplings_and_seeds_share_a_batch(engine: hf.HFEngine) -> None:
    together = ask_all(engine, range(12))
    engine._admission.rows = 1
    alone = ask_all(engine, list(reversed(range(12))))
    assert {i: c.text for i, c in together.items()} == {i: alone[i].text for i in together}
    assert {i: c.usage for i, c in together.items()} == {i: alone[i].usage for i in together}


def test_seeds_tell_draws_apart(engine: hf.HFEngine) -> None:
    async def draws() -> set[str]:
        hot = Sampling(temperature=2.0, max_tokens=10)
        made = await asyncio.gather(*(engine.complete(CHATS[0], hot, seed) for seed in range(20)))
        return {c.text for c in made}

    assert len(asyncio.run(draws())) > 10


def test_each_row_ends_at_its_own_length_and_counts_only_its_tokens(engine: hf.HFEngine) -> None:
    made = ask_all(engine, range(12))
    assert all(1 <= c.usage.completion <= MIXED[i].max_tokens for i, c in made.items())
    cut = {i: c for i, c in made.items() if c.finish_reason == "length"}
    assert cut
    assert all(c.usage.completion == MIXED[i].max_tokens for i, c in cut.items())
    assert all(c.usage.prompt == engine.count_tokens(CHATS[i]) for i, c in made.items())


def test_a_stop_string_ends_the_text_before_it(engine: hf.HFEngine) -> None:
    whole = ask_all(engine, [5], [Sampling(temperature=0, max_tokens=20)] * 12)[5]
    stop = whole.text.split()[3]
    made = ask_all(engine, [5], [Sampling(temperature=0, max_tokens=20, stop=(stop,))] * 12)[5]
    assert made.text == whole.text[: whole.text.index(stop)]
    assert made.finish_reason == "stop"
    assert made.usage.completion <= 4


def test_what_does_not_fit_is_refused_with_its_numbers(engine: hf.HFEngine) -> None:
    with pytest.raises(ContextOverflow) as caught:
        asyncio.run(engine.complete(CHATS[0], Sampling(max_tokens=60), 0))
    assert (caught.value.prompt, caught.value.answer, caught.value.context) == (6, 60, 64)


def test_a_failing_model_is_a_fault_and_the_engine_goes_on(
    engine: hf.HFEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("broken on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(engine._decoder, "_logits", fails)
        with pytest.raises(EngineError, match="broken on purpose"):
            ask_all(engine, [0])
    assert ask_all(engine, [0])[0].usage.completion > 0


def test_logits_that_are_no_numbers_are_a_fault(engine: hf.HFEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = engine._decoder._logits
    with monkeypatch.context() as patch:
        patch.setattr(engine._decoder, "_logits", lambda *given: logits(*given) * float("nan"))
        with pytest.raises(EngineError, match=r"is no number \(NaN or infinite\)"):
            ask_all(engine, [0])
    assert ask_all(engine, [0])[0].usage.completion > 0


def answers_or_faults(engine: hf.HFEngine) -> list[Completion | BaseException]:
    async def gathered() -> list[Completion | BaseException]:
        asked = [
            engine.complete(chat, sampling, i) for i, (chat, sampling) in enumerate(zip(CHATS, MIXED, strict=True))
        ]
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(gathered())


@pytest.mark.parametrize("sick", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("when", ["as prompts are read", "while answers are written"])
def test_logits_that_are_no_numbers_fail_their_own_request_alone(
    sick: float, when: str, engine: hf.HFEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ask_all(engine, range(len(CHATS)))
    write = engine._decoder._write

    def infected(rows: Sequence[Row], logits: Any) -> None:
        place = [i for i, row in enumerate(rows) if row.seed == 5 and (row.written or when == "as prompts are read")]
        logits[place] = sick
        write(rows, logits)

    monkeypatch.setattr(engine._decoder, "_write", infected)
    made = answers_or_faults(engine)
    (fault,) = (one for one in made if isinstance(one, BaseException))
    assert made[5] is fault
    assert "no number" in str(fault)
    others = {i: one for i, one in enumerate(made) if isinstance(one, Completion)}
    assert {i: (c.text, c.usage) for i, c in others.items()} == {
        i: (c.text, c.usage) for i, c in expected.items() if i != 5
    }


@pytest.mark.parametrize("kind", [RuntimeError, torch.cuda.OutOfMemoryError])
def test_a_request_that_fails_whatever_it_is_batched_with_fails_alone(
    kind: type[Exception], engine: hf.HFEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, write = engine._admission.rows, engine._decoder._write

    def fails(rows: Sequence[Row], logits: Any) -> None:
        if any(row.seed == 7 for row in rows):
            raise kind("broken on purpose")
        write(rows, logits)

    expected = ask_all(engine, range(len(CHATS)))
    monkeypatch.setattr(engine._decoder, "_write", fails)
    made = answers_or_faults(engine)
    assert isinstance(made[7], EngineError)
    assert "broken on purpose" in str(made[7])
    assert [one.text for one in made if isinstance(one, Completion)] == [c.text for i, c in expected.items() if i != 7]
    assert engine._admission.rows == rows  # what comes next is decoded together again


def test_a_batch_that_fails_though_none_of_its_requests_does_is_halved(
    engine: hf.HFEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "STEPS_AT_ONCE", 2)
    write = engine._decoder._write

    def fails(rows: Sequence[Row], logits: Any) -> None:
        if len(rows) > 4:
            raise RuntimeError("too many on purpose")
        write(rows, logits)

    expected = ask_all(engine, range(len(CHATS)))
    monkeypatch.setattr(engine._decoder, "_write", fails)
    assert {i: c.text for i, c in ask_all(engine, range(len(CHATS))).items()} == {
        i: c.text for i, c in expected.items()
    }
    assert engine._admission.rows <= 4


@pytest.mark.parametrize("fault", [torch.cuda.OutOfMemoryError(), RuntimeError("CUDA error: out of memory")])
@pytest.mark.parametrize("after", [0, 5], ids=["as prompts are read", "while answers are written"])
def test_memory_that_runs_out_halves_the_batch(
    after: int, fault: Exception, engine: hf.HFEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, rows = engine._decoder._logits, []

    def tight(ids: Any, read: Any, cache: Any) -> Any:
        rows.append(len(ids))
        if len(ids) > 3 and len(rows) > after:
            logits(ids, read, cache)  # what it leaves in the cache is not to be gone on with
            raise fault
        return logits(ids, read, cache)

    expected = ask_all(engine, range(8))
    monkeypatch.setattr(engine._decoder, "_logits", tight)
    made = ask_all(engine, range(8))
    assert {i: (c.text, c.usage) for i, c in made.items()} == {i: (c.text, c.usage) for i, c in expected.items()}
    assert engine._admission.rows in {2, 3}
    assert max(rows[-5:]) <= 3


def test_a_batch_on_a_gpu_is_as_large_as_its_memory_holds(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads((tiny_folder / "config.json").read_text())
    size = config["hidden_size"] // config["num_attention_heads"]
    token = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * size * 4  # bytes, in float32
    read = transformers.AutoConfig.from_pretrained(tiny_folder)
    older = transformers.MptConfig(d_model=32, n_heads=4, n_layers=2)  # its file says all of it in other words

    def bounds(free: int, told: Any = read) -> tuple[int, int]:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 2 * free))
        return hf._bounds(SimpleNamespace(device=torch.device("cuda"), config=told, dtype=torch.float32))

    assert bounds(100 * token) == (30, 30)
    assert bounds(1_000_000 * token) == (300_000, hf.READ_TOGETHER_ELSEWHERE)
    assert bounds(token) == (1, 1)  # a single request is decoded, or is told that memory ran out
    assert bounds(100 * 2 * 2 * 32 * 4, older) == (30, 30)
    assert bounds(token, transformers.PreTrainedConfig())[0] == hf.BATCH_TOKENS
    assert hf._bounds(SimpleNamespace(device=torch.device("cpu"))) == (hf.BATCH_TOKENS, hf.READ_TOGETHER)


def test_memory_that_does_not_hold_one_request_is_a_fault(engine: hf.HFEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.cuda.OutOfMemoryError("out of memory on purpose")

    monkeypatch.setattr(engine._decoder, "_logits", full)
    with pytest.raises(EngineError, match="on purpose"):
        ask_all(engine, range(4))


def test_a_cancelled_request_does_not_disturb_the_others(engine: hf.HFEngine) -> None:
    async def go() -> str:
        tasks = [asyncio.create_task(engine.complete(CHATS[i], MIXED[i], i)) for i in range(4)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        made = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(made[2], asyncio.CancelledError)
        assert isinstance(made[3], Completion)
        return made[3].text

    assert asyncio.run(go()) == ask_all(engine, [3])[3].text


def test_facts_say_what_was_loaded(engine: hf.HFEngine, tiny_folder: Path) -> None:
    facts = engine.facts
    assert (facts.name, facts.engine, facts.dtype, facts.context) == (str(tiny_folder), "hf", "float32", 64)
    assert facts.revision.startswith("sha256:")
    assert facts.parameters == sum(p.numel() for p in engine._decoder._model.parameters())


def test_deterministic_contradicts_a_short_dtype(tiny_folder: Path) -> None:
    spec = ModelSpec(model=str(tiny_folder), dtype="bfloat16")
    with pytest.raises(UsageError, match="float32"):
        hf.load(models.resolve(spec), spec, deterministic=True)


def test_draws_follow_the_distribution_that_top_k_and_top_p_leave() -> None:
    logits = torch.log(torch.tensor([[0.4, 0.3, 0.2, 0.1]])).repeat(3000, 1)
    sampling = Sampling(temperature=1.0, top_k=3, top_p=0.7)
    tokens = drawn(logits, [sampling] * 3000, [(n + 0.5) / 3000 for n in range(3000)])
    share = torch.bincount(tokens, minlength=4) / 3000
    # Of the best three (4/9, 3/9, 2/9) the first two reach 0.7 of the mass.
    assert share[2:].tolist() == [0.0, 0.0]
    assert abs(share[0].item() - 4 / 7) < 0.001


DETERMINISTIC = """
import asyncio, json, sys
from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import open_engine
from mlpo_bench.teams import ModelSpec

async def go(order):
    engine = await open_engine(ModelSpec(), deterministic=True)
    ask = lambda i: engine.complete([Message("user", f"Say something of {i} ships. " * (i + 1))],
                                    Sampling(temperature=1.0, max_tokens=12), i)
    made = await asyncio.gather(*map(ask, order))
    await engine.close()
    return {i: [c.text, c.usage.completion] for i, c in zip(order, made)}

print(json.dumps(asyncio.run(go(json.loads(sys.argv[1]))), sort_keys=True))
"""


@pytest.mark.model
def test_deterministic_answers_are_equal_whatever_the_order_or_the_process() -> None:
    orders = [[0, 1, 2, 3], [3, 1], [2, 0]]
    said = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", DETERMINISTIC, json.dumps(order)], stdout=subprocess.PIPE, check=True
            ).stdout
        )
        for order in orders
    ]
    assert said[0] == said[1] | said[2]
    assert len({text for text, _ in said[0].values()}) == 4


def test_what_waits_for_a_batch_ends_when_a_person_stops(tiny_folder: Path) -> None:
    spec = ModelSpec(model=str(tiny_folder))
    engine = hf.load(models.resolve(spec), spec)
    engine._admission.rows = 2

    async def stopped() -> Sequence[object]:
        asked = [asyncio.create_task(engine.complete(chat, Sampling(max_tokens=4), 0)) for chat in CHATS[:6]]
        await asyncio.sleep(0)  # all are asked, and none is under way
        await asyncio.sleep(0)  # the first batch is
        engine.halt(Stopped())
        answers = await asyncio.gather(*asked, return_exceptions=True)
        with pytest.raises(Stopped):
            await engine.complete(CHATS[0], Sampling(max_tokens=4), 0)
        await engine.close()
        return answers

    kinds = [type(answer) for answer in asyncio.run(stopped())]
    assert (kinds.count(Completion), kinds.count(Stopped)) == (2, 4)


@pytest.mark.parametrize("installed", ["5.20.0", "5.24", "6.0.0.dev0"])
def test_a_version_of_transformers_that_draws_other_tokens_is_refused(installed: str) -> None:
    with pytest.raises(UsageError, match=rf"transformers {installed} is newer than .*pip install 'transformers<5.20'"):
        hf._check_transformers(installed)


@pytest.mark.parametrize("installed", ["5.16.0", "5.19.2", "4.57.1"])
def test_a_version_of_transformers_that_decoding_was_tried_with_is_taken(installed: str) -> None:
    hf._check_transformers(installed)
    assert hf.TOO_NEW == (5, 20)
