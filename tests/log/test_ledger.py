"""The ledger tells what conversations took, what cells cost alone, and what was paid for all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlpo_bench.analysis.ballots import ballot_boxes
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.chat import Completion
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.files import write_json
from mlpo_bench.log.ledger import Shared, Spent, read_ledger, shared
from mlpo_bench.log.records import read_records
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.matrix.cells import cells
from mlpo_bench.teams import Price


Cli = Any
Runs = Any
FIGURES = ("prompt_tokens", "cached_tokens", "completion_tokens", "seconds")
PROTOCOLS = ["solo", {"vote": {"samples": 4}}, "leader", "debate", "pick", "oracle", {"mixture": {"layers": 2}}]


@pytest.fixture
def run(carry: Runs, mixed_team: dict[str, Any]) -> Any:
    return carry("ledger", protocols=PROTOCOLS, team=mixed_team, seeds=2)


def test_a_row_for_each_turn_as_the_transcript_has_it(run: Any) -> None:
    same = ("seat", "round", "stage", "sample", *FIGURES)
    for cell in cells(run.config):
        turns = [(line, turn) for line in read_transcripts(run.transcript_path(cell)) for turn in line["turns"]]
        rows = read_ledger(run.ledger_path(cell.id)).to_pylist()
        assert [[row[name] for name in same] for row in rows] == [[turn[name] for name in same] for _, turn in turns]
        assert [row["question"] for row in rows] == [line["question"] for line, _ in turns]
        assert [f"{row['request']:016x}" for row in rows] == [turn["request"][:16] for _, turn in turns]


def test_seats_add_up_to_their_cell_and_questions_too(run: Any) -> None:
    for cell in cells(run.config):
        result, records = run.cell(cell.id), read_records(run.records_path(cell.id))
        for name in ("calls", *FIGURES):
            of_cell = getattr(result, name)
            assert of_cell == sum(getattr(seat, name) for seat in result.seats.values())
            assert of_cell == sum(getattr(record, name) for record in records)
        assert list(result.seats) == [name for name in cell.setting.team.seats if name in result.seats]
        assert {name: s.model for name, s in result.seats.items()}.items() <= {
            name: member.model for name, member in cell.setting.team.seats.items()
        }.items()


def test_alone_adds_up_all_cells_and_paid_counts_each_request_once(run: Any) -> None:
    shared = run.results().shared
    models = {cost.model for cell in run.results().cells for cost in cell.seats.values()}
    assert len(models) == 3
    assert set(shared.alone) == set(shared.paid) == models
    for model in models:
        seats = [cost for cell in run.results().cells for cost in cell.seats.values() if cost.model == model]
        assert shared.alone[model] == sum((Spent(**dict(seat, model=None)) for seat in map(vars, seats)), Spent())
    turns = {
        turn["request"]: turn
        for cell in cells(run.config)
        for line in read_transcripts(run.transcript_path(cell))
        for turn in line["turns"]
    }
    assert sum(paid.calls for paid in shared.paid.values()) == len(turns)
    for name in FIGURES:
        assert sum(getattr(paid, name) for paid in shared.paid.values()) == sum(turn[name] for turn in turns.values())


def test_paid_is_what_engines_made_for_an_empty_store(run: Any) -> None:
    shared, (session,) = run.results().shared, run.manifest()["sessions"]
    made = session["completions"]
    paid = sum(shared.paid.values(), Spent())
    assert (paid.calls, paid.prompt_tokens, paid.completion_tokens) == (
        made["made"],
        made["prompt_tokens"],
        made["completion_tokens"],
    )
    alone = sum(spent.calls for spent in shared.alone.values())
    assert alone == made["made"] + made["found_in_store"] + made["shared_in_flight"]
    assert shared.share == paid.calls / alone < 0.8


def test_what_was_answered_for_another_run_is_paid_for_all_the_same(carry: Runs, mixed_team: dict[str, Any]) -> None:
    first = carry("first", protocols=PROTOCOLS, team=mixed_team, store="common")
    second = carry("second", protocols=PROTOCOLS, team=mixed_team, store="common")
    assert second.manifest()["sessions"][0]["completions"]["made"] == 0
    assert second.results() == first.results()


def test_a_run_of_nothing_shares_nothing() -> None:
    assert Shared().share is None


def test_operations_are_two_for_each_parameter_and_token(carry: Runs, answer_with: Any, own_text: Any) -> None:
    team = {"leader": {"model": "m"}, "peers": [{"model": "p"}]}
    answer_with(own_text("yes no"), 1_000)
    for cell in carry("sized", protocols=["solo", "leader"], peers=1, rounds=1, team=team).results().cells:
        assert cell.operations == 2 * 1_000 * (cell.prompt_tokens + cell.completion_tokens) > 0
    answer_with(own_text("yes no"), None)
    assert {c.operations for c in carry("unsized", protocols=["solo"], team=team).results().cells} == {None}
    assert Spent(prompt_tokens=3, cached_tokens=100, completion_tokens=4).operations(10) == 2 * 10 * 7


def test_prices_count_fresh_cached_and_written_tokens() -> None:
    spent = Spent(calls=1, prompt_tokens=2_000_000, cached_tokens=500_000, completion_tokens=1_000_000)
    assert Price(prompt=1, completion=8).of(spent.usage) == 2 + 0.5 + 8
    assert Price(prompt=1, cached=0.1, completion=8).of(spent.usage) == pytest.approx(2 + 0.05 + 8)


def test_show_tells_what_cells_cost_alone_and_what_was_paid(mlpo_bench: Cli, run: Any) -> None:
    said = mlpo_bench("show", run.path)
    assert said.code == 0
    results = run.results()
    asked, made = (sum(s.calls for s in of.values()) for of in (results.shared.alone, results.shared.paid))
    assert f"Sharing: {made:,} completions serve {asked:,} calls, {made / asked:.2f} of what" in said.out
    assert [said.out.count(f" {what} ") for what in ("cells alone", "paid")] == [3, 3]


def test_show_ends_with_the_answer(mlpo_bench: Cli, run: Any) -> None:
    last = " ".join(mlpo_bench("show", run.path).out.rpartition("\n\n")[2].split())
    sentence = json.loads(mlpo_bench("verdict", run.path, "--json").out)["sentence"]
    assert last == f"{sentence} Row by row: mlpo-bench verdict {run.path}"


def test_show_prices_what_has_a_price(mlpo_bench: Cli, carry: Runs, mixed_team: dict[str, Any]) -> None:
    model = mixed_team["leader"]["model"]
    team = mixed_team | {"prices": {model: {"prompt": 1_000, "completion": 3_000}}}
    run = carry("priced", protocols=["solo"], team=team)
    paid = run.results().shared.paid
    price = (paid[model].prompt_tokens * 1_000 + paid[model].completion_tokens * 3_000) / 1e6
    rows = [line for line in mlpo_bench("show", run.path).out.splitlines() if " paid " in line]
    prices = {line.split()[-1] for line in rows}
    assert prices == {f"{price:.4f}" if price < 1 else f"{price:.2f}", "-"}


def test_show_ledger_has_a_row_for_each_round_and_seat(mlpo_bench: Cli, run: Any) -> None:
    said = mlpo_bench("show", run.path, "--ledger", "leader, 2 rounds")
    assert said.code == 0
    rows = [[part.strip() for part in line.split("│")[1:4]] for line in said.out.splitlines() if line[:1] == "│"]
    seats = ["peer 1", "peer 2", "peer 3", "leader"]
    assert [row[:2] for row in rows if row[0] == "1"] == [["1", seat] for seat in seats] * 2
    assert [row[:2] for row in rows if row[0] == "2"] == [["2", seat] for seat in seats] * 2
    assert said.out.count("Longest chain: 4.0 turns") == 2


def test_show_ledger_tells_teams_apart(mlpo_bench: Cli, carry: Runs, mixed_team: dict[str, Any]) -> None:
    other = mixed_team | {"leader": mixed_team["peers"][0]}
    run = carry("teams", protocols=["leader"], rounds=1, teams={"team": mixed_team, "other": other})
    said = mlpo_bench("show", run.path, "--ledger", "leader")
    titles = [line.strip() for line in said.out.splitlines() if line.strip().startswith("BBH, ")]
    assert titles == ["BBH, leader, 1 round, 3 peers", "BBH, other: leader, 1 round, 3 peers"]


def test_show_ledger_names_the_cells_there_are(mlpo_bench: Cli, run: Any) -> None:
    said = mlpo_bench("show", run.path, "--ledger", "deb8")
    assert said.code == 2
    assert "no cell has 'deb8' in its name. Cells: bbh.solo, " in said.err


def test_serial_tokens_are_those_of_the_longest_of_each_step(run: Any) -> None:
    for cell in run.results().cells:
        longest: dict[tuple[str, int], int] = {}
        for turn in read_ledger(run.ledger_path(cell.cell)).to_pylist():
            place = turn["question"], turn["stage"]
            longest[place] = max(longest.get(place, 0), turn["completion_tokens"])
        assert cell.serial_tokens == sum(longest.values())
        assert cell.serial_tokens <= cell.completion_tokens


def test_a_model_that_sits_out_a_part_of_a_ledger_adds_nothing_there(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    results = run.results()
    ledgers = [(run.ledger_path(cell.cell), cell.seats) for cell in results.cells]
    monkeypatch.setattr("mlpo_bench.log.files.ROWS", 1)
    monkeypatch.setattr("mlpo_bench.log.ledger._AT_ONCE", 1)
    assert shared(ledgers) == results.shared  # scripts take no seconds, whose sums parts could round otherwise


def test_how_long_engines_worked_is_noted_by_model(carry: Runs, answer_with: Any, own_text: Any) -> None:
    answer_with(own_text("yes no"))
    run = carry("worked", protocols=["solo"], team={"leader": {"model": "m"}, "peers": []})
    (session,) = run.manifest()["sessions"]
    seconds, tokens = session["worked"]["m"]
    assert tokens == session["completions"]["completion_tokens"]
    assert LoadedRun(run).paces == {"m": seconds / tokens}
    write_json(run.manifest_path, run.manifest() | {"sessions": [session | {"worked": {"m": [889.0, 1]}}]})
    assert LoadedRun(run).paces == {}  # all but one token had been written before


def test_what_servers_write_to_their_caches_has_its_price(carry: Runs) -> None:
    """A server that tells of it: half of each prompt is written to a cache, at twice the price."""

    class Caching(ScriptedEngine):
        async def complete(self, *asked: Any) -> Completion:
            made = await super().complete(*asked)
            written = made.usage.prompt // 2
            return replace(made, usage=replace(made.usage, cache_written=written), cache_written=written)

    async def opened(specs: Any, **_: object) -> Any:
        return {spec: Caching(lambda *_: "The answer is yes.", name=spec.model) for spec in specs}

    prices = {"m": {"prompt": 1.0, "completion": 0.0, "cache_write": 2.0}}
    team = {"leader": {"model": "m"}, "peers": [], "prices": prices}
    run = carry("cached", protocols=["solo", {"vote": {"samples": 3}}], team=team, open_engines=opened)
    loaded = LoadedRun(run)
    for row in read_rows(loaded):
        (cell,) = row.cells
        ledger = read_ledger(run.ledger_path(cell.cell)).to_pylist()
        written = sum(turn["cache_write_tokens"] for turn in ledger)
        assert written == cell.seats["leader"].cache_write_tokens > 0
        assert row.price(loaded.config.prices) == pytest.approx((cell.prompt_tokens + written) / 1e6 / cell.n)
    (box,) = ballot_boxes(loaded, read_rows(loaded)).values()
    solo = next(row for row in read_rows(loaded) if row.protocol == "solo")
    assert box.cost == pytest.approx(solo.price(loaded.config.prices))  # a ballot costs what one answer alone does
    paid, alone = loaded.results.shared.paid["m"], loaded.results.shared.alone["m"]
    assert 0 < paid.cache_write_tokens < alone.cache_write_tokens
    again = carry("again", protocols=["solo"], team=team, open_engines=opened, store="cached")
    assert again.results().cells[0].seats["leader"] == loaded.results.cells[0].seats["leader"]  # as the store has it
