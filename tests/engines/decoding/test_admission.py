"""Which requests are read next, and which of them together."""

from __future__ import annotations

from mlpo_bench.chat import Sampling
from mlpo_bench.engines.decoding.admission import Admission
from mlpo_bench.engines.decoding.rows import Row


def row(length: int, tokens: int = 10, first: int = 1) -> Row:
    return Row([first] * length, Sampling(max_tokens=tokens), 0)


def lengths(groups: list[list[Row]]) -> list[list[int]]:
    return [[len(one.ids) for one in group] for group in groups]


def admission(*waiting: Row, rows: int = 8, tokens: int = 1_000, together: int = 50, joins: bool = True) -> Admission:
    made = Admission(rows, tokens, together, joins=joins)
    made.waiting.extend(waiting)
    return made


def test_the_longest_come_first_in_groups_of_like_length() -> None:
    waiting = admission(row(5), row(20), row(40), row(22, first=2), row(6))
    assert lengths(waiting.groups([])) == [[40], [22, 20], [6, 5]]
    assert not waiting.waiting


def test_a_prompt_longer_than_is_read_together_is_read_alone() -> None:
    assert lengths(admission(row(90), row(70)).groups([])) == [[90], [70]]


def test_equal_prompts_count_once() -> None:
    waiting = admission(*(row(30) for _ in range(4)), row(30, first=2))
    assert lengths(waiting.groups([])) == [[30] * 4, [30]]


def test_no_more_rows_and_tokens_than_there_is_room_for() -> None:
    waiting = admission(*(row(n) for n in range(20, 30)), rows=4)
    assert lengths(waiting.groups([])) == [[29], [28], [27], [26]]
    assert len(waiting.waiting) == 6
    few = admission(row(30), row(20), row(10), tokens=80)
    assert lengths(few.groups([])) == [[30], [20]]


def test_what_is_too_long_for_the_bound_goes_alone() -> None:
    assert lengths(admission(row(99), row(5), tokens=80).groups([])) == [[99]]


def test_a_batch_is_filled_up_when_a_quarter_of_it_is_free() -> None:
    under_way = [row(10) for _ in range(7)]
    waiting = admission(row(5), row(6))
    assert waiting.groups(under_way) == []
    assert lengths(waiting.groups(under_way[:6])) == [[6, 5]]


def test_a_batch_that_takes_no_rows_ends_before_the_next() -> None:
    waiting = admission(row(5), row(40), row(30), joins=False)
    assert waiting.groups([row(3)]) == []
    assert lengths(waiting.groups([])) == [[40, 30, 5]]


def test_half_as_many_after_memory_ran_out_and_at_least_one() -> None:
    waiting = admission(*(row(10) for _ in range(6)))
    waiting.halve(5)
    assert lengths(waiting.groups([])) == [[10, 10]]
    waiting.halve(1)
    assert lengths(waiting.groups([])) == [[10]]
