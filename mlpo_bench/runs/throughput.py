"""How fast models wrote on this machine, and how long their answers were: what a plan is reckoned with.

Every run adds to one small file in the user's cache folder. It decides nothing that is asked.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from platformdirs import user_cache_path
from pydantic import BaseModel, ValidationError

from mlpo_bench.chat import Message
from mlpo_bench.log.files import write_json
from mlpo_bench.log.ledger import Spent


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.dispatch import Dispatch, EngineClient
    from mlpo_bench.harness.suite import Sample, SuiteTasks
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.teams import Member, ModelSpec

    Answers = tuple[ModelSpec, str, int]
    """A model, a suite, and the greatest length of an answer."""

ANSWER_TOKENS = 256
"""How long an answer is taken to be where nothing was measured, and the task allows as many."""
CHARACTERS_A_TOKEN = 4.0
# A speed measured over less than this says more of the engine's start than of its work.
LEAST_SECONDS = 5.0
# The tail of a run that was taken up again asks few at once: against a measure of far more tokens it says nothing.
LEAST_SHARE = 0.1
COUNTED_QUESTIONS = 32


class Throughput(BaseModel):
    """What was measured of one model.

    `tokens_a_second` counts written tokens, `written` of them, over the seconds in which the engine had something to
    do; `answer_tokens` is the mean length of an answer, by suite and greatest length (`math at most 1024`).
    """

    tokens_a_second: float | None = None
    answer_tokens: dict[str, float] = {}
    characters_a_token: float = CHARACTERS_A_TOKEN
    measured: str | None = None
    written: int = 0

    def answer(self, suite: str, longest: int) -> float:
        """Return the expected length of an answer, in tokens."""
        return self.answer_tokens.get(_bounded(suite, longest), min(ANSWER_TOKENS, longest))

    def knows(self, suite: str, longest: int) -> bool:
        """Whether answers to a suite were measured at this greatest length."""
        return _bounded(suite, longest) in self.answer_tokens


class _Throughputs(BaseModel):
    models: dict[str, Throughput] = {}


def known() -> dict[str, Throughput]:
    """Return what was measured so far, by model (see `name`)."""
    try:
        return _Throughputs.model_validate_json(_path().read_bytes()).models
    except (OSError, ValidationError):
        return {}


def name(spec: ModelSpec) -> str:
    """Return under which name a model's throughput is kept."""
    return " ".join(part for part in (spec.engine, spec.name, spec.address) if part)


def of(spec: ModelSpec, known: Mapping[str, Throughput]) -> Throughput:
    """Return what is known of a model; with an adapter it writes as fast as without one, but not as much."""
    if (measured := known.get(name(spec))) is not None:
        return measured
    if spec.adapter is None:
        return Throughput()
    return of(spec.model_copy(update={"adapter": None}), known).model_copy(update={"answer_tokens": {}})


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
        if client.busy >= LEAST_SECONDS and client.written >= LEAST_SHARE * before.written:
            before = before.model_copy(update=_speed(client) | _density(client, texts))
        throughputs[name(spec)] = before
    for (spec, suite, most), spent in answers.items():
        if spent.calls:
            mean = spent.completion_tokens / spent.calls
            throughputs[name(spec)].answer_tokens[_bounded(suite, most)] = round(mean, 1)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs an estimate, not a run
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_json(_path(), _Throughputs(models=throughputs).model_dump(mode="json"))


def _answers(cells: Sequence[Cell], suites: Mapping[str, SuiteTasks], folder: RunDirectory) -> dict[Answers, Spent]:
    """Return what some cells' answers came to, by model, suite and greatest length."""
    answers: dict[Answers, Spent] = {}
    for cell in cells:
        if (
            result := folder.cell(cell.id)
        ) is None or cell.setting.protocol.spends:  # its answers are as long as it may
            continue
        for seat, member in cell.setting.team.seats.items():
            if seat in result.seats:
                key = member.spec, cell.suite, longest(cell, member, suites[cell.suite].samples[0])
                answers[key] = answers.get(key, Spent()) + result.seats[seat]
    return answers


def longest(cell: Cell, member: Member, sample: Sample) -> int:
    """Return how long an answer of a member may be, in tokens."""
    return int(cell.setting.overrides.get("max_tokens", member.sampling.over(sample.sampling).max_tokens))


def _speed(client: EngineClient) -> dict[str, object]:
    return {
        "tokens_a_second": round(client.written / client.busy, 1),
        "written": client.written,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _density(client: EngineClient, texts: Sequence[str]) -> dict[str, object]:
    tokens = sum(client.engine.count_tokens([Message("user", text)]) for text in texts)
    return {"characters_a_token": round(sum(map(len, texts)) / tokens, 2)} if tokens else {}


def _bounded(suite: str, longest: int) -> str:
    return f"{suite} at most {longest}"


def _path() -> Path:
    return user_cache_path("mlpo-bench") / "pace.json"
