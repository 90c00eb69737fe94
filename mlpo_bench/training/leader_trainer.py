"""TRL's GRPO trainer, made to train a leader: its prompts, groups, judge, and one reading of each prompt.

What it changes of TRL's is where rows come from (groups of the recipe, in an order that depends on the seed and the
step alone, so that a training that is taken up again goes on with the same rows), how prompts become tokens (as the
engines do it), and, where `once` is on, how log-probabilities are computed and completions are written. The loss, the
advantages, the optimiser and the rest are TRL's own.

Importing this module imports TRL; whoever wants it without vLLM calls `libraries.trl()` before.
"""

from __future__ import annotations

import dataclasses
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
import trl
from accelerate.utils import is_peft_model
from datasets import Dataset
from transformers import TrainerCallback
from trl.trainer.utils import split_tensor_dict, use_adapter

from mlpo_bench.errors import UsageError
from mlpo_bench.training import shared_prompt
from mlpo_bench.training.groups import StepSampler
from mlpo_bench.training.policy import as_messages
from mlpo_bench.training.rewards import earned
from mlpo_bench.training.writing import How, write


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.training.groups import Groups
    from mlpo_bench.training.policy import Policy
    from mlpo_bench.training.rows import Prompt
    from mlpo_bench.training.untyped import Untyped

# What this trainer changes of TRL's is not TRL's public face, and may be gone from a later version.
_CHANGED = (
    "_compute_loss",
    "_generate_and_score_completions",
    "_generate_single_turn",
    "_get_per_token_logps_and_entropies",
    "_get_train_sampler",
    "_prepare_inputs",
    "_tokenize_prompts",
)
if missing := [name for name in _CHANGED if not hasattr(trl.GRPOTrainer, name)]:
    raise UsageError(f"TRL {trl.__version__} is not supported (it has no {missing[0]}): pip install 'trl>=1.16,<1.17'.")

RIGHT, FORMED, SAMPLING_ENTROPY = "right", "formed", "sampling_entropy"
TRAINED, WRITTEN = "trained_tokens", "written_tokens"
"""Figures of a step beside those that TRL keeps: shares of completions, nats a token, tokens."""
BEGINNING = "ref"
"""TRL's name for the copy of an adapter as it was before training."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What a leader is trained on.

    `per_step` groups make a step; of `steps` in all, those from `first` on are these prompts'. `form` is what the
    required form earns; every `kl_every` steps the divergence is measured. `once` says whether a prompt is read once
    for all its completions, and `writes_once` whether it is so in writing as well.
    """

    prompts: Sequence[Prompt]
    groups: Groups
    per_step: int
    steps: int
    first: int
    form: float
    kl_every: int
    once: bool
    writes_once: bool


def tokens_of(state: Mapping[str, Any]) -> float:
    """Return how many tokens a training has written and sent through the model, by the state that checkpoints keep."""
    return float(sum(told.get(TRAINED, 0.0) + told.get(WRITTEN, 0.0) for told in state["log_history"]))


class StopAfter(TrainerCallback):
    """Ends a training behind a step, or behind the one by which it has taken so many tokens, with a checkpoint."""

    def __init__(self, step: int, tokens: int | None = None) -> None:
        self._step, self._tokens = step, tokens

    def on_log(self, _args: Untyped, state: Untyped, control: Untyped, **_: Untyped) -> None:
        """Look at the tokens of the step that is done."""
        if self._tokens is not None and tokens_of(vars(state)) >= self._tokens:
            control.should_training_stop = control.should_save = True

    def on_step_end(self, _args: Untyped, state: Untyped, control: Untyped, **_: Untyped) -> None:
        """Look at the step that is done."""
        if state.global_step >= self._step:
            control.should_training_stop = control.should_save = True


