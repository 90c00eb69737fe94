"""What leaders do with their peers' answers, on a terminal: an overview of a run's leaders, and all figures of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table

from mlpo_bench.analysis.diagnostics import LEADER
from mlpo_bench.reports.signatures import as_p, signatures
from mlpo_bench.reports.terminal.console import shown


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlpo_bench.analysis.diagnostics import LeaderDiagnostics, RoundDiagnostics
    from mlpo_bench.analysis.position_bias import PositionBias
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.stats.means import Mean, Ratio
    from mlpo_bench.stats.paired import Comparison

_ROUNDING = 1e-9
_WIDE = 110
HOW_TO_READ = (
    "Shares stand with the number of cases they are taken from; intervals are at 95 % and allow for questions of a "
    "subject being alike. Rescue: some peers right, but no majority, and the leader right. Recovery: no peer right, "
    "and the leader right. Harm: a majority right, and the leader wrong. Gap closed: how much of the way from a random "
    "peer to one that is right the leader covers. docs/diagnostics.md defines every figure."
)


def print_overview(leaders: Sequence[LeaderDiagnostics], console: Console) -> None:
    """Print a row for each leader of a suite, and what its figures say in words."""
    wide = console.width >= _WIDE
    table = _table(
        f"{leaders[0].suite.upper()}: what leaders make of their peers' last answers",
        ["leader", "right", *(["random\npeer", "vote", "oracle"] * wide), "gap\nclosed", "rescue", "recovery", "harm"],
    )
    for one in leaders:
        rivals, choices = one.final.rivals, one.final.choices
        table.add_row(
            one.name,
            count(one.final.accuracy),
            *(value(r.accuracy) for r in (rivals.random_pick, rivals.vote, rivals.oracle) if wide),
            "-" if rivals.gap_closed.value is None else f"{rivals.gap_closed.value:.2f}",
            *(count(m) for m in (choices.rescue, choices.recovery, choices.harm)),
        )
    console.print(table)
    for one in leaders:
        console.print(one.name, style="bold")
        _print_signatures(one, console)
    console.print()


def print_diagnostics(of: LeaderDiagnostics, console: Console) -> None:
    """Print all figures of one leader."""
    seeds = f", {of.seeds} seeds" if of.seeds > 1 else ""
    console.print(shown(f"{of.suite.upper()}, {of.name}", "bold"), f": {of.final.questions} questions{seeds}", sep="")
    if of.alone:
        console.print(f"In {of.alone} more conversations the leader asked no peer; no figure below holds them.")
    _print_signatures(of, console)
    for table in _tables(of):
        console.print()
        console.print(table)
    console.print()


def print_how_to_read(console: Console) -> None:
    """Print what the columns mean."""
    console.print(HOW_TO_READ, style="dim")


def _print_signatures(of: LeaderDiagnostics, console: Console) -> None:
    for line in signatures(of):
        console.print(Padding(line, (0, 0, 0, 2)), style="yellow")


def _tables(of: LeaderDiagnostics) -> Iterator[Table]:
    yield _shares("What the leader does with its peers' last answers", "", _choices(of.final))
    yield _rivals(of.final)
    if of.peers > 1:
        yield _shares(
            "Redundancy of peers", "", [*_alike(of.final), ("first texts alike, word by word", of.similarity)]
        )
        yield _places(of)
    yield _shares("The leader by what its peers get right at first", "peers right", _difficulty(of.final))
    yield _shares("Texts without a readable answer, and cut off", "", _broken(of.final))
    if len(of.rounds) > 1:
        yield _by_round(of)
    if of.added_rounds or of.over:
        yield _gains(of)


def _shares(title: str, first: str, rows: Iterable[tuple[str, Mean]]) -> Table:
    table = _table(title, [first, "share", "95 % interval", "cases"])
    for name, mean in rows:
        table.add_row(name, value(mean), interval(mean), str(mean.n))
    return table


def _by_round(of: LeaderDiagnostics) -> Table:
    table = _table("The same by round", ["", *(f"round {n + 1}" for n in range(len(of.rounds)))])
    by_round = [[*_choices(r), *_alike(r), *_broken(r)] for r in of.rounds]
    for of_figure in zip(*by_round, strict=True):
        table.add_row(of_figure[0][0], *(count(mean, "/") for _, mean in of_figure))
    return table


def _choices(of: RoundDiagnostics) -> Iterator[tuple[str, Mean]]:
    choices, peers = of.choices, len(of.peers)
    yield "right", of.accuracy
    for right, mean in enumerate(choices.by_right_peers):
        yield (
            f"right where {right} of {peers} {'peer' if peers == 1 else 'peers'} {'is' if right == 1 else 'are'}",
            mean,
        )
    yield "rescue", choices.rescue
    yield "recovery", choices.recovery
    yield "harm", choices.harm
    yield "agrees with most peers", choices.agreement
    yield "overrides them", choices.override
    yield "  and is right then", choices.right_after_override
    yield "  wrong answers turned right", choices.helped
    yield "  right answers turned wrong", choices.hurt
    yield "cannot be read instead", choices.silence
    yield "follows a wrong unanimous team", choices.follows_wrong_team
    yield "follows most, where one is right", choices.follows_wrong_favourite


def _alike(of: RoundDiagnostics) -> Iterator[tuple[str, Mean]]:
    if len(of.peers) == 1:
        return
    redundancy = of.redundancy
    yield "two peers give the same answer", redundancy.agreement
    yield "different answers a question", redundancy.distinct
    by_chance = "" if redundancy.both_wrong_by_chance is None else f" ({redundancy.both_wrong_by_chance:.3f} by chance)"
    yield f"two peers are wrong{by_chance}", redundancy.both_wrong
    yield "  with the same answer", redundancy.same_error


def _difficulty(of: RoundDiagnostics) -> Iterator[tuple[str, Mean]]:
    told = {"0": "none", "low": "up to 1/3", "mid": "up to 2/3", "high": "above 2/3", "1": "all"}
    for bucket, mean in of.by_difficulty.items():
        yield told[bucket], mean


def _broken(of: RoundDiagnostics) -> Iterator[tuple[str, Mean]]:
    for what, by_seat in (("unread", of.unread), ("cut off", of.cut_off)):
        for seat in sorted(by_seat, key=lambda seat: seat == LEADER):
            yield f"{what}: {seat}", by_seat[seat]


def _rivals(of: RoundDiagnostics) -> Table:
    rivals = of.rivals
    table = _table(
        "The leader against what else could be made of these answers",
        ["", "right", "leader\nmore by", "95 % interval", "p", "could be\nshown"],
    )
    named = {
        "random pick": rivals.random_pick,
        f"best, in hindsight: {rivals.best_peer.name}": rivals.best_peer,
        "vote": rivals.vote,
        "oracle": rivals.oracle,
    }
    for name, rival in named.items():
        comparison = rival.comparison
        shown = "-" if comparison.detectable is None else f"{comparison.detectable:.3f}"
        table.add_row(name, value(rival.accuracy), *_difference(comparison), shown)
    table.caption = f"Gap from random pick to oracle closed: {_ratio(rivals.gap_closed)}"
    return table


def _ratio(ratio: Ratio) -> str:
    if ratio.value is None:
        return "there is none"
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}; it is too small for an interval"
    return f"{ratio.value:.2f} (95 %: {ratio.low:.2f} to {ratio.high:.2f})"


def _places(of: LeaderDiagnostics) -> Table:
    table = _table(
        "Which places of its prompt the leader follows where peers differ",
        ["order", "place", "followed", "95 % interval", "taken\nfrom it", "expected"],
    )
    both = [of.final.places, *([of.other_order.places] if of.other_order else [])]
    for places in both:
        for place, followed in enumerate(places.followed):
            figures = f"{places.given[place]:.1f}", f"{places.expected[place]:.1f}"
            table.add_row(_order(places), str(place + 1), count(followed), interval(followed), *figures)
        table.add_section()
    notes = [_test(places) for places in both]
    if of.other_order:
        difference, bounds, p = _difference(of.other_order.comparison)
        notes.append(f"In its order the leader is right more often by {difference} ({bounds}; p {p})")
    table.caption = "\n".join(notes)
    return table


def _order(places: PositionBias) -> str:
    return "shuffled" if places.shuffled else "fixed"


def _test(places: PositionBias) -> str:
    if places.p is None:
        return f"{_order(places).capitalize()} order: {places.n} answers taken, too few for a test"
    return (
        f"{_order(places).capitalize()} order: {places.n} answers taken, chi-square {places.chi_square:.1f} with "
        f"{places.degrees} degrees of freedom, {as_p(places.p)}"
    )


def _gains(of: LeaderDiagnostics) -> Table:
    table = _table(
        "What rounds and peers gain, and the tokens of a question they take",
        ["", "gain", "95 % interval", "p", "tokens", "instead\nof", "for a\npoint"],
    )
    named = [(f"round {n} over {gain.over}", gain) for n, gain in enumerate(of.added_rounds, start=2)]
    for name, gain in [*named, *((f"all over {gain.over}", gain) for gain in of.over)]:
        paid = "-" if gain.tokens_a_point is None else f"{gain.tokens_a_point:,.0f}"
        tokens = f"{gain.tokens:,.0f}", f"{gain.tokens_over:,.0f}", paid
        table.add_row(name, *_difference(gain.comparison), *tokens)
    return table


def _difference(comparison: Comparison) -> tuple[str, str, str]:
    apart = comparison.difference
    return f"{apart.value:+.3f}", f"{apart.low:+.3f} to {apart.high:+.3f}", as_p(comparison.p)[1:].lstrip(" =")


def value(mean: Mean) -> str:
    """Return a mean; `-` where there was no case."""
    return "-" if mean.value is None else f"{mean.value:.3f}"


def interval(mean: Mean) -> str:
    """Return a mean's interval."""
    return "-" if mean.low is None else f"{mean.low:.3f} - {mean.high:.3f}"


def count(mean: Mean, of: str = " of ") -> str:
    """Return a share as `5 of 16`."""
    whole = abs(mean.total - round(mean.total)) < _ROUNDING
    return f"{mean.total:.{0 if whole else 1}f}{of}{mean.n}"


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", caption_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=bool(place))
    return table
