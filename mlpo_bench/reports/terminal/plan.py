"""What a run will take, on a terminal; and afterwards, how far that was off."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table

from mlpo_bench.matrix.config import row_name
from mlpo_bench.reports.figures import duration, price, short_names
from mlpo_bench.stats import questions_to_detect


if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlpo_bench.log import LoadedRun
    from mlpo_bench.log.plan import CellPlan, Plan
    from mlpo_bench.reports.terminal.console import Console


_DISCORDANT = (0.1, 0.2, 0.4)
"""On what shares of questions a row and its vote may differ: on few where both are good, or write much alike."""


def print_plan(plan: Plan, console: Console) -> None:
    """Print the cells of each suite, then what all of them take together."""
    for suite, of_suite in groupby(plan.cells, key=lambda cell: cell.suite):
        console.print(_suite(suite, of_suite))
        console.print()
    console.print(_models(plan))
    console.print()
    cells = "1 cell" if len(plan.cells) == 1 else f"{len(plan.cells)} cells"
    share = f" ({plan.calls_paid / plan.calls_alone:.2f})" if plan.calls_alone else ""
    console.print(
        f"{cells}: {plan.calls_alone:,} calls run apart, {plan.calls_paid:,} together{share}. "
        f"Time: {duration(plan.seconds)}. Price: {_price(plan)}."
    )
    for model, basis in plan.basis.items():
        console.print(f"{model}: {basis}", style="dim")
    console.print(
        "Calls are exact (at most, where answers decide), but for votes at the tokens of another cell; tokens, time "
        "and price are estimates from a rehearsal over a few questions. Run apart: each row asks all of its own. "
        "Together: what several rows ask alike is asked once. Nothing was started.",
        style="dim",
    )


def _price(plan: Plan) -> str:
    return "unknown (a model without `prices` in the team file)" if plan.price is None else price(plan.price)


def _suite(suite: str, cells: Iterable[CellPlan]) -> Table:
    table = Table(title=suite.upper(), title_justify="left", header_style="bold")
    for place, title in enumerate(("row", "questions", "calls each", "calls", "tokens in", "tokens out")):
        table.add_column(title, justify="left" if place == 0 else "right")
    rows: dict[str, list[CellPlan]] = {}
    for cell in cells:
        rows.setdefault(row_name(cell.team, cell.label), []).append(cell)
    for name, seeds in rows.items():
        table.add_row(
            name,
            f"{len(seeds)} x {seeds[0].questions:,}" if len(seeds) > 1 else f"{seeds[0].questions:,}",
            _each(seeds[0]),
            f"{sum(cell.calls * cell.questions for cell in seeds):,}",
            f"{sum(cell.prompt_tokens for cell in seeds):,}",
            f"{sum(cell.completion_tokens for cell in seeds):,}",
        )
    return table


def print_detection(plan: Plan, led: int, difference: float, console: Console) -> None:
    """Print how many questions it takes to tell a led row from its vote, were they so far apart.

    Args:
        plan: The plan.
        led: How many led rows of all suites are held against their votes: so many tests are adjusted together.
        difference: How far apart they are, above 0 and at most 1.
        console: Where to.
    """
    asked = {cell.suite: cell.questions for cell in plan.cells}
    needed = {
        share: questions_to_detect(difference, share, max(led, 1)) for share in _DISCORDANT if share >= difference
    }
    if not needed:
        needed = {difference: questions_to_detect(difference, difference, max(led, 1))}
    told = "; ".join(f"{count:,} where they differ on {share:.0%} of them" for share, count in needed.items())
    rows = {0: "were one led row", 1: "as 1 led row is"}.get(led, f"as {led} led rows are")
    console.print(
        f"To tell a difference of {difference:g} in four samples of five, a suite needs so many questions, {rows} "
        f"held against votes: {told}."
        f" This run asks {', '.join(f'{n:,} of {suite.upper()}' for suite, n in asked.items())}.".replace("%", " %")
    )


def _each(cell: CellPlan) -> str:
    if cell.samples is not None:
        return f"about {cell.calls}"
    return str(cell.calls) if cell.calls == cell.fewest_calls else f"{cell.fewest_calls} to {cell.calls}"


def _models(plan: Plan) -> Table:
    table = Table(title="All cells together", title_justify="left", header_style="bold")
    for place, title in enumerate(("model", "", "calls", "tokens in", "tokens out")):
        table.add_column(title, justify="left" if place <= 1 else "right")
    names = short_names(plan.alone)
    for model, alone in plan.alone.items():
        for what, spent in (("run apart", alone), ("together", plan.paid[model])):
            figures = (spent.calls, spent.prompt_tokens, spent.completion_tokens)
            table.add_row(names[model], what, *(f"{figure:,}" for figure in figures))
    return table


def print_error_of(run: LoadedRun, console: Console) -> None:
    """Print what was planned beside what it came to.

    Seconds are compared only where the run asked for its completions itself: those of a store take no time.
    """
    plan, results = run.plan, run.results
    if plan is None or results.unfinished or results.failed:
        return
    paid = list(results.shared.paid.values())
    completions = sum(spent.calls for spent in paid)
    found = max(completions - run.made, 0)
    came_to = {
        "completions": (plan.calls_paid, completions),
        "tokens in": (
            sum(spent.prompt_tokens for spent in plan.paid.values()),
            sum(spent.prompt_tokens + spent.cached_tokens for spent in paid),
        ),
        "tokens out": (
            sum(spent.completion_tokens for spent in plan.paid.values()),
            sum(spent.completion_tokens for spent in paid),
        ),
        "seconds": (None if plan.seconds is None else round(plan.seconds), round(run.seconds)),
    }
    table = Table(title="Planned and come to", title_justify="left", header_style="bold")
    for place, title in enumerate(("", "planned", "came to", "off by")):
        table.add_column(title, justify="left" if place == 0 else "right")
    for what, (planned, real) in came_to.items():
        known = not real or (what == "seconds" and found > 0)
        off = "-" if planned is None or known else f"{planned / real - 1:+.0%}"
        table.add_row(what, "-" if planned is None else f"{planned:,}", f"{real:,}", off)
    console.print(table)
    if found:
        console.print(f"{found:,} of {completions:,} completions were known before and took no time.", style="dim")
