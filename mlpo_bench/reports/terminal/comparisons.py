"""Rows compared in pairs: two runs row by row, or all rows of one against one of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from statistics import mean
from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis import limits
from mlpo_bench.analysis.rows import common, compared, read_rows
from mlpo_bench.errors import UsageError, nearest, unknown
from mlpo_bench.matrix.config import row_name
from mlpo_bench.reports.grids import NARROW, Grid, narrowed
from mlpo_bench.stats import ALPHA, holm, over_suites


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.stats import Comparison, Estimate

_NONE = "-"
MACRO = "macro"
# What a narrow terminal does without, first to last.
SPARED = (
    "discordant", "subjects, p", "p", "subjects, 95 %", "tokens A/B", "could show", "accuracy A", "accuracy B",
    "subjects, Holm", "n",
)  # fmt: skip
_LEGEND = {
    "A - B": "A - B is of the questions that both answered.",
    "95 % interval": "Interval and p speak of other questions of these subjects (~: too little to go by, see the "
    "cautions in JSON): McNemar's exact test, or flipped signs for means over seeds.",
    "subjects, Holm": "Subjects: the same for other subjects, drawn whole, whose signs are flipped.",
    "could show": "Could show: the smallest difference that n questions find in four samples of five, at the level of "
    "the strictest test of the table.",
    "tokens A/B": "Tokens: A's mean a question, read and written, over B's.",
}
_READ_OTHERWISE = (
    "Rows were read by different readers, which may be all that tells them apart: `mlpo-bench rescore RUN` has a run "
    "read by those of today."
)
_BRIEF = (
    "A or B: which is better. *: also on other subjects. open (>0.253): no difference is shown; of one beyond 0.253, "
    "four samples of five would show it (nothing in parentheses where none could be shown)."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows on the questions that both answered: of one suite, or as the mean over several, each counted the same.

    Attributes:
        row: The first row's name.
        suite: The suite; `macro` for a mean over suites.
        suites: How many.
        accuracy_a: The first row's accuracy.
        accuracy_b: The second's.
        comparison: The first less the second.
        adjusted: `comparison.p` after Holm over the whole table, means and all.
        adjusted_subjects: `comparison.p_subjects` likewise; None without subjects.
        tests: Over how many tests of the table.
        tokens: The first's mean a question over the second's; None where the second took none.
        left_out: How many questions only one of the two answered.
    """

    row: str
    suite: str
    suites: int
    accuracy_a: float
    accuracy_b: float
    comparison: Comparison
    adjusted: float
    adjusted_subjects: float | None
    tests: int
    tokens: float | None
    left_out: int

    @property
    def difference(self) -> Estimate:
        """The first row's accuracy less the second's, with its interval for other questions of these subjects."""
        return self.comparison.difference

    @property
    def could_show(self) -> float | None:
        """The smallest difference that the strictest of the table's tests finds in four samples of five."""
        return self.comparison.could_show(self.tests)

    @property
    def brief(self) -> str:
        """What it shows, in a word or two: `A*` where that is shown of other subjects, too."""
        if self.adjusted >= ALPHA:
            return "open" if self.could_show is None else f"open (>{self.could_show:.3f})"
        sure = self.adjusted_subjects is not None and self.adjusted_subjects < ALPHA
        return f"{'A' if self.difference.value > 0 else 'B'}{'*' if sure else ''}"

    @property
    def verdict(self) -> str:
        """What the comparison shows, in words."""
        if self.adjusted < ALPHA:
            better = f"{'A' if self.difference.value > 0 else 'B'} better"
            sure = self.adjusted_subjects is not None and self.adjusted_subjects < ALPHA
            return better if sure else f"{better} on these subjects; on others, not surely"
        could = self.could_show
        return "no difference shown; this n could have shown " + ("none" if could is None else f"{could:.3f}")


