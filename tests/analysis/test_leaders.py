"""What diagnostics say of real runs' cells, against what their transcripts hold."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from mlpo_bench.analysis.ballots import ballot_boxes
from mlpo_bench.analysis.diagnostics import LeaderDiagnostics
from mlpo_bench.analysis.leaders import diagnose, diagnose_all, leader_rows
from mlpo_bench.analysis.rounds import RoundReader, seen_order
from mlpo_bench.analysis.rows import ResultRow, read_rows
from mlpo_bench.chat import Message, Sampling
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.records import read_records
from mlpo_bench.log.seals import SEAL
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.matrix.cells import cells
from mlpo_bench.reports.frontier import placed
from mlpo_bench.testing import Answering


Runs = Any
approx: Any = pytest.approx
PROTOCOLS = [
    "solo",
    {"leader": {"rounds": [1, 2, 3]}},
    {"leader": {"rounds": 2, "order": "shuffled"}},
    {"leader": {"rounds": 2, "peers": [1, 2]}},
    {"leader": {"rounds": 3, "early_stop": True}},
    {"leader": {"rounds": 2, "adaptive": 2}},
]


TEAM = {
    "leader": {"model": "bold", "engine": "scripted"},
    "peers": [{"model": name, "engine": "scripted"} for name in ("meek", "odd", "meek")],
}
WORDS = {
    "bold": ("(A) yes", "(B) no"),
    "meek": ("(A) yes", "(A) yes", "(B) no"),
    "odd": ("(A) yes", "(B) no", "or not"),
}


def answer(model: str, messages: Sequence[Message], sampling: Sampling, seed: int) -> str:  # noqa: ARG001
    """Answer by content and seed alone, each request with a text of its own."""
    digest = hashlib.sha256(f"{model} {seed} {messages[-1].content}".encode()).hexdigest()
    words = WORDS[model][int(digest, 16) % len(WORDS[model])]
    option, _, verdict = words.partition(" ")
    said = option if "(A)" in messages[-1].content.split("Attempt")[0] else verdict
    return f"Text {digest[:16]}. The answer is {said}."


@pytest.fixture(scope="module")
def run(carry_for_all: Runs) -> Any:
    engines = Answering(answer, by_model=True)
    subjects = ["navigate", "snarks", "sports_understanding", "ruin_names"]
    return carry_for_all("led", protocols=PROTOCOLS, team=TEAM, seeds=3, subjects=subjects, open_engines=engines)


@pytest.fixture(scope="module")
def rows(run: Any) -> dict[str, ResultRow]:
    return {row.name: row for row in leader_rows(read_rows(LoadedRun(run)))}


def conversations(run: Any, row: ResultRow) -> list[tuple[Any, dict[str, Any]]]:
    named = {cell.id: cell for cell in cells(run.config)}
    return [(named[r.cell], line) for r in row.cells for line in read_transcripts(run.transcript_path(named[r.cell]))]


def test_every_leader_row_has_its_figures(run: Any, rows: dict[str, ResultRow]) -> None:
    assert len(rows) == 8
    for row in rows.values():
        found = diagnose(LoadedRun(run), row)
        assert (found.name, found.suite, found.seeds, found.peers) == (row.name, "bbh", 3, row.peers)
        assert found.final.conversations + found.alone == 3 * 8
        assert found.rounds[0].conversations == found.final.conversations
        assert orjson.loads(orjson.dumps(found))["final"]["choices"]["rescue"]["n"] == found.final.choices.rescue.n


def test_the_final_verdict_is_the_record(run: Any, rows: dict[str, ResultRow]) -> None:
    for name, row in rows.items():
        if "adaptive" not in name:
            records = [r for cell in row.cells for r in read_records(run.records_path(cell.cell))]
            found = diagnose(LoadedRun(run), row).final
            assert found.accuracy.total == sum(bool(r.right) for r in records)
            assert found.unread["leader"].total == sum(r.unread for r in records)
            assert found.cut_off["leader"].total == sum(r.cut_off for r in records)


def test_figures_are_those_of_the_transcripts(run: Any, rows: dict[str, ResultRow]) -> None:
    row = rows["leader, 2 rounds, 3 peers"]
    found = diagnose(LoadedRun(run), row).rounds
    for number in (0, 1):
        by_right: Counter[tuple[int, bool]] = Counter()
        same = 0
        for _, line in conversations(run, row):
            turns = [turn for turn in line["turns"] if turn["round"] == number]
            by_right[sum(t["right"] for t in turns[:3]), turns[3]["right"]] += 1
            same += turns[0]["key"] == turns[2]["key"] is not None
        told = found[number].choices.by_right_peers
        assert [(m.total, m.n) for m in told] == [
            (by_right[count, True], by_right[count, True] + by_right[count, False]) for count in range(4)
        ]
        assert same > 0


def test_the_order_of_attempts_is_that_of_the_prompt_that_was_sent(run: Any, rows: dict[str, ResultRow]) -> None:
    seen = Counter[tuple[int, ...]]()
    for name in ("leader, 2 rounds, shuffled, 3 peers", "leader, 2 rounds, 3 peers"):
        for cell, line in conversations(run, rows[name]):
            for number in (0, 1):
                *peers, leader = [turn for turn in line["turns"] if turn["round"] == number]
                blocks = leader["read"][-1]["content"].split("\n\nAttempt ")[1:]
                order = seen_order(cell, line["question"], number)
                assert len(blocks) == len(peers) == 3
                for place, (block, peer) in enumerate(zip(blocks, order, strict=True), start=1):
                    assert block.removeprefix(f"{place}:\n").startswith(peers[peer]["text"].strip())
                seen[order] += "shuffled" in name
    assert len(+seen) == 6


def test_more_rounds_and_more_peers_are_compared(run: Any, rows: dict[str, ResultRow]) -> None:
    every = {row.name: row for row in read_rows(LoadedRun(run))}
    found = diagnose(LoadedRun(run), rows["leader, 2 rounds, 3 peers"])
    assert [(gain.kind, gain.over) for gain in found.over] == [
        ("solo", "solo"), ("rounds", "leader, 1 round, 3 peers"), ("peers", "leader, 2 rounds, 2 peers"),
    ]  # fmt: skip
    for gain in found.over:
        a, b = rows[found.name].accuracy.value, every[gain.over].accuracy.value
        assert gain.comparison.difference.value == approx(a - b)
        assert gain.tokens_over == every[gain.over].cost.tokens
    (added,) = found.added_rounds
    # A longer conversation holds the shorter one, so the first round's verdicts are those of the row with one round.
    over = next(gain for gain in found.over if gain.kind == "rounds")
    assert added.comparison.difference.value == approx(over.comparison.difference.value)
    assert (added.tokens, added.tokens_over) == (approx(over.tokens), approx(over.tokens_over))


def test_orders_of_attempts_are_compared(run: Any, rows: dict[str, ResultRow]) -> None:
    names = "leader, 2 rounds, 3 peers", "leader, 2 rounds, shuffled, 3 peers"
    fixed, shuffled = (diagnose(LoadedRun(run), rows[name]) for name in names)
    assert fixed.other_order is not None
    assert shuffled.other_order is not None
    assert (fixed.other_order.row, shuffled.other_order.row) == names[::-1]
    assert (fixed.shuffled, shuffled.shuffled) == (False, True)
    assert fixed.other_order.places == shuffled.final.places
    assert shuffled.other_order.places == fixed.final.places
    assert diagnose(LoadedRun(run), rows["leader, 1 round, 3 peers"]).other_order is None


def test_conversations_that_end_early_count_in_the_rounds_they_had(run: Any, rows: dict[str, ResultRow]) -> None:
    row = rows["leader, 3 rounds, early stop, 3 peers"]
    depths = Counter(1 + max(t["round"] for t in line["turns"]) for _, line in conversations(run, row))
    found = diagnose(LoadedRun(run), row)
    assert len(depths) > 1
    assert [r.conversations for r in found.rounds] == [sum(c for d, c in depths.items() if d > n) for n in range(3)]
    assert found.final.conversations == 24


def test_questions_that_the_leader_answered_alone_are_counted_apart(run: Any, rows: dict[str, ResultRow]) -> None:
    row = rows["leader, 2 rounds, adaptive 2, 3 peers"]
    asked = [line for _, line in conversations(run, row) if any(t["seat"] != "leader" for t in line["turns"])]
    found = diagnose(LoadedRun(run), row)
    assert 0 < len(asked) < 24
    assert found.alone == 24 - len(asked)
    rounds = RoundReader(LoadedRun(run)).read(row).rounds
    verdicts = [(one.verdict["stage"], one.verdict["answer"]) for one in rounds[0]]
    assert verdicts == [(2, line["turns"][6]["key"]) for line in asked]
    every = [
        sum(t[k] for t in line["turns"] for k in ("prompt_tokens", "cached_tokens", "completion_tokens"))
        for line in asked
    ]
    assert [one.tokens for one in rounds[1]] == every


def test_openings_are_what_peers_first_wrote(run: Any, rows: dict[str, ResultRow], monkeypatch: Any) -> None:
    row = rows["leader, 2 rounds, 3 peers"]
    first = {
        line["question"]: [t["text"] for t in line["turns"] if t["round"] == 0 and t["seat"] != "leader"]
        for cell, line in conversations(run, row)
        if cell.setting.seed == 0
    }
    assert RoundReader(LoadedRun(run)).openings(row) == first
    monkeypatch.setattr("mlpo_bench.analysis.rounds.SAMPLED", 3)
    sampled = RoundReader(LoadedRun(run)).openings(row)
    assert len(sampled) == 3
    assert sampled.items() <= first.items()
    assert RoundReader(LoadedRun(run)).openings(row) == sampled


def test_only_leaders_have_diagnostics(run: Any) -> None:
    solo = next(row for row in read_rows(LoadedRun(run)) if row.protocol == "solo")
    with pytest.raises(UsageError, match="solo has no leader"):
        diagnose(LoadedRun(run), solo)


def test_a_ledger_that_does_not_tell_who_was_right_is_refused(carry: Runs, mixed_team: dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    run = carry("older", protocols=[{"leader": {"rounds": 2}}], team=mixed_team)
    (cell,) = cells(run.config)
    path = run.ledger_path(cell.id)
    pq.write_table(pq.read_table(path).drop_columns(["answer", "right", "cut_off"]), path)
    ended = orjson.loads(run.cell_path(cell.id).read_bytes())
    del ended["files"], ended[SEAL]  # it told no digests then
    run.cell_path(cell.id).write_bytes(orjson.dumps(ended))
    (row,) = read_rows(LoadedRun(run))
    with pytest.raises(UsageError, match=r"made before its ledger told .* under another name"):
        diagnose(LoadedRun(run), row)


def test_a_leader_that_never_asks_has_nothing_to_diagnose(
    carry: Runs, answer_with: Any, mixed_team: dict[str, Any]
) -> None:
    answer_with(lambda *_: "The answer is (A).")
    run = carry("sure", protocols=[{"leader": {"rounds": 2, "adaptive": 1}}], team=mixed_team, subjects=["snarks"])
    (row,) = read_rows(LoadedRun(run))
    with pytest.raises(UsageError, match="never asked its peers"):
        diagnose(LoadedRun(run), row)


def test_the_result_is_what_the_signature_says(run: Any, rows: dict[str, ResultRow]) -> None:
    every = read_rows(LoadedRun(run))
    row = rows["leader, 3 rounds, 3 peers"]
    assert isinstance(diagnose(LoadedRun(run), row), LeaderDiagnostics)
    assert diagnose(LoadedRun(run), row, every) == diagnose(LoadedRun(run), row)


def test_leaders_are_found_by_a_word(run: Any, rows: dict[str, ResultRow]) -> None:
    found, left_out = diagnose_all(LoadedRun(run), "shuffled")
    assert ([one.name for one in found], left_out) == (["leader, 2 rounds, shuffled, 3 peers"], [])
    assert [one.name for one in diagnose_all(LoadedRun(run), "leader-1-round-3")[0]] == ["leader, 1 round, 3 peers"]
    assert [one.name for one in diagnose_all(LoadedRun(run))[0]] == list(rows)
    with pytest.raises(UsageError, match=r"no leader has 'solo' in its name. Leaders: leader, 1 round, 3 peers; "):
        diagnose_all(LoadedRun(run), "solo")


def test_a_run_without_leaders_says_so(carry: Runs, mixed_team: dict[str, Any]) -> None:
    run = carry("leaderless", protocols=["solo"], team=mixed_team)
    with pytest.raises(UsageError, match="has no cell of a leader"):
        diagnose_all(LoadedRun(run))


def test_leaders_without_figures_are_left_out_with_the_reason(
    carry: Runs, answer_with: Any, mixed_team: dict[str, Any]
) -> None:
    answer_with(lambda *_: "The answer is (A).")
    protocols = [{"leader": {"rounds": 1}}, {"leader": {"rounds": 2, "adaptive": 1}}]
    run = carry("some", protocols=protocols, team=mixed_team, subjects=["snarks"])
    found, left_out = diagnose_all(LoadedRun(run))
    assert [one.name for one in found] == ["leader, 1 round, 3 peers"]
    assert left_out == [
        "leader, 2 rounds, adaptive 1, 3 peers on bbh: the leader never asked its peers, so there is nothing to tell."
    ]


@pytest.fixture(scope="module")
def swapped(carry_for_all: Runs) -> LoadedRun:
    """Teams that share their members: `b` is led by a peer of `a`, `c` by its leader, and `d` is `a` with one more."""
    bold, meek, odd = ({"model": name, "engine": "scripted"} for name in ("bold", "meek", "odd"))
    teams = {
        "a": {"leader": bold, "peers": [meek]},
        "b": {"leader": meek, "peers": [bold]},
        "c": {"leader": bold, "peers": [odd]},
        "d": {"leader": bold, "peers": [meek, odd]},
    }
    protocols = [{"solo": {"seeds": 2}}, {"leader": {"rounds": 1, "peers": [1, 2]}}, {"vote": {"samples": 5}}]
    engines = Answering(answer, by_model=True)
    return LoadedRun(carry_for_all("swapped", protocols=protocols, teams=teams, open_engines=engines))


def test_a_leader_is_held_against_itself_and_fewer_of_its_peers_in_whichever_team(swapped: LoadedRun) -> None:
    rows = {row.name: row for row in read_rows(swapped)}
    found = {name: [gain.over for gain in diagnose(swapped, rows[name]).over] for name in rows if "leader" in name}
    assert found == {
        "a: leader, 1 round, 1 peer": ["a: solo"],
        "a: leader, 1 round, 2 peers": ["a: solo", "a: leader, 1 round, 1 peer"],
        "b: leader, 1 round, 1 peer": ["a: solo, peer 1 (meek)"],
        "b: leader, 1 round, 2 peers": ["a: solo, peer 1 (meek)", "b: leader, 1 round, 1 peer"],
        "c: leader, 1 round, 1 peer": ["a: solo"],
        "c: leader, 1 round, 2 peers": ["a: solo", "c: leader, 1 round, 1 peer"],
        "d: leader, 1 round, 2 peers": ["a: solo", "a: leader, 1 round, 1 peer"],
    }
    assert [name for name, row in rows.items() if row.alone] == [
        "a: solo", "a: solo, peer 1 (meek)", "a: vote of 5", "b: vote of 5",
    ]  # fmt: skip


def test_a_leader_s_ballots_are_those_of_all_teams(swapped: LoadedRun) -> None:
    boxes = ballot_boxes(swapped, read_rows(swapped))
    # The first ballot is the answer alone, which has a seed more.
    assert {member.model: box.most for (_, member), box in boxes.items()} == {"bold": 6, "meek": 6}


def test_votes_at_a_led_row_s_cost_are_its_leader_s(swapped: LoadedRun) -> None:
    rows = {row.name: row for row in read_rows(swapped)}
    votes = {one.row.name: one.vote for one in placed(list(rows.values()), "calls")}
    ends = {"a": ("a: solo", "a: vote of 5"), "b": ("a: solo, peer 1 (meek)", "b: vote of 5")}
    ends["c"] = ends["a"]
    for team, (solo, vote) in ends.items():
        low, high = (rows[name].accuracy.value for name in (solo, vote))
        told = votes[f"{team}: leader, 1 round, 1 peer"]
        assert told is not None
        assert told.accuracy == approx(low + (high - low) * math.log(2) / math.log(5))
    assert votes["a: solo, peer 1 (meek)"] is votes["b: vote of 5"] is None
