"""What lm-eval is told of ours, it finds outside a checkout as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


Cli = Any
ROOT = Path(__file__).parents[2]


def test_the_folder_of_tasks_is_printed_alone(mlpo_bench: Cli) -> None:
    said = mlpo_bench("tasks")
    assert (said.out, said.err) == (f"{ROOT / 'tasks'}\n", "")


def test_a_model_s_folder_is_printed_alone(mlpo_bench: Cli, tiny_model: Path) -> None:
    said = mlpo_bench("models", "--path", tiny_model)
    assert (said.out, said.err) == (f"{tiny_model}\n", "")
    assert "no such model" in mlpo_bench("models", "--path", "/no/such").err


def test_the_embedded_model_is_told_with_its_place(mlpo_bench: Cli) -> None:
    said = " ".join(mlpo_bench("models").out.split())
    assert (
        "smollm2-135m lies in its wheel, until it is first used; `mlpo-bench models --path smollm2-135m` prints" in said
    )


@pytest.fixture
def tiny_model(tmp_path: Path, tiny: Any) -> Path:
    del tiny
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"-")
    return tmp_path / "model"


@pytest.mark.model
def test_the_documentation_s_line_works_from_an_installed_wheel(tmp_path: Path) -> None:
    """The wheel is unpacked into a folder of its own, and the line of docs/lm-eval.md runs in another."""
    (tmp_path / "wheel").mkdir()
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheel")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "bin").mkdir()
    for name, module in (("mlpo-bench", "mlpo_bench"), ("lm-eval", "lm_eval")):
        script = tmp_path / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        script.chmod(0o755)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(installed)], check=True)
    page = (ROOT / "docs" / "lm-eval.md").read_text(encoding="utf-8")
    line = page[page.index("    lm-eval run") :].partition("\n\n")[0]
    assert "mlpo-bench tasks" in line
    assert "mlpo-bench models --path smollm2-135m" in line
    environment = os.environ | {
        "PYTHONPATH": str(installed),
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "HF_DATASETS_OFFLINE": "1",
    }
    short = f"{line.replace('--limit 10', '--limit 2')} --gen_kwargs max_gen_toks=8"
    done = subprocess.run(
        ["sh", "-c", short], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "mlpo_mmlu_anatomy" in done.stdout
