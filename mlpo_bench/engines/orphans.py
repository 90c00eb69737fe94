"""No engine process outlives the command that started it, even where that command is killed with -9.

vLLM's engine core goes on when its parent dies without saying so (seen with 0.32: 20 s later it still held its cores
and memory). So a small watchdog process waits for the end of a pipe that only the parent holds, and then kills.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable

# A pidfd names a process for good: a number that was given to another process in the meantime is not killed.
_WATCH = """
import os, signal, sys
watched = []
for pid in map(int, sys.argv[1:]):
    try:
        watched.append(os.pidfd_open(pid))
    except OSError:
        pass
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stdin.read()
for process in watched:
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        pass
"""


class Watchdog:
    """Kills processes when this one dies; on `close` it leaves them alone.

    Args:
        pids: the processes to kill.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        command = [sys.executable, "-I", "-S", "-c", _WATCH, *map(str, pids)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own program

    def close(self) -> None:
        """Stop watching."""
        self._process.kill()
        self._process.communicate()
