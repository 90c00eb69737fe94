"""What an installed package holds: tasks and recipes travel in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mlpo_bench.harness._files import tasks_folder
from mlpo_bench.questions import SUITES


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_tasks_and_recipes_travel_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    for suite in SUITES.values():
        name = suite.name
        tasks = {f"mlpo_bench/_files/tasks/{name}/{subject}.yaml" for subject in suite.subjects}
        assert tasks < held
        assert f"mlpo_bench/_files/tasks/{name}/_base" in held
    recipes = (
        "README.md",
        "smollm2-cpu.yaml",
        "smollm2-gpu.yaml",
        "paper-7b.yaml",
        "pacore-style.yaml",
        "multi-node.yaml",
    )
    assert {f"mlpo_bench/_files/recipes/{name}" for name in recipes} < held
    assert "mlpo_bench/training/templates/backtrack.txt" in held
    assert "mlpo_bench/protocols/prompts/leader.txt" in held
    assert {f"mlpo_bench/matrix/shipped/{name}.yaml" for name in ("default", "leaderboard")} < held
    assert {f"mlpo_bench/reports/html/{name}" for name in ("page.html", "page.css", "core.js")} < held
    assert {
        f"mlpo_bench/reports/html/vendor/{name}" for name in ("temml.min.js", "Temml.woff2", "temml-LICENSE")
    } < held
    assert "mlpo_bench/leaderboard/templates/page.html" in held
    assert "mlpo_bench/py.typed" in held


def test_the_wheel_holds_no_tests_and_no_benchmark_data(wheel: zipfile.ZipFile) -> None:
    roots = {name.split("/")[0].split("-")[0] for name in wheel.namelist()}
    assert roots == {"mlpo_bench"}
    assert not [n for n in wheel.namelist() if n.endswith((".json", ".jsonl", ".arrow", ".csv"))]


def test_an_installed_package_finds_its_own_tasks(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = "from mlpo_bench.harness._files import tasks_folder; print(tasks_folder())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == tmp_path / "mlpo_bench" / "_files" / "tasks"
    assert tasks_folder() == ROOT / "tasks"


def test_the_command_and_the_model_are_entry_points(wheel: zipfile.ZipFile) -> None:
    (told,) = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    assert b"mlpo-bench = mlpo_bench.__main__:main\n" in wheel.read(told)
    (model,) = entry_points(group="lm_eval.models", name="mlpo-team")
    assert model.load().__name__ == "TeamLM"
