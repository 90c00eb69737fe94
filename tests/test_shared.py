"""What a process shares is changed while anybody needs it so; asynchronous work is waited for in a notebook too."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import pytest

from mlpo_bench.shared import loop_is_running, waited_for, while_any


def test_the_first_makes_a_change_and_the_last_undoes_it() -> None:
    said: list[str] = []

    @while_any
    @contextlib.contextmanager
    def change() -> Iterator[None]:
        said.append("made")
        yield
        said.append("undone")

    one, other = change(), change()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)  # not the last to come, but the first to leave
    assert said == ["made"]
    other.__exit__(None, None, None)
    assert said == ["made", "undone"]
    with pytest.raises(ValueError, match="a fault"), change():
        raise ValueError("a fault")
    assert said == ["made", "undone"] * 2


async def thread() -> int:
    return threading.get_ident()


def test_work_is_waited_for_here_and_elsewhere_where_a_loop_runs() -> None:
    async def notebook() -> int:
        assert loop_is_running()
        return waited_for(thread)

    assert not loop_is_running()
    assert waited_for(thread) == threading.get_ident()
    assert asyncio.run(notebook()) != threading.get_ident()


def test_a_fault_of_the_work_arrives() -> None:
    async def faulty() -> None:
        raise ValueError("a fault")

    async def notebook() -> None:
        waited_for(faulty)

    with pytest.raises(ValueError, match="a fault"):
        asyncio.run(notebook())
