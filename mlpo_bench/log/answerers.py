"""What a manifest tells of who answered: each model as a team file has it, and the identity of what was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.engines import ModelFacts, ModelSpec

    Answered = Sequence[Mapping[str, Any]]
    """`spec` as a team file has it, and the `identity` of what was loaded."""


def told(spec: ModelSpec) -> dict[str, Any]:
    """Return a spec as a team file has it, without what it leaves as it is by itself, or decides no answer."""
    return {"model": spec.model, **spec.deciding.model_dump(mode="json", exclude_defaults=True)}


def answered(before: Answered, facts: Mapping[ModelSpec, ModelFacts]) -> list[dict[str, Any]]:
    """Return what a manifest is to tell of who answered: those of this session in place of what they were before."""
    now = [{"spec": told(spec), "identity": of_spec.fingerprint} for spec, of_spec in facts.items()]
    specs = [one["spec"] for one in now]
    return [*(dict(one) for one in before if one["spec"] not in specs), *now]
