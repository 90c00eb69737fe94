"""The stage `mlpo`: reinforcement of the leader by the benchmark's own judge, over groups of its own completions.

The leader starts as its model is, or as the stage `sft` left it. After an interruption, even `kill -9`, the stage goes
on at its last checkpoint, and ends where it would have ended without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import BadInput
from mlpo_bench.training import curves, outcome, points, policy, settings
from mlpo_bench.training.groups import grouped
from mlpo_bench.training.libraries import calm, without_printing
from mlpo_bench.training.memory import enough_memory
from mlpo_bench.training.rows import Prompt, read_rows


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.training.folder import TrainingFolder, Work
    from mlpo_bench.training.leader_trainer import LeaderTrainer
    from mlpo_bench.training.policy import Policy
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.watcher import Watcher


def run(folder: TrainingFolder, work: Work, watcher: Watcher) -> None:
    """Make `mlpo`: the trained adapter or weights, and `curves.jsonl`.

    Raises:
        BadInput: the prompts do not fit the leader or a step, the leader cannot be loaded, packages are missing, or
            memory ran out.
        EngineFault: the processes that compare mathematical expressions cannot be started.
    """
    recipe = folder.recipe
    prompts = read_rows(folder.prompts, Prompt)
    start = folder.sft if "sft" in recipe.trains else None
    with enough_memory(recipe, "mlpo"):
        last = outcome.prepare(folder.mlpo, resumed=work.resumed)
        leader = policy.load(recipe, start)
        check_fit(recipe, leader, prompts)
        figures = curves.Curves(folder.mlpo / points.FILE, watcher)
        trainer = make_trainer(recipe, leader, prompts, folder.mlpo, [figures])
        if recipe.mlpo.once and not trainer.task.once:
            watcher.say(f"{leader.base.name} reads each prompt once for each completion: its attention has a window.")
        with calm():
            trainer.train(resume_from_checkpoint=str(last) if last else None)
    outcome.finish(trainer, leader, folder.mlpo)
    work.spent.update(outcome.spent(figures.points, leader.weights))
    work.facts.update({"prompts": len(prompts), "groups": len(trainer.task.groups.members)})


def make_trainer(
    recipe: Recipe,
    leader: Policy,
    prompts: Sequence[Prompt],
    folder: Path,
    callbacks: Sequence[Any],
) -> LeaderTrainer:
    """Return the trainer of a leader on prompts; it writes its checkpoints to a folder.

    Raises:
        BadInput: the prompts do not make steps as the recipe says.
    """
    from mlpo_bench.training import shared_prompt
    from mlpo_bench.training.leader_trainer import LeaderTrainer, Task

    chosen = recipe.mlpo
    groups = grouped(prompts, chosen.group, chosen.generations)
    args = settings.for_mlpo(recipe, folder, groups)
    once = chosen.once and shared_prompt.supports(leader.inner)
    task = Task(
        prompts=prompts,
        groups=groups,
        per_step=settings.groups_per_step(recipe, groups),
        steps=chosen.steps,
        form=chosen.form_reward,
        once=once,
        writes_once=once and not args.use_vllm,
    )
    with calm():
        return without_printing(LeaderTrainer(leader, task, args, callbacks))


def check_fit(recipe: Recipe, leader: Policy, prompts: Sequence[Prompt]) -> None:
    """Compare the longest prompt, and what may be written to it, with the leader's context: nothing is ever cut.

    Raises:
        BadInput: it does not fit.
    """
    longest = max((len(leader.prompt_ids(prompt.messages)) for prompt in prompts), default=0)
    if longest + recipe.mlpo.max_tokens > leader.context:
        raise BadInput(
            f"{leader.base.name} holds {leader.context} tokens, but a prompt has {longest} and its answer may take "
            f"{recipe.mlpo.max_tokens}. Lower mlpo.max_tokens, rollouts.max_tokens or prompts.attempts."
        )
