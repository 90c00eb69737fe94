"""Carrying a chat and its generation settings through lm-eval, whose requests are a string and a dict.

With a chat template asked for, lm-eval hands the list of messages to the model and takes whatever string comes back
for the prompt. `pack` makes that string JSON, and `unpack` reads it again, so that a team gets messages, not text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.yamls import shown


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
MOST_TOKENS = 2**31 - 1
_BOUNDS = {"temperature": (0, 5), "top_p": (0, 1), "top_k": (0, MOST_TOKENS), "max_tokens": (1, MOST_TOKENS)}
_MARK = '{"chat":'


def pack(history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:  # noqa: ARG001 - lm-eval's
    """Return a chat (`role` and `content` of each message) as one string."""
    return _packed((message["role"], message["content"]) for message in history)


def repack(chat: Iterable[Message]) -> str:
    """Return the string that `unpack` made a chat of."""
    return _packed((message.role, message.content) for message in chat)


def _packed(chat: Iterable[tuple[str, str]]) -> str:
    return orjson.dumps({"chat": list(chat)}).decode()


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


def check(generation: Mapping[str, Any]) -> None:
    """Check settings that a person gives: each is known, in order, and none contradicts another.

    Raises:
        UsageError: they are not; of two that say the same, the last one would win without a word.
    """
    found = settings(generation)
    said: dict[str, str] = {}
    for name in generation:
        if (before := said.setdefault(_SETTINGS[name], name)) != name:
            raise UsageError(f"the generation settings {before} and {name} are the same; give one of them.")
    drawn = "temperature" in said and settings({"temperature": generation["temperature"]})["temperature"] > 0
    if "do_sample" in said and drawn and found["temperature"] == 0:
        raise UsageError("the generation setting do_sample: false is a temperature of 0; leave temperature out.")


def sampling(generation: Mapping[str, Any]) -> Sampling:
    """Return how a task wants answers drawn; what it leaves open stays at `Sampling`'s defaults."""
    return Sampling(**settings(generation))


def _checked(name: str, value: Any) -> Any:  # noqa: ANN401 - the settings differ in kind
    ours = _SETTINGS[name]
    if ours == "stop":
        return _stops(name, value)
    if ours == "do_sample":
        return _truth(name, value)
    number = _number(name, value)
    lowest, highest = _BOUNDS[ours]
    if not lowest <= number <= highest or (ours == "top_p" and not number):
        raise UsageError(f"the generation setting {name} cannot be {shown(value)}.")
    if highest == MOST_TOKENS:
        if not number.is_integer():
            raise UsageError(f"the generation setting {name} must be a whole number, not {shown(value)}.")
        return int(number)
    return number


def _number(name: str, value: Any) -> float:  # noqa: ANN401
    try:
        if not isinstance(value, bool):
            return float(value)
    except (OverflowError, TypeError, ValueError):
        pass
    raise UsageError(f"the generation setting {name} must be a number, not {shown(value)}.")


def _stops(name: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) and text for text in texts):
        raise UsageError(
            f"the generation setting {name} must be text that ends an answer, or a list, not {shown(value)}."
        )
    return tuple(texts)


def _truth(name: str, value: Any) -> bool:  # noqa: ANN401
    said = str(value).lower()
    if said not in {"true", "false", "1", "0", "yes", "no"}:
        raise UsageError(f"the generation setting {name} must be true or false, not {shown(value)}.")
    return said in {"true", "1", "yes"}
