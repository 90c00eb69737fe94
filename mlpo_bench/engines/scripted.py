"""An engine that answers from a function or a file: for tests, and for trying a matrix out at no cost.

A script is YAML, a list of rules, of which the first that fits the last user message answers::

    - when: "(?i)review"            # a regular expression; a rule without `when` fits everything
      say: [I agree., I disagree.]  # one text, or several of which the seed picks one
      delay: 0.05                   # seconds before answering
    - when: "question 13"
      fail: the machine is on fire  # a fault of the machinery instead of an answer
    - say: The answer is (A).

Tokens are words between blanks.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    field_validator,
    model_validator,
)

from mlpo_bench import yamls
from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpo_bench.chat import FinishReason, Message, Sampling
    from mlpo_bench.engines.spec import ModelSpec

    Answer = Callable[[Sequence[Message], Sampling, int], str]

DEFAULT_CONTEXT = 1_000_000
_WORD = re.compile(r"\S+")


class ScriptedEngine:
    """Answers with what a function returns.

    Args:
        answer: takes messages, sampling and seed; returns the whole text. It may raise `EngineError`.
        name: the model's name in the record.
        context: longest prompt plus answer, in words.
        fingerprint: identity of the function; two that answer differently need different ones.
        delay: seconds before each answer.
        parameters: the size that it is to have in reckonings of operations.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        name: str = "scripted",
        context: int = DEFAULT_CONTEXT,
        fingerprint: str = "function",
        delay: float = 0.0,
        parameters: int | None = None,
    ) -> None:
        self._answer = answer
        self._delay = delay
        self._facts = ModelFacts(name, "scripted", fingerprint, "none", context, parameters)

    @property
    def facts(self) -> ModelFacts:
        """What answers."""
        return self._facts

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat. `seconds` is always 0, so that equal runs leave equal records.

        Raises:
            ContextOverflow: the prompt and `sampling.max_tokens` exceed the context.
            EngineError: the script says so.
        """
        prompt = self.count_tokens(messages)
        if prompt + sampling.max_tokens > self._facts.context:
            facts = self._facts
            raise ContextOverflow(model=facts.name, prompt=prompt, answer=sampling.max_tokens, context=facts.context)
        if self._delay:
            await asyncio.sleep(self._delay)
        text, words, reason = _cut(self._answer(messages, sampling, seed), sampling)
        return Completion(text, Usage(prompt=prompt, completion=words), reason, 0.0)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the number of words in a chat."""
        return sum(len(m.content.split()) for m in messages)

    async def close(self) -> None:
        """Nothing was started."""


def _cut(text: str, sampling: Sampling) -> tuple[str, int, FinishReason]:
    """Return what is left of a text before stop strings and within `max_tokens`, its words, why it ended."""
    for stop in sampling.stop:
        if (at := text.find(stop)) >= 0:
            text = text[:at]
    words = len(text.split())
    if words <= sampling.max_tokens:
        return text, words, "stop"
    end = [m.end() for m in _WORD.finditer(text)][sampling.max_tokens - 1]
    return text[:end], sampling.max_tokens, "length"


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    when: re.Pattern[str] = re.compile("")
    say: tuple[str, ...] = ()
    fail: str | None = None
    delay: Annotated[yamls.Real, Field(ge=0, le=1e6)] = 0.0

    @field_validator("say", mode="before")
    @classmethod
    def _one_text_is_a_list_of_one(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_or_fails(self) -> Self:
        if bool(self.say) == (self.fail is not None):
            raise ValueError("a rule has either something to `say` or a message to `fail` with")
        return self


class ScriptFileEngine(ScriptedEngine):
    """Answers by the rules of a script file (its form is in this module's docstring).

    Raises:
        UsageError: the file cannot be read or a rule is faulty; the message names file, line and rule.
    """

    def __init__(self, spec: ModelSpec) -> None:
        path = Path(spec.model)
        content = yamls.read_text(path, "script")
        self._rules = _parse(path, content)
        self._waits = any(rule.delay for rule in self._rules)
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        context = spec.context or DEFAULT_CONTEXT
        super().__init__(self._say, name=spec.model, context=context, fingerprint=f"sha256:{digest}")

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat by the first rule that fits, after the rule's delay.

        Raises:
            ContextOverflow: the prompt and `sampling.max_tokens` exceed the context.
            EngineError: the rule says so, or no rule fits.
        """
        if self._waits:
            await asyncio.sleep(self._rule_for(messages).delay)
        return await super().complete(messages, sampling, seed)

    def _say(self, messages: Sequence[Message], _: Sampling, seed: int) -> str:
        rule = self._rule_for(messages)
        if rule.fail is not None:
            raise EngineError(rule.fail, transient=False)
        return rule.say[seed % len(rule.say)]

    def _rule_for(self, messages: Sequence[Message]) -> _Rule:
        asked = next((m.content for m in reversed(messages) if m.role == "user"), "")
        for rule in self._rules:
            if rule.when.search(asked):
                return rule
        raise EngineError(f"no rule of the script {self._facts.name} fits {asked[:60]!r}.", transient=False)


class _Script(RootModel[Annotated[list[_Rule], Field(min_length=1)]]):
    """The rules of a script file."""


def _parse(path: Path, content: str) -> list[_Rule]:
    try:
        value, tree = yamls.load(content)
        return _Script.model_validate(value).root
    except yaml.YAMLError as error:
        raise UsageError(f"the script {path} is not valid YAML: {yamls.one_line(error)}") from None
    except ValidationError as error:
        told = [f"{path}:{fault.line}: {_of_rule(fault)}" for fault in yamls.all_of(error, _Script, value, tree)]
        raise UsageError(yamls.listed(told)) from None


def _of_rule(fault: yamls.Fault) -> str:
    match fault.location:
        case (int() as place, *_):
            return f"rule {place + 1}: {fault.sentence(skip=1)}"
        case _:
            return f"a script is a list of rules: {fault.sentence()}"
