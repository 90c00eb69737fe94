"""Published rows judged anew: from the completions beside them, to what their run comes to, nothing left unsaid."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from typer.testing import CliRunner

from mlpo_bench import answers
from mlpo_bench.analysis.matches import verdicts
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.cli.leaderboard import app
from mlpo_bench.errors import UsageError
from mlpo_bench.leaderboard.entry import read_entry
from mlpo_bench.leaderboard.verdicts import judge
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.completions import read_completions, read_header
from mlpo_bench.log.seals import sealed


Cli = Any
SCRIPT = """
- when: "You lead a group"
  say: ["I weigh it. <answer>(A)</answer>", "Hm. <answer>(B)</answer>", "<answer>perhaps</answer>"]
- when: "Your last attempt"
  say: ["I stay. The answer is (A).", "I was wrong. The answer is (B)."]
- say: ["The answer is (A).", "I think that the answer is (B).", "The answer is (B).", "Surely (A)."]
"""
TEAM = """
leader: {model: script.yaml, engine: scripted}
peers: [{model: script.yaml, engine: scripted, persona: You doubt.}, {model: script.yaml, engine: scripted}]
"""
MATRIX = """
suites: [bbh]
subjects: [snarks, ruin_names, hyperbaton, movie_recommendation]
seeds: 2
team: team.yaml
peers: 2
calibration: 12
protocols: [solo, leader: {rounds: 2}, vote: {samples: [3, tokens]}, weighted: {samples: 3}, oracle]
"""
EARLY = MATRIX.replace("solo, leader: {rounds: 2}", "solo, leader: {rounds: 2, early_stop: true}")
FOLDER = Path("leaderboards")


def told(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(FOLDER.rglob("*")) if path.is_file()}


def entries(folder: Path = FOLDER) -> dict[str, Any]:
    return {entry.label: entry for entry in map(read_entry, sorted((folder / "entries").iterdir()))}


def committed(run: Path) -> None:
    """Let a run be of a clean commit."""
    manifest = json.loads((run / "manifest.json").read_text())
    clean = {"commit": "c" * 40, "dirty": False}
    noted = [one | {"git": clean} for one in manifest.get("rescored", [])]
    told = manifest | {"git": clean} | ({"rescored": noted} if noted else {})
    (run / "manifest.json").write_text(json.dumps(sealed(told)))


@pytest.fixture
def run(mlpo_bench: Cli, made_up: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run; the questions are where the environment says."""
    Path("script.yaml").write_text(SCRIPT)
    Path("team.yaml").write_text(TEAM)
    Path("matrix.yaml").write_text(MATRIX)
    assert mlpo_bench("run", "--matrix", "matrix.yaml", "--data", made_up, "--name", "mine", "-q").code == 0
    monkeypatch.setenv("MLPO_BENCH_DATA", str(made_up))
    committed(Path("runs/mine"))
    return Path("runs/mine")


