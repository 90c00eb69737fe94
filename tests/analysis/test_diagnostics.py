from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_bench.analysis.diagnostics import BUCKETS, RoundDiagnostics, choices, diagnose_round, difficulties
from mlpo_bench.analysis.gains import Gain, added_round
from mlpo_bench.analysis.position_bias import places
from mlpo_bench.analysis.redundancy import redundancy, similarity
from mlpo_bench.analysis.rivals import rivals
from mlpo_bench.analysis.round_table import UNREAD, RoundTable
from mlpo_bench.stats.intervals import wilson
from mlpo_bench.stats.means import Drawn, mean, ratio
from mlpo_bench.stats.paired import compare


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.stats.means import Mean

approx: Any = pytest.approx
LETTERS = "ABCDEFGH"


def led(
    *rows: str,
    ids: Sequence[str] | None = None,
    subjects: Sequence[str] | None = None,
    order: Sequence[Sequence[int]] | None = None,
) -> RoundTable:
    """Make a round from rows like `ABB>A`: what each peer answers and what the leader does; A is right, - unread."""
    said = np.array([[LETTERS.find(letter) for letter in row.replace(">", "")] for row in rows], dtype=np.int64)
    peers, verdict = said[:, :-1], said[:, -1]
    count = peers.shape[1]
    return RoundTable(
        questions=tuple(ids or (f"q{n}" for n in range(len(rows)))),
        subjects=tuple(subjects or ("s",) * len(rows)),
        seats=tuple(f"peer {n + 1}" for n in range(count)),
        answers=peers,
        right=peers == 0,
        cut_off=peers == UNREAD,
        order=np.array(order or [range(count)] * len(rows), dtype=np.int64),
        verdict=verdict,
        verdict_right=verdict == 0,
        verdict_cut_off=verdict == UNREAD,
    )


def diagnosed(of: RoundTable) -> RoundDiagnostics:
    easy = difficulties(of)
    return diagnose_round(of, number=None, shuffled=False, difficulty=np.array([easy[q] for q in of.questions]))


def apart(cases: int) -> Drawn:
    """So many questions of one subject, each asked once."""
    return Drawn([f"q{n}" for n in range(cases)], ["s"] * cases)


def counts(*means: Mean) -> list[tuple[float, int]]:
    return [(approx(m.total), m.n) for m in means]


# All that can happen among three peers: right and wrong majorities followed and not, ties, a team that cannot be read.
ROWS = ("AAA>A", "AAB>A", "AAB>B", "ABB>A", "ABB>B", "ABC>A", "BBB>B", "BBB>A", "BBC>C", "--->-")
TEN = led(*ROWS)


def test_the_leader_by_how_many_peers_are_right() -> None:
    assert counts(*choices(TEN).by_right_peers) == [(1, 4), (2, 3), (1, 2), (1, 1)]


def test_rescue_recovery_and_harm() -> None:
    found = choices(TEN)
    assert counts(found.rescue, found.recovery, found.harm) == [(2, 3), (1, 4), (1, 3)]


def test_overrides_and_what_they_came_to() -> None:
    found = choices(TEN)
    assert counts(found.agreement, found.override) == [(4, 8), (4, 8)]
    assert counts(found.right_after_override, found.helped, found.hurt) == [(2, 4), (2, 4), (1, 4)]
    assert found.override_gain == compare([0, 1, 1, 0], [1, 0, 0, 0])
    assert choices(led("AAB>A", "ABC>C")).override_gain is None


def test_an_answer_that_cannot_be_read_overrides_nobody() -> None:
    found = choices(led("AAB>-", "ABB>-", "ABC>-", "AAB>B", "AAB>A"))
    assert counts(found.agreement, found.override, found.silence) == [(1, 4), (1, 4), (2, 4)]
    assert counts(found.right_after_override, found.hurt, found.harm) == [(0, 1), (1, 1), (2, 3)]


def test_trust_in_peers_that_are_wrong() -> None:
    found = choices(TEN)
    assert counts(found.follows_wrong_team, found.follows_wrong_favourite) == [(1, 2), (1, 2)]


