"""What is held in little memory is what was put there, wherever it is looked at."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.packed import Texts


some = st.lists(st.text(st.characters(codec=None) | st.sampled_from("\ud800\udfff\0")), max_size=8)


@given(some, st.sampled_from([1, 40, 300]), st.randoms())
def test_texts_are_as_they_were_put(texts: list[str], times: int, order: random.Random) -> None:
    whole, held = texts * times, Texts()
    for one in whole:
        held.append(one)
        assert held[-1] == one
    assert len(held) == len(whole)
    assert list(held) == whole
    places = list(range(len(whole)))
    order.shuffle(places)
    assert [held[place] for place in places] == [whole[place] for place in places]


def test_texts_take_little() -> None:
    held = Texts()
    held.extend(f"Question {number}: what is {number} times {number + 1}, and why?" for number in range(960))
    assert sum(map(len, held._packed)) < 960 * 20
