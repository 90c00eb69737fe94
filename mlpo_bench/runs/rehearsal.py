"""What a run will take, before anything is started: its conversations are rehearsed over a few questions.

In a rehearsal every request is answered at once by a text of the expected length that no other request gets, and that
holds no answer. So protocols ask all that they would ask (the most, where answers decide), equal requests are seen to
be equal, and tokens can be counted. Calls are exact; tokens, seconds and prices are estimates.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import ModelFacts
from mlpo_bench.log.ledger import Spent
from mlpo_bench.log.plan import CellPlan, Plan
from mlpo_bench.runs import lengths, stand_ins, throughput
from mlpo_bench.runs.budget import CellSpent, matching_samples
from mlpo_bench.store import Store


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from mlpo_bench.chat import Message, Sampling
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.runs.throughput import Throughput
    from mlpo_bench.teams import ModelSpec, Price

REHEARSED = 8
"""Questions of each suite that are rehearsed: short, middling and long ones alike."""
MESSAGE_TOKENS = 8
"""What a chat template puts around a message."""
_LONGEST_CONTEXT = 1 << 30
_WORD = re.compile(r"[g-v]{8}")
"""What a rehearsed answer says, again and again."""


class _Rehearsal:
    """Stands in for an engine: answers at once, at the expected length, with a text of its own for each request.

    `answers` are the lengths of those that open a conversation, and of later ones: whoever is asked with one of the
    words that were `said` has read an answer.
    """

    def __init__(self, spec: ModelSpec, known: Throughput, answers: tuple[float, float], said: set[str]) -> None:
        self.facts = ModelFacts(spec.model_dump_json(), "rehearsal", "", "none", _LONGEST_CONTEXT)
        self.spent = Spent()
        self._density = known.characters_a_token
        self._opening, self._later = map(round, answers)
        self._said = said

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        read = any(not self._said.isdisjoint(_WORD.findall(message.content)) for message in messages)
        answer = min(self._later if read else self._opening, sampling.max_tokens)
        usage = Usage(prompt=self.count_tokens(messages), completion=answer)
        self.spent += Spent(calls=1, prompt_tokens=usage.prompt, completion_tokens=usage.completion)
        word = "".join(chr(ord("g") + int(digit, 16)) for digit in f"{seed:08x}")
        self._said.add(word)
        length = max(round(answer * self._density), len(word))
        return Completion((word + " ") * (length // (len(word) + 1) + 1), usage, "stop", 0.0)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return round(sum(len(m.content) / self._density + MESSAGE_TOKENS for m in messages))

    async def close(self) -> None:
        pass


async def plan(
    cells: Sequence[Cell],
    suites: Mapping[str, SuiteTasks],
    prices: Mapping[str, Price],
    speed: float | None = None,
) -> Plan:
    """Return what cells will take.

    Args:
        cells: all of them; a vote that matches another cell's tokens comes with that cell.
        suites: the suites of these cells.
        prices: by model.
        speed: written tokens a second of every model; what was measured before where it is left out.
    """
    known = throughput.known()
    planned: list[CellPlan] = []
    alone, paid = _Bill(), _Bill()
    for name, suite in suites.items():
        of_suite = [cell for cell in cells if cell.suite == name]
        engines = _engines(of_suite, suite, known)
        times = len(suite.samples) / min(REHEARSED, len(suite.samples))
        with Store(None) as store:
            rehearsed = _Rehearsed(suite, Dispatch(engines, store))
            matched_last = sorted(of_suite, key=lambda cell: cell.matched is not None)
            planned += [await rehearsed.cell(cell) for cell in matched_last]
        alone.add(rehearsed.spent, times)
        paid.add({spec: engine.spent for spec, engine in engines.items()}, times)
    order = {cell.id: place for place, cell in enumerate(cells)}
    return Plan(
        cells=tuple(sorted(planned, key=lambda cell: order[cell.cell])),
        alone=alone.by_model(),
        paid=paid.by_model(),
        seconds=paid.seconds(known, speed),
        price=paid.price(prices),
        basis=_basis(cells, suites, known, speed),
    )


def _engines(cells: Sequence[Cell], suite: SuiteTasks, known: Mapping[str, Throughput]) -> dict[ModelSpec, _Rehearsal]:
    engines: dict[ModelSpec, _Rehearsal] = {}
    said: set[str] = set()
    for cell in cells:
        for member in cell.setting.team.distinct:
            of_model = throughput.of(member.spec, known)
            longest = throughput.longest(cell, member, suite.samples[0])
            answers = of_model.answer(cell.suite, longest), of_model.answer(lengths.later(cell.suite), longest)
            engines.setdefault(member.spec, _Rehearsal(member.spec, of_model, answers, said))
    return engines


def _sample(suite: SuiteTasks) -> list[Sample]:
    """Return a few questions whose lengths are spread as those of all are."""
    by_length = np.argsort([len(sample.question.prompt) for sample in suite.samples], kind="stable")
    count = min(REHEARSED, len(by_length))
    return [suite.samples[by_length[int((place + 0.5) / count * len(by_length))]] for place in range(count)]


class _Rehearsed:
    """The rehearsal of a suite's cells, each after those whose tokens it matches."""

    def __init__(self, suite: SuiteTasks, dispatch: Dispatch) -> None:
        self._suite, self._dispatch, self._sample = suite, dispatch, _sample(suite)
        self._tokens: dict[str, Usage] = {}
        self.spent: dict[ModelSpec, Spent] = {}

    async def cell(self, cell: Cell) -> CellPlan:
        """Hold a cell's conversations over the sample."""
        if cell.matched_id is not None:
            spent = CellSpent(self._tokens[cell.matched_id], len(self._sample))
            if cell.setting.protocol.spends:
                cell = cell.with_samples(spent.of_a_question(cell))
            else:
                cell = cell.with_samples(await matching_samples(spent.usage.total, self._ballots(cell)))
        members, total = cell.setting.team.seats, Usage()
        for sample in self._sample:
            held = await stand_ins.converse(cell, self._suite, sample, self._dispatch, rehearsed=True)
            for turn in held.turns:
                spec, usage = members[turn.seat].spec, turn.usage
                total += usage
                one = Spent(calls=1, prompt_tokens=usage.prompt, completion_tokens=usage.completion)
                self.spent[spec] = self.spent.get(spec, Spent()) + one
        self._tokens[cell.id] = total
        questions, protocol = len(self._suite.samples), cell.setting.protocol
        times = questions / len(self._sample)
        return CellPlan(
            cell=cell.id,
            suite=cell.suite,
            label=cell.label,
            team=cell.team,
            questions=questions,
            fewest_calls=protocol.fewest_calls(cell.peers),
            calls=cell.calls,
            prompt_tokens=round(total.prompt * times),
            completion_tokens=round(total.completion * times),
            samples=cell.samples if cell.matched else None,
        )

    def _ballots(self, vote: Cell) -> Callable[[int], Awaitable[np.ndarray]]:
        async def tokens_of(count: int) -> np.ndarray:
            totals = np.zeros(count, dtype=np.int64)
            for sample in self._sample:
                setting = vote.with_samples(count).setting
                held = await setting.converse(sample.question, self._dispatch, sample.sampling)
                totals += [turn.usage.total for turn in held.turns]
            return totals

        return tokens_of


