"""What is sent: one chat, how its answer is drawn, and what a team file adds or leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Sampling
from mlpo_bench.engines.chats import PlainChat, without_system
from mlpo_bench.errors import UsageError
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.chat import Message
    from mlpo_bench.engines.chats import ChatTokens
    from mlpo_bench.engines.server_options import Sent
    from mlpo_bench.engines.spec import ModelSpec

# Some servers hold a seed in 32 bits with a sign.
SEEDS = 2**31

# Fields beyond the protocol that take away what a server would add by itself, out of a model's generation_config.json
# or its own defaults, by what it calls itself in its list of models.
NEUTRAL: dict[str, dict[str, Any]] = {
    "vllm": {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0},
    "sglang": {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0},
    "llamacpp": {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0, "typical_p": 1.0},
}
_PENALTIES = {"presence_penalty": 0.0, "frequency_penalty": 0.0}


class RequestBuilder:
    """Makes the requests to one model of one server.

    Args:
        spec: how it is asked.
        owner: what the server calls itself.

    Raises:
        UsageError: the template cannot be read.
    """

    def __init__(self, spec: ModelSpec, owner: str | None = None) -> None:
        self._spec, self._options = spec, spec.request
        known = NEUTRAL.get((owner or "").lower(), {})
        self.neutral = {} if spec.generation == "model" or not known else known | _PENALTIES
        self.fold_system = spec.request.fold_system
        self._chat: PlainChat | ChatTokens | None = None
        self._start = ""
        if spec.request.endpoint == "completions":
            self._chat = PlainChat() if spec.request.template is None else self._templated(spec.request.template)

    def _templated(self, named: str) -> ChatTokens:
        from mlpo_bench.engines.chats import ChatTokens

        folder = expanded(named)
        if not folder.is_dir():
            raise UsageError(f"the template of a server's model is a folder with its tokenizer, and {named} is none.")
        chat = ChatTokens.of_folder(folder)
        # A template writes the token that a sequence starts with, and so does the server.
        self._start = getattr(chat.tokenizer, "bos_token", None) or ""
        return chat

    @property
    def path(self) -> str:
        """Where requests go, behind the base URL."""
        return "/completions" if self._chat is not None else "/chat/completions"

    @property
    def rendering(self) -> tuple[str, ...]:
        """What of the prompts that are written here is neither in the messages nor in a template."""
        return getattr(self._chat, "identity", ())

    @property
    def fields(self) -> list[str]:
        """The names of what is sent with every question, for the record."""
        return sorted(self._drawn(Sampling(), 0) | self._added() | self._options.extra_body)

    def body(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> dict[str, Any]:
        """Return a request, ready to be written as JSON."""
        chat = without_system(messages) if self.fold_system else messages
        if self._chat is None:
            asked: dict[str, Any] = {"messages": [{"role": m.role, "content": m.content} for m in chat]}
        else:
            asked = {"prompt": self._chat.text(chat).removeprefix(self._start)}
        body = {"model": self._spec.model, **asked, **self._drawn(sampling, seed)}
        if (stops := self.stops(sampling)) and self.sends("stop"):
            body["stop"] = stops
        return _merged(body | self._added(), self._options.extra_body)

    def opened(self, messages: Sequence[Message]) -> str:
        """Return what a prompt that is written here opens of the answer: the mark of a thought."""
        chat = without_system(messages) if self.fold_system else messages
        return "" if self._chat is None or isinstance(self._chat, PlainChat) else self._chat.opened(chat)

    def sends(self, field: Sent) -> bool:
        """Whether a field goes with requests, where there is something in it."""
        return field not in self._options.omit

    def stops(self, sampling: Sampling) -> list[str]:
        """Return what ends an answer: what the task and the team file say, and what a chat in plain text needs."""
        own = () if self._chat is None else self._chat.stops
        return list(dict.fromkeys((*sampling.stop, *self._options.stop, *own)))

    def _drawn(self, sampling: Sampling, seed: int) -> dict[str, Any]:
        """Return how the answer is drawn; under `generation: model` that is the server's to say."""
        fields: dict[str, Any] = dict(self.neutral)
        if self._spec.generation == "task":
            fields |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
            if sampling.top_k:
                fields["top_k"] = sampling.top_k
        fields |= {"max_tokens": sampling.max_tokens, "seed": seed % SEEDS}
        kept = {name: value for name, value in fields.items() if name not in self._options.omit}
        if "max_tokens" in kept:
            kept[self._options.max_tokens_field] = kept.pop("max_tokens")
        return kept

    def _added(self) -> dict[str, Any]:
        options = self._options
        told = {
            "frequency_penalty": options.frequency_penalty,
            "presence_penalty": options.presence_penalty,
            "repetition_penalty": options.repetition_penalty,
            "min_p": options.min_p,
            "reasoning_effort": options.reasoning_effort,
            "chat_template_kwargs": options.chat_template_kwargs or None,
        }
        return {name: value for name, value in told.items() if value is not None}


def _merged(body: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with more in it; what stands in both as objects is merged."""
    for name, value in more.items():
        mine = body.get(name)
        body[name] = {**mine, **value} if isinstance(mine, dict) and isinstance(value, dict) else value
    return body
