"""One protocol from a name and settings as a person writes them."""

from __future__ import annotations

import inspect
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.protocols.base import PROTOCOLS
from mlpo_bench.yamls import message, shown


if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from mlpo_bench.protocols.base import Protocol

RESERVED = ("peers", "teams", "match", "seeds")
"""What a matrix says of a protocol besides its settings."""


@cache
def setting_names(cls: type[Protocol]) -> tuple[str, ...]:
    """Return what settings a protocol has, in their order.

    Raises:
        UsageError: the class has fields, but is no dataclass.
    """
    own = [name for name, kind in inspect.get_annotations(cls).items() if "ClassVar" not in str(kind)]
    if own and "__dataclass_fields__" not in vars(cls):
        raise UsageError(
            f"protocol {cls.name!r} has settings ({', '.join(own)}), so its class must be decorated with "
            "@dataclass(frozen=True)."
        )
    names = tuple(setting.name for setting in fields(cls))
    if taken := [name for name in names if name in RESERVED]:
        raise UsageError(f"protocol {cls.name!r} cannot call a setting {taken[0]!r}: a matrix has one of that name.")
    return names


def read_setting(cls: type[Protocol], setting: str, text: str) -> bool | float | str:
    """Return a setting's value as it is written, as a number or yes or no where the protocol takes it for one."""
    for value in (_plain(text), text):
        if isinstance(value, str) or not _faults(cls, setting, value):
            return value
    return text


def _faults(cls: type[Protocol], setting: str, value: object) -> bool:
    """Whether a protocol cannot take a value, whatever its other settings are."""
    try:
        TypeAdapter(cls).validate_python({setting: value})
    except ValidationError as error:
        return any(fault["loc"][:1] == (setting,) for fault in error.errors())
    except (UsageError, PydanticUserError):  # of other settings, or said when the protocol is built
        return False
    return False


def _plain(text: str) -> bool | float | str:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def build(name: str, settings: Mapping[str, object]) -> Protocol:
    """Return the protocol of a name, or of `module:Class`, with its settings; `"2"` does for 2, as on a command line.

    Raises:
        UsageError: no such protocol or setting, or a value that the setting cannot take.
    """
    cls = PROTOCOLS[name]
    known = setting_names(cls)
    for setting in settings:
        if setting not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            hint = nearest(setting, known)
            raise UsageError(f"protocol {name!r} has no setting {setting!r} ({has}){hint or '.'}")
    try:
        protocol = _adapter(cls).validate_python(dict(settings))
    except ValidationError as error:
        raise UsageError(_fault(name, error.errors()[0])) from None
    except PydanticUserError as error:
        raise UsageError(f"the settings of protocol {name!r} cannot be told: {str(error).splitlines()[0]}") from None
    for setting, value in settings.items():
        if isinstance(value, bool) and not isinstance(getattr(protocol, setting, value), bool):  # it was taken for 1
            raise UsageError(f"the setting {setting!r} of protocol {name!r} should be a number, not {value}.")
    return protocol


@cache
def _adapter(cls: type[Protocol]) -> TypeAdapter[Protocol]:
    return TypeAdapter(cls)


def _fault(name: str, fault: ErrorDetails) -> str:
    must = message(fault).removeprefix("input ").removeprefix("this ")
    if not fault["loc"]:
        return f"protocol {name!r}: {must}."
    if fault["type"] == "missing":
        return f"protocol {name!r} needs its setting {fault['loc'][0]!r}."
    return f"the setting {fault['loc'][0]!r} of protocol {name!r} {must}, not {shown(fault['input'])}."
