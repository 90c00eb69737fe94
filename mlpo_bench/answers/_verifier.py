"""Run as a script: compares mathematical values, one pair a line, until its input ends.

It lives in a process of its own, as an expression may take forever or all memory to simplify. The system ends it then,
and when the process that started it dies, whatever it is computing: what is computed in C hears of neither. Called
with that process's number and the most seconds of computing for one pair, it reads `[answer, gold]` as JSON lines;
writes `ready`, then `[verdict, seconds]` for each pair: whether they are equal, and the processor's time that it took
to say so. It imports nothing of this package: starting it costs what math-verify costs.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from types import FrameType

_MEMORY = 2 << 30
_SECONDS = 1.5  # of computing, where Python can interrupt it
_PR_SET_PDEATHSIG = 1
_DIGITS = 50
# A decimal of so many places stands for what it was rounded from: 0.333333 for 1/3.
_PLACES = 6
_EXACT = 1e-30


def main() -> None:
    """Answer pairs from standard input."""
    parent, most_seconds = int(sys.argv[1]), float(sys.argv[2])
    logging.disable(logging.CRITICAL)
    _die_with(parent)
    _bound_memory()
    from math_verify import LatexExtractionConfig, grader, parse, verify

    # Its own calls values equal whose difference is small, however small they are themselves.
    grader.sympy_numeric_eq = _numeric_equal
    as_latex = [LatexExtractionConfig()]

    def same(answer: str, gold: str) -> bool:
        sides = [
            parse(f"${side}$", as_latex, fallback_mode="no_fallback", parsing_timeout=None) for side in (gold, answer)
        ]
        if not all(sides):
            return False
        return any(bool(verify(*pair, timeout_seconds=None)) for pair in (sides, _with_imaginary_unit(sides)) if pair)

    timed = hasattr(signal, "setitimer")  # Windows has none: there whoever started this ends it
    if timed:
        signal.signal(signal.SIGVTALRM, _give_up)
    out = sys.stdout
    sys.stdout = sys.stderr  # a library that prints must not write among the verdicts
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        verdict, started = False, time.process_time()
        with contextlib.suppress(Exception, RecursionError, MemoryError):
            if timed:
                signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
                signal.setitimer(signal.ITIMER_PROF, most_seconds)  # nobody handles it: it ends the process
            try:
                verdict = same(*json.loads(line))
            finally:
                if timed:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                    signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps([verdict, time.process_time() - started]), file=out, flush=True)


def _with_imaginary_unit(sides: list[list[Any]]) -> list[list[Any]] | None:
    """Return two parsed sides with i as the imaginary unit, where i is the only letter of either."""
    from sympy import Basic, I, expand_complex

    letters = {one for side in sides for part in side if isinstance(part, Basic) for one in part.free_symbols}
    if {one.name for one in letters} != {"i"}:
        return None
    unit = dict.fromkeys(letters, I)
    return [
        [expand_complex(part.xreplace(unit)) if isinstance(part, Basic) else part for part in side] for side in sides
    ]


def _numeric_equal(one: Any, other: Any, float_rounding: int, numeric_precision: int) -> bool:  # noqa: ANN401 - sympy's
    """Return whether two numbers are equal: exactly, or to rounding where one of them is a decimal."""
    from sympy import Float, MatrixBase, Rational

    del float_rounding, numeric_precision
    if isinstance(one, MatrixBase) and isinstance(other, MatrixBase):
        return one.shape == other.shape and all(
            _numeric_equal(a, b, 0, 0) for a, b in zip(one.flat(), other.flat(), strict=True)
        )
    try:
        one, other = one.doit(), other.doit()
        exact = [side.xreplace({f: Rational(str(f)) for f in side.atoms(Float)}) for side in (one, other)]
        if exact[0] == exact[1] or any(side.is_infinite for side in exact):
            return bool(exact[0] == exact[1])
        difference = exact[0] - exact[1]
        if difference.free_symbols:
            return bool(difference.equals(0))
        apart = abs(difference.evalf(_DIGITS))
        places = [len(str(side).partition(".")[2].rstrip("0")) for side in (one, other) if isinstance(side, Float)]
        rounded = len(places) == 1 and places[0] >= _PLACES
        near = max(abs(side.evalf(_DIGITS)) for side in exact) * _EXACT
        return bool(apart <= near) or (rounded and bool(apart <= Rational(1, 2 * 10 ** places[0])))
    except (TypeError, ValueError, AttributeError, ZeroDivisionError):
        return False


def _give_up(_signum: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _die_with(parent: int) -> None:
    """Have the system kill this process when its parent dies; elsewhere than on Linux its input's end must do."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        sys.exit()


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
