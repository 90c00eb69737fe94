"""How fast models wrote on this machine, and how long their answers were: what a plan is reckoned with.

Every run adds to one small file in the user's cache folder. It decides nothing that is asked.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from platformdirs import user_cache_path
from pydantic import BaseModel, ValidationError

from mlpo_bench import atomic
from mlpo_bench.chat import Message
from mlpo_bench.log.files import write_json
from mlpo_bench.log.ledger import Spent, answers_of_seats
from mlpo_bench.runs import lengths


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.dispatch import Dispatch, EngineClient
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.teams import Member, ModelSpec

    Answers = tuple[ModelSpec, str, int]
    """A model, a suite, and the greatest length of an answer."""

CHARACTERS_A_TOKEN = 4.0
# A speed measured over less than this says more of the engine's start than of its work.
LEAST_SECONDS, LEAST_TOKENS = 5.0, 1_000
# The tail of a run that was taken up again asks few at once: against a measure of far more tokens it says nothing.
LEAST_SHARE = 0.1
COUNTED_QUESTIONS = 32


class Throughput(BaseModel):
    """What was measured of one model.

    `tokens_a_second` counts written tokens, `written` of them, over the seconds in which the engine had something to
    do; `answer_tokens` is the mean length of answers by suite and greatest length (see `lengths`).
    """

    model: str = ""
    tokens_a_second: float | None = None
    answer_tokens: dict[str, float] = {}
    characters_a_token: float = CHARACTERS_A_TOKEN
    measured: str | None = None
    written: int = 0

    def answer(self, suite: str, longest: int) -> float:
        """Return the expected length of an answer, in tokens."""
        return self.expected(suite, longest)[0]

    def expected(self, suite: str, longest: int) -> tuple[float, str]:
        """Return the expected length of an answer in tokens, and in words where that is from."""
        return lengths.expected(self.answer_tokens, self.model, suite, longest)


class _Throughputs(BaseModel):
    models: dict[str, Throughput] = {}


def known() -> dict[str, Throughput]:
    """Return what was measured so far, by model (see `name`)."""
    try:
        return _Throughputs.model_validate_json(atomic.read(_path())).models
    except (OSError, ValidationError):
        return {}


def name(spec: ModelSpec) -> str:
    """Return under which name a model's throughput is kept."""
    return " ".join(part for part in (spec.engine, spec.name, spec.address) if part)


def of(spec: ModelSpec, known: Mapping[str, Throughput]) -> Throughput:
    """Return what is known of a model, in this engine or else what it writes in another.

    With an adapter it writes as fast as without one, but not as much.
    """
    of_model = known.get(name(spec))
    if of_model is None and spec.adapter is not None:
        of_model = of(spec.model_copy(update={"adapter": None}), known).model_copy(update={"answer_tokens": {}})
    of_model = of_model or Throughput()
    update: dict[str, object] = {"model": spec.name}
    if not of_model.answer_tokens:
        others = (known.get(name(spec.model_copy(update={"engine": other}))) for other in ("auto", "vllm", "hf"))
        update["answer_tokens"] = next((one.answer_tokens for one in others if one and one.answer_tokens), {})
    return of_model.model_copy(update=update)


def learn(dispatch: Dispatch, cells: Sequence[Cell], suites: Mapping[str, SuiteTasks], folder: RunDirectory) -> None:
    """Add what a run has shown to what is known."""
    texts = [sample.question.prompt for suite in suites.values() for sample in suite.samples[:COUNTED_QUESTIONS]]
    note(dispatch, texts, _answers(cells, suites, folder))


def note(dispatch: Dispatch, texts: Sequence[str], answers: Mapping[Answers, Spent]) -> None:
    """Add what engines have shown to what is known: their speeds, and how long answers were.

    `texts` are some of the prompts, by whose tokens a model's characters a token are counted.
    """
    throughputs = known()
    for spec, client in dispatch.clients.items():
        before = throughputs.get(name(spec), Throughput())
        if client.busy >= LEAST_SECONDS and client.written >= max(LEAST_SHARE * before.written, LEAST_TOKENS):
            before = before.model_copy(update=_speed(client) | _density(client, texts))
        throughputs[name(spec)] = before
    for (spec, suite, most), spent in answers.items():
        if spent.calls:
            mean = spent.completion_tokens / spent.calls
            throughputs[name(spec)].answer_tokens[lengths.key(suite, most)] = round(mean, 1)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs an estimate, not a run
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_json(_path(), _Throughputs(models=throughputs).model_dump(mode="json"))


def _answers(cells: Sequence[Cell], suites: Mapping[str, SuiteTasks], folder: RunDirectory) -> dict[Answers, Spent]:
    """Return what some cells' answers came to, by model, suite and greatest length; openings apart from later ones."""
    answers: dict[Answers, Spent] = {}
    for cell in cells:
        if not folder.done(cell.id) or cell.setting.protocol.spends:  # its answers are as long as it may
            continue
        for (seat, opens), spent in answers_of_seats(folder.ledger_path(cell.id)).items():
            member = cell.setting.team.seats[seat]
            suite = cell.suite if opens else lengths.later(cell.suite)
            key = member.spec, suite, longest(cell, member, suites[cell.suite].samples[0])
            answers[key] = answers.get(key, Spent()) + spent
    return answers


def longest(cell: Cell, member: Member, sample: Sample) -> int:
    """Return how long an answer of a member may be, in tokens."""
    return cell.setting.sampling(member, sample.sampling).max_tokens


def _speed(client: EngineClient) -> dict[str, object]:
    return {
        "tokens_a_second": round(client.written / client.busy, 1),
        "written": client.written,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _density(client: EngineClient, texts: Sequence[str]) -> dict[str, object]:
    tokens = sum(client.engine.count_tokens([Message("user", text)]) for text in texts)
    return {"characters_a_token": round(sum(map(len, texts)) / tokens, 2)} if tokens else {}


def _path() -> Path:
    return user_cache_path("mlpo-bench") / "pace.json"
