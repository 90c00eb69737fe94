"""`mlpo-bench gate`: what it writes and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner

from mlpo_bench.cli.gate import gate
from mlpo_bench.errors import UsageError
from mlpo_bench.log.seals import sealed


if TYPE_CHECKING:
    from collections.abc import Callable

RECORDING = """
suites: [bbh]
subjects: [navigate]
generation: {max_gen_toks: 40}
peers: 1
team: {leader: {model: LEAD, engine: scripted}, peers: [{model: LEAD, engine: scripted}]}
protocols: [solo, {leader: {rounds: 1}}]
"""
QUESTIONS = """
bbh: {navigate: [{input: "Take 1 step and 1 step back. Are you where you began?", target: "Yes"}]}
"""


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Call the command: its exit code and what it printed; a person's mistake is raised."""
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    app = typer.Typer()
    app.command()(gate)

    def go(*arguments: object) -> Any:
        done = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return go


@pytest.fixture
def made(mlpo_bench: Callable[..., Any], made_up: Path, team_file: Path) -> Callable[..., Path]:
    """Carry out a run of two cells: `made(name)` returns its folder."""

    def run(name: str, *options: str) -> Path:
        what = ("--suite", "bbh", "--data", made_up, "--team", team_file, "--rounds", "1")
        options = options if "--protocol" in options else ("--protocol", "solo,leader", *options)
        done = mlpo_bench("run", *what, "--name", name, "--store", f"{name}.sqlite", "--quiet", *options)
        assert done.code == 0, done.err
        return Path("runs") / name

    return run


def test_a_run_is_held_to_a_baseline(call: Callable[..., Any], made: Callable[..., Path], tmp_path: Path) -> None:
    run, kept = made("one"), tmp_path / "kept" / "baseline.json"
    with pytest.raises(UsageError, match="say why with --reason"):
        call(run, "--baseline", kept, "--update")
    assert not kept.exists()
    done = call(run, "--baseline", kept, "--update", "--reason", "the first")
    assert "2 rows" in done.output
    file = json.loads(kept.read_text())
    assert [making["reason"] for making in file["history"]] == ["the first"]
    assert len(file["questions"]["bbh"]) == 54
    assert "Made up for" not in kept.read_text()
    passed = call(run, "--baseline", kept, "--junit", "j.xml", "--summary", "s.md", "--github")
    assert passed.exit_code == 0
    assert "All 8 checks passed." in passed.output
    assert "::error" not in passed.output
    assert len(ET.parse("j.xml").findall(".//testcase")) == 8
    assert Path("s.md").read_text().startswith("### Gate: All 8 checks passed")

    for row in file["rows"].values():
        row["right"] = "1" * len(row["right"])
    kept.write_text(json.dumps(file))
    worse = call(run, "--baseline", kept, "--junit", "j.xml", "--summary", "s.md", "--github")
    assert worse.exit_code == 1
    assert "::error title=bbh%3A solo%3A accuracy::bbh, solo: accuracy 0." in worse.output
    assert len(ET.parse("j.xml").findall(".//failure")) == 2
    assert Path("s.md").read_text().count("### Gate") == 2
    manifest = json.loads((run / "manifest.json").read_text())
    judged = {"rescored": [{"date": "2026-01-01", "versions": {}, "git": {"commit": "e" * 40, "dirty": True}}]}
    (run / "manifest.json").write_text(json.dumps(sealed(manifest | judged)))
    call(run, "--baseline", kept, "--update", "--reason", "a better reader")
    file = json.loads(kept.read_text())
    assert [making["reason"] for making in file["history"]] == ["the first", "a better reader"]
    assert (file["history"][1]["commit"], file["history"][1]["dirty"]) == ("e" * 40, True)  # whose readers judged
    assert call(run, "--baseline", kept).exit_code == 0