class LeaderTrainer(trl.GRPOTrainer):
    """Trains a leader on its prompts.

    Args:
        policy: the leader.
        task: what it is trained on.
        args: TRL's settings, made by `settings`.
        callbacks: of transformers' trainer.
    """

    def __init__(self, policy: Policy, task: Task, args: Untyped, callbacks: Sequence[Any] = ()) -> None:
        self.policy, self.task = policy, task
        self._watches = bool(task.kl_every) and args.beta == 0.0 and is_peft_model(policy.model)
        if self._watches:  # before TRL seeds its draws, as making the copy draws as well
            _remember_beginning(policy.model)
        rows = [{"prompt": [dict(m) for m in p.messages], "place": n} for n, p in enumerate(task.prompts)]
        super().__init__(
            model=policy.model,
            args=args,
            reward_funcs=self._reward,
            train_dataset=Dataset.from_list(rows),
            processing_class=policy.tokenizer,
            callbacks=list(callbacks),
        )
        self._tokens = {TRAINED: 0, WRITTEN: 0}
        self._rows: list[dict[str, torch.Tensor]] | None = None
        if task.once:
            for model in filter(None, (policy.inner, self.ref_model)):
                shared_prompt.fit(self.accelerator.unwrap_model(model))

    def _get_train_sampler(self, dataset: Dataset | None = None) -> StepSampler:  # noqa: ARG002 - TRL's signature
        task = self.task
        return StepSampler(
            task.groups,
            seed=self.args.seed,
            steps=range(task.first, task.steps),
            per_step=task.per_step,
            repeats=self.num_iterations * self.args.steps_per_generation,
        )

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [self.policy.chats.ids(as_messages(prompt)) for prompt in prompts], None, {}

    def _reward(
        self,
        completion_ids: list[list[int]],
        place: list[int],
        log_metric: Untyped,
        **_: Untyped,
    ) -> list[float]:
        prompts = [self.task.prompts[n] for n in place]
        cut_off = [ids[-1] not in self.eos_token_ids for ids in completion_ids]
        # TRL's own text lacks what the prompt opened, and marks that the tokenizer holds as special tokens.
        texts = [self.policy.text(one.messages, ids) for one, ids in zip(prompts, completion_ids, strict=True)]
        earnings = earned(prompts, texts, cut_off)
        log_metric(RIGHT, sum(one.right for one in earnings) / len(earnings))
        log_metric(FORMED, sum(one.formed for one in earnings) / len(earnings))
        return [one.right + self.task.form * one.formed for one in earnings]

    def _prepare_inputs(self, generation_batch: Untyped) -> Untyped:
        """Do as TRL does, but leave the rows in their order, so that those of a prompt stay together."""
        if not (self.task.once and self.model.training):
            return super()._prepare_inputs(generation_batch)
        every = self.args.steps_per_generation * self.num_iterations
        if self._step % every == 0 or self._rows is None:
            scored = self._generate_and_score_completions(generation_batch)
            self._rows = split_tensor_dict(scored, self.args.steps_per_generation)
        return self._rows[self._step % self.args.steps_per_generation]

    def _generate_single_turn(
        self,
        prompt_ids: list[list[int]],
        images: Untyped,
        multimodal_fields: Untyped,
        num_generations: int,
        **others: Untyped,
    ) -> tuple[list[list[int]], Any]:
        if not self.task.writes_once:
            self._tokens[WRITTEN] += sum(map(len, prompt_ids))
            written: tuple[list[list[int]], Any] = super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, **others
            )
            self._tokens[WRITTEN] += sum(map(len, written[0]))
            return written
        how = How(self.temperature, self.top_p, self.max_completion_length, tuple(self.eos_token_ids))
        sampled = write(self.accelerator.unwrap_model(self.model), prompt_ids, how)
        self._tokens[WRITTEN] += sampled.tokens
        self._metrics["train"][SAMPLING_ENTROPY].append(sampled.entropy)
        return sampled.completions, None

    def _compute_loss(self, model: Untyped, inputs: dict[str, Any]) -> torch.Tensor:
        """Reckon TRL's loss; where no row of a micro-batch has an advantage, spare the model, as nothing follows.

        Only one process may do so: several must go through the model side by side.
        """
        if self._watches and self.state.global_step % self.task.kl_every == 0 and model.training:
            self._measure_divergence(inputs)
        alone = self.accelerator.num_processes == 1
        if not (self.task.once and alone and self.beta == 0.0 and not inputs["advantages"].any()):
            loss: torch.Tensor = super()._compute_loss(model, inputs)
            return loss
        return _no_loss(model)

    @torch.no_grad()
    def _measure_divergence(self, inputs: dict[str, Any]) -> None:
        """Estimate how far the leader has gone from how it began, on the first micro-batch of a step."""
        if self._metrics["train"]["kl"]:
            return
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        model, keep = self.accelerator.unwrap_model(self.model), inputs["completion_ids"].shape[1]
        now, _, _ = self._get_per_token_logps_and_entropies(model, ids, mask, keep)
        with use_adapter(model, BEGINNING):
            before, _, _ = self._get_per_token_logps_and_entropies(model, ids, mask, keep)
        written = inputs["completion_mask"].bool()
        apart = (before - now)[written]
        estimate = (apart.exp() - apart - 1).mean() if len(apart) else torch.zeros((), device=ids.device)
        self._metrics["train"]["kl"].append(self.accelerator.gather(estimate).mean().item())

    def _get_per_token_logps_and_entropies(
        self,
        model: Untyped,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **others: Untyped,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        if not self.task.once or compute_aux_loss:
            self._count(int(attention_mask.sum()))
            scores: tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None] = (
                super()._get_per_token_logps_and_entropies(
                    model,
                    input_ids,
                    attention_mask,
                    logits_to_keep,
                    batch_size,
                    compute_entropy,
                    compute_aux_loss,
                    **others,
                )
            )
            return scores
        told = []
        for start in range(0, len(input_ids), batch_size or len(input_ids)):
            rows = slice(start, start + (batch_size or len(input_ids)))
            told.append(self._packed(model, input_ids[rows], attention_mask[rows].bool(), logits_to_keep))
        logps, entropies = (torch.cat(parts) for parts in zip(*told, strict=True))
        return logps, entropies if compute_entropy else None, None

    def _count(self, tokens: int) -> None:
        self._tokens[TRAINED if torch.is_grad_enabled() else WRITTEN] += tokens

    def _packed(
        self,
        model: Untyped,
        ids: torch.Tensor,
        mask: torch.Tensor,
        keep: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log-probabilities and entropies, (rows, keep), zero where a row is padding."""
        prompts = [row[seen].tolist() for row, seen in zip(ids[:, :-keep], mask[:, :-keep], strict=True)]
        completions = [row[seen].tolist() for row, seen in zip(ids[:, -keep:], mask[:, -keep:], strict=True)]
        written = [row for row, completion in enumerate(completions) if completion]
        if not written:  # all of them are left out of the loss
            nothing = torch.zeros(ids.shape[0], keep, device=ids.device)
            return nothing + _no_loss(model), nothing
        logps, entropies = [], []
        for prompt, rows in groupby(written, key=lambda row: prompts[row]):
            packed = shared_prompt.pack(prompt, [completions[row] for row in rows], ids.device)
            self._count(packed.layout.tokens)
            with self.accelerator.autocast():
                out = model(
                    input_ids=packed.ids,
                    position_ids=packed.positions,
                    attention_mask=shared_prompt.IGNORED.to(ids.device),
                    layout=packed.layout,
                    shift_labels=packed.targets[None],
                    fused_lm_head=True,
                )
            logps.append(out.log_probs[0])
            if out.entropy is not None:
                entropies.append(out.entropy[0])
        places = mask[:, -keep:]
        return _spread(places, logps), _spread(places, entropies)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Untyped = None) -> None:
        """Take up a checkpoint's weights.

        Beside an adapter, TRL keeps a copy of how it began, to reckon the divergence from; transformers then takes up
        that copy alone, and would go on with an adapter that has learnt nothing.
        """
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        trained = self.accelerator.unwrap_model(self.model if model is None else model)
        if BEGINNING in getattr(trained, "peft_config", {}):
            trained.load_adapter(resume_from_checkpoint, "default", is_trainable=True)
            trained.set_adapter("default")

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log a step's figures, and the tokens that went through the model."""
        counts = torch.tensor(list(self._tokens.values()), device=self.accelerator.device)
        logs |= dict(zip(self._tokens, self.accelerator.reduce(counts, reduction="sum").tolist(), strict=True))
        self._tokens = dict.fromkeys(self._tokens, 0)
        super().log(logs, start_time)


def _remember_beginning(model: Untyped) -> None:
    """Keep a copy of an adapter as it begins, beside it, as TRL does where the divergence is part of the loss."""
    model.add_adapter(BEGINNING, model.peft_config["default"])
    for name, weight in model.named_parameters():
        if ".default." in name:
            copy = model.get_parameter(name.replace(".default.", f".{BEGINNING}."))
            copy.data.copy_(weight.data)
            copy.requires_grad_(False)


def _no_loss(model: Untyped) -> torch.Tensor:
    """Return a loss of 0 whose gradients are 0 for all that is trained."""
    trained = [parameter.sum() for parameter in model.parameters() if parameter.requires_grad]
    return 0.0 * torch.stack(trained).sum()


def _spread(places: torch.Tensor, parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put numbers that follow one another, row by row, to the places that are set, and 0 elsewhere."""
    if not parts:  # a model that was not asked for them, as the leader before training
        return torch.zeros(places.shape, device=places.device)
    numbers = torch.cat(list(parts))
    return numbers.new_zeros(places.shape).masked_scatter(places, numbers)
