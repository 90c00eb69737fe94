"""Whether what transformers loaded can be decoded here: its vocabulary, the tokens that end its answers, its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Message
from mlpo_bench.engines import turn_ends
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from mlpo_bench.engines.chats import ChatTokens
    from mlpo_bench.engines.generation import Generation
    from mlpo_bench.engines.resolved import ResolvedModel


def ends(model: Any, chats: ChatTokens) -> list[int]:  # noqa: ANN401 - transformers has no types
    """Return the ids of the tokens that end an answer."""
    told = getattr(model.generation_config, "eos_token_id", None)
    every = [*turn_ends.numbers(told, chats.tokenizer), chats.tokenizer.eos_token_id, chats.turn_end]
    return list(dict.fromkeys(end for end in every if end is not None))


def check_vocabulary(model: Any, chats: ChatTokens, resolved: ResolvedModel) -> None:  # noqa: ANN401
    """Refuse a tokenizer that writes tokens into prompts which the model has nothing for."""
    held = model.get_input_embeddings().weight.shape[0]
    if (most := max(chats.ids([Message("user", "a question")]), default=0)) >= held:
        token = chats.tokenizer.convert_ids_to_tokens(most)
        raise UsageError(
            f"the tokenizer of {resolved.name} writes the token {token} (number {most}) into every prompt, but the "
            f"model has {held} tokens: it is another model's, or tokens were added to it alone."
        )


def check_advice(model: Any, chats: ChatTokens, resolved: ResolvedModel, drawing: Generation) -> None:  # noqa: ANN401
    """Refuse advice of a model's makers that transformers cannot follow, before anything is asked.

    Raises:
        UsageError: it cannot.
    """
    from mlpo_bench.engines.decoding.rules import Rules

    Rules(drawing, ends(model, chats)).check(model.get_input_embeddings().weight.shape[0], resolved.name)


def context(model: Any) -> int | None:  # noqa: ANN401 - as above
    """Return the longest input of a model whose config.json leaves it out, in tokens; None where its kind has none."""
    told = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return told if isinstance(told, int) and told > 0 else None


def rows(model: Any, chats: ChatTokens, resolved: ResolvedModel, asked: int | None) -> int | None:  # noqa: ANN401
    """Return how many requests a model may answer at once: as many as asked, or one where others change its answers.

    Raises:
        UsageError: it writes nonsense even alone.
    """
    from mlpo_bench.engines.decoding import trial

    if not trial.needed(model) or (asked != 1 and trial.passed(model, chats.tokenizer, together=True)):
        return asked
    if trial.passed(model, chats.tokenizer, together=False):
        return 1
    raise UsageError(
        f"engine hf cannot go on with what {resolved.name} keeps of a text ({type(model).__name__}): it was tried, and "
        "wrote otherwise than the model does. Take engine vllm or a server."
    )
