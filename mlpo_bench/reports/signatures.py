"""What a leader's figures support, in words: one line for each failure, or merit, that they show.

A line stands only where a 95 % interval or an exact test bears it, so that a few questions support few lines. Each is
told by itself: of twenty that were all untrue, one would be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.stats import ALPHA
from mlpo_bench.stats.means import surely_more


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlpo_bench.analysis.diagnostics import LeaderDiagnostics
    from mlpo_bench.analysis.gains import Gain
    from mlpo_bench.stats.means import Mean
    from mlpo_bench.stats.paired import Comparison

# Of fewer questions nothing is said, however they went: seeds of one question are no others.
ENOUGH = 10
_SMALLEST = 0.001
_MOSTLY, _NEARLY_ALWAYS, _OFTEN = 0.5, 0.8, 0.1


def signatures(of: LeaderDiagnostics) -> list[str]:
    """Return the lines that a leader's figures support."""
    rules: tuple[Callable[[LeaderDiagnostics], Iterator[str]], ...] = (
        _rivals, _trust, _overrides, _redundancy, _place, _rounds, _overhead, _unread,
    )  # fmt: skip
    return [line for rule in rules for line in rule(of)]


def share(mean: Mean, of_what: str) -> str:
    """Return `93 % of 41 questions`, from the count and its denominator."""
    return f"{100 * mean.total / mean.n:.0f} % of {mean.n} {of_what}"


def as_p(p: float) -> str:
    """Return `p = 0.031`, `p < 0.001`."""
    return f"p = {p:.3f}" if p >= _SMALLEST else f"p < {_SMALLEST}"


def _at_least(mean: Mean, least: float) -> bool:
    """Whether a share is surely above a bound."""
    return mean.questions >= ENOUGH and mean.low is not None and mean.low > least


def _sure(comparison: Comparison) -> bool:
    return comparison.sure


def points(comparison: Comparison) -> str:
    """Return `5.0 points (95 %: 1.2 to 8.8)`; without a sign where the words around it say which way it goes."""
    difference = comparison.difference
    low, value, high = difference.low, difference.value, difference.high
    if _sure(comparison) and value < 0:
        low, value, high = -high, -value, -low
    low, value, high = (round(100 * x, 1) + 0.0 for x in (low, value, high))  # no "-0.0"
    return f"{value:.1f} points (95 %: {low:.1f} to {high:.1f})"


def _rivals(of: LeaderDiagnostics) -> Iterator[str]:
    rivals, questions = of.final.rivals, of.final.questions
    told = {
        "picking one of its peers at random": rivals.random_pick,
        "a vote of its peers' last answers": rivals.vote,
    }
    for what, rival in told.items():
        if _sure(rival.comparison):
            verb = "beats" if rival.comparison.difference.value > 0 else "falls short of"
            yield f"{verb} {what} by {points(rival.comparison)} on {questions} questions"
    if not _sure(rivals.random_pick.comparison):
        yield (
            "cannot be told from picking one of its peers at random: "
            f"{points(rivals.random_pick.comparison)} on {questions} questions"
        )


def _trust(of: LeaderDiagnostics) -> Iterator[str]:
    choices = of.final.choices
    wrong, right = choices.follows_wrong_team, choices.follows_right_team
    if _at_least(wrong, _MOSTLY):
        team = "unanimous team" if of.peers > 1 else "peer"
        told = f"follows a wrong {team} on {share(wrong, _cases(of))}"
        if right.questions < ENOUGH:
            yield told
        elif surely_more(right, wrong):
            yield f"trusts with some judgement: {told}, less often than a right one ({share(right, _cases(of))})"
        else:
            yield f"over-confident: {told}, and a right one not surely more often ({share(right, _cases(of))})"
    if of.peers > 1 and _at_least(choices.follows_wrong_favourite, _MOSTLY):
        yield (
            "over-confident: follows what most peers say, though it is wrong and another peer is right, on "
            f"{share(choices.follows_wrong_favourite, _cases(of))}"
        )


def _cases(of: LeaderDiagnostics) -> str:
    """Return what shares are taken from, in a word."""
    return "questions" if of.seeds == 1 else "answers"


