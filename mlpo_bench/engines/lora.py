"""Base and adapter: whether they fit, and the two put together.

Whether they fit is told before any weights are loaded: peft lays the adapter's configuration over an empty model of
the base's shape, and what it then would need is compared with what the adapter's file holds.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.quiet import quiet_transformers
from mlpo_bench.engines.threads import import_torch
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlpo_bench.engines.adapters import Adapter
    from mlpo_bench.engines.resolved import ResolvedModel

    Shapes = Mapping[str, tuple[int, ...]]

_PREFIX = "base_model.model."
# What peft raises of configurations and weights that it cannot put together.
_REFUSALS = (
    ValueError, RuntimeError, KeyError, TypeError, AttributeError, NotImplementedError, ImportError, re.error,
)  # fmt: skip


def check_context(base: ResolvedModel, adapter: Adapter) -> None:
    """Check that an adapter was trained on a model like this one.

    Raises:
        UsageError: it was not, or peft is not installed.
    """
    if missing := [package for package in ("torch", "transformers", "peft") if find_spec(package) is None]:
        raise UsageError(f"the adapter {adapter.name} needs {', '.join(missing)}. Run: pip install {' '.join(missing)}")
    needed, allowed = _needed(base, adapter)
    if fault := _fault(adapter.shapes, needed, allowed, base.name):
        raise _misfit(base, adapter, fault)


def applied(model: Any, base: ResolvedModel, adapter: Adapter) -> Any:  # noqa: ANN401 - transformers has no types
    """Return peft's model of a loaded base with the adapter at work in its layers.

    Raises:
        UsageError: peft cannot load it.
    """
    from peft import PeftModel

    try:
        with quiet_transformers(), no_advice():
            return PeftModel.from_pretrained(model, str(adapter.folder))
    except _REFUSALS as error:
        raise _misfit(base, adapter, f"peft cannot load it ({_first_line(error)})") from error


def _needed(base: ResolvedModel, adapter: Adapter) -> tuple[Shapes, Shapes]:
    """Return the weights that the adapter must hold to change this base, and those that it may hold."""
    import_torch()
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with quiet_transformers(), torch.device("meta"):
            config = AutoConfig.from_pretrained(base.folder, trust_remote_code=base.trust_remote_code)
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=base.trust_remote_code)
    except Exception as error:  # whatever transformers meets in files that others wrote
        raise UsageError(f"transformers cannot build {base.name}: {_first_line(error)}") from error
    try:
        with quiet_transformers(), no_advice():
            of_adapter = LoraConfig.from_pretrained(str(adapter.folder))
            laid_over = get_peft_model(model, of_adapter, low_cpu_mem_usage=True)
            needed, allowed = (
                get_peft_model_state_dict(laid_over, save_embedding_layers=whole) for whole in (False, True)
            )
    except _REFUSALS as error:
        targets = adapter.config.get("target_modules")
        told = f"it changes modules called {_listed(targets)}" if targets else "it names no modules to change"
        raise _misfit(base, adapter, f"{told}: {_first_line(error)}") from error
    return _shapes(needed), _shapes(allowed)


def _shapes(weights: Mapping[str, Any]) -> Shapes:
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def _fault(held: Shapes, needed: Shapes, allowed: Shapes, base: str) -> str | None:
    """Return how the weights that an adapter holds differ from those that it needs, the most telling fault first."""
    if not held:
        return "it holds no weights"
    for name, shape in held.items():
        if name in allowed and shape != allowed[name]:
            return f"its {_told(name)} is {_times(shape)}, and would have to be {_times(allowed[name])}"
    if strange := [name for name in held if name not in allowed]:
        return f"it changes {_module(strange[0])}, which {base} does not have{_more(strange)}"
    if missing := [name for name in needed if name not in held]:
        return f"it holds nothing for {_module(missing[0])}, which it says that it changes{_more(missing)}"
    return None


def _misfit(base: ResolvedModel, adapter: Adapter, fault: str) -> UsageError:
    hint = f" It says that it was trained on {adapter.made_for}." if adapter.made_for else ""
    return UsageError(f"the adapter {adapter.name} does not fit {base.name}: {fault.rstrip('.')}.{hint}")


def _module(weight: str) -> str:
    """Return the name of the module that a weight of an adapter changes."""
    return weight.removeprefix(_PREFIX).partition(".lora_")[0].removesuffix(".weight")


def _told(weight: str) -> str:
    module, lora, part = weight.removeprefix(_PREFIX).partition(".lora_")
    return f"lora_{part.removesuffix('.weight')} of {module}" if lora else module


def _more(weights: list[str]) -> str:
    others = len(set(map(_module, weights))) - 1
    return f" (and {others} more)" if others else ""


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"


def _listed(targets: object) -> str:
    return ", ".join(sorted(map(str, targets))) if isinstance(targets, list) else str(targets)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def no_advice() -> Iterator[None]:
    """Keep peft's warnings off the terminal while inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
