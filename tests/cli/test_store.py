"""`mlpo-bench store`: completions travel by themselves."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import zstandard
from typer.testing import CliRunner

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.cli import app
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.completions import read_completions
from mlpo_bench.store import KEY_BYTES, Maker, Store


Cli = Any
KEY = "aa" * KEY_BYTES
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
    RunDirectory.open("first").unused_path.unlink(missing_ok=True)  # by chance it has ballots beyond a vote, or none
    damaged = list(Path("runs/first/transcripts").iterdir())
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-50])  # what is damaged is left out
    said = mlpo_bench("store", "rebuild", "first", "--store", "third.sqlite")
    assert (said.code, count(Path("third.sqlite"))) == (1, 0)
    assert said.err.count("mlpo-bench: left out: runs/first/transcripts/") == len(damaged)
    assert "is not what was written: it was cut short or changed; `mlpo-bench run --config" in said.err
    said = mlpo_bench("store", "export", "part.zst", "--store", "first.sqlite", "--run", "first")
    assert (said.code, said.out) == (1, "0 completions in part.zst (0.0 MiB).\n")
    assert "left out: runs/first/transcripts/" in said.err
    assert mlpo_bench(*options, "--store", "second.sqlite", "--name", "second").code == 0
    assert LoadedRun.open("second").manifest["sessions"][0]["completions"]["made"] == 0


@pytest.mark.parametrize(("words", "beyond"), [(32, True), (33, False)])
def test_ballots_drawn_beyond_a_matched_vote_are_kept_with_the_run(
    words: int, beyond: bool, mlpo_bench: Cli, made_up: Path
) -> None:
    """How many a vote lacks is reckoned from those before: with answers this long one too many is drawn, or none."""
    Path("script.yaml").write_text(
        f"- when: You lead a group\n  say: <answer>(A)</answer>\n- say: ['No.', {'word ' * words!r}]\n"
    )
    Path("team.yaml").write_text(
        "leader: {model: script.yaml, engine: scripted}\npeers: [{model: script.yaml, engine: scripted, count: 3}]\n"
    )
    options = ("run", "--suite", "bbh", "--data", made_up, "--team", "team.yaml", "--limit", "4", "-q")
    assert mlpo_bench(*options, "--store", "first.sqlite", "--name", "first").code == 0
    assert RunDirectory.open("first").unused_path.exists() is beyond
    assert mlpo_bench("store", "rebuild", "first", "--store", "second.sqlite").code == 0
    with Store(Path("first.sqlite")) as first, Store(Path("second.sqlite")) as second:
        assert dict(second.items()) == dict(first.items())
        assert None not in second.contents().by_maker
    assert mlpo_bench(*options, "--store", "second.sqlite", "--name", "second").code == 0
    assert LoadedRun.open("second").manifest["sessions"][0]["completions"]["made"] == 0


def test_a_store_is_taken_into_another(mlpo_bench: Cli, made_up: Path, team_file: Path) -> None:
    options = ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "4", "-q")
    assert mlpo_bench(*options, "--store", "first.sqlite", "--name", "first").code == 0
    said = mlpo_bench("store", "import", "first.sqlite", "--store", "second.sqlite")
    assert said.code == 0
    assert count(Path("second.sqlite")) == count(Path("first.sqlite")) > 0


ONE, OTHER = Maker("org/one", "vllm", "sha256:0123456789abcdef"), Maker("two", "hf", "fedcba98")
YEAR_S = 365 * 86_400


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A store with three completions of one model, of which one is three years old, and two of another."""
    path = tmp_path / "mixed.sqlite"
    with Store(path) as store:
        for number, (request, made) in enumerate(MADE.items()):
            asked_at = round(time.time()) - (0 if number else 3 * YEAR_S)
            store.put(request, replace(made, asked_at=asked_at), ONE if number < 3 else OTHER)
    return path


def test_a_store_is_shown_by_model_and_age(mlpo_bench: Cli, mixed: Path) -> None:
    said = mlpo_bench("store", "show", "--store", mixed)
    assert said.code == 0
    assert "5 completions" in said.out
    lines = {line.split()[1]: line for line in said.out.splitlines() if line.startswith("\u2502")}
    assert {"vllm", "0123456789ab", "3"} < set(lines["org/one"].split())
    assert {"hf", "fedcba98", "2"} < set(lines["two"].split())
    assert {"4"} < set(lines["a"].split())
    assert {"1"} < set(lines["longer"].split())
    told = orjson.loads(mlpo_bench("store", "show", "--store", mixed, "--json").out)
    assert [(one["model"]["name"], one["completions"]) for one in told["by_maker"]] == [("org/one", 3), ("two", 2)]
    assert told["by_age"]["longer"]["completions"] == 1


