from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mlpo_bench.analysis.diagnostics import LeaderDiagnostics, RoundDiagnostics, diagnose_round, difficulties
from mlpo_bench.analysis.gains import Gain, OtherOrder, added_round
from mlpo_bench.analysis.round_table import UNREAD, RoundTable
from mlpo_bench.reports.signatures import as_p, points, signatures
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.reports.terminal.diagnostics import count, print_diagnostics, print_how_to_read, print_overview
from mlpo_bench.stats.means import Drawn, Mean, mean
from mlpo_bench.stats.paired import compare


NAME = "leader, 2 rounds, 3 peers"


def led(rows: dict[str, int]) -> RoundTable:
    """Make a round of independent questions from how often a row occurs: `ABB>A`, where A is right and - unread."""
    said = [
        ["ABCD".find(letter) for letter in row.replace(">", "")] for row, times in rows.items() for _ in range(times)
    ]
    answers, verdict = np.array(said)[:, :-1], np.array(said)[:, -1]
    return RoundTable(
        questions=tuple(f"q{n}" for n in range(len(said))),
        subjects=("s",) * len(said),
        seats=tuple(f"peer {n + 1}" for n in range(answers.shape[1])),
        answers=answers,
        right=answers == 0,
        cut_off=answers == UNREAD,
        order=np.tile(np.arange(answers.shape[1]), (len(said), 1)),
        verdict=verdict,
        verdict_right=verdict == 0,
        verdict_cut_off=verdict == UNREAD,
    )


def figures(of: RoundTable, number: int | None = None) -> RoundDiagnostics:
    easy = difficulties(of)
    return diagnose_round(of, number=number, shuffled=False, difficulty=np.array([easy[q] for q in of.questions]))


def diagnosed(*rounds: dict[str, int], **more: Any) -> LeaderDiagnostics:
    found = [led(rows) for rows in rounds]
    told = {
        "suite": "bbh", "name": NAME, "peers": found[0].peers, "seeds": 1, "shuffled": False, "alone": 0,
        "similarity": Mean(0.0, 0), "final": figures(found[-1]),
        "rounds": tuple(figures(r, n) for n, r in enumerate(found)),
        "added_rounds": tuple(added_round(*p, n, 100 * n, 200 * n) for n, p in enumerate(pairwise(found), start=1)),
    }  # fmt: skip
    return LeaderDiagnostics(**{**told, **more})


def lines(word: str, *rounds: dict[str, int], **more: Any) -> list[str]:
    return [line for line in signatures(diagnosed(*rounds, **more)) if word in line]


def test_trust_in_a_wrong_team_is_told_with_its_denominator() -> None:
    told = "follows a wrong unanimous team on"
    assert lines("unanimous", {"BBB>B": 30, "AAA>A": 3}) == [f"{told} 100 % of 30 questions"]
    (line,) = lines("unanimous", {"BBB>B": 38, "BBB>A": 3, "AAA>A": 20})
    assert line.startswith(f"over-confident: {told} 93 % of 41 questions, ")
    assert line.endswith(", and a right one not surely more often (100 % of 20 questions)")
    (line,) = lines("unanimous", {"BBB>B": 30, "BBB>A": 11, "AAA>A": 60})
    assert line.startswith(f"trusts with some judgement: {told} 73 % of 41 questions, ")
    assert line.endswith(", less often than a right one (100 % of 60 questions)")


@pytest.mark.parametrize("rows", [{"BBB>B": 9, "AAA>A": 20}, {"BBB>B": 12, "BBB>A": 9, "AAA>A": 20}])
def test_trust_is_not_told_where_cases_are_few_or_mixed(rows: dict[str, int]) -> None:
    assert lines("over-confident", rows) == []


def test_trust_in_most_peers_though_one_is_right() -> None:
    (line,) = lines("another peer", {"ABB>B": 28, "BAB>A": 2})
    assert line.startswith("over-confident: follows what most peers say, though it is wrong")
    assert line.endswith("on 93 % of 30 questions")


def test_overrides_that_help_and_that_do_harm() -> None:
    (line,) = lines("overrides", {"AAB>B": 12, "ABB>A": 2, "AAA>A": 9})
    assert line.startswith("overrides do harm: of 14 questions on which it goes against what most peers say, ")
    assert line.endswith("it turns a wrong answer right on 2 and a right one wrong on 12")
    assert lines("overrides help", {"AAB>B": 2, "ABB>A": 12})
    assert lines("overrides", {"AAB>B": 7, "ABB>A": 5}) == lines("overrides", {"AAB>B": 9, "AAA>A": 9}) == []


