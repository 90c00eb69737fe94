"""A run's table on a terminal: what each cell reached, how sure that is, and what it cost."""

from __future__ import annotations

import shlex
from collections import Counter
from itertools import groupby
from statistics import mean, stdev
from typing import TYPE_CHECKING

from rich.table import Table

from mlpo_bench.analysis import limits
from mlpo_bench.analysis.rows import by_name, over_suites, read_rows
from mlpo_bench.log.files import in_store
from mlpo_bench.matrix.config import row_name
from mlpo_bench.reports.figures import operations, with_counts
from mlpo_bench.reports.grids import LABEL_WIDTH, fitting
from mlpo_bench.reports.terminal.costs import print_costs
from mlpo_bench.reports.terminal.plan import print_error_of


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log import CellResult, LoadedRun
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.stats import Estimate
    from mlpo_bench.teams import Price

_COLUMNS = (
    "protocol", "accuracy", "95 % interval", "over seeds", "n", "unread", "refused", "cut off", "calls", "tokens in",
    "cached", "tokens out", "seconds", "operations", "price",
)  # fmt: skip
_CAUSES_SHOWN = 8
_SEEDS_TOLD = 3
"""Of more seeds that faults left with unlike numbers of questions, the fewest and the most are told."""
_OVER_SEEDS = {"accuracy": "mean", "over seeds": "smallest, largest, sd", "n": "seeds x n"}
# What a narrow terminal does without, first to last.
_SPARED = ("operations", "cached", "seconds", "cut off", "tokens in", "unread", "refused", "tokens out", "over seeds")


def print_results(run: LoadedRun, console: Console) -> None:
    """Print a table for each suite, what all cells cost, how far the plan was off, and how to read it."""
    results, prices = run.results, run.config.prices
    rows = read_rows(run) if results.cells else []
    pooled = {(row.suite, row.team, row.label): row.accuracy for row in rows}
    plain = [cell for cell in results.cells if cell.plain is None]
    tables = [
        suite_table(suite, results.sources[suite], list(cells), prices, console.width, pooled)
        for suite, cells in groupby(plain, key=lambda cell: cell.suite)
    ]
    for table in tables:
        console.print(table)
        console.print()
    if intervened := len(results.cells) - len(plain):
        command = shlex.join(["mlpo-bench", "diagnose", str(run.path)])
        console.print(f"{intervened} cells are interventions, shown by: {command}", soft_wrap=True)
        console.print()
    if len(results.sources) > 1:
        tables.append(macro_table(rows))
        console.print(tables[-1])
        console.print()
    if results.cells:
        costs = print_costs(results, prices, run.paces, console)
        print_error_of(run, console)
        titles = {str(column.header) for table in (*tables, *filter(None, [costs])) for column in table.columns}
        cut = limits.told(limits.of_rows(run, rows))
        sentences = [*legend(titles, tables), *([cut] if cut else []), *_seldom(results.cells)]
        console.print(" ".join(sentences), style="dim")
    if results.unfinished:
        left = len(results.unfinished)
        console.print(
            f"{left} of {left + len(results.cells)} cells have yet to be run: {_some(results.unfinished)}. "
            "The same command goes on with them.",
            style="yellow",
        )
    if not results.read_alike:
        command = shlex.join(["mlpo-bench", "rescore", str(run.path), *in_store(run.path)])
        told = f"Cells were read by different readers. To judge all alike: {command}"
        console.print(told, style="yellow", soft_wrap=True)
    _print_failed(results.failed, console)


def _print_failed(failed: Sequence[CellResult], console: Console) -> None:
    """Print which rows have questions that could not be asked, and why."""
    for cell in failed:
        console.print(
            f"{cell.suite}, {row_name(cell.team, cell.label)}: {cell.errors} of {cell.n + cell.errors} questions could "
            "not be asked.",
            style="red",
        )
    if failed:
        console.print("They are in no figure. The same command asks them again. What was wrong:", style="red")
    _print_causes(failed, console)


