"""Keeping libraries' progress bars and advice off the terminal, which the live display owns."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers below errors while inside, and put its settings back."""
    from transformers.utils import logging

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def quiet_hub() -> Iterator[None]:
    """Silence the hub client's progress bars while inside."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


@contextlib.contextmanager
def stderr_into(log: Path) -> Iterator[None]:
    """Send what processes started inside write to stderr, for as long as they live, to the end of a file.

    This process's own `sys.stderr` still reaches the terminal.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    terminal, own = os.dup(2), sys.stderr
    try:
        with log.open("a") as file, os.fdopen(os.dup(terminal), "w", buffering=1) as sys.stderr:
            os.dup2(file.fileno(), 2)
            yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        sys.stderr = own
