"""A run's figures in an experiment tracker, for those who keep one. Nothing is sent unless a person asks."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis.rows import by_name, over_suites, read_rows
from mlpo_bench.errors import UsageError, unknown


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun

TRACKERS = ("wandb", "trackio")
"""Both are called alike: `init(project, name, config)`, `log`, `Table`, `finish`."""

COLUMNS = (
    "suite", "team", "label", "protocol", "peers", "seeds", "accuracy", "low", "high", "n", "unread", "cut_off",
    "calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "operations", "price",
)  # fmt: skip


def track(run: LoadedRun, names: Sequence[str], project: str = "mlpo-bench", place: Path | None = None) -> None:
    """Log a run's configuration, the figures of each row, and its table.

    Args:
        run: The run; its rows are those of the cells that are done.
        names: Which trackers, of `TRACKERS`; all are loaded before anything is sent to one.
        project: What the trackers file it under.
        place: Where wandb keeps its files; None for wherever it likes. Its mode and its account are the person's
            own settings (`WANDB_MODE=offline` keeps all on this machine).

    Raises:
        UsageError: a name is unknown, a tracker is not installed or refuses, or the run has no results.
    """
    for name in names:
        if name not in TRACKERS:
            raise unknown("tracker", name, TRACKERS)
    rows = read_rows(run)
    loaded = {name: _load(name) for name in dict.fromkeys(names)}
    for name, tracker in loaded.items():
        options = {"dir": str(place)} if name == "wandb" and place else {}
        try:
            _log(tracker, run, rows, project, options)
        except Exception as error:
            raise UsageError(f"{name} did not take the run: {error}") from error


def _load(name: str) -> Any:  # noqa: ANN401 - a module that need not be installed
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UsageError(f"the tracker {name} is not installed: pip install {name}") from None


def _log(tracker: Any, run: LoadedRun, rows: Sequence[ResultRow], project: str, options: dict[str, Any]) -> None:  # noqa: ANN401
    config = run.config.model_dump(mode="json") | {"config_sha256": run.config.digest}
    tracker.init(project=project, name=run.path.resolve().name, config=config, **options)
    try:
        tracker.log(figures(rows) | {"results": tracker.Table(columns=list(COLUMNS), data=table(run, rows))})
    finally:
        tracker.finish()


def figures(rows: Sequence[ResultRow]) -> dict[str, float]:
    """Return figures by name: `bbh/leader, 1 round/accuracy`, and `macro/...` for rows of several suites."""
    figures: dict[str, float] = {}
    for row in rows:
        accuracy = row.accuracy
        told = {"accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high, "n": accuracy.questions}
        told |= {"unread": row.unread, "cut_off": row.cut_off, "tokens": row.cost.tokens, "calls": row.cost.calls}
        figures |= {f"{row.suite}/{row.name}/{name}": value for name, value in told.items()}
    for name, suites in by_name(rows).items():
        if len(suites) > 1:
            mean = over_suites(suites)
            figures |= {f"macro/{name}/accuracy": mean.value, f"macro/{name}/low": mean.low}
            figures |= {f"macro/{name}/high": mean.high}
    return figures


def table(run: LoadedRun, rows: Sequence[ResultRow]) -> list[list[Any]]:
    """Return the run's table, a list for each row, in the order of `COLUMNS`; costs are means a question."""
    prices = run.config.prices
    lines = []
    for row in rows:
        accuracy = row.accuracy
        told = asdict(row.cost) | {
            "suite": row.suite,
            "team": row.team,
            "label": row.label,
            "protocol": row.protocol,
            "peers": row.peers,
            "seeds": len(row.cells),
            "accuracy": accuracy.value,
            "low": accuracy.low,
            "high": accuracy.high,
            "n": accuracy.questions,
            "unread": row.unread,
            "cut_off": row.cut_off,
            "price": row.price(prices),
        }
        lines.append([told[name] for name in COLUMNS])
    return lines
