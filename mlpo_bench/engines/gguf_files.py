"""Models in llama.cpp's form: one GGUF file, unpacked once into a folder that every engine loads.

The folder lies in the cache under the file's content. Weights keep their type where the file holds them in one that
engines compute in; quantised ones become bfloat16, as those of the embedded model do (see `smollm2`, which says what
that loses). Which architectures can be read is transformers' to say.
"""

from __future__ import annotations

import contextlib
import io
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mlpo_bench.engines.cache import cache_dir, made_once
from mlpo_bench.engines.hashes import revision_of_file
from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from pathlib import Path


_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
_MAGIC = b"GGUF"


def find(name: str) -> Path | None:
    """Return the GGUF file that a name stands for: the file itself, or the only one in a folder without a config.json.

    Raises:
        UsageError: the folder holds several, or the file is a part of one, or none at all.
    """
    path = expanded(name)
    if path.is_dir():
        if (path / "config.json").is_file() or not (files := _in(path)):
            return None
        if len(files) > 1 and not _PART.search(files[0].name):
            listed = ", ".join(file.name for file in files)
            raise UsageError(f"{name} holds {len(files)} GGUF files; name one of them as the model: {listed}.")
        path = files[0]
    elif not path.is_file():
        if path.suffix == ".gguf":
            others = [str(other) for other in _in(path.parent)]
            raise UsageError(f"there is no file {name}{nearest(name, others) or '.'}")
        return None
    if _PART.search(path.name):
        raise UsageError(f"{path.name} is one part of a model; join all of them first: llama-gguf-split --merge.")
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise UsageError(f"{name} is a file, but no GGUF file; a model is a folder, a hub id or a GGUF file.")
    return path.resolve()


def _in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.gguf") if file.is_file())


def folder_of(file: Path, *, tokenizer: bool = True) -> Path:
    """Return where a file's model is unpacked, with its tokenizer or without, whether or not it is there yet."""
    digest = revision_of_file(file).removeprefix("sha256:")
    return cache_dir() / "models" / f"gguf-{digest}{'' if tokenizer else '-weights'}"


def unpacked(name: str, file: Path, *, tokenizer: bool = True) -> Path:
    """Return the folder of an unpacked model, unpacking it on the first call.

    Args:
        name: what the person called it.
        file: the file.
        tokenizer: whether the file's own tokenizer is wanted.

    Raises:
        UsageError: a package is missing, or transformers cannot read the file.
    """
    place = folder_of(file, tokenizer=tokenizer)
    if place.is_dir():
        return place
    check_packages(f"unpacking {name}")
    try:
        return made_once(place, lambda folder: dequantise(file, folder, _dtype(file), tokenizer=tokenizer))
    except (ValueError, LookupError, OSError, NotImplementedError, ImportError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        reason = f"it lacks {reason}" if isinstance(error, KeyError) else reason
        raise UsageError(
            f"transformers cannot read the GGUF file {name}: {reason}. Take the model in safetensors, or serve the "
            "file with llama.cpp and name the server's base_url; where it is its tokenizer alone that cannot be read, "
            "name the folder of another (`tokenizer`)."
        ) from error


def check_packages(what: str) -> None:
    """Check that what reads GGUF files is installed.

    Raises:
        UsageError: it is not.
    """
    missing = [package for package in ("torch", "transformers", "gguf") if find_spec(package) is None]
    if missing:
        raise UsageError(f"{what} needs {', '.join(missing)}. Run: pip install {' '.join(missing)}")


def dequantise(file: Path, folder: Path, dtype: str, *, tokenizer: bool = True) -> None:
    """Write the model of a GGUF file into a folder, in the form of transformers, its weights in a type of torch."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from mlpo_bench.engines.quiet import quiet_transformers

    # The bar of the unpacking itself goes to stderr whatever transformers is told.
    with quiet_transformers(), contextlib.redirect_stderr(io.StringIO()):
        model = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            quantization_config=GgufConfig(dequantize=True),  # without it the model cannot be saved again
            dtype=torch.float32,
        )
        if tokenizer:
            reads = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
            # GGUF does not carry the longest input in the field that tokenizers read it from.
            reads.model_max_length = model.config.max_position_embeddings
            reads.save_pretrained(folder)
        model.to(getattr(torch, dtype)).save_pretrained(folder)


def _dtype(file: Path) -> str:
    """Return the type that holds a file's weights without loss where one does, else bfloat16."""
    from gguf import GGUFReader

    matrices = {tensor.tensor_type.name for tensor in GGUFReader(file).tensors if len(tensor.shape) > 1}
    return {frozenset({"F32"}): "float32", frozenset({"F16"}): "float16"}.get(frozenset(matrices), "bfloat16")
