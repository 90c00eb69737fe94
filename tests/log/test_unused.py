"""Completions that no conversation of a run uses are kept with it, once each."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.log.completions import Kept
from mlpo_bench.log.unused import add_unused, read_unused, write_unused


if TYPE_CHECKING:
    from pathlib import Path

MADE = Completion("No.", Usage(20, 0, 2), "stop", 0.5)
ONE, TWO, THREE = (Kept(bytes([n]) * 32, MADE) for n in (1, 2, 3))


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    return SimpleNamespace(unused_path=tmp_path / "unused.jsonl.zst", config=SimpleNamespace(digest="0123"))


def test_they_are_added_up_in_one_order_and_once_each(folder: Any) -> None:
    add_unused(folder, [])
    assert not folder.unused_path.exists()
    add_unused(folder, [THREE, ONE])
    add_unused(folder, [TWO, THREE._replace(made=replace(MADE, text="Yes."))])
    assert list(read_unused(folder)) == [ONE, TWO, THREE]
    before = folder.unused_path.read_bytes()
    write_unused(folder, [TWO, ONE, THREE])
    assert folder.unused_path.read_bytes() == before


def test_layers_keep_answers_of_their_own(folder: Any) -> None:
    other = ONE._replace(made=replace(MADE, text="Yes."), layer=1)
    add_unused(folder, [other])
    add_unused(folder, [ONE])
    assert list(read_unused(folder)) == [ONE, other]


def test_a_damaged_file_is_begun_anew(folder: Any) -> None:
    folder.unused_path.write_bytes(b"nonsense")
    add_unused(folder, [ONE])
    assert list(read_unused(folder)) == [ONE]