def _print_causes(failed: Iterable[CellResult], console: Console) -> None:
    """Print why questions could not be asked, over all cells, the most frequent cause first."""
    counts: Counter[str] = Counter()
    for cell in failed:
        counts.update(cell.causes)
    for cause, count in counts.most_common(_CAUSES_SHOWN):
        console.print(f"{count:,} x {cause}", style="red")
    if (others := len(counts) - _CAUSES_SHOWN) > 0:
        console.print(f"... and {others:,} other causes; all stand in the cells' records.", style="red")


_INTERVALS = "Intervals (95 %) speak of other subjects, and allow for questions alike within one."
_LEGENDS = {
    "over seeds": "Over several seeds, every question counts with its mean.",
    "unread": "Unread: no answer could be read, counted as wrong.",
    "refused": "Refused: the model would not answer, which counts as not right.",
    "seconds": "Seconds: the longest chain of turns that waited for another.",
    "tokens": "Tokens: read afresh, found in a cache, and written.",
    "operations": "Operations are estimated from the models' sizes.",
    "engine time": "Engine time: by the clock, while the engine had something to do.",
}
_DOUBTED = "Those marked ~ may be too narrow: too few subjects for an accuracy near 0 or 1."
_MEANS = ("calls", "tokens in", "cached", "tokens out", "tokens", "seconds", "operations", "price")
_ALONE = "Cells alone: every cell counted as if it had been run by itself. Paid: every completion counted once."


def legend(titles: set[str], tables: Sequence[Table]) -> list[str]:
    """Return how to read the columns that were shown: those of a narrow terminal are few."""
    of_rows = {str(column.header) for table in tables for column in table.columns}
    doubted = any(str(cell).startswith("~") for table in tables for column in table.columns for cell in column.cells)
    means = [name for name in _MEANS if name in of_rows]
    told = f"{', '.join(means[:-1])}{' and ' if means[:-1] else ''}{means[-1] if means else ''}".capitalize()
    shown = {_OVER_SEEDS.get(name, name): sentence for name, sentence in _LEGENDS.items()}
    return [
        _INTERVALS,
        *([_DOUBTED] if doubted else []),
        *([f"{told} are means a question, as if nothing were shared between rows."] if means else []),
        *(sentence for name, sentence in shown.items() if name in titles),
        *([_ALONE] if "engine time" in titles else []),
    ]


def _seldom(cells: Sequence[CellResult]) -> list[str]:
    """Return how to read what most runs have nothing of."""
    told = []
    if count := sum(cell.estimated for cell in cells):
        told.append(f"No server told the tokens of {count:,} calls; theirs are estimates.")
    return told


