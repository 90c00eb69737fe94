"""What a model's makers advise on how its answers are drawn, and what of that is in force.

A model's folder may hold a generation_config.json: a temperature, penalties, beams and more. Each library takes another
part of it by itself, so that one model would answer differently from one engine to the next. Here all of it is left
out, whatever the engine, unless a team file says `generation: model`. Then temperature, top-p, top-k, min-p and the
penalty on repetition are the makers' in every engine, where they name them; what a request says of these gives way.
Tokens that end an answer are the model's own in any case.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines import json_files
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from mlpo_bench.chat import Sampling
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec

FILE = "generation_config.json"
AS_ASKED = "as the request says"
_REQUESTED = ("temperature", "top_p", "top_k")

# What penalises, forbids or forces tokens, or searches among them: the values that leave an answer as it is.
_FORCES: dict[str, Any] = {
    "repetition_penalty": 1.0, "encoder_repetition_penalty": 1.0, "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0, "bad_words_ids": None, "suppress_tokens": None, "begin_suppress_tokens": None,
    "forced_bos_token_id": None, "forced_eos_token_id": None, "forced_decoder_ids": None, "sequence_bias": None,
    "exponential_decay_length_penalty": None, "min_length": 0, "min_new_tokens": 0, "guidance_scale": 1.0,
    "num_beams": 1, "num_beam_groups": 1, "diversity_penalty": 0.0, "length_penalty": 1.0, "early_stopping": False,
    "penalty_alpha": None, "num_return_sequences": 1, "prompt_lookup_num_tokens": None, "watermarking_config": None,
    "stop_strings": None, "max_time": None, "presence_penalty": 0.0, "frequency_penalty": 0.0,
}  # fmt: skip
# What shapes a draw alone.
_SHAPES: dict[str, Any] = {
    "temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "typical_p": 1.0, "top_h": None,
    "epsilon_cutoff": 0.0, "eta_cutoff": 0.0,
}  # fmt: skip
_NEUTRAL = _FORCES | _SHAPES

_BOUNDS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "temperature": ("a number from 0 to 5", lambda value: 0 <= value <= 5),  # noqa: PLR2004
    "top_p": ("a number above 0, up to 1", lambda value: 0 < value <= 1),
    "top_k": ("a whole number from 0", lambda value: value >= -1 and value == int(value)),
    "min_p": ("a number from 0 to 1", lambda value: 0 <= value <= 1),
    "repetition_penalty": ("a number above 0", lambda value: 0 < value < inf),
    "min_new_tokens": ("a whole number from 0", lambda value: value >= 0 and value == int(value)),
}


@dataclass(frozen=True, slots=True)
class Generation:
    """How a model's answers are drawn, beside what each request says.

    Attributes:
        chosen: what stands in place of a request's own `temperature`, `top_p` and `top_k`.
        min_p: tokens less likely than this part of the most likely one are not drawn; 0 is off.
        repetition_penalty: divides the positive logits of tokens that were read or written, and multiplies the
            negative ones; 1 is off.
        more: what else of the makers' advice the engine follows, by the names of transformers.
        left_out: what of it is not in force.
    """

    chosen: Mapping[str, Any] = field(default_factory=dict)
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    more: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, Any] = field(default_factory=dict)

    def applied(self, sampling: Sampling) -> Sampling:
        """Return a request's sampling with what stands in its place."""
        return replace(sampling, **self.chosen) if self.chosen else sampling

    @property
    def told(self) -> dict[str, Any]:
        """Return what was in force, for the record."""
        requested = {name: self.chosen.get(name, AS_ASKED) for name in _REQUESTED}
        own = {"min_p": self.min_p, "repetition_penalty": self.repetition_penalty, **self.more}
        return {"in_force": requested | own} | ({"left_out": dict(self.left_out)} if self.left_out else {})

    @property
    def forces(self) -> bool:
        """Whether advice that penalises, forbids or forces tokens is left out."""
        return any(name in _FORCES for name in self.left_out)


AS_THE_TASK_SAYS = Generation()


def of(model: ResolvedModel, spec: ModelSpec, follows: Collection[str] = ()) -> Generation:
    """Return how a model's answers are drawn.

    Args:
        model: the model.
        spec: says whose choice it is.
        follows: what the engine can do beside the five that each can.

    Raises:
        UsageError: the file cannot be read, or holds a value that cannot be followed.
    """
    advice = _advice(model)
    if spec.generation == "task":
        return Generation(left_out={name: value for name, value in advice.items() if value != _NEUTRAL.get(name)})
    for name in advice:
        if name in _BOUNDS:
            _check(name, advice[name], model)
    greedy = advice.pop("do_sample", None) is False
    chosen = {name: advice.pop(name) for name in _REQUESTED if name in advice}
    chosen |= {"top_k": max(int(chosen["top_k"]), 0)} if "top_k" in chosen else {}
    chosen |= {"temperature": 0.0} if greedy else {}
    advice = {name: value for name, value in advice.items() if value != _NEUTRAL.get(name)}
    return Generation(
        chosen=chosen,
        min_p=advice.pop("min_p", 0.0),
        repetition_penalty=advice.pop("repetition_penalty", 1.0),
        more={name: value for name, value in advice.items() if name in follows},
        left_out={name: value for name, value in advice.items() if name not in follows},
    )


def _advice(model: ResolvedModel) -> dict[str, Any]:
    """Return all that a model's folder says of how its answers are drawn."""
    path = model.folder / FILE
    if not path.is_file():  # models of old say it in their configuration
        path = model.folder / "config.json"
    told = json_files.read_object(path)
    return {name: told[name] for name in ("do_sample", *_NEUTRAL) if told.get(name) is not None}


def _check(name: str, value: object, model: ResolvedModel) -> None:
    bounds, holds = _BOUNDS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not holds(value):
        raise UsageError(
            f"the {FILE} of {model.name} says {name}: {value!r}, which is not {bounds}; "
            "`generation: task` does without it."
        )
