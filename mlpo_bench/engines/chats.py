"""From messages to the tokens a model reads: its chat template, applied once.

A template writes the special tokens it wants itself, so its text is tokenised without adding any: a doubled
beginning-of-sequence token cannot arise. Before anything is asked, a template is tried with a text to look for: one
that shows it nowhere would have questions dropped, and is refused. Some kinds of model need help:

- Without a system role (the template refuses it, or drops its text): the system message goes in front of the
  first user message, a blank line between.
- Without a template (a base model): messages are written as ``User: ...`` and ``Assistant: ...``, a system
  message plainly in front, a blank line between each, and ``Assistant:`` at the end. `stops` then ends an
  answer where the model starts to write the user's next message.
- With a template that walks over parts of a message, as those of models that see pictures do: it is given each text
  as a list of one part.
- With a template that knows no prompt for an answer (`add_generation_prompt`), and begins the model's turn where the
  answer stands: what it writes there ends the prompt, or the model would have to write it itself.
- With a template that writes today's date: it is told the same day for ever (`DATE`, or the one that a team file
  names), which is part of the identity of requests.

- With marks of thoughts that its tokenizer or its prompt would hide: they stand in the answer (`thought_marks`).

What a message says stays text: where it spells a special token (`<|im_start|>`), the model reads these letters and not
the token. So nobody whose words stand in a prompt can end it there, or go on in another role.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Message
from mlpo_bench.engines import thought_marks, tokenizer_files, turn_ends
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec

DATE = date(2025, 1, 1)
"""The day that a template is told where nobody names another."""
_PROBE = "a system message to look for"
_ASKED = "a question to look for"
_ANSWERED = "an answer to look for"
_CLOCK = "strftime_now"
"""What templates call to learn the day, as transformers offers it."""
_OURS = frozenset(
    {"messages", "conversation", "tokenize", "add_generation_prompt", "continue_final_message", _CLOCK, "return_dict"}
)
"""What a template is told by whoever renders a chat."""
_SPELLED = "\ue0f0{}\ue0f1"
"""Stands for what is spelled out while the rest is rendered: signs of the Unicode block that is nobody's."""
NOTHING: Mapping[str, Any] = MappingProxyType({})
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
        date: the day that a template is told.
        template_kwargs: what a template is told besides, such as `enable_thinking`.

    Attributes:
        tokenizer: the same.
        mended: the folder of a copy that it was loaded from, where transformers misreads the model's own.
        template_told: how its template differs from what transformers reads of the folder; nothing where it does not.
        marks: the special tokens that set thoughts apart.
        turn_end: the token that ends a turn in the template, where the model's files do not name it.

    Raises:
        UsageError: its template shows nothing of what a user asks, or not of what it is told.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - transformers has no types
        *,
        date: date = DATE,
        template_kwargs: Mapping[str, Any] = NOTHING,
    ) -> None:
        self.tokenizer = tokenizer
        self.mended: Path | None = None
        self.template_told = ""
        self.turn_end: int | None = None
        self._has_template = bool(tokenizer.chat_template)
        _check_told(template_kwargs, tokenizer.chat_template)
        self._date = date if self._has_template and _CLOCK in str(tokenizer.chat_template) else None
        self._told = dict(template_kwargs) | ({} if self._date is None else {_CLOCK: _clock(self._date)})
        # Made for training or for encoders: what is read would be over before the answer begins.
        self._appended = 0 if self._has_template else _appended(tokenizer)
        self._takes_parts = self._has_template and self._wants_parts()
        self._has_system_role = self._has_template and self._fault(_PROBE, Message("system", _PROBE)) is None
        self._begins = self._begun() if self._has_template else ""
        special = {str(token): number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        self._special = _any_of(special)
        self.marks = thought_marks.among(special)
        self._unmarked = _any_of(special.keys() - self.marks)
        self._hidden = {number for token, number in special.items() if token not in self.marks}
        self._may_open = self._has_template and thought_marks.may_be_opened_by(str(tokenizer.chat_template))

    @classmethod
    def of_folder(
        cls,
        folder: Path,
        *,
        trust_remote_code: bool = False,
        date: date = DATE,
        template_kwargs: Mapping[str, Any] = NOTHING,
    ) -> ChatTokens:
        """Load the tokenizer of a model folder.

        Raises:
            UsageError: the folder holds no tokenizer that transformers can read, or its template drops questions.
        """
        tokenizer, mended = tokenizer_files.load(folder, trust_remote_code=trust_remote_code)
        tokenizer.chat_template, told = tokenizer_files.template_for(tokenizer.chat_template, folder)
        try:
            chats = cls(tokenizer, date=date, template_kwargs=template_kwargs)
        except UsageError as mistake:
            raise UsageError(f"the tokenizer in {folder} cannot be used: {mistake}") from None
        chats.mended, chats.template_told = mended, told
        return chats

    @classmethod
    def of_model(cls, model: ResolvedModel, spec: ModelSpec) -> ChatTokens:
        """Load the tokenizer of a model, as a team file says that prompts are to be written.

        Raises:
            UsageError: as for `of_folder`.
        """
        chats = cls.of_folder(
            model.tokenizer_folder,
            trust_remote_code=model.trust_remote_code,
            date=spec.engine_options.date or DATE,
            template_kwargs=spec.engine_options.chat_template_kwargs,
        )
        _, _, behind = (chats.answered([Message("user", _ASKED)], _ANSWERED) or "").rpartition(_ANSWERED)
        chats.turn_end = turn_ends.not_named(model, chats.tokenizer, behind, chats.marks)
        return chats

    @property
    def identity(self) -> tuple[str, ...]:
        """What of the rendering decides what is read, where it is not what messages and template alone say."""
        told = {
            "tokenizer as written": self.mended is not None,
            self.template_told: bool(self.template_told),
            "content parts": self._takes_parts,
            "turn begun": bool(self._begins),
            "template's tokens whole": self._has_template and self.tokenizer.split_special_tokens,
            f"date {self._date}": self._date is not None,
            "no end appended": self._appended > 0,
            "marks of thoughts": bool(self.marks),
            f"turn ends by {self.turn_end}": self.turn_end is not None,
            "thought opened": bool(self.opened([Message("user", _ASKED)])),
        }
        return tuple(words for words, holds in told.items() if holds)

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings that the rendering itself asks for."""
        return () if self._has_template else PlainChat.stops

    def text(self, messages: Sequence[Message]) -> str:
        """Return a chat as the model reads it, up to where its answer starts."""
        if not self._has_template:
            return PlainChat().text(messages)
        return self._render(messages if self._has_system_role else without_system(messages)) + self._begins

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the token ids of a chat."""
        if any(self._special.search(message.content) for message in messages):
            return self._spelled_out(messages)
        # Without a template nobody has written the tokens that a sequence starts with, so the tokenizer does.
        return self._encoded(self.text(messages), first=True)

    def _encoded(self, text: str, *, first: bool) -> list[int]:
        """Return the ids of a text; `first` says that a sequence starts with it."""
        starts = first and not self._has_template
        # Some tokenizers are saved with the advice to spell their special tokens out: those of a template as well.
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=starts, split_special_tokens=False)
        return ids[: len(ids) - self._appended] if starts else ids

    def opened(self, messages: Sequence[Message]) -> str:
        """Return the mark of a thought that a chat's prompt opens, and all behind it: the answer begins with it."""
        if not self._may_open or not messages:
            return ""
        # A template may refuse or strip marks in earlier turns, and change the last message, which may be any word.
        *before, last = self._spelled(messages)[0]
        asked = replace(last, content=f"{last.content}\n{_ASKED}")
        return thought_marks.opened(self.text([*before, asked]), _ASKED)

    def decoded(self, ids: Sequence[int]) -> str:
        """Return the text of an answer's tokens: of special ones, those that set thoughts apart alone."""
        text: str
        if self.marks:
            text = self.tokenizer.decode([one for one in ids if one not in self._hidden], skip_special_tokens=False)
        else:
            text = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def without_hidden(self, text: str) -> str:
        """Return a text that was decoded with all special tokens as `decoded` has it."""
        return self._unmarked.sub("", text)

    def _spelled(self, messages: Sequence[Message]) -> tuple[list[Message], list[str]]:
        """Return messages with signs in the place of the special tokens that they spell, and these tokens."""
        spelled: list[str] = []

        def marked(found: re.Match[str]) -> str:
            spelled.append(found[0])
            return _SPELLED.format(len(spelled) - 1)

        taken = str.maketrans(dict.fromkeys(_SPELLED.format(""), "\ufffd"))
        signed = [replace(m, content=self._special.sub(marked, m.content.translate(taken))) for m in messages]
        return signed, spelled

    def _spelled_out(self, messages: Sequence[Message]) -> list[int]:
        """Return the token ids of a chat whose messages spell special tokens, with the letters of these."""
        signed, spelled = self._spelled(messages)
        ids: list[int] = []
        for place, part in enumerate(re.split(_SPELLED.format(r"(\d+)"), self.text(signed))):
            if place % 2:
                ids += self._letters(spelled[int(part)])
            else:
                ids += self._encoded(part, first=not place)
        return ids

    def _letters(self, token: str) -> list[int]:
        """Return the ids of what a special token is spelled with."""
        ids: list[int] = []
        for spelled in (token, " ".join(token)):  # a vocabulary of whole words may hold it as a word
            ids = self.tokenizer.encode(spelled, add_special_tokens=False, split_special_tokens=True)
            if not any(self.tokenizer.added_tokens_decoder.get(one) for one in ids):
                break
        return ids

    def behind(self, messages: Sequence[Message], answer: str) -> str | None:
        """Return what stands behind a chat once it is answered: the answer, and the token that ends a turn.

        None where that is not to be told: a model without a template, or one whose template shows a chat with its
        answer otherwise than the chat alone.
        """
        if (whole := self.answered(messages, answer)) is None:
            return None
        before = self.text(messages)
        behind = whole[len(before) :]
        return behind if whole.startswith(before) and behind.lstrip().startswith(answer.strip()) else None

    def answered(self, messages: Sequence[Message], answer: str) -> str | None:
        """Return a chat with its answer, as the template shows it; None without a template, or one that refuses it."""
        if not self._has_template:
            return None
        chat = [*(messages if self._has_system_role else without_system(messages)), Message("assistant", answer)]
        try:
            return self._render(chat, prompted=False)
        except Exception:  # noqa: BLE001 - whatever a template trips over
            return None

    def _render(self, messages: Sequence[Message], *, prompted: bool = True) -> str:
        chat = [{"role": m.role, "content": self._content(m.content)} for m in messages]
        text: str = self.tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=prompted, **self._told
        )
        return text

    def _content(self, text: str) -> str | list[dict[str, str]]:
        return [{"type": "text", "text": text}] if self._takes_parts else text

    def _begun(self) -> str:
        """Return what the template writes in front of an answer, where it never ends a prompt with that."""
        chat = [Message("user", _ASKED)]
        prompt, whole = self._render(chat), self.answered(chat, _ANSWERED) or ""
        if prompt != self._render(chat, prompted=False) or not whole.startswith(prompt):
            return ""
        begun, found, _ = whole[len(prompt) :].partition(_ANSWERED)
        return begun.rstrip(" ") if found else ""  # a space belongs to the answer's first token

    def _wants_parts(self) -> bool:
        """Whether the template shows a text only where it stands in a list of parts.

        Raises:
            UsageError: it shows it in neither form.
        """
        faults = []
        for self._takes_parts in (False, True):
            if (fault := self._fault(_ASKED)) is None:
                return self._takes_parts
            faults.append(fault)
        raise UsageError(
            f"its chat template shows nothing of what a user asks ({faults[0]}), nor of a list of parts ({faults[1]}); "
            "name the folder of another tokenizer (`tokenizer`), or mend its chat_template.jinja."
        )

    def _fault(self, text: str, *before: Message) -> str | None:
        """Return why a text is not to be seen in what the template makes of a question behind other messages."""
        try:
            shown = text in self._render([*before, Message("user", _ASKED)])
        except Exception as fault:  # noqa: BLE001 - whatever a template trips over, it has not shown the text
            return (str(fault).splitlines() or [type(fault).__name__])[0].rstrip(".")
        return None if shown else "it is left out"


def _check_told(names: Iterable[str], template: str | None) -> None:
    """Check that what a team file tells a chat template is something that it asks for.

    Raises:
        UsageError: it is not: a word that is misspelled would be passed over.
    """
    for name in names:
        if name in _OURS:
            raise UsageError(f"chat_template_kwargs name {name}, which is not the team file's to say.")
        if not re.search(rf"\b{re.escape(name)}\b", str(template or "")):
            what = "its chat template does not ask for it" if template else "it has no chat template"
            raise UsageError(f"chat_template_kwargs name {name}, but {what}.")


def _appended(tokenizer: Any) -> int:  # noqa: ANN401 - transformers has no types
    """Return how many tokens a tokenizer puts behind a text: an end, or an encoder's separator."""
    whole, bare = (tokenizer.encode("a", add_special_tokens=special) for special in (True, False))
    starts = (at for at in range(len(whole)) if bare and whole[at : at + len(bare)] == bare)
    return next((len(whole) - at - len(bare) for at in starts), 0)


def _any_of(tokens: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))) or r"(?!)")


def _clock(day: date) -> Callable[[str], str]:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime


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
