"""The sections of a recipe, each setting with its default and where that is from.

*Paper* marks what "How to Train a Leader" (arXiv 2507.08960) is known to do; *ours* what it leaves open, or what we
chose otherwise. Lengths are in tokens of the model that writes, rates are those of the optimiser.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mlpo_bench import yamls
from mlpo_bench.protocols.leader import Share


Count = Annotated[yamls.Tokens, Field(ge=1)]
Total = Annotated[yamls.Whole, Field(ge=1)]
Seed = Annotated[yamls.Whole, Field(ge=0, lt=2**32)]
Share01 = Annotated[yamls.Real, Field(ge=0, le=1)]
Temperature = Annotated[yamls.Real, Field(ge=0, le=5)]
TopP = Annotated[yamls.Real, Field(gt=0, le=1)]
Rate = Annotated[yamls.Real, Field(gt=0, le=1)]


class Section(BaseModel):
    """What all sections have in common: unknown settings are refused, known ones never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Drawing(Section):
    """How completions are drawn; what is left out stays as the member, or else the task, has it."""

    temperature: Temperature | None = None
    top_p: TopP | None = None
    max_tokens: Count | None = None


class Questions(Section):
    """Which train questions a leader learns from.

    Attributes:
        limit: questions a suite, spread evenly over its subjects; None takes all. Ours.
        subjects: only these; None takes all. Ours.
        data: folder with the suites' published files; None looks where a run looks.
    """

    limit: Count | None = None
    subjects: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    data: str | None = None

    @field_validator("data")
    @classmethod
    def _data_lies_beside_the_recipe(cls, data: str | None, info: ValidationInfo) -> str | None:
        return None if data is None else str(yamls.beside(data, info.context).resolve())


class Rollouts(Drawing):
    """The peers' openings: what they write when they see the question alone.

    Attributes:
        samples: openings of each peer for each question, S. Paper: 4.
        temperature: ours: 1.0; hotter openings than at inference are more diverse, and aggregation gains by it
            (ParaGator, arXiv 2603.18886).
    """

    samples: Count = 4
    temperature: Temperature | None = 1.0


class Filter(Section):
    """Which questions are left out, by how many of their openings are right.

    Attributes:
        rule: `paper` drops a question that `bound` or more of its openings answer right; `band` (PaCoRe, arXiv
            2601.05593) those that none, or `bound` or more, do; `leader` those that the leader itself, with the
            openings before it, gets right always or never; `off` drops none. Paper: `paper`.
        bound: a share of the openings. Paper: 0.75; PaCoRe: 9/24 for mathematics, 15/24 for code.
        samples: with `leader`: completions of the leader for each prompt, the first of those that traces are made of.
        easy: the share of the questions that are too easy which stays all the same. Paper: 0; AggLM (arXiv
            2509.06870) keeps half.
    """

    rule: Literal["paper", "band", "leader", "off"] = "paper"
    bound: Annotated[yamls.Real, Field(gt=0, le=1)] | None = None
    samples: Count | None = None
    easy: Share01 = 0.0

    @field_validator("rule", mode="before")
    @classmethod
    def _off_is_a_word(cls, given: object) -> object:
        return "off" if given is False else given  # YAML takes a bare `off` for false

    @model_validator(mode="after")
    def _settings_belong_to_the_rule(self) -> Self:
        if self.bound is not None and self.rule not in {"paper", "band"}:
            raise ValueError(f"`bound` goes with the rules paper and band, not {self.rule}")
        if self.samples is not None and self.rule != "leader":
            raise ValueError(f"`samples` goes with the rule leader, not {self.rule}")
        if self.easy and self.rule == "off":
            raise ValueError("with the rule off, every easy question is kept: leave `easy` out")
        return self

    @property
    def least_too_easy(self) -> float:
        """The share of right openings from which on a question is too easy."""
        return {"paper": 0.75, "band": 9 / 24}.get(self.rule, 1.0) if self.bound is None else self.bound

    @property
    def draws(self) -> int:
        """How many completions of the leader a prompt is measured by."""
        return self.samples or 4


