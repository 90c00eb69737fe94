"""`mlpo-bench models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.paths import expanded


def models(
    path: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Print where this model lies, and nothing else; smollm2-135m is the embedded one.",
            show_default=False,
            autocompletion=complete.models,
        ),
    ] = None,
) -> None:
    """List the models that this machine has, and which engines work here."""
    if path is not None:
        typer.echo(_folder(path))
        return
    from rich.table import Table

    from mlpo_bench.engines import merged
    from mlpo_bench.engines.choose import available
    from mlpo_bench.engines.models import known
    from mlpo_bench.reports.terminal.console import Console

    console = Console()
    table = Table(header_style="bold")
    for title in ("model", "from", "here", "size"):
        table.add_column(title, justify="right" if title == "size" else "left", overflow="fold")
    embedded, *_ = listed = known()
    for model in listed:
        table.add_row(model.name, model.source, "yes" if model.present else "no", _mib(model.size))
    copies = merged.copies()
    for copy in copies:
        table.add_row(copy.name, f"merged into {copy.about.dtype}: {copy.folder.name}", "yes", _mib(copy.size))
    console.print(table)
    if copies:
        console.print(
            f"Copies with an adapter merged in take {_mib(sum(copy.size for copy in copies))} of {merged.folder()}. "
            "None is deleted by itself; each may be, and is made again when it is needed.",
            soft_wrap=True,
        )
    for engine, word in available():
        console.print(f"engine {engine}: {word}", soft_wrap=True)
    at = f"in {embedded.folder}" if embedded.present else "in its wheel, until it is first used"
    told = f"{embedded.name} lies {at}; `mlpo-bench models --path {embedded.name}` prints where."
    console.print(told, soft_wrap=True)
    console.print("Any hub id, folder with safetensors or GGUF file can be named in a team file.", style="dim")


def _folder(name: str) -> Path:
    """Return where a model lies, which is unpacked or fetched if need be."""
    from mlpo_bench.engines import ModelSpec
    from mlpo_bench.engines.models import known, resolve

    if name not in {model.name for model in known() if model.present} and not expanded(name).is_dir():
        typer.echo(f"Unpacking or fetching {name}", err=True)
    return resolve(ModelSpec(model=name)).folder


def _mib(size: int | None) -> str:
    return f"{size / 2**20:,.0f} MiB" if size else "-"
