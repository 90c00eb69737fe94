"""No engine process outlives the command that started it, even where that command is killed with -9.

vLLM's engine core goes on when its parent dies without saying so (seen with 0.32: 20 s later it still held its cores
and memory), and so do the workers of a core that was killed while they computed. So a small watchdog process waits for
the end of a pipe that only the parent holds, and then kills.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    """Kills processes, and all that they have started by now, when this one dies or says that it is done with them.

    Args:
        pids: the processes.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        watched = dict.fromkeys(one for pid in pids for one in (pid, *descendants(pid)))
        command = [sys.executable, "-I", "-S", "-c", _WATCH, *map(str, watched)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own program

    def close(self) -> None:
        """Kill what still runs of them: whoever was to end them has done what it does."""
        self._process.communicate()


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and those that these have started; none where /proc is not."""
    children = defaultdict(list)
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything; behind it stand the state and the parent.
            parent = status.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue  # it has ended since
        children[int(parent)].append(int(status.parent.name))
    waiting = children[pid]
    while waiting:
        yield (one := waiting.pop())
        waiting += children[one]
