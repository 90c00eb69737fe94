"""The small-model gate: a run against the baseline of an earlier one, question by question.

It fails on what tests support and on nothing else. For each row: accuracy, the unread and the cut-off shares each by
McNemar's exact test, one-sided, as a gate looks only for changes for the worse; tokens a question by a one-sided t
test of whether they rose over the bound. All p values of a gate are adjusted together (Holm), so that a tree in which
nothing changed passes at least 95 times in a hundred (`alpha`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.errors import UsageError
from mlpo_bench.gate.baseline import baseline_of
from mlpo_bench.gate.checks import Check, Judgement
from mlpo_bench.gate.power import check_promises, finds
from mlpo_bench.log.manifest import reused_in
from mlpo_bench.stats import holm, mcnemar


if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mlpo_bench.gate.baseline import Baseline, Row
    from mlpo_bench.log import LoadedRun

_FIGURES = (("right", "accuracy"), ("unread", "unread"), ("cut_off", "cut off"))


@dataclass(frozen=True, slots=True)
class _Test:
    row: Row
    figure: str
    p: float
    says: str


def judge_run(run: LoadedRun, baseline: Baseline) -> Judgement:
    """Return how a run compares with a baseline.

    Raises:
        UsageError: it cannot be judged: the thresholds ask for more than the questions tell, the run lacks answers, or
            it asked something else.
    """
    check_promises(baseline)
    _check_asked(run)
    now = baseline_of(run, "compared", None, baseline.thresholds)
    _check_same(now, baseline)
    return judge(now, baseline)


def _check_asked(run: LoadedRun) -> None:
    """Raise UsageError where a server's answers are all from before the run: they say nothing of what it is now."""
    servers = {member.name for team in run.config.teams.values() for member in team.measured if member.base_url}
    sessions = run.manifest["sessions"]
    asked: Counter[str] = Counter()
    for session in sessions:
        made = session.get("completions", {})
        asked.update(made.get("made_by", dict.fromkeys(servers, made.get("made", 0))))
    for model in sorted(servers):
        if not asked[model]:
            told = next((f" {reused}" for session in sessions if (reused := reused_in(session))), "")
            raise UsageError(
                f"the server's model {model} was not asked in this run: all its answers are from before.{told} Run it "
                "with --fresh, or give the model a deployment in the team file."
            )


def judge(now: Baseline, before: Baseline) -> Judgement:
    """Return how the figures of one run compare with those of another on the same questions."""
    tests = {f"{name}/{t.figure}": t for name, row in before.rows.items() for t in _tests(now.rows[name], row, before)}
    adjusted = holm({name: test.p for name, test in tests.items()})
    checks = [
        Check.of(
            test.row.suite,
            f"{test.row.label}: {test.figure}",
            f"{test.says}; p {test.p:.2g}, {adjusted[name]:.2g} over all {len(tests)} tests",
            _could_find(before, test),
            failed=adjusted[name] < before.thresholds.alpha,
        )
        for name, test in tests.items()
    ]
    made = before.history[-1]
    return Judgement(f"{now.run} against the baseline of {made.date} ({made.reason})", tuple(checks))


def _check_same(now: Baseline, before: Baseline) -> None:
    """Raise UsageError unless two runs asked the same questions in the same way."""
    if missing := [name for name in before.rows if name not in now.rows]:
        raise UsageError(f"the run lacks {len(missing)} rows of the baseline, such as {missing[0]}.")
    for suite, revision in before.sources.items():
        if now.sources.get(suite) != revision:
            raise UsageError(f"the data of {suite} are another ({now.sources.get(suite)}, baseline {revision}).")
    for suite, questions in before.questions.items():
        if now.questions[suite] != questions:
            raise UsageError(f"the run asked other questions of {suite} than the baseline.")
    if now.models != before.models:
        raise UsageError(f"the models are others ({', '.join(now.models)}; baseline {', '.join(before.models)}).")
    if now.config != before.config:
        raise UsageError(f"the run's configuration is another ({now.config[:12]}, baseline {before.config[:12]}).")


def _tests(now: Row, before: Row, baseline: Baseline) -> Iterator[_Test]:
    for field, figure in _FIGURES:
        yield _paired(now, before, field, figure)
    yield _tokens(now, before, baseline.thresholds.max_tokens_rise)


def _paired(now: Row, before: Row, field: str, figure: str) -> _Test:
    a, b = _flags(getattr(now, field)), _flags(getattr(before, field))
    up, down = int((a > b).sum()), int((a < b).sum())
    worse, better = (down, up) if field == "right" else (up, down)
    p = mcnemar(a, b) / 2 if worse > better else 1.0
    turned = f"{worse} questions worse, {better} better"
    return _Test(now, figure, p, f"{figure} {a.mean():.3f}, was {b.mean():.3f} (n {now.n}; {turned})")


def _flags(bits: str) -> NDArray[np.float64]:
    return np.array([bit == "1" for bit in bits], dtype=np.float64)


def _tokens(now: Row, before: Row, bound: float) -> _Test:
    from scipy.special import stdtr, stdtrit

    a, b = np.array(now.tokens, dtype=np.float64), np.array(before.tokens, dtype=np.float64)
    ratio, n = a.mean() / b.mean(), len(a)
    over = ratio - (1 + bound)
    # The linearised error of a ratio of means over the same questions.
    error = (a - ratio * b).std(ddof=1) / n**0.5 / b.mean() if n > 1 else 0.0
    p = float(stdtr(n - 1, -over / error)) if error > 0 else float(over <= 0)
    reach = float(stdtrit(n - 1, 0.975)) * error if n > 1 else 0.0
    says = (
        f"{a.mean():,.0f} tokens a question, was {b.mean():,.0f}: {ratio - 1:+.1%} "
        f"({ratio - reach - 1:+.1%} to {ratio + reach - 1:+.1%}), bound {bound:+.0%}"
    )
    return _Test(now, "tokens", p, says)


def _could_find(baseline: Baseline, test: _Test) -> str:
    if test.figure == "tokens":
        return ""
    least = finds(baseline, test.row.n)
    if least is None:
        return f"{test.row.n} questions are too few to find any change."
    return (
        f"{test.row.n} questions find a change of {least:.3f} {baseline.thresholds.power:.0%} of the time "
        f"where {max(baseline.thresholds.discordant, least):.0%} of them change one way or the other."
    )