def test_rivals_that_have_the_same_answers() -> None:
    found = rivals(TEN)
    accuracies = [r.accuracy.value for r in (found.random_pick, found.best_peer, found.vote, found.oracle)]
    assert accuracies == approx([1 / 3, 6 / 10, 1 / 3, 6 / 10])
    assert found.best_peer.name == "peer 1"
    assert found.oracle.comparison == compare(TEN.verdict_right.astype(float), [1] * 6 + [0] * 4)
    assert found.vote.comparison.difference.value == approx(1 / 2 - 1 / 3)
    assert (found.gap_closed.value, found.gap_closed.n) == (approx(0.625), 10)


def test_redundancy_of_peers() -> None:
    found = redundancy(TEN)
    assert counts(found.agreement, found.distinct) == [(3 + 5 / 3, 9), (16, 10)]
    assert counts(found.both_wrong, found.same_error) == [(1 + 4, 10), (4 + 1 / 3, 6)]
    wrong = np.array(~TEN.right, dtype=int)
    pairs = [(a, b, c) for a, b in ((0, 1), (0, 2), (1, 2)) for c in range(10)]
    apart = [wrong[c, a] * (wrong[:, b].sum() - wrong[c, b]) / 9 for a, b, c in pairs]
    assert found.both_wrong_by_chance == approx(np.mean(apart))


@pytest.mark.parametrize(("each", "seeds"), [(1, 1), (2, 1), (3, 2), (50, 1), (2, 4)])
def test_errors_by_chance_do_not_follow_those_that_were_observed(each: int, seeds: int) -> None:
    # Peers that find the same half of all questions hard: whatever subjects they are in, by chance it were a quarter.
    hard = np.random.default_rng(0).permutation(150) < 75
    rows = [("BB>B" if one else "AA>A") for one in hard for _ in range(seeds)]
    ids = [f"q{n}" for n in range(150) for _ in range(seeds)]
    subjects = [f"s{n // each}" for n in range(150) for _ in range(seeds)]
    found = redundancy(led(*rows, ids=ids, subjects=subjects))
    assert found.both_wrong.value == approx(0.5)
    assert found.both_wrong_by_chance == approx(0.25, abs=0.05)


def test_one_question_cannot_tell_of_errors_by_chance() -> None:
    assert redundancy(led("BB>B", "BA>A", ids=["q", "q"])).both_wrong_by_chance is None


def test_places_that_are_followed() -> None:
    found = places(TEN, shuffled=False)
    assert counts(*found.followed) == [(3, 6), (2, 6), (3, 6)]
    assert (found.given, found.expected, found.n) == (approx((2.5, 1, 2.5)), approx((2, 2, 2)), 6)
    assert found.p is None


def test_unread_and_cut_off_by_seat_and_accuracy_by_difficulty() -> None:
    found = diagnosed(TEN)
    assert list(found.unread) == list(found.cut_off) == ["leader", "peer 1", "peer 2", "peer 3"]
    assert counts(*found.unread.values(), *found.cut_off.values()) == [(1, 10)] * 8
    assert counts(*found.by_difficulty.values()) == [(1, 4), (2, 3), (1, 2), (0, 0), (1, 1)]
    assert counts(found.accuracy, *found.peers.values()) == [(5, 10), (6, 10), (3, 10), (1, 10)]
    assert (found.conversations, found.questions) == (10, 10)


def test_what_never_happened_has_no_share() -> None:
    found = choices(led("AAA>A", "AAA>A"))
    assert [(m.n, m.value, m.low, m.high) for m in (found.rescue, found.recovery, found.helped, found.hurt)] == [
        (0, None, None, None)
    ] * 4
    assert found.harm.value == 0


def test_seeds_of_a_question_are_compared_as_one() -> None:
    twice = led("ABB>A", "AAB>B", "ABC>A", ids=("q", "q", "r"))
    found = rivals(twice).oracle
    assert found.comparison == compare([0.5, 1], [1, 1])
    assert found.accuracy.n == 3
    assert difficulties(twice) == {"q": approx(0.5), "r": approx(1 / 3)}
    assert counts(*diagnosed(twice).by_difficulty.values()) == [(0, 0), (1, 1), (1, 2), (0, 0), (0, 0)]


def test_questions_of_a_subject_are_taken_together() -> None:
    rows, subjects = ["AAA>A"] * 10 + ["BBB>B"] * 10, [f"s{n // 5}" for n in range(20)]
    clustered, single = (diagnosed(led(*rows, subjects=s)).accuracy for s in (subjects, None))
    assert (clustered.value, single.value) == (0.5, 0.5)
    assert clustered.low is not None
    assert single.low is not None
    assert clustered.low < single.low - 0.1