class _Bill:
    """What models have to do, added up over suites."""

    def __init__(self) -> None:
        self._spent: dict[ModelSpec, Spent] = {}

    def add(self, spent: Mapping[ModelSpec, Spent], times: float) -> None:
        """Add what a sample took, for `times` as many questions."""
        for spec, of_model in spent.items():
            whole = Spent(**{field: round(value * times) for field, value in of_model.model_dump().items()})
            self._spent[spec] = self._spent.get(spec, Spent()) + whole

    def by_model(self) -> dict[str, Spent]:
        """Return it by the models' names."""
        by_model: dict[str, Spent] = {}
        for spec, spent in self._spent.items():
            by_model[spec.name] = by_model.get(spec.name, Spent()) + spent
        return by_model

    def seconds(self, known: Mapping[str, Throughput], speed: float | None) -> float | None:
        """Return how long it takes, models working side by side at their speeds; None where one is not known."""
        speeds = {spec: speed or throughput.of(spec, known).tokens_a_second for spec in self._spent}
        if None in speeds.values():
            return None
        return max((spent.completion_tokens / (speeds[spec] or 1) for spec, spent in self._spent.items()), default=0.0)

    def price(self, prices: Mapping[str, Price]) -> float | None:
        """Return what it costs; None where a model has no price."""
        by_model = self.by_model()
        if not by_model or any(model not in prices for model in by_model):
            return None
        return sum(prices[model].of(spent.usage) for model, spent in by_model.items())


def _basis(
    cells: Sequence[Cell], suites: Mapping[str, SuiteTasks], known: Mapping[str, Throughput], speed: float | None
) -> dict[str, str]:
    """Return in words where each model's figures are from."""
    basis = {}
    for cell in cells:
        for member in cell.setting.team.distinct:
            of_model = throughput.of(member.spec, known)
            if speed:
                told = f"{speed:,.6g} tokens/s as given"
            elif of_model.tokens_a_second:
                told = f"{of_model.tokens_a_second:,.6g} tokens/s, measured {of_model.measured}"
            else:
                told = "speed not known: give --speed, or run once"
            longest = throughput.longest(cell, member, suites[cell.suite].samples[0])
            basis[member.name] = f"{told}; answers: {of_model.expected(cell.suite, longest)[1]}"
    return basis
