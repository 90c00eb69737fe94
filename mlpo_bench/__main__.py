"""`mlpo-bench`, and `python -m mlpo_bench`."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130


@contextlib.contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the process at once while inside: where modules are made, Python may lose what it raises."""
    # Otherwise the process ignores the signal, or others listen for it.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    yield
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> None:
    """Run the command line; Ctrl-C before a command has begun to listen for it ends without a word."""
    with _ended_by_ctrl_c():
        from mlpo_bench.cli import main as command_line
    try:
        command_line()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
