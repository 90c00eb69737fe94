"""The contracts in `pyproject.toml` hold, and break where an arrow is turned; functions and modules stay short."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run(command, cwd=root, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False)


def test_the_contracts_hold() -> None:
    report = lint_imports(ROOT)
    assert report.returncode == 0, report.stdout + report.stderr


def test_the_page_shows_every_room_on_its_floor() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [set(layer.split(" | ")) for layer in contracts["contracts"][0]["layers"]]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = re.findall(r"^ {4}((?:[a-z]+(?:/|\.py) ?)+)", page, re.MULTILINE)
    rooms = [re.sub(r"/|\.py", "", room) for line in shown for room in line.split()]
    floors = [next(i for i, layer in enumerate(layers) if room in layer) for room in rooms]
    assert set(rooms) == set().union(*layers) - {"__main__"}
    assert floors == sorted(floors)


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("stats/units.py", "from mlpo_bench import reports", "Arrows between rooms point down"),
        ("export/rows.py", "import mlpo_bench.gate.checks", "Arrows between rooms point down"),
        ("attic.py", "", "Arrows between rooms point down"),
        ("stats/units.py", "import mlpo_bench.stats.paired", "No circle, neither between rooms nor within one"),
        ("runs/runner.py", "import lm_eval", "lm-eval stays in one room"),
        ("stats/units.py", "import torch", "Weights stay where models answer and learn"),
    ],
)
def test_a_contract_breaks(tmp_path: Path, module: str, statement: str, contract: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "mlpo_bench", tmp_path / "mlpo_bench", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "mlpo_bench" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{statement}\n")
    report = lint_imports(tmp_path)
    assert report.returncode == 1
    assert f"{contract} BROKEN" in report.stdout.replace("\n", " ")


LONGEST_BODY, LONGEST_MODULE = 60, 400
SOURCES = sorted(path for room in ("mlpo_bench", "training", "benchmarks") for path in (ROOT / room).rglob("*.py"))


def bodies(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The name of each function, and its lines behind signature and docstring: a command's options are no work."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[ast.get_docstring(node) is not None :] or node.body
            yield node.name, (node.end_lineno or 0) - first[0].lineno + 1


def test_functions_and_modules_can_be_read_at_once() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    assert len(sources) > 100
    assert [path for path, source in sources.items() if len(source.splitlines()) > LONGEST_MODULE] == []
    measured = [(path.name, *body) for path, source in sources.items() for body in bodies(ast.parse(source))]
    assert [(path, name) for path, name, lines in measured if lines > LONGEST_BODY] == []
