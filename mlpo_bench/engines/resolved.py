"""A model whose weights are on this machine: where they lie, which they are, and what their files tell of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines import folders, headers, json_files, quantised


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.engines.adapters import Adapter
    from mlpo_bench.engines.base import AdapterFacts


_TYPES = {
    "float32": "float32", "float": "float32", "fp32": "float32", "float16": "float16", "half": "float16",
    "fp16": "float16", "bfloat16": "bfloat16", "bf16": "bfloat16",
}  # fmt: skip
"""The types that models are computed in, by the names that configurations have for them."""
_HELD = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""The same by those of safetensors."""


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """Weights on this machine.

    `name` is what the person called them; `folder` holds config.json, safetensors and tokenizer; `revision`
    is the hub's commit or `sha256:...` of the content. `adapter` is what changes these weights; where it is `merged`,
    the folder holds them as changed already. `tokenizer` is a folder whose tokenizer and chat template stand in place
    of the model's own. `note` is a sentence on what a person should know of it.
    """

    name: str
    folder: Path
    revision: str
    trust_remote_code: bool = False
    adapter: Adapter | None = None
    merged: bool = False
    tokenizer: Path | None = None
    note: str = ""

    @property
    def tokenizer_folder(self) -> Path:
        """Where its tokenizer and its chat template lie."""
        return self.tokenizer or self.folder

    @property
    def adapter_facts(self) -> AdapterFacts | None:
        """What is kept of its adapter for the record."""
        return None if self.adapter is None else self.adapter.facts

    @property
    def config(self) -> dict[str, Any]:
        """The model's config.json.

        Raises:
            UsageError: it cannot be read.
        """
        return json_files.read_object(self.folder / "config.json")

    @property
    def text_config(self) -> dict[str, Any]:
        """The part of its config.json that is of the model of texts in one that sees as well; else nothing."""
        told = self.config.get("text_config")
        return told if isinstance(told, dict) else {}

    @property
    def dtype(self) -> str:
        """The type the weights were published in, such as `bfloat16`: as the configuration says, else as they are."""
        told = next((c[k] for c in (self.config, self.text_config) for k in ("dtype", "torch_dtype") if c.get(k)), None)
        if isinstance(told, dict):  # a type for each part of the model
            told = told.get("") or next(iter(told.values()), None)
        named = str(told).removeprefix("torch.").lower()
        return _TYPES.get(named) or self._held_in or "float32"

    @property
    def _held_in(self) -> str | None:
        """The type of most numbers in its files, of those that are computed in."""
        held = Counter[str]()
        for file in self.weight_files:
            held.update(headers.types(file))
        return next((name for kind, _ in held.most_common() if (name := _HELD.get(kind))), None)

    def computed_in(self, asked: str) -> str:
        """The type it is computed in where a person asks for `asked`: under `auto` the weights' own."""
        return self.dtype if asked == "auto" else asked

    @property
    def context(self) -> int | None:
        """The longest input the model was made for, in tokens, or None where its config does not tell."""
        names = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "max_seq_len")
        told = (c.get(k) for c in (self.config, self.text_config) for k in names)
        return next((int(each) for each in told if isinstance(each, int | float) and 0 < each < inf), None)

    @property
    def parameters(self) -> int:
        """How many weights the safetensors files hold, each once, however many of them a number packs."""
        if self.is_quantised:
            how = self.config["quantization_config"]
            return sum(quantised.weights(headers.tensors(file), how) for file in self.weight_files)
        return sum(prod(shape) for file in self.weight_files for shape in headers.shapes(file).values())

    @property
    def is_quantised(self) -> bool:
        """Whether its files hold weights in a form that packs several of them, or scales them."""
        return isinstance(self.config.get("quantization_config"), dict)

    @property
    def weight_files(self) -> list[Path]:
        """The safetensors files that hold it."""
        return folders.weight_files(self.folder)
