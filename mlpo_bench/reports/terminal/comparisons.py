"""Rows compared in pairs: two runs row by row, or all rows of one against one of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import mean
from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis.rows import compared, read_rows, row_name
from mlpo_bench.errors import UsageError, nearest, unknown
from mlpo_bench.reports.grids import Grid
from mlpo_bench.stats import ALPHA, holm, macro


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.stats import Comparison, Estimate

_NONE = "-"
# What a narrow terminal does without, first to last.
SPARED = ("discordant", "p, subjects", "tokens A/B", "could show", "accuracy A", "accuracy B")
_HOW_TO_READ = (
    "A - B is of the questions that both answered; its interval allows for questions alike within a subject "
    "(~: too little to go by, see the cautions in JSON). "
    "p, questions: McNemar's exact test, or flipped signs for means over seeds. p, subjects: whole subjects' signs "
    "flipped. Could show: the smallest difference that n independent questions find in four samples of five. "
    "Tokens: A's mean a question, read and written, over B's."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows on the questions of one suite that both answered; `left_out` counts those that only one did.

    `adjusted` is `comparison.p` after Holm over the whole table, and `tokens` A's mean a question over B's (None where
    B took none).
    """

    row: str
    suite: str
    accuracy_a: float
    accuracy_b: float
    comparison: Comparison
    adjusted: float
    tokens: float | None
    left_out: int

    @property
    def verdict(self) -> str:
        """What the comparison shows, in words."""
        difference = self.comparison.difference
        if self.adjusted < ALPHA:
            better = f"{'A' if difference.value > 0 else 'B'} better"
            sure = difference.low > 0 or difference.high < 0
            return better if sure else f"{better} on these questions; on other subjects, not surely"
        could = self.comparison.detectable
        return "no difference shown; this n could have shown " + ("none" if could is None else f"{could:.3f}")


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean over suites of a row's differences, each suite counted the same."""

    row: str
    suites: int
    accuracy_a: float
    accuracy_b: float
    difference: Estimate
    tokens: float | None

    @property
    def verdict(self) -> str:
        """What the interval shows, in words."""
        if self.difference.low > 0:
            return "A better"
        return "B better" if self.difference.high < 0 else "no difference shown"


