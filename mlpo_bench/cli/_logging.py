"""What `-v` shows: Python's logging, on standard error."""

from __future__ import annotations

import logging
import sys

from mlpo_bench.visible import visible


class _StandardError(logging.Handler):
    """Writes to standard error as it is at the moment: a live display takes it over while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{visible(self.format(record))}\n")
        sys.stderr.flush()


def set_up_logging(verbosity: int) -> None:
    """Show what is logged: nothing but warnings (0), what the project decides (1), or all, libraries' too (2)."""
    if not verbosity:
        return
    logging.captureWarnings(capture=True)
    handler = _StandardError()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.WARNING if verbosity == 1 else logging.INFO)
    logging.getLogger("mlpo_bench").setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)