def test_the_store_of_the_cache_folder_is_shown_without_a_further_word(mlpo_bench: Cli, tmp_path: Path) -> None:
    said = mlpo_bench("store")
    assert (said.code, said.out) == (2, "")
    assert "there is no store" in said.err
    filled(tmp_path / "cache" / "mlpo-bench" / "completions.sqlite", MADE)
    said = mlpo_bench("store")
    assert said.code == 0
    assert "5 completions" in said.out
    assert "store rebuild RUN" in said.out


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--model", "org/one"], 2),
        (["--model", "fedcba"], 3),
        (["--model", "two", "--model", "org/one"], 0),
        (["--older-than", "2y"], 4),
        (["--older-than", "2020-01-01"], 5),
        (["--older-than", "2y", "--model", "two"], 5),
    ],
)
def test_a_part_is_pruned(mlpo_bench: Cli, mixed: Path, options: list[str], left: int) -> None:
    said = mlpo_bench("store", "prune", "--store", mixed, "--yes", *options)
    assert said.code == 0
    assert (f"holds {left}" in said.out) if left < 5 else said.out.startswith("Nothing")
    assert count(mixed) == left


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "name what is to be deleted"),
        (["--model", "org/one"], "3 completions .* would be deleted; with --yes they are"),
        (["--model", "org/on"], "no model is called 'org/on'.*did you mean 'org/one'"),
        (["--older-than", "soon"], "--older-than takes an age .* not 'soon'"),
        (["--run", "mine"], "mine"),
    ],
)
def test_nothing_is_pruned_that_was_not_meant(mlpo_bench: Cli, mixed: Path, options: list[str], why: str) -> None:
    said = mlpo_bench("store", "prune", "--store", mixed, *options)
    assert said.code == 2
    assert re.search(why, said.err, re.IGNORECASE)
    assert count(mixed) == 5


@pytest.mark.parametrize(("answer", "left"), [("y\n", 2), ("n\n", 5)])
def test_a_person_is_asked_first(mixed: Path, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    monkeypatch.setattr("mlpo_bench.cli.store.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    words = ["store", "prune", "--store", str(mixed), "--model", "org/one"]
    said = CliRunner().invoke(app, words, input=answer)
    assert "Delete 3 completions" in said.output
    assert count(mixed) == left


def test_parts_keep_their_models_and_ages_on_the_way(mlpo_bench: Cli, mixed: Path) -> None:
    said = mlpo_bench("store", "export", "part.zst", "--store", mixed, "--model", "org/one")
    assert said.out.startswith("3 completions")
    assert mlpo_bench("store", "import", "part.zst", "--store", "there.sqlite").code == 0
    with Store(mixed) as here, Store(Path("there.sqlite")) as there:
        expected = [one for one in here.part() if one[2] == ONE]
        arrived = list(there.part())
    assert arrived == expected
    assert [made.asked_at for _, made, _ in arrived] == [made.asked_at for _, made, _ in expected]
    assert mlpo_bench("store", "import", mixed, "--store", "there.sqlite").code == 0
    with Store(Path("there.sqlite")) as there:
        assert there.contents().by_maker[OTHER].completions == 2


def test_what_a_run_was_answered_is_passed_on_and_deleted(mlpo_bench: Cli, made_up: Path, team_file: Path) -> None:
    options = ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "-q", "--store", "store.sqlite")
    assert mlpo_bench(*options, "--limit", "4", "--name", "four").code == 0
    of_four = count(Path("store.sqlite"))
    assert mlpo_bench(*options, "--limit", "8", "--name", "eight").code == 0
    of_eight = count(Path("store.sqlite"))
    with Store(Path("store.sqlite")) as store:
        assert {by and by.engine for by in store.contents().by_maker} == {"scripted"}
    said = mlpo_bench("store", "export", "four.zst", "--store", "store.sqlite", "--run", "four")
    assert said.out.startswith(f"{of_four} completions")
    said = mlpo_bench("store", "prune", "--store", "store.sqlite", "--run", "four", "--yes")
    assert f"holds {of_eight - of_four}." in said.out
    assert mlpo_bench("store", "import", "four.zst", "--store", "store.sqlite").code == 0
    assert mlpo_bench(*options, "--limit", "8", "--name", "again").code == 0
    assert LoadedRun.open("again").manifest["sessions"][0]["completions"]["made"] == 0


def test_a_rebuilt_store_tells_who_wrote_what(mlpo_bench: Cli, made_up: Path, team_file: Path) -> None:
    options = ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "4", "-q")
    assert mlpo_bench(*options, "--store", "first.sqlite", "--name", "first").code == 0
    assert mlpo_bench("store", "rebuild", "first", "--store", "second.sqlite").code == 0
    with Store(Path("first.sqlite")) as first, Store(Path("second.sqlite")) as second:
        assert list(second.part()) == list(first.part())
        assert second.contents().by_maker.keys() == first.contents().by_maker.keys() != {None}


