"""For tests of protocols, suites and engines of one's own: models that answer from a function, at no cost.

- `ScriptedEngine` answers with what a function returns.
- `Answering` opens one for every model of a run: hand it to `mlpo_bench.run` as `open_engines`.
- `hold` holds one conversation under a protocol.
- `memory_store` keeps completions until the process ends.

A team file can name a script instead (`engine: scripted`, see `docs/python.md`), which needs no Python at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.chat import Sampling
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import ModelSpec, ScriptedEngine
from mlpo_bench.protocols import Setting
from mlpo_bench.questions import Question
from mlpo_bench.shared import waited_for
from mlpo_bench.store import Store
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mlpo_bench.chat import Message
    from mlpo_bench.protocols import Protocol, Transcript

__all__ = ["Answering", "ScriptedEngine", "hold", "memory_store"]


class Answering:
    """Opens engines that a function answers for, whatever models a run names.

    Example:
        >>> engines = Answering(lambda messages, sampling, seed: "The answer is (A).")
        >>> engines.asked
        {}

    Args:
        answer: takes messages, sampling and seed, after the model's name where `by_model` is set; returns the whole
            text. It may raise `EngineError`.
        by_model: whether it wants to know which model is asked.
        parameters: the size that the models are to have in reckonings of operations.

    Attributes:
        asked: how often each model was asked, by its name; what the store knew is not asked again.
    """

    def __init__(self, answer: Callable[..., str], *, by_model: bool = False, parameters: int | None = None) -> None:
        self._answer, self._by_model, self._parameters = answer, by_model, parameters
        self.asked: dict[str, int] = {}

    async def __call__(self, specs: Iterable[ModelSpec], **_: object) -> dict[ModelSpec, ScriptedEngine]:
        """Open an engine for each model."""
        return {spec: self._engine(spec) for spec in specs}

    def _engine(self, spec: ModelSpec) -> ScriptedEngine:
        def counted(messages: Sequence[Message], sampling: Sampling, seed: int) -> str:
            self.asked[spec.model] = self.asked.get(spec.model, 0) + 1
            return self._answer(*([spec.model] if self._by_model else []), messages, sampling, seed)

        return ScriptedEngine(counted, name=spec.model, fingerprint=spec.model, parameters=self._parameters)


def memory_store() -> Store:
    """Return an empty store of completions that lies in memory.

    Example:
        >>> with memory_store() as store:
        ...     len(store)
        0
    """
    return Store(None)


def hold(
    protocol: Protocol,
    answer: Callable[[Sequence[Message], Sampling, int], str],
    *,
    question: Question | str = "What is 2 + 3?",
    peers: int = 3,
    seed: int = 0,
) -> Transcript:
    """Hold one conversation under a protocol and return it, with what every seat read and wrote.

    Example:
        >>> from mlpo_bench import Leader
        >>> transcript = hold(Leader(rounds=1), lambda messages, sampling, seed: "<answer>5</answer>")
        >>> len(transcript.turns), transcript.turns[-1].seat, transcript.turns[-1].answer
        (4, 'leader', '5')

    Args:
        protocol: the protocol.
        answer: takes messages, sampling and seed; returns the whole text.
        question: what is asked; words alone ask for a number.
        peers: how many peers sit in the room.
        seed: the run's seed.

    Raises:
        EngineError: the function says so.
    """
    if isinstance(question, str):
        question = Question("made up", "made up", "made up/1", question, "number")
    member = Member(model="scripted", engine="scripted")
    setting = Setting(Team(leader=member, peers=(member,) * peers), protocol, seed)

    async def held() -> Transcript:
        with memory_store() as store:
            return await setting.converse(question, Dispatch({member.spec: ScriptedEngine(answer)}, store), Sampling())

    return waited_for(held)
