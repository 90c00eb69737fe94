"""What a run was expected to take, before it began."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field, ValidationError

from mlpo_bench.errors import UsageError
from mlpo_bench.log.files import damaged
from mlpo_bench.log.ledger import Spent
from mlpo_bench.log.seals import read_sealed, write_sealed
from mlpo_bench.matrix.config import TEAM


if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from mlpo_bench.log.agreement import Told


_IDENTITY = "config_sha256"
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CellPlan(BaseModel):
    """What one cell will take, alone.

    `fewest_calls` and `calls` are those of one question, at least and at most; tokens are the whole cell's.
    `samples` is the expected number of ballots where it follows from another cell's tokens. Earlier versions' plans do
    not name the `team`.
    """

    cell: str
    suite: str
    label: str
    team: str = TEAM
    questions: int
    fewest_calls: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    samples: int | None = None


class Plan(BaseModel):
    """What a run will take.

    `alone` adds up the cells as if each were run by itself; `paid` counts what equal requests share once; both go by
    model. Seconds and price are of what is paid; each is None where a model's speed or price is not known. `basis`
    says where a model's speed and answer lengths are from.
    """

    cells: tuple[CellPlan, ...]
    alone: dict[str, Spent]
    paid: dict[str, Spent]
    seconds: _Amount | None
    price: _Amount | None
    basis: dict[str, str]

    @property
    def calls_alone(self) -> int:
        """Completions, were every cell run by itself."""
        return sum(spent.calls for spent in self.alone.values())

    @property
    def calls_paid(self) -> int:
        """Completions that will be made."""
        return sum(spent.calls for spent in self.paid.values())


def write_plan(path: Path, plan: Plan, identity: str) -> None:
    """Write what a run is expected to take, with the identity of its configuration."""
    write_sealed(path, {**plan.model_dump(mode="json"), _IDENTITY: identity})


def read_plan(path: Path, run: Told | None = None) -> Plan:
    """Return what a run was expected to take.

    Args:
        path: Where it lies.
        run: The run, to check that it is its own; earlier versions' plans do not tell.

    Raises:
        DamagedFile: the file is not what was written, or another run's.
    """
    content = read_sealed(path)
    identity = content.pop(_IDENTITY, None)
    try:
        plan = Plan.model_validate(content)
    except ValidationError:
        raise damaged(path, "is no plan") from None
    if run is not None and identity is not None:
        run.check_identity(path, identity, {cell.cell for cell in plan.cells})
    return plan


def pass_on(path: Path, cells: Collection[str], identity: str) -> None:
    """Have the plan of a run stay its own whose configuration is another now, with the same cells."""
    with contextlib.suppress(UsageError):
        plan = read_plan(path)
        if {cell.cell for cell in plan.cells} == set(cells):
            write_plan(path, plan, identity)
