"""The arrows between rooms point down, and heavy libraries stay in their rooms."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest


PACKAGE = Path(__file__).parents[1] / "mlpo_bench"

# A room may import rooms of lower floors only. Rooms of one floor do not know each other.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors"}),
    frozenset({"registry"}),
    frozenset({"chat", "stats", "gym"}),
    frozenset({"yamls", "store"}),
    frozenset({"teams"}),
    frozenset({"engines", "questions", "answers"}),
    frozenset({"dispatch"}),
    frozenset({"protocols"}),
    frozenset({"harness"}),
    frozenset({"matrix"}),
    frozenset({"log"}),
    frozenset({"analysis"}),
    frozenset({"runs"}),
    frozenset({"training"}),
    frozenset({"reports"}),
    frozenset({"export", "gate", "leaderboard"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
AT_HOME = {
    "lm_eval": {"harness"},
    "vllm": {"engines"},
    "transformers": {"engines", "training"},
    "torch": {"engines", "training"},
    "openai": {"engines"},
    "trl": {"training"},
    "peft": {"engines", "training"},
    "reasoning_gym": {"gym"},
    "typer": {"cli"},
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


SOURCES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


def rooms_used(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported(path)]
    return {p[1] for p in parts if p[0] == "mlpo_bench" and len(p) > 1 and p[1] in FLOOR} - {room_of(path)}


def test_every_module_lies_in_a_room_with_a_floor() -> None:
    assert {room_of(path) for path in SOURCES} <= set(FLOOR)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_point_down(path: Path) -> None:
    floor = FLOOR[room_of(path)]
    assert {room for room in rooms_used(path) if FLOOR[room] >= floor} == set()


@pytest.mark.parametrize("library", AT_HOME)
def test_a_library_stays_in_its_room(library: str) -> None:
    users = {room_of(p) for p in SOURCES if any(name.split(".")[0] == library for name in imported(p))}
    assert users <= AT_HOME[library]
