"""Every command line, told to end at a moment drawn at random, ends without a traceback, and the next one is whole.

`SOAK_RUNS` says how many of the lines are drawn (`nox -s soak`: all), `SOAK_SEED` which, and when the signals come.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.soak.test_soak import ENDS, ENDS_WITHIN_S, RUNS, SEED, before_the_program


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SCRIPT = """
- when: 'You lead a group'
  say: ["<think>Let me see.</think><answer>(A)</answer>", "<think>Hm.</think><answer>Yes</answer>"]
- say: ["The answer is (A).", "The answer is (B).", "The answer is Yes.", "I cannot tell."]
"""
TEAM = """
leader: {model: script.yaml, engine: scripted}
peers: [{model: script.yaml, engine: scripted, count: 3}]
"""
RECIPE = """
name: small
team: {leader: {model: script.yaml, engine: scripted}, peers: [{model: script.yaml, engine: scripted, count: 2}]}
suites: bbh
questions: {subjects: [navigate]}
filter: {rule: off}
traces: {samples: 3, writer: spliced}
"""
BEFORE = """
run --suite bbh --limit 54 --team team.yaml --name mine --store store.sqlite
leaderboard add mine --anyway
gate mine --baseline baseline.json --update --reason first
train rollouts -r small.yaml --store store.sqlite
train filter -r small.yaml
train traces -r small.yaml --store store.sqlite
train pack small packed.tar.zst
store export all.jsonl.zst --store store.sqlite
"""
LINES = """
--help
--version
init --yes --force --team-file made.yaml
run --suite bbh --limit 6 --team team.yaml --name other --store store.sqlite
run --suite bbh --limit 54 --team team.yaml --name mine --store store.sqlite
plan --suite bbh --limit 9 --team team.yaml
runs
show mine
show mine --json
transcript mine
transcript mine navigate/1
verdict mine
rescore mine
compare mine --against solo
frontier mine
transfer mine
diagnose mine
report mine -o page.html
export mine --format parquet --output exported
export mine --format lm-eval --output exported
export mine --format inspect --output exported
export mine --format csv --output exported
track mine --to trackio
gate mine --baseline baseline.json
gate mine --baseline baseline.json --update --reason again
leaderboard add mine --anyway
leaderboard build
leaderboard check
leaderboard rescore
store show --store store.sqlite
store prune --store store.sqlite --older-than 1d --yes
store export again.jsonl.zst --store store.sqlite
store import all.jsonl.zst --store new.sqlite
store rebuild mine --store new.sqlite
doctor team.yaml
protocols
suites
models
tasks
validate --suite bbh
lm-eval --help
train rollouts -r small.yaml --store store.sqlite --redo
train filter -r small.yaml --redo
train traces -r small.yaml --store store.sqlite --redo
train pack small again.tar.zst
train unpack packed.tar.zst --output elsewhere
train plan -r small.yaml
"""
ALL = [line for line in LINES.splitlines() if line]
DRAWN = ALL if len(ALL) <= RUNS else random.Random(SEED).sample(ALL, RUNS)


class Desk:
    """A folder in which commands are given."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "MLPO_BENCH_DATA": str(data),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "TRACKIO_DIR": str(folder / "trackio"),
        }

    def copy(self, folder: Path) -> Desk:
        """Return a desk with the same on it."""
        shutil.copytree(self.folder, folder)
        return Desk(folder, Path(self.environment["MLPO_BENCH_DATA"]))

    def __call__(self, line: str, after: float | None = None, by: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Give a command, told to end after so many seconds; return its exit code and all that it said."""
        process = subprocess.Popen(
            [sys.executable, "-m", "mlpo_bench", *shlex.split(line)], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            process.send_signal(by)
            said, _ = process.communicate(timeout=ENDS_WITHIN_S)
        return process.returncode, said

    @property
    def files(self) -> set[str]:
        """The names of all that stands here, but in the cache and in what trackio keeps."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return {str(path) for path in found if path.parts[0] not in {"cache", "trackio"}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> Desk:
    """A desk with a run, a training's data, a leaderboard, a baseline and a store."""
    desk = Desk(tmp_path_factory.mktemp("desk"), made_up)
    for name, text in (("script.yaml", SCRIPT), ("team.yaml", TEAM), ("small.yaml", RECIPE)):
        (desk.folder / name).write_text(text)
    for line in BEFORE.splitlines():
        if line:
            code, said = desk(line)
            assert code == 0, said
    return desk


@pytest.mark.parametrize("line", DRAWN)
def test_a_command_told_to_end_leaves_nothing_that_stops_the_next(prepared: Desk, tmp_path: Path, line: str) -> None:
    source = random.Random(f"{SEED}/{line}")
    calm = prepared.copy(tmp_path / "calm")
    began = time.monotonic()
    code, said = calm(line)
    lasted = time.monotonic() - began
    assert code == 0, said
    for number in SIGNALS:
        desk = prepared.copy(tmp_path / number.name)
        after = source.uniform(0, lasted)
        code, said = desk(line, after, number)
        told = f"{number.name} after {after:.2f} of {lasted:.2f} s: ended with {code}\n{said}"
        assert "Traceback" not in said or before_the_program(said), told
        assert code in ENDS, told
        if code != 0:  # it had not come to its end before
            code, said = desk(line)
        assert code == 0, f"{told}\nand then with {code}\n{said}"
        assert desk.files == calm.files, told
        shutil.rmtree(desk.folder)
