"""Protocols of somebody's own: a class is all it takes, and what is wrong with one is said in a sentence."""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols import PROTOCOLS, Depth, Leader, Protocol, Room, Solo, build, check_counts
from mlpo_bench.questions import Question


Hold = Any


@pytest.fixture(autouse=True)
def _gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test know of the protocols that are defined in these."""
    assert "solo" in PROTOCOLS
    monkeypatch.setattr(PROTOCOLS, "_added", dict(PROTOCOLS._added))


def twice(name: str = "twice") -> type[Protocol]:
    @dataclass(frozen=True)
    class Twice(Protocol):
        times: Depth = 2
        loud: bool = False

        depth: ClassVar[str] = "times"

        def calls(self, peers: int) -> int:  # noqa: ARG002
            return self.times

        async def solve(self, question: Question, room: Room) -> str:
            turn = await room.ask(room.leader, question.prompt, round=0)
            for again in range(1, self.times):
                prompt = self.render("again.txt", question=question.prompt, last=turn.text)
                turn = await room.ask(room.leader, prompt, round=again)
            return turn.text

    return type("Twice", (Twice,), {"name": name, "__module__": __name__})


def test_defining_a_class_registers_it_by_its_name() -> None:
    made = twice()
    assert PROTOCOLS["twice"] is made
    assert build("twice", {"times": "3", "loud": "true"}).settings == {"times": 3, "loud": True}
    assert build("twice", {"times": "3", "loud": "true"}).label == "twice, 3 times, loud"
    assert build("twice", {}).label == "twice, 2 times"


def test_defining_it_again_replaces_it() -> None:
    first, second = twice(), twice()
    assert PROTOCOLS["twice"] is second is not first


def test_what_cannot_be_used_as_it_is_is_not_registered() -> None:
    class Unwritten(Protocol):
        name = "unwritten"

        def calls(self, peers: int) -> int:
            return peers

    class Nameless(Solo):
        pass

    assert "unwritten" not in PROTOCOLS
    assert PROTOCOLS["solo"] is Solo
    assert Nameless().label == "solo"


def test_a_built_in_name_is_taken() -> None:
    with pytest.raises(UsageError, match=r"the protocol 'leader' is built in; give the one of .* another name"):
        twice("leader")


def test_prompts_lie_beside_the_class(hold: Hold, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "again.txt").write_text("{{ question }}\n\nYou said: {{ last }}\n")
    monkeypatch.setattr(sys.modules[__name__], "__file__", str(tmp_path / "mine.py"))
    twice()
    done = hold(build("twice", {}), answer=lambda messages, *_: f"{{{{ 7 * 7 }}}} after {len(messages[-1].content)}")
    assert done.turns[1].read[-1].content.endswith("You said: {{ 7 * 7 }} after 28")
    assert len(done.turns) == 2


def test_a_protocol_derived_from_ours_finds_our_prompts_and_its_own(
    hold: Hold, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "own.txt").write_text("Mine.")
    monkeypatch.setattr(sys.modules[__name__], "__file__", str(tmp_path / "mine.py"))

    @dataclass(frozen=True)
    class Mine(Leader):
        name: ClassVar[str] = "mine"

    assert build("mine", {"rounds": 1}).render("own.txt") == "Mine."
    assert build("mine", {"rounds": 1}).render("leader.txt", question="q", opinions=["o"], own_last=None)
    assert hold(build("mine", {"rounds": 1})).final == hold(Leader(1)).final


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (None, "Twice has no template 'again.txt'; it was looked for in "),
        ("{{ gone }}", "the template 'again.txt' of Twice is faulty: 'gone' is undefined"),
        ("{% if %}", "the template 'again.txt' of Twice is faulty, line 1: "),
    ],
)
def test_a_faulty_template_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, template: str | None, says: str
) -> None:
    if template:
        (tmp_path / "again.txt").write_text(template)
    monkeypatch.setattr(sys.modules[__name__], "__file__", str(tmp_path / "mine.py"))
    with pytest.raises(UsageError, match=says):
        twice()().render("again.txt", question="q", last="l")


def test_settings_without_a_dataclass_are_said() -> None:
    class Bare(Solo):
        name: ClassVar[str] = "bare"
        times: int = 2

    with pytest.raises(UsageError, match=r"'bare' has settings \(times\), so its class must be decorated with @data"):
        build("bare", {})


def test_a_class_without_settings_needs_no_decoration() -> None:
    class Plain(Solo):
        name = "plain"

    assert build("plain", {}) == Plain()
    assert build("plain", {}).label == "plain"
    assert len({Plain(), Plain()}) == 1


def test_what_settings_may_be_is_the_classs_own_business() -> None:
    @dataclass(frozen=True)
    class Odd(Solo):
        size: Annotated[int, Field(ge=3)]
        name: ClassVar[str] = "odd"

        def __post_init__(self) -> None:
            if self.size % 2 == 0:
                raise ValueError(f"{self.size} is even")

    assert build("odd", {"size": "5"}) == Odd(5)
    for settings, says in (({}, "'odd' needs its setting 'size'"), ({"size": 4}, "protocol 'odd': 4 is even.")):
        with pytest.raises(UsageError, match=says):
            build("odd", settings)


def test_a_long_value_is_short_in_a_label_and_told_apart() -> None:
    @dataclass(frozen=True)
    class Told(Solo):
        words: str = ""
        name: ClassVar[str] = "told"

    assert Told("be\nbrief").label == "told, words be brief"
    long, longer = (Told("Think step by step, " * n).label for n in (10, 11))
    assert long != longer
    assert long.startswith("told, words Think step by step, Think step b... ")
    assert len(long) < 60


def test_a_module_names_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine_of_a_module.py").write_text(
        "from mlpo_bench.protocols import Protocol, Solo\n"
        "class Other(Solo):\n    name = 'other'\n"
        "class Nameless(Solo):\n    pass\n"
        "class Unwritten(Protocol):\n    name = 'unwritten'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert build("mine_of_a_module:Other", {}).name == "other"
    assert PROTOCOLS.reference(PROTOCOLS["other"]) == "mine_of_a_module:Other"
    for name in ("Nameless", "Unwritten", "Question"):
        with pytest.raises(UsageError, match=r"must be a class derived from mlpo_bench.Protocol|has no 'Question'"):
            build(f"mine_of_a_module:{name}", {})


def test_what_ends_without_a_text_is_said(hold: Hold) -> None:
    class Forgetful(Solo):
        name = "forgetful"

        async def solve(self, question: Question, room: Room) -> str:
            return await room.ask(room.leader, question.prompt, round=0)  # type: ignore[return-value]

    with pytest.raises(UsageError, match=r"protocol 'forgetful' ends with a Turn, not with a text \(a turn's `text`\)"):
        hold(Forgetful())


def test_what_ends_without_having_asked_anybody_is_said(hold: Hold) -> None:
    class Silent(Solo):
        name = "silent"

        async def solve(self, question: Question, room: Room) -> str:
            del room
            return question.prompt

    with pytest.raises(UsageError, match="protocol 'silent' has asked nobody"):
        hold(Silent())


HALF = "a\ud800b"
WRONGLY_ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "a round below 0": ({"round": -1}, "round=-1, which should be a whole number from 0 to 2147483647"),
    "a round that is too large": ({"round": 2**70}, "round=1180591620717411303424, which"),
    "a round of letters": ({"round": "a"}, "round='a', which"),
    "a round that is true": ({"round": True}, "round=True, which"),
    "a sample below 0": ({"sample": -3}, "sample=-3, which"),
    "a sample that is no whole number": ({"sample": 1.0}, r"sample=1\.0, which"),
    "no tokens": ({"max_tokens": 0}, "max_tokens=0, which should be a whole number from 1"),
    "tokens of letters": ({"max_tokens": "9"}, "max_tokens='9', which"),
    "nothing": ({"prompt": None}, "a NoneType, not with a prompt"),
    "half a character": ({"prompt": HALF}, r"half of a surrogate pair \(U\+D800\), which is no character"),
}


def asking(**more: Any) -> Protocol:
    class Asking(Solo):
        name = "asking"

        async def solve(self, question: Question, room: Room) -> str:
            given = {"prompt": question.prompt, "round": 0, **more}
            return (await room.ask(room.leader, given.pop("prompt"), **given)).text

    return Asking()


@pytest.mark.parametrize(("more", "says"), WRONGLY_ASKED.values(), ids=WRONGLY_ASKED)
def test_what_cannot_be_kept_is_not_asked(hold: Hold, more: dict[str, Any], says: str) -> None:
    def answer(*_: object) -> str:
        raise AssertionError("it was asked")

    with pytest.raises(UsageError, match=f"^protocol 'asking' asks with {says}"):
        hold(asking(**more), answer=answer)


def test_side_by_side_it_is_not_asked_either(hold: Hold) -> None:
    class Aside(Solo):
        name = "aside"

        async def solve(self, question: Question, room: Room) -> str:
            turns = await room.ask_each(room.seats, [question.prompt] * 3 + [HALF], round=0)
            return turns[0].text

    with pytest.raises(UsageError, match=r"^protocol 'aside' asks with half of a surrogate pair"):
        hold(Aside())


def test_what_ends_with_half_a_character_is_said(hold: Hold) -> None:
    class Halved(Solo):
        name = "halved"

        async def solve(self, question: Question, room: Room) -> str:
            await room.ask(room.leader, question.prompt, round=2**31 - 1, sample=0)
            return HALF

    with pytest.raises(UsageError, match=r"^protocol 'halved' ends with half of a surrogate pair \(U\+D800\)"):
        hold(Halved())


@pytest.mark.parametrize(
    ("family", "says"),
    [("votes", "'votes'; it is one of solo, vote, led, choice, other; did you mean 'vote'?"), (3, "3; it is one of ")],
)
def test_a_family_that_is_none_is_said_when_the_class_is_defined(family: Any, says: str) -> None:
    with pytest.raises(UsageError, match=f"^protocol 'strange' has the family {re.escape(says)}"):
        type("Strange", (Solo,), {"name": "strange", "family": family})
    assert "strange" not in PROTOCOLS


def test_what_is_no_async_def_cannot_solve(hold: Hold) -> None:
    def solve(*_: object) -> str:
        return "text"

    async def solved(_: object, question: Question, room: Room) -> str:
        return (await room.ask(room.leader, question.prompt, round=0)).text

    @functools.wraps(solved)
    def around(self: object, question: Question, room: Room) -> Any:
        return solved(self, question, room)

    with pytest.raises(UsageError, match="the method `solve` of protocol 'hasty' must be an `async def` that"):
        type("Hasty", (Solo,), {"name": "hasty", "solve": solve})
    assert hold(type("Around", (Solo,), {"name": "around", "solve": around})()).turns


@pytest.mark.parametrize("given", [-3, 0, True, "3", None, 1.0, 2**31 + 1])
@pytest.mark.parametrize("of", ["calls", "fewest_calls", "reads"])
def test_numbers_that_plans_cannot_go_by_are_said(of: str, given: object) -> None:
    made = type("Reckoning", (Solo,), {"name": "reckoning", of: lambda *_: given})()
    if (of, given) == ("reads", 0):
        check_counts(made, 3)
    else:
        with pytest.raises(
            UsageError, match=rf"protocol 'reckoning' says {of}\(3\) is {given!r}, which should be a whole"
        ):
            check_counts(made, 3)


def test_fewer_calls_are_no_more_than_all() -> None:
    made = type("Reckoning", (Solo,), {"name": "reckoning", "fewest_calls": lambda *_: 2})()
    with pytest.raises(UsageError, match=r"fewest_calls\(3\) is 2, which should be a whole number from 1 to 1\."):
        check_counts(made, 3)