@dataclass(frozen=True, slots=True)
class Comparisons:
    """All pairs of a table, the means of those that several suites have, and what there is to say about them."""

    title: str
    pairs: tuple[Pair, ...]
    means: tuple[Mean, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all figures, unrounded."""
        return {
            "title": self.title,
            "pairs": [asdict(pair) | {"verdict": pair.verdict} for pair in self.pairs],
            "means": [asdict(each) | {"verdict": each.verdict} for each in self.means],
            "notes": self.notes,
        }


def of_runs(a: LoadedRun, b: LoadedRun, suites: Collection[str] | None = None, *, anyway: bool = False) -> Comparisons:
    """Compare the rows that two runs have by the same names; with `anyway`, even where their data differ.

    Raises:
        UsageError: they are one run, or share no row; a suite's data differ; no run has a suite.
    """
    if a.path.resolve() == b.path.resolve():
        raise UsageError(f"{a.path} is compared with itself; name another run, or one of its rows with --against.")
    rows_a, rows_b = read_rows(a), read_rows(b)
    others = {(row.suite, row.name): row for row in rows_b}
    _check_suites(suites, [*rows_a, *rows_b])
    shared = [(row, others[row.suite, row.name]) for row in rows_a if (row.suite, row.name) in others]
    pairs = [pair for pair in shared if suites is None or pair[0].suite in suites]
    if not pairs:
        raise UsageError(f"{a.path} and {b.path} have no row in common; `mlpo-bench show` prints the rows of each.")
    notes = [*_different_data(a, b, {row.suite for row, _ in pairs}, anyway=anyway)]
    alone = len(rows_a) + len(rows_b) - 2 * len(shared)
    notes += [f"{alone} rows that only one of the two runs has are left out."] if alone else []
    return _comparisons(f"A: {a.path}; B: {b.path}", pairs, [*notes, *_unfinished(a), *_unfinished(b)])


def against(run: LoadedRun, name: str, suites: Collection[str] | None = None) -> Comparisons:
    """Compare every row of a run with one of its rows, named by its label or by a part of its label or id.

    Raises:
        UsageError: no row or more than one is called so, it has yet to be run, or it stands alone.
    """
    rows = read_rows(run)
    _check_suites(suites, rows)
    named = _named(run, rows, name)
    chosen = {row.suite: row for row in named if suites is None or row.suite in suites}
    if not chosen:
        raise UsageError(f"{named[0].name} is in no suite of those chosen, only in {_listed(r.suite for r in named)}.")
    pairs = [(row, chosen[row.suite]) for row in rows if row.suite in chosen and row is not chosen[row.suite]]
    if not pairs:
        raise UsageError(f"{named[0].name} is the only row of {run.path} in {_listed(chosen)}: nothing to compare.")
    return _comparisons(f"{run.path}: every other row (A) against {named[0].name} (B)", pairs, _unfinished(run))


def _named(run: LoadedRun, rows: Sequence[ResultRow], name: str) -> list[ResultRow]:
    """Return the rows of one name, one for each suite, that a person means by a label, an id, or a part of one."""
    matrix = run.cells
    ways = (
        [cell for cell in matrix if name in (cell.label, row_name(cell.team, cell.label))],
        [cell for cell in matrix if name == cell.id],
        [cell for cell in matrix if name in row_name(cell.team, cell.label) or name in cell.id],
    )
    meant = next((way for way in ways if way), [])
    names = list(dict.fromkeys(row_name(cell.team, cell.label) for cell in meant))
    if not meant:
        labels = dict.fromkeys(row_name(cell.team, cell.label) for cell in matrix)
        raise UsageError(f"no row is called {name!r}{nearest(name, labels) or '.'} Rows: {_listed(labels)}.")
    if len(names) > 1:
        raise UsageError(f"{name!r} may be one of these rows: {_listed(names)}. Name one in full.")
    suites = {cell.suite for cell in meant}
    of_name = [row for row in rows if row.name == names[0] and row.suite in suites]
    if not of_name:
        raise UsageError(f"{meant[0].id} has no answers yet; `{run.command}` goes on with it.")
    return of_name


def _comparisons(title: str, rows: Sequence[tuple[ResultRow, ResultRow]], notes: Iterable[str]) -> Comparisons:
    tests = [compared(a, b) for a, b in rows]
    adjusted = holm({str(place): each.p for place, each in enumerate(tests)})
    pairs = tuple(
        _pair(a, b, one, adjusted[str(place)]) for place, ((a, b), one) in enumerate(zip(rows, tests, strict=True))
    )
    means = _means(rows, pairs)
    of_holm = f"p, Holm: p, questions, adjusted over all {len(pairs)} comparisons of the table; a verdict needs it " + (
        f"below {ALPHA}." + (" Means over suites have no p: their verdict goes by the interval." if means else "")
    )
    left_out = [f"{pair.suite}, {pair.row} ({pair.left_out})" for pair in pairs if pair.left_out]
    if left_out:
        notes = [*notes, f"Questions that only one of the two answered are left out: {_listed(left_out)}."]
    return Comparisons(title, pairs, means, (_HOW_TO_READ, of_holm, *notes))


def _pair(a: ResultRow, b: ResultRow, comparison: Comparison, adjusted: float) -> Pair:
    common = a.scores.keys() & b.scores.keys()
    return Pair(
        row=a.name,
        suite=a.suite,
        accuracy_a=mean(a.scores[question] for question in sorted(common)),
        accuracy_b=mean(b.scores[question] for question in sorted(common)),
        comparison=comparison,
        adjusted=adjusted,
        tokens=a.cost.tokens / b.cost.tokens if b.cost.tokens else None,
        left_out=len(a.scores.keys() ^ b.scores.keys()),
    )


def _means(rows: Sequence[tuple[ResultRow, ResultRow]], pairs: Sequence[Pair]) -> tuple[Mean, ...]:
    grouped: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        grouped.setdefault(pair.row, []).append(place)
    return tuple(
        _mean([rows[place] for place in places], [pairs[place] for place in places])
        for places in grouped.values()
        if len(places) > 1
    )


def _mean(rows: Sequence[tuple[ResultRow, ResultRow]], pairs: Sequence[Pair]) -> Mean:
    of_b = sum(b.cost.tokens for _, b in rows)
    return Mean(
        row=pairs[0].row,
        suites=len(pairs),
        accuracy_a=mean(pair.accuracy_a for pair in pairs),
        accuracy_b=mean(pair.accuracy_b for pair in pairs),
        difference=macro({pair.suite: pair.comparison.difference for pair in pairs}),
        tokens=sum(a.cost.tokens for a, _ in rows) / of_b if of_b else None,
    )


def grid(comparisons: Comparisons, *, exact: bool = False) -> Grid:
    """Return the table in words; with `exact`, its figures unrounded and its intervals in two columns."""
    columns = (
        "row", "suite", "accuracy A", "accuracy B", "A - B", *(("low", "high") if exact else ("95 % interval",)),
        "discordant", "p, questions", "p, subjects", "p, Holm", "could show", "n", "tokens A/B", "verdict",
    )  # fmt: skip
    every: tuple[Pair | Mean, ...] = (*comparisons.pairs, *comparisons.means)
    rows = tuple(_words(one, exact=exact) for one in every)
    return Grid(comparisons.title, columns, rows, comparisons.notes)


def _words(one: Pair | Mean, *, exact: bool) -> tuple[str, ...]:
    def figure(value: float | None, form: str = ".3f") -> str:
        if value is None:
            return "" if exact else _NONE
        return repr(float(value)) if exact else format(value, form)

    comparison, adjusted, suite = None, None, "macro"
    if isinstance(one, Pair):
        comparison, adjusted, suite = one.comparison, one.adjusted, one.suite
    difference = one.difference if isinstance(one, Mean) else one.comparison.difference
    caution = "~ " if difference.caution else ""
    interval = (f"{caution}[{difference.low:+.3f}, {difference.high:+.3f}]",)
    return (
        one.row,
        suite,
        figure(one.accuracy_a),
        figure(one.accuracy_b),
        figure(difference.value, "+.3f"),
        *((figure(difference.low), figure(difference.high)) if exact else interval),
        figure(comparison.discordant if comparison else None),
        figure(comparison.p if comparison else None, ".3g"),
        figure(comparison.p_subjects if comparison else None, ".3g"),
        figure(adjusted, ".3g"),
        figure(comparison.detectable if comparison else None),
        str(difference.questions),
        figure(one.tokens, ".3g"),
        one.verdict,
    )


def _different_data(a: LoadedRun, b: LoadedRun, suites: Collection[str], *, anyway: bool) -> list[str]:
    """Return a note where suites' data differ.

    Raises:
        UsageError: they do, and it is not to be compared anyway.
    """
    of_a, of_b = a.manifest["sources"], b.manifest["sources"]
    differ = sorted(s for s in suites if of_a[s]["revision"] != of_b[s]["revision"])
    if not differ:
        return []
    told = "; ".join(f"{s}: {of_a[s]['revision']} and {of_b[s]['revision']}" for s in differ)
    if not anyway:
        raise UsageError(
            f"the two runs asked different data ({told}), where one id may be two questions. "
            "Leave these suites out with --suite, or compare --anyway."
        )
    return [f"The two runs asked different data ({told}): the same id may be two questions."]


def _check_suites(suites: Collection[str] | None, rows: Iterable[ResultRow]) -> None:
    known = {row.suite for row in rows}
    for suite in suites or ():
        if suite not in known:
            raise unknown("suite with answers", suite, known)


def _unfinished(run: LoadedRun) -> list[str]:
    left = run.results.unfinished
    return [f"{run.path}: {len(left)} cells have yet to be run and are left out."] if left else []


def _listed(names: Iterable[str], most: int = 10) -> str:
    every = list(dict.fromkeys(names))
    more = f"; and {len(every) - most} more" if len(every) > most else ""
    return "; ".join(every[:most]) + more  # labels have commas of their own
