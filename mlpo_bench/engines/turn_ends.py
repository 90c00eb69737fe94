"""The token that ends a model's turn: as its files name it, and as its chat template writes it.

The two differ where a template was given to a model whose files still name the end of a text (`<|endoftext|>`), as in
base models that come with one, and in what was trained on them. Such a model ends its turn (`<|im_end|>`), and nothing
stops it: it goes on as the user. What names an end to the engines is generation_config.json; config.json does where
there is no such file, and not where the file leaves ends out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines import generation, json_files


if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mlpo_bench.engines.resolved import ResolvedModel


def numbers(told: object, tokenizer: Any) -> Iterator[int]:  # noqa: ANN401 - transformers has no types
    """Yield ids as files tell them: a number, a token, or lists of these."""
    if isinstance(told, list | tuple):
        for each in told:
            yield from numbers(each, tokenizer)
    elif isinstance(told, str):
        number = int(told) if told.isdecimal() else tokenizer.get_vocab().get(told)
        yield from [] if number is None else [number]  # of a token that it lacks, a tokenizer gives the unknown one's
    elif isinstance(told, int | float) and not isinstance(told, bool) and math.isfinite(told):
        yield int(told)


def not_named(model: ResolvedModel, tokenizer: Any, behind: str, but: Collection[str]) -> int | None:  # noqa: ANN401
    """Return the token with which a template ends the model's turn, where its files do not name it as an end.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        behind: what the template writes behind an answer.
        but: tokens that may stand within an answer.
    """
    behind = behind.lstrip()
    # Not all makers mark what they add for chats as special.
    added = {str(token): number for number, token in tokenizer.added_tokens_decoder.items()}
    written = max((token for token in added if behind.startswith(token)), key=len, default=None)
    if written is None or written in but:
        return None
    return None if added[written] in {*_named(model, tokenizer), tokenizer.eos_token_id} else added[written]


def _named(model: ResolvedModel, tokenizer: Any) -> Iterator[int]:  # noqa: ANN401 - as above
    file = model.folder / generation.FILE
    told = [json_files.read_object(file)] if file.is_file() else [model.config, model.text_config]
    for each in told:
        yield from numbers(each.get("eos_token_id"), tokenizer)
