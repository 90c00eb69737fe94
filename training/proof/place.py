"""Where the proof lies and how large it is, and how it calls `mlpo-bench`."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from training.proof.steps import QUESTIONS


HERE = Path("training/proof")
"""All paths are relative to the top of the checkout, where `run` goes first."""
FAILED_IN_PART, INTERRUPTED = 1, 130
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG

# With `--small`: minutes of SmolLM2, to see that all of it runs. What comes of it says nothing.
SMALL_QUESTIONS = {"bbh": 4}
SMALL_SUBJECTS = ("navigate", "web_of_lies")
SMALL_RECIPE = (
    f"questions.subjects=[{', '.join(SMALL_SUBJECTS)}]",
    "questions.limit=8",
    "rollouts.samples=2",
    "filter={rule: 'off'}",
    "traces.samples=4",
    "sft.batch=4",
    "sft.save_every=1",
    "mlpo.steps=3",
    "mlpo.prompts_per_step=2",
    "mlpo.generations=4",
    "mlpo.save_every=1",
    "mlpo.max_tokens=48",
)


@dataclass(frozen=True)
class Place:
    """One proof: the real one, or a small one to try it.

    `work` holds what this machine makes, and `saved` what goes into the repository of it; `leaders` and `page` are what
    comes out. `engine` answers the tests; where none is named, each machine takes what it has, and that is the one that
    the proof was begun with. Tests by another have runs, results and a page of their own.
    """

    data: Path | None
    small: bool = False
    engine: str | None = None

    @property
    def work(self) -> Path:
        return HERE / ("work-small" if self.small else "work")

    @property
    def saved(self) -> Path:
        return HERE / ("saved-small" if self.small else "saved")

    @property
    def leaders(self) -> Path:
        return self.saved / "leaders" if self.small else Path("training/leaders")

    @property
    def page(self) -> Path:
        return self.leaders / (f"{self.engine}.md" if self.engine else "README.md")

    @property
    def results(self) -> Path:
        return self.saved / f"{self._of_engine('results')}.json"

    @property
    def runs(self) -> Path:
        return self.work / self._of_engine("runs")

    @property
    def done(self) -> Path:
        """A file for each part of the tests that was asked in full."""
        return self.work / self._of_engine("done")

    @property
    def trainings(self) -> Path:
        return self.work / "trainings"

    @property
    def store(self) -> Path:
        return self.work / "completions.sqlite"

    @property
    def matrix(self) -> Path:
        """The matrix with the leaders of this place; written when it is asked for."""
        told = yaml.safe_load((HERE / "matrix.yaml").read_text(encoding="utf-8"))
        told["teams"] = {name: self._team(name, team) for name, team in told["teams"].items()}
        path = self.work / f"{self._of_engine('matrix')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
        return path

    def _team(self, name: str, told: str | dict[str, Any]) -> str | dict[str, Any]:
        """Return a team of the matrix with its leader, and the engine, of this place."""
        if isinstance(told, str) and self.engine is None:
            return str((HERE / told).resolve())
        team: dict[str, Any]
        team = yaml.safe_load((HERE / told).read_text(encoding="utf-8")) if isinstance(told, str) else told
        if "adapter" in team["leader"]:
            team["leader"]["adapter"] = str(self.leaders / name)
        for member in (team["leader"], *team["peers"]) if self.engine else ():
            member["engine"] = self.engine
        return team

    def card(self, leader: str) -> dict[str, Any] | None:
        """Return the card of a leader, None where it has yet to be trained."""
        path = self.leaders / leader / "card.json"
        card: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        return card

    def asking(self, suite: str) -> list[str]:
        """Return the options that say which questions of a suite are asked."""
        words = ["--suite", suite, *self._data(suite)]
        if self.small:
            return [*words, "--subjects", ",".join(SMALL_SUBJECTS), "--limit", str(SMALL_QUESTIONS[suite])]
        return [*words, "--limit", str(QUESTIONS[suite])]

    def learning(self, leader: str) -> list[str]:
        """Return the options that say how a leader is trained."""
        told = dict(leaders()[leader])
        if "team" in told:  # it goes on from a leader of this place
            begins = told["team"]["leader"]
            begins["adapter"] = str(self.leaders / Path(begins["adapter"]).name)
        changes = [f"{name}={json.dumps(value)}" for name, value in told.items()]
        changes += SMALL_RECIPE if self.small else ()
        changes += [f"name={leader}", f"export.folder={self.leaders}"]
        words = [word for change in changes for word in ("--set", change)]
        return ["--recipe", str(HERE / "recipe.yaml"), *words, *self._data(*leaders()[leader].get("suites", ["bbh"]))]

    def _data(self, *suites: str) -> list[str]:
        """Return the option that names the folder, where it has all of these suites: `main` names it for the others."""
        whole = self.data is not None and all((self.data / suite).is_dir() for suite in suites)
        return ["--data", str(self.data)] if whole else []

    def _of_engine(self, name: str) -> str:
        return f"{name}-{self.engine}" if self.engine else name


def leaders() -> dict[str, dict[str, Any]]:
    """Return the leaders by name, each with what it changes of the recipe."""
    told: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "leaders.yaml").read_text(encoding="utf-8"))
    return told


def mlpo_bench(*words: str, ends: tuple[int, ...] = (0,), of: Path | None = None) -> int:
    """Carry out a command, which ends where this process does; what it says is shown.

    `of` is a folder with the code of another version, where it is to be carried out by that one.

    Raises:
        SystemExit: it did not end in one of these ways.
    """
    print(f"$ mlpo-bench {shlex.join(words)}", flush=True)
    command = [sys.executable, "-m", "mlpo_bench", *words]
    process = subprocess.Popen(command, cwd=of, env=_finding(of), preexec_fn=_end_with_parent)  # noqa: PLW1509
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            continue  # the command was interrupted as well, and says how it ends
    if code not in ends:
        raise SystemExit(code)
    return code


def told_by(*words: str) -> str:
    """Return what a command prints.

    Raises:
        CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "mlpo_bench", *words]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def _finding(code: Path | None) -> dict[str, str] | None:
    """Return the environment in which Python finds the code of a folder first; None where it is to stay as it is."""
    return None if code is None else os.environ | {"PYTHONPATH": str(code.resolve())}


def _end_with_parent() -> None:
    """Have Linux end this process when its parent ends, even by `kill -9`: the next `run` would find it at work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)
