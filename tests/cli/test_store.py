"""`mlpo-bench store`: completions travel by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.cli import app
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.completions import read_completions
from mlpo_bench.store import Store


Cli = Any
MADE = {bytes([n]) * 32: Completion(f"text {n} \u2713", Usage(n, 1, 2), "stop", 0.5) for n in range(5)}


def filled(path: Path, made: dict[bytes, Completion]) -> Path:
    with Store(path) as store:
        for request, completion in made.items():
            store.put(request, completion)
    return path


def count(path: Path) -> int:
    with Store(path) as store:
        return len(store)


def test_completions_come_to_another_store_as_they_were(tmp_path: Path) -> None:
    here, there = filled(tmp_path / "here.sqlite", MADE), tmp_path / "there.sqlite"
    file = tmp_path / "new folder" / "completions.jsonl.zst"
    told = CliRunner().invoke(app, ["store", "export", str(file), "--store", str(here)], catch_exceptions=False)
    assert "5 completions" in told.output
    told = CliRunner().invoke(app, ["store", "import", str(file), "--store", str(there)], catch_exceptions=False)
    assert "5 completions are new" in told.output
    with Store(there) as store:
        assert dict(store.items()) == MADE


def test_an_export_beyond_others_holds_what_they_lack(tmp_path: Path) -> None:
    store, first, second = (tmp_path / name for name in ("store.sqlite", "first.zst", "second.zst"))
    filled(store, dict(list(MADE.items())[:2]))
    CliRunner().invoke(app, ["store", "export", str(first), "--store", str(store)], catch_exceptions=False)
    filled(store, MADE)
    words = ["store", "export", str(second), "--store", str(store), "--beyond", str(first)]
    told = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "3 completions" in told.output
    assert {one.request for one in read_completions(second)} == set(list(MADE)[2:])


def test_what_a_store_holds_stays_as_it_is(tmp_path: Path) -> None:
    first = next(iter(MADE))
    other = Completion("another", Usage(1, 1, 1), "length", 1.0)
    here, there = filled(tmp_path / "here.sqlite", MADE), filled(tmp_path / "there.sqlite", {first: other})
    file = tmp_path / "completions.jsonl.zst"
    CliRunner().invoke(app, ["store", "export", str(file), "--store", str(here)], catch_exceptions=False)
    told = CliRunner().invoke(app, ["store", "import", str(file), "--store", str(there)], catch_exceptions=False)
    assert "4 completions are new" in told.output
    with Store(there) as store:
        assert store.get(first) == other


def test_a_store_that_is_not_there_and_a_file_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no store"):
        CliRunner().invoke(
            app, ["store", "export", str(tmp_path / "x"), "--store", str(tmp_path / "none")], catch_exceptions=False
        )
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="nonsense"):
        CliRunner().invoke(app, ["store", "import", str(nonsense)], catch_exceptions=False)


def test_a_store_that_was_lost_is_rebuilt_from_runs(mlpo_bench: Cli, made_up: Path, team_file: Path) -> None:
    options = ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "4", "-q")
    assert mlpo_bench(*options, "--store", "first.sqlite", "--name", "first").code == 0
    kept = count(Path("first.sqlite"))
    said = mlpo_bench("store", "rebuild", "first", "--store", "second.sqlite")
    assert (said.code, said.out.strip()) == (0, f"{kept} completions of runs/first are new in second.sqlite.")
    for path in Path("runs/first/transcripts").iterdir():
        path.write_bytes(path.read_bytes()[:-50])  # what is damaged is left out
    assert mlpo_bench("store", "rebuild", "first", "--store", "third.sqlite").code == 0
    assert count(Path("third.sqlite")) == 0
    assert mlpo_bench(*options, "--store", "second.sqlite", "--name", "second").code == 0
    assert LoadedRun.open("second").manifest["sessions"][0]["completions"]["made"] == 0


def test_a_store_is_taken_into_another(mlpo_bench: Cli, made_up: Path, team_file: Path) -> None:
    options = ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "4", "-q")
    assert mlpo_bench(*options, "--store", "first.sqlite", "--name", "first").code == 0
    said = mlpo_bench("store", "import", "first.sqlite", "--store", "second.sqlite")
    assert said.code == 0
    assert count(Path("second.sqlite")) == count(Path("first.sqlite")) > 0
