"""Reading a prompt once for all its completions gives what reading it for each gives, and so does writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest


torch = pytest.importorskip("torch")
pytest.importorskip("trl")

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

PROMPT = [1, 20, 30, 40, 50, 60, 70]
COMPLETIONS = [[5, 6, 7, 8], [9], [10, 11, 12, 13, 14, 2], [15, 16]]


@pytest.fixture
def tiny(tiny_leader: ModuleType) -> Any:
    from mlpo_bench.training import shared_prompt

    model = tiny_leader.model()
    shared_prompt.fit(model)
    return model


def adapted(model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    made = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    torch.manual_seed(1)
    for name, weight in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return made


def apart(model: Any) -> Any:
    """The log-probabilities of the completions' tokens, each completion in a row of its own."""
    found = []
    for completion in COMPLETIONS:
        logits = model(input_ids=torch.tensor([PROMPT + completion])).logits[0, len(PROMPT) - 1 : -1]
        found.append(torch.log_softmax(logits, -1).gather(-1, torch.tensor(completion)[:, None])[:, 0])
    return torch.cat(found)


def together(model: Any) -> Any:
    """The same, out of one row."""
    from mlpo_bench.training import shared_prompt

    packed = shared_prompt.pack(PROMPT, COMPLETIONS)
    body = model.base_model(
        input_ids=packed.ids,
        position_ids=packed.positions,
        attention_mask=shared_prompt.IGNORED,
        layout=packed.layout,
        use_cache=False,
    )
    logs = torch.log_softmax(model.get_output_embeddings()(body.last_hidden_state[0]), -1)
    return logs.gather(-1, packed.targets[:, None])[:, 0]


def test_a_packed_row_holds_the_prompt_once() -> None:
    from mlpo_bench.training import shared_prompt

    packed = shared_prompt.pack([7, 8, 9], [[1, 2], [3]])
    assert packed.ids.tolist() == [[7, 8, 9, 1, 9]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 2]]
    assert packed.targets.tolist() == [1, 2, 3]
    assert packed.layout.tokens == 5


def test_logits_are_those_of_separate_rows(tiny: Any) -> None:
    torch.testing.assert_close(together(tiny), apart(tiny), rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_separate_rows(tiny: Any) -> None:
    weights = torch.linspace(-1, 1, sum(map(len, COMPLETIONS)))
    found = []
    for way in (together, apart):
        tiny.zero_grad()
        (way(tiny) * weights).sum().backward()
        found.append({name: weight.grad.clone() for name, weight in tiny.named_parameters()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], rtol=1e-3, atol=1e-5, msg=name)


def test_a_prompt_of_one_token_is_enough(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PROMPT", [1])
    torch.testing.assert_close(together(tiny), apart(tiny), rtol=1e-4, atol=1e-5)


def test_models_whose_attention_has_a_window_or_a_cap_go_row_by_row(tiny: Any) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM, MistralConfig, MistralForCausalLM

    from mlpo_bench.training.shared_prompt import supports

    small: dict[str, Any] = {
        "vocab_size": 16, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "pad_token_id": 0,
    }  # fmt: skip
    assert supports(tiny)
    assert not supports(Gemma2ForCausalLM(Gemma2Config(**small)))
    assert not supports(MistralForCausalLM(MistralConfig(**small, sliding_window=4)))
    assert supports(MistralForCausalLM(MistralConfig(**small, sliding_window=None)))


def greedy(ends: tuple[int, ...] = (2,), most: int = 12) -> Any:
    from mlpo_bench.training.writing import How

    return How(temperature=1e-6, top_p=1.0, max_tokens=most, ends=ends)


@pytest.mark.parametrize("ends", [(2,), (2, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50)])
def test_greedy_writing_is_what_transformers_generates(tiny: Any, ends: tuple[int, ...]) -> None:
    from transformers import GenerationConfig

    from mlpo_bench.training.writing import write

    prompts = [PROMPT, PROMPT, [1, 33], [1, 90, 80, 70], [1, 90, 80, 70], [1, 90, 80, 70]]
    found = write(tiny, prompts, greedy(ends)).completions
    for prompt, completion in zip(prompts, found, strict=True):
        config = GenerationConfig(do_sample=False, max_new_tokens=12, eos_token_id=list(ends), pad_token_id=0)
        ids = torch.tensor([prompt])
        told = tiny.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
        assert completion == told[0, len(prompt) :].tolist()


def test_batches_that_do_not_fit_are_written_one_after_the_other(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpo_bench.training import writing

    prompts = [PROMPT, PROMPT, [1, 33], [1, 90, 80, 70]]
    together = writing.write(tiny, prompts, greedy()).completions
    monkeypatch.setattr(writing, "CACHE_BYTES", 1)
    assert writing.write(tiny, prompts, greedy()).completions == together


def test_an_adapter_is_folded_in_and_taken_out_bit_by_bit(tiny: Any) -> None:
    from mlpo_bench.training.writing import folded, write

    model = adapted(tiny)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    plain = model(input_ids=torch.tensor([PROMPT])).logits
    with folded(model) as inner:
        torch.testing.assert_close(inner(input_ids=torch.tensor([PROMPT])).logits, plain, rtol=1e-4, atol=1e-4)
    assert write(model, [PROMPT], greedy()).completions
    after = dict(model.named_parameters())
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert {name for name, weight in after.items() if weight.requires_grad} == {n for n in after if "lora_" in n}
    assert model.training


@pytest.mark.parametrize("changes", [{"use_dora": True}, {"modules_to_save": ["lm_head"]}])
def test_an_adapter_that_does_more_than_add_writes_as_it_is_trained(tiny: Any, changes: dict[str, Any]) -> None:
    from peft import LoraConfig, get_peft_model

    from mlpo_bench.training.writing import folded, write

    kind = LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "up_proj"], **changes)
    model = get_peft_model(tiny, kind)
    torch.manual_seed(3)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data += 0.3 * torch.randn_like(weight)
    ids = torch.tensor([PROMPT])
    with torch.no_grad():
        plain = model(input_ids=ids).logits
        with folded(model) as inner:
            torch.testing.assert_close(inner(input_ids=ids).logits, plain, rtol=1e-4, atol=1e-4)
    (written,) = write(model, [PROMPT], greedy()).completions
    assert written[0] == int(plain[0, -1].argmax())


def test_drawing_follows_the_chances_and_their_bound() -> None:
    from mlpo_bench.training.writing import How, draw

    torch.manual_seed(0)
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(4000, 1)
    tokens, entropy = draw(logits, How(1.0, 1.0, 1, ()))
    shares = torch.bincount(tokens, minlength=4) / 4000
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.03, rtol=0)
    assert entropy[0] == pytest.approx(1.1421, abs=1e-3)
    tokens, _ = draw(logits, How(1.0, 0.7, 1, ()))
    assert set(tokens.tolist()) == {0, 1}