def _overrides(of: LeaderDiagnostics) -> Iterator[str]:
    choices = of.final.choices
    if choices.override_gain is None or choices.helped.questions < ENOUGH or not _sure(choices.override_gain):
        return
    verdict = "help" if choices.override_gain.difference.value > 0 else "do harm"
    helped, hurt = (f"{count:.1f}".removesuffix(".0") for count in (choices.helped_questions, choices.hurt_questions))
    seeds = "" if of.seeds == 1 else ", the answers to one question counting as shares of it"
    yield (
        f"overrides {verdict}: of {choices.helped.questions} questions on which it goes against what most peers say, "
        f"it turns a wrong answer right on {helped} and a right one wrong on {hurt}{seeds}"
    )


def _redundancy(of: LeaderDiagnostics) -> Iterator[str]:
    first = of.rounds[0].redundancy
    if _at_least(first.agreement, _NEARLY_ALWAYS):
        yield f"redundant peers: two of them first give the same answer on {_percent(first.agreement)} questions"
    if _at_least(of.similarity, _NEARLY_ALWAYS):
        yield (
            f"redundant peers: what two of them first write is {100 * (of.similarity.value or 0):.0f} % alike, word by "
            f"word, over {of.similarity.n} questions"
        )
    by_chance = first.both_wrong_by_chance
    if by_chance is not None and _at_least(first.both_wrong, by_chance):
        yield (
            f"peers err together: two of them are first wrong on {_percent(first.both_wrong)} questions, and would be "
            f"on {100 * by_chance:.0f} % were all questions of a subject equally hard and each erred by itself; hard "
            "questions alone do this, too"
        )


def _percent(mean: Mean) -> str:
    return f"{100 * mean.total / mean.n:.0f} % of {mean.n}"


def _place(of: LeaderDiagnostics) -> Iterator[str]:
    places = of.final.places
    if places.p is None or places.p >= ALPHA:
        return
    apart = [(given - expected) / expected**0.5 for given, expected in zip(places.given, places.expected, strict=True)]
    best = max(range(len(apart)), key=lambda place: abs(apart[place]))
    whose = "in an order drawn for each question" if of.shuffled else f"which is always peer {best + 1}'s"
    yield (
        f"{'favours' if apart[best] > 0 else 'avoids'} a place: of {places.n} answers taken from peers who differ, "
        f"{places.given[best]:.0f} stood at place {best + 1} ({whose}), where {places.expected[best]:.0f} were "
        f"expected ({as_p(places.p)})"
    )


def _rounds(of: LeaderDiagnostics) -> Iterator[str]:
    sure = [gain for gain in of.added_rounds if _sure(gain.comparison)]
    for number, gain in enumerate(of.added_rounds, start=2):
        if gain in sure:
            verb = "adds" if gain.comparison.difference.value > 0 else "loses"
            yield f"round {number} {verb} {points(gain.comparison)}"
    if of.added_rounds and not sure:
        times = of.added_rounds[-1].tokens / of.added_rounds[0].tokens_over
        yield f"no round after the first shows a gain or a loss; all together take {times:.1f} times the first's tokens"


def _overhead(of: LeaderDiagnostics) -> Iterator[str]:
    solo: Gain | None = next((gain for gain in of.over if gain.kind == "solo"), None)
    if solo is None or not solo.tokens_over:
        return
    times = f"{solo.tokens / solo.tokens_over:.1f} times its tokens"
    if not _sure(solo.comparison):
        yield f"overhead: no gain is shown over the leader alone for {times}: {points(solo.comparison)}"
    elif solo.comparison.difference.value < 0:
        yield f"overhead: falls short of the leader alone by {points(solo.comparison)}, at {times}"
    else:
        yield f"beats the leader alone by {points(solo.comparison)}, at {times}"


def _unread(of: LeaderDiagnostics) -> Iterator[str]:
    told = {"cannot be read": of.final.unread, "are cut off": of.final.cut_off}
    for what, by_seat in told.items():
        often = [seat for seat in by_seat if _at_least(by_seat[seat], _OFTEN)]
        if often:
            shares = ", ".join(f"{100 * by_seat[seat].total / by_seat[seat].n:.0f} % by {seat}" for seat in often)
            yield f"last texts {what}: {shares}, of {of.final.conversations} conversations"
