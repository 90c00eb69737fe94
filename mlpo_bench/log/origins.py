"""What a run's figures rest on, its questions and its models' weights: neither ever changes within a run.

A session that finds other questions, or other weights, than those that cells of the run were made with is refused
before anything is asked; what mixes them all the same is neither added up nor published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.engines import ModelFacts
from mlpo_bench.errors import UsageError
from mlpo_bench.log.answerers import told


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlpo_bench.engines import ModelSpec
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.questions import Source


_ANOTHER = "or choose another --name, under which nothing that was answered is asked again."


def check_data(run: RunDirectory, sources: Mapping[str, Source]) -> None:
    """Check that a run's questions are those that its cells were asked.

    Raises:
        UsageError: those of a suite are others, and cells of it have come to an end.
    """
    before = run.manifest().get("sources", {}) if run.manifest_path.exists() else {}
    for cell in run.cells:
        was, now = before.get(cell.suite), sources.get(cell.suite)
        if was and now and was["revision"] != now.revision and run.cell_path(cell.id).exists():
            raise UsageError(
                f"the run {run.path} asked {cell.suite} of {was['where']} ({was['revision']}), and that is now "
                f"{now.where} ({now.revision}): one table would hold answers to both. Go on with the data it was made "
                f"with (--data), {_ANOTHER}"
            )


def check_models(run: RunDirectory, facts: Mapping[ModelSpec, ModelFacts]) -> None:
    """Check that a run's models are those that answered in its cells.

    Raises:
        UsageError: one is another, and cells that it answered in have come to an end.
    """
    manifest = run.manifest() if run.manifest_path.exists() else {}
    asked = {spec for cell in run.cells for spec in _asked(run, cell)}
    for spec, now in facts.items():
        if spec in asked and (was := _before(manifest, spec, run.cells)) not in {None, now.fingerprint}:
            raise UsageError(
                f"in the run {run.path}, {spec.name} answered as {was}, and is now {now.fingerprint}: one table would "
                f"hold answers of both. Go on with what it was made with, {_ANOTHER}"
            )


def _asked(run: RunDirectory, cell: Cell) -> set[ModelSpec]:
    """Return the specs that answered in a cell, if it has come to an end."""
    result, sitting = run.cell(cell.id), cell.setting.team.seats
    return {sitting[seat].spec for seat in (result.seats if result else ()) if seat in sitting}


def _before(manifest: Mapping[str, Any], spec: ModelSpec, cells: Iterable[Cell]) -> str | None:
    """Return the identity of what answered as a spec before; None where that is not known."""
    if (answered := manifest.get("answered")) is not None:
        return next((one["identity"] for one in answered if one["spec"] == told(spec)), None)
    # Earlier versions told models by their names alone, which says enough where one spec has the name.
    known = {facts.fingerprint for facts in _facts(manifest) if facts.full_name == spec.name}
    return known.pop() if len(known) == 1 and _namesakes(spec.name, cells) == 1 else None


def check_published(manifest: Mapping[str, Any], cells: Sequence[Cell], matrix: Iterable[Cell]) -> None:
    """Check that one model answered for each spec of some cells of a matrix.

    Raises:
        UsageError: more did, one after the other.
    """
    every = manifest.get("answered")
    for spec in dict.fromkeys(spec for cell in cells for spec in cell.setting.team.specs):
        if every is None:
            most = _namesakes(spec.name, matrix)
            identities = {facts.fingerprint for facts in _facts(manifest) if facts.full_name == spec.name}
        else:
            most, identities = 1, {one["identity"] for one in every if one["spec"] == told(spec)}
        if len(identities) > most:
            raise UsageError(f"{spec.name} answered as {' and as '.join(sorted(identities))}: run it anew.")


def _facts(manifest: Mapping[str, Any]) -> list[ModelFacts]:
    return [ModelFacts.of(model) for model in manifest.get("models", ())]


def _namesakes(name: str, cells: Iterable[Cell]) -> int:
    """Return how many specs have a name."""
    return len({spec for cell in cells for spec in cell.setting.team.specs if spec.name == name})
