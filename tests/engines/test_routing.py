"""Which replica is asked: the one that has read the start of a prompt, unless it has clearly more to do."""

from __future__ import annotations

from contextlib import ExitStack

from mlpo_bench.chat import Message
from mlpo_bench.engines.routing import BLOCK, BLOCKS_KEPT, Router


BOTH = (0, 1)


def chat(*texts: str) -> list[Message]:
    return [Message("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(texts)]


def test_prompts_that_start_alike_go_to_one_replica_and_others_to_the_next() -> None:
    router = Router(2, capacity=8)
    a, b = "a" * 3 * BLOCK, "b" * 3 * BLOCK
    first = router.choose(chat(a), BOTH)
    assert router.choose(chat(b), BOTH) == 1 - first
    assert [router.choose(chat(a, "an answer", f"round {n}"), BOTH) for n in range(5)] == [first] * 5
    assert router.choose(chat(b, "another"), BOTH) == 1 - first


def test_the_longest_common_start_decides() -> None:
    router = Router(2, capacity=8)
    shared, a, b = "s" * BLOCK, "a" * BLOCK, "b" * BLOCK
    first = router.choose(chat(shared + a), BOTH)
    with router.under_way(first):
        with router.under_way(first), router.under_way(first):
            assert router.choose(chat(shared + b), BOTH) == 1 - first  # the other has clearly less to do
        assert router.choose(chat(shared + a + "!"), BOTH) == first
        assert router.choose(chat(shared + b + "!"), BOTH) == 1 - first


def test_equal_prompts_are_shared_out_by_load() -> None:
    router = Router(2, capacity=64)
    with ExitStack() as asked:
        for _ in range(32):
            asked.enter_context(router.under_way(router.choose(chat("the same"), BOTH)))
        assert sum(router.load) == 32
        assert abs(router.load[0] - router.load[1]) <= 8
    assert router.load == [0, 0]


def test_a_full_replica_is_passed_over_while_another_has_room() -> None:
    router = Router(2, capacity=2)
    first = router.choose(chat("the same"), BOTH)
    with router.under_way(first), router.under_way(first):
        assert router.choose(chat("the same"), BOTH) == 1 - first
        assert router.choose(chat("the same"), [first]) == first  # the only one that is up


def test_replicas_that_have_read_nothing_of_it_take_turns() -> None:
    router = Router(3, capacity=8)
    assert sorted(router.choose(chat(f"{n} stands alone"), range(3)) for n in range(6)) == [0, 0, 1, 1, 2, 2]


def test_what_a_replica_that_was_started_anew_had_read_is_forgotten() -> None:
    router = Router(2, capacity=8)
    first = router.choose(chat("a" * BLOCK), BOTH)
    router.forget(first)
    router.choose(chat("a" * BLOCK), [1 - first])
    assert router.choose(chat("a" * BLOCK), BOTH) == 1 - first


def test_memory_is_bounded_and_the_start_of_prompts_is_forgotten_last() -> None:
    router = Router(1, capacity=8)
    for n in range(40):
        router.choose(chat("s" * BLOCK + f"{n:04}" * (BLOCK * 1000 // 4)), [0])
    assert len(router._read[0]) == BLOCKS_KEPT
    assert router._known(0, [next(reversed(router._read[0]))]) == 1
