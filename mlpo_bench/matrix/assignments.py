"""Protocols' settings as they are written on a command line: `rounds=2`, `leader.share=whole,answer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.matrix.sweeps import Sweep, matchable
from mlpo_bench.protocols import read_setting, setting_names


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class _Assignment:
    """What somebody wrote: values of a setting, of one protocol or (`None`) of every one that has it."""

    text: str
    protocol: str | None
    setting: str
    values: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> _Assignment:
        """Take `protocol.setting=value,value` apart.

        Raises:
            UsageError: it is not written like this.
        """
        left, equals, right = text.partition("=")
        protocol, _, setting = left.strip().rpartition(".")
        values = tuple(value.strip() for value in right.split(","))
        if not equals or not setting or "" in values:
            raise UsageError(
                f"-P takes name=value, such as rounds=2, share=whole,answer or leader.rounds=2; {text!r} is none."
            )
        return cls(text, protocol or None, setting.replace("-", "_"), values)

    def concerns(self, sweep: Sweep) -> bool:
        """Whether it is meant for the protocol of a sweep, if that has the setting."""
        return self.protocol in {None, sweep.protocol, sweep.kind.name}


def assigned(sweeps: Iterable[Sweep], texts: Sequence[str]) -> tuple[Sweep, ...]:
    """Return sweeps with settings as a person wrote them in the place of their own.

    Several values of one setting, in one text or several, are all run.

    Raises:
        UsageError: a text is no assignment, no sweep has its setting, or its value is wrong.
    """
    changed = tuple(sweeps)
    chosen: dict[tuple[str | None, str], _Assignment] = {}
    for text in texts:
        new = _Assignment.read(text)
        place = (new.protocol, new.setting)
        before = chosen.get(place)
        chosen[place] = new if before is None else _Assignment(text, *place, before.values + new.values)
    for assignment in sorted(chosen.values(), key=lambda one: one.protocol is not None):  # the narrower goes last
        _check(assignment, changed)
        changed = tuple(_with(assignment, sweep) for sweep in changed)
    # Checked when all are there: one setting may bound another.
    return tuple(Sweep.model_validate(dict(sweep)) for sweep in changed)


def _with(assignment: _Assignment, sweep: Sweep) -> Sweep:
    kind, setting = sweep.kind, assignment.setting
    if not assignment.concerns(sweep) or setting not in setting_names(kind):
        return sweep
    may_match, ways = matchable(kind)
    matches = ways if setting == may_match else ()
    values = [text if text in matches else read_setting(kind, setting, text) for text in assignment.values]
    return sweep.model_copy(update={"settings": {**sweep.settings, setting: tuple(dict.fromkeys(values))}})


def _check(assignment: _Assignment, sweeps: Sequence[Sweep]) -> None:
    names = list(dict.fromkeys(sweep.protocol for sweep in sweeps))
    concerned = [sweep for sweep in sweeps if assignment.concerns(sweep)]
    if not concerned:
        hint = nearest(str(assignment.protocol), names) or "."
        raise UsageError(
            f"-P {assignment.text}: {assignment.protocol!r} is not among the run's protocols, {', '.join(names)}{hint}"
        )
    settings = {sweep.protocol: setting_names(sweep.kind) for sweep in concerned}
    known = [setting for of_one in settings.values() for setting in of_one]
    if assignment.setting not in known:
        listed = "; ".join(f"{name} has {', '.join(of_one)}" for name, of_one in settings.items() if of_one)
        hint = nearest(assignment.setting, known) or "."
        raise UsageError(
            f"-P {assignment.text}: no protocol of the run has a setting {assignment.setting!r}{hint} "
            f"{f'{listed}.' if listed else 'None has any.'}"
        )
