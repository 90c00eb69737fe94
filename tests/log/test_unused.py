"""Completions that no conversation of a run uses are kept with it, once each."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.harness.verdicts import Judged, TurnVerdict, Verdict
from mlpo_bench.log.completions import Kept
from mlpo_bench.log.transcripts import TranscriptWriter, to_line
from mlpo_bench.log.unused import add_unused, forget_used, read_unused, write_unused
from mlpo_bench.protocols import Transcript, Turn
from mlpo_bench.questions import Question
from mlpo_bench.store import Maker


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
    add_unused(folder, [TWO, TWO, THREE._replace(made=replace(MADE, text="Yes."))])
    assert list(read_unused(folder)) == [ONE, TWO, THREE]
    before = folder.unused_path.read_bytes()
    write_unused(folder, [TWO, ONE, THREE])
    assert folder.unused_path.read_bytes() == before


def test_layers_keep_answers_of_their_own(folder: Any) -> None:
    other = ONE._replace(made=replace(MADE, text="Yes."), layer=1)
    add_unused(folder, [other])
    add_unused(folder, [ONE])
    assert list(read_unused(folder)) == [ONE, other]


def test_who_made_them_is_kept(folder: Any) -> None:
    by = Maker("org/one", "vllm", "sha256:0123456789abcdef")
    add_unused(folder, [TWO._replace(by=by), ONE])
    assert list(read_unused(folder)) == [ONE, TWO._replace(by=by)]


def test_a_damaged_file_is_begun_anew(folder: Any) -> None:
    folder.unused_path.write_bytes(b"nonsense")
    add_unused(folder, [ONE])
    assert list(read_unused(folder)) == [ONE]


def test_what_a_cell_that_did_not_end_has_used_so_far_is_kept(folder: Any, tmp_path: Path) -> None:
    add_unused(folder, [ONE, TWO])
    folder.path = tmp_path
    (tmp_path / "transcripts").mkdir()
    writers = [TranscriptWriter(tmp_path / "transcripts" / f"{name}.jsonl.zst") for name in ("ended", "begun")]
    for writer, one in zip(writers, (ONE, TWO), strict=True):
        turn = Turn("leader", 0, 0, 0, (), "No.", None, MADE.usage, "stop", 0.5, one.request)
        done = Transcript(Question("bbh", "navigate", "bbh/navigate/1", "?", "yes_no"), (turn,), "No.")
        writer.put(to_line(Judged(done, Verdict(None, right=False), (TurnVerdict(None, right=False),))))
    writers[0].finish()
    writers[1]._append()  # as where there is much of it
    forget_used(folder)
    assert list(read_unused(folder)) == [TWO]
