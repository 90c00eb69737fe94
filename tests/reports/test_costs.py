from __future__ import annotations

from mlpo_bench.reports.costs import short_names


def test_models_are_called_by_the_last_part_of_their_names_unless_two_would_be_called_alike() -> None:
    assert short_names(["smollm2-135m", "smollm2-135m+training/leaders/mine", "org/model"]) == {
        "smollm2-135m": "smollm2-135m",
        "smollm2-135m+training/leaders/mine": "smollm2-135m+mine",
        "org/model": "model",
    }
    alike = ["base+one/leader", "base+two/leader"]
    assert short_names(alike) == {name: name for name in alike}
