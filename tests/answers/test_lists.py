"""Lists as people write them: commas, a last "and", one value after another."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("form", "written", "gold", "right"),
    [
        ("words", "ape, bat and cat", "ape bat cat", True),
        ("words", "ape, bat and cat", "ape, bat, cat", True),
        ("words", "ape, bat, and cat", "ape, bat, cat", True),
        ("words", "ape, bat & cat", "ape bat cat", True),
        ("words", "ape bat cat", "ape, bat, cat", True),
        ("words", "ape, and, bat", "ape and bat", True),
        ("words", "ape, bat, and", "ape bat and", True),
        ("words", "ape and bat", "ape and bat", True),
        ("words", "ape, bat and cat", "ape bat and cat", False),
        ("words", "ape, cat and bat", "ape bat cat", False),
        ("words", "ape, bat", "ape bat cat", False),
        ("literal", "ape, bat and cat", "ape, bat, cat", True),
        ("literal", "ape, bat, and cat", "ape, bat, cat", True),
        ("literal", "ape, bat, cat", "ape, bat and cat", True),
        ("literal", "ape, cat and bat", "ape, bat, cat", False),
        ("literal", "ape and cat", "ape, cat", False),
        ("literal", "salt and pepper", "salt, pepper", False),
        ("literal", "Ann, Bob and Co, Cid", "Ann, Bob, Co, Cid", False),
    ],
)
def test_an_and_before_the_last_joins_it_to_those_between_commas(
    form: str, written: str, gold: str, right: bool
) -> None:
    for text in (f"<answer>{written}</answer>", f"The answer is {written}."):
        assert answers.judge(form, answers.read(form, text), gold) is right
