"""Ctrl-C: once, and what is under way is answered; twice, and nothing is waited for. Pre-emption: a few seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from mlpo_bench.atomic import end_by
from mlpo_bench.cli._ending import ending


Read = Callable[[Path], Any]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(made_up: Path, team_file: Path, tmp_path: Path) -> Start:
    """Start a run with a cache, and so a store, of its own."""

    def go(name: str, *options: str, **process: Any) -> subprocess.Popen[str]:
        command = [
            sys.executable, "-m", "mlpo_bench", "run", "--suite", "bbh", "--data", str(made_up), "--limit", "6",
            "--team", str(team_file), "--protocol", "solo,leader", "--rounds", "1,3", "--name", name, *options,
        ]  # fmt: skip
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / name)}
        return subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **process},
        )

    return go


@pytest.fixture
def delayed(script: Path) -> Callable[[float], None]:
    """Let leaders take so many seconds for an answer."""
    rules = script.read_text()

    def delay(seconds: float) -> None:
        script.write_text(rules.replace("'You lead a group'", f"'You lead a group'\n  delay: {seconds}"))

    return delay


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_ctrl_c_waits_for_what_is_under_way_and_the_run_can_be_taken_up(
    start: Start, delayed: Callable[[float], None], tmp_path: Path, contents: Read, completions: Read
) -> None:
    delayed(2.0)
    undisturbed = start("undisturbed", "-q")
    run, store = tmp_path / "runs" / "mine", tmp_path / "mine" / "mlpo-bench" / "completions.sqlite"
    process = start("mine")
    # Solo is done, all peers' first attempts are there, and six leaders think for two seconds.
    until(lambda: completions(store) >= 6 * 3, process)
    kept = completions(store)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopping: nothing more is asked; waiting for 6 answers under way. Ctrl-C again stops at once." in said
    assert "Interrupted. What was answered is kept; to go on: mlpo-bench run --config runs/mine/config.yaml" in said
    assert "Traceback" not in said
    assert completions(store) == kept + 6
    left = results(run)
    assert [cell["cell"] for cell in left["cells"]] == ["bbh.solo", "bbh.leader-1-round-3-peers"]
    assert left["unfinished"] == ["bbh.leader-3-rounds-3-peers"]
    assert not [path for path in (run / "transcripts").iterdir() if "3-rounds" in path.name]
    again = start("mine", "-q")
    for going in (again, undisturbed):
        going.communicate(timeout=60)
        assert going.returncode == 0
    assert contents(run) == contents(tmp_path / "runs" / "undisturbed")
    sessions = json.loads((run / "manifest.json").read_text())["sessions"]
    assert [session["completions"]["made"] for session in sessions] == [kept + 6, completions(store) - kept - 6]


def test_ctrl_c_twice_waits_for_nothing_and_loses_nothing(
    start: Start, delayed: Callable[[float], None], tmp_path: Path, completions: Read
) -> None:
    delayed(30.0)
    run, store = tmp_path / "runs" / "mine", tmp_path / "mine" / "mlpo-bench" / "completions.sqlite"
    process = start("mine")
    until(lambda: completions(store) >= 6 * 3, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - asked < 15  # and not the 30 that an answer takes
    assert process.returncode == 130
    assert said.count("Stopping: nothing more is asked") == 1
    assert "to go on: mlpo-bench run --config runs/mine/config.yaml --output runs --name mine" in said
    assert "Traceback" not in said
    assert "never awaited" not in said
    assert completions(store) == 6 * 3
    assert (run / "cells" / "bbh.solo.json").exists()
    session = json.loads((run / "manifest.json").read_text())["sessions"][0]
    assert session["completions"]["made"] == 6 * 3
    assert session["ended"]


def test_the_words_of_an_interruption_go_on_with_the_run(
    start: Start, delayed: Callable[[float], None], tmp_path: Path, completions: Read
) -> None:
    delayed(0.5)
    store = tmp_path / "their completions.sqlite"
    process = start("mine", "--output", str(tmp_path / "with a space"), "--store", str(store))
    until(lambda: completions(store) >= 6 * 3, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    command = said.partition("to go on: ")[2].strip().removeprefix("mlpo-bench")
    kept = completions(store)
    done = subprocess.run(
        f"{sys.executable} -m mlpo_bench {command} -q",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "with a space" / "mine")["unfinished"] == []
    sessions = json.loads((tmp_path / "with a space" / "mine" / "manifest.json").read_text())["sessions"]
    assert sum(session["completions"]["made"] for session in sessions) == completions(store) > kept > 0


def test_ctrl_c_while_the_run_is_made_ready_ends_it_without_a_traceback(
    start: Start, tmp_path: Path, delayed: Callable[[float], None]
) -> None:
    delayed(5)  # on a busy machine the run would be over before the signal comes
    process = start("mine")
    until((tmp_path / "runs" / "mine" / "config.yaml").exists, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    # CPython ends itself by the signal where it interrupted an `exec`, though it was handled: a shell says 130 of both.
    assert process.returncode in {130, -signal.SIGINT}, said
    assert "Traceback" not in said


PREEMPTED = [(signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("how", "code"), PREEMPTED)
def test_a_run_that_is_told_to_end_saves_what_is_about_to_arrive(
    start: Start, delayed: Callable[[float], None], tmp_path: Path, completions: Read, how: int, code: int
) -> None:
    delayed(2.0)
    store = tmp_path / "mine" / "mlpo-bench" / "completions.sqlite"
    process = start("mine")
    until(lambda: completions(store) >= 6 * 3, process)
    kept = completions(store)
    process.send_signal(how)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert "nothing more is asked; waiting up to 5 s for 6 answers under way" in said
    assert said.splitlines()[-1].startswith("Interrupted. What was answered is kept; to go on: mlpo-bench run --config")
    assert "Traceback" not in said
    assert completions(store) == kept + 6


@pytest.mark.parametrize(("how", "code"), PREEMPTED)
def test_a_run_that_is_told_to_end_ends_within_ten_seconds(
    start: Start, delayed: Callable[[float], None], tmp_path: Path, completions: Read, how: int, code: int
) -> None:
    delayed(60.0)
    run, store = tmp_path / "runs" / "mine", tmp_path / "mine" / "mlpo-bench" / "completions.sqlite"
    process = start("mine")
    until(lambda: completions(store) >= 6 * 3, process)
    process.send_signal(how)
    began = time.monotonic()
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == code
    assert "to go on: mlpo-bench run --config runs/mine/config.yaml --output runs --name mine" in said
    assert "Traceback" not in said
    assert completions(store) == 6 * 3
    session = json.loads((run / "manifest.json").read_text())["sessions"][0]
    assert session["ended"]


def test_a_run_that_is_to_outlive_its_terminal_does(
    start: Start, delayed: Callable[[float], None], tmp_path: Path, completions: Read
) -> None:
    """`nohup` tells a program to let a hang-up pass."""
    delayed(1.0)
    store = tmp_path / "mine" / "mlpo-bench" / "completions.sqlite"
    process = start("mine", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    until(lambda: completions(store) >= 6 * 3, process)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_run_whose_terminal_is_closed_saves(
    start: Start, delayed: Callable[[float], None], tmp_path: Path, completions: Read
) -> None:
    delayed(2.0)
    store = tmp_path / "mine" / "mlpo-bench" / "completions.sqlite"
    ours, theirs = os.openpty()
    process = start("mine", stderr=theirs)
    os.close(theirs)
    until(lambda: completions(store) >= 6 * 3, process)
    kept = completions(store)
    os.close(ours)  # what is written there from now on fails
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 129
    assert completions(store) == kept + 6


SLOW = """
import asyncio, time
from mlpo_bench import EngineKind

