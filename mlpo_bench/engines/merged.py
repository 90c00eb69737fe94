"""Copies of models with an adapter merged in, for engines that cannot serve the two beside each other.

A copy is made once, in the cache folder, under the contents of base and adapter, so that it is found again wherever
they lie. Each changed weight is reckoned in float32 and rounded once to the type that the model is served in. What
rounding makes of the change is measured and kept: a small change of bfloat16 weights may be lost in it.

With random LoRA on q and v of SmolLM2, of which rounding to bfloat16 lost 9.4 %, a copy lay 0.000015 nats from base and
adapter (mean divergence over 1,024 positions of English text, reckoned in float32), and the base 0.0057; reckoning in
bfloat16 moved either by 0.0013.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from mlpo_bench import atomic
from mlpo_bench.engines import json_files, lora
from mlpo_bench.engines.cache import cache_dir, made_once, size
from mlpo_bench.engines.names import short_name
from mlpo_bench.engines.quiet import quiet_transformers
from mlpo_bench.engines.threads import import_torch, one_thread
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.engines.adapters import Adapter
    from mlpo_bench.engines.resolved import ResolvedModel

ABOUT = "merged.json"
"""The file in a copy that tells what it was made of; it names places on this machine."""
_WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".gguf")


@dataclass(frozen=True, slots=True)
class About:
    """What a copy was made of. `rounding` is the error of rounding over the change, both as Euclidean norms."""

    base: str
    base_revision: str
    adapter: str
    adapter_revision: str
    dtype: str
    rounding: float


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy in the cache folder; `size` is in bytes."""

    about: About
    folder: Path
    size: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return short_name(self.about.base, self.about.adapter)


def folder() -> Path:
    """Return where the copies lie."""
    return cache_dir() / "merged"


def copies() -> list[Copy]:
    """Return the copies that are here, none that is half made, or whose note of what it is cannot be read."""
    folders = [path.parent for path in sorted(folder().glob(f"*/{ABOUT}")) if ".part-" not in path.parent.name]
    return [Copy(about(path), path, size(path)) for path in folders if _is_told(path)]


def about(copy: Path) -> About:
    """Return what a copy was made of."""
    return About(**json_files.read(copy / ABOUT))


def _is_told(copy: Path) -> bool:
    try:
        about(copy)
    except (OSError, ValueError, TypeError):
        return False
    return True


def told(copy: Path) -> str:
    """Return in words what a copy is."""
    made = about(copy)
    return f"adapter merged into {made.dtype} (rounding: {100 * made.rounding:.2g} % of the change)"


def copy_of(model: ResolvedModel, dtype: str) -> ResolvedModel:
    """Return a model served from weights into which its adapter is merged, made on the first call.

    Safe to call from several processes at once, and to kill: the copy appears whole or not at all.

    Raises:
        UsageError: the base is quantised, or the two cannot be put together.
    """
    assert model.adapter is not None
    if "quantization_config" in model.config:
        raise UsageError(
            f"{model.name} is quantised, so the adapter {model.adapter.name} cannot be merged into it. "
            "Take engine hf, or the model as it was before it was quantised."
        )
    place = made_once(_place(model, dtype), lambda beside: _merge(model, dtype, beside))
    _say_type(place / "config.json", dtype)  # copies of earlier versions say what their base was published in
    return replace(model, folder=place, merged=True)


def here(model: ResolvedModel, dtype: str) -> bool:
    """Whether the copy of a model with its adapter has been made."""
    return _place(model, dtype).is_dir()


def _place(model: ResolvedModel, dtype: str) -> Path:
    assert model.adapter is not None
    parts = (model.revision, model.adapter.revision, dtype)
    return folder() / "-".join(part.removeprefix("sha256:") for part in parts)