@pytest.mark.parametrize(
    "line",
    [
        [KEY, 5, 1, 0, 1, "stop", 0.1],
        [KEY, "t", "1", 0, 1, "stop", 0.1],
        [KEY, "t", 1, 0, 2**40, "stop", 0.1],
        [KEY, "t", -1, 0, 1, "stop", 0.1],
        [KEY, "t", 1, 0, 1, "soon", 0.1],
        [KEY, "t", 1, 0, 1, "stop", None],
        [KEY, "t", 1, 0, 1, "stop", 0.1, {"asked_at": "today"}],
        [KEY, "t", 1, 0, 1, "stop", 0.1, {"asked_at": 1e300}],
        [KEY, "t", 1, 0, 1, "stop", 0.1, 10**9],
        [KEY, "t", 1, 0, 1, "stop", 0.1, -1],
        [KEY, "t", 1, 0, 1, "stop", 0.1, "layer"],
        [KEY, "t", 1, 0, 1, "stop", 0.1, {"by": -1}],
        [KEY, "t", 1, 0, 1, "stop", 0.1, {"by": True}],
        [KEY, "t", 1, 0, 1, "stop", 0.1, {"by": 2}],
        ["aa", "t", 1, 0, 1, "stop", 0.1],
        ["no hex", "t", 1, 0, 1, "stop", 0.1],
        {"aa": "t"},
        None,
    ],
)
def test_what_is_no_completion_is_not_taken_in(mlpo_bench: Cli, tmp_path: Path, line: object) -> None:
    file = tmp_path / "given.zst"
    header = {"store": 1, "makers": [["one", "hf", "1"], ["two", "hf", "2"]]}
    file.write_bytes(zstandard.compress(b"".join(orjson.dumps(each) + b"\n" for each in (header, line))))
    said = mlpo_bench("store", "import", file, "--store", "store.sqlite")
    assert (said.code, said.out) == (2, "")
    assert f"{file}, line 2, is no completion." in said.err
    assert count(tmp_path / "store.sqlite") == 0


def test_what_stands_before_a_damaged_line_is_taken_and_counted(mlpo_bench: Cli, tmp_path: Path) -> None:
    file = tmp_path / "given.zst"
    lines = ({"store": 1}, [KEY, "t", 1, 0, 1, "stop", 0.1], ["bb" * KEY_BYTES, "t", 1, 0, 1, "stop", 0.1], "garbage")
    file.write_bytes(zstandard.compress(b"".join(orjson.dumps(each) + b"\n" for each in lines)))
    said = mlpo_bench("store", "import", file, "--store", "store.sqlite")
    assert (said.code, said.out) == (2, "")
    assert "line 4, is no completion. What stands before it was taken: 2 completions are new." in said.err
    assert count(tmp_path / "store.sqlite") == 2


def test_a_pipe_is_no_file_of_completions(mlpo_bench: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    said = mlpo_bench("store", "import", "pipe", "--store", "store.sqlite")
    assert said.code == 2
    assert "pipe cannot be read: it is a pipe, not a file." in said.err


def damaged(path: Path) -> bytes:
    """Make a store of 2,000 completions, and write over a third of it; return what it is then."""
    filled(
        path, {n.to_bytes(32, "big"): Completion(f"text {n} " * 20, Usage(1, 1, 2), "stop", 0.5) for n in range(2_000)}
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : 2 * len(content) // 3] = b"\xff" * (2 * len(content) // 3 - len(content) // 3)
    path.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        ["show", "--store", "bad.sqlite"],
        ["show", "--json", "--store", "bad.sqlite"],
        ["export", "all.zst", "--store", "bad.sqlite"],
        ["prune", "--older-than", "1d", "--yes", "--store", "bad.sqlite"],
        ["import", "bad.sqlite", "--store", "good.sqlite"],
    ],
)
def test_a_damaged_store_is_told_and_left_as_it_is(
    mlpo_bench: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], large: bool
) -> None:
    bad = tmp_path / "bad.sqlite"
    before = damaged(bad)
    if large:  # as one that is not read through as it is opened
        monkeypatch.setattr("mlpo_bench.store.database._CHECKED_WHOLE", 0)
    said = mlpo_bench("store", *words)
    assert (said.code, said.out) == (2, "")
    assert "bad.sqlite is damaged (" in said.err
    assert "is left as it is. `mlpo-bench run` sets it aside and goes on with a new one; or move it away" in said.err
    assert bad.read_bytes() == before
    assert not list(tmp_path.glob("*.damaged-*"))
    assert not (tmp_path / "all.zst").exists()


def test_nothing_is_imported_into_a_damaged_store(mlpo_bench: Cli, tmp_path: Path) -> None:
    filled(tmp_path / "good.sqlite", MADE)
    before = damaged(tmp_path / "bad.sqlite")
    said = mlpo_bench("store", "import", "good.sqlite", "--store", "bad.sqlite")
    assert (said.code, said.out) == (2, "")
    assert "bad.sqlite is damaged (" in said.err
    assert (tmp_path / "bad.sqlite").read_bytes() == before
