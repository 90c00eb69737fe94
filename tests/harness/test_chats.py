from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.errors import UsageError
from mlpo_bench.harness import chats


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), TEXT), min_size=1, max_size=5))
def test_a_chat_comes_through_lm_eval_as_it_was(chat: list[tuple[str, str]]) -> None:
    packed = chats.pack([{"role": role, "content": content} for role, content in chat])
    assert [(m.role, m.content) for m in chats.unpack(packed)] == chat


def test_a_plain_prompt_is_a_message_of_the_user() -> None:
    assert chats.unpack('{"json": "but no chat"}') == (Message("user", '{"json": "but no chat"}'),)


def test_generation_settings_get_our_names() -> None:
    asked = {"until": ["a", "b"], "max_gen_toks": 9, "temperature": "0.3", "top_p": 0.9, "top_k": 4}
    assert chats.sampling(asked) == Sampling(0.3, 0.9, 4, 9, ("a", "b"))
    assert chats.sampling({"until": "x", "do_sample": False}) == Sampling(temperature=0, stop=("x",))
    assert chats.sampling({"do_sample": "True"}) == Sampling()


@pytest.mark.parametrize(
    "wrong", [{"max_gen_toks": 0}, {"temperature": -1}, {"top_p": 0}, {"top_k": "x"}, {"best_of": 3}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        chats.settings(wrong)
