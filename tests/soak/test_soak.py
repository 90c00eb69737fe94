"""Runs in bad weather, drawn at random, come to what an undisturbed run comes to.

Each run is killed, stopped, left without disk, has files damaged, or a server that misbehaves, one after the other, and
is taken up by the same command each time. What each attempt said is kept beside the run (`attempt-N.txt`) until it has
come to its end as it should. `SOAK_RUNS` says how many there are (`nox -s soak`: 200), `SOAK_SEED` which.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

import mlpo_bench
from mlpo_bench.log import LoadedRun
from tests.engines.imitated_server import Asked, ImitatedServer, Mode, Sent, chat, listing, sent


RUNS = int(os.environ.get("SOAK_RUNS", "2"))
SEED = int(os.environ.get("SOAK_SEED", "0"))
MOST_ATTEMPTS = 6
ENDS_WITHIN_S = 600.0
"""How long a process may take to end that was told to: ten seconds of its own, and a starved machine stretches them."""
PACKAGE = Path(mlpo_bench.__file__).parent
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
DECIDING = {"config.yaml", "manifest.json"}
TIMES = ("seconds", "serial_seconds", "waited", "began")
ENDS = {0, 1, 2, 129, 130, 143, *(-number for number in SIGNALS)}
"""Done, failed in part, refused, stopped; and ended by a signal that came before Python could be told of it."""
SCRIPT = """
- when: You lead a group
  say: [<answer>(A)</answer>, <answer>Yes</answer>, <answer>(B)</answer>]
  delay: 0.1
- say: [The answer is (A)., The answer is (B)., The answer is Yes., I cannot tell.]
  delay: 0.05
