"""What a model's makers advise on drawing: left out in every engine, or followed in every engine."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import generation, models
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.engines.generation import AS_ASKED
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import Member, ModelSpec, SamplingChoice


torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from mlpo_bench.engines import hf  # noqa: E402 - after the skip
from mlpo_bench.engines.decoding.rules import Rules  # noqa: E402
from mlpo_bench.engines.sampling import drawn  # noqa: E402


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from mlpo_bench.engines.resolved import ResolvedModel

CHATS = [[Message("user", " ".join("abcdefgh"[: n % 8 + 1]))] for n in range(3)]
GREEDY = Sampling(temperature=0, max_tokens=16)
HOT = Sampling(temperature=1.5, max_tokens=16)
LEAKED: list[dict[str, Any]] = [
    {"repetition_penalty": 1.8},
    {"no_repeat_ngram_size": 2},
    {"num_beams": 4},
    {"forced_eos_token_id": 2, "forced_bos_token_id": 5},
    {"suppress_tokens": [3, 4, 5, 6, 7, 10, 11], "begin_suppress_tokens": [12]},
    {"bad_words_ids": [[n] for n in range(3, 12)]},
    {"min_new_tokens": 12, "min_length": 30},
    {"stop_strings": ["a"]},
    {"repetition_penalty": "much"},
    {"watermarking_config": {"greenlist_ratio": 0.25, "bias": 9.0}},
]
SHAPES: list[dict[str, Any]] = [
    {"do_sample": True, "temperature": 0.1, "top_k": 1, "top_p": 0.1, "min_p": 0.9},
    {"min_p": 1.5},
    {"top_k": -5, "temperature": -1},
]


def advised(folder: Path, tiny_folder: Path, **advice: Any) -> Path:
    shutil.copytree(tiny_folder, folder, dirs_exist_ok=True)
    path = folder / generation.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | advice), encoding="utf-8")
    return folder


def texts(folder: Path, sampling: Sampling, **said: Any) -> tuple[list[str], Any]:
    """What a folder's model says, and what it tells of itself."""
    spec = ModelSpec(model=str(folder), engine="hf", **said)

    async def go() -> tuple[list[str], Any]:
        engine = hf.load(models.resolve(spec), spec)
        made = await asyncio.gather(*(engine.complete(chat, sampling, n) for n, chat in enumerate(CHATS)))
        await engine.close()
        return [one.text for one in made], engine.facts

    return asyncio.run(go())


@pytest.mark.parametrize("advice", LEAKED + SHAPES, ids=",".join)
@pytest.mark.parametrize("sampling", [GREEDY, HOT], ids=["greedy", "drawn"])
def test_advice_is_left_out(advice: dict[str, Any], sampling: Sampling, tiny_folder: Path, tmp_path: Path) -> None:
    expected, _ = texts(tiny_folder, sampling)
    said, facts = texts(advised(tmp_path, tiny_folder, **advice), sampling)
    assert said == expected
    assert facts.told["left_out"].keys() == advice.keys()
    assert facts.told["in_force"]["temperature"] == AS_ASKED
    assert facts.told["in_force"]["repetition_penalty"] == 1.0


@pytest.mark.parametrize("advice", LEAKED, ids=",".join)
def test_answers_that_penalties_once_changed_are_told_from_those_of_now(
    advice: dict[str, Any], tiny_folder: Path, tmp_path: Path
) -> None:
    _, facts = texts(advised(tmp_path, tiny_folder, **advice), GREEDY)
    assert facts.revision.endswith(" no penalties")


@pytest.mark.parametrize("advice", SHAPES, ids=",".join)
def test_others_keep_their_identity(advice: dict[str, Any], tiny_folder: Path, tmp_path: Path) -> None:
    folder = advised(tmp_path, tiny_folder, **advice)
    _, facts = texts(folder, GREEDY)
    assert facts.fingerprint == f"{folder}|{models.resolve(ModelSpec(model=str(folder))).revision}|float32|hf"


def test_a_model_of_old_says_it_in_its_configuration(tiny_folder: Path, tmp_path: Path) -> None:
    expected, _ = texts(tiny_folder, GREEDY)
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / generation.FILE).unlink()
    config = json.loads((tmp_path / "config.json").read_text()) | {"repetition_penalty": 1.8}
    (tmp_path / "config.json").write_text(json.dumps(config))
    said, facts = texts(tmp_path, GREEDY)
    assert (said, facts.told["left_out"]) == (expected, {"repetition_penalty": 1.8})


