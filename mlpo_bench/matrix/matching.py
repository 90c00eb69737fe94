"""Which rows those that match others are held to: every one has some, of each team that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.sweeps import matchable


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.matrix.sweeps import Sweep


def check(sweeps: Sequence[Sweep]) -> None:
    """Check that every settled sweep that is to match other rows has some, of each team that it names.

    Raises:
        UsageError: one has none.
    """
    for sweep in sweeps:
        matched = [other for other in sweeps if sweep.matched(other)] if sweep.matches else []
        if sweep.matches and not matched:
            raise UsageError(_unled(sweep) if sweep.match is None else _unfound(sweep, sweep.match, sweeps))
        if matched and (lacking := [name for name in sweep.teams or () if not any(one.asks(name) for one in matched)]):
            whose = list(dict.fromkeys(name for one in matched for name in one.teams or ()))
            raise UsageError(
                f"`{_asked(sweep)}` of {_teams(lacking)} has no row to match: {_names(matched)} "
                f"{'is' if len(matched) == 1 else 'are'} of {_teams(whose)} alone. Give both the same teams (`teams`)."
            )


def _unled(sweep: Sweep) -> str:
    what = sweep.matches[0]
    number = "how many ballots (`--samples 8`)" if sweep.kind.ballots else "how many tokens (`budget: 2048`)"
    of_each = f"a vote at each led row's {what}" if sweep.kind.ballots else "a budget that matches each led row"
    whose = what if sweep.kind.ballots else "tokens"
    return (
        f"`{_asked(sweep)}` asks for {of_each}, and no leader is in the run; add one "
        f"(`--protocol leader,{sweep.protocol}`), say {number}, or whose {whose} (`match: [debate]`)."
    )


def _unfound(sweep: Sweep, names: Sequence[str], sweeps: Sequence[Sweep]) -> str:
    held = [other for other in sweeps if {other.protocol, other.kind.name} & {*names}]
    if not held:
        return f"`{_asked(sweep)}` is to match {', '.join(names)}, and the run has no such protocol."
    return (
        f"`{_asked(sweep)}` is to match {_names(held)}, and `{_asked(held[0])}` is to match other rows itself: name "
        "rows that match none, or give those a number."
    )


def _asked(sweep: Sweep) -> str:
    return f"{sweep.protocol}: {{{matchable(sweep.kind)[0]}: {sweep.matches[0]}}}"


def _names(sweeps: Sequence[Sweep]) -> str:
    return ", ".join(dict.fromkeys(sweep.protocol for sweep in sweeps))


def _teams(names: Sequence[str]) -> str:
    return f"the {'team' if len(names) == 1 else 'teams'} {', '.join(map(repr, names))}"
