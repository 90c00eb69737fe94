"""`mlpo-bench protocols`."""

from __future__ import annotations


def protocols() -> None:
    """List the protocols: ours, and those of installed packages, with their settings as they are by default."""
    from rich.table import Table

    from mlpo_bench.errors import UsageError
    from mlpo_bench.protocols import PROTOCOLS, build, setting_names
    from mlpo_bench.reports.terminal.console import Console

    console = Console()
    table = Table(header_style="bold")
    for title in ("protocol", "settings (-P)", "what it is"):
        table.add_column(title, overflow="fold")
    faults: list[UsageError] = []
    for name in PROTOCOLS:
        try:
            setting_names(PROTOCOLS[name])
            values = build(name, {}).settings
        except UsageError as fault:
            faults.append(fault)
            continue
        settings = ", ".join(f"{setting}={str(value).lower()}" for setting, value in values.items())
        table.add_row(name, settings, (PROTOCOLS[name].__doc__ or "").partition("\n")[0])
    console.print(table)
    for missing in faults:
        console.print(str(missing), style="red", soft_wrap=True)
    console.print(
        "module:Class names one that no package brings; docs/extending.md tells how to write it.", style="dim"
    )
