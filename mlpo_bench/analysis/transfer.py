"""Does what a leader gains hold on suites that it was not trained on? Its gain by suite, and one test.

A gain is the led row's accuracy less its rival's on the same questions. The rival is the vote at the row's own tokens
unless another row is named: `base: leader, 2 rounds`, say, for what training added.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import mean
from typing import TYPE_CHECKING, Any

from mlpo_bench import atomic
from mlpo_bench.analysis.matches import verdicts
from mlpo_bench.analysis.rows import by_name, read_rows
from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.paths import expanded
from mlpo_bench.questions import PAPER, SUITES, find, own
from mlpo_bench.stats import ALPHA, interaction, stratified


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.stats import Estimate, Interaction
    from mlpo_bench.teams import Member

AT_ITS_TOKENS = "the vote at its tokens"
CARD = "card.json"
"""What a training writes beside the leader that it made."""


@dataclass(frozen=True, slots=True)
class SuiteGain:
    """What a row gains on one suite.

    Attributes:
        suite: The suite.
        inside: Whether the leader was trained on it.
        accuracy: The row's, on the questions that both answered.
        rival: The rival's, on the same.
        gain: The first less the second.
    """

    suite: str
    inside: bool
    accuracy: float
    rival: float
    gain: Estimate


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a row gains on suites that its leader was trained on, and on others.

    Attributes:
        row: The row's name.
        against: What its rival is called.
        trained: The suites that the leader was trained on.
        trained_by: Where that is told.
        gains: By suite, those it was trained on first.
        interaction: Inside less outside; None where the run has suites of one kind only.
        others: The other led rows, which may be named instead.
    """

    row: str
    against: str
    trained: tuple[str, ...]
    trained_by: str
    gains: tuple[SuiteGain, ...]
    interaction: Interaction | None
    others: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The answer to whether the gain differs."""
        who = f"{self.row} against {self.against}"
        if self.interaction is None:
            kind = "that the leader was trained on" if all(gain.inside for gain in self.gains) else "of other kinds"
            return f"{who}: the run has suites {kind} only, so that nothing can be said of transfer."
        apart = self.interaction.difference
        interval = f"95 % interval {apart.low:+.3f} to {apart.high:+.3f}"
        figures = f"{apart.value:+.3f}, {interval}, p = {self.interaction.p:.2g}"
        if self.interaction.p >= ALPHA:
            return f"{who}: whether the gain differs out of distribution cannot be told ({figures})."
        more = "smaller" if apart.value > 0 else "larger"
        return f"{who}: the gain is {more} out of distribution (in less out: {figures})."

    def to_json(self) -> dict[str, Any]:
        """Return all figures, unrounded, and the sentence."""
        return asdict(self) | {"sentence": self.sentence}


def transfer(
    run: LoadedRun, row: str | None = None, against: str | None = None, trained: Sequence[str] | None = None
) -> Transfer:
    """Return what a led row gains on suites that its leader was trained on and on others.

    Args:
        run: The run.
        row: The row's name, or a part that no other has; None takes the led row that asks most.
        against: The rival's name, likewise; None takes the vote at the row's tokens.
        trained: The suites that the leader was trained on; None has the leader's card tell, else the paper's.

    Raises:
        UsageError: There is no such row or suite, none is led, or the two have no suite in common.
    """
    rows = read_rows(run)
    named = by_name(rows)
    led = _led(named)
    name = _one("row", row, named) if row is not None else next(iter(led), None)
    if name is None:
        raise UsageError(f"{run.path} has no led row; name the row that is held against another with --row.")
    rival = None if against is None else _one("row", against, named)
    if rival == name:
        raise UsageError(f"{name} is held against itself; name another row with --against.")
    paired = _against_vote(run, rows, name) if rival is None else _against_row(named[name], named[rival])
    if not paired:
        told = f"{rival} answers no question that {name} answers" if rival else f"{name} has no vote at its tokens"
        others = "; ".join(other for other in named if other != name)
        remedy = f"name a row with --against: {others}" if others else "the run has no other row"
        raise UsageError(f"{told}; {remedy}.")
    inside, told_by = _trained(run, next(iter(named[name].values())), trained)
    groups = [{s: each for s, each in paired.items() if _is_inside(s, inside) is kind} for kind in (True, False)]
    return Transfer(
        row=name,
        against=rival or AT_ITS_TOKENS,
        trained=inside,
        trained_by=told_by,
        gains=tuple(_gain(suite, each, inside) for group in groups for suite, each in group.items()),
        interaction=interaction(*groups) if all(groups) else None,
        others=tuple(other for other in led if other != name),
    )


Scores = tuple[list[float], list[float], list[str]]


def _led(named: Mapping[str, Mapping[str, ResultRow]]) -> list[str]:
    """Return the names of the led rows, the one that asks most first: what it came to has no say in it."""
    led = {name: suites for name, suites in named.items() if next(iter(suites.values())).family == "led"}
    return sorted(led, key=lambda name: -mean(row.cost.calls for row in led[name].values()))


def _one(kind: str, given: str, names: Iterable[str]) -> str:
    """Return the name that a person means by it or by a part of it.

    Raises:
        UsageError: None is meant, or several.
    """
    known = list(names)
    meant = [name for name in known if name == given] or [name for name in known if given in name]
    if not meant:
        raise unknown(kind, given, known)
    if len(meant) > 1:
        raise UsageError(f"{given!r} may be one of these rows: {'; '.join(meant)}. Name one in full.")
    return meant[0]


def _against_vote(run: LoadedRun, rows: Sequence[ResultRow], name: str) -> dict[str, Scores]:
    made = verdicts(run, rows)
    matches = {one.suite: one.match for one in made.verdicts if one.row == name}
    return {suite: _common(m.row.scores, m.vote.scores, m.row.subjects) for suite, m in matches.items()}


def _against_row(row: Mapping[str, ResultRow], rival: Mapping[str, ResultRow]) -> dict[str, Scores]:
    both = {suite: (row[suite], rival[suite]) for suite in row if suite in rival}
    paired = {suite: _common(a.scores, b.scores, a.subjects) for suite, (a, b) in both.items()}
    return {suite: each for suite, each in paired.items() if each[0]}


def _common(row: Mapping[str, float], rival: Mapping[str, float], subjects: Mapping[str, str]) -> Scores:
    common = [question for question in row if question in rival]
    return [row[q] for q in common], [rival[q] for q in common], [subjects[q] for q in common]


def _gain(suite: str, scores: Scores, inside: Sequence[str]) -> SuiteGain:
    row, rival, _ = scores
    return SuiteGain(suite, _is_inside(suite, inside), mean(row), mean(rival), stratified(*scores))


def _is_inside(suite: str, trained: Sequence[str]) -> bool:
    """Whether a suite is one of those that a leader was trained on, or the test split of one."""
    return suite in trained or (suite in SUITES and SUITES[suite].part_of in trained)


def _trained(run: LoadedRun, row: ResultRow, named: Sequence[str] | None) -> tuple[tuple[str, ...], str]:
    """Return the suites that a row's leader was trained on, and where that is told."""
    if named is not None:
        return _known(run, named), "named"
    if (suites := suites_of_card(run.config.teams[row.team].leader)) is not None:
        return suites, "the leader's card"
    return PAPER, "the paper's, as the leader has no card"


def _known(run: LoadedRun, named: Sequence[str]) -> tuple[str, ...]:
    """Return the names of suites that a person named.

    Raises:
        UsageError: There is no such suite, or none is named.
    """
    if not named:
        raise UsageError(f"--trained-on names no suite; those of this run are {', '.join(run.config.suites)}.")
    return tuple(dict.fromkeys(_suite(one, run.config.suites) for one in named))


def _suite(named: str, of_run: Sequence[str]) -> str:
    if named in of_run:
        return named
    if ":" not in named and not own.is_table(named) and named not in SUITES:
        raise unknown("suite", named, {*of_run, *SUITES})
    return find(named).name


def suites_of_card(leader: Member) -> tuple[str, ...] | None:
    """Return the suites that a leader was trained on, as the card beside it tells; None where there is none."""
    for place in filter(None, (leader.adapter, leader.model)):
        path = expanded(place) / CARD
        try:
            card = json.loads(atomic.read(path))
            return tuple(card["data"]["questions"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return None
