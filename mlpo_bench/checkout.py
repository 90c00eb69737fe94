"""Which commit of a checkout the code is that runs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Commit(NamedTuple):
    """A commit in hex, and whether files differ from it."""

    commit: str
    dirty: bool


def state(folder: Path | None = None) -> Commit | None:
    """Return the commit of the checkout that a package's folder lies in, or None for an installed package."""
    place = folder or Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "--no-optional-locks", "-C", str(place), *arguments],  # noqa: S607 - whichever git the person uses
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", str(place / "__init__.py"))
        return Commit(git("rev-parse", "HEAD"), bool(git("status", "--porcelain")))
    except (OSError, subprocess.SubprocessError):
        return None


def version_told(version: str, at: Commit | None) -> str:
    """Return a version, which an editable install keeps from its last `pip install`, with what the code is by now."""
    installed = version.partition("+g")[2].partition(".")[0]
    if at is None or (installed and at.commit.startswith(installed) and not at.dirty):
        return version
    return f"{version} (the code: commit {at.commit[:9]}{', changed' if at.dirty else ''})"
