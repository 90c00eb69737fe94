"""A recording in the place of the model that once answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.engines.spec import EngineKind


if TYPE_CHECKING:
    from mlpo_bench.engines.base import Engine
    from mlpo_bench.engines.spec import ModelSpec, OpenOptions

_IDENTITY_BARS = 2


class Recording(EngineKind):
    """Stands for a model whose completions the store holds, and never writes."""

    name = "recorded"
    takes_adapters = True
    speaks_for_others = True

    @classmethod
    def check(cls, spec: ModelSpec) -> None:
        """Check that its identity is told.

        Raises:
            ValueError: it is not.
        """
        super().check(spec)
        if (spec.revision or "").count("|") != _IDENTITY_BARS:
            raise ValueError(f"engine {cls.name!r} needs the revision `revision|dtype|engine` that the recording tells")

    @classmethod
    async def open(cls, spec: ModelSpec, options: OpenOptions) -> Engine:  # noqa: ARG003
        """Take its identity."""
        from mlpo_bench.engines.recorded import RecordedEngine

        return RecordedEngine.of(spec)
