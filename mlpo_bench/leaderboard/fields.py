"""What the fields of an entry may hold: an entry comes from somebody else, and every table is made of what it says."""

from __future__ import annotations

from typing import Annotated, Any, Protocol, TypeVar

from pydantic import AfterValidator, Field

from mlpo_bench import yamls


class _Valued(Protocol):
    @property
    def value(self) -> float: ...


Figure = TypeVar("Figure", bound=_Valued)


def is_share(figure: Figure) -> Figure:
    """Refuse a figure that is no share of questions; differences are figures, too."""
    if figure.value < 0:
        raise ValueError(f"its value must be from 0 to 1 (it is {figure.value})")
    return figure


def _machine(given: dict[str, Any]) -> dict[str, Any]:
    """Refuse what no table could tell of a machine; what else is noted of it may be anything."""
    names = given.get("accelerators")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("accelerators must be a list of names")
    if not _is_whole(given.get("cores", 1)):
        raise ValueError("cores must be a whole number")
    if any(not isinstance(given.get(name), str | None) for name in ("machine", "processor")):
        raise ValueError("machine and processor must be names")
    return given


def _checkout(given: dict[str, Any]) -> dict[str, Any]:
    if not (isinstance(given.get("commit"), str | None) and isinstance(given.get("dirty"), bool | None)):
        raise ValueError("commit must be a name, and dirty true or false")  # noqa: TRY004 - pydantic tells ValueErrors
    return given


def _ballots(given: dict[str, Any]) -> dict[str, Any]:
    if not _is_whole(samples := given.get("samples")) or (samples is not None and samples < 1):
        raise ValueError("samples must be a number of ballots")
    return given


def _is_whole(given: object) -> bool:
    return given is None or (isinstance(given, int) and not isinstance(given, bool))


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[yamls.Real, Field(ge=0, le=1)]
Signed = Annotated[yamls.Real, Field(ge=-1, le=1)]
# Sums of some, and their logarithms, are numbers as well.
Amount = Annotated[yamls.Real, Field(ge=0, le=1e24)]
Number = Annotated[yamls.Whole, Field(ge=0)]
Count = Annotated[yamls.Whole, Field(ge=1)]
Bits = Annotated[str, Field(pattern=r"^[01]+$")]
# A command stands in a block of the README, which a line break could end.
Command = Annotated[str, Field(pattern=r"^mlpo-bench[^\x00-\x1f\x7f]*$")]
Generation = yamls.JsonObject
Hardware = Annotated[yamls.JsonObject, AfterValidator(_machine)]
Git = Annotated[yamls.JsonObject, AfterValidator(_checkout)]
Settings = Annotated[yamls.JsonObject, AfterValidator(_ballots)]