class Slow(EngineKind):
    name = "slow"

    @classmethod
    async def open(cls, spec, options):
        options.on_event("LOADING")
        await asyncio.to_thread(time.sleep, 120)
"""


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), *PREEMPTED])
def test_a_run_that_is_stopped_while_models_load_says_how_to_go_on(
    tmp_path: Path, made_up: Path, how: int, code: int
) -> None:
    (tmp_path / "slowly.py").write_text(SLOW)
    (tmp_path / "slow.yaml").write_text("leader: {model: m, engine: 'slowly:Slow'}\n")
    command = [
        sys.executable, "-m", "mlpo_bench", "run", "--suite", "bbh", "--data", str(made_up), "--limit", "2",
        "--team", "slow.yaml", "--protocol", "solo", "--name", "mine",
    ]  # fmt: skip
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = f"{tmp_path}:{environment.get('PYTHONPATH', '')}"
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "LOADING" not in (line := process.stderr.readline()):
            assert line, process.wait()
        process.send_signal(how)
        began = time.monotonic()
        said = process.stderr.read()
        assert process.wait() == code
    assert time.monotonic() - began < 5
    (line,) = said.splitlines()
    assert line == (
        "Interrupted. What was answered is kept; to go on: "
        "mlpo-bench run --config runs/mine/config.yaml --output runs --name mine"
    )


def test_a_pipe_that_is_closed_says_nothing(tmp_path: Path, made_up: Path, team_file: Path) -> None:
    command = [sys.executable, "-m", "mlpo_bench"]
    options = ["run", "--suite", "bbh", "--data", str(made_up), "--limit", "2", "--team", str(team_file)]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run(
        [*command, *options, "--protocol", "solo", "--name", "mine", "-q"], cwd=tmp_path, env=environment, check=True
    )
    for looked_at in (["show", "mine"], ["show", "mine", "--json"], ["--help"], ["--version"], ["transcript", "mine"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [*command, *looked_at],
            cwd=tmp_path,
            env=environment,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, ""), looked_at


INSTALLED = "from mlpo_bench.__main__ import main; main()"
"""What the command that is installed does."""


@pytest.mark.parametrize("begun", [["-m", "mlpo_bench"], ["-c", INSTALLED]])
def test_ctrl_c_before_a_command_listens_for_it_leaves_no_traceback(tmp_path: Path, begun: list[str]) -> None:
    (tmp_path / "typer.py").write_text("print('LOADING', flush=True)\nimport time\ntime.sleep(60)\n")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, *begun, "suites"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "LOADING\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == ""
        assert process.returncode in {130, -signal.SIGINT}


COLLECTED = """
import time, weakref
class It: pass
it = It()
weakref.finalize(it, lambda: (print('LOADING', flush=True), time.sleep(60)))
del it
"""
"""What is raised in a callback of the garbage collector is told and forgotten."""
MAKING = """
import time
class Slow:
    def __set_name__(self, owner, name): print('LOADING', flush=True), time.sleep(60)
