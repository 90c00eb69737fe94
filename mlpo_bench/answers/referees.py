"""Processes that compare mathematical expressions, each ended and replaced where it takes too long.

They are plain child processes on pipes, so they work from any thread, beside any event loop, and need nothing of the
program's main module. They end when their input closes and when this program dies, so they never hold up an exit, nor
outlive it. How long a comparison may take is counted in the processor's time: a busy machine changes no verdict.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from mlpo_bench.errors import EngineError


_SCRIPT = Path(__file__).with_name("_verifier.py")
_START_SECONDS = 120.0
_ATTEMPTS = 2
_SPARE = 2
# Where the system counts no processor's time for us, and for what hangs without computing.
_TIMED = hasattr(signal, "setitimer")
_HANGS_AFTER_S = 60.0
_DIES_WITHIN_S = 5.0


class Verdict(NamedTuple):
    """Whether two values are equal, and the processor's seconds that it took to say so."""

    equal: bool
    seconds: float


class _Referee:
    """One process. Used by one thread at a time.

    `overdue` once it was ended for computing too long, `given_up` for not answering; `fault` says what ended it where
    that tells nothing of an answer: it hung, or the system killed it.

    Making one does not wait until it is ready; its first comparison does, and that wait is not counted against it. The
    process dies with the thread that makes it.

    Args:
        seconds: The most computing for one comparison.
    """

    def __init__(self, seconds: float) -> None:
        self.overdue = False
        self.fault: str | None = None
        self.given_up = False
        self._seconds = seconds
        self._ready = False
        # -P: the script's folder holds this package's modules, which must not shadow a library's.
        self._process = subprocess.Popen(  # noqa: S603 - our own script, run by this interpreter
            [sys.executable, "-P", str(_SCRIPT), str(os.getpid()), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # out of reach of a terminal's Ctrl-C: what is being judged is judged to the end
        )

    def await_start(self) -> None:
        """Wait until the process takes comparisons.

        Raises:
            EngineError: It does not start.
        """
        if self._ready:
            return
        if self._line(_START_SECONDS) != "ready":
            self.end()
            raise EngineError("the process that compares mathematical answers does not start.", transient=False)
        self._ready = True

    def same(self, answer: str, gold: str) -> Verdict | None:
        """Return whether two expressions are equal, or None where the process is dead: out of time, or crashed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps([answer, gold]) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return None
        limit = max(_HANGS_AFTER_S, self._seconds) if _TIMED else self._seconds
        line = self._line(limit)
        if line.startswith("[") and line.endswith("]"):
            return Verdict(*json.loads(line))
        try:
            code = self._process.wait(_DIES_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.end()
        else:
            self._ended(code, limit)
        return None

    def _ended(self, code: int, limit: float) -> None:
        """Put down what ended the process in the midst of a comparison."""
        if _TIMED and self.given_up:
            self.fault = f"neither answered nor computed for {limit:g} s"
        elif _TIMED and code == -signal.SIGKILL:
            self.fault = "was killed, as the system does for want of memory"
        else:
            self.overdue = self.given_up or (_TIMED and code == -signal.SIGPROF)

    def _line(self, seconds: float) -> str:
        """Return the next line, or an empty one where none came in time; the process is killed then."""
        assert self._process.stdout is not None
        alarm = threading.Timer(seconds, self._give_up)
        alarm.daemon = True
        alarm.start()
        try:
            return self._process.stdout.readline().strip()
        finally:
            alarm.cancel()

    def _give_up(self) -> None:
        self.given_up = True
        self._process.kill()

    def end(self) -> None:
        """Kill the process and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class Referees:
    """At most `count` processes, started when first needed.

    Args:
        count: How many may work at once.
        seconds: The most that one comparison may take of a processor's time (of any time, where none is counted).
    """

    def __init__(self, count: int, seconds: float = 2.5) -> None:
        self._count, self._seconds = count, seconds
        self._begin()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):  # a forked child must not write into its parent's pipes
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._seats = threading.BoundedSemaphore(self._count)
        self._lock = threading.Lock()
        self._idle: list[_Referee] = []
        # The thread that starts them lives as long as the program, for they die with it.
        self._starter = ThreadPoolExecutor(1, "referees")

    def _start(self) -> _Referee:
        return self._starter.submit(_Referee, self._seconds).result()

    def same(self, answer: str, gold: str) -> Verdict:
        """Return whether two expressions are equal; what cannot be settled in time is not.

        Raises:
            EngineError: No process can be started, or it hung or was killed, which tells nothing of an answer.
        """
        with self._seats:
            for _ in range(_ATTEMPTS):  # one that died while idle deserves another try; one out of time does not
                referee = self._take()
                referee.await_start()
                verdict = referee.same(answer, gold)
                if verdict is not None:
                    with self._lock:
                        self._idle.append(referee)
                    return verdict
                referee.end()
                if referee.overdue or referee.given_up:
                    with self._lock:
                        while len(self._idle) < _SPARE:  # they start while others are judged
                            self._idle.append(self._start())
                    break
        if referee.fault is not None:
            raise EngineError(f"the process that compares mathematical answers {referee.fault}.", transient=False)
        return Verdict(equal=False, seconds=self._seconds)

    def _take(self) -> _Referee:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._start()

    def close(self) -> None:
        """End every idle process."""
        with self._lock:
            idle, self._idle = self._idle, []
        for referee in idle:
            referee.end()


shared = Referees(min(4, os.cpu_count() or 1))
"""The referees of this program."""
