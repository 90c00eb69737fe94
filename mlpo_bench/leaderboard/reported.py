"""Figures that somebody reported without runs that can be opened: shown apart, never ranked with measured ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpo_bench import atomic, yamls
from mlpo_bench.errors import UsageError
from mlpo_bench.reports.grids import Grid


if TYPE_CHECKING:
    from pathlib import Path


class ReportedRow(BaseModel):
    """A figure as it was reported; what the source does not tell is None."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    suite: str
    accuracy: Annotated[yamls.Real, Field(ge=0, le=1)]
    questions: Annotated[yamls.Whole, Field(ge=0)] | None = None
    peers: Annotated[yamls.Whole, Field(ge=0)] | None = None
    rounds: Annotated[yamls.Whole, Field(ge=0)] | None = None
    source: str
    note: str = ""


class Reported(BaseModel):
    """The content of `reported.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: tuple[ReportedRow, ...] = ()


def read_reported(path: Path) -> Reported:
    """Read the reported figures; none where there is no such file.

    Raises:
        UsageError: the file holds something else.
    """
    if not path.exists():
        return Reported()
    try:
        return Reported.model_validate_json(atomic.read(path), strict=True)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise UsageError(f"{path.name} does not match its schema: {where}: {fault['msg']}.") from None


def reported_grid(reported: Reported) -> Grid:
    """Return the table of what was reported."""

    def told(number: int | None) -> str:
        return "not told" if number is None else f"{number:,}"

    rows = tuple(
        (row.system, row.suite.upper(), f"{row.accuracy:.3f}", *map(told, (row.questions, row.peers, row.rounds)),
         row.source, row.note or "-")
        for row in reported.rows
    )  # fmt: skip
    return Grid(
        "Reported, not reproduced here",
        ("system", "suite", "accuracy", "n", "peers", "rounds", "source", "note"),
        rows,
        ("No run of these can be opened, so they have no interval, no cost and no rank, and stand in no other table.",),
    )
