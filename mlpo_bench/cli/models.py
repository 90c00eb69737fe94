"""`mlpo-bench models`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

_BESIDE_NAMES = 28
"""So many columns of a terminal the rest of the table takes at least."""


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
    from mlpo_bench.engines import merged
    from mlpo_bench.engines.choose import available
    from mlpo_bench.engines.models import known
    from mlpo_bench.reports.terminal.console import Console

    console = Console()
    embedded, *_ = listed = known()
    copies = merged.copies()
    rows = [(model.name, model.source, "yes" if model.present else "no", _mib(model.size)) for model in listed]
    rows += [
        (copy.name, f"merged, {copy.about.dtype}, {_glob(copy.about.adapter_revision)}", "yes", _mib(copy.size))
        for copy in copies
    ]
    console.print(_table(rows, console.width))
    if copies:
        console.print(
            f"Copies with an adapter merged in take {_mib(sum(copy.size for copy in copies))} of {merged.folder()}, in "
            "folders called as above. None is deleted by itself; each may be, and is made again when it is needed.",
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


def _table(rows: Sequence[tuple[str, ...]], width: int) -> Table:
    """Return the table, in which names stay whole as long as there is room: they are copied from here."""
    from rich.table import Table

    from mlpo_bench.reports.grids import NARROW, PLAIN

    table = Table(header_style="bold", **({} if width >= NARROW else PLAIN))
    whole = {"here", "size"} | ({"model"} if max(len(name) for name, *_ in rows) + _BESIDE_NAMES <= width else set())
    for title in ("model", "from", "here", "size"):
        right = title == "size"
        table.add_column(title, justify="right" if right else "left", overflow="fold", no_wrap=title in whole)
    for row in rows:
        table.add_row(*row)
    return table


def _glob(adapter: str) -> str:
    """Return a pattern that finds a merged copy's folder: a part of its adapter's revision."""
    return f"*-{adapter.removeprefix('sha256:')[:8]}*"


def _mib(size: int | None) -> str:
    return f"{size / 2**20:,.0f} MiB" if size else "-"
