"""A script in the place of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.engines.spec import EngineKind


if TYPE_CHECKING:
    from mlpo_bench.engines.base import Engine
    from mlpo_bench.engines.spec import ModelSpec, OpenOptions


class Script(EngineKind):
    """Answers by the rules of a YAML file."""

    name = "scripted"

    @classmethod
    def check(cls, spec: ModelSpec) -> None:
        """Check that nothing is asked that a script does not have.

        Raises:
            ValueError: an adapter or an address is given.
        """
        if spec.adapter:
            raise ValueError("an adapter changes a model's weights, and a script has none")
        super().check(spec)

    @classmethod
    async def open(cls, spec: ModelSpec, options: OpenOptions) -> Engine:  # noqa: ARG003
        """Read the script."""
        from mlpo_bench.engines.scripted import ScriptFileEngine

        return ScriptFileEngine(spec)
