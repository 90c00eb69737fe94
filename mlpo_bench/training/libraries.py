"""TRL as this room uses it: loaded without noise, without vLLM unless asked for, and without word to anyone.

TRL imports vLLM wherever it is installed, which takes seconds and fails where vLLM's own dependencies are missing, and
it reports each training to its makers. Here it does neither by itself.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mlpo_bench.engines.threads import import_torch
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol, TypeVar

    class _HasCallbacks(Protocol):
        def remove_callback(self, callback: type) -> None: ...

    Trainer = TypeVar("Trainer", bound=_HasCallbacks)
    from mlpo_bench.training.untyped import Untyped

INSTALL = "pip install 'mlpo-bench[train]'"
_NEEDED = ("torch", "transformers", "trl", "peft", "accelerate")


def check_installed() -> None:
    """Check that what training needs is installed, without loading it.

    Raises:
        UsageError: something is not.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise _lacking(f"no {', '.join(missing)}")


def _lacking(what: str) -> UsageError:
    return UsageError(f"training needs packages that are not installed ({what}). Run: {INSTALL}")


def trl(*, vllm: bool = False) -> Untyped:
    """Import TRL and return it; `vllm` says whether it may use vLLM.

    Raises:
        UsageError: TRL, or something that it needs, is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import_torch()
        with calm():
            if not vllm:
                vars(importlib.import_module("trl.import_utils"))["is_vllm_available"] = _none
            module = importlib.import_module("trl")
            for name in ("SFTTrainer", "GRPOTrainer"):
                getattr(module, name)
            importlib.import_module("peft")
    except ImportError as error:
        raise _lacking(str(error)) from None
    return module


def _none(min_version: str | None = None) -> bool:  # noqa: ARG001 - TRL passes it
    return False


def without_printing(trainer: Trainer) -> Trainer:
    """Return a trainer that no longer prints its figures: they go to the curves."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


@contextlib.contextmanager
def calm() -> Iterator[None]:
    """Keep libraries' advice and progress bars off the terminal while inside; errors still show."""
    from mlpo_bench.engines.quiet import quiet_transformers

    loud = {name: logging.getLogger(name).level for name in ("trl", "accelerate", "peft", "transformers.trainer")}
    with quiet_transformers(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name in loud:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in loud.items():
                logging.getLogger(name).setLevel(level)
