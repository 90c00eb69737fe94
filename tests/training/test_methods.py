"""Every method, the paper's and its controls, goes from its data to a leader that can be exported."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.training.recipe import METHODS, STAGES


pytest.importorskip("torch")
pytest.importorskip("trl")

if TYPE_CHECKING:
    from types import ModuleType

SHOWN: dict[str, dict[str, Any]] = {
    "leader": {},
    "alone": {"order": (), "attempts_right": ()},
    "select": {"attempts_right": (True, False)},
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_goes_all_the_way(lessons: Any, tiny_leader: ModuleType, method: str) -> None:
    shows = METHODS[method].prompts  # type: ignore[index]
    lessons.prompts = [replace(tiny_leader.prompt(n), kind=shows, **SHOWN[shows]) for n in range(4)]
    training = lessons.training(method=method, mlpo={"steps": 1})
    assert training.recipe.shows == shows
    stages = [stage for stage in STAGES if stage in {*METHODS[method].trains, "export"}]  # type: ignore[index]
    for stage in stages:
        lessons(stage, training)
    card = json.loads((training.export / "card.json").read_text())
    assert (card["method"], list(card["curves"])) == (method, stages[:-1])
    assert (training.export / "adapter_model.safetensors").exists()
