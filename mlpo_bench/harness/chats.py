"""Carrying a chat and its generation settings through lm-eval, whose requests are a string and a dict.

With a chat template asked for, lm-eval hands the list of messages to the model and takes whatever string comes back
for the prompt. `pack` makes that string JSON, and `unpack` reads it again, so that a team gets messages, not text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.errors import UsageError, unknown


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# lm-eval's names for generation settings, and ours.
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_gen_toks": "max_tokens",
    "max_tokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "until": "stop",
    "do_sample": "do_sample",
}
_MARK = '{"chat":'


def pack(history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:  # noqa: ARG001 - lm-eval's
    """Return a chat (`role` and `content` of each message) as one string."""
    return orjson.dumps({"chat": [[m["role"], m["content"]] for m in history]}).decode()


def unpack(context: str) -> tuple[Message, ...]:
    """Return the chat that `pack` made a string of; any other string is one message of the user."""
    if context.startswith(_MARK):
        return tuple(Message(role, content) for role, content in orjson.loads(context)["chat"])
    return (Message("user", context),)


def settings(generation: Mapping[str, Any]) -> dict[str, Any]:
    """Return lm-eval's generation settings under the names of `Sampling`.

    Raises:
        UsageError: a setting is unknown, or its value is of the wrong kind.
    """
    sampling: dict[str, Any] = {}
    for name, value in generation.items():
        if name not in _SETTINGS:
            raise unknown("generation setting", name, _SETTINGS)
        sampling[_SETTINGS[name]] = _checked(name, value)
    if sampling.pop("do_sample", True) is False:
        sampling["temperature"] = 0.0
    return sampling


def sampling(generation: Mapping[str, Any]) -> Sampling:
    """Return how a task wants answers drawn; what it leaves open stays at `Sampling`'s defaults."""
    return Sampling(**settings(generation))


def _checked(name: str, value: Any) -> Any:  # noqa: ANN401 - the settings differ in kind
    ours = _SETTINGS[name]
    if ours == "stop":
        return tuple([value] if isinstance(value, str) else value)
    if ours == "do_sample":
        return value if isinstance(value, bool) else str(value).lower() not in {"false", "0", "no"}
    kind = int if ours in {"top_k", "max_tokens"} else float
    try:
        number = kind(value)
    except (TypeError, ValueError):
        raise UsageError(f"the generation setting {name} must be a number, not {value!r}.") from None
    lowest = {"max_tokens": 1}.get(ours, 0)
    if number < lowest or (ours == "top_p" and not 0 < number <= 1):
        raise UsageError(f"the generation setting {name} cannot be {value!r}.")
    return number
