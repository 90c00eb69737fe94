"""What a team file says of where a model's engines lie on a cluster: `placement`, for `--executor ray`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mlpo_bench import yamls


MOST_REPLICAS = 1_024
Amount = Annotated[yamls.Real, Field(ge=0, le=1_048_576)]


class Placement(BaseModel):
    """How many engines of a model a cluster holds, and what each of them takes there.

    Attributes:
        replicas: how many engines, each with the whole model.
        gpus: of each; without a word, what its `engine_options` need where the cluster has GPUs: one, or as many as
            hold parts or copies of the model. A part of one, such as 0.5, goes with `engine_options: {memory: ...}`.
        cpus: of each.
        resources: what else of the cluster's own resources each takes, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    replicas: Annotated[yamls.Whole, Field(ge=1, le=MOST_REPLICAS)] = 1
    gpus: Amount | None = None
    cpus: Amount = 1.0
    resources: dict[str, Amount] = {}

    @field_validator("gpus")
    @classmethod
    def _is_whole_above_one(cls, given: float | None) -> float | None:
        if given is not None and given > 1 and given != int(given):
            raise ValueError("an engine takes part of one GPU, or whole ones")
        return given

    @field_validator("resources")
    @classmethod
    def _leaves_the_known_ones(cls, given: dict[str, float]) -> dict[str, float]:
        if known := given.keys() & {"CPU", "GPU"}:
            raise ValueError(f"{min(known)} is said as {min(known).lower()}s")
        return given

    def __hash__(self) -> int:
        return hash((self.replicas, self.gpus, self.cpus, tuple(sorted(self.resources.items()))))


ANYWHERE = Placement()
"""One engine, of which a team file says nothing more."""