def test_a_vote_that_is_tied_is_worth_its_expected_value() -> None:
    found = led("AABB>A", "ABCD>A", "A-BB>A", "AAAB>B", "A--->B", "---->B", "BBCC>B")
    assert found.vote.tolist() == approx([1 / 2, 1 / 4, 0, 1, 1, 0, 0])
    assert found.favourite.tolist() == [UNREAD, UNREAD, 1, 0, 0, UNREAD, UNREAD]
    assert found.distinct.tolist() == [2, 4, 2, 2, 1, 0, 2]


def test_the_place_of_an_attempt_is_that_in_the_prompt() -> None:
    found = places(led("ABC>A", "ABC>A", "ABC>A", order=[(0, 1, 2), (2, 1, 0), (2, 0, 1)]), shuffled=True)
    assert found.given == approx((1, 1, 1))
    assert [m.total for m in found.followed] == [1, 1, 1]


def test_where_each_answer_has_one_place_the_test_is_pearsons() -> None:
    from scipy.stats import chisquare

    found = places(led(*["ABC>A"] * 17, *["ABC>B"] * 8, *["ABC>C"] * 5, *["AAA>A"] * 9, *["ABC>D"] * 4), shuffled=True)
    theirs = chisquare([17, 8, 5])
    assert (found.chi_square, found.p) == (approx(theirs.statistic), approx(theirs.pvalue))
    assert (found.degrees, found.n) == (2, 30)


