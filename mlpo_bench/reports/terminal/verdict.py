"""The verdict on a terminal: one short table, and the sentence that answers the question."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table

from mlpo_bench.reports.terminal.console import shown


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.analysis.verdict import Verdict, Verdicts
    from mlpo_bench.reports.terminal.console import Console

_HOW_TO_READ = (
    "row - vote: the row's accuracy less that of a vote of its leader's own answers at the same cost. The vote is the "
    "mean over all votes of that size from the run's ballots. Interval and p are about other questions of these "
    "subjects; p is adjusted by Holm over this table. *: holds for other subjects, too. open, 900 q.: cannot be told "
    "yet; about 900 questions would tell (no number where ten million would not)."
)
_OF_WIDE = " Ballots: of the vote. Tokens, operations: the row's over the vote's."
_PEERS = re.compile(r", (\d+ peers?)$")
_LEAST_P = 0.001
_WIDE = 110


def print_verdict(verdicts: Verdicts, console: Console, *, others: bool = True) -> None:
    """Print the table, what to know before it is believed, and the sentence.

    Args:
        verdicts: What is told.
        console: Where to.
        others: Whether the rows that no leader leads are listed; else they are counted.
    """
    if verdicts.led:
        _print_table("Led rows against the vote at their own cost", verdicts.led, console)
    if verdicts.others and others:
        _print_table("Other protocols against the vote at theirs", verdicts.others, console)
    if verdicts.costs is not None:
        console.print(verdicts.costs, style="dim")
    if verdicts.verdicts:
        console.print(_HOW_TO_READ + (_OF_WIDE if console.width >= _WIDE else ""), style="dim")
    if verdicts.others and not others:
        console.print(_counted(verdicts.others), style="dim")
    if verdicts.without_vote is not None:
        console.print(verdicts.without_vote, style="yellow")
    for warning in verdicts.warnings:
        console.print(warning, style="yellow")
    print_answer(verdicts, console)


def print_answer(verdicts: Verdicts, console: Console) -> None:
    """Print the sentence alone, apart from what stands above it."""
    console.print()
    console.print(verdicts.sentence, style="bold")


def _print_table(title: str, verdicts: Sequence[Verdict], console: Console) -> None:
    wide = console.width >= _WIDE
    left_out = None if wide else _usual_peers(verdicts)
    # Apart from the table, as whose title it would be broken at the table's width.
    console.print(f"{title}{f'; {left_out} unless stated' if left_out else ''}", style="italic")
    table = Table(header_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column("row", overflow="fold")
    more = ["ballots", "tokens", "operations"] if wide else []
    titles = ["row - vote", "95 % interval", "p", *more, "verdict"]
    for name in titles:
        last = name == titles[-1]
        table.add_column(name, justify="left" if last else "right", no_wrap=not last)
    for suite, of_suite in groupby(verdicts, key=lambda verdict: verdict.suite):
        table.add_row(shown(suite.upper(), "bold"))
        for one in of_suite:
            name = one.row.removesuffix(f", {left_out}") if left_out else one.row
            table.add_row(f" {name}", *_figures(one, wide=wide))
    console.print(table)


def _usual_peers(verdicts: Sequence[Verdict]) -> str | None:
    """Return how many peers most rows have; None where they differ too much, or some names do not end with it."""
    told = Counter(found[1] for one in verdicts if (found := _PEERS.search(one.row)))
    usual, count = told.most_common(1)[0] if told.total() == len(verdicts) else (None, 0)
    return usual if 2 * count > len(verdicts) else None


def _figures(one: Verdict, *, wide: bool) -> tuple[str, ...]:
    difference = one.comparison.difference
    operations = "-" if one.operations is None else f"{one.operations:.2f}"
    more = (f"{one.match.ballots:,.1f}", f"{one.tokens:.2f}", operations) if wide else ()
    return (
        f"{difference.value:+.3f}",
        f"{'~ ' if difference.caution else ''}{difference.low:+.3f} to {difference.high:+.3f}",
        f"{one.adjusted:.3f}" if one.adjusted >= _LEAST_P else f"<{_LEAST_P}",
        *more,
        _told(one),
    )


def _told(one: Verdict) -> str:
    short = "" if one.even else f" (vote: {100 / one.taken:.0f} % of its {one.equal})"
    if one.outcome == "cannot be told from":
        return f"open{'' if one.needed is None else f', {one.needed:,} q.'}{short}"
    return f"{one.outcome.split()[0]}{'*' if one.elsewhere else ''}{short}"


def _counted(verdicts: Sequence[Verdict]) -> str:
    counts = {
        what: sum(verdict.outcome == outcome for verdict in verdicts)
        for what, outcome in (
            ("beat the vote at their own cost", "beats"),
            ("lose to it", "loses to"),
            ("cannot be told from it", "cannot be told from"),
        )
    }
    return (
        "Rows of other protocols: "
        + ", ".join(f"{count} {what}" for what, count in counts.items())
        + "; `mlpo-bench verdict` lists them."
    )
