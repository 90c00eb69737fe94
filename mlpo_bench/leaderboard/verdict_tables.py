"""The board's verdict in words: the sentence, a short table of led rows, all verdicts, and a block for other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.reports.grids import Grid


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.analysis.verdict import Verdict
    from mlpo_bench.leaderboard.entry import Entry
    from mlpo_bench.leaderboard.verdicts import Judged

QUESTION = "Does a team with a leader beat a vote of that leader's own answers at the same tokens?"
_SMALL = 1e9
_LEAST_P = 0.001
_MOST_LINES = 8
_NO_VOTE = "no vote"
_HOW_TO_READ = (
    "Each figure: a led row's accuracy less that of a vote of its leader's own answers that takes the same tokens. "
    '"beats" and "loses" hold for other questions of these subjects (p < 0.05 after Holm over a model\'s led rows). '
    "Without a word: cannot be told apart by these questions. *: holds for other subjects, too."
)
_HOW_MADE = (
    "The vote is the mean over all votes of that size from the model's ballots; a fraction of a ballot mixes the two "
    "whole numbers around it. Interval (95 %) and p are about other questions of these subjects; p is adjusted by Holm "
    "over the led rows of a model, or over its others."
)
_BETWEEN = (
    "votes have no counted ballots, for they were added before these were kept: these votes are made of the two on "
    "either side of a row's tokens, each question's score of both in the proportion that makes the tokens equal, and "
    "tell less. `mlpo-bench leaderboard rescore` counts what was kept of them."
)


def sentence(judged: Sequence[Judged]) -> str:
    """Return the answer to `QUESTION`, model by model where there are several."""
    if not judged:
        return "Nobody knows yet: no led row has been added."
    if len(judged) == 1:
        return judged[0].verdicts.sentence
    return " ".join(f"{one.model}: {one.verdicts.sentence}" for one in judged)


def self_test(entries: Sequence[Entry]) -> list[str]:
    """Return how much the answer is worth while all rows are of one model; nothing once there are several."""
    # What training made of a model is still that model, of its size.
    models = {(model.name, model.revision, model.parameters) for entry in entries for model in entry.models}
    if len(models) != 1:
        return []
    ((name, _, size),) = models
    if size is None or size >= _SMALL:
        return [f"All rows are of one model, {name}: others may come out otherwise."]
    told = (
        f"One small model: a self-test. All rows are of {name}, {size / 1e6:,.0f} million parameters, whose answers "
        "are near chance; they show what the harness measures, and nothing of teams of larger models."
    )
    return [told]


def unread(judged: Sequence[Judged]) -> list[str]:
    """Return what could not be read and what guessing gets right, a sentence for each suite, and what limits cut."""
    of: dict[str, list[str]] = {}
    for one in judged:
        for warning in one.verdicts.warnings:
            of.setdefault(warning, []).append(one.model)
    return [said if len(of[said]) == len(judged) else f"{', '.join(of[said])}: {said}" for said in of]


def led_grid(judged: Sequence[Judged]) -> Grid | None:
    """Return the led rows against their votes, a line for each row and model; None where there are none."""
    cells = {(v.row, one.model, v.suite): _brief(v) for one in judged for v in one.verdicts.led}
    cells |= {(row, one.model, suite): _NO_VOTE for one in judged for suite, row in one.verdicts.without}
    if not cells:
        return None
    suites = list(dict.fromkeys(suite for _, _, suite in cells))
    rows = dict.fromkeys((row, model) for row, model, _ in sorted(cells, key=lambda key: key[:2]))
    several = len(judged) > 1
    return Grid(
        title="Led rows less the vote at their own tokens",
        columns=("led row", *(("model",) if several else ()), *(suite.upper() for suite in suites)),
        rows=tuple(
            (row, *((model,) if several else ()), *(cells.get((row, model, suite), "-") for suite in suites))
            for row, model in rows
        ),
        notes=(_HOW_TO_READ,),
    )


def _brief(verdict: Verdict) -> str:
    difference = f"{verdict.comparison.difference.value:+.3f}"
    word = "" if verdict.outcome == "cannot be told from" else f" {verdict.outcome.split()[0]}"
    return f"{difference}{word}{'*' if verdict.elsewhere else ''}"


def all_grids(judged: Sequence[Judged]) -> list[Grid]:
    """Return every verdict with all that goes with it: of led rows, and of teams' other protocols."""
    kinds = (
        ("Every led row against the vote at its tokens", [(o.model, v) for o in judged for v in o.verdicts.led]),
        ("Other protocols of teams against theirs", [(o.model, v) for o in judged for v in o.verdicts.others]),
    )
    several = len(judged) > 1
    chances = {(one.model, suite): share for one in judged for suite, share in one.verdicts.chance.items()}
    columns = (
        "row", *(("model",) if several else ()), "suite", "accuracy", "vote", "row - vote", "95 % interval", "p",
        "ballots", "unread", "by chance", "n", "verdict",
    )  # fmt: skip
    return [
        Grid(title, columns, tuple(_line(m, v, chances.get((m, v.suite)), several=several) for m, v in verdicts))
        for title, verdicts in kinds
        if verdicts
    ]