def test_what_cannot_be_judged_ends_with_two(
    call: Callable[..., Any], made: Callable[..., Path], tmp_path: Path
) -> None:
    run, kept = made("one"), tmp_path / "baseline.json"
    absent = call(run, "--baseline", kept, "--junit", "j.xml", "--github")
    assert absent.exit_code == 2
    alone = " ".join(call(run, "--baseline", kept).output.split())
    assert alone.count("Make one with --update") == 1  # a sentence, and no table of nothing
    assert "passed" not in alone
    assert "name it with --baseline FILE" in " ".join(call(run).output.split())
    assert "Make one with --update" in absent.output
    assert "::warning" in absent.output
    assert len(ET.parse("j.xml").findall(".//error")) == 1
    with pytest.raises(UsageError, match=r"max_drop 0\.05 cannot be promised.*questions could"):
        call(run, "--baseline", kept, "--update", "--reason", "r", "--max-drop", "0.05")
    assert not kept.exists()
    call(run, "--baseline", kept, "--update", "--reason", "r", "--max-tokens-rise", "0.2")
    file = json.loads(kept.read_text())
    assert file["thresholds"]["max_tokens_rise"] == 0.2
    file["thresholds"]["max_drop"] = 0.02
    kept.write_text(json.dumps(file))
    refused = call(run, "--baseline", kept)
    assert refused.exit_code == 2
    assert "max_drop 0.02 cannot be promised" in refused.output
    kept.write_text("{}")
    assert "is no baseline of this kind" in call(run, "--baseline", kept).output
    other = made("two", "--gen-kwargs", "temperature=0")
    call(run, "--baseline", kept := tmp_path / "again.json", "--update", "--reason", "r")
    changed = call(other, "--baseline", kept)
    assert changed.exit_code == 2
    assert "configuration is another" in changed.output


def test_a_new_model_is_held_to_the_rows_of_the_old_one(
    call: Callable[..., Any], made: Callable[..., Path], tmp_path: Path
) -> None:
    run, kept = made("one"), tmp_path / "baseline.json"
    call(run, "--baseline", kept, "--update", "--reason", "r")
    other = made("two", "--gen-kwargs", "temperature=0")
    assert call(other, "--baseline", kept).exit_code == 2
    assert "All 8 checks passed." in call(other, "--baseline", kept, "--new-model").output
    alone = made("three", "--protocol", "solo")
    assert "All 4 checks passed." in call(alone, "--baseline", kept, "--new-model").output
    file = json.loads(kept.read_text())
    for row in file["rows"].values():
        row["right"] = "1" * len(row["right"])
    kept.write_text(json.dumps(file))
    worse = call(other, "--baseline", kept, "--new-model")
    assert worse.exit_code == 1
    assert "bbh, solo: accuracy 0." in worse.output


def test_several_runs_are_taken_together(call: Callable[..., Any], made: Callable[..., Path], tmp_path: Path) -> None:
    runs, kept = [made("one"), made("two")], tmp_path / "baseline.json"
    assert "2 rows of runs/one, runs/two." in call(*runs, "--baseline", kept, "--update", "--reason", "r").output
    assert {row["runs"] for row in json.loads(kept.read_text())["rows"].values()} == {2}
    assert "All 8 checks passed." in call(*runs, "--baseline", kept).output
    assert "All 8 checks passed." in call(runs[0], "--baseline", kept).output


def test_runs_of_two_configurations_are_never_one(
    call: Callable[..., Any], made: Callable[..., Path], tmp_path: Path
) -> None:
    plain, other, kept = made("one"), made("two", "--gen-kwargs", "temperature=0"), tmp_path / "baseline.json"
    call(plain, "--baseline", kept, "--update", "--reason", "r")
    before = kept.read_bytes()
    for runs in ((plain, other), (other, plain)):
        says = rf"{runs[1].name} has another configuration than {runs[0].name} \(not the same: generation\)"
        for more in ((), ("--new-model",)):
            judged = call(*runs, "--baseline", kept, *more)
            assert judged.exit_code == 2
            assert re.search(says, " ".join(judged.output.split()))
        with pytest.raises(UsageError, match=says):
            call(*runs, "--baseline", kept, "--update", "--reason", "r")
    assert kept.read_bytes() == before


def test_a_run_counts_once(call: Callable[..., Any], made: Callable[..., Path], tmp_path: Path) -> None:
    run, kept = made("one"), tmp_path / "baseline.json"
    call(run, "--baseline", kept, "--update", "--reason", "r")
    before = kept.read_bytes()
    (tmp_path / "link").symlink_to(run.resolve())
    for again in ("one", f"{run}/", tmp_path / "link"):
        with pytest.raises(UsageError, match="named twice"):
            call(run, again, "--baseline", kept, "--update", "--reason", "r")
        judged = call(run, again, "--baseline", kept)
        assert judged.exit_code == 2
        assert "named twice; its answers count once" in judged.output
    assert kept.read_bytes() == before