def test_all_tokens_that_end_an_answer_end_it_whatever_is_left_out(tiny_folder: Path, tmp_path: Path) -> None:
    whole, _ = texts(tiny_folder, GREEDY)
    word = whole[0].split()[2]
    ends = [2, torch.tensor([ChatTokens.of_folder(tiny_folder).tokenizer.convert_tokens_to_ids(word)]).item()]
    said, _ = texts(advised(tmp_path, tiny_folder, eos_token_id=ends, repetition_penalty=1.5), GREEDY)
    # What ends an answer is no part of it, even where it is a word.
    assert said[0].split() == whole[0].split()[: whole[0].split().index(word)]


# Under `generation: model`, the makers' advice is followed as transformers itself would.


def transformers_says(folder: Path, chat: list[Message], tokens: int) -> str:
    from transformers import AutoModelForCausalLM

    chats = ChatTokens.of_folder(folder)
    ids = torch.tensor([chats.ids(chat)])
    model = AutoModelForCausalLM.from_pretrained(folder)
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
    text: str = chats.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    return text


@pytest.mark.parametrize(
    "advice",
    [
        {"repetition_penalty": 1.8},
        {"no_repeat_ngram_size": 2},
        {"suppress_tokens": [3, 4, 5, 6, 7]},
        {"bad_words_ids": [[n] for n in range(3, 12)]},
        {"min_new_tokens": 12},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "temperature": 0.4, "top_k": 3},
    ],
    ids=",".join,
)
def test_the_makers_advice_is_followed_where_it_is_asked_for(
    advice: dict[str, Any], tiny_folder: Path, tmp_path: Path
) -> None:
    folder = advised(tmp_path, tiny_folder, do_sample=False, **advice)
    said, facts = texts(folder, HOT, generation="model")
    assert said == [transformers_says(folder, chat, 16) for chat in CHATS]
    assert said != texts(tiny_folder, GREEDY)[0] or advice == {"min_new_tokens": 12}
    assert facts.revision.endswith(" generation model")
    assert facts.told["in_force"]["temperature"] == 0
    assert "left_out" not in facts.told


def of(folder: Path, whose: Any = "model") -> generation.Generation:
    spec = ModelSpec(model=str(folder), generation=whose)
    return generation.of(models.resolve(spec), spec)


def test_what_the_makers_name_stands_in_place_of_what_a_request_says(tiny_folder: Path, tmp_path: Path) -> None:
    drawing = of(advised(tmp_path, tiny_folder, do_sample=True, temperature=0.6, top_k=20, num_beams=4, min_p=0.05))
    assert drawing.applied(Sampling(0.0, 0.9, 0, 5)) == Sampling(0.6, 0.9, 20, 5)
    assert drawing.told == {
        "in_force": {"temperature": 0.6, "top_p": AS_ASKED, "top_k": 20, "min_p": 0.05, "repetition_penalty": 1.0},
        "left_out": {"num_beams": 4},
    }


def test_a_model_whose_makers_advise_nothing_is_drawn_as_asked(tiny_folder: Path) -> None:
    assert of(tiny_folder) == of(tiny_folder, "task") == generation.AS_THE_TASK_SAYS


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ({"min_p": 1.5}, r"says min_p: 1\.5, which is not a number from 0 to 1; `generation: task` does without"),
        ({"top_k": -5}, "top_k: -5, which is not a whole number from 0"),
        ({"temperature": True}, "temperature: True, which is not a number from 0 to 5"),
        ({"repetition_penalty": "much"}, "repetition_penalty: 'much', which is not a number above 0"),
        ({"repetition_penalty": float("inf")}, "repetition_penalty: inf, which is not a number above 0"),
    ],
)
def test_advice_that_cannot_be_followed_is_one_sentence(
    advice: dict[str, Any], told: str, tiny_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        of(advised(tmp_path, tiny_folder, **advice))


@pytest.mark.parametrize(
    "advice",
    [{"bad_words_ids": []}, {"bad_words_ids": [[999]]}, {"suppress_tokens": "x"}, {"no_repeat_ngram_size": 2.5},
     {"min_new_tokens": 2.0}, {"sequence_bias": {"x": 1}}],
    ids=",".join,
)  # fmt: skip
def test_rules_that_transformers_cannot_follow_are_one_sentence_before_anything_is_asked(
    advice: dict[str, Any], tiny_folder: Path, tmp_path: Path
) -> None:
    folder = advised(tmp_path, tiny_folder, **advice)
    told = f"says {next(iter(advice))}: .*, which transformers cannot follow .*`generation: task` does without it"
    with pytest.raises(UsageError, match=told):
        texts(folder, GREEDY, generation="model")
    assert texts(folder, GREEDY)[0]


def test_a_file_that_is_no_json_is_one_sentence(tiny_folder: Path, tmp_path: Path) -> None:
    (advised(tmp_path, tiny_folder) / generation.FILE).write_text("{")
    with pytest.raises(UsageError, match="cannot be read as a JSON object"):
        of(tmp_path, "task")


def test_a_member_whose_sampling_contradicts_it_is_refused() -> None:
    with pytest.raises(ValueError, match="generation: model leaves temperature to what the model's makers advise"):
        Member(generation="model", sampling=SamplingChoice(temperature=0.5))
    assert Member(generation="model", sampling=SamplingChoice(max_tokens=5)).generation == "model"


def test_a_script_has_no_makers() -> None:
    with pytest.raises(ValueError, match="which engine 'scripted' does not have"):
        ModelSpec(model="s.yaml", engine="scripted", generation="model")


def test_a_row_is_penalised_for_what_it_has_seen_itself() -> None:
    rules = Rules(generation.Generation(repetition_penalty=2.0), [2])
    scores = torch.tensor([[1.0, -1.0, 1.0, 1.0]])
    assert rules.applied(scores, [1, 0], 1).tolist() == [[0.5, -2.0, 1.0, 1.0]]
    assert not Rules(generation.AS_THE_TASK_SAYS, [2])


def test_min_p_leaves_what_is_likely_beside_the_most_likely() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2]])).repeat(2000, 1)
    tokens = drawn(logits, [Sampling(temperature=1.0)] * 2000, [(n + 0.5) / 2000 for n in range(2000)], 0.5)
    share = torch.bincount(tokens, minlength=3) / 2000
    assert share[2] == 0
    assert abs(share[0].item() - 5 / 8) < 0.001


