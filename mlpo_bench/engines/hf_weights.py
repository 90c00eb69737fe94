"""Loading a model's weights with transformers: in which form, and onto which devices."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.out_of_memory import ran_out
from mlpo_bench.errors import UsageError, unknown


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec

QUANTISED: dict[str, dict[str, Any]] = {
    "bitsandbytes-4bit": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "bitsandbytes-8bit": {"load_in_8bit": True},
}
"""What transformers can make of weights as it loads them, by the name that a team file calls it."""


def settings(spec: ModelSpec, dtype: str) -> dict[str, Any]:
    """Return how `from_pretrained` is to hold and place a model's weights.

    Raises:
        UsageError: it cannot be done here.
    """
    import torch

    options = spec.engine_options
    chosen: dict[str, Any] = {"dtype": getattr(torch, dtype)}
    if options.device_map is not None:
        _check_place(options.device_map, spec.name)
        chosen["device_map"] = options.device_map
    if options.quantization is not None:
        if options.quantization not in QUANTISED:
            raise unknown("quantization of engine hf", options.quantization, QUANTISED)
        if find_spec("bitsandbytes") is None:
            raise UsageError(f"{options.quantization} needs bitsandbytes. Run: pip install bitsandbytes")
        from transformers import BitsAndBytesConfig

        told = QUANTISED[options.quantization]
        more = {"bnb_4bit_compute_dtype": getattr(torch, dtype)} if "load_in_4bit" in told else {}
        chosen["quantization_config"] = BitsAndBytesConfig(**told, **more)
    return chosen


def _check_place(device_map: str | dict[str, int | str], name: str) -> None:
    import torch

    if find_spec("accelerate") is None:
        raise UsageError(f"device_map of {name} needs accelerate. Run: pip install accelerate")
    places = device_map.values() if isinstance(device_map, dict) else [device_map]
    count = torch.cuda.device_count()
    for place in map(str, places):
        number = place.removeprefix("cuda:") if place.startswith("cuda") else place
        wanted = int(number) + 1 if number.isdecimal() else int(place == "cuda")
        if wanted > count:
            held = f"{count} of its kind" if count else "none"
            raise UsageError(
                f"device_map of {name} names {place}, but this machine has {held}; `auto` takes what is here."
            )


def load(resolved: ResolvedModel, spec: ModelSpec, dtype: str) -> tuple[Any, str]:
    """Load the weights of a model, without its adapter, where a team file wants them, or else where they are fastest.

    Returns:
        The model, and what a person should know of weights that its files hold and it has no place for.

    Raises:
        UsageError: transformers cannot load them, or not in this way.
    """
    import torch

    chosen = settings(spec, dtype)
    try:
        model, told = _loader(resolved).from_pretrained(
            resolved.folder,
            use_safetensors=True,
            trust_remote_code=resolved.trust_remote_code,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # each is told of below, by name and shapes
            **chosen,
        )
        if not {"device_map", "quantization_config"} & chosen.keys():
            model.to("cuda" if torch.cuda.is_available() else "cpu")
    except Exception as error:  # whatever transformers meets in files that others wrote
        if ran_out(error):
            raise UsageError(
                f"{resolved.name} does not fit the memory that is free where it is to be loaded: end what else runs "
                "there, or spread it over devices (engine_options: {device_map: auto})."
            ) from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if "contains custom code" in reason:
            raise UsageError(
                f"{resolved.name} brings code of its own, which is not run unasked: where you trust its makers, say "
                "`trust_remote_code: true` of the member."
            ) from error
        raise UsageError(f"transformers cannot load {resolved.name}: {reason}") from error
    _check_shapes(resolved, sorted(told["mismatched_keys"]))
    _check_whole(resolved, sorted(told["missing_keys"]))
    return model, _left_out(sorted(told["unexpected_keys"]))


def _loader(resolved: ResolvedModel) -> Any:  # noqa: ANN401 - as above
    """Return what loads a model of its kind: transformers knows some that see as these alone.

    Raises:
        ValueError: it is an encoder, whose words see those behind them; transformers would let it write all the same.
    """
    import transformers

    config = transformers.AutoConfig.from_pretrained(resolved.folder, trust_remote_code=resolved.trust_remote_code)
    if getattr(config, "is_decoder", True) is False and type(config) in transformers.MODEL_FOR_MASKED_LM_MAPPING:
        raise ValueError(
            f"it is an encoder ({config.model_type}), which fills in texts; a member of a team writes them."
        )
    sees = type(config) in transformers.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    if sees and type(config) not in transformers.MODEL_FOR_CAUSAL_LM_MAPPING:
        return transformers.AutoModelForImageTextToText
    return transformers.AutoModelForCausalLM


def _check_shapes(resolved: ResolvedModel, differing: Sequence[tuple[str, Sequence[int], Sequence[int]]]) -> None:
    """Refuse weights of other shapes than the configuration tells, as after tokens were added to them alone."""
    if differing:
        name, held, wanted = differing[0]
        raise UsageError(
            f"the weights of {resolved.name} are not those of its config.json: {name} is "
            f"{' x '.join(map(str, held))}, and would have to be {' x '.join(map(str, wanted))}{_more(differing)}; "
            "take both from the same place."
        )


def _left_out(strange: Sequence[str]) -> str:
    """Return that weights have no place in a model, of which transformers only warns; nothing where all have one."""
    if not strange:
        return ""
    return f"weights without a place in what its config.json tells are left out: {strange[0]}{_more(strange)}"


def _more(found: Sequence[object]) -> str:
    return f" and {len(found) - 1} more" if len(found) > 1 else ""


def _check_whole(resolved: ResolvedModel, missing: Sequence[str]) -> None:
    """Refuse a model of which weights are missing: transformers draws them at random, and only warns."""
    if missing:
        raise UsageError(
            f"{resolved.name} lacks weights ({missing[0]}{_more(missing)}), which would be drawn at random: its files "
            "are not whole, or in a form that its config.json does not tell, or it is no model that writes text (one "
            "for embeddings or rewards)."
        )