def suite_table(
    suite: str,
    source: str,
    cells: Sequence[CellResult],
    prices: Mapping[str, Price],
    width: int,
    pooled: Mapping[tuple[str, str, str], Estimate] | None = None,
) -> Table:
    """Return the table of one suite, a row for all seeds of a cell, with the columns that fit a width.

    `pooled` holds the accuracy over all seeds by suite, team and label; a row of one seed needs none.
    """
    grouped = [list(seeds) for _, seeds in groupby(cells, key=lambda cell: (cell.team, cell.label))]
    titles, left_out = {name: name for name in _COLUMNS}, {"price"} if not prices else set()
    if any(len(seeds) > 1 for seeds in grouped):
        titles |= _OVER_SEEDS
    else:
        left_out.add("over seeds")
    if not any(cell.refused for cell in cells):
        left_out.add("refused")
    rows = [dict(zip(_COLUMNS, _row(seeds, prices, pooled or {}), strict=True)) for seeds in grouped]
    widths = {name: max(len(row[name]) for row in (titles, *rows)) for name in _COLUMNS}
    table = Table(title=f"{suite.upper()}, {source}", title_justify="left", header_style="bold")
    widths[_COLUMNS[0]] = min(widths[_COLUMNS[0]], LABEL_WIDTH)
    columns = fitting({name: widths[name] for name in _COLUMNS if name not in left_out}, width, _SPARED)
    for name in columns:
        first = name == _COLUMNS[0]
        if first:
            table.add_column(titles[name], overflow="fold")  # a name is never cut
        else:
            table.add_column(titles[name], justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return table


def macro_table(rows: Iterable[ResultRow]) -> Table:
    """Return the table of means over suites, each counted the same, of the rows that were asked of more than one."""
    table = Table(title="Mean over suites", title_justify="left", header_style="bold")
    table.add_column("protocol", overflow="fold")
    for title in ("accuracy", "95 % interval", "suites", "n", "calls", "tokens"):
        table.add_column(title, justify="right")
    for name, suites in by_name(rows).items():
        if len(suites) > 1:
            mean_of = over_suites(suites)
            costs = [row.cost for row in suites.values()]
            table.add_row(
                name,
                f"{mean_of.value:.3f}",
                _interval(mean_of.low, mean_of.high, mean_of.caution),
                str(len(suites)),
                str(mean_of.questions),
                f"{mean(cost.calls for cost in costs):,.3g}",
                f"{mean(cost.tokens for cost in costs):,.0f}",
            )
    return table


def _row(
    seeds: Sequence[CellResult], prices: Mapping[str, Price], pooled: Mapping[tuple[str, str, str], Estimate]
) -> list[str]:
    label = _label(seeds)
    answered = [cell for cell in seeds if cell.accuracy is not None]
    n = sum(cell.n for cell in answered)
    if not answered:
        return [label, "no answers", *["-"] * (len(_COLUMNS) - 2)]
    over_all = pooled.get((seeds[0].suite, seeds[0].team, seeds[0].label))
    done = [cell.operations for cell in answered]
    return [
        label,
        f"{mean(cell.accuracy or 0 for cell in answered) if over_all is None else over_all.value:.3f}",
        _bounds(answered, over_all),
        _spread(answered),
        _questions([cell.n for cell in answered]),
        str(sum(cell.unread for cell in answered)),
        str(sum(cell.refused for cell in answered)),
        str(sum(cell.cut_off for cell in answered)),
        f"{sum(cell.calls for cell in answered) / n:,.3g}",
        *(
            f"{sum(getattr(cell, name) for cell in answered) / n:,.0f}"
            for name in ("prompt_tokens", "cached_tokens", "completion_tokens")
        ),
        f"{sum(cell.serial_seconds for cell in answered) / n:.1f}",
        operations(None if None in done else sum(d or 0 for d in done) / n),
        _price(answered, prices, n),
    ]


def _questions(of_seeds: Sequence[int]) -> str:
    """Return how many questions each seed answered: `100`, `2 x 100`, `100+98`, and of many `5 x 96 to 100`."""
    fewest, most = min(of_seeds), max(of_seeds)
    if fewest == most:
        return str(most) if len(of_seeds) == 1 else f"{len(of_seeds)} x {most}"
    if len(of_seeds) <= _SEEDS_TOLD:
        return "+".join(map(str, of_seeds))
    return f"{len(of_seeds)} x {fewest} to {most}"


def _price(answered: Sequence[CellResult], prices: Mapping[str, Price], n: int) -> str:
    """Return the mean price of a question; `-` where a model has none."""
    seats = [seat for cell in answered for seat in cell.seats.values()]
    if any(seat.model not in prices for seat in seats):
        return "-"
    return f"{sum(prices[seat.model].of(seat.usage) for seat in seats) / n:.2g}"


def _label(seeds: Sequence[CellResult]) -> str:
    first = seeds[0]
    label = row_name(first.team, first.label)
    ballots = sorted({cell.samples for cell in seeds if cell.samples is not None})
    return with_counts(label, ballots, first.counted)


def _bounds(answered: Sequence[CellResult], pooled: Estimate | None) -> str:
    first = answered[0]
    if pooled is not None:
        return _interval(pooled.low, pooled.high, pooled.caution)
    if len(answered) == 1 and first.low is not None and first.high is not None:
        return _interval(first.low, first.high, first.caution)
    return "-"


def _interval(low: float, high: float, caution: str | None) -> str:
    return f"{'~ ' if caution else ''}{low:.3f} - {high:.3f}"


def _spread(answered: Sequence[CellResult]) -> str:
    """Return how far several seeds lie apart."""
    if len(answered) == 1:
        return "-"
    accuracies = [cell.accuracy or 0.0 for cell in answered]
    return f"{min(accuracies):.3f}, {max(accuracies):.3f}, {stdev(accuracies):.3f}"


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