def test_vllm_is_told_the_same(tiny_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    from mlpo_bench.engines import vllm

    engine = vllm.VLLMEngine.__new__(vllm.VLLMEngine)
    engine._chats = ChatTokens.of_folder(tiny_folder)
    engine._chats.turn_end = 9
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    engine._params, engine._whole = SamplingParams, RequestOutputKind.FINAL_ONLY

    def params(whose: Any, **advice: Any) -> Any:
        spec = ModelSpec(model=str(advised(tmp_path, tiny_folder, **advice)), generation=whose)
        engine._drawing = generation.of(resolved(spec), spec, vllm.FOLLOWED)
        return engine.sampling_params(Sampling(0.9, 0.8, 7, 5), 3)

    advice = {"temperature": 0.6, "top_k": 20, "repetition_penalty": 1.2, "min_p": 0.1, "min_new_tokens": 2}
    asked, own = params("task", **advice), params("model", **advice)
    names = ("temperature", "top_p", "top_k", "repetition_penalty", "min_p", "min_tokens", "max_tokens", "seed")
    assert [getattr(asked, name) for name in names] == [0.9, 0.8, 7, 1.0, 0.0, 0, 5, 3]
    assert (asked.stop_token_ids, asked.skip_special_tokens) == ([9], True)
    assert [getattr(own, name) for name in names] == [0.6, 0.8, 20, 1.2, 0.1, 2, 5, 3]


def resolved(spec: ModelSpec) -> ResolvedModel:
    return models.resolve(spec)


@pytest.mark.model
def test_vllm_and_transformers_answer_alike_with_the_advice_and_without(tiny: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    from mlpo_bench.engines import Engine, open_engine, vllm

    # vLLM's kernels for CPUs take no heads as small as those of the other tests.
    folder = advised(
        tmp_path / "advised",
        tiny.save(tmp_path / "model", hidden_size=128, max_position_embeddings=256),
        repetition_penalty=1.6,
        do_sample=False,
        eos_token_id=[2, 6],
    )
    specs = {
        whose: ModelSpec.model_validate({"model": str(folder), "generation": whose, "dtype": "float32"})
        for whose in ("task", "model")
    }

    async def go() -> dict[str, dict[str, list[list[str]]]]:
        first = await open_engine(specs["task"].model_copy(update={"engine": "vllm"}))
        assert isinstance(first, vllm.VLLMEngine)
        drawing = generation.of(models.resolve(specs["model"]), specs["model"], vllm.FOLLOWED)
        served = first._served
        assert served is not None
        second = vllm.VLLMEngine(served, first._chats, first.facts, drawing=drawing)
        loaded = {whose: hf.load(models.resolve(spec), spec) for whose, spec in specs.items()}

        async def said(engine: Engine) -> list[list[str]]:
            made = await asyncio.gather(*(engine.complete(chat, GREEDY, 0) for chat in CHATS))
            await engine.close()
            return [one.text.split() for one in made]

        return {
            "task": {"vllm": await said(first), "hf": await said(loaded["task"])},
            "model": {"vllm": await said(second), "hf": await said(loaded["model"])},
        }

    made = asyncio.run(go())
    assert made["task"]["vllm"] == made["task"]["hf"]
    assert made["model"]["vllm"] == made["model"]["hf"]
    assert made["task"] != made["model"]