def _merge(model: ResolvedModel, dtype: str, beside: Path) -> None:
    """Write a merged copy: weights of our own, and all else of the base as it is."""
    adapter = model.adapter
    assert adapter is not None
    import_torch()
    import torch
    from transformers import AutoModelForCausalLM

    with one_thread(), quiet_transformers(), torch.no_grad():
        loaded = AutoModelForCausalLM.from_pretrained(
            model.folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=model.trust_remote_code,
        )
        tied = _separated(loaded)
        rounding = _into_weights(loaded, model, adapter)
        loaded.config.tie_word_embeddings = tied and _tied_again(loaded)
        loaded.save_pretrained(beside)
    _take_the_rest(model.folder, beside)
    _say_type(beside / "config.json", dtype)
    if tied and not loaded.config.tie_word_embeddings:
        _say_untied(beside / "config.json")
    told = About(model.name, model.revision, adapter.name, adapter.revision, dtype, rounding)
    (beside / ABOUT).write_text(json.dumps(asdict(told)), encoding="utf-8")


def _into_weights(loaded: Any, model: ResolvedModel, adapter: Adapter) -> float:  # noqa: ANN401 - transformers has no types
    """Put an adapter's changes into the weights of its loaded base; return what rounding made of them (see `About`)."""
    from peft.tuners.lora import LoraLayer

    changed = lora.applied(loaded, model, adapter)
    error = change = 0.0
    for name, layer in changed.named_modules():
        if isinstance(layer, LoraLayer):
            try:
                of_error, of_change = _merge_layer(layer)
            except ValueError:
                raise UsageError(f"the adapter {adapter.name} is broken: it puts no numbers into {name}.") from None
            error, change = error + of_error, change + of_change
    with lora.no_advice():  # that the layers are merged already
        changed.merge_and_unload()
    return float((error / change) ** 0.5) if change else 0.0


def _merge_layer(layer: Any) -> tuple[float, float]:  # noqa: ANN401 - peft has no types
    """Merge a layer in float32 and round it once; return the squares of the error and of the change."""
    weight = layer.get_base_layer().weight
    dtype, before = weight.dtype, weight.data.float()
    weight.data = before
    layer.merge(safe_merge=True)
    exact = weight.data
    weight.data = exact.to(dtype)
    error, change = weight.data.float() - exact, exact - before
    return error.double().square().sum().item(), change.double().square().sum().item()


def _separated(loaded: Any) -> bool:  # noqa: ANN401
    """Give tied output embeddings weights of their own, lest a change be made twice; return whether they were tied."""
    import torch

    inside, outside = loaded.get_input_embeddings(), loaded.get_output_embeddings()
    if outside is None or outside.weight is not inside.weight:
        return False
    outside.weight = torch.nn.Parameter(inside.weight.clone())
    return True


def _tied_again(loaded: Any) -> bool:  # noqa: ANN401
    """Tie embeddings again that are still equal; return whether they are."""
    import torch

    inside, outside = loaded.get_input_embeddings(), loaded.get_output_embeddings()
    if not torch.equal(inside.weight, outside.weight):
        return False
    outside.weight = inside.weight
    return True


def _take_the_rest(base: Path, beside: Path) -> None:
    """Take configuration, tokenizer and chat template from the base, in place of what was saved with the weights."""
    for file in list(beside.iterdir()):
        if not file.name.endswith(_WEIGHTS):
            file.unlink()
    for file in base.iterdir():
        if file.is_file() and not file.name.endswith(_WEIGHTS):
            shutil.copyfile(file, beside / file.name)


def _say_type(config: Path, dtype: str) -> None:
    """Name the type that the weights were written in, lest they be rounded to their base's when they are loaded."""
    told = json.loads(config.read_text(encoding="utf-8"))
    before = json.dumps(told)
    told["dtype"] = dtype
    for part in (told, *(part for name, part in told.items() if name.endswith("_config") and part)):
        if {"dtype", "torch_dtype"} & part.keys():
            part.pop("torch_dtype", None)
            part["dtype"] = dtype
    if json.dumps(told) != before:
        atomic.write(config, json.dumps(told, indent=2).encode())


def _say_untied(config: Path) -> None:
    told = json.loads(config.read_text(encoding="utf-8"))
    for part in (told, told.get("text_config")):
        if part is told or (part and "tie_word_embeddings" in part):
            part["tie_word_embeddings"] = False
    config.write_text(json.dumps(told, indent=2), encoding="utf-8")
