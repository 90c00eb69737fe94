"""Which answers a model on this machine gives: its weights, and all else that decides what it reads and writes.

A request's identity holds the model's revision (`ModelFacts.revision`). What a team file changes of a model, and what
is changed of it here, stands behind that, in words, so that no answer is taken for another's. A model of which nothing
is changed has the revision of its weights alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.engines.folders import TOKENIZER_FILES
from mlpo_bench.engines.hashes import revision_of


if TYPE_CHECKING:
    from mlpo_bench.engines.chats import ChatTokens
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec


def revision(model: ResolvedModel, spec: ModelSpec, chats: ChatTokens, *once: str) -> str:
    """Return a model's revision as requests are known by.

    Args:
        model: its weights.
        spec: what a person asks of it.
        chats: what renders its prompts.
        once: what its engine did otherwise to this model in earlier versions, in the words that tell the answers of
            then from those of now.
    """
    parts = [model.revision, *chats.identity]
    if model.tokenizer is not None:
        files = [file for pattern in TOKENIZER_FILES for file in model.tokenizer.glob(pattern)]
        parts.append(f"tokenizer {revision_of(files)}")
    parts += spec.engine_options.identity
    if spec.generation == "model":
        parts.append("generation model")
    return " ".join([*parts, *once])
