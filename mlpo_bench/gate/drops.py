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
from mlpo_bench.gate.baseline import together
from mlpo_bench.gate.checks import Check, Judgement, Outcome
from mlpo_bench.gate.power import broken_promise, check_promises, finds
from mlpo_bench.log.manifest import reused_in
from mlpo_bench.stats import holm, mcnemar, sign_flip


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.gate.baseline import Baseline, Row
    from mlpo_bench.log import LoadedRun

_FIGURES = (("right", "accuracy"), ("unread", "unread"), ("cut_off", "cut off"))


@dataclass(frozen=True, slots=True)
class _Test:
    row: Row
    figure: str
    p: float
    says: str
    observed: float | None = None
    broken: str | None = None


def judge_runs(runs: Sequence[LoadedRun], baseline: Baseline, *, new_model: bool = False) -> Judgement:
    """Return how one run, or several taken together, compares with a baseline.

    Args:
        runs: Of the same questions and rows.
        baseline: What they are held to.
        new_model: Whether other models answered, in another team: rows of the same names are compared.

    Raises:
        UsageError: they cannot be judged: the thresholds ask for more than the questions tell, a run lacks answers, or
            it asked something else.
    """
    check_promises(baseline)
    for run in runs:
        _check_asked(run)
    now = together(runs, "compared", None, baseline.thresholds)
    if new_model:
        baseline = _in_common(now, baseline)
    _check_same(now, baseline, new_model=new_model)
    return judge(now, baseline)


def _in_common(now: Baseline, before: Baseline) -> Baseline:
    """Return a baseline without the rows that another team has not, and without the suites that it was not asked.

    Raises:
        UsageError: no row is left.
    """
    rows = {name: row for name, row in before.rows.items() if name in now.rows}
    if not rows:
        raise UsageError("the run has no row of the baseline; a new model is compared row by row, by their names.")
    suites = {row.suite for row in rows.values()}
    sources, questions = (
        {suite: value for suite, value in each.items() if suite in suites}
        for each in (before.sources, before.questions)
    )
    return before.model_copy(update={"rows": rows, "sources": sources, "questions": questions})


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
    checks = [_check(before, test, adjusted[name], len(tests)) for name, test in tests.items()]
    made = before.history[-1]
    return Judgement(f"{now.run} against the baseline of {made.date} ({made.reason})", tuple(checks))


def _check(before: Baseline, test: _Test, adjusted: float, tests: int) -> Check:
    name = f"{test.row.label}: {test.figure}"
    says = f"{test.row.suite}, {test.row.label}: {test.says}; p {test.p:.2g}, {adjusted:.2g} over all {tests} tests"
    failed = adjusted < before.thresholds.alpha
    if not failed and test.broken is not None:
        return Check(test.row.suite, name, Outcome.CANNOT_JUDGE, f"{says}. {test.broken}")
    return Check.of(test.row.suite, name, says, _could_find(before, test), failed=failed)


def _check_same(now: Baseline, before: Baseline, *, new_model: bool = False) -> None:
    """Raise UsageError unless two runs asked the same questions in the same way; a new model may be another."""
    if missing := [name for name in before.rows if name not in now.rows]:
        raise UsageError(f"the run lacks {len(missing)} rows of the baseline, such as {missing[0]}.")
    for suite, revision in before.sources.items():
        if now.sources.get(suite) != revision:
            raise UsageError(f"the data of {suite} are another ({now.sources.get(suite)}, baseline {revision}).")
    for suite, questions in before.questions.items():
        if now.questions[suite] != questions:
            raise UsageError(f"the run asked other questions of {suite} than the baseline.")
    if new_model:
        return
    if now.models != before.models:
        raise UsageError(
            f"the models are others ({', '.join(now.models)}; baseline {', '.join(before.models)}). To judge another "
            "model: --new-model."
        )
    if now.config != before.config:
        raise UsageError(f"the run's configuration is another ({now.config[:12]}, baseline {before.config[:12]}).")


def _tests(now: Row, before: Row, baseline: Baseline) -> Iterator[_Test]:
    for field, figure in _FIGURES:
        yield _paired(now, before, field, figure, baseline)
    yield _tokens(now, before, baseline.thresholds.max_tokens_rise)


def _paired(now: Row, before: Row, field: str, figure: str, baseline: Baseline) -> _Test:
    a, b = now.shares(field), before.shares(field)
    up, down = int((a > b).sum()), int((a < b).sum())
    worse, better = (down, up) if field == "right" else (up, down)
    loss = float((b - a).sum()) if field == "right" else float((a - b).sum())
    once = now.runs == before.runs == 1
    p = (mcnemar(a, b) if once else sign_flip(a - b)) / 2 if loss > 0 else 1.0
    turned = f"{worse} questions worse, {better} better"
    runs = "" if once else f", {now.runs} runs against {before.runs}"
    observed = (up + down) / now.n
    return _Test(
        now,
        figure,
        p,
        f"{figure} {a.mean():.3f}, was {b.mean():.3f} (n {now.n}{runs}; {turned})",
        observed=observed,
        broken=broken_promise(baseline, before, field, observed) if once else None,
    )


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
    if test.observed is None:
        return ""
    least = finds(baseline, test.row.n, test.observed)
    if least is None:
        return f"{test.row.n} questions are too few to find any change."
    return (
        f"{test.row.n} questions find a change of {least:.3f} {baseline.thresholds.power:.0%} of the time "
        f"where {max(test.observed, least):.0%} of them change one way or the other, as they did."
    )
