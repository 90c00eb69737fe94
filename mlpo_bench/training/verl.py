"""A training handed over to verl, which reinforces on many machines: its rows, its settings, its command.

The data stages, and `sft` where the method has it, are done here; the folder that comes out holds `train.parquet`, with
the judge's knowledge in each row (`verl_reward`), and `train.sh`, the command with every setting that the recipe
decides. Settings are verl 0.9's; nothing of verl is imported.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_bench import atomic
from mlpo_bench.engines import models
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.errors import UsageError
from mlpo_bench.log import outputs
from mlpo_bench.protocols.base import counted
from mlpo_bench.training import verl_reward
from mlpo_bench.training.policy import as_messages
from mlpo_bench.training.rows import Prompt, read_rows


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.training.folder import TrainingFolder
    from mlpo_bench.training.recipe import Recipe, Stage

ROWS, COMMAND = "train.parquet", "train.sh"
Settings = dict[str, Any]

_LOSSES = {"grpo": "seq-mean-token-mean", "dr_grpo": "seq-mean-token-sum-norm", "dapo": "token-mean"}
"""What verl calls TRL's ways of adding up a loss; it has none that divides within a micro-batch (`bnpo`)."""
_HEAD = """\
#!/usr/bin/env bash
# Reinforces the leader {name} with verl 0.9 on {machines}. Every machine sees this folder and the
# leader's, and has `mlpo-bench` beside verl, whose processes judge with it. Not run on GPUs: the settings were held
# against verl's own configuration only. Settings that are given behind this command win over those in it.
set -euo pipefail
exec python3 -m verl.trainer.main_ppo \\
"""


def hand_over(folder: TrainingFolder, into: Path, *, nodes: int, gpus: int) -> int:
    """Write what verl needs, for machines with so many GPUs each; return how many prompts there are.

    Raises:
        UsageError: the recipe asks for what verl has not, an earlier stage has yet to be done, or the place is taken.
    """
    recipe = folder.recipe
    outputs.check_folder(into, (ROWS, COMMAND))
    _check(folder)
    prompts = read_rows(folder.prompts, Prompt)
    if len(prompts) < recipe.mlpo.prompts_per_step:  # verl drops the rest of a pass that fills no step, here all of it
        raise UsageError(
            f"{recipe.name} cannot be handed over: its {counted(len(prompts), 'prompt')} fill no step of "
            f"{recipe.mlpo.prompts_per_step}. Lower mlpo.prompts_per_step, or take more questions."
        )
    chats = _chats(recipe)
    told = settings(folder, into.resolve(), _longest(chats, prompts), len(prompts))
    told |= {"trainer.nnodes": nodes, "trainer.n_gpus_per_node": gpus}
    rows = [verl_reward.row(recipe, prompt, index, _opened(chats, prompt)) for index, prompt in enumerate(prompts)]
    with atomic.filled(into) as beside:
        with (beside / ROWS).open("wb") as file:
            pq.write_table(pa.Table.from_pylist(rows), file, compression="zstd")
        command = beside / COMMAND
        command.write_text(_HEAD.format(name=recipe.name, machines=_machines(nodes, gpus)) + _words(told), "utf-8")
        command.chmod(0o755)
    return len(prompts)


def _check(folder: TrainingFolder) -> None:
    recipe = folder.recipe
    chosen = recipe.mlpo
    lacking = [
        ("mlpo" not in recipe.trains, f"the method {recipe.method} reinforces nothing"),
        (chosen.group == "question", "verl compares the completions of one prompt (mlpo.group: prompt)"),
        (chosen.contexts == "rounds", "verl trains on prompts that stand fast (mlpo.contexts: openings)"),
        (chosen.scale_rewards == "batch", "verl divides rewards by a group's spread (mlpo.scale_rewards: group, none)"),
        (chosen.loss_type not in _LOSSES, f"verl adds losses up as {', '.join(_LOSSES)} do (mlpo.loss_type)"),
        (chosen.mask_cut_off, "verl counts completions that are cut off (mlpo.mask_cut_off: false)"),
        (chosen.tokens is not None, "verl ends after steps, not after tokens (mlpo.tokens: null)"),
        (chosen.schedule == "linear", "verl's rates stay or fall by a cosine (mlpo.schedule: constant, cosine)"),
    ]
    for lacks, sentence in lacking:
        if lacks:
            raise UsageError(f"{recipe.name} cannot be handed over: {sentence}.")
    before: tuple[Stage, ...] = ("filter", "sft")
    for stage in before:
        if stage in recipe.stages and not folder.is_done(stage):
            raise UsageError(f"the stage {stage} of {recipe.name} has yet to be done: mlpo-bench train {stage} ...")


def _chats(recipe: Recipe) -> ChatTokens:
    return ChatTokens.of_model(models.resolve(recipe.leader.spec), recipe.leader)


def _longest(chats: ChatTokens, prompts: Sequence[Prompt]) -> int:
    """Return how many tokens the longest prompt has."""
    return max((len(chats.ids(as_messages(prompt.messages))) for prompt in prompts), default=1)


def _opened(chats: ChatTokens, prompt: Prompt) -> str:
    """Return what a prompt opens of its completion, nothing where verl's text would lack the mark that closes it."""
    return "" if chats.marks else chats.opened(as_messages(prompt.messages))


