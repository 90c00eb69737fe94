from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.analysis.overturned import is_overturned
from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.errors import EngineError
from mlpo_bench.log import LoadedRun
from mlpo_bench.stats import questions_to_detect


Cli = Any
Read = Callable[[Path], Any]


@pytest.fixture
def run(made_up: Path, team_file: Path) -> tuple[object, ...]:
    """A small run of scripted models."""
    return ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "9")


def test_help_is_light_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['mlpo-bench', '--help']\n"
        "from mlpo_bench.cli import main\n"
        "try: main()\n"
        "finally: print([m for m in ('torch', 'lm_eval', 'vllm', 'transformers', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "lm-eval" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [
        "run", "plan", "show", "transcript", "rescore", "compare", "frontier", "diagnose", "report", "export", "track",
        "leaderboard", "gate", "transfer", "validate", "suites", "models", "doctor",
    ],
)  # fmt: skip
def test_every_command_explains_itself(mlpo_bench: Cli, command: str) -> None:
    said = mlpo_bench(command, "--help")
    assert said.code == 0
    assert f"mlpo-bench {command}" in said.out


@pytest.mark.parametrize("command", ["run", "plan", "reproduce"])
def test_help_shows_whole_names_at_80_columns(mlpo_bench: Cli, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = mlpo_bench(command, "--help")
    assert "\u2026" not in said.out
    assert "--gen-kwargs " in said.out
    assert "_kwargs" not in said.out.replace("gen-kwargs", "")
    assert ("--output " in said.out) is (command != "plan")


def test_names_of_lm_eval_s_options_are_taken_though_help_leaves_them_out(
    mlpo_bench: Cli, run: tuple[object, ...], tmp_path: Path
) -> None:
    assert "output_path" not in mlpo_bench("run", "--help").out
    said = mlpo_bench(
        *run, "--protocol", "solo", "--name", "mine", "-q", "--output_path", "there", "--gen_kwargs", "temperature=0"
    )
    assert said.code == 0
    assert (tmp_path / "there" / "mine" / "results.json").exists()


def test_help_tells_what_is_taken_where_nothing_is_said(mlpo_bench: Cli) -> None:
    said = mlpo_bench("run", "--help")
    for default in ("[default: test]", "[default: 1,2]", "[default: solo,vote,leader]", "[default: runs]"):
        assert default in said.out


def test_the_shell_can_complete_commands() -> None:
    environment = os.environ | {
        "_MLPO_BENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "mlpo-bench tr",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'mlpo-bench'; from mlpo_bench.cli import main; main()"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.stdout.split() == ["transcript", "transfer", "track", "train"]


def test_a_run_leaves_all_its_files_and_a_table(
    mlpo_bench: Cli, run: tuple[object, ...], tmp_path: Path, records: Read
) -> None:
    said = mlpo_bench(*run, "--name", "mine", "--rounds", "1,2")
    assert said.code == 0
    told = "95 % interval", "unread", "tokens out", "Sharing:", "Led rows against the vote"
    for word in ("solo", "vote of 8", "leader, 1 round, 3 peers", *told):
        assert word in said.out
    folder = tmp_path / "runs" / "mine"
    rows = records(folder)
    assert len(rows) == 6 * 9
    results = json.loads((folder / "results.json").read_text())
    for cell in results["cells"]:
        of_cell = [r for r in rows if r["cell"] == cell["cell"]]
        assert cell["right"] == sum(r["right"] for r in of_cell)
        assert cell["lm_eval"]["groups"]["mlpo_bbh"]["acc,read"] == pytest.approx(cell["accuracy"])
    manifest = json.loads((folder / "manifest.json").read_text())
    (session,) = manifest["sessions"]
    assert session["ended"] >= session["started"]
    assert manifest["models"][0]["revision"].startswith("sha256:")
    assert manifest["sources"]["bbh"]["kind"] == "folder"
    assert manifest["versions"]["lm_eval"].startswith("0.4.")
    made = session["completions"]
    # Ballots of a vote that matches tokens are found again while they are counted.
    assert (
        made["made"]
        < sum(r["calls"] for r in rows)
        < sum(made[k] for k in ("made", "shared_in_flight", "found_in_store"))
    )


def test_the_same_command_again_asks_nothing_and_shows_the_same(mlpo_bench: Cli, run: tuple[object, ...]) -> None:
    first = mlpo_bench(*run)
    again = mlpo_bench(*run)
    assert again.code == 0
    assert "nothing was asked" in again.out
    assert first.out.splitlines()[:8] == again.out.splitlines()[:8]


def test_json_is_all_that_goes_to_standard_output(mlpo_bench: Cli, run: tuple[object, ...]) -> None:
    said = mlpo_bench(*run, "--json", "--name", "mine")
    shown = mlpo_bench("show", "mine", "--json")
    assert json.loads(said.out) == json.loads(shown.out)
    assert {c["label"] for c in json.loads(said.out)["cells"]} >= {"solo", "vote of 8"}


def test_what_json_does_not_hold_is_refused_beside_it(mlpo_bench: Cli, run: tuple[object, ...]) -> None:
    assert mlpo_bench(*run, "--protocol", "solo", "--name", "mine", "-q").code == 0
    for command in (("show", "mine", "--ledger", "solo"), ("plan", *run[1:], "--detect", 0.05)):
        said = mlpo_bench(*command, "--json")
        assert (said.code, said.out) == (2, "")
        assert f"{command[-2]} " in said.err


def test_quiet_says_nothing_but_the_table(mlpo_bench: Cli, run: tuple[object, ...]) -> None:
    said = mlpo_bench(*run, "--quiet")
    assert said.err == ""
    assert "accuracy" in said.out


def test_config_yaml_repeats_the_run(mlpo_bench: Cli, run: tuple[object, ...], tmp_path: Path, contents: Read) -> None:
    assert mlpo_bench(*run, "--name", "one", "-P", "order=shuffled", "--seed", "3").code == 0
    one, two = tmp_path / "runs" / "one", tmp_path / "runs" / "two"
    again = mlpo_bench("run", "--config", one / "config.yaml", "--name", "two", "--store", tmp_path / "other.sqlite")
    assert again.code == 0
    assert contents(one) == contents(two)


def test_another_seed_gives_other_completions(
    mlpo_bench: Cli, run: tuple[object, ...], tmp_path: Path, contents: Read
) -> None:
    for seed in (1, 2):
        assert mlpo_bench(*run, "--name", seed, "--seed", seed).code == 0
    one, two = (contents(tmp_path / "runs" / str(seed)) for seed in (1, 2))
    assert one["transcripts/bbh.solo.seed-1.jsonl.zst"] != two["transcripts/bbh.solo.seed-2.jsonl.zst"]


def test_a_conversation_can_be_read(mlpo_bench: Cli, run: tuple[object, ...], tmp_path: Path, records: Read) -> None:
    mlpo_bench(*run, "--name", "mine")
    rows = records(tmp_path / "runs" / "mine")
    question = rows[0]["question"]
    said = mlpo_bench("transcript", "mine", question, "--cell", "leader, 2 rounds")
    assert said.code == 0
    assert "Made up for" in said.out
    assert "round 2, leader" in said.out
    assert "round 1, peer 3" in said.out
    assert "Your last attempt" not in said.out
    assert "Your last attempt" in mlpo_bench("transcript", "mine", question, "--prompts").out
    assert re.search(r"^Right answer: '.+'$", said.out, re.MULTILINE)
    unknown = mlpo_bench("transcript", "mine", "bbh/navigate/999")
    assert unknown.code == 2
    assert "no question of the run runs/mine is called 'bbh/navigate/999'; did you mean 'bbh/" in unknown.err
    assert "`mlpo-bench transcript runs/mine` lists them." in unknown.err


def test_conversations_of_a_kind_are_listed(mlpo_bench: Cli, run: tuple[object, ...], tmp_path: Path) -> None:
    mlpo_bench(*run, "--name", "mine")
    loaded = LoadedRun.open(str(tmp_path / "runs" / "mine"))
    cells = [cell for cell in loaded.cells if cell.label.startswith("leader, 2 rounds")]
    lines = [line for cell in cells for line in loaded.transcripts(cell)]
    listed = mlpo_bench("transcript", "mine", "--cell", "leader, 2 rounds", "--wrong")
    wrong = [line["question"] for line in lines if not line["right"]]
    assert [line.split()[0] for line in listed.out.splitlines()] == wrong
    assert wrong
    both = mlpo_bench("transcript", "mine", "--cell", "leader, 2 rounds", "--wrong", "--overturned").out
    expected = [line["question"] for line in lines if not line["right"] and is_overturned(line["turns"])]
    assert [line.split()[0] for line in both.splitlines()] == expected
    assert len(mlpo_bench("transcript", "mine", "--cell", "leader, 2 rounds").out.splitlines()) == len(lines)


def test_a_plan_prints_a_row_once_and_says_how_many_questions_a_difference_needs(
    mlpo_bench: Cli, run: tuple[object, ...]
) -> None:
    said = mlpo_bench("plan", *run[1:], "--seeds", 2, "--detect", 0.05)
    assert said.code == 0
    assert len(re.findall(r"^\S? *solo ", said.out, re.MULTILINE)) == 1
    assert "2 x " in said.out
    told = " ".join(said.out.split())
    (count,) = re.findall(r"([\d,]+) where they differ on 20 % of them", told)
    tests = int(re.findall(r"as (\d+) led rows? (?:are|is) held", told)[0])
    assert int(count.replace(",", "")) == questions_to_detect(0.05, 0.2, tests)
    assert mlpo_bench("plan", *run[1:], "--detect", 0).code == 2
    alone = mlpo_bench("plan", *run[1:], "--protocol", "solo", "--detect", 0.05)
    assert "so many questions, were one led row held against votes: " in " ".join(alone.out.split())


def test_a_failing_member_fails_its_questions_and_the_rest_is_done(
    mlpo_bench: Cli, run: tuple[object, ...], tmp_path: Path, records: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = ScriptedEngine.complete

    async def on_fire(engine: ScriptedEngine, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        if "navigate" in messages[-1].content:
            raise EngineError("the machine is on fire", transient=False)
        return await complete(engine, messages, sampling, seed)

    with monkeypatch.context() as patched:
        patched.setattr(ScriptedEngine, "complete", on_fire)
        said = mlpo_bench(*run, "--subjects", "navigate,snarks", "--name", "mine")
    assert said.code == 1
    assert "2 of 4 questions could not be asked" in said.out
    rows = records(tmp_path / "runs" / "mine")
    failed = [r for r in rows if r["error"]]
    assert {r["subject"] for r in failed} == {"navigate"}
    assert {r["right"] for r in failed} == {None}
    assert {r["error"] for r in failed} == {"the machine is on fire"}
    assert "Not answered: the machine is on fire" in mlpo_bench("transcript", "mine", failed[0]["question"]).out
    mended = mlpo_bench(*run, "--subjects", "navigate,snarks", "--name", "mine")
    assert mended.code == 0


def test_kill_9_and_the_same_command_again_equals_an_undisturbed_run(
    run: tuple[object, ...], script: Path, tmp_path: Path, contents: Read, completions: Read
) -> None:
    slow = script.read_text().replace("  say:", "  delay: 0.15\n  say:").replace("- say:", "- delay: 0.15\n  say:")
    script.write_text(slow)

    def start(name: str, cache: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mlpo_bench", *map(str, run), "--name", name, "--rounds", "1,2,5", "-q"]
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / cache)}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)

    killed = start("killed", "cache-a")
    store = tmp_path / "cache-a" / "mlpo-bench" / "completions.sqlite"
    while completions(store) <= 20:
        assert killed.poll() is None
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    kept = completions(store)
    assert kept > 20
    assert not (tmp_path / "runs" / "killed" / "results.json").exists()
    for name, cache in (("killed", "cache-a"), ("undisturbed", "cache-b")):
        process = start(name, cache)
        process.communicate(timeout=120)
        assert process.returncode == 0
    assert contents(tmp_path / "runs" / "killed") == contents(tmp_path / "runs" / "undisturbed")
    manifest = json.loads((tmp_path / "runs" / "killed" / "manifest.json").read_text())
    assert manifest["sessions"][-1]["completions"]["made"] == completions(store) - kept
