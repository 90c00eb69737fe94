from __future__ import annotations

import io
from dataclasses import replace

import pytest

from mlpo_bench.analysis.rows import ResultRow
from mlpo_bench.errors import UsageError
from mlpo_bench.log.ledger import SeatCost
from mlpo_bench.log.results import CellResult
from mlpo_bench.protocols import PROTOCOLS
from mlpo_bench.reports.frontier import cost_of, legend, placed, print_frontier
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.teams import Price


QUESTIONS = 40


def row(label: str, right: int, tokens: int, protocol: str = "vote") -> ResultRow:
    """A row of 40 questions that took so many tokens each, half read and half written."""
    seat = SeatCost(model="m", parameters=10, calls=QUESTIONS, completion_tokens=tokens * QUESTIONS)
    kind = PROTOCOLS[protocol]
    cell = CellResult.model_validate(
        {
            "cell": label, "suite": "bbh", "label": label, "team": "team", "protocol": protocol,
            "settings": {}, "family": kind.family, "ceiling": kind.ceiling, "seat": "leader",
            "peers": 0, "seed": 0, "n": QUESTIONS, "right": right, "accuracy": right / QUESTIONS, "low": 0, "high": 1,
            "unread": 0, "cut_off": 0, "errors": 0, "calls": QUESTIONS, "prompt_tokens": tokens * QUESTIONS // 2,
            "cached_tokens": 0, "completion_tokens": tokens * QUESTIONS // 2, "seconds": 1.0,
            "serial_calls": QUESTIONS, "serial_seconds": 0.0, "seats": {"leader": seat},
        }
    )  # fmt: skip
    scores = {str(n): float(n < right) for n in range(QUESTIONS)}
    return ResultRow("bbh", "team", label, (cell,), scores, {str(n): str(n % 8) for n in range(QUESTIONS)})


ROWS = [
    row("solo", 8, 100, "solo"),
    row("vote of 16", 16, 1600),
    row("leader, 1 round", 20, 400, "leader"),
    row("debate, 1 round", 4, 800, "debate"),
    row("oracle, 3 peers", 36, 300, "oracle"),
]


def test_a_row_is_beaten_by_one_that_reaches_no_less_for_no_more() -> None:
    found = {one.row.label: one for one in placed(ROWS)}
    assert list(found) == ["solo", "oracle, 3 peers", "leader, 1 round", "debate, 1 round", "vote of 16"]
    assert {label: (one.beaten, one.surely) for label, one in found.items()} == {
        "solo": (False, False),
        "oracle, 3 peers": (False, False),
        "leader, 1 round": (False, False),  # the oracle reaches more for less, but is no rival
        "debate, 1 round": (True, True),
        "vote of 16": (True, False),
    }


def test_a_vote_at_a_row_s_cost_lies_on_the_line_between_votes() -> None:
    found = {one.row.label: one for one in placed(ROWS)}
    vote = found["leader, 1 round"].vote
    assert vote is not None
    assert vote.accuracy == pytest.approx(0.3)  # 400 lies halfway between 100 and 1600 on a log axis
    assert found["solo"].vote is None
    assert found["vote of 16"].vote is None


def test_what_is_printed_can_be_read_row_by_row() -> None:
    console = Console(file=io.StringIO(), width=140)
    print_frontier("bbh", ROWS, "tokens", {}, console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    led = next(line for line in lines if "leader, 1 round" in line)
    assert [part.strip() for part in led.strip("│").split("│")] == [
        "leader, 1 round", "400", "0.500", led.split("│")[4].strip(), "on it", "100 %", "~0.300", "~+0.200",
    ]  # fmt: skip
    # From 400 to 1600 tokens votes keep solo's 0.2 until the vote of 16 is paid for; the leader has 0.5 throughout. One
    # row of each: solo or the vote, which is not paid for; of all four, solo, the leader, and debate from halfway on.
    assert "1 row of each, over all choices" in " ".join(console.file.getvalue().split())
    assert "solo and votes 0.100, led teams 0.500, everything 0.188" in " ".join(console.file.getvalue().split())


def test_where_only_ceilings_are_done_there_are_no_areas() -> None:
    console = Console(file=io.StringIO(), width=140)
    print_frontier("bbh", ROWS[-1:], "tokens", {}, console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert "oracle, 3 peers" in printed
    assert "Area under" not in printed


def test_prices_go_by_model_and_are_asked_for_where_they_are_not_known() -> None:
    (cheap,) = placed(ROWS[:1], "price", {"m": Price(prompt=1, completion=10)})
    assert cheap.point.cost == pytest.approx(100 * 10 / 1e6)
    with pytest.raises(UsageError, match="prices stand in the team file"):
        print_frontier("bbh", ROWS, "price", {}, Console(file=io.StringIO()))


def test_costs_of_the_longest_chain_and_of_engines() -> None:
    cheap, dear = ROWS[0], ROWS[2]
    assert cost_of(dear, "steps", {}) == 1
    assert cost_of(dear, "serial_tokens", {}) is None  # an earlier version's row
    told = replace(dear, cells=(dear.cells[0].model_copy(update={"serial_tokens": 80 * QUESTIONS}),))
    assert cost_of(told, "serial_tokens", {}) == 80
    assert cost_of(dear, "machine_seconds", {}, {"m": 0.5}) == pytest.approx(400 * 0.5)
    assert cost_of(dear, "machine_seconds", {}, {"another": 0.5}) is None
    assert [one.row.label for one in placed([cheap, dear], "machine_seconds", paces={"m": 0.5})] == [
        "solo", "leader, 1 round",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="the serial tokens of no row is known; an earlier version ran it"):
        print_frontier("bbh", ROWS, "serial_tokens", {}, Console(file=io.StringIO()))


def test_at_80_columns_nothing_is_cut_and_only_what_is_shown_is_explained() -> None:
    console = Console(file=io.StringIO(), width=80)
    shown = print_frontier("bbh", ROWS, "tokens", {}, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert {"protocol", "tokens", "accuracy", "frontier", "less the vote"} <= shown
    assert "Chance of it" not in legend(shown - {"chance of it"})
    assert "Less the vote" in legend(shown)
