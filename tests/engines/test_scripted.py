"""The scripted engine: function and file, limits, faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.engines import ScriptedEngine, open_engine
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.engines import Engine


def ask(engine: Engine, text: str, seed: int = 0, **sampling: object) -> Completion:
    chat = [Message("system", "Be brief."), Message("user", text)]
    return asyncio.run(engine.complete(chat, Sampling(**sampling), seed))  # type: ignore[arg-type]


def test_answers_with_the_functions_text_and_counts_words() -> None:
    engine = ScriptedEngine(lambda messages, _, seed: f"{messages[-1].content} again {seed}")
    assert ask(engine, "once more", seed=7) == Completion(
        "once more again 7", Usage(prompt=4, cached=0, completion=4), "stop", 0.0
    )


def test_cuts_at_max_tokens_and_says_so() -> None:
    made = ask(ScriptedEngine(lambda *_: "one  two\nthree four"), "?", max_tokens=3)
    assert (made.text, made.finish_reason, made.usage.completion) == ("one  two\nthree", "length", 3)


def test_ends_at_the_first_stop_string() -> None:
    made = ask(ScriptedEngine(lambda *_: "a b STOP c END d"), "?", stop=("END", "STOP"), max_tokens=2)
    assert (made.text, made.finish_reason) == ("a b ", "stop")


def test_refuses_what_does_not_fit_with_its_numbers() -> None:
    engine = ScriptedEngine(lambda *_: "never", context=10)
    with pytest.raises(ContextOverflow, match="4 too many") as caught:
        ask(engine, "one two three four", max_tokens=8)
    assert (caught.value.prompt, caught.value.answer, caught.value.context) == (6, 8, 10)


def opened(path: Path, text: str) -> Engine:
    path.write_text(text, encoding="utf-8")
    return asyncio.run(open_engine(ModelSpec(engine="scripted", model=str(path))))


def test_a_file_answers_by_its_first_fitting_rule(tmp_path: Path) -> None:
    engine = opened(
        tmp_path / "s.yaml",
        "- {when: 'question \\d+', say: [A, B, C]}\n- {when: broken, fail: no luck}\n- say: else\n",
    )
    assert [ask(engine, "question 12", seed=s).text for s in (0, 1, 2, 3)] == ["A", "B", "C", "A"]
    assert ask(engine, "hello").text == "else"
    with pytest.raises(EngineError, match="no luck") as caught:
        ask(engine, "broken")
    assert not caught.value.transient


def test_a_file_waits_as_told(tmp_path: Path) -> None:
    engine = opened(tmp_path / "s.yaml", "- {when: slow, say: x, delay: 0.2}\n- say: y\n")

    async def first() -> str:
        chats = [[Message("user", text)] for text in ("slow", "fast")]
        tasks = [asyncio.create_task(engine.complete(chat, Sampling(), 0)) for chat in chats]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*rest)
        return next(iter(done)).result().text

    assert asyncio.run(first()) == "y"


def test_a_message_that_no_rule_fits_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no rule of the script"):
        ask(opened(tmp_path / "s.yaml", "- {when: never, say: x}\n"), "hello")


def test_the_fingerprint_follows_the_files_content(tmp_path: Path) -> None:
    one, same, other = (
        opened(tmp_path / "s.yaml", text).facts.fingerprint for text in ("- say: a\n", "- say: a\n", "- say: b\n")
    )
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {say: x, sya: y}", r"s.yaml:1: rule 1: unknown field 'sya'; did you mean 'say'\?$"),
        ("- say: a\n- {when: '(', say: x}", r"s.yaml:2: rule 2: field 'when': .*regular expression"),
        ("- {when: x}", "rule 1: a rule has either"),
        ("- {say: x, fail: y}", "rule 1: a rule has either"),
        ("- {say: x, delay: -1}", "rule 1: field 'delay'"),
        ("- say: a\n-\n  says: b", r"s.yaml:3: rule 2: unknown field 'says'; did you mean 'say'\?"),
        ("- say: a\n- say: {x: 1}", r"s.yaml:2: rule 2: field 'say': input should be a list \(it is \{x: 1\}\)"),
        ("- a\n", r"s.yaml:1: rule 1: input should be settings \(`name: value`\) \(it is 'a'\)\."),
        ("- say: a\n  delay: 1:30\n", "line 2: 1:30 is read as 90 by YAML"),
        ("say: x", "a script is a list of rules"),
        ("- say: [", "not valid YAML"),
    ],
)
def test_faults_of_a_file_are_named(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        opened(tmp_path / "s.yaml", text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        asyncio.run(open_engine(ModelSpec(engine="scripted", model=str(tmp_path / "none.yaml"))))
