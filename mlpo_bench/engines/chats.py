"""From messages to the tokens a model reads: its chat template, applied once.

A template writes the special tokens it wants itself, so its text is tokenised without adding any: a doubled
beginning-of-sequence token cannot arise. Two kinds of model need help:

- Without a system role (the template refuses it, or drops its text): the system message goes in front of the
  first user message, a blank line between.
- Without a template (a base model): messages are written as ``User: ...`` and ``Assistant: ...``, a system
  message plainly in front, a blank line between each, and ``Assistant:`` at the end. `stops` then ends an
  answer where the model starts to write the user's next message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Message
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PROBE = "a system message to look for"
_SPEAKERS = {"user": "User: ", "assistant": "Assistant: ", "system": ""}


class PlainChat:
    """Renders chats for a base model, which has no template."""

    stops = ("\nUser:",)

    def text(self, messages: Sequence[Message]) -> str:
        """Return a chat as the model reads it, up to where its answer starts."""
        return "\n\n".join(_SPEAKERS[m.role] + m.content for m in messages) + "\n\nAssistant:"


class ChatTokens:
    """Renders chats for one model.

    Args:
        tokenizer: a transformers tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - transformers has no types
        self.tokenizer = tokenizer
        self._has_template = bool(tokenizer.chat_template)
        self._has_system_role = self._has_template and self._shows_system_text()

    @classmethod
    def of_folder(cls, folder: Path, *, trust_remote_code: bool = False) -> ChatTokens:
        """Load the tokenizer of a model folder.

        Raises:
            UsageError: the folder holds no tokenizer that transformers can read.
        """
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"the tokenizer in {folder} cannot be read: {str(error).splitlines()[0]}") from error
        return cls(tokenizer)

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings that the rendering itself asks for."""
        return () if self._has_template else PlainChat.stops

    def text(self, messages: Sequence[Message]) -> str:
        """Return a chat as the model reads it, up to where its answer starts."""
        if not self._has_template:
            return PlainChat().text(messages)
        return self._render(messages if self._has_system_role else without_system(messages))

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the token ids of a chat."""
        # Without a template nobody has written the tokens that a sequence starts with, so the tokenizer does.
        ids: list[int] = self.tokenizer.encode(self.text(messages), add_special_tokens=not self._has_template)
        return ids

    def behind(self, messages: Sequence[Message], answer: str) -> str | None:
        """Return what stands behind a chat once it is answered: the answer, and the token that ends a turn.

        None where that is not to be told: a model without a template, or one whose template shows a chat with its
        answer otherwise than the chat alone.
        """
        if not self._has_template:
            return None
        answered = [*(messages if self._has_system_role else without_system(messages)), Message("assistant", answer)]
        before, whole = self.text(messages), self._render(answered, prompted=False)
        behind = whole[len(before) :]
        return behind if whole.startswith(before) and behind.lstrip().startswith(answer.strip()) else None

    def _render(self, messages: Sequence[Message], *, prompted: bool = True) -> str:
        chat = [{"role": m.role, "content": m.content} for m in messages]
        text: str = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompted)
        return text

    def _shows_system_text(self) -> bool:
        from jinja2 import TemplateError

        try:
            return _PROBE in self._render([Message("system", _PROBE), Message("user", "x")])
        except TemplateError:
            return False


def without_system(messages: Sequence[Message]) -> list[Message]:
    """Return the chat with its system messages folded into the first user message."""
    system = [m.content for m in messages if m.role == "system"]
    rest = [m for m in messages if m.role != "system"]
    if not system:
        return rest
    first = next((i for i, m in enumerate(rest) if m.role == "user"), None)
    if first is None:
        return [Message("user", "\n\n".join(system)), *rest]
    rest[first] = Message("user", "\n\n".join([*system, rest[first].content]))
    return rest
