"""What was found out about one thing that a run may need."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Say = Callable[[str], None]
    """Takes what is being looked at, where that may take a while."""


class State(StrEnum):
    """How it stands with a thing."""

    WORKS = "works"
    PARTLY = "partly"
    NO = "no"
    TOLD = "-"
    """Neither good nor bad: so many cores."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out.

    Attributes:
        part: What kind of thing it is: `engine`, `device`, `disk`, `python`, `data`, `model`, `key`, `server`.
        what: Which one.
        state: How it stands with it.
        found: What was seen, in a few words.
        mend: What to do where it does not work: a command, or a sentence.
        needed: Whether the team cannot be run without it.
    """

    part: str
    what: str
    state: State
    found: str
    mend: str = ""
    needed: bool = False

    @property
    def hinders(self) -> bool:
        """Whether the team cannot be run because of it."""
        return self.needed and self.state is State.NO


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found out for a team; `team` is None for the one that runs where no file is named."""

    findings: tuple[Finding, ...]
    team: Path | None = None

    @property
    def hindrances(self) -> tuple[Finding, ...]:
        """What keeps the team from being run."""
        return tuple(one for one in self.findings if one.hinders)

    @property
    def works(self) -> bool:
        """Whether all that the team needs is there."""
        return not self.hindrances

    @property
    def mends(self) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
        """What to do, what is needed first, each with the findings that it mends."""
        wanting = [one for one in self.findings if one.mend and one.state in {State.NO, State.PARTLY}]
        by_mend: dict[str, list[Finding]] = {}
        for one in sorted(wanting, key=lambda one: not one.hinders):
            by_mend.setdefault(one.mend, []).append(one)
        return tuple((mend, tuple(mended)) for mend, mended in by_mend.items())

    def plain(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "works": self.works,
            "team": None if self.team is None else str(self.team),
            "findings": [asdict(one) for one in self.findings],
        }


def any_works(findings: Iterable[Finding]) -> bool:
    """Whether one of some things can be used."""
    return any(one.state in {State.WORKS, State.PARTLY} for one in findings)
