"""Copies with an adapter merged in: they answer as peft does, appear whole or not at all, and leave the base alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.engines import merged, models
from mlpo_bench.engines.resolved import ResolvedModel
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import ModelSpec


torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

PROMPT = [[1, 6, 9, 10, 11, 12, 8, 9]]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def resolve(base: Path, adapter: Path) -> ResolvedModel:
    return models.resolve(ModelSpec(model=str(base), adapter=str(adapter)))


def loaded(folder: Path, adapter: Path | None = None) -> Any:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return (peft.PeftModel.from_pretrained(model, str(adapter)) if adapter else model).eval()


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model(torch.tensor(PROMPT)).logits


def greedy(model: Any) -> list[int]:
    prompt = torch.tensor(PROMPT)
    made = model.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=16, do_sample=False, pad_token_id=2
    )
    written: list[int] = made[0, prompt.shape[1] :].tolist()
    return written


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


KINDS: list[tuple[bool, dict[str, Any]]] = [
    (False, {}),
    (False, {"use_rslora": True}),
    (False, {"use_dora": True}),
    (False, {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"up_proj": 3}}),
    (False, {"modules_to_save": ["lm_head"]}),
    (True, {}),
    (True, {"target_modules": ["q_proj", "lm_head"]}),
    (True, {"target_modules": ["q_proj", "embed_tokens"]}),
    (True, {"modules_to_save": ["lm_head"]}),
]


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
@pytest.mark.parametrize(("tied", "settings"), KINDS)
def test_a_copy_answers_as_peft_does_with_base_and_adapter(
    tiny: ModuleType, tmp_path: Path, tied: bool, settings: dict[str, Any]
) -> None:
    base = tiny.save(tmp_path / "base", tie_word_embeddings=tied)
    adapter = tiny.save_adapter(tmp_path / "adapter", base, **settings)
    before = contents(base)
    copy = merged.copy_of(resolve(base, adapter), "float32")
    expected = logits(loaded(base, adapter))
    assert (expected - logits(loaded(base))).abs().max() > 1
    torch.testing.assert_close(logits(loaded(copy.folder)), expected, atol=1e-4, rtol=1e-4)
    assert greedy(loaded(copy.folder)) == greedy(loaded(base, adapter))
    assert contents(base) == before


def test_a_copy_has_all_of_its_base_but_the_weights_and_says_what_it_is(tiny_folder: Path, tiny_adapter: Path) -> None:
    model = resolve(tiny_folder, tiny_adapter)
    assert not merged.here(model, "float32")
    copy = merged.copy_of(model, "float32")
    assert merged.here(model, "float32")
    assert (copy.name, copy.revision, copy.adapter, copy.merged) == (model.name, model.revision, model.adapter, True)
    assert (copy.dtype, copy.context, copy.parameters) == (model.dtype, model.context, model.parameters)
    base, made = contents(tiny_folder), contents(copy.folder)
    assert base.keys() | {"merged.json"} == made.keys()
    assert {name for name in base if base[name] != made[name]} == {"model.safetensors"}
    (listed,) = merged.copies()
    assert (listed.folder, listed.size) == (copy.folder, sum(map(len, made.values())))
    assert listed.name == f"{tiny_folder.name}+{tiny_adapter.name}"
    assert listed.about.adapter_revision == model.adapter_facts.revision  # type: ignore[union-attr]


def test_weights_are_rounded_once_and_the_error_is_told(tiny: ModuleType, tiny_folder: Path, tmp_path: Path) -> None:
    small = tiny.save_adapter(tmp_path / "small", tiny_folder, size=0.02)
    exact, short = (merged.copy_of(resolve(tiny_folder, small), dtype).folder for dtype in ("float32", "bfloat16"))
    whole, rounded, base = (
        safetensors.load_file(folder / "model.safetensors") for folder in (exact, short, tiny_folder)
    )
    changed = [name for name in whole if not torch.equal(whole[name], base[name])]
    assert len(changed) == 6
    # The base is rounded first, as it would have been loaded; the change is made on that, and rounded once.
    for name in changed:
        expected = base[name].bfloat16().float() + (whole[name] - base[name])
        torch.testing.assert_close(rounded[name], expected.bfloat16(), atol=0, rtol=2**-7)
    error = sum(
        float((rounded[n].float() - base[n].bfloat16().float() - (whole[n] - base[n])).square().sum()) for n in changed
    )
    change = sum(float((whole[n] - base[n]).square().sum()) for n in changed)
    assert merged.about(exact).rounding == 0
    assert merged.about(short).rounding == pytest.approx((error / change) ** 0.5, rel=0.01)
    assert merged.about(short).rounding > 0.01
    assert merged.told(short).startswith("adapter merged into bfloat16 (rounding: ")


def test_a_copy_is_made_once_and_found_again_wherever_its_adapter_lies(
    tiny: ModuleType, tiny_folder: Path, tiny_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = merged.copy_of(resolve(tiny_folder, tiny_adapter), "float32").folder
    other = merged.copy_of(resolve(tiny_folder, tiny.save_adapter(tmp_path / "two", tiny_folder, seed=2)), "float32")
    assert other.folder != first
    monkeypatch.setattr(merged, "_merge", None)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name, content in contents(tiny_adapter).items():
        (moved / name).write_bytes(content)
    assert merged.copy_of(resolve(tiny_folder, moved), "float32").folder == first
    assert len(merged.copies()) == 2


def test_a_copy_says_which_type_it_was_written_in(tiny_folder: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    base = tmp_path / "coarse"
    base.mkdir()
    for name, content in contents(tiny_folder).items():
        (base / name).write_bytes(content)
    config = json.loads((base / "config.json").read_text())
    config.pop("dtype", None)
    coarse = {**config, "torch_dtype": "bfloat16", "text_config": {"dtype": "bfloat16"}}
    model = resolve(base, tiny_adapter)
    (base / "config.json").write_text(json.dumps(config))
    copy = merged.copy_of(model, "float32")
    assert json.loads((copy.folder / "config.json").read_text()) == {**config, "dtype": "float32"}
    (copy.folder / "config.json").write_text(json.dumps(coarse))  # as earlier versions left it
    again = merged.copy_of(model, "float32")
    named = {**config, "dtype": "float32", "text_config": {"dtype": "float32"}}
    assert json.loads((again.folder / "config.json").read_text()) == named
    assert again.dtype == "float32"


def test_a_quantised_base_and_an_adapter_without_numbers_are_refused(
    tiny: ModuleType, tiny_folder: Path, tmp_path: Path
) -> None:
    broken = tiny.save_adapter(tmp_path / "broken", tiny_folder, size=float("nan"))
    with pytest.raises(UsageError, match=rf"the adapter {broken} is broken: it puts no numbers into .*q_proj"):
        merged.copy_of(resolve(tiny_folder, broken), "float32")
    assert merged.copies() == []
    model = resolve(tiny_folder, broken)
    quantised = tmp_path / "quantised"
    quantised.mkdir()
    (quantised / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "gptq"}}))
    with pytest.raises(UsageError, match=r"is quantised, so the adapter .* cannot be merged into it\. Take engine hf"):
        merged.copy_of(ResolvedModel("q", quantised, "1", adapter=model.adapter), "float32")


MERGE = """
import sys, time
from mlpo_bench.engines import merged, models
from mlpo_bench.engines.resolved import ResolvedModel
from mlpo_bench.teams import ModelSpec