@pytest.fixture
def deafen(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on have a reader that cannot make out those who are sure, and takes doubt for (A)."""
    read = answers.read

    def otherwise(name: str, text: str, **more: Any) -> str | None:
        if "perhaps" in text:
            return "A"
        return None if "Surely" in text or "I think" in text else read(name, text, **more)

    return lambda: monkeypatch.setattr(answers, "read", otherwise)


def test_completions_are_kept_beside_the_entries_and_nothing_of_the_benchmark(run: Path, made_up: Path) -> None:
    told("add", run)
    assert told("check") == "leaderboards: 7 entries, and tables that match.\n"
    (path,) = (FOLDER / "completions").iterdir()
    assert {entry.completions.file for entry in entries().values()} == {f"completions/{path.name}"}
    assert {entry.completions.sha256 for entry in entries().values()} == {hashlib.sha256(path.read_bytes()).hexdigest()}
    text = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().decode()
    for word in ("Made up for", "is 1 even", str(made_up), "prices"):
        assert word not in text.replace('"prices":{}', "")
    assert read_header(path)["config"]["data"] is None
    kept = list(read_completions(path))
    assert len({one.request for one in kept}) == len(kept) > 100
    assert {one.made.text for one in kept} >= {"The answer is (A).", "Hm. <answer>(B)</answer>"}
    before = files()
    told("add", run)
    assert files() == before


def test_the_board_judges_as_the_run_does_and_earlier_votes_are_counted_again(run: Path) -> None:
    told("add", run)
    loaded = LoadedRun.open(run)
    of_run, (of_board,) = verdicts(loaded, read_rows(loaded)), judge(list(entries().values()))
    assert of_board.between == 0
    assert [one.to_json() for one in of_board.verdicts.led] == [
        pytest.approx(one.to_json(), abs=1e-5) for one in of_run.led
    ]
    counted = {name: entry.suites["bbh"].ballots for name, entry in entries().items()}
    assert {name for name, ballots in counted.items() if ballots} == {
        "solo",
        "solo, peer 1 (script.yaml (You doubt.))",
        "vote of 3",
        "vote at the tokens of leader, 2 rounds, 2 peers",
    }
    for path in (FOLDER / "entries").iterdir():
        entry = read_entry(path)
        suites = {suite: row.model_copy(update={"ballots": None}) for suite, row in entry.suites.items()}
        path.write_bytes(entry.model_copy(update={"suites": suites}).signed().to_json())
    told("build")
    without = sum(ballots is not None for ballots in counted.values())
    assert f"{without} votes were added before ballots were counted; `mlpo-bench leaderboard rescore`" in told("check")
    told("check", "--run", run)
    told("rescore", "--quiet")
    assert {name: entry.suites["bbh"].ballots for name, entry in entries().items()} == counted
    assert "before ballots were counted" not in told("check", "--run", run)


def test_with_the_same_readers_nothing_moves_and_nothing_is_written(run: Path) -> None:
    told("add", run)
    before = files()
    said = told("rescore")
    assert "None of 112 verdicts changed." in said
    assert "7 rows judged anew; 7 of 7 figures did not move." in said
    assert files() == before


def test_rows_come_to_what_their_run_comes_to(mlpo_bench: Cli, run: Path, deafen: Callable[[], None]) -> None:
    told("add", run)
    before = entries()
    deafen()
    told("rescore", "--dry-run")
    assert entries() == before
    said = told("rescore", "--quiet")
    assert mlpo_bench("rescore", "mine", "-q").code == 0
    committed(run)
    told("add", run, "--folder", "anew")
    after, anew = entries(), entries(Path("anew"))
    assert {name: entry.suites for name, entry in after.items()} == {name: e.suites for name, e in anew.items()}
    assert after["solo"].suites != before["solo"].suites
    flips = 0
    for name, entry in after.items():
        was, now = (e.suites["bbh"].accuracy.value for e in (before[name], entry))
        assert (f"{was:.3f} -> {now:.3f}" in said) or was == now
        pairs = zip(before[name].suites["bbh"].answers, entry.suites["bbh"].answers, strict=True)
        flips += sum(a != b for old, new in pairs for a, b in zip(old.right, new.right, strict=True))
        assert len(entry.rescored) == (entry.suites != before[name].suites)
        assert entry.sha256 == entry.content_sha256
    assert f"{flips} of 112 verdicts changed" in said
    assert flips > 0
    told("check")
    told("check", "--run", run)
    assert len(anew["solo"].rescored) == 1


def test_rows_that_other_readers_read_are_told_until_all_are_judged_alike(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("add", run)
    (path, *_) = (FOLDER / "entries").iterdir()
    path.write_bytes(read_entry(path).model_copy(update={"readers": None}).signed().to_json())
    told("build")
    said = "Answers were read by 2 different readers (6 rows, 1 row; \\`readers\\` in their files)"
    assert said in (FOLDER / "README.md").read_text()
    monkeypatch.setattr("mlpo_bench.harness.readers.identity", lambda: "of another day")
    told("rescore")
    assert {entry.readers for entry in entries().values()} == {"of another day"}
    assert {len(entry.rescored) for entry in entries().values()} == {1}
    assert "different readers" not in (FOLDER / "README.md").read_text()
    told("check")


def test_rows_that_would_go_on_otherwise_stay_and_are_named(
    mlpo_bench: Cli, run: Path, made_up: Path, deafen: Callable[[], None]
) -> None:
    Path("early.yaml").write_text(EARLY)
    assert mlpo_bench("run", "--matrix", "early.yaml", "--data", made_up, "--name", "early", "-q").code == 0
    committed(run.parent / "early")
    told("add", run.parent / "early")
    before = entries()
    deafen()
    said = " ".join(told("rescore", "-q", code=1).split())
    stayed = {name for name, entry in entries().items() if entry == before[name]}
    assert {"leader, 2 rounds, early stop, 2 peers"} < stayed
    assert all("early stop" in name for name in stayed)
    assert "2 rows would now rest on what was never asked or not kept, and stay as before until they are run" in said
    assert re.search(r"leader, 2 rounds, early stop, 2 peers, \S+ \(", said)
    told("check")


def test_rows_that_were_added_before_completions_were_kept_are_passed_over(run: Path) -> None:
    told("add", run)
    for path in (FOLDER / "entries").iterdir():
        entry = read_entry(path)
        if entry.label != "solo":
            path.write_bytes(entry.model_copy(update={"completions": None}).signed().to_json())
    told("check")
    said = " ".join(told("rescore").split())
    assert "None of 16 verdicts changed." in said
    assert "No completions were kept of 6 rows: only running and adding them again judges them anew." in said
    for path in (FOLDER / "completions").iterdir():
        path.unlink()
    (solo,) = (path for path in (FOLDER / "entries").iterdir() if read_entry(path).label == "solo")
    solo.write_bytes(read_entry(solo).model_copy(update={"completions": None}).signed().to_json())
    told("check")
    assert "No completions were kept of 7 rows" in " ".join(told("rescore").split())


def test_rows_of_one_run_share_a_file_however_they_are_added(run: Path) -> None:
    told("add", run, "--only", "bbh.solo")
    (path,) = (FOLDER / "completions").iterdir()
    first = path.read_bytes()
    told("add", run, "--only", "weighted,tokens")
    assert [path] == list((FOLDER / "completions").iterdir())
    assert len(path.read_bytes()) > len(first)
    told("check")
    assert "4 rows judged anew" in told("rescore")
    told("add", run, "--folder", "at-once", "--only", "bbh.solo,weighted,tokens")
    assert path.read_bytes() == (Path("at-once") / "completions" / path.name).read_bytes()


def test_a_file_that_is_not_the_one_is_noticed(run: Path) -> None:
    told("add", run)
    (path,) = (FOLDER / "completions").iterdir()
    kept = path.read_bytes()
    path.write_bytes(zstandard.compress(zstandard.ZstdDecompressor().decompressobj().decompress(kept)[:-9] + b"\n"))
    assert "was changed after its rows were added: its sha256 is" in told("check", code=1)
    with pytest.raises(UsageError, match="is not the file that its rows were added with"):
        told("rescore")
    path.rename(path.with_name("other.zst"))
    assert told("check", code=1).splitlines() == [
        f"completions/{path.name} is not there, so the rows that name it cannot be judged anew.",
        "completions/other.zst belongs to no entry; add its run anew, or delete the file.",
    ]
    with pytest.raises(UsageError, match="is not there; the rows that came of it cannot be judged anew"):
        told("rescore")
    for content, message in (
        (kept[:100], "cannot be read|is damaged after its line|has no line that can be read"),
        (zstandard.compress(b"[1]\n"), "is no file of completions"),
        (zstandard.compress(b"{}\n"), "does not tell of which run it is"),
    ):
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        for each in (FOLDER / "entries").iterdir():
            entry = read_entry(each)
            completions = entry.completions.model_copy(update={"sha256": digest})  # type: ignore[union-attr]
            each.write_bytes(entry.keeping(completions).to_json())
        with pytest.raises(UsageError, match=message):
            told("rescore")
        assert any(word in told("check", code=1) for word in message.split("|"))


def test_other_questions_than_those_that_were_answered_are_refused(run: Path, made_up: Path, tmp_path: Path) -> None:
    told("add", run)
    other = tmp_path / "other"
    shutil.copytree(made_up, other)
    subject = other / "bbh" / "snarks.json"
    subject.write_text(subject.read_text().replace("snarks, number 3", "sharks, number 3"))
    with pytest.raises(UsageError, match=r"was asked bbh of revision sha256:.* Name the folder of the other with"):
        told("rescore", "--data", other)


def test_code_in_no_commit_that_judged_a_run_anew_is_refused(
    mlpo_bench: Cli, run: Path, deafen: Callable[[], None]
) -> None:
    deafen()
    assert mlpo_bench("rescore", "mine", "-q").code == 0
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["rescored"][0]["git"] = {"commit": "d" * 40, "dirty": True}
    (run / "manifest.json").write_text(json.dumps(sealed(manifest)))
    with pytest.raises(UsageError, match=r"in no commit \(after dddddddd\)"):
        told("add", run)
    told("add", run, "--anyway")
    assert [one.git for one in entries()["solo"].rescored] == [{"commit": "d" * 40, "dirty": True}]


def test_where_it_cannot_be_told_who_answered_nothing_is_kept_and_that_is_said(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (model,) = manifest["models"]
    manifest["models"].append(model | {"revision": "sha256:other"})
    (run / "manifest.json").write_text(json.dumps(sealed(manifest)))
    said = told("add", run)
    assert "What runs/mine was answered is not kept: script.yaml was served in 2 ways" in said
    assert not (FOLDER / "completions").exists()
    assert entries()["solo"].completions is None
    told("check")
