"""`mlpo-bench store`: pass on what models were asked and wrote, so that another machine need not ask again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    file: Annotated[Path, typer.Argument(help="A file that `store export` wrote.", show_default=False)],
    store: StorePath = None,
) -> None:
    """Take the completions of a file into the store; what the store holds already stays as it is."""
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log.completions import read_completions, read_header
    from mlpo_bench.store import SCHEMA_VERSION, Store, default_path

    if read_header(file).get("store") != SCHEMA_VERSION:
        raise UsageError(f"{file} was not written by `mlpo-bench store export` of this version.")
    with Store(store or default_path()) as opened:
        before = len(opened)
        for one in read_completions(file):
            opened.put(one.request, one.made)
        typer.echo(f"{len(opened) - before:,} completions are new in {opened.path}; it holds {len(opened):,}.")
