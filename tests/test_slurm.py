"""The job scripts of `examples/slurm`, with a person's own commands in the place of SLURM's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPT = "- say: [The answer is (A)., The answer is (B)., The answer is Yes.]\n  delay: {delay}\n"
TEAM = "leader: {model: script.yaml, engine: scripted}\npeers:\n  - {model: script.yaml, engine: scripted, count: 3}\n"
LIKE = ("--executor", "local", "--limit", "27")
COMMANDS = {
    "srun": 'echo $$ > srun.pid\nexec "$@"\n',
    "scontrol": 'echo "$@" >> scontrol.log\n',
    "mlpo-bench": f'exec {sys.executable} -m mlpo_bench "$@"\n',
}


@pytest.fixture
def job(tmp_path: Path, made_up: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a job script in a folder of its own, as a batch system does."""
    for name in ("array.sh", "collect.sh"):
        shutil.copy(EXAMPLES / "slurm" / name, tmp_path)
    shutil.copy(EXAMPLES / "suite" / "capitals.csv", tmp_path)
    (tmp_path / "team.yaml").write_text(TEAM)
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in COMMANDS.items():
        (commands / name).write_text(f"#!/usr/bin/env bash\n{text}")
        (commands / name).chmod(0o755)

    def start(script: str, *, task: int = 0, delay: float = 0.0) -> subprocess.Popen[str]:
        (tmp_path / "script.yaml").write_text(SCRIPT.format(delay=delay))
        environment = {
            **os.environ,
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "MLPO_BENCH_DATA": str(made_up),
            "SUITES": "bbh capitals.csv",
            "SLURM_ARRAY_JOB_ID": "7",
            "SLURM_ARRAY_TASK_ID": str(task),
        }
        command = ["bash", script, *LIKE]
        return subprocess.Popen(
            command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    return start


def ended(job: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = job.communicate(timeout=300)
    return job.returncode, errors


def results(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return content


def test_a_task_that_is_taken_back_goes_on_and_all_come_together(
    job: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    first = job("array.sh", delay=0.5)
    under_way = tmp_path / "mlpo" / "runs" / "bbh" / "manifest.json"
    for _ in range(3_000):
        if under_way.exists():
            break
        time.sleep(0.1)
    time.sleep(0.5)
    os.kill(int((tmp_path / "srun.pid").read_text()), signal.SIGTERM)
    code, errors = ended(first)
    assert code == 143, errors
    assert (tmp_path / "scontrol.log").read_text() == "requeue 7_0\n"
    assert ended(job("array.sh", delay=0.5)) == (0, "")
    assert ended(job("array.sh", task=1, delay=0.5)) == (0, "")
    assert (tmp_path / "scontrol.log").read_text() == "requeue 7_0\n"
    parts = [results(tmp_path / "mlpo" / "runs" / name) for name in ("bbh", "capitals")]
    assert ended(job("collect.sh", delay=0.5)) == (0, "")
    whole = tmp_path / "mlpo" / "runs" / "all"
    assert results(whole)["cells"] == [cell for part in parts for cell in part["cells"]]
    (session,) = json.loads((whole / "manifest.json").read_text())["sessions"]
    assert session["completions"]["made"] == 0


def test_the_scripts_are_sound_bash() -> None:
    for script in sorted((EXAMPLES / "slurm").glob("*.sh")):
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
        assert script.read_text().startswith("#!/usr/bin/env bash\n")


def test_the_team_of_the_array_fits_a_machine_of_eight_gpus() -> None:
    from mlpo_bench.engines.cluster.opening import _check, _needs, _together
    from mlpo_bench.teams import read_team

    has = {"CPU": 32.0, "GPU": 8.0}
    groups = _together(read_team(EXAMPLES / "slurm" / "team.yaml").specs)
    assert len(groups) == 1  # all seats are answered for by the same eight
    _check(has, groups, [_needs(group[0], has) for group in groups])