def notes(judged: Sequence[Judged]) -> list[str]:
    """Return how the verdicts were made."""
    between, total = sum(one.between for one in judged), sum(len(one.verdicts.verdicts) for one in judged)
    return [_HOW_MADE, *([f"{between} of {total} {_BETWEEN}"] if between else [])]


def _line(model: str, verdict: Verdict, chance: float | None, *, several: bool) -> tuple[str, ...]:
    difference, row = verdict.comparison.difference, verdict.match.row
    needed = "" if verdict.needed is None else f"; {verdict.needed:,} questions would tell"
    told = "cannot be told" if verdict.outcome == "cannot be told from" else verdict.outcome.split()[0]
    uneven = "" if verdict.even else f" (vote: {100 / verdict.taken:.0f} % of its tokens)"
    return (
        verdict.row,
        *((model,) if several else ()),
        verdict.suite.upper(),
        f"{verdict.accuracy:.3f}",
        f"{verdict.vote_accuracy:.3f}",
        f"{difference.value:+.3f}",
        f"{'~ ' if difference.caution else ''}{difference.low:+.3f} to {difference.high:+.3f}",
        f"{verdict.adjusted:.3f}" if verdict.adjusted >= _LEAST_P else f"<{_LEAST_P}",
        f"{verdict.match.ballots:,.1f}",
        "-" if row.unread is None else f"{row.unread:.2f}",
        "-" if chance is None else f"{chance:.2f}",
        f"{difference.questions:,}",
        f"{told}{'*' if verdict.elsewhere else ''}{needed}{uneven}",
    )


def counts_grid(judged: Sequence[Judged]) -> Grid | None:
    """Return how many led rows of each suite beat their votes, in at most eight lines; None where there are none."""
    several = len(judged) > 1
    lines = [line for one in judged for line in _counts(one, several=several)]
    if not lines:
        return None
    left = len(lines) - _MOST_LINES
    return Grid(
        title="Led rows against a vote of the leader's own answers that takes the same tokens",
        columns=(
            "suite", *(("model",) if several else ()), "led rows", "beat it", "lose to it", "cannot be told",
            "row - vote", "right by chance",
        ),
        rows=tuple(lines[:_MOST_LINES]),
        notes=(f"And {left} more.",) if left > 0 else (),
    )  # fmt: skip


def _counts(one: Judged, *, several: bool) -> Iterator[tuple[str, ...]]:
    for suite in dict.fromkeys(verdict.suite for verdict in one.verdicts.led):
        verdicts = [verdict for verdict in one.verdicts.led if verdict.suite == suite]
        differences = [verdict.comparison.difference.value for verdict in verdicts]
        chance = one.verdicts.chance.get(suite)
        yield (
            suite.upper(),
            *((one.model,) if several else ()),
            str(len(verdicts)),
            *(
                str(sum(verdict.outcome == outcome for verdict in verdicts))
                for outcome in ("beats", "loses to", "cannot be told from")
            ),
            " to ".join(dict.fromkeys(f"{end(differences):+.3f}" for end in (min, max))),
            "-" if chance is None else f"{chance:.2f}",
        )
