"""The verdict: figures, words, and what they say together."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import product
from math import ceil
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from mlpo_bench.analysis.ballots import BallotBox, Ballots
from mlpo_bench.analysis.chance import of_prompt
from mlpo_bench.analysis.judging import judged
from mlpo_bench.analysis.matches import matched
from mlpo_bench.analysis.sides import Match, Side
from mlpo_bench.analysis.verdict import Verdict, Verdicts
from mlpo_bench.answers import FORMATS
from mlpo_bench.log.ledger import Spent
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.reports.terminal.verdict import print_verdict
from mlpo_bench.stats import ALPHA, Sampled, questions_needed, vote_score


N = 120


def side(name: str, right: range, tokens: float = 1_000, unread: float | None = 0.0) -> Side:
    scores = {f"q{n}": float(n in right) for n in range(N)}
    return Side(name, scores, {f"q{n}": f"s{n % 12}" for n in range(N)}, tokens, operations=2 * tokens, unread=unread)


def match(
    name: str, right: range, vote: range = range(40), *, led: bool = True, suite: str = "bbh", **of: Any
) -> Match:
    return Match(suite, side(name, right, **of), side("vote of 6.2", vote), "tokens", 6.2, 4, led=led)


BETTER, WORSE, OPEN = range(80), range(10), range(42)
VOTE = "a vote of the leader's own answers at the same tokens"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([BETTER], f"Yes: the led row beats {VOTE}."),
        ([BETTER, BETTER], f"Yes: all 2 led rows beat {VOTE}."),
        ([WORSE], f"No: the led row loses to {VOTE}."),
        ([WORSE, WORSE], f"No: all 2 led rows lose to {VOTE}."),
        (
            [WORSE, OPEN],
            f"No: of 2 led rows, none beats {VOTE}; 1 loses to it, 1 cannot be told apart from it.",
        ),
        (
            [BETTER, WORSE, OPEN],
            f"In part: of 3 led rows, 1 beats {VOTE}; 1 loses to it, 1 cannot be told apart from it.",
        ),
    ],
)
def test_one_sentence_answers(rows: list[range], sentence: str) -> None:
    found = judged([match(f"leader {n}", right) for n, right in enumerate(rows)])
    assert found.sentence == sentence
    assert str(found).endswith(sentence)


def test_what_cannot_be_told_says_how_many_questions_would() -> None:
    found = judged([match("leader", OPEN)])
    (verdict,) = found.verdicts
    one = verdict.comparison
    assert verdict.needed == questions_needed(one.difference.value, one.deviation, 1)
    assert verdict.needed is not None
    assert found.sentence == (
        f"Not shown: the led row cannot be told apart from {VOTE}; it would take {verdict.needed:,} questions to show "
        "the clearest difference."
    )
    assert f"{verdict.needed:,} questions would tell" in str(verdict)
    assert judged([match("leader", BETTER)]).verdicts[0].needed is None


def open_verdict(row: list[float], vote: list[float], drawn: Sampled | None = None, tests: int = 1) -> Verdict:
    """A verdict on a row that is held against a vote, among so many: all others are of the vote itself."""
    subjects = {f"q{n}": f"s{n % 4}" for n in range(len(row))}
    sides = [
        Side(name, dict(zip(subjects, each, strict=True)), subjects, 100)
        for name, each in zip("rv", (row, vote), strict=True)
    ]
    matches = [Match("bbh", side, sides[1], "tokens", 5, 5, drawn) for side in (sides[0], *[sides[1]] * (tests - 1))]
    verdict = judged(matches).verdicts[0]
    assert verdict.outcome == "cannot be told from"
    return verdict


def test_with_an_open_verdict_more_questions_would_tell_than_were_asked() -> None:
    """Where the test that counted asks for more than a normal curve does, it says how many."""
    few = open_verdict([1.0] * 6 + [0.0], [0.0] * 7, tests=5)
    reach, reached = ndtri(1 - ALPHA / 10) + ndtri(0.8), ndtri(1 - few.comparison.p / 2)
    assert questions_needed(few.comparison.difference.value, few.comparison.deviation, 5) == 3
    assert few.needed == ceil(7 * (reach / reached) ** 2) == 18
    assert "7 questions); 18 questions would tell" in str(few)
    assert open_verdict([1.0] * 5, [0.0] * 5).needed == 12
    scores = np.random.default_rng(1).choice([0.015, 0.03, 0.045], 200).tolist()
    drawn = open_verdict([0.0] * 200, scores, Sampled(1, 1.0))
    assert drawn.needed is not None
    assert 200 < drawn.needed < 2_000
    # What has nothing to be told by its test is told by no number.
    assert open_verdict([0.0] * 50, [0.0001 + 0.0001 * (n % 2) for n in range(50)], Sampled(1, 1.0)).needed is None


def test_so_few_questions_as_no_exact_test_tells_by_are_not_named() -> None:
    lucky = open_verdict([1.0, 1.0], [0.0, 0.0], tests=20)
    assert lucky.needed is not None
    assert lucky.needed > 2
    assert 2 / 2**lucky.needed < ALPHA / 20


def test_no_open_verdict_names_as_few_questions_as_were_asked() -> None:
    named = 0
    for n, tests, share in product((1, 3, 6, 7, 50, 200), (1, 5, 20), (0.03, 0.2, 1.0)):
        row, vote = (Side(name, scores(right, n), scores("s", n), 100) for name, right in (("r", 0.0), ("v", share)))
        for drawn in (None, Sampled(1, 1.0), Sampled(1, 2.5)):
            verdict, *_ = judged([Match("bbh", row, vote, "tokens", 5, 5, drawn)] * tests).verdicts
            named += verdict.needed is not None
            assert verdict.needed is None or verdict.needed > n
    assert named > 20


def scores(value: Any, n: int) -> dict[str, Any]:
    return {f"q{place}": value for place in range(n)}


def test_the_answer_names_what_the_two_have_in_common() -> None:
    at_calls = replace(match("leader", WORSE), equal="calls", ballots=4)
    assert (
        judged([at_calls]).sentence == "No: the led row loses to a vote of the leader's own answers at the same calls."
    )
    too_few = replace(match("leader", WORSE), equal="calls", ballots=2)
    assert judged([too_few]).sentence == (
        "No: the led row loses to the vote of the leader's own answers that it is held against."
    )


def test_the_answer_tells_of_led_rows_that_nothing_is_held_against() -> None:
    found = judged([match("leader", BETTER)], [("math", "leader"), ("mmlu", "leader")])
    assert found.sentence == f"Yes: the led row beats {VOTE}; 2 others have no vote to be held against."


def test_led_rows_and_others_are_two_families() -> None:
    found = judged([match("debate", BETTER, led=False), *(match(f"leader {n}", range(55)) for n in range(3))])
    assert [verdict.led for verdict in found.verdicts] == [True, True, True, False]
    assert all(one.adjusted == pytest.approx(min(3 * one.comparison.p, 1)) for one in found.led)
    (other,) = found.others
    assert other.adjusted == other.comparison.p
    assert other.adjusted_subjects == other.comparison.p_subjects


def test_many_unread_answers_are_warned_of_with_what_the_others_reach_and_what_guessing_does() -> None:
    matches = [match("leader", range(30), unread=0.5), match("other", OPEN, unread=0.2)]
    found = judged(matches, chance={"bbh": 0.25})
    (warning,) = found.warnings
    assert warning.startswith("BBH: 50 % of the answers of leader could not be read, and count as wrong; ")
    assert warning.endswith("of those that could, 50 % are right (by chance: 25 %).")
    assert found.unread[0].readable == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["leader", "debate"], "2 rows and votes (leader; debate)"),
        (["leader, 1 round", "debate", "refine"], "3 rows and votes (leader, 1 round; debate; refine)"),
        (["leader", "debate", "refine", "think"], "4 rows and votes (worst: refine)"),
    ],
)
def test_a_few_rows_with_many_unread_answers_are_named_and_of_many_the_worst(names: list[str], told: str) -> None:
    shares = {"refine": 0.52}
    found = judged([match(name, range(30), unread=shares.get(name, 0.38)) for name in names])
    (warning,) = found.warnings
    assert f" of the answers of {told} could not be read, and count as wrong; " in warning


def test_a_table_holds_at_80_columns() -> None:
    found = judged(
        [
            match("leader, 2 rounds, shuffled, 12 peers", BETTER),
            match("a-label-of-many-letters-and-none-to-break-at", OPEN, suite="mmlu"),
            match("debate, 2 rounds, 3 peers", WORSE, led=False),
        ],
        [("math", "leader")],
    )
    for others in (True, False):
        console = Console(file=io.StringIO(), width=80)
        print_verdict(found, console, others=others)
        assert isinstance(console.file, io.StringIO)
        printed = console.file.getvalue()
        assert max(map(len, printed.splitlines())) <= 80
        assert "..." not in printed.replace("leader", "")
        assert "\u2026" not in printed
        assert f"open, {found.led[1].needed:,} q." in printed
        assert "open, 900 q.: cannot be told yet" in " ".join(printed.split())
        for verdict in found.led:
            assert f"{verdict.comparison.difference.value:+.3f}" in printed
        assert " ".join(found.sentence.split()) in " ".join(printed.split())
        assert ("debate" in printed) is others


def test_where_a_row_s_own_draw_is_uncertain_more_seeds_are_advised() -> None:
    def told(scores: dict[str, float], draws: int) -> Verdicts:
        subjects = dict.fromkeys(scores, "s")
        row = Side("leader", scores, subjects, 1_000)
        vote = Side("vote of 3", dict.fromkeys(scores, 0.5), subjects, 1_000)
        return judged([Match("bbh", row, vote, "tokens", 3, 4, Sampled(draws, 5))])

    # Every question is right in one of two seeds, or in both or none: as coins are.
    coins = told({f"q{n}": (0.0, 0.5, 0.5, 1.0)[n % 4] + (0.5 if n == 0 else 0) for n in range(40)}, 2)
    assert coins.verdicts[0].own_draw == pytest.approx(1, abs=0.1)
    assert "or more seeds of this row (its own draw is " in str(coins)
    sure = told({f"q{n}": float(n % 2) for n in range(41)}, 2)
    assert sure.verdicts[0].own_draw == 0
    assert told({f"q{n}": float(n % 2) for n in range(41)}, 1).verdicts[0].own_draw is None


def test_peers_that_most_rows_have_are_said_once_where_there_is_little_room() -> None:
    names = ("leader, 1 round, shuffled, 3 peers", "leader, 5 rounds, 3 peers", "leader, 1 round, 8 peers")
    console = Console(file=io.StringIO(), width=80)
    print_verdict(judged([match(name, OPEN) for name in names]), console)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines[0] == "Led rows against the vote at their own cost; 3 peers unless stated"
    assert [line[:27].strip() for line in lines[3:6]] == [
        "leader, 1 round, shuffled", "leader, 5 rounds", "leader, 1 round, 8 peers",
    ]  # fmt: skip
    wide = Console(file=io.StringIO(), width=120)
    print_verdict(judged([match(name, OPEN) for name in (*names, "debate")]), wide)
    assert isinstance(wide.file, io.StringIO)
    assert all(name in wide.file.getvalue() for name in names)


def test_costs_of_rows_and_votes_are_told_as_ratios() -> None:
    assert judged([]).costs is None
    found = judged(
        [match("leader", OPEN), match("other", OPEN, tokens=1_250), match("debate", OPEN, led=False, tokens=9)]
    )
    assert (
        found.costs == "Led rows took 1.00 to 1.25 times the tokens, 1.00 to 1.25 times the operations of their votes."
    )


def test_all_figures_are_in_json() -> None:
    found = judged([match("leader", BETTER), match("debate", WORSE, led=False)], [("math", "leader")])
    told = json.loads(json.dumps(found.to_json()))
    assert told["sentence"] == found.sentence
    assert [one["row"] for one in told["verdicts"]] == ["leader", "debate"]
    assert told["without"] == [{"suite": "math", "row": "leader"}]
    assert told["verdicts"][0]["operations"] == 1


def test_nothing_to_judge_is_said() -> None:
    assert (
        Verdicts(()).sentence
        == "No row is led by a leader: the run does not tell whether a team beats what the same compute buys."
    )
    assert "no led row has a vote" in judged([], [("bbh", "leader")]).sentence


def test_ballots_vote_in_any_number() -> None:
    ballots = Ballots(right=(4,), wrong=(2, 1), unread=3)
    assert ballots.total == 10
    assert ballots.score(3.5) == vote_score([4], [2, 1], 3, 3.5)
    assert ballots.unread_by(2) == pytest.approx(3 / 10 * 2 / 9)
    assert ballots.unread_by(1.5) == pytest.approx((3 / 10 + 3 / 10 * 2 / 9) / 2)
    assert ballots.unread_by(4) == 0


def box(*totals: int, greedy: bool = False) -> BallotBox:
    questions = {f"q{n}": Ballots((total,), (), 0) for n, total in enumerate(totals)}
    spent = Spent(calls=sum(totals), prompt_tokens=100 * sum(totals))
    return BallotBox(questions, dict.fromkeys(questions, "s"), spent, None, None, greedy)


@pytest.mark.parametrize(
    ("totals", "most"),
    [
        ([16] * 20, 16),
        ([1] + [16] * 19, 16),
        ([8, 8] + [16] * 18, 16),
        ([8] * 10 + [16] * 10, 8),
        ([1, 1, 1, 12] + [16] * 16, 12),
        ([1, 16], 16),
        ([1, 1, 1], 1),
        ([4], 4),
    ],
)
def test_a_draw_that_failed_costs_its_question_alone(totals: list[int], most: int) -> None:
    assert box(*totals).most == most
    scores = box(*totals).vote(most).scores
    assert len(scores) == sum(total >= most for total in totals)


def test_questions_with_too_few_ballots_are_left_out_and_counted() -> None:
    row = side("leader", BETTER)
    drawn = box(1, *[16] * (N - 1))
    found = matched(row, drawn, "tokens", suite="bbh", calls=4, draws=1, led=True)
    assert found is not None
    assert found.left_out == 1
    made = judged([found])
    assert made.verdicts[0].to_json()["n"] == N - 1
    assert made.warnings == ("BBH: 1 question has fewer ballots than a vote counts, and is left out of its verdict.",)
    assert matched(row, box(*[1] * N), "tokens", suite="bbh", calls=4, draws=1, led=True) is None


def test_a_vote_of_greedy_ballots_is_their_one_answer() -> None:
    drawn = box(*[1] * N, greedy=True)
    found = matched(side("leader", WORSE), drawn, "tokens", suite="bbh", calls=4, draws=1, led=True)
    assert found is not None
    made = judged([found])
    assert "loses to the vote of 1 ballot, which took 0.1 times its tokens" in str(made)
    (warning,) = made.warnings
    assert warning.startswith("BBH: greedy ballots are all one answer")


def test_what_guessing_gets_is_read_off_the_prompt() -> None:
    options = "Which?\nOptions:\n(A) one\n(B) two (C)\n(C) three\n\n"
    assert of_prompt(options + FORMATS["option"].instruction) == pytest.approx(1 / 3)
    assert of_prompt("Is it? " + FORMATS["yes_no"].instruction) == 0.5
    assert of_prompt("How many? " + FORMATS["number"].instruction) == 0
    assert of_prompt("Say something.") is None
    assert of_prompt("Which?\nA. one\nB. two\n\n" + FORMATS["option"].instruction) is None
