"""Rendering chats: the template once, models without a system role, models without a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Message
from mlpo_bench.engines.chats import ChatTokens, without_system


if TYPE_CHECKING:
    from types import ModuleType

CHAT = [Message("system", "you are ok"), Message("user", "a b"), Message("assistant", "c"), Message("user", "d")]


def test_a_template_is_applied_once(tiny: ModuleType) -> None:
    chats = ChatTokens(tiny.tokenizer())
    assert chats.text(CHAT) == "<s>system : you are ok user : a b assistant : c user : d assistant :"
    ids = chats.ids(CHAT)
    assert ids.count(1) == 1
    assert ids[0] == 1
    assert ids == tiny.tokenizer().apply_chat_template(
        [{"role": m.role, "content": m.content} for m in CHAT], add_generation_prompt=True, return_dict=False
    )
    assert chats.stops == ()


@pytest.mark.parametrize("template", ["REFUSES_SYSTEM", "DROPS_SYSTEM"])
def test_without_a_system_role_the_first_user_message_carries_it(tiny: ModuleType, template: str) -> None:
    chats = ChatTokens(tiny.tokenizer(getattr(tiny, template)))
    assert chats.text(CHAT) == "<s>user : you are ok\n\na b assistant : c user : d assistant :"


def test_without_a_template_speakers_are_named_and_one_bos_stands_in_front(tiny: ModuleType) -> None:
    chats = ChatTokens(tiny.tokenizer(None))
    assert chats.text(CHAT) == "you are ok\n\nUser: a b\n\nAssistant: c\n\nUser: d\n\nAssistant:"
    ids = chats.ids(CHAT)
    assert (ids[0], ids.count(1)) == (1, 1)
    assert chats.stops == ("\nUser:",)


def test_folding_leaves_chats_without_a_system_message_alone() -> None:
    assert without_system(CHAT[1:]) == CHAT[1:]


def test_a_system_message_alone_becomes_a_user_message() -> None:
    assert without_system(CHAT[:1]) == [Message("user", "you are ok")]