def test_the_test_of_places_keeps_its_level_whatever_answers_are_shared() -> None:
    """A leader to whom place means nothing, peers that often agree or cannot be read: p is below 0.05 as rarely."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(400):
        answers = rng.choice([-1, 0, 1, 2], p=[0.2, 0.4, 0.3, 0.1], size=(120, 4))
        verdict = np.where(rng.random(120) < 0.6, 0, 1)
        order = rng.permuted(np.tile(np.arange(4), (120, 1)), axis=1)
        table = led(*["AAAA>A"] * 120)
        of = RoundTable(
            table.questions, table.subjects, table.seats, answers, answers == 0, table.cut_off, order,
            verdict, verdict == 0, table.verdict_cut_off,
        )  # fmt: skip
        found.append(places(of, shuffled=True).p)
    assert None not in found
    below = np.mean([p is not None and p < 0.05 for p in found])
    assert 0.02 <= below <= 0.085


def test_a_leader_that_follows_the_first_place_is_found_out() -> None:
    rows = [f"{a}{b}{c}>{a}" for a, b, c in ("ABC", "BCA", "CBA", "ABB", "BAA") * 12]
    found = places(led(*rows), shuffled=True)
    assert found.p is not None
    assert found.p < 1e-6
    assert found.followed[0].value == 1


def test_similar_texts() -> None:
    texts = {"q": ["a b c d", "a b c d", "x y"], "r": ["a b c", "a c b", "b"], "s": ["one peer"]}
    found = similarity(texts, dict.fromkeys(texts, "subject"))
    pairs = [(1 + 0 + 0) / 3, (2 * 2 / 6 + 2 * 1 / 4 + 2 * 1 / 4) / 3]
    assert (found.total, found.n) == (approx(sum(pairs)), 2)
    assert similarity({}, {}).n == 0


def test_fiellers_interval_is_that_of_its_equation() -> None:
    """Its bounds are the ratios at which the mean difference is as many standard errors from 0 as the level asks."""
    rng = np.random.default_rng(0)
    lower = rng.normal(1, 0.5, 60)
    upper = 0.6 * lower + rng.normal(0, 0.3, 60)
    found = ratio(upper, lower, apart(60))
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.6 < found.high
    from scipy.stats import t

    for bound in (found.low, found.high):
        left = upper - bound * lower
        assert abs(left.mean()) / (left.std(ddof=1) / 60**0.5) == approx(t.ppf(0.975, 59))


def test_fiellers_interval_holds_the_truth_as_often_as_stated() -> None:
    """A leader that closes 0.4 of the gap in 27 subjects that differ, 100 questions in all."""
    rng = np.random.default_rng(1)
    held = []
    for _ in range(400):
        subject = rng.integers(27, size=100)
        right = rng.random((100, 3)) < np.clip(0.5 + rng.normal(0, 0.2, 27)[subject], 0.02, 0.98)[:, None]
        pick, oracle = right.mean(axis=1), right.any(axis=1)
        verdict = rng.random(100) < pick + 0.4 * (oracle - pick)
        found = ratio(verdict - pick, oracle - pick, Drawn([f"q{n}" for n in range(100)], [f"s{n}" for n in subject]))
        held.append(found.low is not None and found.high is not None and found.low <= 0.4 <= found.high)
    assert 0.92 <= np.mean(held) <= 0.98


def test_a_ratio_to_what_may_be_nothing_has_no_bounds() -> None:
    found = ratio(np.array([1.0, 0, 1, 0]), np.array([1.0, -1, 1, 0]), apart(4))
    assert (found.value, found.low, found.high) == (2, None, None)
    assert ratio(np.array([1.0]), np.array([0.0]), apart(1)).value is None
    assert ratio(np.array([]), np.array([]), apart(0)).n == 0


def test_seeds_of_a_question_do_not_make_it_many() -> None:
    never = np.zeros(30)
    once, thrice = mean(never, apart(30)), mean(never, Drawn([f"q{n // 3}" for n in range(30)], ["s"] * 30))
    assert (once.high, thrice.high) == (approx(wilson(0, 30)[1]), approx(wilson(0, 10)[1]))
    assert thrice.n == 30


def test_a_mean_beyond_one_keeps_its_scale() -> None:
    found = mean(np.array([0.0, 3, 2, 1]), apart(4), scale=3)
    assert found.value == 1.5
    assert found.high is not None
    assert 1.5 < found.high <= 3


def test_tokens_paid_for_a_point() -> None:
    found = Gain.of("solo", "solo", compare([1] * 8 + [0] * 2, [1] * 6 + [0] * 4), tokens=1_000, tokens_over=400)
    assert found.tokens_a_point == approx(600 / 20)
    assert found.tokens_a_point_low == approx(600 / (100 * found.comparison.difference.high))
    assert found.tokens_a_point_high is None  # it may be that nothing was gained
    lost = Gain.of("solo", "solo", compare([0, 0], [1, 1]), tokens=1_000, tokens_over=400)
    assert lost.tokens_a_point is None
    cheaper = Gain.of("solo", "solo", compare([1] * 9, [0] * 9), tokens=1, tokens_over=400)
    assert cheaper.tokens_a_point is None


def test_what_a_round_added() -> None:
    before, after = led("ABB>B", "ABB>B", "AAA>A"), led("AAB>A", "ABB>B", "AAA>A")
    found = added_round(before, after, 1, 100, 250)
    assert found.comparison == compare([1, 0, 1], [0, 0, 1])
    assert (found.over, found.tokens_a_point) == ("round 1", approx(150 / (100 / 3)))
    with pytest.raises(ValueError, match="same conversations"):
        added_round(before, led("AAB>A"), 1, 1, 2)


def test_tables_that_contradict_themselves_are_refused() -> None:
    good = {name: getattr(TEN, name) for name in RoundTable.__dataclass_fields__}
    for change, says in (
        ({"right": ~TEN.read}, "not right"),
        ({"order": np.zeros((10, 3), dtype=np.int64)}, "one place"),
        ({"verdict": TEN.verdict[:3]}, "verdict is of shape"),
        ({"cut_off": TEN.cut_off[:, :1]}, "cut_off is of shape"),
        ({"subjects": ("s",)}, "has a subject"),
    ):
        with pytest.raises(ValueError, match=says):
            RoundTable(**{**good, **change})


@st.composite
def tables(draw: st.DrawFn, leader: str | None = None) -> RoundTable:
    peers = draw(st.integers(1, 4))
    rows = draw(st.lists(st.text("ABC-", min_size=peers + 1, max_size=peers + 1), min_size=1, max_size=12))
    ids = draw(st.lists(st.sampled_from("qrstuvw"), min_size=len(rows), max_size=len(rows)))
    orders = [draw(st.permutations(range(peers))) for _ in rows]
    subjects = [f"subject {q in 'qrs'}" for q in ids]
    if leader == "favourite":
        table = led(*(f"{row[:-1]}>{row[-1]}" for row in rows))
        said = [
            "A" if r else "-" if f == UNREAD else LETTERS[f]
            for f, r in zip(table.favourite, table.favourite_right, strict=True)
        ]
        rows = [row[:-1] + letter for row, letter in zip(rows, said, strict=True)]
    return led(*(f"{row[:-1]}>{row[-1]}" for row in rows), ids=ids, subjects=subjects, order=orders)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_cases_are_split_without_rest(of: RoundTable) -> None:
    found = diagnosed(of)
    split = found.choices
    rows, right = len(of), found.accuracy.total
    assert sum(m.n for m in split.by_right_peers) == sum(m.n for m in found.by_difficulty.values()) == rows
    assert sum(m.total for m in split.by_right_peers) == right
    assert sum(m.total for m in found.by_difficulty.values()) == right
    assert split.rescue.n + split.recovery.n + split.harm.n == rows
    assert split.rescue.total + split.recovery.total + split.harm.n - split.harm.total == right
    assert split.agreement.n == split.override.n == split.silence.n
    assert split.agreement.total + split.override.total + split.silence.total == split.agreement.n
    assert split.right_after_override.n == split.override.total
    assert split.helped.total <= split.right_after_override.total
    assert sum(found.places.given) == approx(found.places.n)
    assert sum(found.places.expected) == approx(found.places.n)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_a_share_lies_in_its_interval_and_is_none_where_there_is_no_case(of: RoundTable) -> None:
    found = diagnosed(of)
    split = found.choices
    shares = [
        *split.by_right_peers, split.rescue, split.recovery, split.harm, split.agreement, split.helped, split.hurt,
        split.follows_wrong_team, split.follows_wrong_favourite, *found.places.followed, found.redundancy.agreement,
        found.redundancy.same_error, *found.unread.values(), *found.by_difficulty.values(),
    ]  # fmt: skip
    for share in shares:
        if share.n:
            assert share.value == approx(share.total / share.n)
            assert 0 <= share.low <= share.value + 1e-9  # type: ignore[operator]
            assert share.value - 1e-9 <= share.high <= 1  # type: ignore[operator]
        else:
            assert (share.total, share.value, share.low, share.high) == (0, None, None, None)


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_peers_in_another_order_change_nothing_but_what_is_told_by_seat(of: RoundTable, random: object) -> None:
    turn = list(range(of.peers))
    random.shuffle(turn)  # type: ignore[attr-defined]
    back = np.argsort(turn)
    other = RoundTable(
        of.questions, of.subjects, of.seats, of.answers[:, turn], of.right[:, turn], of.cut_off[:, turn],
        back[of.order], of.verdict, of.verdict_right, of.verdict_cut_off,
    )  # fmt: skip
    assert choices(other) == choices(of)
    assert places(other, shuffled=True) == places(of, shuffled=True)
    here, there = redundancy(of), redundancy(other)
    assert (here.distinct, here.agreement.total) == (there.distinct, approx(there.agreement.total))
    assert here.both_wrong_by_chance == approx(there.both_wrong_by_chance)
    assert rivals(other).vote == rivals(of).vote
    assert rivals(other).best_peer.accuracy.total == rivals(of).best_peer.accuracy.total


@given(tables(leader="favourite"))
@settings(max_examples=40, deadline=None)
def test_a_leader_that_always_takes_the_favourite_does_what_a_vote_does(of: RoundTable) -> None:
    found = choices(of)
    assert found.override.total == found.helped.n == found.hurt.n == 0
    assert found.harm.total == 0
    assert found.follows_wrong_team.total == found.follows_wrong_team.n
    assert found.follows_wrong_favourite.total == found.follows_wrong_favourite.n
    assert (of.verdict_right <= of.vote + 1e-9).all()


@given(tables())
@settings(max_examples=40, deadline=None)
def test_the_oracle_and_the_random_pick_bound_every_choice_among_the_peers(of: RoundTable) -> None:
    found = rivals(of)
    low, high = found.random_pick.accuracy.value, found.oracle.accuracy.value
    assert low is not None
    assert high is not None
    for rival in (found.best_peer, found.vote):
        assert rival.accuracy.value is not None
        assert rival.accuracy.value <= high + 1e-9
    assert found.best_peer.accuracy.value >= low - 1e-9  # type: ignore[operator]


def test_buckets_are_named_once() -> None:
    assert len(set(BUCKETS)) == len(BUCKETS)
