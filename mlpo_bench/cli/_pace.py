"""How long what is left will take, at the pace of the last minutes.

rich has such an estimate for its bars. It forgets all that is older than its period, so a training whose steps are
longer has none, and one with a longer period takes answers that came out of a store for the pace of an engine.
"""

from __future__ import annotations

from collections import deque


WINDOW_S = 120.0
"""What counts as lately: long enough for a few answers of a slow model, short beside a run that is taken up again,
whose first thousands of answers come out of the store at once."""
SEEN_S = 1.0


class Pace:
    """Counts what is done, and tells from what was done lately how long the rest takes.

    Args:
        now: When it began, in seconds of some clock.
    """

    def __init__(self, now: float) -> None:
        self._seen = deque([(now, 0)])

    def see(self, now: float, done: int) -> None:
        """Take how much is done by now."""
        if now - self._seen[-1][0] >= SEEN_S:
            self._seen.append((now, done))
        while len(self._seen) > 1 and now - self._seen[1][0] >= WINDOW_S:  # the first is from before the window
            self._seen.popleft()

    def left(self, now: float, done: int, remaining: int) -> float | None:
        """Return the seconds that the rest will take; None where nothing has been done lately."""
        then, before = self._seen[0]
        if remaining <= 0:
            return 0.0
        return (now - then) / (done - before) * remaining if done > before else None