"""


def answer(_: ImitatedServer, asked: Asked) -> Sent:
    """Answer by what is asked alone."""
    digest = hashlib.sha256(orjson.dumps([asked.body["messages"], asked.body.get("seed")])).digest()
    return sent(chat(f"The answer is {('(A)', '(B)', 'Yes', 'no idea')[digest[0] % 4]}."))


def moody(source: random.Random) -> Mode:
    """A server that often fails, and otherwise answers as it always does."""
    faults = [
        sent({"error": {"message": "down"}}, 500),
        sent({"error": {"message": "busy"}}, 503),
        sent(b"<html>\x1b[31mproxy"),
        sent({"choices": [None]}),
        sent(b""),
        Sent(dies=True),
    ]
    return Mode(lambda server, asked: source.choice(faults) if source.random() < 0.3 else answer(server, asked), MODELS)


MODELS = sent(listing(max_model_len=100_000))


class Weather:
    """A run's command, and what happens to it."""

    def __init__(self, folder: Path, data: Path, member: str) -> None:
        self.folder, self.run = folder, folder / "runs" / "mine"
        self.attempts, self.kept = 0, ""
        self._deciding: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "team.yaml").write_text(f"leader: {{{member}}}\npeers: [{{{member}}}]\n")
        self.command = [
            sys.executable, "-m", "mlpo_bench", "run", "--suite", "bbh", "--data", str(data), "--limit", "6",
            "--team", "team.yaml", "--protocol", "solo,leader", "--rounds", "1", "--peers", "2", "--name", "mine",
            "--store", "store.sqlite",
        ]  # fmt: skip

    def carried_out(self, after: float | None = None, by: signal.Signals | None = None, most: int | None = None) -> int:
        """Run the command, with a signal after so many seconds, or files of so many KiB at most."""
        limited = [] if most is None else ["bash", "-c", f'ulimit -f {most}; exec "$@"', "bash"]
        process = subprocess.Popen(
            [*limited, *self.command], cwd=self.folder, env=os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        try:
            said = process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            process.send_signal(by or signal.SIGKILL)
            said = self._ended(process)
        self._keep(process.returncode, *said, after=after, by=by, most=most)
        assert "Traceback" not in said[0] + said[1] or before_the_program(said[1]), self.kept
        assert process.returncode in ENDS, self.kept
        return process.returncode

    def _ended(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """Return what a process said that was told to end; one that does not end is ended, and its words kept."""
        try:
            return process.communicate(timeout=ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            self._keep(None, *process.communicate())
            raise AssertionError(f"it went on for {ENDS_WITHIN_S:g} s after a signal: {self.kept}") from None

    def _keep(self, code: int | None, out: str, err: str, **how: Any) -> None:
        """Keep all that a command said: what failed once under a load may never do so again."""
        self.attempts += 1
        told = {name: value for name, value in how.items() if value is not None}
        said = f"ended with {code} ({told})\n--- standard output\n{out}\n--- standard error\n{err}\n"
        path = self.folder / f"attempt-{self.attempts}.txt"
        path.write_text(said)
        self.kept = f"{path}: {said}"

    def damage(self, source: random.Random) -> None:
        """Cut, garble, lose, or put a folder in the place of, one of the run's files."""
        files = [path for path in sorted(self.run.rglob("*")) if path.is_file() and not path.name.startswith(".")]
        if not (open_to_it := [one for one in files if one.name not in self._deciding]):
            return
        path = source.choice(open_to_it)
        if path.name in DECIDING:  # each tells what the other was
            self._deciding = DECIDING - {path.name}
        how = source.choice(("cut", "garbled", "lost", "folder"))
        if how in {"cut", "garbled"}:
            content = path.read_bytes()
            at = source.randrange(len(content) or 1)
            path.write_bytes(content[:at] + (source.randbytes(9) + content[at + 9 :] if how == "garbled" else b""))
            return
        path.unlink()
        if how == "folder":
            path.mkdir()

    def came_to(self) -> dict[str, Any]:
        """Return all figures and texts of the run, without what a clock told."""
        loaded = LoadedRun.open(self.run)
        results = loaded.results
        assert not results.unfinished
        return {
            cell.id: (
                [plain(asdict(record)) for record in loaded.records(cell.id)],
                [plain(line) for line in loaded.transcripts(cell)],
                plain(loaded.result[cell.id].model_dump(mode="json")),
            )
            for cell in loaded.ended
        }


def before_the_program(said: str) -> bool:
    """Whether Ctrl-C came while Python itself began: that it tells so is out of the program's hands."""
    told = [line for line in said.splitlines() if line.strip().startswith("File ")]
    begun = [line for line in told if f"{PACKAGE}/" in line and f"{PACKAGE}/__" not in line]
    return said.rstrip().endswith("KeyboardInterrupt") and not begun


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in TIMES}
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def server() -> Iterator[ImitatedServer]:
    with ImitatedServer(Mode(answer, MODELS)) as one:
        yield one


@pytest.fixture(scope="module")
def members(server: ImitatedServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    script = tmp_path_factory.mktemp("script") / "script.yaml"
    script.write_text(SCRIPT)
    return {
        "scripted": f"model: {script}, engine: scripted",
        "server": f"model: served-model, base_url: '{server.url}'",
    }


@pytest.fixture(scope="module")
def undisturbed(
    members: dict[str, str], tmp_path_factory: pytest.TempPathFactory, made_up: Path
) -> dict[str, dict[str, Any]]:
    """What each engine's run comes to when nothing happens to it."""
    calm = {name: Weather(tmp_path_factory.mktemp(name), made_up, member) for name, member in members.items()}
    assert [one.carried_out() for one in calm.values()] == [0] * len(calm)
    return {name: one.came_to() for name, one in calm.items()}


@pytest.mark.parametrize("number", range(RUNS))
def test_a_run_in_bad_weather_comes_to_the_same(
    number: int,
    undisturbed: dict[str, dict[str, Any]],
    members: dict[str, str],
    server: ImitatedServer,
    tmp_path: Path,
    made_up: Path,
) -> None:
    source = random.Random(f"{SEED}/{number}")
    engine = ("scripted", "server")[number % 2]
    weather = Weather(tmp_path, made_up, members[engine])
    server.mode = moody(source)
    happened = [engine]
    for _ in range(source.randint(1, MOST_ATTEMPTS - 1)):
        kind = source.choice(("signal", "signal", "full", "nothing"))
        happened.append(kind)
        if kind == "signal":
            weather.carried_out(after=source.uniform(1, 8), by=source.choice(SIGNALS))
        else:
            weather.carried_out(most=source.choice((4, 16, 64)) if kind == "full" else None)
        if source.random() < 0.5:
            happened.append("damage")
            weather.damage(source)
    server.mode = Mode(answer, MODELS)
    assert weather.carried_out() == 0, (happened, weather.kept)
    assert weather.came_to() == undisturbed[engine], (happened, weather.kept)
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    ("said", "before"),
    [
        (f'  File "{PACKAGE}/__init__.py", line 15\n  File "typing.py", line 29\nKeyboardInterrupt\n', True),
        (f'  File "{PACKAGE}/cli/__init__.py", line 8\n  File "typer.py", line 2\nKeyboardInterrupt\n', False),
        (f'  File "{PACKAGE}/__init__.py", line 15\nValueError: x\n', False),
    ],
)
def test_only_python_s_own_beginning_may_tell_of_ctrl_c(said: str, before: bool) -> None:
    assert before_the_program(said) is before
