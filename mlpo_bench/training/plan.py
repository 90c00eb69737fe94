"""What a training will take, before anything is started: questions, calls, tokens, memory and time, stage by stage.

Questions are counted exactly, for they are loaded. What a stage that is not done yet will hand on is not known, so the
stages after it are reckoned at most: as if the filter kept every question, and every prompt gave a trace. Lengths of
answers and speeds are those measured on this machine before, where there are any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from mlpo_bench.chat import Usage
from mlpo_bench.engines import processor
from mlpo_bench.protocols.room import seated
from mlpo_bench.runs import lengths, throughput
from mlpo_bench.runs.rehearsal import MESSAGE_TOKENS
from mlpo_bench.training import speed
from mlpo_bench.training.asking import drawn
from mlpo_bench.training.posing import posed
from mlpo_bench.training.prompts import make_prompt
from mlpo_bench.training.rows import Prompt, Trace, read_rows
from mlpo_bench.training.sampling import leading
from mlpo_bench.training.sizes import Load, memory, operations, shape


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mlpo_bench.teams import Member, ModelSpec
    from mlpo_bench.training.folder import State, TrainingFolder
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.posing import Posed
    from mlpo_bench.training.recipe import Stage
    from mlpo_bench.training.rows import Opening
    from mlpo_bench.training.sizes import Shape


class StagePlan(BaseModel):
    """What one stage will take.

    `calls` are completions of engines, with the tokens that they read and write; `trained_tokens` go through the model
    forward and back. Memory is what training holds on one device, in bytes. None is not known, or nothing. `at_most`
    says that an earlier stage, which is not done, may hand on less.
    """

    stage: str
    state: str
    items: int
    what: str
    at_most: bool = False
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    trained_tokens: int = 0
    memory: float | None = None
    seconds: float | None = None


class TrainingPlan(BaseModel):
    """What a training will take; `questions` by suite, `basis` says in words what the figures rest on."""

    name: str
    method: str
    questions: dict[str, int]
    stages: tuple[StagePlan, ...]
    basis: tuple[str, ...]

    @property
    def seconds(self) -> float | None:
        """How long the stages that are left take; None where that of one is not known."""
        left = [stage.seconds for stage in self.stages if stage.state != "done"]
        return None if None in left else sum(filter(None, left))


def plan(folder: TrainingFolder, observer: TrainingObserver, given_speed: float | None = None) -> TrainingPlan:
    """Return what a training will take; the folder need not exist. Starts no model.

    Args:
        folder: with the recipe.
        observer: is told where questions come from.
        given_speed: tokens a second that every engine writes; what was measured before where it is left out.

    Raises:
        UsageError: no question, or one that is tested.
    """
    reckoner = _Reckoner(folder, posed(folder.recipe, observer), given_speed)
    counts: dict[str, int] = {}
    for one in reckoner.train:
        counts[one.question.suite] = counts.get(one.question.suite, 0) + 1
    recipe = folder.recipe
    return TrainingPlan(
        name=recipe.name,
        method=recipe.method,
        questions=counts,
        stages=tuple(reckoner.stage(stage) for stage in recipe.stages),
        basis=tuple(reckoner.basis()),
    )


class _Lengths:
    """How long texts of one model are expected to be."""

    def __init__(self, spec: ModelSpec, given_speed: float | None) -> None:
        self.throughput = throughput.of(spec, throughput.known())
        self.speed = given_speed or self.throughput.tokens_a_second

    def tokens(self, characters: float, messages: int = 1) -> int:
        return round(characters / self.throughput.characters_a_token + messages * MESSAGE_TOKENS)

    def text(self, tokens: float) -> str:
        return "x" * round(tokens * self.throughput.characters_a_token)


class _Reckoner:
    """Reckons the stages of one training."""

    def __init__(self, folder: TrainingFolder, train: Sequence[Posed], given_speed: float | None) -> None:
        self.folder, self.recipe, self.train = folder, folder.recipe, train
        self._given = given_speed
        self._states: dict[Stage, State] = {stage: folder.state(stage) for stage in self.recipe.stages}
        self._lengths = {m.spec: _Lengths(m.spec, given_speed) for m in self.recipe.team.members}
        self._shape: Shape | None = shape(self.recipe.leader.spec)
        self._precision: Literal["bfloat16", "float32"] = (
            "float32"
            if self.recipe.precision == "float32" or (self.recipe.precision == "auto" and not processor.accelerated())
            else "bfloat16"
        )
        self.prompts = self._prompts()
        """The leader's prompts, or as long as they are not made, one for each question."""
        filtered = self._states["filter"] == "done"
        self.count, self.bound = len(self.prompts) * (1 if filtered else self.recipe.variants), not filtered

    def stage(self, stage: Stage) -> StagePlan:
        """Return what a stage will take."""
        reckon: dict[Stage, Callable[[], StagePlan]] = {
            "rollouts": self._rollouts,
            "filter": self._filter,
            "traces": self._traces,
            "sft": self._sft,
            "mlpo": self._mlpo,
            "export": lambda: StagePlan(stage="export", state="", items=1, what="leader", seconds=0.0),
        }
        return reckon[stage]().model_copy(update={"state": self._states[stage]})

    def basis(self) -> Iterable[str]:
        """Yield in words what the figures rest on."""
        for spec, of_model in self._lengths.items():
            if self._given:
                told = f"{self._given:,.6g} tokens/s as given"
            elif of_model.speed:
                told = f"{of_model.speed:,.6g} tokens/s, measured {of_model.throughput.measured}"
            else:
                told = "speed not known: give --speed, or do the stage rollouts once"
            yield f"{spec.name}: {told}"
        model = self.recipe.leader.model
        if not self.recipe.leader.needs_weights:
            yield f"{model} has no weights on this machine: it can be asked, and not trained"
        elif self._shape is None:
            yield f"{model} is not on this machine, and its name tells no size: no memory, no time of training"
        elif not self._shape.known:
            yield f"{model} is not on this machine: its size is taken from its name, and its memory is rough"
        yield f"training: {speed.basis()}, {self._precision}"

    def _rollouts(self) -> StagePlan:
        recipe, samples = self.recipe, self.recipe.rollouts.samples
        calls, read = 0, 0
        written: dict[ModelSpec, float] = {}
        for seat in seated(recipe.team)[1:]:
            spec, lengths = seat.member.spec, self._lengths[seat.member.spec]
            for one in self.train:
                calls += samples
                read += samples * lengths.tokens(len(one.question.prompt))
                written[spec] = written.get(spec, 0.0) + samples * self._answer(seat.member, one)
        return StagePlan(
            stage="rollouts",
            state="",
            items=len(self.train),
            what="questions",
            calls=calls,
            prompt_tokens=read,
            completion_tokens=round(sum(written.values())),
            seconds=self._writing(written),
        )

    def _filter(self) -> StagePlan:
        draws = max((rule.draws for rule in self.recipe.filter if rule.rule == "leader"), default=0)
        return self._sampled("filter", draws)

    def _traces(self) -> StagePlan:
        stage = self._sampled("traces", self.recipe.traces.samples)
        if self.recipe.traces.writer == "model" and stage.items:
            each = self._completion()
            prompt = stage.prompt_tokens // max(stage.calls, 1)
            stage.calls += stage.items
            stage.prompt_tokens += round(stage.items * (prompt + 2 * each))
            stage.completion_tokens += round(stage.items * each)
            seconds = self._writing({self.recipe.leader.spec: stage.completion_tokens})
            return stage.model_copy(update={"seconds": seconds})
        return stage

    def _sampled(self, stage: Stage, draws: int) -> StagePlan:
        """Return what it takes to have the leader answer every prompt so many times."""
        calls = draws * self.count
        completion = round(calls * self._completion())
        return StagePlan(
            stage=stage,
            state="",
            items=self.count,
            what="prompts",
            at_most=self.bound,
            calls=calls,
            prompt_tokens=round(calls * self._prompt_tokens()),
            completion_tokens=completion,
            seconds=self._writing({self.recipe.leader.spec: completion}),
        )

    def _sft(self) -> StagePlan:
        sft, lengths = self.recipe.sft, self._lengths[self.recipe.leader.spec]
        if self._states.get("traces") == "done":
            traces = read_rows(self.folder.traces, Trace)
            count, bound = len(traces), False
            completion = sum(lengths.tokens(len(trace.completion)) for trace in traces) / count
        else:
            count, bound = self.count, True
            completion = 2 * self._completion()
        length = min(round(self._prompt_tokens() + completion), sft.max_length)
        load = Load(sft.micro_batch, length, min(round(completion), length), sft.gradient_checkpointing)
        tokens = round(sft.epochs * count * length)
        stage = self._trained("sft", count, "traces", tokens, load)
        return stage.model_copy(update={"at_most": bound})

    def _mlpo(self) -> StagePlan:
        """Return what reinforcement takes; with `once`, completions that go through together share their prompt."""
        mlpo = self.recipe.mlpo
        prompt, completion = self._prompt_tokens(), min(self._completion(), mlpo.max_tokens)
        together = min(mlpo.micro_batch, mlpo.generations)
        if mlpo.once:
            readings = -(-mlpo.generations // together)
            rows, length, learnt = 1, prompt + together * completion, together * completion
        else:
            readings, rows, length, learnt = mlpo.generations, mlpo.micro_batch, prompt + completion, completion
        load = Load(rows, round(length), round(learnt), mlpo.gradient_checkpointing, reference=mlpo.beta > 0)
        completions = mlpo.prompts_per_step * mlpo.generations
        read = (mlpo.prompts_per_step if mlpo.once else completions) * prompt
        written = completions * completion
        trained = (mlpo.prompts_per_step * readings * prompt + written) * mlpo.iterations
        steps = self._steps(read + written + trained)
        stage = self._trained("mlpo", steps, "steps", round(steps * trained), load, round(steps * written))
        took = {"prompt_tokens": round(steps * read), "completion_tokens": round(steps * written)}
        return stage.model_copy(update={"calls": steps * completions, **took})

    def _steps(self, each: float) -> int:
        """Return how many steps of so many tokens are taken: those of the recipe, or as many as its tokens allow."""
        mlpo = self.recipe.mlpo
        return mlpo.steps if mlpo.tokens is None else min(max(-(-mlpo.tokens // round(each)), 1), mlpo.steps)

    def _trained(self, stage: Stage, items: int, what: str, tokens: int, load: Load, written: int = 0) -> StagePlan:
        model, rate = self._shape, speed.known(stage)
        held = memory(model, self.recipe, load, self._precision) if model else None
        seconds = operations(model, tokens, written) / rate if model and rate else None
        return StagePlan(
            stage=stage, state="", items=items, what=what, trained_tokens=tokens, memory=held, seconds=seconds
        )

    def _answer(self, member: Member, one: Posed) -> float:
        longest = drawn(member, one.sampling, self.recipe.rollouts).max_tokens
        return min(self._lengths[member.spec].throughput.answer(one.question.suite, longest), longest)

    def _prompts(self) -> list[Prompt]:
        """Return the leader's prompts: those there are, or one of each question, of the length that is expected."""
        if self._states["filter"] == "done":
            return read_rows(self.folder.prompts, Prompt)
        recipe, peers = self.recipe, seated(self.recipe.team)[1:]
        attempts = recipe.prompts.attempts or len(peers)
        shown = 0 if recipe.shows == "alone" else round(sum(attempts) / 2) if isinstance(attempts, tuple) else attempts
        seats = [peers[place % len(peers)] for place in range(max(shown, 1))]
        prompts = []
        for one in self.train:
            openings = [self._opening(one, seat.member, seat.name) for seat in seats]
            prompts.append(make_prompt(recipe, openings[0], openings[:shown], 0))
        return prompts

    def _opening(self, one: Posed, member: Member, seat: str) -> Opening:
        text = self._lengths[member.spec].text(self._answer(member, one))
        return one.opening(seat, text, Usage(), variant=0, answer=None, right=False, cut_off=False)

    def _prompt_tokens(self) -> float:
        """Return the mean length of a leader's prompt."""
        lengths = self._lengths[self.recipe.leader.spec]
        every = [lengths.tokens(sum(len(m["content"]) for m in p.messages), len(p.messages)) for p in self.prompts]
        return sum(every) / max(len(every), 1)

    def _completion(self) -> float:
        """Return the mean length of a leader's completion."""
        leader = self.recipe.leader
        known = self._lengths[leader.spec].throughput
        total = 0.0
        for prompt in self.prompts:
            longest = drawn(leader, prompt.sampling, self.recipe.traces).max_tokens
            led = leading(prompt.suite)
            measured = lengths.key(led, longest) in known.answer_tokens
            total += known.answer(led if measured else lengths.later(prompt.suite), longest)
        return total / max(len(self.prompts), 1)

    def _writing(self, tokens: dict[ModelSpec, float] | dict[ModelSpec, int]) -> float | None:
        """Return how long engines take to write, side by side; None where the speed of one is not known."""
        each = [(count, self._lengths[spec].speed) for spec, count in tokens.items() if count]
        if any(not rate for _, rate in each):
            return None
        return max((count / rate for count, rate in each if rate), default=0.0)
