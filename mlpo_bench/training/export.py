"""The stage `export`: the trained leader as others can take it, with a card.

An adapter is PEFT's two files and names its base as the recipe does, not by a path of this machine; a merged leader is
a whole model, as is one whose weights were all trained. Beside them lie the recipe, the curves as figures of each step
and as a picture, and a card for people (`README.md`) and one for programs (`card.json`).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench import atomic
from mlpo_bench.engines import adapters, models
from mlpo_bench.errors import UsageError
from mlpo_bench.log.files import write_json
from mlpo_bench.training import card, figure, points, processes


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.training.folder import TrainingFolder, Work
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.points import Point
    from mlpo_bench.training.recipe import Recipe

_TOKENIZER = ("tokenizer", "chat_template", "special_tokens", "vocab", "merges", "added_tokens")


def run(folder: TrainingFolder, work: Work, _store_path: Path, observer: TrainingObserver) -> None:
    """Make `export`, and a copy where the recipe wants it.

    Raises:
        UsageError: the recipe's folder is taken by something else, or base and adapter cannot be put together.
    """
    if not processes.first():
        return
    recipe = folder.recipe
    check_place(recipe)
    base = models.resolve(recipe.leader.spec)
    trained = folder.path / recipe.trains[-1]
    curves: dict[str, list[Point]] = {
        stage: steps for stage in recipe.trains if (steps := points.read(folder.path / stage / points.FILE))
    }
    with atomic.filled(folder.export) as beside:
        rounding = _weights(recipe, base, trained, beside)
        _curves(curves, beside)
        (beside / "recipe.yaml").write_text(card.public(recipe).to_yaml(), encoding="utf-8")
        made = card.of(folder, base, curves, beside, rounding)
        write_json(beside / "card.json", made)
        (beside / "README.md").write_text(card.page(made), encoding="utf-8")
    if recipe.export.folder is not None:
        _publish(folder.export, Path(recipe.export.folder) / recipe.name)
    place = Path(recipe.export.folder) / recipe.name if recipe.export.folder else folder.export
    size = sum(file.stat().st_size for file in place.iterdir())
    work.facts |= {"bytes": size, "form": made["form"]}
    observer.say(f"The leader lies in {place} ({size / 1e6:.1f} MB). In a team file: {card.use(made, place)}")


def _weights(recipe: Recipe, base: ResolvedModel, trained: Path, into: Path) -> float | None:
    """Write the leader's weights; return what rounding made of its changes where they were merged."""
    if recipe.adapter is None:
        _whole(recipe, trained, into)
        return None
    if recipe.export.form == "adapter":
        _adapter(recipe, base, trained, into)
        return None
    from mlpo_bench.engines import merged

    dtype = base.dtype if recipe.export.dtype == "auto" else recipe.export.dtype
    copy = merged.copy_of(replace(base, adapter=adapters.find(str(trained))), dtype).folder
    for file in copy.iterdir():
        if file.name != merged.ABOUT:  # it names folders of this machine; the card tells all of it
            shutil.copyfile(file, into / file.name)
    return merged.about(copy).rounding


def _adapter(recipe: Recipe, base: ResolvedModel, trained: Path, into: Path) -> None:
    config = json.loads((trained / adapters.CONFIG).read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": card.public_name(base), "revision": card.public_revision(base)}
    write_json(into / adapters.CONFIG, config)
    _copy_weights(trained / adapters.WEIGHTS, into / adapters.WEIGHTS, recipe.export.dtype)


def _whole(recipe: Recipe, trained: Path, into: Path) -> None:
    for file in trained.iterdir():
        if file.suffix == ".safetensors":
            _copy_weights(file, into / file.name, recipe.export.dtype)
        elif file.suffix in {".json", ".jinja"} or file.name.startswith(_TOKENIZER):
            shutil.copyfile(file, into / file.name)
    config = json.loads((into / "config.json").read_text(encoding="utf-8"))
    if recipe.export.dtype != "auto":
        config["dtype"] = recipe.export.dtype
    write_json(into / "config.json", config)


def _copy_weights(source: Path, target: Path, dtype: str) -> None:
    """Copy weights as they are, or in another type."""
    if dtype == "auto":
        shutil.copyfile(source, target)
        return
    import torch
    from safetensors.torch import load_file, save_file

    weights = {name: weight.to(getattr(torch, dtype)) for name, weight in load_file(source).items()}
    save_file(weights, target, metadata={"format": "pt"})


def _curves(curves: Mapping[str, Sequence[Point]], into: Path) -> None:
    for stage, steps in curves.items():
        (into / f"curves-{stage}.jsonl").write_bytes(b"".join(map(points.line, steps)))
    (into / "curves.svg").write_text(figure.drawn(curves), encoding="utf-8")


def check_place(recipe: Recipe) -> None:
    """Refuse to overwrite what is no leader.

    Raises:
        UsageError: the recipe's folder holds something else.
    """
    if recipe.export.folder is None:
        return
    place = Path(recipe.export.folder) / recipe.name
    if place.exists() and not (place / "card.json").exists():
        raise UsageError(f"{place} exists and is no exported leader; name another place as export.folder.")


def _publish(made: Path, place: Path) -> None:
    with atomic.filled(place) as beside:
        shutil.copytree(made, beside, dirs_exist_ok=True)