@dataclass(frozen=True, slots=True)
class Comparisons:
    """All pairs of a table, the means of those that several suites have, and what there is to say about them."""

    title: str
    pairs: tuple[Pair, ...]
    means: tuple[Pair, ...]
    notes: tuple[str, ...]

    @property
    def worse(self) -> tuple[Pair, ...]:
        """Those whose first row is surely worse, on other questions of these subjects."""
        every = (*self.pairs, *self.means)
        return tuple(pair for pair in every if pair.adjusted < ALPHA and pair.difference.value < 0)

    def to_json(self) -> dict[str, Any]:
        """Return all figures, unrounded."""
        return {
            "title": self.title,
            "pairs": [_figures(pair) for pair in self.pairs],
            "means": [_figures(each) for each in self.means],
            "notes": (" ".join(_LEGEND.values()), *self.notes),
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
    left_out = dict.fromkeys([*_left_out(a, rows_a), *_left_out(b, rows_b)])  # what is so of both is said once
    return _comparisons(f"A: {a.path}; B: {b.path}", pairs, [*notes, *left_out])


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
    return _comparisons(f"{run.path}: every other row (A) against {named[0].name} (B)", pairs, _left_out(run, rows))


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


def _figures(pair: Pair) -> dict[str, Any]:
    elsewhere = pair.comparison.could_show(pair.tests, elsewhere=True)
    could = {"could_show": pair.could_show, "could_show_of_other_subjects": elsewhere}
    return asdict(pair) | could | {"verdict": pair.verdict}


def _comparisons(title: str, rows: Sequence[tuple[ResultRow, ResultRow]], notes: Iterable[str]) -> Comparisons:
    named: dict[str, list[tuple[ResultRow, ResultRow]]] = {}
    for a, b in rows:
        named.setdefault(a.name, []).append((a, b))
    groups = [[pair] for pair in rows] + [pairs for pairs in named.values() if len(pairs) > 1]
    tests = [_compared(pairs) for pairs in groups]
    adjusted = holm({str(place): each.p for place, each in enumerate(tests)})
    elsewhere = holm({str(place): each.p_subjects for place, each in enumerate(tests) if each.p_subjects is not None})
    every = tuple(
        _pair(pairs, one, adjusted[str(place)], elsewhere.get(str(place)), len(tests))
        for place, (pairs, one) in enumerate(zip(groups, tests, strict=True))
    )
    told, means = every[: len(rows)], every[len(rows) :]
    every_one = "the one comparison" if len(tests) == 1 else f"all {len(tests)} comparisons"
    of_holm = (
        f"Holm: p adjusted over {every_one} of the table{', means over suites among them' if means else ''}; a verdict "
        f"needs it below {ALPHA}."
    )
    if len({cell.readers for pair in rows for row in pair for cell in row.cells}) > 1:
        notes = [*notes, _READ_OTHERWISE]
    left_out = [f"{pair.suite}, {pair.row} ({pair.left_out})" for pair in told if pair.left_out]
    if left_out:
        notes = [*notes, f"Questions that only one of the two answered are left out: {_listed(left_out)}."]
    return Comparisons(title, told, means, (of_holm, *notes))


def _compared(pairs: Sequence[tuple[ResultRow, ResultRow]]) -> Comparison:
    if len(pairs) == 1:
        return compared(*pairs[0])
    return over_suites({a.suite: common(a, b) for a, b in pairs})


def _pair(
    pairs: Sequence[tuple[ResultRow, ResultRow]],
    comparison: Comparison,
    adjusted: float,
    adjusted_subjects: float | None,
    tests: int,
) -> Pair:
    scores = [common(a, b) for a, b in pairs]
    of_b = sum(b.cost.tokens for _, b in pairs)
    return Pair(
        row=pairs[0][0].name,
        suite=pairs[0][0].suite if len(pairs) == 1 else MACRO,
        suites=len(pairs),
        accuracy_a=mean(mean(a) for a, _, _ in scores),
        accuracy_b=mean(mean(b) for _, b, _ in scores),
        comparison=comparison,
        adjusted=adjusted,
        adjusted_subjects=adjusted_subjects,
        tests=tests,
        tokens=sum(a.cost.tokens for a, _ in pairs) / of_b if of_b else None,
        left_out=sum(len(a.scores.keys() ^ b.scores.keys()) for a, b in pairs),
    )


def grid(comparisons: Comparisons, *, exact: bool = False) -> Grid:
    """Return the table in words; with `exact`, its figures unrounded and its intervals in two columns."""
    columns = (
        "row", "suite", "accuracy A", "accuracy B", "A - B",
        *(("low", "high", "subjects, low", "subjects, high") if exact else ("95 % interval", "subjects, 95 %")),
        "discordant", "p", "Holm", "subjects, p", "subjects, Holm", "could show", "n", "tokens A/B", "verdict",
    )  # fmt: skip
    rows = tuple(_words(one, exact=exact) for one in (*comparisons.pairs, *comparisons.means))
    return Grid(comparisons.title, columns, rows, (" ".join(_LEGEND.values()), *comparisons.notes))


def of_width(comparisons: Comparisons, width: int) -> Grid:
    """Return the table with the columns that a terminal has room for, verdicts in a word, and how to read it."""
    whole = grid(comparisons)
    every = (*comparisons.pairs, *comparisons.means)
    brief = tuple((*row[:-1], one.brief) for row, one in zip(whole.rows, every, strict=True))
    made = narrowed(replace(whole, rows=brief), width, SPARED, boxed=width >= NARROW)
    told = " ".join(sentence for column, sentence in _LEGEND.items() if column in made.columns)
    return replace(made, notes=(f"{told} {_BRIEF}", *comparisons.notes))


def _words(one: Pair, *, exact: bool) -> tuple[str, ...]:
    def figure(value: float | None, form: str = ".3f") -> str:
        if value is None:
            return "" if exact else _NONE
        return repr(float(value)) if exact else format(value, form)

    def interval(estimate: Estimate | None) -> tuple[str, ...]:
        if exact:
            return (figure(estimate.low), figure(estimate.high)) if estimate else ("", "")
        if estimate is None:
            return (_NONE,)
        return (f"{'~ ' if estimate.caution else ''}[{estimate.low:+.3f}, {estimate.high:+.3f}]",)

    comparison = one.comparison
    return (
        one.row,
        one.suite,
        figure(one.accuracy_a),
        figure(one.accuracy_b),
        figure(one.difference.value, "+.3f"),
        *interval(one.difference),
        *interval(comparison.elsewhere),
        figure(comparison.discordant),
        figure(comparison.p, ".3g"),
        figure(one.adjusted, ".3g"),
        figure(comparison.p_subjects, ".3g"),
        figure(one.adjusted_subjects, ".3g"),
        figure(one.could_show),
        str(one.difference.questions),
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


def _left_out(run: LoadedRun, rows: Sequence[ResultRow]) -> list[str]:
    left = run.results.unfinished
    unfinished = f"{run.path}: {len(left)} cells have yet to be run and are left out." if left else None
    return [*filter(None, [unfinished, limits.told(limits.of_rows(run, rows))])]


def _listed(names: Iterable[str], most: int = 10) -> str:
    every = list(dict.fromkeys(names))
    more = f"; and {len(every) - most} more" if len(every) > most else ""
    return "; ".join(every[:most]) + more  # labels have commas of their own
