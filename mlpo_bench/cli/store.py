"""`mlpo-bench store`: pass on what models were asked and wrote, so that another machine need not ask again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer


if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlpo_bench.chat import Completion
    from mlpo_bench.store import Store

app = typer.Typer(no_args_is_help=True, help="Pass completions on to another machine, and take them in.")

StorePath = Annotated[
    Path | None,
    typer.Option(
        "--store", help="File of all completions.  \\[default: in the user's cache folder]", show_default=False
    ),
]


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where they go: JSON lines under zstd.", show_default=False)],
    store: StorePath = None,
    beyond: Annotated[
        list[Path] | None,
        typer.Option(
            help="Leave out what this file of completions holds already. May be given again.", show_default=False
        ),
    ] = None,
) -> None:
    """Write all completions of the store, without what was asked, into a file.

    Requests go by their identity alone; texts stand as models wrote them, and may repeat what they were asked. With
    `--beyond`, files of one export after another hold each completion once.
    """
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log.completions import Kept, read_completions, write_completions
    from mlpo_bench.store import SCHEMA_VERSION, Store, default_path

    path = store or default_path()
    if not path.exists():
        raise UsageError(f"there is no store {path}; a run makes it, and --store names another.")
    held = {one.request for other in beyond or () for one in read_completions(other)}
    file.parent.mkdir(parents=True, exist_ok=True)
    with Store(path) as opened:
        completions = [Kept(*one) for one in opened.items() if one[0] not in held]
    write_completions(file, {"store": SCHEMA_VERSION}, completions)
    typer.echo(f"{len(completions):,} completions in {file} ({file.stat().st_size / 2**20:.1f} MiB).")


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Files that `store export` wrote, or stores.", show_default=False)
    ],
    store: StorePath = None,
) -> None:
    """Take the completions of files into the store; what the store holds already stays as it is."""
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log.completions import read_completions, read_header
    from mlpo_bench.store import SCHEMA_VERSION, Store, default_path, is_store

    for file in files:
        if not is_store(file) and read_header(file).get("store") != SCHEMA_VERSION:
            raise UsageError(f"{file} was not written by `mlpo-bench store export` of this version.")
    with Store(store or default_path()) as opened:
        for file in files:
            if is_store(file):
                with Store(file) as other:
                    _put(opened, other.items())
            else:
                _put(opened, ((one.request, one.made) for one in read_completions(file)))


@app.command("rebuild")
def rebuild(
    runs: Annotated[list[str], typer.Argument(help="Runs' folders, or their names under runs/.", show_default=False)],
    store: StorePath = None,
) -> None:
    """Take what runs were answered out of their transcripts into the store, where that was lost."""
    from mlpo_bench.log import RunDirectory
    from mlpo_bench.runs.recollection import restore
    from mlpo_bench.store import Store, default_path

    folders = [RunDirectory.open(run) for run in runs]
    with Store(store or default_path()) as opened:
        for folder in folders:
            typer.echo(f"{restore(folder, opened):,} completions of {folder.path} are new in {opened.path}.")


def _put(store: Store, completions: Iterable[tuple[bytes, Completion]]) -> None:
    before = len(store)
    for request, made in completions:
        store.put(request, made)
    typer.echo(f"{len(store) - before:,} completions are new in {store.path}; it holds {len(store):,}.")
