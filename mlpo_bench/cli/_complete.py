"""What the shell completes: names of suites, protocols, runs, cells and the like, as this machine has them.

A fault while completing says nothing: the shell would show it in the middle of what a person types.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RUNS = Path("runs")
_MOST_CELLS = 200


def _among(incomplete: str, known: Iterable[str]) -> list[str]:
    return [name for name in known if name.startswith(incomplete)]


def _in_list(incomplete: str, known: Iterable[str]) -> list[str]:
    """Complete the last name of a comma-separated list with those that do not stand in it yet."""
    before, comma, last = incomplete.rpartition(",")
    taken = set(before.split(","))
    return [f"{before}{comma}{name}" for name in known if name.startswith(last) and name not in taken]


def _files(incomplete: str, wanted: Callable[[Path], bool]) -> Iterator[str]:
    """Yield the files that are wanted, and folders on the way to them, as a person has begun to name them."""
    folder, _, begun = incomplete.rpartition("/")
    root = expanded(f"{folder}/" if incomplete.startswith("/") and not folder else folder or ".")
    with contextlib.suppress(OSError):
        for path in sorted(root.iterdir()):
            if path.name.startswith(begun) and not path.name.startswith("."):
                named = f"{folder}/{path.name}" if "/" in incomplete else path.name
                if wanted(path):
                    yield named
                elif path.is_dir():
                    yield f"{named}/"


def choice(*known: str) -> Callable[[str], list[str]]:
    """Return what completes one of some names."""

    def complete(incomplete: str) -> list[str]:
        return _among(incomplete, known)

    return complete


def suites(incomplete: str) -> list[str]:
    """Complete a list of suites, or the name of a file of questions."""
    from mlpo_bench.questions import in_order
    from mlpo_bench.questions.table import READERS

    before, comma, last = incomplete.rpartition(",")
    files = [f"{before}{comma}{name}" for name in _files(last, lambda path: path.suffix.lower() in READERS)]
    return [*_in_list(incomplete, in_order()), *(files if last else ())]


def protocols(incomplete: str) -> list[str]:
    """Complete a list of protocols."""
    from mlpo_bench.protocols import PROTOCOLS

    return _in_list(incomplete, PROTOCOLS)


def reproductions(incomplete: str) -> list[str]:
    """Complete a published table."""
    from mlpo_bench.matrix.reproductions import names

    return _among(incomplete, names())


def engines(incomplete: str) -> list[str]:
    """Complete an engine."""
    from mlpo_bench.engines.spec import AUTO, ENGINES

    return _among(incomplete, [AUTO, *ENGINES])


def subjects(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a list of subjects: those of the suites that stand in the command, or of all."""
    from mlpo_bench.questions import SUITES, in_order

    named = [name for name in str(context.params.get("suite") or "").split(",") if name in SUITES]
    return _in_list(incomplete, [subject for name in named or in_order() for subject in SUITES[name].subjects])


def matrices(incomplete: str) -> list[str]:
    """Complete a matrix: one of those that are shipped, or a file."""
    from mlpo_bench.matrix.cells import SHIPPED

    return [*_among(incomplete, sorted(path.stem for path in SHIPPED.glob("*.yaml"))), *_files(incomplete, _is_yaml)]


def team_files(incomplete: str) -> list[str]:
    """Complete a list of team files."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _files(last, _is_yaml)]


def _is_yaml(path: Path) -> bool:
    return path.suffix in {".yaml", ".yml"}


def models(incomplete: str) -> list[str]:
    """Complete a model that is on this machine."""
    from mlpo_bench.engines.models import known

    return _among(incomplete, [model.name for model in known()])


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a run: by its name in the folder of runs, or by its folder."""
    from mlpo_bench.log.listing import names

    named = _among(incomplete, names(_output(context)))
    return named or [path for path in _files(incomplete, lambda path: (path / "config.yaml").is_file()) if incomplete]


def cells(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a cell of the run that stands in the command."""
    from mlpo_bench.log import RunDirectory

    # Arguments before an option without its value are not sorted yet.
    run = context.params.get("run") or context.params.get("name") or next(iter(context.args), "")
    with contextlib.suppress(Exception):
        there = [path for path in (Path(str(run)), _output(context) / str(run)) if (path / "config.yaml").is_file()]
        return _among(incomplete, [cell.id for cell in RunDirectory.open(there[0]).cells])[:_MOST_CELLS]
    return []


def _output(context: typer.Context) -> Path:
    given: Any = context.params.get("output")
    return Path(given) if given and context.info_name in {"run", "runs"} else RUNS
