"""`mlpo-bench`, and `python -m mlpo_bench`."""

from __future__ import annotations

import os
import signal
import sys


INTERRUPTED = 130


def main() -> None:
    """Run the command line; where a command does not listen for signals, they end it at once, without a word.

    What Python raises at Ctrl-C is lost, or told as another fault, where modules are made, and commands load theirs
    when they need them. A command that has something to lose listens (`mlpo_bench.cli._ending`).
    """
    from mlpo_bench.atomic import end_by

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signum = getattr(signal, name, None)  # Windows knows two of them
        # Otherwise the process ignores the signal, or others listen for it.
        if signum is not None and signal.getsignal(signum) in {signal.default_int_handler, signal.SIG_DFL}:
            signal.signal(signum, end_by)
    # Arrow's own allocator keeps what a thread has let go of, tens of megabytes for each that wrote or read a table.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from mlpo_bench.cli import main as command_line

    try:
        command_line()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
