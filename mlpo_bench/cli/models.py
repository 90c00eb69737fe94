"""`mlpo-bench models`."""

from __future__ import annotations


def models() -> None:
    """List the models that this machine has, and which engines work here."""
    from rich.console import Console
    from rich.table import Table

    from mlpo_bench.engines.choose import available
    from mlpo_bench.engines.models import known

    console = Console()
    table = Table(header_style="bold")
    for title in ("model", "from", "here", "size"):
        table.add_column(title, justify="right" if title == "size" else "left", overflow="fold")
    for model in known():
        size = f"{model.size / 2**20:,.0f} MiB" if model.size else "-"
        table.add_row(model.name, model.source, "yes" if model.present else "no", size)
    console.print(table)
    for engine, word in available().items():
        console.print(f"engine {engine}: {word}", soft_wrap=True)
    console.print("Any hub id or folder with safetensors can be named in a team file.", style="dim")
