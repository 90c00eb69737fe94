"""What is known of a server's model: for the record, and for the identity of what it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.base import UNTOLD_CONTEXT, ModelFacts
from mlpo_bench.engines.hashes import revision_of
from mlpo_bench.engines.spec import ASKED_ANEW, AUTO
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.engines.server.listing import Listing
    from mlpo_bench.engines.spec import ModelSpec

# Where neither the server nor the spec tells the context: large enough not to stand in the way of a server's own.
DEFAULT_CONTEXT = 131_072
_TOKENIZER = ("*.json", "*.jinja", "*.model", "*.txt")


def facts_of(spec: ModelSpec, listing: Listing, rendering: Sequence[str] = ()) -> ModelFacts:
    """Return what answers, as far as a server tells.

    Args:
        spec: how the model is asked.
        listing: the server's list of models.
        rendering: what of the prompts that are written here is neither in the messages nor in a template.
    """
    told = [bound for bound in (listing.context, spec.context) if bound]
    served: dict[str, Any] = {"owned_by": listing.owner, "created": listing.created}
    return ModelFacts(
        name=spec.model,
        engine="openai",
        revision=_revision(spec, listing, rendering),
        dtype="unknown",
        context=min(told) if told else DEFAULT_CONTEXT,
        note="" if told else UNTOLD_CONTEXT,
        told={name: value for name, value in served.items() if value is not None},
    )


def _revision(spec: ModelSpec, listing: Listing, rendering: Sequence[str]) -> str:
    """Return all that is known of which answers a server gives: its address, its model, and what a team file says.

    Where several servers answer for one model, the first address stands for all.
    """
    parts = [f"{spec.address} {listing.root or spec.model}"]
    if spec.revision is not None:
        parts.append(f"revision {spec.revision}")
    if (deployment := listing.created_at if spec.deployment == AUTO else spec.deployment) is not None:
        parts.append(f"deployment {deployment}")
    if spec.request.identity is not None:
        parts.append(f"request {spec.request.identity}")
    if spec.request.template is not None:
        folder = expanded(spec.request.template)
        parts.append(f"template {revision_of(file for name in _TOKENIZER for file in folder.glob(name))}")
        parts += rendering
    if spec.generation == "model":
        parts.append("generation model")
    if listing.unknown:  # what a server is sent in place of its own defaults goes by the list
        parts.append("without its list of models")
    if spec.asked_anew is not None:
        parts.append(f"{ASKED_ANEW}{spec.asked_anew}")
    return " ".join(parts)
