"""A token that ends a turn in a template ends an answer, whether or not the model's files name it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.teams import ModelSpec


pytest.importorskip("torch")
pytest.importorskip("transformers")

from mlpo_bench.engines import hf, models


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

CHAT = [Message("user", "a b c")]


def saved(folder: Path, tiny: ModuleType, end: str, named: object = 2, *, special: bool = True) -> Path:
    """Save a model whose template ends turns by a token of its own."""
    tiny.save(folder)
    tokenizer = tiny.tokenizer(tiny.TEMPLATE.replace("m.content + ' '", f"m.content + '{end}'"))
    tokenizer.add_tokens([end], special_tokens=special)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": named}))
    return folder


def asked(folder: Path) -> tuple[str, str]:
    spec = ModelSpec(model=str(folder), engine="hf")
    engine = hf.load(models.resolve(spec), spec)
    made = asyncio.run(engine.complete(CHAT, Sampling(temperature=0, max_tokens=16), 0))
    asyncio.run(engine.close())
    return made.text, engine.facts.revision


@pytest.mark.parametrize("special", [True, False])
def test_a_turns_end_that_no_file_names_ends_an_answer(special: bool, tiny: ModuleType, tmp_path: Path) -> None:
    plain, _ = asked(saved(tmp_path / "plain", tiny, "</s>"))
    word = plain.split()[3]
    said, revision = asked(saved(tmp_path / "other", tiny, word, special=special))
    number = tiny.WORDS.index(word)
    assert revision.endswith(f" turn ends by {number}")
    assert word not in said.split()
    assert len(said.split()) < 16


@pytest.mark.parametrize(("end", "named"), [("</s>", 2), ("n", [2, 23]), ("n", ["</s>", "n"])])
def test_one_that_is_named_changes_no_identity(end: str, named: object, tiny: ModuleType, tmp_path: Path) -> None:
    _, revision = asked(saved(tmp_path, tiny, end, named))
    assert "turn ends" not in revision


def test_one_that_the_configuration_alone_names_ends_an_answer(tiny: ModuleType, tmp_path: Path) -> None:
    """Beside a generation_config.json without ends, no engine looks there."""
    folder = saved(tmp_path, tiny, "n", named=None)
    told = json.loads((folder / "config.json").read_text()) | {"eos_token_id": [2, 23]}
    (folder / "config.json").write_text(json.dumps(told))
    assert asked(folder)[1].endswith(" turn ends by 23")
    (folder / "generation_config.json").unlink()
    assert "turn ends" not in asked(folder)[1]


@pytest.mark.parametrize("named", [[2, "<gone>"], [2, float("nan")]])
def test_an_end_that_is_no_token_is_passed_over(named: object, tiny: ModuleType, tmp_path: Path) -> None:
    folder = saved(tmp_path, tiny, "</s>", named)
    spec = ModelSpec(model=str(folder), engine="hf")
    assert hf.load(models.resolve(spec), spec)._ends == [2]
