"""The runs in a folder, each in a few words: what is read of them is little, so that many are listed at once."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from filelock import FileLock, Timeout

from mlpo_bench import yamls
from mlpo_bench.errors import UsageError
from mlpo_bench.log.seals import read_sealed


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


_MOST_TOLD = 6


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a few words.

    Attributes:
        name: The run's folder, without those above it.
        suites: What it asks.
        rows: How many rows its table has so far: a team's protocol each, whatever the suites and seeds.
        cells: How many of its cells have ended.
        of_cells: How many there are; None where it has ended none.
        answered: The questions that were answered, counted once for each cell.
        faults: Those that could not be asked.
        state: `done`, `running`, `stopped`, `faults` where all cells ended and some questions could not be asked,
            `empty` where no cell has ended, or `unreadable`.
        date: When its last session began, in ISO 8601; nothing where it has had none.
    """

    name: str
    suites: tuple[str, ...] = ()
    rows: int = 0
    cells: int = 0
    of_cells: int | None = None
    answered: int = 0
    faults: int = 0
    state: str = "unreadable"
    date: str = ""


def summaries(parent: Path) -> list[Summary]:
    """Return the runs in a folder, the latest first; what may not be looked into is told as unreadable.

    Raises:
        UsageError: the folder is none, or may not be read.
    """
    try:
        folders = [path for path in parent.iterdir() if _may_be_run(path)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{parent} cannot be read: {error.strerror}.") from None
    runs = [_summary(path) for path in folders]
    return sorted(runs, key=lambda run: (run.date, run.name), reverse=True)


def names(parent: Path) -> list[str]:
    """Return the names of the runs in a folder."""
    return sorted(path.parent.name for path in parent.glob("*/config.yaml"))


def _may_be_run(folder: Path) -> bool:
    try:
        return stat.S_ISREG((folder / "config.yaml").stat().st_mode)
    except PermissionError:
        return True
    except OSError:  # no folder, or one without it
        return False


def told(folder: Path) -> str:
    """Return `; it holds ...` with the runs that lie in a folder, or in `runs/` below it; nothing where none does."""
    here = [path for runs in (folder, folder / "runs") for path in _runs(runs)]
    more = f" and {len(here) - _MOST_TOLD} more" if len(here) > _MOST_TOLD else ""
    return f"; it holds {', '.join(map(str, here[:_MOST_TOLD]))}{more}." if here else ""


def _runs(parent: Path) -> list[Path]:
    try:
        return sorted(path.parent for path in parent.glob("*/config.yaml"))
    except OSError:  # a name that no folder can have
        return []


def _summary(folder: Path) -> Summary:
    try:
        config = yamls.load(yamls.read_text(folder / "config.yaml", "configuration"))[0]
        manifest, results = _json(folder / "manifest.json"), _json(folder / "results.json", (1, 2))
        sessions = manifest.get("sessions") or [{}]
        cells = results.get("cells") or []
        ended, unfinished = len(cells), len(results.get("unfinished") or [])
        answered, faults = sum(cell["n"] for cell in cells), sum(cell["errors"] for cell in cells)
        return Summary(
            name=folder.name,
            suites=tuple(map(str, config["suites"])),
            rows=len({(cell.get("team"), cell["label"]) for cell in cells}),
            cells=ended,
            of_cells=ended + unfinished if cells else None,
            answered=answered,
            faults=faults,
            state=_state(folder, ended, unfinished, faults),
            date=str(sessions[-1].get("started") or ""),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, UsageError, yaml.YAMLError):
        return Summary(folder.name)


def _json(path: Path, schemas: Sequence[int] = (1,)) -> dict[str, Any]:
    return read_sealed(path, schemas) if os.path.lexists(path) else {}


def _state(folder: Path, ended: int, unfinished: int, faults: int) -> str:
    if ended and not unfinished and not faults:
        return "done"
    if _is_running(folder):
        return "running"
    if not ended:
        return "empty"
    return "stopped" if unfinished else "faults"


def _is_running(folder: Path) -> bool:
    """Whether a process carries it out now, which keeps its lock."""
    path = folder / ".lock"
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # somebody else's run, which cannot be written
        return False
