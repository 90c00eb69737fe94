"""The stage `sft`: supervised fine-tuning of the leader on traces, on what it is to write only.

Prompt and completion are made of the tokens that the engines would show the leader and that it would write, its end
token included. A trace that is too long is left out and counted; none is cut. After an interruption, even `kill -9`,
the stage goes on at its last checkpoint, and ends where it would have ended without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.training import curves, outcome, points, policy, settings
from mlpo_bench.training.libraries import calm, trl, without_printing
from mlpo_bench.training.memory import enough_memory
from mlpo_bench.training.rows import Trace, read_rows


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.training.folder import TrainingFolder, Work
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.policy import Policy
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.untyped import Untyped


def run(folder: TrainingFolder, work: Work, _store_path: Path, observer: TrainingObserver) -> None:
    """Make `sft`: the trained adapter or weights, and `curves.jsonl`.

    Raises:
        UsageError: no trace is short enough, the leader cannot be loaded, packages are missing, or memory ran out.
    """
    recipe = folder.recipe
    with enough_memory(recipe, "sft"):
        last = outcome.prepare(folder.sft, observer, resumed=work.resumed)
        leader = policy.load(recipe, seed=recipe.seed_of("sft"))
        rows, left_out = examples(recipe, leader, read_rows(folder.traces, Trace))
        if left_out:
            observer.say(f"{left_out} traces are longer than sft.max_length ({recipe.sft.max_length}) and left out.")
        figures = curves.Curves(folder.sft / points.FILE, observer)
        trainer = _trainer(recipe, leader, rows, folder, figures)
        with calm():
            trainer.train(resume_from_checkpoint=str(last) if last else None)
    outcome.finish(trainer, leader, folder.sft)
    tokens = sum(len(row["input_ids"]) for row in rows) * recipe.sft.epochs
    work.spent.update(outcome.spent([{"trained": tokens}], leader.weights))
    work.facts.update({"traces": len(rows), "left_out": left_out, "steps": trainer.state.global_step})


def examples(recipe: Recipe, leader: Policy, traces: list[Trace]) -> tuple[list[dict[str, Any]], int]:
    """Return the traces as tokens, with a mask that is 1 on the completion, and how many were too long.

    Raises:
        UsageError: all of them are.
    """
    longest = min(recipe.sft.max_length, leader.context)
    rows = []
    for trace in traces:
        prompt = leader.prompt_ids(trace.messages)
        completion = leader.completion_ids(trace.messages, trace.completion)
        if len(prompt) + len(completion) <= longest:
            mask = [0] * len(prompt) + [1] * len(completion)
            rows.append({"input_ids": prompt + completion, "completion_mask": mask})
    if not rows:
        raise UsageError(f"none of the {len(traces)} traces fits in {longest} tokens; raise sft.max_length.")
    return rows, len(traces) - len(rows)


def _trainer(
    recipe: Recipe, leader: Policy, rows: list[dict[str, Any]], folder: TrainingFolder, figures: curves.Curves
) -> Untyped:
    from datasets import Dataset
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    with calm():
        return without_printing(
            trl().SFTTrainer(
                model=leader.model,
                args=settings.for_sft(recipe, folder.sft, len(rows)),
                train_dataset=Dataset.from_list(rows),
                processing_class=leader.tokenizer,
                callbacks=[figures],
            )
        )
