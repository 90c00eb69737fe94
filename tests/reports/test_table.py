from __future__ import annotations

import io
from statistics import mean, stdev
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.analysis.rows import ResultRow
from mlpo_bench.log.ledger import SeatCost
from mlpo_bench.log.results import CellResult
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.reports.terminal.table import _print_failed, legend, macro_table, suite_table
from mlpo_bench.stats import Estimate
from mlpo_bench.teams import Price


if TYPE_CHECKING:
    from collections.abc import Sequence


def cell(label: str = "solo", *, right: int = 3, seed: int = 0, **more: object) -> CellResult:
    seat = SeatCost(model="m", parameters=1_000_000, calls=10, prompt_tokens=400, completion_tokens=100, seconds=5.0)
    return CellResult.model_validate(
        {
            "cell": f"bbh.{label}.{seed}", "suite": "bbh", "label": label, "team": "team", "protocol": "solo",
            "settings": {}, "family": "solo", "ceiling": False, "seat": "leader",
            "peers": 0, "seed": seed, "n": 10, "right": right, "accuracy": right / 10, "low": 0.1, "high": 0.6,
            "unread": 1, "cut_off": 2, "errors": 0, "calls": 10, "prompt_tokens": 400, "cached_tokens": 50,
            "completion_tokens": 100, "seconds": 5.0, "serial_calls": 10, "serial_seconds": 5.0,
            "seats": {"leader": seat},
        }
        | more
    )  # fmt: skip


def printed(
    cells: Sequence[CellResult],
    width: int = 160,
    prices: dict[str, Price] | None = None,
    pooled: dict[tuple[str, str, str], Estimate] | None = None,
) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(suite_table("bbh", "a folder", cells, prices or {}, width, pooled))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if label in line)
    return [part.strip() for part in line.strip("│").split("│")]


def test_a_row_tells_means_a_question_and_what_they_took() -> None:
    assert row(printed([cell()]), "solo") == [
        "solo", "0.300", "0.100 - 0.600", "10", "1", "2", "1", "40", "5", "10", "0.5", "100.0 M",
    ]  # fmt: skip


def test_seeds_of_a_cell_stand_in_one_row_with_their_mean_and_spread() -> None:
    found = row(printed([cell(right=r, seed=s) for s, r in enumerate((2, 3, 7))]), "solo")
    assert found[1] == f"{mean((0.2, 0.3, 0.7)):.3f}"
    assert found[2] == "-"  # the seeds' questions are not at hand here
    assert found[3] == f"0.200, 0.700, {stdev((0.2, 0.3, 0.7)):.3f}"
    assert found[4] == "3 x 10"
    assert found[5:8] == ["3", "6", "1"]


def test_the_interval_over_seeds_is_that_of_the_questions() -> None:
    pooled = {("bbh", "team", "solo"): Estimate(0.4, 0.25, 0.55, 10, 2, "logit", None)}
    assert row(printed([cell(right=r, seed=s) for s, r in enumerate((2, 6))], pooled=pooled), "solo")[2] == (
        "0.250 - 0.550"
    )


def test_what_seeds_with_faults_reached_lies_within_its_interval_and_tells_what_each_answered() -> None:
    pooled = {("bbh", "team", "solo"): Estimate(0.5, 0.404, 0.596, 100, 5, "logit", None)}
    seeds = [cell(seed=s, n=n, right=n, accuracy=a) for s, n, a in ((0, 100, 0.5), (1, 10, 1.0))]
    assert row(printed(seeds, pooled=pooled), "solo")[1:5] == [
        "0.500", "0.404 - 0.596", "0.500, 1.000, 0.354", "100+10",
    ]  # fmt: skip
    assert row(printed([cell(seed=s, n=100) for s in range(2)], pooled=pooled), "solo")[4] == "2 x 100"
    many = printed([cell("leader, 2 rounds, 3 peers", seed=s, n=1303 - s) for s in range(5)], 80, pooled=pooled)
    assert "5 x 1299 to 1303" in many
    assert "\u2026" not in many
    assert max(map(len, many.splitlines())) <= 80