def settings(folder: TrainingFolder, place: Path, longest: int, prompts: int) -> Settings:
    """Return the settings of verl that a recipe decides, by their full names; all others stay at verl's own.

    Args:
        folder: the training.
        place: where the rows will lie.
        longest: tokens of the longest prompt.
        prompts: how many there are.
    """
    recipe = folder.recipe
    chosen = recipe.mlpo
    each_pass = max(prompts // chosen.prompts_per_step, 1)
    return {
        **_data(recipe, place, longest),
        **_leader(folder),
        **_actor(recipe),
        **_rollout(recipe, longest),
        "algorithm.adv_estimator": "grpo",
        "algorithm.norm_adv_by_std_in_grpo": chosen.scale_rewards == "group",
        "algorithm.use_kl_in_reward": False,
        "reward.custom_reward_function.path": f"pkg://{verl_reward.__name__}",
        "reward.custom_reward_function.name": verl_reward.compute_score.__name__,
        "trainer.project_name": "mlpo-bench",
        "trainer.experiment_name": recipe.name,
        "trainer.default_local_dir": str(place / "checkpoints"),
        "trainer.logger": ["console", *(one for one in recipe.trackers if one in {"wandb", "tensorboard"})],
        "trainer.total_epochs": -(-chosen.steps // each_pass),
        "trainer.total_training_steps": chosen.steps,
        "trainer.save_freq": chosen.save_every,
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
    }


def _data(recipe: Recipe, place: Path, longest: int) -> Settings:
    told = recipe.leader.engine_options.chat_template_kwargs
    return {
        "data.train_files": [str(place / ROWS)],
        "data.val_files": [str(place / ROWS)],  # verl wants some; with test_freq=-1 it asks none of them
        "data.train_batch_size": recipe.mlpo.prompts_per_step,
        "data.max_prompt_length": longest,
        "data.max_response_length": recipe.mlpo.max_tokens,
        "data.seed": recipe.seed_of("mlpo"),
        **{f"+data.apply_chat_template_kwargs.{name}": value for name, value in told.items()},
    }


def _leader(folder: TrainingFolder) -> Settings:
    """Return which weights it starts from, and what of them is trained."""
    recipe = folder.recipe
    base = models.resolve(recipe.leader.spec)
    tuned = folder.sft if "sft" in recipe.trains else None
    weights = {"actor_rollout_ref.model.path": str(base.folder)}
    if recipe.adapter is None:
        if tuned is not None:
            weights["actor_rollout_ref.model.path"] = str(tuned.resolve())
        return {**weights, "actor_rollout_ref.model.enable_gradient_checkpointing": recipe.mlpo.gradient_checkpointing}
    start = tuned or (base.adapter.folder if base.adapter else None)
    targets = recipe.adapter.targets
    return {
        **weights,
        **({} if start is None else {"actor_rollout_ref.model.lora_adapter_path": str(start.resolve())}),
        "actor_rollout_ref.model.lora_rank": recipe.adapter.rank,
        "actor_rollout_ref.model.lora_alpha": round(recipe.adapter.alpha),
        "actor_rollout_ref.model.target_modules": targets if isinstance(targets, str) else list(targets),
        "actor_rollout_ref.model.enable_gradient_checkpointing": recipe.mlpo.gradient_checkpointing,
    }


def _actor(recipe: Recipe) -> Settings:
    chosen = recipe.mlpo
    told = {
        "optim.lr": chosen.learning_rate,
        "optim.lr_warmup_steps_ratio": chosen.warmup,
        "optim.lr_scheduler_type": chosen.schedule,
        "optim.weight_decay": chosen.weight_decay,
        "optim.clip_grad": chosen.max_grad_norm,
        "ppo_mini_batch_size": chosen.prompts_per_step,
        "ppo_micro_batch_size_per_gpu": chosen.micro_batch,
        "ppo_epochs": chosen.iterations,
        "clip_ratio_low": chosen.epsilon,
        "clip_ratio_high": chosen.epsilon if chosen.epsilon_high is None else chosen.epsilon_high,
        "loss_agg_mode": _LOSSES[chosen.loss_type],
        "use_kl_loss": chosen.beta > 0,
        "kl_loss_coef": chosen.beta,
        "entropy_coeff": 0,
    }
    if chosen.loss_type == "dr_grpo":
        told["loss_scale_factor"] = chosen.max_tokens
    return {f"actor_rollout_ref.actor.{name}": value for name, value in told.items()}


def _rollout(recipe: Recipe, longest: int) -> Settings:
    chosen = recipe.mlpo
    told = {
        "name": "vllm",
        "n": chosen.generations,
        "temperature": chosen.temperature,
        "top_p": chosen.top_p,
        "tensor_model_parallel_size": 1,
        "max_model_len": longest + chosen.max_tokens,
        "log_prob_micro_batch_size_per_gpu": chosen.micro_batch,
    }
    reference = {"actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": chosen.micro_batch}
    return {f"actor_rollout_ref.rollout.{name}": value for name, value in told.items()} | reference


def _machines(nodes: int, gpus: int) -> str:
    return f"{nodes} machine{'s' * (nodes > 1)} of {gpus} GPU{'s' * (gpus > 1)}{' each' * (nodes > 1)}"


def _words(told: Mapping[str, Any]) -> str:
    """Return settings as Hydra reads them, one a line."""
    lines = [f"  {shlex.quote(f'{name}={_value(value)}')} \\\n" for name, value in told.items()]
    return "".join(lines) + '  "$@"\n'


def _value(value: object) -> str:
    """Return a value in Hydra's grammar: JSON's, but for floats, which YAML's reader takes only with a dot."""
    return repr(value) if isinstance(value, float) else orjson.dumps(value).decode()
