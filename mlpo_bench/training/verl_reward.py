"""The reward of a leader that verl reinforces: the benchmark's own judge, as everywhere (`rewards`).

verl loads this module in its own processes (`reward.custom_reward_function.path`), so it imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Sampling
from mlpo_bench.training.rewards import earned
from mlpo_bench.training.rows import Prompt


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.training.recipe import Recipe


def row(recipe: Recipe, prompt: Prompt, index: int, opened: str = "") -> dict[str, Any]:
    """Return a prompt as verl's Parquet files have it: a chat, the gold answer, and what the judge reads beside it.

    `opened` is what the leader's chat template opens of the completion, which the judge reads in front of it.
    """
    judged_by = {
        "index": index,
        "prompt_id": prompt.prompt_id,
        "question_id": prompt.question_id,
        "subject": prompt.subject,
        "answer_format": prompt.answer_format,
        "kind": prompt.kind,
        "question": prompt.question,
        "attempts_right": list(prompt.attempts_right),
        "form_reward": recipe.mlpo.form_reward,
        "opened": opened,
    }
    return {
        "data_source": prompt.suite,
        "prompt": list(prompt.messages),
        "reward_model": {"style": "rule", "ground_truth": prompt.gold},
        "extra_info": judged_by,
    }


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any], **_: object
) -> dict[str, float]:
    """Return what a completion earns, by the names and parameters of verl's reward functions.

    verl does not tell whether a completion was cut off: it is judged as one that ended.

    Args:
        data_source: the suite.
        solution_str: the completion.
        ground_truth: the gold answer.
        extra_info: of the prompt's row.

    Returns:
        `score`, which verl reinforces, and `right` and `formed`, which it logs: each 0 or 1.
    """
    prompt = Prompt(
        prompt_id=extra_info["prompt_id"],
        question_id=extra_info["question_id"],
        suite=data_source,
        subject=extra_info["subject"],
        answer_format=extra_info["answer_format"],
        gold=ground_truth,
        kind=extra_info["kind"],
        messages=(),
        round=0,
        variant=0,
        order=(),
        attempts_right=tuple(extra_info["attempts_right"]),
        sampling=Sampling(),
        question=extra_info["question"],
    )
    (one,) = earned([prompt], [extra_info.get("opened", "") + solution_str], [False])
    return {"score": one.right + extra_info["form_reward"] * one.formed, "right": one.right, "formed": one.formed}
