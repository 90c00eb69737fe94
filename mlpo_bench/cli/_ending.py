"""How a command ends that is stopped before it is done: it says what is kept and how to go on, on one whole line."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from mlpo_bench.atomic import end_by


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Handler = Callable[[int, Any], None]

_BY_SIGNAL = 128


@contextlib.contextmanager
def ending(words: str, *, leave: Callable[[], None] | None = None) -> Iterator[None]:
    """End the command with some words when it is stopped while inside.

    The exit code is 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP. A signal interrupts what is inside; with
    `leave`, whose waits may be long and hold nothing that would be lost, the process ends at once instead, after that
    was called.
    """
    from mlpo_bench.errors import Stopped, StoppedAtOnce
    from mlpo_bench.runs.interrupts import let_go_of_terminal

    received: list[int] = []

    def interrupt(signum: int, _frame: object) -> None:
        received.append(signum)
        raise KeyboardInterrupt

    def end(signum: int) -> None:
        let_go_of_terminal()
        with contextlib.suppress(Exception):
            leave and leave()
        _say(words)
        _leave(signum)

    with _interrupted(interrupt) if leave is None else _ended(end):
        try:
            yield
        except Stopped as stop:
            _say(words)
            if isinstance(stop, StoppedAtOnce):
                _leave(stop.signum)  # nothing is waited for; engines end with this process
            raise typer.Exit(_BY_SIGNAL + stop.signum) from None
        except (KeyboardInterrupt, Exception) as fault:
            if not _is_interrupt(fault):
                raise
            _say(words)
            raise typer.Exit(_BY_SIGNAL + (received or [signal.SIGINT])[0]) from None


def _is_interrupt(fault: BaseException | None) -> bool:
    """Whether a fault is an interrupt, or told in place of one: where classes are made Python raises another."""
    while fault is not None and not isinstance(fault, KeyboardInterrupt):
        fault = fault.__cause__
    return fault is not None


@contextlib.contextmanager
def _interrupted(handler: Handler) -> Iterator[None]:
    """Have signals that tell the process to end interrupt what is inside, and Ctrl-C in Python's own way.

    That way, which asyncio knows and makes use of, is not set in a process that `mlpo_bench.__main__` began.
    """
    before = signal.getsignal(signal.SIGINT)
    ours = before in {signal.SIG_DFL, end_by} and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with _handled(handler, ctrl_c=False):
            yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _ended(end: Callable[[int], None]) -> Iterator[None]:
    """Have a thread of its own end the process at a signal: the main one may wait for what takes a minute."""
    with _handled(lambda *_: None, ctrl_c=True) as signals:
        if not signals:
            yield
            return
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)

        def watch() -> None:
            while received := ours.recv(1):
                if received[0] in signals:
                    end(received[0])

        watching = threading.Thread(target=watch, name="signals", daemon=True)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        watching.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            theirs.close()
            watching.join()
            ours.close()


@contextlib.contextmanager
def _handled(handler: Handler, *, ctrl_c: bool) -> Iterator[list[int]]:
    """Have signals handled while inside, and tell which: not those that the process ignores, and none in a thread."""
    from mlpo_bench.runs.interrupts import SIGNALS

    here = threading.current_thread() is threading.main_thread()
    wanted = [s for s in SIGNALS if here and (ctrl_c or s != signal.SIGINT)]
    before = {s: signal.signal(s, handler) for s in wanted if signal.getsignal(s) is not signal.SIG_IGN}
    try:
        yield list(before)
    finally:
        for signum, earlier in before.items():
            signal.signal(signum, earlier)


def _say(words: str) -> None:
    """Write to standard error, past what Python may be writing there as the signal comes."""
    with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
        os.write(sys.stderr.fileno(), f"{words}\n".encode(errors="backslashreplace"))


def _leave(signum: int) -> NoReturn:
    """End this process and those that it started, whatever they are at."""
    import multiprocessing

    for child in multiprocessing.active_children():
        child.kill()
    os._exit(_BY_SIGNAL + signum)
