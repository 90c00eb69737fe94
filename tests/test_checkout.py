"""Which commit the code is, and what `--version` says of it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench import checkout
from mlpo_bench.checkout import Commit, state, version_told


if TYPE_CHECKING:
    from pathlib import Path

HERE = "67ef65ab7" + "0" * 31
THERE = "e" * 40


@pytest.mark.parametrize(
    ("version", "at", "told"),
    [
        ("0.1.0.dev1+g67ef65ab7", None, ""),  # installed for good
        ("0.1.0.dev1+g67ef65ab7", Commit(HERE, False), ""),
        ("0.1.0.dev1+g67ef65ab7.d20261129", Commit(HERE, False), ""),
        ("0.1.0.dev1+g67ef65ab7", Commit(HERE, True), " (the code: commit 67ef65ab7, changed)"),
        ("0.1.0.dev1+g67ef65ab7", Commit(THERE, False), " (the code: commit eeeeeeeee)"),
        ("0+unknown", Commit(THERE, False), " (the code: commit eeeeeeeee)"),
        ("0.2.0", Commit(THERE, True), " (the code: commit eeeeeeeee, changed)"),
    ],
)
def test_a_version_says_what_the_code_is_by_now(version: str, at: Commit | None, told: str) -> None:
    assert version_told(version, at) == version + told


def test_a_checkout_is_told_from_an_installed_package(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        done = subprocess.run(["git", "-C", str(tmp_path), *who, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    assert state(package) is None
    git("init", "--quiet")
    assert state(package) is None  # an installed package in a folder of somebody's repository
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    assert state(package) == (git("rev-parse", "HEAD"), False)
    (package / "new.py").touch()
    assert state(package) == (git("rev-parse", "HEAD"), True)


def test_the_command_says_it(mlpo_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "state", lambda: Commit(THERE, False))
    said = mlpo_bench("--version")
    assert said.code == 0
    assert said.out.startswith("mlpo-bench ")
    assert said.out.endswith(" (the code: commit eeeeeeeee)\n")