def test_an_interval_that_may_be_too_narrow_is_marked() -> None:
    assert row(printed([cell(caution="2 subjects")]), "solo")[2] == "~ 0.100 - 0.600"


def test_the_mean_over_suites_counts_each_suite_the_same() -> None:
    def outcomes(suite: str, right: int, of: int) -> ResultRow:
        scores = {f"{suite}/{n}": float(n < right) for n in range(of)}
        return ResultRow(suite, "team", "solo", (cell(suite=suite),), scores, dict.fromkeys(scores, suite))

    console = Console(file=io.StringIO(), width=120)
    console.print(macro_table([outcomes("bbh", 5, 10), outcomes("mmlu", 30, 40)]))
    assert isinstance(console.file, io.StringIO)
    assert row(console.file.getvalue(), "solo")[:2] == ["solo", "0.625"]
    assert row(console.file.getvalue(), "solo")[3:] == ["2", "50", "1", "55"]


def test_a_matched_vote_tells_how_many_ballots_it_came_to() -> None:
    text = printed(
        [cell("vote at the tokens of leader", seed=s, samples=n, matched="x") for s, n in ((0, 7), (1, 9))], 200
    )
    assert "vote at the tokens of leader (7, 9 ballots)" in text


def test_another_team_than_the_first_is_named() -> None:
    assert "untrained: solo" in printed([cell(), cell(team="untrained")])


def test_questions_that_could_not_be_asked_are_told_with_their_team() -> None:
    console = Console(file=io.StringIO(), width=120)
    _print_failed([cell(errors=2), cell(team="untrained", errors=3)], console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[:2] == [
        "bbh, solo: 2 of 12 questions could not be asked.",
        "bbh, untrained: solo: 3 of 13 questions could not be asked.",
    ]


def test_a_cell_without_answers_has_no_figures() -> None:
    assert row(printed([cell(n=0, accuracy=None, low=None, high=None, errors=10)]), "solo")[1:3] == ["no answers", "-"]


def test_operations_are_not_known_where_a_model_tells_no_size() -> None:
    unknown = {"leader": SeatCost(model="m", calls=1, prompt_tokens=1)}
    assert row(printed([cell(seats=unknown)]), "solo")[-1] == "-"


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_no_terminal_is_too_narrow_for_whole_figures(width: int) -> None:
    text = printed([cell("leader, 2 rounds, early stop, adaptive 3, 5 peers")], width)
    assert max(map(len, text.splitlines())) <= width
    assert "0.300" in text
    assert "0.100 - 0.600" in text
    assert "…" not in text


def test_prices_have_a_column_where_there_are_any() -> None:
    assert "price" not in printed([cell()])
    priced = {"m": Price(prompt=1_000, completion=10_000)}
    assert row(printed([cell()], prices=priced), "solo")[-1] == f"{(400 * 1e-3 + 100 * 1e-2) / 10:.2g}"
    assert row(printed([cell()], prices={"other": priced["m"]}), "solo")[-1] == "-"


def test_only_columns_that_are_shown_are_explained() -> None:
    def told(width: int, *cells: CellResult) -> str:
        table = suite_table("bbh", "a folder", cells, {}, width)
        return " ".join(legend({str(column.header) for column in table.columns}, [table]))

    wide, narrow = told(160, cell()), told(60, cell())
    assert "Unread: no answer could be read" in wide
    assert "Calls, tokens in, cached, tokens out, seconds and operations are means a question" in wide
    assert "Unread" not in narrow
    assert "Operations" not in narrow
    assert "Calls are means a question" in narrow
    assert "Cells alone" not in wide
    assert "marked ~" not in wide
    assert "marked ~" in told(160, cell(caution="7 subjects"))
    assert "Over several seeds" in told(160, cell(), cell(seed=1))
