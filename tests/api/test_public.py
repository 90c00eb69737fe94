"""What is public, that it is light, and that what is said of it is so."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fixtures.documents import DOCS, blocks  # type: ignore[import-not-found]

import mlpo_bench as mb
from mlpo_bench import testing


PAGE = DOCS / "python.md"
PUBLIC = {
    "Completion", "ContextOverflow", "Critique", "Debate", "Depth", "Draws", "Engine", "EngineError", "EngineKind",
    "Extend", "Leader", "Member", "Message", "Mixture", "ModelFacts", "ModelSpec", "OpenOptions", "Oracle", "Pick",
    "Protocol", "Question", "Recursive", "Refine", "Room", "Run", "RunConfig", "RunObserver", "Sampling", "Seat",
    "Select", "SelfMixture", "Silent", "Solo", "Store", "Suite", "Team", "Think", "Transcript", "Turn", "Usage",
    "UsageError", "Verdict", "Vote", "Weighted", "arun", "load_run", "majority", "read_team", "run", "shuffler",
}  # fmt: skip
"""All public names: whoever changes one changes what others' code stands on."""


def test_these_names_are_public_and_no_others() -> None:
    assert set(mb.__all__) == PUBLIC == set(mb._HOMES)
    assert list(mb.__all__) == sorted(mb.__all__)
    assert set(dir(mb)) >= PUBLIC
    for name in PUBLIC:
        assert inspect.getdoc(getattr(mb, name)), f"{name} tells nothing of itself"
    assert set(testing.__all__) == {"Answering", "ScriptedEngine", "hold", "memory_store"}


def test_every_protocol_that_comes_along_is_public() -> None:
    from mlpo_bench.protocols import PROTOCOLS

    ours = {kind.__name__ for kind in PROTOCOLS.values() if kind.__module__.startswith("mlpo_bench.")}
    assert ours <= PUBLIC


def test_a_name_that_is_not_there_is_told() -> None:
    with pytest.raises(AttributeError, match="'mlpo_bench' has no attribute 'Leder'"):
        importlib.import_module("mlpo_bench").Leder  # noqa: B018


def test_importing_it_is_light() -> None:
    code = "import sys; before = set(sys.modules); import mlpo_bench; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [name for name in loaded if name.startswith("mlpo_bench")] == ["mlpo_bench"]
    heavy = {"torch", "lm_eval", "pandas", "pydantic", "numpy", "pyarrow", "transformers"}
    assert not heavy & {name.split(".")[0] for name in loaded}
    assert len(loaded) < 60


def test_protocols_load_neither_torch_nor_lm_eval_nor_pandas() -> None:
    code = "import sys, mlpo_bench; mlpo_bench.Leader; print({'torch', 'lm_eval', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def documented() -> list[doctest.DocTest]:
    """All examples in what public things say of themselves."""
    finder = doctest.DocTestFinder(recurse=False)
    things: list[tuple[str, Any]] = [(name, getattr(mb, name)) for name in mb.__all__]
    things += [(name, getattr(testing, name)) for name in testing.__all__]
    homes = {"mlpo_bench": mb, "mlpo_bench.testing": testing}
    shared = dict(things)
    found = [one for name, module in homes.items() for one in finder.find(module, name, globs=dict(shared))]
    found += [one for name, thing in things for one in finder.find(thing, name, module=False, globs=dict(shared))]
    return [one for one in found if one.examples]


def test_examples_in_docstrings_run(folder: Path) -> None:
    assert folder == Path.cwd()
    tests = {one.name: one for one in documented()}
    assert {"mlpo_bench", "run", "Run", "load_run", "Answering", "hold", "memory_store"} <= set(tests)
    first = ["mlpo_bench", "run"]  # they make the run that others read
    said: list[str] = []
    for name in [*first, *sorted(set(tests) - set(first))]:
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        runner.run(tests[name], out=said.append)
    assert "".join(said) == ""


def test_every_block_of_the_page_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = ModuleType("notebook")  # as a notebook's own module
    sys.modules["notebook"] = module
    try:
        for number, block in enumerate(blocks(PAGE, "python")):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), vars(module))
    finally:
        del sys.modules["notebook"]
    out = capsys.readouterr().out
    assert out.count("the vote at its tokens (") == 2  # it prints the verdict twice
    assert "bbh, solo: " in out
    assert "did you mean 'bbh'?" in out
    assert (folder / "runs" / "first" / "results.json").exists()


def test_every_column_is_documented_and_no_other() -> None:
    from mlpo_bench.api import frames

    tables = PAGE.read_text(encoding="utf-8").split("\n\n")
    rows = [table for table in tables if table.startswith("| column")]
    told = [[name for line in t.splitlines()[2:] for name in re.findall("`(.*?)`", line.split("|")[1])] for t in rows]
    expected = (
        frames.RESULTS, frames.RECORDS, frames.TURN, frames.INTERVENTIONS, frames.VERDICT, frames.COMPARISON,
    )  # fmt: skip
    assert [sorted(names) for names in told] == [sorted(names) for names in expected]


def test_time_is_not_spent_on_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was used once is there from then on."""
    assert mb.Leader is mb.Leader
    monkeypatch.setattr(mb, "import_module", None)
    assert mb.Leader(rounds=2).rounds == 2
