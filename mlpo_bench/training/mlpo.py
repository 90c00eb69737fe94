"""The stage `mlpo`: reinforcement of the leader by the benchmark's own judge, over groups of its own completions.

The leader starts as its model is, or as the stage `sft` left it. After an interruption, even `kill -9`, the stage goes
on at its last checkpoint, and ends where it would have ended without.

With `contexts: rounds` the training goes in legs. Before each, conversations are held with the leader as it is by
then, and the leg trains on what it read in their later rounds and on prompts of the first round, each round as often
as the others: `contexts-N.parquet` keeps them, and `contexts-N.json` what the conversations took, and how many were
left out, as they did not fit a model's context.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.log.files import write_json
from mlpo_bench.protocols.seeding import shuffler
from mlpo_bench.training import checkpoints, curves, later, outcome, points, policy, processes, settings
from mlpo_bench.training.groups import grouped
from mlpo_bench.training.libraries import calm, without_printing
from mlpo_bench.training.memory import enough_memory
from mlpo_bench.training.rows import Prompt, read_rows, write_rows


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mlpo_bench.teams import Member
    from mlpo_bench.training.folder import TrainingFolder, Work
    from mlpo_bench.training.leader_trainer import LeaderTrainer
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.policy import Policy
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.untyped import Untyped

CONTEXTS = "contexts-{}.{}"


@dataclass(frozen=True, slots=True)
class Leg:
    """Steps of a training that have their prompts in common: those from `first` on, before `end`."""

    number: int
    first: int
    end: int


def run(folder: TrainingFolder, work: Work, store_path: Path, observer: TrainingObserver) -> None:
    """Make `mlpo`: the trained adapter or weights, and `curves.jsonl`.

    Raises:
        UsageError: the prompts do not fit the leader or a step, the leader cannot be loaded, packages are missing, or
            memory ran out.
        EngineError: the processes that compare mathematical expressions cannot be started, or an engine failed.
        Stopped: a person wants an end, while conversations are held.
    """
    recipe = folder.recipe
    with enough_memory(recipe, "mlpo"):
        last = outcome.prepare(folder.mlpo, observer, resumed=work.resumed)
        recipe = _bounded(recipe, last)
        figures = curves.Curves(folder.mlpo / points.FILE, observer)
        for leg in legs(recipe, outcome.steps_in(last) // recipe.mlpo.iterations):
            prompts = _prompts(folder, leg, last, store_path, observer)
            leader = policy.load(recipe, _start(folder), recipe.seed_of("mlpo"))
            check_context(recipe, leader, prompts)
            trainer = make_trainer(recipe, leader, prompts, folder.mlpo, [figures], leg)
            if recipe.mlpo.once and not trainer.task.once:
                why = "its weights are sharded" if processes.sharded() else "its attention has a window or a cap"
                observer.say(f"{leader.base.name} reads a prompt for each completion, not once: {why}.")
            with calm():
                trainer.train(resume_from_checkpoint=str(last) if last else None)
            last = outcome.latest(folder.mlpo)
            if _bounded(recipe, last) != recipe:
                break
    outcome.finish(trainer, leader, folder.mlpo)
    work.spent.update(outcome.spent(figures.points, leader.weights))
    work.spent.update(_conversations(folder.mlpo))
    work.facts.update({"prompts": len(prompts), "groups": len(trainer.task.groups.members)})


def legs(recipe: Recipe, done: int = 0) -> Iterator[Leg]:
    """Yield the legs of a training of which so many steps are done, the one under way first.

    Of a training that is done, the last one is yielded all the same: nothing is left of it but to save the leader.
    """
    chosen = recipe.mlpo
    length = chosen.refresh_every if chosen.contexts == "rounds" else chosen.steps
    for number, first in enumerate(range(0, chosen.steps, length)):
        end = min(first + length, chosen.steps)
        if end > done or end == chosen.steps:
            yield Leg(number, first, end)


def _bounded(recipe: Recipe, checkpoint: Path | None) -> Recipe:
    """Return the recipe with the steps that were taken, where a checkpoint has all the tokens that it may take."""
    if recipe.mlpo.tokens is None or checkpoint is None:
        return recipe
    from mlpo_bench.training.leader_trainer import tokens_of

    if tokens_of(json.loads((checkpoint / checkpoints.STATE).read_text(encoding="utf-8"))) < recipe.mlpo.tokens:
        return recipe
    steps = checkpoints.step(checkpoint) // recipe.mlpo.iterations
    return recipe.model_copy(update={"mlpo": recipe.mlpo.model_copy(update={"steps": steps})})


def _start(folder: TrainingFolder) -> Path | None:
    return folder.sft if "sft" in folder.recipe.trains else None


def _prompts(
    folder: TrainingFolder, leg: Leg, checkpoint: Path | None, store_path: Path, observer: TrainingObserver
) -> list[Prompt]:
    """Return what a leg trains on."""
    openings = read_rows(folder.prompts, Prompt)
    if folder.recipe.mlpo.contexts == "openings":
        return openings
    kept = folder.mlpo / CONTEXTS.format(leg.number, "parquet")
    if processes.first() and not kept.exists():
        member = _member(folder.recipe, checkpoint or _start(folder))
        observer.say(f"Conversations with the leader after {leg.first} steps")
        wanted = _wanted(folder.recipe, leg)
        held = later.make(folder, member, leg.number, wanted, store_path, observer)
        took = {"calls": held.calls, "left_out": held.left_out, **asdict(held.usage)}
        write_json(folder.mlpo / CONTEXTS.format(leg.number, "json"), took)
        write_rows(kept, Prompt, [*_first_rounds(folder.recipe, openings, held.prompts, leg), *held.prompts])
    processes.agreed(kept)
    return read_rows(kept, Prompt)


def _conversations(folder: Path) -> dict[str, float]:
    """Return the calls and tokens of all conversations that were held."""
    held = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob(CONTEXTS.format("*", "json")))]
    calls = {"calls": sum(one["calls"] for one in held)}
    read = {"prompt_tokens": sum(one["prompt"] + one["cached"] for one in held)}
    return calls | read | {"completion_tokens": sum(one["completion"] for one in held)} if held else {}


def _wanted(recipe: Recipe, leg: Leg) -> int:
    """Return how many prompts of later rounds a leg can use, if each round is met as often as the others."""
    met = (leg.end - leg.first) * recipe.mlpo.prompts_per_step
    return max(met * (recipe.mlpo.rounds - 1) // recipe.mlpo.rounds, 1)


def _first_rounds(recipe: Recipe, openings: list[Prompt], made: list[Prompt], leg: Leg) -> list[Prompt]:
    """Return prompts of the first round, in as many groups as there are of each later round."""
    count = -(-len(made) // (recipe.mlpo.rounds - 1)) or len(openings)
    members = list(grouped(openings, recipe.mlpo.group, recipe.mlpo.generations).members)
    shuffler(recipe.seed_of("mlpo"), "first rounds", leg.number).shuffle(members)
    return [openings[place] for group in members[:count] for place in group]


def _member(recipe: Recipe, trained: Path | None) -> Member:
    """Return the leader as a member of a team, as a stage or a checkpoint left it in a folder."""
    if trained is None:
        return recipe.leader
    changes = {"model": str(trained), "adapter": None, "revision": None}
    if recipe.adapter is not None:
        changes = {"adapter": str(trained)}
    return recipe.leader.model_copy(update=changes)


def make_trainer(
    recipe: Recipe, leader: Policy, prompts: Sequence[Prompt], folder: Path, callbacks: Sequence[Untyped], leg: Leg
) -> LeaderTrainer:
    """Return the trainer of a leader on a leg's prompts; it writes its checkpoints to a folder.

    Raises:
        UsageError: the prompts do not make steps as the recipe says.
    """
    from mlpo_bench.training import shared_prompt
    from mlpo_bench.training.leader_trainer import LeaderTrainer, StopAfter, Task

    chosen = recipe.mlpo
    groups = grouped(prompts, chosen.group, chosen.generations)
    args = settings.for_mlpo(recipe, folder, groups)
    if args.use_vllm and leader.chats.turn_end is not None:  # vLLM knows the ends that the model's files name
        args.generation_kwargs = {"stop_token_ids": [leader.chats.turn_end]}
    once = chosen.once and not processes.sharded() and shared_prompt.supports(leader.inner)
    task = Task(
        prompts=prompts,
        groups=groups,
        per_step=settings.groups_per_step(recipe, groups),
        steps=chosen.steps,
        first=leg.first,
        form=chosen.form_reward,
        kl_every=chosen.kl_every,
        once=once,
        writes_once=once and not args.use_vllm,
    )
    with calm():
        trainer = LeaderTrainer(leader, task, args, [*callbacks, StopAfter(leg.end * chosen.iterations, chosen.tokens)])
    return without_printing(trainer)


def check_context(recipe: Recipe, leader: Policy, prompts: Sequence[Prompt]) -> None:
    """Compare the longest prompt, and what may be written to it, with the leader's context: nothing is ever cut.

    Raises:
        UsageError: it does not fit.
    """
    longest = max((len(leader.prompt_ids(prompt.messages)) for prompt in prompts), default=0)
    if longest + recipe.mlpo.max_tokens > leader.context:
        raise UsageError(
            f"{leader.base.name} holds {leader.context} tokens, but a prompt has {longest} and its answer may take "
            f"{recipe.mlpo.max_tokens}. Lower mlpo.max_tokens, rollouts.max_tokens or prompts.attempts."
        )
