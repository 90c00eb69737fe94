"""A leader leaves as an adapter or a whole model that engines load, with a card that tells all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mlpo_bench.errors import UsageError
from mlpo_bench.teams import ModelSpec
from mlpo_bench.training.sections import Questions


torch = pytest.importorskip("torch")
pytest.importorskip("trl")

if TYPE_CHECKING:
    from mlpo_bench.training.folder import TrainingFolder

Lessons = Any


def taught(lessons: Lessons, **settings: Any) -> TrainingFolder:
    """A training whose leader was fine-tuned and exported."""
    training: TrainingFolder = lessons.training(method="sft", **settings)
    lessons("sft", training)
    lessons("export", training)
    return training


def logits(folder: Path, adapter: Path | None = None) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    with torch.no_grad():
        return model(input_ids=torch.tensor([[1, 20, 30, 40]])).logits


def test_an_adapter_names_its_base_and_resolves_as_a_member(lessons: Lessons, base_folder: Path) -> None:
    from mlpo_bench.engines import models

    training = taught(lessons)
    config = json.loads((training.export / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base_folder)
    found = models.resolve(ModelSpec(model=str(base_folder), adapter=str(training.export)))
    assert found.adapter is not None
    apart = logits(base_folder, training.export) - logits(base_folder)
    assert apart.abs().max() > 0.01
    torch.testing.assert_close(logits(base_folder, training.export), logits(base_folder, training.sft))


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-4), ("auto", 1e-4)])
def test_a_merged_leader_is_a_model_that_writes_as_base_and_adapter_do(
    lessons: Lessons, base_folder: Path, dtype: str, close: float
) -> None:
    training = taught(lessons, export={"form": "merged", "dtype": dtype})
    torch.testing.assert_close(logits(training.export), logits(base_folder, training.sft), rtol=close, atol=close)
    card = json.loads((training.export / "card.json").read_text())
    assert card["form"] == "merged"
    assert 0 <= card["rounding"] < 0.1
    assert json.loads((training.export / "config.json").read_text())["dtype"] == "float32"
    assert "merged.json" not in card["files"]  # it names folders of this machine
    assert not [file.name for file in training.export.iterdir() if str(lessons.folder).encode() in file.read_bytes()]


def test_a_leader_trained_on_all_weights_is_a_model(lessons: Lessons, base_folder: Path) -> None:
    training = taught(lessons, adapter=None)
    torch.testing.assert_close(logits(training.export), logits(training.sft))
    assert (logits(training.export) - logits(base_folder)).abs().max() > 0.01
    from mlpo_bench.engines.chats import ChatTokens

    assert ChatTokens.of_folder(training.export).tokenizer.chat_template


def test_a_coarser_type_halves_an_adapter(lessons: Lessons) -> None:
    from safetensors.torch import load_file

    fine, coarse = (taught(lessons, name=name, export={"dtype": name}) for name in ("float32", "bfloat16"))
    before, after = (load_file(training.export / "adapter_model.safetensors") for training in (fine, coarse))
    assert {weight.dtype for weight in after.values()} == {torch.bfloat16}
    assert all(torch.equal(weight.bfloat16(), after[name]) for name, weight in before.items())


def test_the_card_tells_what_the_leader_was_made_of(lessons: Lessons, base_folder: Path) -> None:
    training = taught(lessons, export={"licence": "Apache-2.0"})
    card = json.loads((training.export / "card.json").read_text())
    assert card["base"]["name"] == str(base_folder)
    assert card["licence"] == "Apache-2.0"
    assert card["data"]["prompts"] == card["data"]["traces"] == 4
    assert set(card["data"]["sha256"]) == {"prompts.parquet", "traces.parquet"}
    assert card["curves"]["sft"]["steps"] == 2
    assert set(card["files"]) == {
        "adapter_config.json", "adapter_model.safetensors", "curves-sft.jsonl", "curves.svg", "recipe.yaml",
    }  # fmt: skip
    page = (training.export / "README.md").read_text()
    _, head, text = page.split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "apache-2.0"
    assert f"leader: {{model: {base_folder}, adapter: leaders/lessons}}" in text
    assert "![Curves of the training](curves.svg)" in text
    assert card["recipe_sha256"][:16] in text


@pytest.mark.parametrize(
    ("measured", "first", "last"),
    [({1: 0.0, 11: 0.04, 21: 0.08}, 0.0, 0.08), ({11: 0.04}, 0.04, 0.04), ({1: 0.0, 3: 0.1, 18: 0.5}, 0.05, 0.5)],
)
def test_a_figure_that_is_measured_now_and_then_is_of_the_first_and_last_steps(
    measured: dict[int, float], first: float, last: float
) -> None:
    from mlpo_bench.training import card

    steps = [{"step": n, "loss": float(n)} | ({"kl": measured[n]} if n in measured else {}) for n in range(1, 25)]
    told = card.ends(steps)
    assert told["averaged"] == 6
    assert told["ends"]["loss"] == [3.5, 21.5]
    assert told["ends"]["kl"] == pytest.approx([first, last])


def test_the_recipe_beside_a_leader_repeats_it(lessons: Lessons) -> None:
    from mlpo_bench.training.recipe import read_recipe

    training = taught(lessons, questions={"data": str(lessons.folder)})
    found = read_recipe(training.export / "recipe.yaml")
    assert found == training.recipe.model_copy(update={"questions": Questions()})
    assert json.loads((training.export / "card.json").read_text())["recipe_sha256"] == found.digest
    assert str(lessons.folder / "trainings") not in (training.export / "card.json").read_text()


def test_a_copy_goes_where_the_recipe_says_and_over_no_other_thing(lessons: Lessons, tmp_path: Path) -> None:
    place = tmp_path / "leaders"
    training = taught(lessons, export={"folder": str(place)})
    names = {path.name for path in (place / "lessons").iterdir()}
    assert names == {path.name for path in training.export.iterdir()}
    assert any(f"adapter: {place / 'lessons'}}}" in said for said in lessons.heard.said)
    lessons("export", training)
    assert {path.name for path in (place / "lessons").iterdir()} == names
    (place / "lessons" / "card.json").unlink()
    with pytest.raises(UsageError, match=r"exists and is no exported leader"):
        lessons("export", training)


def test_a_leader_with_an_adapter_goes_on_with_it(lessons: Lessons, base_folder: Path) -> None:
    from mlpo_bench.training import policy

    training = taught(lessons)
    member = {"model": str(base_folder), "adapter": str(training.export)}
    recipe = lessons.recipe(team={"leader": member, "peers": [member]})
    expected = logits(base_folder, training.export)
    for changes in ({}, {"adapter": None}):
        model = policy.load(recipe.model_copy(update=changes)).model
        with torch.no_grad():
            found = model(input_ids=torch.tensor([[1, 20, 30, 40]])).logits
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert any(weight.requires_grad for weight in model.parameters())


def test_curves_become_a_picture_that_holds_no_markup_of_others() -> None:
    from xml.etree import ElementTree as ET

    from mlpo_bench.training.figure import drawn

    steps = [{"step": float(n), "reward": n / 100, "loss": 1.0, "kl": -1.0 * n} for n in range(100)]
    root = ET.fromstring(drawn({"mlpo <b>": steps, "sft": steps[:1]}))
    titles = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "mlpo <b>: reward of a completion" in titles
    assert len(root.findall("{http://www.w3.org/2000/svg}g")) == 6
    assert "nan" not in drawn({"sft": steps[:1]})
