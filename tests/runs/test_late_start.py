"""A run that finds every answer loads no model; one that does not loads it once, and checks first what fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.engines import ModelSpec, ScriptedEngine
from mlpo_bench.engines.late import LateEngine, LateStart
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlpo_bench.engines import Engine

Runs = Any
TEAM = {"leader": {"model": "one", "engine": "hf"}, "peers": [{"model": "one", "engine": "hf", "count": 2}]}
FEW: dict[str, Any] = {"team": TEAM, "protocols": ["solo", "leader"], "rounds": [1]}


class Late:
    """Opens, for every model, a scripted engine that starts when it is asked, and notes when that is."""

    def __init__(self, answer: Callable[..., str], context: int = 10_000) -> None:
        self.engine = ScriptedEngine(answer, context=context)
        self.starts = 0

    async def __call__(self, specs: Iterable[ModelSpec], **_: object) -> dict[ModelSpec, Engine]:
        asked = list(specs)

        async def start() -> dict[ModelSpec, Engine]:
            self.starts += 1
            return dict.fromkeys(asked, self.engine)

        return dict.fromkeys(asked, LateEngine(asked[0], self.engine.facts, LateStart(start)))


@pytest.fixture
def answer(own_text: Callable[[str], Callable[..., str]]) -> Callable[..., str]:
    return own_text("(A) (B) yes no")


def test_a_run_whose_answers_are_known_starts_nothing(carry: Runs, answer: Any, contents: Any) -> None:
    first, again = Late(answer), Late(answer)
    one = carry("one", open_engines=first, store="kept", **FEW)
    other = carry("other", open_engines=again, store="kept", **FEW)
    assert LoadedRun(other).manifest["sessions"][0]["completions"]["made"] == 0
    assert (first.starts, again.starts) == (1, 0)
    assert LoadedRun(other).manifest["sessions"][0]["completions"]["made"] == 0
    assert LoadedRun(other).manifest["models"] == LoadedRun(one).manifest["models"]
    before, after = contents(one.path), contents(other.path)
    assert {name: after[name] for name in before if name.startswith("transcripts")} == {
        name: content for name, content in before.items() if name.startswith("transcripts")
    }


def test_a_run_that_lacks_answers_starts_once_and_asks_those_alone(carry: Runs, answer: Any, completions: Any) -> None:
    carry("one", open_engines=Late(answer), store="kept", **FEW | {"protocols": ["solo"]})
    kept = completions(carry.folder / "kept.sqlite")
    engines = Late(answer)
    other = carry("other", open_engines=engines, store="kept", **FEW)
    made = LoadedRun(other).manifest["sessions"][0]["completions"]["made"]
    assert engines.starts == 1
    assert made == completions(carry.folder / "kept.sqlite") - kept > 0


def test_what_does_not_fit_is_said_before_anything_is_asked(carry: Runs, answer: Any) -> None:
    asked: list[object] = []

    def answers(*given: Any) -> str:
        asked.append(given)
        return str(answer(*given))

    with pytest.raises(UsageError, match=r"may need \d+ tokens, but scripted holds 40"):
        carry("one", open_engines=Late(answers, context=40), **FEW)
    assert not asked


def test_a_model_that_cannot_be_started_ends_the_run_with_its_sentence(carry: Runs, answer: Any) -> None:
    class Broken(Late):
        async def __call__(self, specs: Iterable[ModelSpec], **_: object) -> dict[ModelSpec, Engine]:
            async def start() -> dict[ModelSpec, Engine]:
                raise UsageError("vLLM cannot serve one: no room.")

            spec = next(iter(specs))
            return {spec: LateEngine(spec, self.engine.facts, LateStart(start))}

    with pytest.raises(UsageError, match="cannot serve one: no room"):
        carry("one", open_engines=Broken(answer), **FEW)
    run = carry("one", open_engines=Late(answer), **FEW)
    assert not run.left()
