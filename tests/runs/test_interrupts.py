"""How a wait for answers under way is told."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from mlpo_bench.errors import Stopped, StoppedAtOnce
from mlpo_bench.runs import interrupts


class Asking:
    """Stands for a dispatch with answers under way."""

    def __init__(self, in_flight: int) -> None:
        self.in_flight, self.stopped = in_flight, False

    def stop(self) -> None:
        self.stopped = True


def stopped(asking: Asking, signum: int, seconds: float) -> tuple[list[str], Stopped]:
    """Return what is said, and what ends the work, where a signal comes and so many seconds of work are left."""
    said: list[str] = []

    async def work() -> None:
        with interrupts.stopped_by_interrupts(asking, said.append):  # type: ignore[arg-type]
            os.kill(os.getpid(), signum)
            for _ in range(round(seconds / 0.05)):
                await asyncio.sleep(0.05)
                asking.in_flight -= asking.in_flight > 1
            raise Stopped

    with pytest.raises(Stopped) as stop:
        asyncio.run(work())
    return said, stop.value


def test_the_wait_after_ctrl_c_counts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "SAID_EVERY_S", 0.15)
    monkeypatch.setattr(interrupts, "_SETTLED_AT_LAST", 1)
    said, stop = stopped(Asking(9), signal.SIGINT, 0.7)
    assert said[0].startswith("Stopping: nothing more is asked; waiting for ")
    assert said[0].endswith("answers under way. Ctrl-C again stops at once.")
    left = [int(line.split()[-4]) for line in said[1:]]
    assert len(left) >= 2
    assert left == sorted(set(left), reverse=True)
    assert not isinstance(stop, StoppedAtOnce)
    assert stop.signum == signal.SIGINT


def test_pre_emption_waits_for_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE_S", 0.2)
    said, stop = stopped(Asking(1), signal.SIGTERM, 30)
    assert "waiting up to 0.2 s for 1 answer under way" in said[0]
    assert isinstance(stop, StoppedAtOnce)
    assert stop.signum == signal.SIGTERM


def test_what_handled_signals_before_does_so_again() -> None:
    def own(*_: object) -> None:
        raise AssertionError

    before = {signum: signal.signal(signum, own) for signum in interrupts.SIGNALS}
    try:
        stopped(Asking(0), signal.SIGINT, 0.1)
        assert all(signal.getsignal(signum) is own for signum in interrupts.SIGNALS)
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
