"""Adapters: what training changed of a model, as PEFT writes it, in a folder or on the hub.

An adapter is LoRA in `adapter_config.json` and `adapter_model.safetensors`. It goes with the base that it was trained
on (`lora` checks that), whose tokenizer and chat template it is read with, and is known by the content of its two
files, wherever they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines import headers, hub, json_files
from mlpo_bench.engines.base import AdapterFacts
from mlpo_bench.engines.hashes import revision_of
from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PICKLED = "adapter_model.bin"
# What peft can train beside LoRA, and not every engine here would honour.
_REFUSED = (
    "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "lora_bias", "megatron_config",
    "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora", "use_qalora", "velora_config",
)  # fmt: skip
# Ways to begin that take something out of the base, which it would then lack.
_CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq")


@dataclass(frozen=True)
class Adapter:
    """An adapter on this machine. `name` is what the person called it; `revision` is `sha256:...` of its content."""

    name: str
    folder: Path
    revision: str

    @property
    def facts(self) -> AdapterFacts:
        """What is kept of it for the record."""
        return AdapterFacts(self.name, self.revision)

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its adapter_config.json."""
        return _config(self.name, self.folder)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of its weights, by name."""
        return headers.shapes(self.folder / WEIGHTS)

    @property
    def made_for(self) -> str | None:
        """Which base it says that it was trained on: a name or a path of the machine that trained it."""
        return self.config.get("base_model_name_or_path") or None

    @property
    def rank(self) -> int:
        """The largest rank of its changes."""
        return max(map(int, [self.config.get("r", 1), *(self.config.get("rank_pattern") or {}).values()]))


def find(name: str) -> Adapter:
    """Find an adapter, downloading it where needed.

    Raises:
        UsageError: there is none of that name, it is none, or of a kind that cannot be loaded here.
    """
    folder = expanded(name)
    folder = folder.resolve() if folder.is_dir() else _from_hub(name)
    _check_files(name, folder)
    for fault in _faults(_config(name, folder)):
        raise UsageError(f"the adapter {name} {fault}")
    return Adapter(name, folder, revision_of([folder / CONFIG, folder / WEIGHTS]))


def revision_here(name: str) -> str | None:
    """Return the revision of what a folder holds now; None where it holds no adapter, or the name is a hub's."""
    folder = expanded(name)
    files = [folder / CONFIG, folder / WEIGHTS]
    return revision_of(files) if all(file.is_file() for file in files) else None


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, as far as its files' names tell."""
    return (folder / CONFIG).is_file()


def _from_hub(name: str) -> Path:
    try:
        return hub.downloaded(name, None, [CONFIG, WEIGHTS])
    except hub.NotThere as reason:
        path = expanded(name)
        beside = [str(other.parent) for other in sorted(path.parent.glob(f"*/{CONFIG}"))]
        hint = nearest(name, beside) or "."
        raise UsageError(f"no such adapter: {name!r} is no folder, and {reason}{hint}") from None


def _check_files(name: str, folder: Path) -> None:
    if not is_adapter(folder):
        if (folder / "config.json").is_file():
            raise UsageError(f"{name} is a whole model, no adapter: name it as `model`, and leave `adapter` out.")
        raise UsageError(f"{name} is no adapter: {folder} holds no {CONFIG}.")
    if not (folder / WEIGHTS).is_file():
        pickled = " (only pickled weights, which can run code)" if (folder / _PICKLED).is_file() else ""
        raise UsageError(f"the adapter {name} holds no {WEIGHTS}{pickled}; save it again with safe_serialization=True.")


def _config(name: str, folder: Path) -> dict[str, Any]:
    try:
        config = json_files.read(folder / CONFIG)
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise UsageError(f"the adapter {name} has an {CONFIG} that is no JSON object.")
    return config


def _faults(config: dict[str, Any]) -> Iterator[str]:
    """Yield why an adapter cannot be loaded here, whatever its base."""
    kind, task = config.get("peft_type"), config.get("task_type")
    if kind != "LORA":
        yield f"is of the kind {kind}; only LoRA can be loaded."
    if task not in {None, "CAUSAL_LM"}:
        yield f"was trained for {task}; a member of a team writes text (CAUSAL_LM)."
    if config.get("bias", "none") != "none":
        yield f"was trained with bias={config['bias']!r}; train it again with bias='none'."
    for field in _REFUSED:
        if config.get(field):
            yield f"was trained with {field}; only LoRA, rsLoRA, DoRA and modules_to_save can be loaded."
    begun = config.get("init_lora_weights")
    if isinstance(begun, str) and begun.startswith(_CHANGE_THE_BASE):
        yield (
            f"was begun with {begun!r}, which changes the base as well: save it again with "
            "path_initial_model_for_weight_conversion, which makes it plain LoRA."
        )