class Prompts(Section):
    """What a prompt of the leader shows.

    Attributes:
        attempts: openings in one prompt: None is one of each peer, a number or a range of two is so many, drawn from
            all openings of the question. Paper: one of each; PaCoRe: 16 to 24 of one model.
        variants: prompts for each question; None is as many as there are openings of each peer. Paper: None.
        order: order of the openings in a prompt. Ours: shuffled, so that no place is worth more than another.
        share: what of an opening the leader reads, as in the protocol `leader`. Paper: whole.
    """

    attempts: Count | tuple[Count, Count] | None = None
    variants: Count | None = None
    order: Literal["shuffled", "fixed"] = "shuffled"
    share: Share = "whole"

    @field_validator("attempts")
    @classmethod
    def _a_range_ascends(cls, attempts: int | tuple[int, int] | None) -> int | tuple[int, int] | None:
        if isinstance(attempts, tuple) and attempts[0] > attempts[1]:
            raise ValueError(f"a range ascends: [{attempts[1]}, {attempts[0]}]")
        return attempts


class Traces(Drawing):
    """What a leader is first fine-tuned on: its own completions, and ones that go wrong and turn back.

    Attributes:
        samples: completions of the leader for each prompt, N. Paper's reimplementation: 16.
        temperature: paper's reimplementation: 0.8.
        writer: who makes a trace out of a wrong and a right completion: `model`, the leader itself, asked to, or
            `spliced`, the two put together. Paper's reimplementation: model; ours for models too small to: spliced.
    """

    samples: Annotated[yamls.Tokens, Field(ge=2)] = 16
    temperature: Temperature | None = 0.8
    writer: Literal["model", "spliced"] = "model"


class Adapter(Section):
    """A low-rank adapter (LoRA); `adapter: null` trains all weights. The paper does not say which it does.

    Attributes:
        rank: ours: 16.
        alpha: scale, as a number. Ours: twice the rank.
        dropout: ours: 0, as generation and training should see one policy.
        targets: module names, or `all-linear`. Ours: all linear layers.
    """

    rank: Count = 16
    alpha: Annotated[yamls.Real, Field(gt=0, le=1e6)] = 32.0
    dropout: Annotated[yamls.Real, Field(ge=0, lt=1)] = 0.0
    targets: Annotated[tuple[str, ...], Field(min_length=1)] | Literal["all-linear"] = "all-linear"


class Optimising(Section):
    """What supervised and reinforcement training have in common. All ours: the paper's values are not known.

    Attributes:
        learning_rate: of AdamW.
        warmup: share of the steps over which the rate rises.
        schedule: how the rate goes on from there.
        weight_decay: of AdamW.
        max_grad_norm: gradients longer than this are shortened.
        micro_batch: sequences that go through the model at once; lower it where memory runs out.
        gradient_checkpointing: whether activations are computed twice to save memory.
        save_every: steps between checkpoints; after `kill -9` no more than these are done again.
        seed: of this stage's draws; None is the recipe's own. Trainings that differ in it alone share what is before.
    """

    learning_rate: Rate = 1e-5
    warmup: Share01 = 0.03
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    weight_decay: Annotated[yamls.Real, Field(ge=0, le=1)] = 0.0
    max_grad_norm: Annotated[yamls.Real, Field(gt=0)] = 1.0
    micro_batch: Count = 1
    gradient_checkpointing: bool = True
    save_every: Count = 20
    # Left out where there is none, so that recipes without one are what they were before there were any.
    seed: Annotated[Seed | None, Field(exclude_if=lambda seed: seed is None)] = None


class Sft(Optimising):
    """Supervised fine-tuning on traces, on completions only. Ours, but for its place before `mlpo`, which is paper's.

    Attributes:
        epochs: passes over the traces.
        batch: traces a step.
        max_length: tokens of prompt and completion; longer traces are left out and counted, never cut.
    """

    epochs: Annotated[yamls.Real, Field(gt=0, le=1e6)] = 2.0
    batch: Count = 16
    max_length: Count = 4096


