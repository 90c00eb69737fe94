"""From a recipe to TRL's settings: all that decides a training is written out, and none left to a default of TRL's."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.training import processes
from mlpo_bench.training.libraries import calm, trl
from mlpo_bench.training.policy import precision, uses_vllm


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.training.groups import Groups
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.sections import Optimising
    from mlpo_bench.training.untyped import Untyped

PROJECT = "mlpo-bench"
"""What trackers file trainings under."""
_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


def for_sft(recipe: Recipe, folder: Path, traces: int) -> Untyped:
    """Return the settings of supervised training on so many traces.

    Raises:
        UsageError: a batch cannot be divided as the recipe says.
    """
    chosen = recipe.sft
    micro, turns = _division("sft", min(chosen.batch, traces), chosen.micro_batch, divisor=1)
    steps = -(-traces // (micro * turns * processes.count()))
    with calm():
        return trl().SFTConfig(
            **_common(recipe, chosen, folder, steps=max(round(steps * chosen.epochs), 1)),
            num_train_epochs=chosen.epochs,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=turns,
            save_steps=chosen.save_every,
            completion_only_loss=True,
            max_length=None,
            packing=False,
            loss_type="nll",
        )


def for_mlpo(recipe: Recipe, folder: Path, groups: Groups) -> Untyped:
    """Return the settings of reinforcement on groups.

    Raises:
        UsageError: a step cannot be divided as the recipe says.
    """
    chosen = recipe.mlpo
    rows = groups_per_step(recipe, groups) * groups.completions
    micro, turns = _division("mlpo", rows, chosen.micro_batch, divisor=groups.completions)
    steps = chosen.steps * chosen.iterations
    with calm():
        return trl().GRPOConfig(
            **_common(recipe, chosen, folder, steps=steps),
            **_vllm(recipe),
            max_steps=steps,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=turns,
            steps_per_generation=turns,
            num_iterations=chosen.iterations,
            save_steps=chosen.save_every * chosen.iterations,
            num_generations=groups.completions,
            max_completion_length=chosen.max_tokens,
            temperature=chosen.temperature,
            top_p=chosen.top_p,
            top_k=0,
            min_p=None,
            repetition_penalty=1.0,
            beta=chosen.beta,
            use_bias_correction_kl=True,
            epsilon=chosen.epsilon,
            epsilon_high=chosen.epsilon_high,
            delta=None,
            loss_type=chosen.loss_type,
            scale_rewards=chosen.scale_rewards,
            multi_objective_aggregation="sum_then_normalize",
            importance_sampling_level="token",
            mask_truncated_completions=chosen.mask_cut_off,
            off_policy_mask_threshold=None,
            top_entropy_quantile=1.0,
            entropy_coef=0.0,
            disable_dropout=False,
            log_completions=False,
        )


def groups_per_step(recipe: Recipe, groups: Groups) -> int:
    """Return how many groups the recipe's prompts for a step make.

    Raises:
        UsageError: they make no whole number of groups.
    """
    chosen = recipe.mlpo
    size = groups.completions // chosen.generations
    if chosen.prompts_per_step % size:
        nearest = max(round(chosen.prompts_per_step / size), 1) * size
        raise UsageError(
            f"a question's group has {size} prompts, so mlpo.prompts_per_step must be a multiple of {size}, such as "
            f"{nearest}; it is {chosen.prompts_per_step}."
        )
    return chosen.prompts_per_step // size


def _common(recipe: Recipe, chosen: Optimising, folder: Path, *, steps: int) -> dict[str, Any]:
    import torch

    on_cpu = not torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "run_name": recipe.name,
        "seed": recipe.seed if chosen.seed is None else chosen.seed,
        "use_cpu": on_cpu,
        "bf16": precision(recipe) == "bfloat16",
        "fp16": False,
        "optim": "adamw_torch",
        "learning_rate": chosen.learning_rate,
        "lr_scheduler_type": _SCHEDULES[chosen.schedule],
        "warmup_steps": round(chosen.warmup * steps),
        "weight_decay": chosen.weight_decay,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_epsilon": 1e-8,
        "max_grad_norm": chosen.max_grad_norm,
        "gradient_checkpointing": chosen.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "ddp_find_unused_parameters": False,
        "ddp_timeout": int(processes.PATIENCE.total_seconds()),
        "dataloader_pin_memory": not on_cpu,
        "save_strategy": "steps",
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": _trackers(recipe) or "none",
        "project": PROJECT,
        "disable_tqdm": True,
        "push_to_hub": False,
        "trust_remote_code": recipe.leader.trust_remote_code,
    }


def check_trackers(recipe: Recipe) -> None:
    """Check that the trackers which curves go to as well are installed.

    Raises:
        UsageError: one is not.
    """
    for name in recipe.trackers:
        if find_spec(name) is None:
            raise UsageError(f"the tracker {name} is not installed: pip install {name}")


def _trackers(recipe: Recipe) -> list[str]:
    check_trackers(recipe)
    os.environ.setdefault("WANDB_PROJECT", PROJECT)
    return list(recipe.trackers)


def check_gpu(recipe: Recipe, *, there: bool) -> None:
    """Check that vLLM can write completions where the recipe wants it to.

    Raises:
        UsageError: it wants it, and no GPU is there.
    """
    if recipe.mlpo.generation.startswith("vllm") and not there:
        raise UsageError(f"mlpo.generation: {recipe.mlpo.generation} needs a GPU; on a CPU take `auto`.")


def _vllm(recipe: Recipe) -> dict[str, Any]:
    """Return TRL's settings of vLLM, which writes completions on GPUs only."""
    chosen = recipe.mlpo
    if not uses_vllm(recipe):
        return {"use_vllm": False}
    import torch

    check_gpu(recipe, there=torch.cuda.is_available())
    if chosen.generation == "vllm-server":
        return {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": chosen.vllm_server}
    return {"use_vllm": True, "vllm_mode": "colocate", "vllm_gpu_memory_utilization": chosen.vllm_memory}


def _division(stage: str, rows: int, micro_batch: int, *, divisor: int) -> tuple[int, int]:
    """Divide the rows of a step: how many go through a process's model at once, and how often.

    Raises:
        UsageError: the processes cannot share the rows evenly.
    """
    several = processes.count()
    if rows % several:
        raise UsageError(f"{several} processes cannot share the {rows} rows of a step of {stage} evenly.")
    share = rows // several
    whole = divisor if divisor > 1 else share
    micro = next(n for n in range(min(micro_batch, whole), 0, -1) if whole % n == 0 and share % n == 0)
    return micro, share // micro
