"""Run as a script: compares mathematical expressions, one pair a line, until its input ends.

It lives in a process of its own, as an expression may take forever or all memory to simplify; whoever started it
kills it then. Reads `[answer, gold]` as JSON lines; writes `ready`, then `true` or `false` for each pair. It imports
nothing of this package: starting it costs what math-verify costs.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys


_MEMORY = 4 << 30


def main() -> None:
    """Answer pairs from standard input."""
    logging.disable(logging.CRITICAL)
    _bound_memory()
    from math_verify import parse, verify

    def same(answer: str, gold: str) -> bool:
        sides = [parse(f"${side}$", parsing_timeout=None) for side in (gold, answer)]
        return bool(verify(*sides, timeout_seconds=None))

    out = sys.stdout
    sys.stdout = sys.stderr  # a library that prints must not write among the verdicts
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        verdict = False
        with contextlib.suppress(Exception, RecursionError, MemoryError):
            verdict = same(*json.loads(line))
        print(json.dumps(verdict), file=out, flush=True)


def _bound_memory() -> None:
    """Let an expression that fills memory fail in this process instead of starving the machine."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
