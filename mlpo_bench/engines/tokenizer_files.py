"""A tokenizer as its own file has it, where transformers reads another out of it.

Many makers name LlamaTokenizer in tokenizer_config.json, whatever their tokenizer.json holds. From version 5 on
transformers then puts Llama's way of splitting words in place of the file's, and spaces are lost in all that is read
and written (huggingface/transformers issue 45488); its own list of such models goes by names. Here both are tried on a
sentence. Where only the file's own gives it back, a copy of the tokenizer is made that names no class.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines import json_files
from mlpo_bench.engines.cache import cache_dir, made_once
from mlpo_bench.engines.folders import TOKENIZER_FILES
from mlpo_bench.engines.hashes import revision_of


if TYPE_CHECKING:
    from pathlib import Path


FILE, CONFIG = "tokenizer.json", "tokenizer_config.json"
PLAIN_CLASS = "PreTrainedTokenizerFast"
_PROBE = "A question:\n\nHow much is 12 times 345? It's 4,140."


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
