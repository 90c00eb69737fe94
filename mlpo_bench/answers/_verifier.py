"""Run as a script: compares mathematical values, one pair a line, until its input ends.

It lives in a process of its own, as an expression may take forever or all memory to simplify; whoever started it
kills it then. Reads `[answer, gold]` as JSON lines; writes `ready`, then `[verdict, seconds]` for each pair: whether
they are equal, and the processor's time that it took to say so. It imports nothing
of this package: starting it costs what math-verify costs.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import sys
import time
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from types import FrameType

_MEMORY = 4 << 30
_SECONDS = 1.5  # of computing; what cannot be interrupted is ended by whoever started this
_DIGITS = 50
# A decimal stands for what it was rounded from where it is right to six places, and to as many digits: 0.333333 is 1/3.
_PLACES, _ROUNDED = 0.5e-6, 1.5e-6
_EXACT = 1e-30


def main() -> None:
    """Answer pairs from standard input."""
    logging.disable(logging.CRITICAL)
    _bound_memory()
    from math_verify import LatexExtractionConfig, grader, parse, verify

    grader.sympy_numeric_eq = (
        _numeric_equal  # its own calls values equal whose difference is small, however small they are
    )
    as_latex = [LatexExtractionConfig()]

    def same(answer: str, gold: str) -> bool:
        sides = [
            parse(f"${side}$", as_latex, fallback_mode="no_fallback", parsing_timeout=None) for side in (gold, answer)
        ]
        return all(sides) and bool(verify(*sides, timeout_seconds=None))

    signal.signal(signal.SIGVTALRM, _give_up)
    out = sys.stdout
    sys.stdout = sys.stderr  # a library that prints must not write among the verdicts
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        verdict, started = False, time.process_time()
        with contextlib.suppress(Exception, RecursionError, MemoryError):
            signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
            try:
                verdict = same(*json.loads(line))
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        print(json.dumps([verdict, time.process_time() - started]), file=out, flush=True)


def _numeric_equal(one: Any, other: Any, float_rounding: int, numeric_precision: int) -> bool:  # noqa: ANN401 - sympy's
    """Return whether two numbers are equal: exactly, or to rounding where one of them is a decimal."""
    from sympy import Float, MatrixBase

    del float_rounding, numeric_precision
    if isinstance(one, MatrixBase) and isinstance(other, MatrixBase):
        return one.shape == other.shape and all(
            _numeric_equal(a, b, 0, 0) for a, b in zip(one.flat(), other.flat(), strict=True)
        )
    try:
        one, other = one.doit(), other.doit()
        if one == other:
            return True
        if one.free_symbols or other.free_symbols:
            return bool((one - other).equals(0))
        rounded = bool(one.atoms(Float) or other.atoms(Float))
        difference = abs((one - other).evalf(_DIGITS))
        larger = max(abs(side.evalf(_DIGITS)) for side in (one, other))
        return bool(difference <= (min(_PLACES, larger * _ROUNDED) if rounded else larger * _EXACT))
    except (TypeError, ValueError, AttributeError, ZeroDivisionError):
        return False


def _give_up(_signum: int, _frame: FrameType | None) -> None:
    raise TimeoutError


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