class Made: it = Slow()
"""
"""What is raised as a class is made comes out as another fault."""


@pytest.mark.parametrize("text", [COLLECTED, MAKING])
@pytest.mark.parametrize(("module", "line"), [("typer", "suites"), ("lm_eval", "lm-eval --help")])
def test_ctrl_c_is_heard_where_python_loses_what_it_raises(tmp_path: Path, module: str, line: str, text: str) -> None:
    """While the program is loaded, and while a command loads what it needs."""
    (tmp_path / f"{module}.py").write_text(text)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "mlpo_bench", *line.split()]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "LOADING\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == ""
        assert process.returncode == -signal.SIGINT


WRITING = """
import time
from pathlib import Path
from mlpo_bench import atomic
with atomic.written(Path("whole.txt")) as beside, atomic.filled(Path("folder")) as folder:
    beside.write_text("half")
    (folder / "one.txt").write_text("half")
    print("WRITING", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind_that_is_half_written(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "typer.py").write_text(WRITING)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    here = tmp_path / "here"
    here.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "mlpo_bench"], cwd=here, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "WRITING\n"
        assert len(list(here.iterdir())) == 2
        process.send_signal(number)
        assert process.wait(30) == -number
    assert not list(here.iterdir())


def test_an_interrupt_that_comes_out_as_another_fault_ends_a_command_likewise(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as end, ending("How to go on."):
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()
    assert (end.value.exit_code, capfd.readouterr().err) == (130, "How to go on.\n")
    with pytest.raises(RuntimeError, match="another"), ending("How to go on."):
        raise RuntimeError("another")


@pytest.mark.parametrize("outside", [signal.SIG_DFL, end_by])
def test_a_command_that_listens_has_python_s_own_ctrl_c(outside: Any) -> None:
    before = signal.signal(signal.SIGINT, outside)
    try:
        with ending("How to go on."):
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is outside
    finally:
        signal.signal(signal.SIGINT, before)
