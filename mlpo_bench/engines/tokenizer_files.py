"""Loading a model's tokenizer: as its own file has it, also where transformers reads another out of it.

Many makers name LlamaTokenizer in tokenizer_config.json, whatever their tokenizer.json holds. From version 5 on
transformers then puts Llama's way of splitting words in place of the file's, and spaces are lost in all that is read
and written (huggingface/transformers issue 45488); its own list of such models goes by names. Here both are tried on a
sentence. Where only the file's own gives it back, a copy of the tokenizer is made that names no class.

Models that see keep their chat template with what prepares pictures, where transformers' tokenizers do not look.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from mlpo_bench import atomic
from mlpo_bench.engines import json_files
from mlpo_bench.engines.cache import cache_dir, made_once
from mlpo_bench.engines.folders import TOKENIZER_FILES
from mlpo_bench.engines.hashes import revision_of
from mlpo_bench.engines.quiet import quiet_transformers
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from pathlib import Path


FILE, CONFIG = "tokenizer.json", "tokenizer_config.json"
_TEMPLATES = ("chat_template.jinja", CONFIG, "chat_template.json", "processor_config.json")
_BYTE_ORDER = "\ufeff"
PLAIN_CLASS = "PreTrainedTokenizerFast"
_OWN_CODE = "contains custom code"
"""Words of transformers where a folder would run code."""
_NO_FILE = "Couldn't instantiate the backend tokenizer"
"""Words of transformers where a folder lacks all that a tokenizer is made of."""
_PROBE = "A question:\n\nHow much is 12 times 345? It's 4,140."


def load(folder: Path, *, trust_remote_code: bool) -> tuple[Any, Path | None]:
    """Return the tokenizer of a folder, and where a copy of it lies that it had to be loaded from.

    Raises:
        UsageError: the folder holds none that transformers can read.
    """
    from transformers import AutoTokenizer

    mended = None
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        if misread(folder, tokenizer):
            mended = as_written(folder)
            tokenizer = AutoTokenizer.from_pretrained(mended)
        with quiet_transformers():  # what it advises as it first decodes, it advises once
            tokenizer.decode([])
    except Exception as error:  # whatever transformers meets in files that others wrote
        raise UsageError(_unread(folder, error)) from error
    if callable(tokenizer.added_tokens_decoder):  # mistral-common's, which knows no chat templates
        raise UsageError(
            f"the tokenizer in {folder} lies there in Mistral's own form alone (tekken.json); name the folder of "
            "another (`tokenizer`)."
        )
    return tokenizer, mended


def chat_template(folder: Path) -> str:
    """Return the chat template that lies in a folder; nothing where there is none, or several.

    Raises:
        UsageError: a file that may hold it cannot be read.
    """
    for name in _TEMPLATES:
        if not (folder / name).is_file():
            continue
        if name.endswith(".jinja"):
            return atomic.read(folder / name).decode(errors="replace")
        told = json_files.read_object(folder / name).get("chat_template")
        if isinstance(told, str):
            return told
    return ""


def template_for(read: Any, folder: Path) -> tuple[Any, str]:  # noqa: ANN401 - one template, or several by name
    """Return the chat template that is to be used, and in words how it differs from the one that transformers reads.

    Raises:
        UsageError: as for `chat_template`.
    """
    if not read:
        held = chat_template(folder)
        return held or None, "template of the processor" if held else ""
    if isinstance(read, str) and read.startswith(_BYTE_ORDER):  # every prompt would begin with it
        return read.removeprefix(_BYTE_ORDER), "template without its byte order mark"
    return read, ""


def misread(folder: Path, tokenizer: Any) -> bool:  # noqa: ANN401 - transformers has no types
    """Whether transformers' tokenizer of a folder loses what the folder's own file keeps of a text."""
    if not (folder / FILE).is_file() or not getattr(tokenizer, "is_fast", False):
        return False
    from tokenizers import Tokenizer

    own = Tokenizer.from_file(str(folder / FILE))
    own.no_truncation()
    own.no_padding()
    written = own.encode(_PROBE, add_special_tokens=False).ids
    read = tokenizer.encode(_PROBE, add_special_tokens=False)
    if read == written:
        return False
    return bool(own.decode(written).strip() == _PROBE != tokenizer.decode(read).strip())


def as_written(folder: Path) -> Path:
    """Return a folder with the tokenizer of another, which transformers reads as its file has it."""
    files = [file for pattern in TOKENIZER_FILES for file in folder.glob(pattern) if file.name != "config.json"]

    def copy(place: Path) -> None:
        for file in files:
            shutil.copyfile(file, place / file.name)
        told = json_files.read_object(folder / CONFIG)
        (place / CONFIG).write_text(json.dumps(told | {"tokenizer_class": PLAIN_CLASS}), encoding="utf-8")

    return made_once(cache_dir() / "tokenizers" / revision_of(files).removeprefix("sha256:"), copy)


def _unread(folder: Path, error: Exception) -> str:
    """Return why a tokenizer cannot be read, and what to do: reading one begins with the model's configuration."""
    from transformers import AutoConfig

    reason = " ".join(line.strip() for line in str(error).splitlines()[:2]).rstrip(".") or type(error).__name__
    if _OWN_CODE in reason:
        return (
            f"the tokenizer in {folder} brings code of its own, which is not run unasked: where you trust its makers, "
            "say `trust_remote_code: true` of the member, or name the folder of another (`tokenizer`)."
        )
    if reason.startswith(_NO_FILE):
        return (
            f"{folder} holds no tokenizer, or the configuration of one alone; name the folder of one (`tokenizer`), "
            "such as that of the model that this one was made of."
        )
    try:
        if (folder / "config.json").is_file():
            AutoConfig.from_pretrained(folder)
    except Exception as fault:  # noqa: BLE001 - as above
        if type(fault) is type(error) and str(fault) == str(error):
            return f"transformers cannot read {folder / 'config.json'}: {reason}."
    return f"the tokenizer in {folder} cannot be read: {reason}; name the folder of another (`tokenizer`)."
