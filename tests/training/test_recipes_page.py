"""`docs/recipes.md` has every setting of a recipe with its default, and no others; and every recipe that is shipped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic_core import to_jsonable_python

from mlpo_bench.training import sections
from mlpo_bench.training.recipe import Recipe
from mlpo_bench.training.sections import Optimising
from mlpo_bench.training.shipped import recipes_folder


if TYPE_CHECKING:
    from pydantic import BaseModel

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
SECTIONS = ("questions", "rollouts", "filter", "prompts", "traces", "adapter", "sft", "mlpo", "export")
SHARED = "What `sft` and `mlpo` share"


def rows(heading: str) -> dict[str, list[str]]:
    """The settings of a table below a heading, each with its other cells."""
    _, found, behind = PAGE.partition(f"\n## {heading}\n")
    assert found, f"there is no part {heading!r}"
    lines = [re.split(r" ?\| ?", line)[1:-1] for line in behind.split("\n## ")[0].splitlines() if line[:3] == "| `"]
    return {name: cells for first, *cells in lines for name in re.findall(r"`([^`]+)`", first)}


def model_of(section: str) -> type[BaseModel]:
    made: type[BaseModel] = getattr(sections, section.capitalize())
    return made


def default(model: type[BaseModel], name: str) -> Any:
    return to_jsonable_python(model.model_fields[name].get_default(call_default_factory=True))


def shown(cell: str) -> Any:
    return yaml.safe_load(cell.strip("`"))


def test_the_recipe_itself_is_told() -> None:
    told = rows("The recipe itself")
    assert set(told) == set(Recipe.model_fields)
    assert {name for name in told if told[name][0] == "below"} == set(SECTIONS)
    plain = set(told) - {*SECTIONS, "name", "team"}
    assert {name: shown(told[name][0]) for name in plain} == {name: default(Recipe, name) for name in plain}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_all_its_settings_with_their_defaults(section: str) -> None:
    model, told = model_of(section), {name: cells[0] for name, cells in rows(f"`{section}`").items()}
    if issubclass(model, Optimising):
        told |= {name: cells[section == "mlpo"] for name, cells in rows(SHARED).items()}
    assert {name: shown(cell) for name, cell in told.items()} == {
        name: default(model, name) for name in model.model_fields
    }


def test_every_shipped_recipe_is_named() -> None:
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.partition("\n## ")[0], re.MULTILINE)) == {
        path.stem for path in recipes_folder().glob("*.yaml")
    }