def test_drawing_follows_the_chances_of_large_vocabularies() -> None:
    """Tokens are drawn by runs of them, the last of which is not full, and none without a chance is drawn."""
    from scipy import stats

    from mlpo_bench.training.writing import How, draw

    torch.manual_seed(0)
    size, draws = 600, 60_000
    logits = torch.randn(size)
    logits[:300] -= 1e-3 * torch.arange(300)
    logits[[0, 255, 256, 511, 599]] = -torch.inf
    tokens, entropy = draw(logits.repeat(draws, 1), How(1.0, 1.0, 1, ()))
    chances = logits.double().softmax(-1)
    possible = chances > 0
    drawn = torch.bincount(tokens, minlength=size)
    assert not drawn[~possible].any()
    expected = chances[possible] / chances.sum() * draws
    assert stats.chisquare(drawn[possible].numpy(), expected.numpy()).pvalue > 1e-3
    assert entropy[0] == pytest.approx(float(torch.special.entr(chances).sum()), abs=1e-4)


def test_nothing_is_drawn_from_what_is_no_number() -> None:
    from mlpo_bench.training.writing import How, draw

    for spoiled in (torch.nan, torch.inf):
        logits = torch.zeros(2, 5)
        logits[1, 3] = spoiled
        with pytest.raises(FloatingPointError, match="no numbers"):
            draw(logits, How(1.0, 1.0, 1, ()))


def test_the_mean_entropy_is_over_what_was_written(tiny: Any) -> None:
    from mlpo_bench.training.writing import How, write

    torch.manual_seed(0)
    found = write(tiny, [PROMPT] * 3, How(1e6, 1.0, 5, (2,)))
    assert found.entropy == pytest.approx(torch.log(torch.tensor(109.0)).item(), abs=1e-2)
    assert found.tokens == len(PROMPT) + sum(map(len, found.completions))


def test_completions_go_where_their_prompt_is(base_folder: Path, tiny_leader: ModuleType) -> None:
    """The whole way through the trainer: packed and plain log-probabilities agree, row by row, padding included."""
    from mlpo_bench.training import mlpo, policy
    from mlpo_bench.training.recipe import Recipe

    found = []
    for once in (True, False):
        settings = {"generations": 2, "prompts_per_step": 2, "max_tokens": 6, "steps": 1, "once": once}
        team = {"leader": {"model": str(base_folder)}, "peers": [{"model": str(base_folder)}]}
        recipe = Recipe.model_validate({"name": "x", "team": team, "suites": ["bbh"], "mlpo": settings})
        leader = policy.load(recipe)
        prompts = [tiny_leader.prompt(n) for n in range(2)]
        trainer = mlpo.make_trainer(recipe, leader, prompts, base_folder / "out", [], mlpo.Leg(0, 0, 1))
        ids = torch.tensor([[0, 0, 1, 5, 6, 7, 8, 0], [0, 0, 1, 5, 9, 0, 0, 0], [1, 2, 3, 4, 10, 11, 12, 13]])
        mask = torch.tensor([[0, 0, 1, 1, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0, 0, 0], [1] * 8])
        with torch.no_grad():
            logps, entropies, _ = trainer._get_per_token_logps_and_entropies(
                leader.model, ids, mask, 4, compute_entropy=True
            )
        seen = mask[:, -4:].bool()
        found.append((logps * seen, entropies * seen))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)
