from __future__ import annotations

import pytest

from mlpo_bench.reports.figures import count, duration, operations, price, short_names, with_counts


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "unknown"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7_500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (70_000_000, "2 y 80 d"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("count", "told"),
    [(None, "-"), (12, "12"), (2.5e6, "2.5 M"), (4.3e10, "43.0 G"), (1.2e15, "1.2 P"), (3e23, "300.0 Z")],
)
def test_operations_are_told_in_thousands_of_thousands(count: float | None, told: str) -> None:
    assert operations(count) == told


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (None, "-"),
        (0.0, "0.0000"),
        (4e-7, "4.0e-07"),
        (1e-6, "0.0000010"),
        (0.00003, "0.000030"),
        (0.00123, "0.0012"),
        (0.00999, "0.0100"),
        (0.01, "0.0100"),
        (0.5, "0.5000"),
        (1234.5, "1,234.50"),
    ],
)
def test_a_small_price_has_more_digits(amount: float | None, told: str) -> None:
    assert price(amount) == told


def test_models_are_called_by_the_last_part_of_their_names_unless_two_would_be_called_alike() -> None:
    assert short_names(["smollm2-135m", "smollm2-135m+training/leaders/mine", "org/model"]) == {
        "smollm2-135m": "smollm2-135m",
        "smollm2-135m+training/leaders/mine": "smollm2-135m+mine",
        "org/model": "model",
    }
    alike = ["base+one/leader", "base+two/leader"]
    assert short_names(alike) == {name: name for name in alike}


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0"), (999_999, "999,999"), (12_454_321, "12.5 M"), (2_152_000_000, "2.15 G"), (5 * 10**15, "5,000 T")],
)
def test_counts_are_short_and_whole(number: int, told: str) -> None:
    assert count(number) == told


def test_a_matched_row_says_what_it_came_to() -> None:
    assert with_counts("vote", [], "ballots") == "vote"
    assert with_counts("vote at the tokens of leader", [1], "ballots") == "vote at the tokens of leader (1 ballot)"
    assert with_counts("vote", [6, 1_000], "ballots") == "vote (6, 1,000 ballots)"
    assert with_counts("think", [2_048], "tokens") == "think (2,048 tokens)"
