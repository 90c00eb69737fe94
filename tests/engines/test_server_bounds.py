"""Servers that write on where an answer was to end: behind a stop, and beyond the greatest length."""

from __future__ import annotations

from typing import Any

import pytest

from mlpo_bench.chat import Sampling, Usage
from mlpo_bench.engines.server.stops import ended
from mlpo_bench.errors import EngineError
from tests.engines.asking import ask, fault_of, spec_of
from tests.engines.imitated_server import ImitatedServer, Mode, chat, says


pytestmark = pytest.mark.usefixtures("in_no_hurry")

ONWARDS = "The answer is (A).\nUser: And now?\n\nAssistant: The answer is (B)."
PLAIN = {"object": "text_completion", "choices": [{"text": ONWARDS, "finish_reason": "length"}]}
STOPPED = Sampling(max_tokens=40, stop=("\nUser:", "\n\n"))


def asked(mode: Mode, sampling: Sampling = STOPPED, **request: Any) -> tuple[list[Any], list[str]]:
    said: list[str] = []
    with ImitatedServer(mode) as server:
        return ask(spec_of(server, request=request), count=2, sampling=sampling, said=said), said


@pytest.mark.parametrize(
    ("content", "sampling", "request_options", "told"),
    [
        (chat(ONWARDS, "length"), STOPPED, {}, 1),
        (chat(ONWARDS), Sampling(max_tokens=40), {"stop": ["\nUser:"]}, 1),
        (chat(ONWARDS), STOPPED, {"omit": ["stop"]}, 0),
        (PLAIN, Sampling(max_tokens=40), {"endpoint": "completions"}, 1),
        (PLAIN, Sampling(max_tokens=40), {"endpoint": "completions", "omit": ["stop"]}, 0),
        (chat("The answer is (A).\nUser:"), STOPPED, {}, 0),  # the stop is kept, and nothing was written behind it
    ],
)
def test_a_text_ends_before_its_first_stop(
    content: dict[str, Any], sampling: Sampling, request_options: dict[str, Any], told: int
) -> None:
    made, said = asked(says(content), sampling, **request_options)
    assert {(one.text, one.finish_reason) for one in made} == {("The answer is (A).", "stop")}
    assert len([s for s in said if "ignores `stop`: it wrote on behind '\\nUser:'" in s]) == told


def test_what_is_cut_off_was_written() -> None:
    (made, _), _ = asked(says(chat(ONWARDS, usage=None)))
    assert made.usage.completion == -(-len(ONWARDS) // 4)


def test_a_text_that_begins_with_a_stop_is_no_answer() -> None:
    mode = says(chat("\n\nUser: Why?"))
    assert "answered with nothing: its text begins with 'User:'" in str(fault_of(mode, request={"stop": ["User:"]}))


@pytest.mark.parametrize(
    ("text", "stops", "found"),
    [
        ("abc", (), ("abc", None)),
        ("a END b STOP", ("STOP", "END"), ("a ", "END")),
        ("a ENDS", ("END", "ENDS"), ("a ", None)),
        ("a STOP\n", ("STOP",), ("a ", None)),
    ],
)
def test_the_first_stop_counts(text: str, stops: tuple[str, ...], found: tuple[str, str | None]) -> None:
    assert ended(text, stops) == found
    with pytest.raises(EngineError):
        ended(f" {text}", (" ",))


@pytest.mark.parametrize(("request_options", "told"), [({}, 1), ({"omit": ["max_tokens"]}, 0)])
def test_more_than_was_asked_for_is_told_once(request_options: dict[str, Any], told: int) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 1_900}
    made, said = asked(says(chat(usage=usage)), **request_options)
    assert made[0].usage == Usage(10, 0, 1_900)
    assert len([s for s in said if "wrote 1,900 tokens where 40 at most were asked for" in s]) == told