def test_options_that_do_not_go_together_are_told(call: Callable[..., Any], made: Callable[..., Path]) -> None:
    run = made("one")
    assert "name it with --baseline FILE" in call(run).output
    for options, says in (
        (("--reason", "r"), "--reason goes with"),
        (("--max-drop", "0.3"), "goes with --update"),
        (("--record", "--reason", "r"), "is no recording"),
        (("--update", "--reason", "r", "--new-model"), "--new-model compares with a baseline"),
        (("--update", "--reason", " "), "say why"),
        (("--update", "--reason", "r", "--baseline", "b.json", "--max-drop", "3"), "--max-drop: "),
    ):
        with pytest.raises(UsageError, match=says):
            call(run, *options)


@pytest.mark.parametrize(
    ("questions", "says"),
    [
        ("bbh: {navigat: [{input: q, target: 'Yes'}]}", "no subject is called 'navigat'; did you mean 'navigate'"),
        ("bbh: {navigate: []}", "questions.yaml:1: field 'bbh': 'navigate' has no question"),
        ("bbh: {snarks: [{input: q, target: (A)}]}", "has no question of bbh for navigate, which config.yaml asks"),
        ("mmlu: {}", "questions.yaml has no question of bbh for navigate"),
        (
            "bbh:\n  navigate:\n    - {input: q, target: Yes}",
            "yaml:3: field 'bbh.navigate.0.target': input should be text (it is true)",
        ),
        ("bbh: {navigate: [{input: q, target: ' '}]}", "field 'bbh.navigate.0.target': it is empty"),
        ("bbh: {navigate: [{input: q}]}", "field 'bbh.navigate.0.target': field required"),
        (
            "bbh: {navigate: [{input: q, target: Perhaps}]}",
            "question 1 of 'navigate': its answer 'Perhaps' cannot",
        ),
        (
            "bbh: {snarks: [{input: q, target: Perhaps}]}",
            "question 1 of 'snarks': its target 'Perhaps' is nei",
        ),
        ("mmlu: {astronomy: [{question: q, choices: [1, 2, 3], answer: A}]}", "field 'mmlu.astronomy.0.choices': "),
        ("mmlu: {astronomy: [{question: q, choices: [1, 2, 3, 4], answer: E}]}", "field 'mmlu.astronomy.0.answer': "),
        (
            "math: {algebra: [{problem: q, solution: It is 4.}]}",
            "field 'math': this solution boxes no answer: 'It",
        ),
    ],
)
def test_a_recording_asks_what_a_person_wrote_and_nothing_else(
    call: Callable[..., Any], script: Path, tmp_path: Path, questions: str, says: str
) -> None:
    folder = tmp_path / "replay"
    folder.mkdir()
    (folder / "config.yaml").write_text(RECORDING.replace("LEAD", str(script)))
    (folder / "questions.yaml").write_text(questions)
    with pytest.raises(UsageError) as told:
        call(folder, "--record", "--reason", "the first")
    assert says in str(told.value)
    assert str(folder / "questions.yaml") in str(told.value)
    assert "mlpo-bench-gate-" not in str(told.value)
    assert not (folder / "baseline.json").exists()


def test_a_recording_is_made_replayed_and_updated(call: Callable[..., Any], script: Path, tmp_path: Path) -> None:
    folder = tmp_path / "replay"
    folder.mkdir()
    (folder / "config.yaml").write_text(RECORDING.replace("LEAD", str(script)))
    (folder / "questions.yaml").write_text(QUESTIONS)
    empty = call(folder)
    assert empty.exit_code == 2
    assert "cannot be read" in empty.output
    assert "Make one with --record --reason TEXT." in " ".join(empty.output.split())
    with pytest.raises(UsageError, match="say why"):
        call(folder, "--record")
    call(folder, "--record", "--reason", "the first")
    script.unlink()  # nothing but the recording is needed from here on
    assert call(folder).exit_code == 0
    with pytest.raises(UsageError, match="holds its own baseline"):
        call(folder, "--baseline", "b.json")
    done = call(folder, "--update", "--reason", "no change at all")
    assert "0 conversations differ" in done.output
    file = json.loads((folder / "baseline.json").read_text())
    assert [making["reason"] for making in file["history"]] == ["the first", "no change at all"]

    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("max_gen_toks: 40", "max_gen_toks: 50"))
    assert call(folder).exit_code == 1
    with pytest.raises(UsageError, match="make the recording anew"):
        call(folder, "--update", "--reason", "r")
    (folder / "config.yaml").write_text(config)
    (folder / "completions.jsonl.zst").write_bytes(b"other")
    spoilt = call(folder)
    assert spoilt.exit_code == 2
    assert "is not the file that baseline.json was made with" in spoilt.output