def test_a_leader_that_is_no_better_than_chance_is_told_of_as_what_it_is() -> None:
    (line,) = lines("at random", {"ABC>A": 10, "ABC>B": 12, "ABC>C": 8})
    assert line.startswith("cannot be told from picking one of its peers at random: 0.0 points (95 %: -")
    assert lines("beats picking", {"ABC>A": 28, "ABC>B": 2})
    assert lines("falls short of picking", {"AAB>B": 28, "ABC>A": 2})
    assert lines("falls short of a vote", {"AAB>B": 28, "ABC>A": 2})


def test_peers_that_repeat_one_another_and_err_together() -> None:
    rows = {"AAA>A": 40, "BBB>B": 40, "ABA>A": 2}
    assert lines("same answer", rows) == [
        "redundant peers: two of them first give the same answer on 98 % of 82 questions"
    ]
    assert lines("err together", rows)
    alike = mean(np.array([0.96] * 30), Drawn([f"q{n}" for n in range(30)], ["s"] * 30))
    assert lines("word by word", rows, similarity=alike) == [
        "redundant peers: what two of them first write is 96 % alike, word by word, over 30 questions"
    ]
    assert lines("redundant", {"ABC>A": 30}) == lines("err together", {"ABB>A": 20, "BAB>A": 20, "BBA>A": 20}) == []


def test_a_favoured_place() -> None:
    rows = {"ABC>A": 10, "BCA>B": 10, "CAB>C": 10, "ABC>B": 2}
    (line,) = lines("favours", rows)
    assert "of 32 answers taken from peers who differ, 30 stood at place 1 (which is always peer 1's)" in line
    assert "where 11 were expected (p < 0.001)" in line
    assert lines("favours", {"ABC>A": 10, "ABC>B": 10, "ABC>C": 10}) == []


def test_an_avoided_place() -> None:
    (line,) = lines("a place:", {"ABC>A": 15, "BCA>A": 1, "BAC>A": 14})
    assert line.startswith("avoids a place: of 30 answers taken from peers who differ, 1 stood at place 3")


def test_seeds_of_a_question_are_no_other_questions() -> None:
    twice = led({"BBB>B": 12, "AAA>A": 20})
    same = replace(twice, questions=tuple(f"q{n // 2}" for n in range(len(twice))))
    assert figures(same).choices.follows_wrong_team.questions == 6
    found = diagnosed({"BBB>B": 12}, final=figures(same), seeds=2)
    assert not [line for line in signatures(found) if "unanimous" in line]


def test_overrides_are_counted_as_they_are_weighted() -> None:
    # One question three times: overridden to the better each time; three others once, to the worse.
    table = led({"ABB>A": 3, "AAB>B": 3})
    seeds = replace(table, questions=("q", "q", "q", "r", "s", "t"))
    choices = figures(seeds).choices
    assert (choices.helped_questions, choices.hurt_questions) == (1, 3)
    assert choices.override_gain is not None
    assert choices.override_gain.difference.value == (1 - 3) / 4
    assert (choices.helped.total, choices.hurt.total) == (3, 3)


def test_errors_by_chance_are_those_of_each_subject() -> None:
    table = replace(led({"BB>B": 20, "AA>A": 20}), subjects=("hard",) * 20 + ("easy",) * 20)
    assert figures(table).redundancy.both_wrong_by_chance == pytest.approx(0.5)  # about 0.25 were subjects equally hard


def test_rounds_that_add_and_rounds_that_do_not() -> None:
    assert lines("round 2 adds", {"ABB>B": 30, "AAA>A": 9}, {"ABB>A": 30, "AAA>A": 9})
    assert lines("round 2 loses", {"ABB>A": 30, "AAA>A": 9}, {"ABB>B": 30, "AAA>A": 9})
    (line,) = lines("no round", {"ABB>A": 30}, {"ABB>A": 29, "ABB>B": 1})
    assert line == "no round after the first shows a gain or a loss; all together take 2.0 times the first's tokens"


def gain(a: list[int], b: list[int]) -> Gain:
    return Gain.of("solo", "solo", compare(a, b), tokens=3_000, tokens_over=400)


