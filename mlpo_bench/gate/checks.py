"""What a gate says: checks that passed or failed, or why it cannot judge; and the exit code that follows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


PASSED, REGRESSION, CANNOT_JUDGE = 0, 1, 2
"""The exit codes of a gate."""
_REFUSED = ("gate", "can judge")
"""The one check of a gate that could look at nothing."""


class Outcome(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    CANNOT_JUDGE = "cannot judge"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a gate looked at.

    `group` is what it belongs to (a suite, or `answers`); `name` tells it apart there. `message` is a sentence,
    `details` may have many lines.
    """

    group: str
    name: str
    outcome: Outcome
    message: str
    details: str = ""

    @classmethod
    def of(cls, group: str, name: str, message: str, details: str = "", *, failed: bool) -> Check:
        """Make a check that passed or failed."""
        return cls(group, name, Outcome.FAILED if failed else Outcome.PASSED, message, details)


@dataclass(frozen=True, slots=True)
class Judgement:
    """All checks of a gate. `title` says what was judged against what."""

    title: str
    checks: tuple[Check, ...]
    seconds: float = 0.0

    @classmethod
    def refused(cls, title: str, why: str) -> Judgement:
        """Make the judgement of a gate that cannot judge."""
        return cls(title, (Check(*_REFUSED, Outcome.CANNOT_JUDGE, why),))

    @property
    def is_refused(self) -> bool:
        """Whether nothing was looked at."""
        return [(check.group, check.name) for check in self.checks] == [_REFUSED]

    def having(self, outcome: Outcome) -> tuple[Check, ...]:
        """Return the checks that came out so."""
        return tuple(check for check in self.checks if check.outcome is outcome)

    @property
    def exit_code(self) -> int:
        """0 where all passed, 1 where something got worse, 2 where nothing did but not all could be judged."""
        if self.having(Outcome.FAILED):
            return REGRESSION
        return PASSED if self.checks and not self.having(Outcome.CANNOT_JUDGE) else CANNOT_JUDGE

    @property
    def summary(self) -> str:
        """The judgement in a sentence."""
        failed, refused = len(self.having(Outcome.FAILED)), self.having(Outcome.CANNOT_JUDGE)
        if failed:
            return f"{failed} of {len(self.checks)} checks failed."
        if refused:
            return f"Cannot judge: {refused[0].message}"
        return f"All {len(self.checks)} checks passed." if self.checks else "Cannot judge: there was nothing to check."
