"""`python -m mlpo_bench` is `mlpo-bench`."""

from __future__ import annotations

import sys


INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C before a command has begun to listen for it ends without a word."""
    try:
        from mlpo_bench.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