if sys.argv[3] == "stop":
    def stop(base, beside):
        print("half", flush=True)
        time.sleep(300)
    merged._take_the_rest = stop
print(merged.copy_of(models.resolve(ModelSpec(model=sys.argv[1], adapter=sys.argv[2])), "float32").folder)
"""


def start(base: Path, adapter: Path, how: str = "whole") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MERGE, str(base), str(adapter), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def test_a_merge_that_is_killed_leaves_nothing_that_is_used(tiny_folder: Path, tiny_adapter: Path) -> None:
    with start(tiny_folder, tiny_adapter, "stop") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    (left,) = (path for path in merged.folder().iterdir() if path.is_dir())
    assert (left / "model.safetensors").is_file()
    assert merged.copies() == []
    model = resolve(tiny_folder, tiny_adapter)
    assert not merged.here(model, "float32")
    copy = merged.copy_of(model, "float32").folder
    assert [path for path in merged.folder().iterdir() if path.is_dir()] == [copy]
    torch.testing.assert_close(logits(loaded(copy)), logits(loaded(tiny_folder, tiny_adapter)), atol=1e-4, rtol=1e-4)


def test_two_processes_make_one_copy(tiny_folder: Path, tiny_adapter: Path) -> None:
    with start(tiny_folder, tiny_adapter) as one, start(tiny_folder, tiny_adapter) as two:
        said = [process.communicate(timeout=300) for process in (one, two)]
    (copy,) = merged.copies()
    assert said == [(f"{copy.folder}\n", "")] * 2