def test_what_the_team_costs_over_its_leader_alone() -> None:
    rows = {"AAA>A": 40}
    nothing, worse, better = gain([1, 0] * 20, [1, 0] * 20), gain([0] * 40, [1] * 40), gain([1] * 40, [0] * 40)
    assert lines(
        "overhead: no gain is shown over the leader alone for 7.5 times its tokens: 0.0", rows, over=(nothing,)
    )
    assert lines("overhead: falls short of the leader alone by 100.0 points", rows, over=(worse,))
    assert lines("beats the leader alone", rows, over=(better,))
    assert lines("the leader alone", rows) == []


def test_texts_that_cannot_be_read_or_are_cut_off() -> None:
    assert lines("last texts", {"A-A>A": 10, "AAA>A": 10, "AAA>-": 1}) == [
        "last texts cannot be read: 48 % by peer 2, of 21 conversations",
        "last texts are cut off: 48 % by peer 2, of 21 conversations",
    ]
    (unread, _) = lines("last texts", {"A-A>A": 10, "AAA>-": 10})
    assert unread == "last texts cannot be read: 50 % by leader, 50 % by peer 2, of 20 conversations"


def test_a_difference_is_told_without_a_sign_where_words_tell_it() -> None:
    loss, nothing = compare([0] * 40, [1] * 40), compare([1, 0] * 20, [1, 0] * 20)
    assert points(loss).startswith("100.0 points (95 %: 8")
    assert points(loss).endswith(" to 100.0)")
    assert points(nothing).startswith("0.0 points (95 %: -")


def printed(of: LeaderDiagnostics, width: int, *, overview: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width)
    if overview:
        print_overview([of, replace(of, name="other: leader, 1 round, shares [bold]answer, 3 peers")], console)
    else:
        print_diagnostics(of, console)
    print_how_to_read(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.strip("│ ").startswith(label))
    return [part.strip() for part in line.strip("│").split("│")]


FULL = diagnosed(
    {"AAB>A": 30, "ABB>B": 30, "BBB>B": 30, "A-C>-": 10},
    {"AAB>A": 60, "ABB>B": 20, "BBB>A": 10, "A-C>-": 10},
    alone=7,
    over=(gain([1] * 40, [0] * 40),),
    other_order=OtherOrder("x", compare([1, 0], [0, 1]), figures(led({"ABC>A": 30})).places),
)


def test_all_figures_of_a_leader_stand_with_their_cases() -> None:
    text = printed(FULL, 120)
    assert "BBH, leader, 2 rounds, 3 peers: 100 questions" in text
    assert "In 7 more conversations the leader asked no peer" in text
    assert row(text, "right where 3 of 3 peers are") == ["right where 3 of 3 peers are", "-", "-", "0"]
    assert row(text, "rescue")[::3] == ["rescue", "30"]
    assert row(text, "recovery")[1] == "1.000"
    assert row(text, "none")[3] == "10"
    assert row(text, "random pick")[1] == f"{(60 * 2 + 20 + 10) / 300:.3f}"
    assert row(text, "unread: peer 2")[1::2] == ["0.100", "100"]
    assert row(text[text.index("by round") :], "harm")[1:] == ["0/30", "0/60"]
    assert row(text, "round 2 over round 1")[4:6] == ["200", "100"]
    assert row(text, "all over solo")[4:] == ["3,000", "400", "26"]
    assert "Fixed order: 80 answers taken, chi-square" in text


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("overview", [True, False])
def test_no_terminal_from_80_columns_on_is_too_narrow_for_whole_figures(width: int, overview: bool) -> None:
    text = printed(FULL, width, overview=overview)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "70 of 100" in text or "0.700" in text


def test_an_overview_has_a_row_and_lines_of_words_for_each_leader() -> None:
    text = printed(FULL, 160, overview=True)
    assert row(text, NAME)[1:5] == ["70 of 100", "0.500", "0.650", "0.900"]
    assert "other: leader, 1 round, shares [bold]answer, 3 peers" in text
    assert text.count("round 2 adds 40.0 points") == 2


def test_a_leader_of_one_peer_has_no_pairs_and_no_places() -> None:
    text = printed(diagnosed({"A>A": 20, "B>B": 20, "B>A": 1}), 100)
    assert "Which places" not in text
    assert "two peers" not in text
    assert "over-confident: follows a wrong peer on 95 % of 21 questions" in text


def test_counts_and_p_values_are_short() -> None:
    assert [count(Mean(t, 9)) for t in (4.0, 14 / 3, 2.9999999999)] == ["4 of 9", "4.7 of 9", "3 of 9"]
    assert [as_p(p) for p in (0.0312, 0.0001, 1.0)] == ["p = 0.031", "p < 0.001", "p = 1.000"]
