"""The proof on a tiny model: killed, moved to a machine that knows nothing, and taken up, it ends the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


PROJECT = Path(__file__).parents[2]
SAYS = (":", "<think>"), ("<think>", "S"), ("S", "</think>"), ("</think>", "<answer>"), ("<answer>", "Yes"), \
    ("<answer>", "No"), ("Yes", "</answer>"), ("No", "</answer>"), ("</answer>", "</s>")  # fmt: skip


def answering(tiny_leader: ModuleType, folder: Path) -> Path:
    """Make a tiny model that answers in the required form, with yes or no as often."""
    import torch

    tokenizer, model = tiny_leader.tokenizer(), tiny_leader.model()
    ids = {token: tokenizer.convert_tokens_to_ids(token) for pair in SAYS for token in pair}
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.zero_()
        model.lm_head.weight.zero_()
        for place, token in enumerate(ids):
            model.model.embed_tokens.weight[ids[token], place] = 1.0
        for token, then in SAYS:
            model.lm_head.weight[ids[then], list(ids).index(token)] = 2.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Proof:
    """A checkout of the project, as far as the proof needs it, on a machine of its own."""

    def __init__(self, root: Path, base: Path, data: Path) -> None:
        self.root, self.data = root, data
        self.here = root / "training" / "proof"
        self.work, self.saved = self.here / "work-small", self.here / "saved-small"
        shutil.copytree(
            PROJECT / "training" / "proof", self.here, ignore=shutil.ignore_patterns("work*", "saved*", "__pycache__")
        )
        for file in self.here.glob("*.yaml"):
            file.write_text(file.read_text().replace("model: smollm2-135m", f"model: {base}, engine: hf"))

    def start(self, *words: str, forked: bool = False) -> subprocess.Popen[str]:
        through = [Path(__file__).with_name("forked_commands.py")] if forked else []
        command = [sys.executable, *through, self.here / "run", "--small", "--data", self.data, *words]
        environment = os.environ | {"PYTHONPATH": str(PROJECT), "XDG_CACHE_HOME": str(self.root / "cache")}
        return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True)

    def __call__(self, *words: str) -> str:
        process = self.start(*words, forked="--status" not in words)
        told, _ = process.communicate()
        assert process.returncode == 0, told
        return told

    @property
    def result(self) -> dict[str, Any]:
        """What must not depend on how often it was interrupted."""
        weights = {path.parent.name: path.read_bytes() for path in self.saved.glob("leaders/*/*.safetensors")}
        return {"weights": weights, "results": json.loads((self.saved / "results.json").read_text())}


def test_a_plan_is_told_and_nothing_done(tmp_path: Path, made_up: Path) -> None:
    proof = Proof(tmp_path, Path("nowhere"), made_up)
    told = proof("--status")
    assert "min  bbh, untrained: solo, leader 1 round, pick, oracle, votes of 4 to 8" in told
    assert "min  train mlpo" in told
    assert not proof.work.exists()
    assert not proof.saved.exists()


@pytest.mark.model
@pytest.mark.timeout(1800)
def test_killed_and_moved_it_ends_the_same(tiny_leader: ModuleType, tmp_path: Path, made_up: Path) -> None:
    pytest.importorskip("trl")
    base = answering(tiny_leader, tmp_path / "base")
    whole = Proof(tmp_path / "whole", base, made_up)
    told = whole("--until", "2a")
    assert "2a  sft, and mlpo from it: alone and led once: done" in told
    assert set(whole.result["weights"]) == {"sft", "mlpo"}
    page = (whole.saved / "leaders" / "README.md").read_text()
    assert "| trained against untrained leader |" in page
    assert "| [mlpo](mlpo/README.md) | sft+mlpo | 8 of bbh |" in page

    broken = Proof(tmp_path / "broken", base, made_up)
    process = broken.start("--until", "2a")
    under_way = broken.work / "trainings" / "mlpo" / "mlpo"
    while not (under_way / "checkpoint-1" / "trainer_state.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()  # returns when the command that it had under way has ended as well
    assert not (under_way.parent / "export").exists()
    broken("--save")
    shutil.rmtree(broken.work)
    shutil.rmtree(broken.root / "cache")
    told = broken("--until", "2a")
    assert "train unpack" in told
    assert broken.result == whole.result
    assert not re.search(r"\b0 completions", broken("--save"))
    assert not list(broken.saved.glob("trainings/mlpo.tar.zst"))  # it is done
    assert list(broken.saved.glob("trainings/sft.tar.zst"))  # the seeds go on from it
    again = broken("--until", "2a")
    assert "$ mlpo-bench run" not in again
    assert "$ mlpo-bench train" not in again

    matrix = broken.here / "matrix.yaml"  # one that grows, as by a leader that is tried later
    matrix.write_text(matrix.read_text().replace("\nteams:\n", "\nteams:\n  another: team.yaml\n"))
    for done in (broken.work / "done").glob("bbh.mlpo.*"):
        done.unlink()
    assert "--add" in broken("--until", "2a")
    assert broken.result == whole.result
