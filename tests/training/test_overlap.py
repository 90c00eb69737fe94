"""Train questions are held against the test questions of all suites, with options or without."""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlpo_bench import questions
from mlpo_bench.errors import UsageError
from mlpo_bench.questions import Entry, Source, in_order, loading
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.training import overlap
from mlpo_bench.training.overlap import HeldOut


if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKED_FOR = overlap._at_hand.__wrapped__
OPEN = "What is the sum of 1 and 2?"
LISTED = f"{OPEN}\nOptions:\n(A) three\n(B) four"


def against(*texts: str) -> HeldOut:
    """Return made-up test questions to be held against."""
    return HeldOut({key: str(n) for n, text in enumerate(texts) for key in overlap._kept(text)})


@pytest.mark.parametrize(
    ("train", "test", "alike"),
    [
        (OPEN, OPEN, True),
        ("what is  the SUM of 1\nand 2?", OPEN, True),
        (OPEN, LISTED, True),
        (LISTED, OPEN, True),
        (LISTED, LISTED, True),
        (f"{OPEN}\nOptions:\n(A) four\n(B)  Three", LISTED, True),
        (f"{OPEN}\nOptions:\n(A) three\n(B) five", LISTED, False),
        (f"{OPEN}\nOptions:\n(A) three\n(B) four\n(C) five", LISTED, False),
        ("What is the sum of 1 and 3?", OPEN, False),
        ("Options:\n(A) three\n(B) four", LISTED, False),
    ],
)
def test_a_question_is_the_same_with_its_options_in_any_order_or_with_none(train: str, test: str, alike: bool) -> None:
    assert against(test).same(train) == ("0" if alike else None)


def test_the_first_overlaps_are_named_and_the_others_counted() -> None:
    found = overlap.same([(f"t{n}", OPEN) for n in range(5)] + [("other", "What else?")], against("?", LISTED))
    assert found == dict.fromkeys(("t0", "t1", "t2", "t3", "t4"), "1")
    assert overlap.named(found) == "t0 is 1; t1 is 1; t2 is 1; and 2 more"
    assert overlap.named({"a": "b"}) == "a is b"


def test_every_suite_is_asked_for_and_those_that_are_not_here_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def found(self: object, suite: str, data: Path | None) -> tuple[list[Entry], Source]:
        asked.append(suite)
        if suite == "gsm8k":
            raise questions.Absent("it is nowhere")
        entry = Entry.of(suite, "x", 0, f"Made up for {suite}?", "1", "number", tested=True)
        return [entry], Source("wheel", type(self).__name__, str(data))

    for place in (questions.Hub, questions.Package, questions.Generated, questions.Folder):
        monkeypatch.setattr(place, "read", found)
    monkeypatch.setattr(overlap, "_at_hand", LOOKED_FOR)
    loading.forget()
    (tmp_path / "boolq").mkdir()
    ticks: list[int] = []
    everywhere = overlap.everything_tested(str(tmp_path), lambda: ticks.append(1))
    loading.forget()
    assert set(asked) == set(in_order())
    assert everywhere.absent == ("gsm8k",)
    assert len(ticks) == len(in_order())
    assert everywhere.same("made up for bbeh?") == "bbeh/x/0"


def test_a_suite_of_the_data_folder_that_is_at_fault_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "_at_hand", lambda _: {})
    (tmp_path / "boolq").mkdir()
    (tmp_path / "boolq" / "dev.jsonl").write_text(json.dumps({"question": "?"}))
    with pytest.raises(UsageError, match="boolq"):
        overlap.everything_tested(str(tmp_path), lambda: None)


@pytest.mark.data
def test_no_train_split_of_any_suite_has_a_question_that_is_tested_but_those_that_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By exact content no two suites share a question; MMLU and MATH share some that differ by their options."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    if beside.is_dir() and "MLPO_BENCH_DATA" not in os.environ:
        monkeypatch.setenv("MLPO_BENCH_DATA", str(beside))
    monkeypatch.setattr(overlap, "_at_hand", LOOKED_FOR)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    loading.forget()
    here = {name: questions.find(name) for name in in_order()}
    train: dict[str, Sequence[questions.Item]] = {}
    test: dict[str, Sequence[questions.Item]] = {}
    for name, suite in here.items():
        for split, kept in (("train", train), ("test", test)):
            try:
                loaded = questions.load(suite, split)
            except UsageError:
                continue
            if loaded.source.kind != "shots":
                kept[name] = loaded.items
    if not {"bbh", "mmlu", "math", "bbeh"} <= test.keys():
        pytest.skip(f"only {', '.join(test)} are here")
    exact = {fingerprint(item.text): item.id for item in chain(*test.values())}
    assert [item.id for item in chain(*train.values()) if fingerprint(item.text) in exact] == []
    everywhere = overlap.everything_tested(None, lambda: None)
    found = overlap.same([(item.id, item.text) for item in chain(*train.values())], everywhere)
    between = {(mine.partition("/")[0], theirs.partition("/")[0]) for mine, theirs in found.items()}
    assert between <= {("math", "mmlu"), ("mmlu", "math"), ("mmlu", "math_500")}
    loading.forget()