class Mlpo(Optimising):
    """Reinforcement of the leader by groups of its own completions, after GRPO (arXiv 2402.03300).

    Attributes:
        group: completions that are compared with one another: those of one `prompt`, or of a `question` over all its
            variants. The paper does not say; its reimplementation shares a group among variants. Ours: prompt.
        generations: completions a prompt. Ours: 8.
        steps: ours.
        prompts_per_step: ours.
        tokens: where given, the training ends behind the step by which so many tokens have been written and gone
            through the model, and `steps` is the most it takes: a control gets what another leader took. Ours.
        beta: weight of the divergence from the leader before training. Ours: 0, so that no second model is held.
        kl_every: steps after which an adapter's divergence from how it began is measured, on one micro-batch, where
            `beta` is 0 and it is only for the curves; 0 is never. Ours.
        epsilon: ratios of probabilities are clipped this far below 1, and above unless `epsilon_high` says otherwise.
        loss_type: TRL's name. Paper: Dr. GRPO's tweaks (arXiv 2503.20783): no division by length or spread.
        scale_rewards: what rewards are divided by. Dr. GRPO: none.
        form_reward: what the required form earns beside 1 for a right answer. Paper's reimplementation: 0.1. Ours:
            0.05, and nothing where no answer can be read.
        temperature, top_p: of the leader's completions. Ours: 1, so that the policy trained is the one that writes.
        max_tokens: of a completion. Ours.
        iterations: updates for each batch of completions. Ours: 1.
        mask_cut_off: whether completions that were cut off are left out of the loss. Ours: no, they count as wrong.
        contexts: `openings` trains on prompts of the first round, as the paper does; `rounds` adds prompts of later
            rounds made with the leader as it is by then, so that training sees what inference shows.
        rounds: with `contexts: rounds`: T, the rounds of these conversations.
        refresh_every: with `contexts: rounds`: steps after which they are made anew.
        once: whether the model reads a prompt once for all its completions, in training and, without vLLM, in writing:
            equal up to rounding to a reading for each, and faster the longer prompts are. Where `micro_batch` is
            smaller than `generations`, a prompt is read once for so many. A model whose attention has a window or a
            cap goes row by row all the same. Ours.
        generation: what writes completions: `transformers`, `vllm` beside the trainer on its GPU, `vllm-server`, or
            `auto`, which is vllm on a GPU that has it, else transformers. Ours.
        vllm_memory: with vllm beside the trainer: its share of the GPU's memory.
        vllm_server: with vllm-server: its address; start it with `trl vllm-serve`.
    """

    learning_rate: Rate = 1e-6
    group: Literal["prompt", "question"] = "prompt"
    generations: Annotated[yamls.Tokens, Field(ge=2)] = 8
    steps: Count = 200
    prompts_per_step: Count = 8
    tokens: Annotated[Total | None, Field(exclude_if=lambda tokens: tokens is None)] = None
    beta: Annotated[yamls.Real, Field(ge=0)] = 0.0
    kl_every: Annotated[yamls.Tokens, Field(ge=0)] = 10
    epsilon: Annotated[yamls.Real, Field(gt=0, lt=1)] = 0.2
    epsilon_high: Annotated[yamls.Real, Field(gt=0)] | None = None
    loss_type: Literal["grpo", "dr_grpo", "dapo", "bnpo"] = "dr_grpo"
    scale_rewards: Literal["none", "group", "batch"] = "none"
    form_reward: Annotated[yamls.Real, Field(ge=0, lt=0.5)] = 0.05
    temperature: Annotated[yamls.Real, Field(gt=0, le=5)] = 1.0
    top_p: TopP = 1.0
    max_tokens: Count = 1024
    iterations: Count = 1
    mask_cut_off: bool = False
    contexts: Literal["openings", "rounds"] = "openings"
    rounds: Annotated[yamls.Tokens, Field(ge=2, le=64)] = 2
    refresh_every: Count = 50
    micro_batch: Count = 8
    once: bool = True
    generation: Literal["auto", "transformers", "vllm", "vllm-server"] = "auto"
    vllm_memory: Annotated[yamls.Real, Field(gt=0, lt=1)] = 0.3
    vllm_server: str = "http://127.0.0.1:8000"


class Export(Section):
    """What comes out.

    Attributes:
        form: `adapter`, or `merged` with the base's weights; a leader trained on all weights is always a whole model.
        dtype: of the weights. `auto` keeps an adapter, and a leader trained on all weights, as they were trained, since
            small changes of large weights are lost in a coarser type; a merged leader gets its base's.
        licence: of what is exported; None is the base's own.
        folder: where a copy goes, under the recipe's name; None leaves it in the training's own folder.
    """

    form: Literal["adapter", "merged"] = "adapter"
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    licence: str | None = None
    folder: str | None = None
