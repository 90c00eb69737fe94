"""Servers that take no system message are known by their words, and by nothing that merely has the word in it."""

from __future__ import annotations

import pytest

from mlpo_bench.engines.server.hints import hint
from mlpo_bench.engines.server.system_role import refuses_system_role
from tests.engines.asking import ask, spec_of
from tests.engines.imitated_server import ImitatedServer, Mode, answer_to, refused, refuses, sent


REFUSED = [
    "System role not supported",
    "system messages are not supported by this model",
    "System role is currently not supported.",
    "The system prompt isn't allowed here",
    "`system` role is unsupported",
    "This model does not support system messages.",
    "The model doesn't support the system role",
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "Developer instruction is not enabled for models/gemma-3-27b-it",
    "Unexpected role 'system'",
    'Invalid role: "system"',
    "role system not allowed",
    "The chat template has no system role.",
    "Roles must be one of the following: user and assistant",
    "role must be one of user, assistant",
    "messages.0.role must be one of: 'user', 'assistant', 'tool'",
    "roles can only be user or assistant",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "jinja2.exceptions.TemplateError: Conversation roles must alternate user/assistant/user/assistant/...",
    "Only user and assistant roles are supported!",
    "Only 'user' and 'assistant' messages are taken",
    "'system' is not one of ['user', 'assistant']",
    "'system' is not one of ['user', 'assistant'] - 'messages.0.role'",
    "messages[0].role: Input should be 'user' or 'assistant'",
    "Input should be 'user' or 'assistant' [type=literal_error, input_value='system', input_type=str]",
    "unknown variant `system`, expected `user` or `assistant`",
    "Input tag 'system' found using 'role' does not match any of the expected tags: 'user', 'assistant'",
    "Unsupported: 'seed', 'top_p', system role, api version",
]
ELSE = [
    "internal system error",
    "The system is overloaded; the system message queue is full",
    "system error: role service not supported",
    "An unexpected error occurred in the system",
    "system_fingerprint is not supported",
    "unsupported operating system",
    "the system prompt is too long",
    "system prompt cannot be empty",
    "images are not supported in the system message",
    "This model does not support images in the system message",
    "role must be one of system, user, assistant",
    "messages[1].role: Input should be 'user', 'assistant', 'system' or 'tool'",
    "messages[0].role: Input should be 'system', 'user' or 'assistant'",
    "After the optional system message, conversation roles must alternate user/assistant/user/assistant/...",
    "Unexpected role 'system': the system message must be at the beginning",
    "System message must be at the beginning.",
    "Unexpected role 'tool'",
    "the user and assistant are not known",
    "no system prompt provided",
    "Invalid system message content: expected a string",
    "",
]


@pytest.mark.parametrize("told", REFUSED)
def test_words_that_refuse_the_role_are_known(told: str) -> None:
    assert refuses_system_role(told)
    assert "fold_system: true" in hint(told, "max_tokens")


@pytest.mark.parametrize("told", ELSE)
def test_words_about_something_else_are_not_taken_for_it(told: str) -> None:
    assert not refuses_system_role(told)
    assert "fold_system" not in hint(told, "max_tokens")


def contents_of(mode: Mode, count: int = 1) -> list[list[str]]:
    """The messages of each request, by their roles."""
    with ImitatedServer(mode) as server:
        assert ask(spec_of(server), count=count, system="Be brief.")
        return [asked.roles for asked in server.asked if "completions" in asked.path]


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize("told", ["Unexpected role 'system'", REFUSED[-10]])
def test_it_is_asked_again_at_once_with_the_message_in_the_users_turn(told: str, status: int) -> None:
    roles = contents_of(refuses(lambda asked: "system" in asked.roles, told, status))
    assert roles[-2:] == [["system", "user"], ["user"]]


def test_a_fault_in_passing_that_speaks_of_a_system_folds_nothing() -> None:
    failed: list[object] = []

    def answer(_: ImitatedServer, asked: object) -> object:
        failed.append(asked)
        return refused("internal system error", 500) if len(failed) == 1 else sent(answer_to(asked))  # type: ignore[arg-type]

    assert contents_of(Mode(answer))[-1] == ["system", "user"]  # type: ignore[arg-type]
