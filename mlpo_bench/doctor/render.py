"""The report for a terminal: the answer first, then what was found, then what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from mlpo_bench.doctor.finding import State
from mlpo_bench.reports.terminal.console import shown


if TYPE_CHECKING:
    from mlpo_bench.doctor.finding import Report
    from mlpo_bench.reports.terminal.console import Console


_STYLES = {State.WORKS: "green", State.PARTLY: "yellow", State.NO: "red", State.TOLD: "dim"}
_NAMED = 3
"""So many things are named one by one."""


def print_report(report: Report, console: Console, *, quiet: bool = False) -> None:
    """Print a report; only the answer where it is to be `quiet`."""
    console.print(_answer(report), style="green" if report.works else "red", soft_wrap=True)
    if quiet:
        return
    console.print(_table(report))
    if not report.mends:
        return
    console.print("What to do:")
    for number, (mend, mended) in enumerate(report.mends, start=1):
        named = ", ".join(one.what for one in mended[:_NAMED])
        more = f" and {len(mended) - _NAMED} more" if mended[_NAMED:] else ""
        only = "" if mended[0].hinders else "; not needed here"
        console.print(shown(f"{number}. {named}{more} ({mended[0].part}{only}):", "bold"), soft_wrap=True)
        console.print(f"   {mend}", soft_wrap=True)


def _answer(report: Report) -> str:
    if report.works:
        return f"All that {report.team} needs works here." if report.team else "A run without a team file works here."
    count = len(report.hindrances)
    named = ", ".join(f"{one.part} {one.what}" for one in report.hindrances[:_NAMED])
    listed = named if count <= _NAMED else f"{count} things that it needs do not work"
    if report.team:
        return f"{report.team} cannot be run here as it stands: {listed}."
    return f"A run without a team file does not work here: {listed}. With one: mlpo-bench doctor TEAM.yaml"


def _table(report: Report) -> Table:
    table = Table(header_style="bold")
    for title in ("", "what", "state", "found"):
        table.add_column(title, overflow="fold")
    for one in report.findings:
        state = shown(f"{one.state}{'!' if one.hinders else ''}", _STYLES[one.state])
        table.add_row(one.part, one.what, state, one.found)
    return table
