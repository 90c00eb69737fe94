"""Protocols by name, and one protocol from a name and settings as a person writes them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from mlpo_bench.errors import UsageError, nearest, unknown
from mlpo_bench.protocols.critique import Critique
from mlpo_bench.protocols.debate import Debate
from mlpo_bench.protocols.leader import Leader
from mlpo_bench.protocols.mixture import Mixture, SelfMixture
from mlpo_bench.protocols.oracle import Oracle
from mlpo_bench.protocols.pick import Pick
from mlpo_bench.protocols.recursive import Recursive
from mlpo_bench.protocols.refine import Refine
from mlpo_bench.protocols.select import Select
from mlpo_bench.protocols.solo import Solo
from mlpo_bench.protocols.vote import Vote
from mlpo_bench.protocols.weighted import Weighted


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.protocols.base import Protocol

_ALL = (
    Solo,
    Vote,
    Weighted,
    Leader,
    Debate,
    Mixture,
    SelfMixture,
    Refine,
    Critique,
    Select,
    Pick,
    Oracle,
    Recursive,
)

PROTOCOLS: dict[str, type[Protocol]] = {cls.name: cls for cls in _ALL}
"""The protocols by name."""


def build(name: str, settings: Mapping[str, object]) -> Protocol:
    """Return the protocol of a name with its settings; `"2"` does for 2, as on a command line.

    Raises:
        UsageError: no such protocol or setting, or a value that the setting cannot take.
    """
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    cls = PROTOCOLS[name]
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # every protocol is a dataclass
    for setting in settings:
        if setting not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            hint = nearest(setting, known)
            raise UsageError(f"protocol {name!r} has no setting {setting!r} ({has}){hint or '.'}")
    try:
        return TypeAdapter(cls).validate_python(dict(settings))
    except ValidationError as error:
        fault = error.errors()[0]
        where, must = fault["loc"][0], fault["msg"].removeprefix("Input ")
        raise UsageError(f"the setting {where!r} of protocol {name!r} {must}, not {fault['input']!r}.") from None
