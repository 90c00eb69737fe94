"""A team as a model of lm-eval: `--model mlpo-team --model_args protocol=leader,rounds=2`.

Use it with `--apply_chat_template`, so that messages reach the team as messages, and with the tasks `mlpo_bbh`,
`mlpo_mmlu` and `mlpo_math`: their documents say in which form they want to be answered, without which no vote can be
counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import LM

from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import close_engines, open_engines
from mlpo_bench.errors import UsageError
from mlpo_bench.harness import chats
from mlpo_bench.harness.documents import CutOff
from mlpo_bench.harness.samples import as_question
from mlpo_bench.protocols import Setting, build
from mlpo_bench.shared import waited_for
from mlpo_bench.store import Store, default_path
from mlpo_bench.teams import Team, read_team


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lm_eval.api.instance import Instance

    from mlpo_bench.protocols import Protocol


class TeamLM(LM):
    """Holds a team and a protocol, and answers lm-eval's generation requests with their conversations.

    Args:
        team: a team, or the path of a team file; the embedded default model in every seat where it is left out.
        protocol: a protocol, or the name of one.
        peers: how many peers; as many as the team has where it is left out.
        seed: the run's seed.
        store: where completions are kept.
        deterministic: whether completions must not depend on what else is asked at the same time.
        settings: the protocol's own (`rounds=2`, `samples=8`, `share=answer`).

    Raises:
        UsageError: no such protocol or setting, a team that cannot be read, or a protocol that lm-eval cannot serve.
    """

    def __init__(
        self,
        team: Team | str | None = None,
        protocol: Protocol | str = "leader",
        *,
        peers: int | None = None,
        seed: int = 0,
        store: str | Path | None = None,
        deterministic: bool = False,
        batch_size: object = None,  # noqa: ARG002 - lm-eval passes these to every model; engines batch by themselves
        max_batch_size: object = None,  # noqa: ARG002
        device: object = None,  # noqa: ARG002
        **settings: Any,  # noqa: ANN401
    ) -> None:
        super().__init__()
        seated = read_team(Path(team)) if isinstance(team, str) else team or Team()
        self.setting = Setting(
            seated.with_peers(peers) if peers is not None else seated,
            build(protocol, settings) if isinstance(protocol, str) else protocol,
            seed,
        )
        _check(self.setting)
        self._store = Path(store) if store else default_path()
        self._deterministic = deterministic

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """Hold all conversations side by side; return their final texts in the order of the requests.

        A task's `repeats` come as one request several times over: each is held with the next seed, as equal seeds come
        to equal answers.
        """
        return waited_for(lambda: self._generate(requests))

    async def _generate(self, requests: Sequence[Instance]) -> list[str]:
        with Store(self._store) as store:
            store.check()
            engines = await open_engines(self.setting.team.specs, deterministic=self._deterministic)
            try:
                dispatch = Dispatch(engines, store)
                async with dispatch.at_work():
                    return await asyncio.gather(
                        *(self._converse(request, dispatch, nth) for request, nth in _repeated(requests))
                    )
            finally:
                await close_engines(engines)

    async def _converse(self, request: Instance, dispatch: Dispatch, repetition: int) -> str:
        context, generation = request.args
        if "answer_format" not in request.doc:
            raise UsageError(
                f"the task {request.task_name} does not say in which form it wants to be answered; "
                "a team answers mlpo_bbh, mlpo_mmlu and those of every other suite (`mlpo-bench suites`)."
            )
        question = as_question(context, request.doc)
        setting = replace(self.setting, seed=self.setting.seed + repetition) if repetition else self.setting
        transcript = await setting.converse(question, dispatch, chats.sampling(generation))
        return CutOff(transcript.final) if transcript.cut_off else transcript.final

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """A team writes; it has no likelihood."""
        raise NotImplementedError("a team answers in words: choose generative tasks, such as mlpo_mmlu")

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        """A team writes; it has no likelihood."""
        raise NotImplementedError("a team answers in words: choose generative tasks, such as mlpo_mmlu")

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:  # noqa: ARG002
        """Carry the chat through lm-eval; each member's own template is applied by its engine."""
        return chats.pack(chat_history)

    @property
    def tokenizer_name(self) -> str:
        """Name for lm-eval's cache of rendered requests: they are the same for every team."""
        return "mlpo-team"

    def chat_template(self, chat_template: bool | str = False) -> str:  # noqa: ARG002
        """Members have templates of their own."""
        return ""

    def get_model_info(self) -> dict[str, Any]:
        """Return what lm-eval writes into its results about the model."""
        return {
            "team": self.setting.team.model_dump(mode="json", exclude_defaults=True),
            "protocol": self.setting.protocol.label,
            "seed": self.setting.seed,
        }


def _repeated(requests: Iterable[Instance]) -> Iterator[tuple[Instance, int]]:
    """Yield requests, each with how often the same one came before it."""
    before: Counter[int] = Counter()
    for request in requests:
        yield request, before[id(request)]
        before[id(request)] += 1


def _check(setting: Setting) -> None:
    protocol = setting.protocol
    if protocol.ceiling or protocol.weighs:
        needs = "gold answers" if protocol.ceiling else "its members' scores on the train split"
        raise UsageError(
            f"protocol {protocol.name!r} needs {needs}, which no model of lm-eval has: use `mlpo-bench run`."
        )
    if protocol.uses_peers and not setting.team.peers:
        raise UsageError(f"protocol {protocol.name!r} needs peers, and this team has none.")
