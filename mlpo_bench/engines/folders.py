"""What a folder of a model holds: which files are its weights, and what lies beside them that is none of it.

Publishers leave more in a folder than a model: the same weights once more in Mistral's own form
(`consolidated.safetensors`), an adapter that was trained on them, weights that are pickled. Libraries differ in what
they make of that: transformers lays such an adapter over the weights unasked, vLLM reads every safetensors file that no
index leaves out. So engines are shown a folder (`plain`) that holds the model alone, as links.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from typing import TYPE_CHECKING

from mlpo_bench.engines import adapters, headers, json_files
from mlpo_bench.engines.cache import cache_dir, made_once
from mlpo_bench.errors import UsageError
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from pathlib import Path


INDEX, WHOLE = "model.safetensors.index.json", "model.safetensors"
CONSOLIDATED = "consolidated*.safetensors"
TOKENIZER_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
_WRITES_NOTHING = re.compile(
    r"For(?:SequenceClassification|TokenClassification|MaskedLM|QuestionAnswering|MultipleChoice|Embedding|PreTraining)$|RewardModel$"
)
_LARGE_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tekken.json")
_SENTENCE_TRANSFORMERS = "modules.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_DIGITS = 12


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files that hold a folder's model, each of its weights once.

    Raises:
        UsageError: the index of a model in parts cannot be read, or names files that are not there.
    """
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    if (folder / INDEX).is_file():
        return _indexed(folder)
    others = {*folder.glob(CONSOLIDATED), folder / adapters.WEIGHTS}
    return sorted(file for file in set(folder.glob("*.safetensors")) - others if file.is_file())


def _indexed(folder: Path) -> list[Path]:
    try:
        names = json_files.read(folder / INDEX)["weight_map"].values()
        files = sorted({folder / name for name in names})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{folder / INDEX} is no index of weights; copy the model again.") from None
    if missing := [file.name for file in files if not file.is_file()]:
        raise UsageError(
            f"{folder} lacks {len(missing)} of the {len(files)} files of its weights, the first of them {missing[0]}; "
            "copy the model again."
        )
    return files


def check(name: str, folder: Path) -> None:
    """Check that a folder holds a model that can be loaded.

    Raises:
        UsageError: it does not; the message says what it holds instead, and what to do.
    """
    adapter = adapters.is_adapter(folder)
    named = f"name its base as `model`, and {name} as `adapter`."
    if not (folder / "config.json").is_file():
        if adapter:
            raise UsageError(f"{name} is an adapter, no model: {named}")
        raise UsageError(f"{name} is no model: {folder} holds no config.json.{_inside(folder)}")
    _check_kind(name, folder)
    weights = weight_files(folder)
    large = [*weights, *(folder / name for name in _LARGE_TOKENIZERS if (folder / name).is_file())]
    if pointers := [file.name for file in large if headers.is_pointer(file)]:
        raise UsageError(
            f"{name} is not whole: {pointers[0]} is a pointer of Git LFS, whose content was not fetched. "
            f"Run: git -C {shlex.quote(str(folder))} lfs pull"
        )
    if weights:
        return
    if adapter:
        raise UsageError(f"{name} is an adapter with the configuration of its base, but without its weights: {named}")
    if any(folder.glob(CONSOLIDATED)):
        raise UsageError(
            f"{name} holds weights in Mistral's own form alone (consolidated.safetensors); take the model in the form "
            "of transformers (model.safetensors), which its makers publish beside it or in a repository of its own."
        )
    if gone := [file for file in sorted(folder.glob("*.safetensors")) if file.is_symlink() and not file.exists()]:
        raise UsageError(
            f"{name} is not whole: {gone[0].name} is a link to {gone[0].readlink()}, where nothing lies; fetch or copy "
            "the model again."
        )
    pickled = any(file for pattern in _PICKLED for file in folder.glob(pattern))
    held = " (only pickled weights, which can run code)" if pickled else ""
    raise UsageError(f"{name} holds no safetensors{held}; convert it if you trust its makers. Run: {_conversion(name)}")


def _inside(folder: Path) -> str:
    """Return which models lie in a folder that is none itself: the hub's cache and trainers make such."""
    if snapshots := sorted(folder.glob("snapshots/*/config.json")):
        return f" It is a folder of the hub's cache; the model in it is {snapshots[-1].parent}."
    inside = {found.parent for file in ("config.json", adapters.CONFIG) for found in folder.glob(f"*/{file}")}
    if not inside:
        return ""
    last = max(sorted(inside), key=lambda each: [int(part) for part in re.findall(r"\d+", each.name)])
    return f" {'The model' if len(inside) == 1 else 'The last of the models'} in it is {last}."


def _check_kind(name: str, folder: Path) -> None:
    """Refuse models that do not write: transformers would load many of them, and draw what they lack at random."""
    config = json_files.read_object(folder / "config.json")
    architectures = config.get("architectures")
    named = [str(each) for each in architectures] if isinstance(architectures, list) else []
    if named and all(map(_WRITES_NOTHING.search, named)):
        raise UsageError(
            f"{name} is a model that judges or fills in texts ({named[0]}); a member of a team writes them."
        )
    if (folder / _SENTENCE_TRANSFORMERS).is_file():
        raise UsageError(
            f"{name} is a model for embeddings ({_SENTENCE_TRANSFORMERS} of sentence-transformers); a member of a team "
            "writes texts."
        )
    if config.get("is_encoder_decoder") is True:
        raise UsageError(
            f"{name} is a model of an encoder and a decoder ({', '.join(named) or config.get('model_type')}), which no "
            "engine here loads; a server may serve it."
        )


def _conversion(name: str) -> str:
    """Return the command that writes a model's weights as safetensors: beside what it has, or in a new folder."""
    if expanded(name).exists():
        given = into = str(expanded(name))
        imported = tokenizer = ""
    else:
        given, into = name, name.rpartition("/")[2]
        imported, tokenizer = ", AutoTokenizer as T", f"; T.from_pretrained({given!r}).save_pretrained({into!r})"
    return (
        f'python -c "from transformers import AutoModelForCausalLM as M{imported}; '
        f'M.from_pretrained({given!r}).save_pretrained({into!r}){tokenizer}"'
    )


def holds_adapter_beside(folder: Path) -> bool:
    """Whether an adapter lies beside whole weights."""
    return adapters.is_adapter(folder)


def plain(folder: Path, revision: str) -> Path:
    """Return a folder that holds the model of another, and nothing that an engine might take for a part of it.

    That is the folder itself, or one of links to its files in the cache.
    """
    weights = set(weight_files(folder))
    beside = {*folder.glob("*.safetensors")} - weights
    index, whole = (folder / INDEX).is_file(), (folder / WHOLE).is_file()
    if not holds_adapter_beside(folder) and (not whole if index else not beside):
        return folder
    # An index that leads elsewhere would have vLLM leave the weights out.
    misleading = {INDEX} if index and whole else set()
    left_out = {file.name for file in beside} | {adapters.CONFIG, "adapter_model.bin"} | misleading
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:_DIGITS]
    files = [file for file in folder.iterdir() if file.name not in left_out]

    def link(view: Path) -> None:
        for file in files:
            (view / file.name).symlink_to(file.absolute(), target_is_directory=file.is_dir())

    return made_once(cache_dir() / "plain" / f"{place}-{revision.removeprefix('sha256:')}", link)
