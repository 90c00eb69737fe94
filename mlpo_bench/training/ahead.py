"""What would keep a later stage from being done, told before an earlier one takes hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.engines import models, processor
from mlpo_bench.training import export, libraries, policy, settings


if TYPE_CHECKING:
    from collections.abc import Collection

    from mlpo_bench.training.recipe import Recipe, Stage


def check(recipe: Recipe, todo: Collection[Stage]) -> None:
    """Check that the stages to come find what they need, as far as that is known now; torch is not loaded for it.

    Raises:
        UsageError: packages or the leader's weights are missing, there is no GPU where one is needed, or the export's
            place is taken.
    """
    if any(stage in recipe.trains for stage in todo):
        policy.check_has_weights(recipe)
        libraries.check_installed()
        settings.check_trackers(recipe)
        if "mlpo" in todo:
            settings.check_gpu(recipe, there=processor.accelerated())
        models.resolve(recipe.leader.spec)
    if "export" in todo:
        export.check_place(recipe)
