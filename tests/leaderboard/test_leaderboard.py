"""The leaderboard: entries, ranks, tables, and a check that bites."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_bench.analysis.ballots import Ballots
from mlpo_bench.errors import UsageError
from mlpo_bench.leaderboard import board, counts, from_run
from mlpo_bench.leaderboard.block import BEGINS, ENDS
from mlpo_bench.leaderboard.board import Board
from mlpo_bench.leaderboard.check import faults
from mlpo_bench.leaderboard.entry import (
    Adapter,
    Answers,
    Cost,
    Entry,
    Model,
    Protocol,
    Questions,
    RunFacts,
    Scope,
    Seat,
    Source,
    SuiteRow,
    read_entry,
    schema,
)
from mlpo_bench.leaderboard.figures import of_answers, over_suites
from mlpo_bench.leaderboard.moves import board_sentences
from mlpo_bench.leaderboard.ranks import ranked, weighted
from mlpo_bench.leaderboard.render import grid
from mlpo_bench.leaderboard.reported import Reported, read_reported
from mlpo_bench.leaderboard.rescoring import BoardMoves, _take
from mlpo_bench.leaderboard.tables import tables
from mlpo_bench.leaderboard.verdict_tables import led_grid, notes, self_test, sentence
from mlpo_bench.leaderboard.verdicts import judge
from mlpo_bench.matrix.cells import Cell
from mlpo_bench.protocols import Leader, Setting
from mlpo_bench.stats import accuracy, mcnemar, vote_score
from mlpo_bench.teams import Member, Team


LEADERBOARDS = Path(__file__).parents[2] / "leaderboards"
SUBJECTS = {"algebra": 20, "logic": 30, "words": 10}
N = sum(SUBJECTS.values())
TOKEN_COSTS = {"prompt_tokens": 50.0, "cached_tokens": 20.0, "completion_tokens": 30.0}


def bits(right: int, start: int = 0, n: int = N) -> str:
    """So many ones in a row, beginning at a place."""
    return "".join("1" if start <= place < start + right else "0" for place in range(n))


def suite_row(*rights: str, questions: str = "0" * 64, samples: int | None = None) -> SuiteRow:
    answers = tuple(
        Answers(
            seed=seed,
            cell=f"bbh.made-up.seed-{seed}",
            samples=samples,
            right=right,
            unread=bits(3),
            cut_off=bits(6),
            records_sha256="1" * 64,
        )
        for seed, right in enumerate(rights)
    )
    asked = Questions(n=N, sha256=questions, subjects=SUBJECTS)
    cost = Cost(calls=1.0, **TOKEN_COSTS, seconds=1.0, serial_calls=1.0, serial_seconds=1.0, operations=None)
    source = Source(kind="folder", where=None, revision="sha256:ab", partial=False, note="")
    return SuiteRow(source=source, questions=asked, answers=answers, **of_answers(asked, answers), cost=cost)


def entry(label: str, suites: dict[str, SuiteRow], *, model: str = "m", team: str = "team", **protocol: Any) -> Entry:
    seeds = tuple(each.seed for each in next(iter(suites.values())).answers)
    return Entry(
        label=label,
        team=team,
        leader=Seat(model=model),
        peers=(),
        models=(Model(name=model, engine="vllm", revision="sha256:cd", dtype="bfloat16", context=64),),
        protocol=Protocol(**{"name": "solo", "settings": {}, "peers": 0, "rounds": None, **protocol}),
        asked=Scope(split="test", limit=N, subjects=None, generation={}, deterministic=False, calibration=None),
        seeds=seeds,
        suites=suites,
        macro=over_suites(suites),
        run=RunFacts(
            config_sha256="2" * 64,
            commands=("mlpo-bench run --name made-up",),
            date="2026-11-22T12:00:00+00:00",
            versions={"mlpo-bench": "0.1.0"},
            git={"commit": "3" * 40, "dirty": False},
            hardware={"processor": "made up", "cores": 2, "accelerators": []},
        ),
    ).signed()


def row(label: str, right: int, start: int = 0, **settings: Any) -> Entry:
    return entry(label, {"bbh": suite_row(bits(right, start))}, **settings)


def scores(right: int, start: int = 0) -> list[np.ndarray]:
    return [np.array([float(bit) for bit in bits(right, start)])]


# Ranks


def test_two_rows_have_two_ranks_where_they_are_surely_apart() -> None:
    for few in (0, 10, 23, 24, 25, 29, 30):
        a, b = scores(30), scores(few)
        apart = mcnemar(a[0], b[0]) < 0.05
        assert ranked([a, b]).ranks == (((1, 1), (2, 2)) if apart else ((1, 2 - (few == 30)),) * 2)
        assert ranked([b, a]).ranks == tuple(reversed(ranked([a, b]).ranks))


def test_a_ranking_tells_what_it_could_have_found() -> None:
    found = ranked([scores(50), scores(48), scores(25), scores(24), scores(0)])
    assert found.ranks == ((1, 2), (1, 2), (3, 4), (3, 4), (5, 5))
    assert (found.rows, found.pairs, found.found) == (5, 10, 8)
    assert found.discordant == pytest.approx(24.5 / N)
    assert found.single is not None
    assert found.among_all is not None
    assert found.single <= found.among_all


def test_rows_that_answered_alike_are_one_row() -> None:
    found = ranked([scores(50), scores(50), scores(10), scores(50)])
    assert found.ranks == ((1, 1), (1, 1), (2, 2), (1, 1))
    assert (found.rows, found.pairs) == (2, 1)


@settings(max_examples=25)
@given(st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=1, max_size=7), st.randoms())
def test_ranks_do_not_depend_on_the_order_of_rows(rows: list[list[bool]], rng: random.Random) -> None:
    arrays = [[np.array(each, dtype=float)] for each in rows]
    order = list(range(len(rows)))
    rng.shuffle(order)
    found, shuffled = ranked(arrays).ranks, ranked([arrays[place] for place in order]).ranks
    assert shuffled == tuple(found[place] for place in order)
    assert min(low for low, _ in found) == 1


def test_each_suite_counts_the_same_whatever_its_size() -> None:
    small, large = np.array([1.0, 0.0]), np.array([1.0] * 8 + [0.0] * 8)
    assert weighted([small, large]).mean() == pytest.approx(0.5)
    assert weighted([np.ones(2), np.zeros(16)]).mean() == pytest.approx(0.5)


# Entries


def test_figures_are_those_of_the_answers() -> None:
    found = suite_row(bits(30), bits(20))
    expected = accuracy([1.0] * 20 + [0.5] * 10 + [0.0] * 30, ["algebra"] * 20 + ["logic"] * 30 + ["words"] * 10)
    assert found.accuracy.value == pytest.approx(25 / N)
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert found.accuracy.subjects == 3
    assert (found.unread, found.cut_off) == (3 / N, 6 / N)
    assert found.scores.tolist() == [1.0] * 20 + [0.5] * 10 + [0.0] * 30


def test_an_entry_is_read_back_and_named_by_what_it_is(tmp_path: Path) -> None:
    made = row("vote of 3", 30)
    path = tmp_path / made.filename
    path.write_bytes(made.to_json())
    assert read_entry(path) == made
    assert re.fullmatch(r"m\.vote-of-3\.[0-9a-f]{8}\.json", made.filename)
    # Other answers, another date and another suite are the same row; another model or seed is another.
    assert row("vote of 3", 10).filename == made.filename
    assert row("vote of 3", 30, model="other/m").identity != made.identity
    twice = entry("vote of 3", {"bbh": suite_row(bits(30), bits(30))})
    assert twice.identity != made.identity


def test_a_family_that_earlier_entries_lack_makes_no_other_row() -> None:
    before, now = row("leader, 1 round", 10), row("leader, 1 round", 10, family="led")
    assert "family" not in json.loads(before.to_json())["protocol"]
    assert json.loads(now.to_json())["protocol"]["family"] == "led"
    assert now.filename == before.filename
    assert now.sha256 != before.sha256


def test_a_setting_that_came_later_makes_no_other_row_of_one_that_is_as_it_was() -> None:
    team = Team(leader=Member(), peers=(Member(),) * 3)
    anew, append = (Setting(team, Leader(rounds=2, history=history)) for history in ("anew", "append"))
    before = {"rounds": 2, "share": "whole", "order": "fixed", "memory": False, "early_stop": False, "adaptive": 0}
    assert from_run._protocol(Cell("bbh", anew, "leader")).settings == before
    assert from_run._protocol(Cell("bbh", append, "leader")).settings == before | {"history": "append"}


def test_entries_match_the_published_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    published = json.loads((LEADERBOARDS / "schema.json").read_bytes())
    validator = jsonschema.Draft202012Validator(published)
    validator.check_schema(published)
    two = {"bbh": suite_row(bits(30)), "math": suite_row(bits(3))}
    good = json.loads(entry("solo", two).to_json())
    assert list(validator.iter_errors(good)) == []
    assert list(validator.iter_errors({**good, "seeds": []}))
    assert list(validator.iter_errors({**good, "seeds": [2**63]}))
    beyond = json.loads(json.dumps(good))
    beyond["suites"]["bbh"]["unread"] = 1.5
    assert list(validator.iter_errors(beyond))
    assert list(validator.iter_errors({**good, "mood": "good"}))


def test_the_published_leaderboard_holds_together() -> None:
    assert list(faults(LEADERBOARDS)) == []
    assert (LEADERBOARDS / "schema.json").read_bytes() == schema()


def test_figures_in_json_do_not_depend_on_the_last_digits_of_a_library() -> None:
    told = json.loads((LEADERBOARDS / "leaderboard.json").read_bytes(), parse_float=str)
    figures = [figure for one in told["verdicts"][0]["verdicts"] for figure in (one["difference"], one["low"])]
    assert figures
    assert [figure for figure in figures if float(f"{float(figure):.8g}") != float(figure)] == []


# Tables


def test_rows_of_other_questions_stand_in_tables_of_their_own() -> None:
    other = entry("solo", {"bbh": suite_row(bits(60), questions="f" * 64)}, model="b")
    found = tables([row("solo", 30), row("vote of 3", 20), other])
    assert [(table.suite, [line.name for line in table.lines]) for table in found] == [
        ("bbh", ["solo", "vote of 3"]), ("bbh", ["solo"]),
    ]  # fmt: skip
    assert [line.rank for table in found for line in table.lines] == [(1, 1), (2, 2), (1, 1)]
    assert found[1].title == "BBH, 60 test questions (set ffffffff)"
    assert grid(found[1]).notes == ("A single row: nothing is compared.",)


def test_a_ceiling_has_no_rank_and_puts_nobody_behind() -> None:
    (table,) = tables([row("oracle", 60, name="oracle", ceiling=True), row("solo", 30), row("vote of 3", 29)])
    assert [(line.name, line.rank) for line in table.lines] == [
        ("solo", (1, 2)),
        ("vote of 3", (1, 2)),
        ("oracle", None),
    ]
    assert table.ranking.pairs == 1


def test_rows_stand_by_accuracy_and_say_what_could_be_shown() -> None:
    (table,) = tables([row("c", 5), row("b", 29), row("a", 30)])
    assert [(line.name, line.rank) for line in table.lines] == [("a", (1, 2)), ("b", (1, 2)), ("c", (3, 3))]
    told, could = grid(table).notes
    assert told == "Of 3 pairs of 3 rows, 2 are surely apart."
    assert could.startswith("The median pair differs on 40 % of 60 questions; one test finds such a pair")
    assert "Smaller differences may be there." in could


def test_the_mean_over_suites_has_a_table_where_rows_have_the_same_suites() -> None:
    both = [
        entry("a", {"math": suite_row(bits(30)), "bbh": suite_row(bits(40))}),
        entry("b", {"bbh": suite_row(bits(10)), "math": suite_row(bits(10))}),
    ]
    found = tables([*both, row("c", 0)])
    assert [(table.suite, len(table.lines)) for table in found] == [("bbh", 3), ("math", 2), ("macro", 2)]
    first, second = found[-1].lines
    assert (first.name, first.rank, second.name, second.rank) == ("a", (1, 1), "b", (2, 2))
    assert first.accuracy.value == pytest.approx((30 + 40) / (2 * N), abs=1e-6)
    assert first.accuracy == both[0].macro
    assert found[-1].title == "Mean over suites (60 of BBH, 60 of MATH)"


def test_a_row_is_compared_with_the_vote_at_its_tokens() -> None:
    led = row("leader, 1 round", 30, name="leader", rounds=1)
    vote = entry(
        "vote at the tokens of leader, 1 round",
        {"bbh": suite_row(bits(20), samples=5)},
        name="vote",
        matched="leader, 1 round",
    )
    others = [row("solo", 10), entry("x", dict(vote.suites), name="vote", matched="leader, 1 round", model="b")]
    (table,) = tables([led, vote, *others])
    against = {line.name: line.against_vote for line in table.lines}
    assert {name for name, found in against.items() if found} == {"leader, 1 round"}
    found = against["leader, 1 round"]
    assert found is not None
    assert found.difference.value == pytest.approx(10 / N, abs=1e-6)
    assert found.p == found.adjusted == pytest.approx(2 / 2**10, rel=1e-5)
    assert "vote at the tokens of leader, 1 round (5 ballots)" in against


def test_only_a_vote_of_the_leaders_own_answers_stands_in_the_column_of_votes() -> None:
    led = row("leader, 1 round", 30, name="leader", rounds=1)
    thinks = row("think", 25, name="think", matched="leader, 1 round")
    of_team = row("vote of the team", 20, name="vote", peers=3, matched="leader, 1 round")
    vote = row("vote", 10, name="vote", matched="leader, 1 round")

    def found(*entries: Entry) -> dict[str, float]:
        lines = tables([led, *entries])[0].lines
        return {line.name: line.against_vote.difference.value for line in lines if line.against_vote is not None}

    assert found(thinks, of_team) == {}
    assert found(thinks, vote, of_team) == {"leader, 1 round": pytest.approx(20 / N, abs=1e-6)}


def test_rows_of_one_name_and_model_are_told_apart_by_a_hash() -> None:
    one, two = row("solo", 30), entry("solo", {"bbh": suite_row(bits(30), bits(20))})
    (table,) = tables([one, two, row("vote of 3", 3)])
    assert {line.name for line in table.lines} == {
        f"solo [{one.identity[:8]}]", f"solo [{two.identity[:8]}]", "vote of 3",
    }  # fmt: skip


# What is built


HOSTILE = "<script>alert(1)</script>\u202e=1+1|`$x$`"


class Page(HTMLParser):
    """Takes note of a page's tags and of the text in its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def built(*entries: Entry, reported: Reported | None = None) -> dict[str, bytes]:
    return Board(entries, reported or Reported()).built()


def test_the_same_entries_come_to_the_same_bytes_in_any_order() -> None:
    entries = [row(label, right) for label, right in (("a", 9), ("b", 30), ("c", 30), ("d", 2))]
    assert built(*entries) == built(*reversed(entries))


def test_names_that_would_do_harm_are_shown_as_text() -> None:
    found = built(row(HOSTILE, 30, model=HOSTILE), row("solo", 3))
    html = found["leaderboard.html"].decode()
    page = Page(html)
    assert page.tags.count("script") == 1
    assert "<script>alert(1)</script>[U+202E]=1+1|`$x$`" in page.shown
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    for tag in ("style", "script"):
        (source,) = re.findall(
            rf"<{tag}>(.*?)</{tag}>", html.rpartition("</main>")[2] if tag == "script" else html, re.DOTALL
        )
        digest = b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert "<script>" not in found["README.md"].decode()
    for content in found.values():
        assert "\u202e" not in content.decode() or content == found["leaderboard.json"]


def test_programs_get_unrounded_figures() -> None:
    found = built(row("a", 20), row("b", 50))
    rows = list(csv.DictReader(io.StringIO(found["leaderboard.csv"].decode())))
    assert [(each["row"], each["rank"], each["accuracy"]) for each in rows] == [
        ("b", "1", "0.833333"), ("a", "2", "0.333333"),
    ]  # fmt: skip
    (table,) = json.loads(found["leaderboard.json"])["tables"]
    assert [each["tokens"] for each in table["rows"]] == [100.0, 100.0]
    assert found["leaderboard.tex"].count(rb"\toprule") == 1


def test_what_was_reported_stands_apart_and_has_no_rank() -> None:
    reported = read_reported(LEADERBOARDS / "reported.json")
    assert {(each.suite, each.accuracy) for each in reported.rows} == {("bbh", 0.882), ("mmlu", 0.762), ("math", 0.762)}
    found = built(row("solo", 3), reported=reported)
    assert b"MLPO" not in found["leaderboard.csv"]
    assert b"MLPO" not in json.dumps(json.loads(found["leaderboard.json"])["tables"]).encode()
    readme = found["README.md"].decode()
    measured, apart = readme.split("## Reported")
    assert "0.882" not in measured
    assert "not reproduced here" in apart
    assert "0.882" in apart


def test_a_board_without_entries_says_so(tmp_path: Path) -> None:
    board.build(tmp_path / "new")
    assert "No row has been added yet." in (tmp_path / "new" / "README.md").read_text()
    assert list(faults(tmp_path / "new")) == []


# The check


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "leaderboards"
    two = {"bbh": suite_row(bits(30)), "math": suite_row(bits(3))}
    board.add(folder, [entry("solo", two), row("vote of 3", 5)])
    board.build(folder)
    assert list(faults(folder)) == []
    return folder


def changed(folder: Path, change: Callable[[Any], None], *, sign: bool = False) -> list[str]:
    """Return the faults after one entry was changed, and signed again where a cheat would."""
    path = next((folder / "entries").glob("*solo*"))
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))
    if sign:
        path.write_bytes(read_entry(path).signed().to_json())
        board.build(folder)
    return list(faults(folder))


def test_no_table_is_made_of_an_entry_that_was_changed(published: Path) -> None:
    path = next((published / "entries").glob("*solo*"))
    before = {name: (published / name).read_bytes() for name in ("README.md", "leaderboard.json")}
    content = json.loads(path.read_bytes())
    content["suites"]["bbh"]["cost"]["calls"] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"solo\S* was changed after it was added, and no table is made of it"):
        board.build(published)
    assert {name: (published / name).read_bytes() for name in before} == before


def test_a_change_by_hand_is_noticed(published: Path) -> None:
    found = changed(published, lambda e: e["run"].update(date="2027-01-01"))
    assert any("it was changed after it was added" in fault for fault in found)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda e: e["suites"]["bbh"]["accuracy"].update(value=0.9), "bbh: accuracy is stated as 0.9"),
        (lambda e: e["suites"]["bbh"]["accuracy"].update(low=0.5), "bbh: accuracy is stated as 0.5 [0.5"),
        (lambda e: e["suites"]["math"].update(unread=0.0), "math: unread is stated as 0.0"),
        (lambda e: e["suites"]["math"].update(detectable=None), "math: detectable is stated as none"),
        (lambda e: e["suites"]["bbh"]["answers"][0].update(right=bits(31)), "but its answers come to 0.516667"),
        (lambda e: e["macro"].update(high=0.9), "the mean over suites is stated as"),
        (lambda e: e.update(macro=None), "the mean over suites is stated as none"),
        (lambda e: e.update(seeds=[7]), "bbh: its answers are not of the seeds 7"),
        (lambda e: e["models"][0].update(revision="better"), "a file of this content is called m.solo."),
    ],
)
def test_figures_that_do_not_follow_from_the_answers_are_noticed(
    published: Path, change: Callable[[Any], None], told: str
) -> None:
    assert any(told in fault for fault in changed(published, change, sign=True))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda e: e.update(mood="good"), "does not match the schema: mood"),
        (lambda e: e.pop("seeds"), "does not match the schema: seeds"),
        (lambda e: e["suites"]["bbh"].update(errors=3), "does not match the schema: suites.bbh.errors"),
        (lambda e: e["suites"]["bbh"]["answers"][0].update(right="01"), "has 2 answers to 60 questions"),
        (lambda e: e["suites"]["bbh"]["questions"].update(n=50), "the subjects hold 60 questions, not 50"),
        (lambda e: e["run"].update(commands=["mlpo-bench run\n```\n<b>"]), "run.commands.0"),
        (lambda e: e["suites"]["bbh"]["accuracy"].update(value=float("nan")), "suites.bbh.accuracy.value: input"),
        (lambda e: e["suites"]["bbh"]["accuracy"].update(low=float("inf")), "suites.bbh.accuracy.low: input"),
        (lambda e: e["suites"]["bbh"]["accuracy"].update(value=-0.5), "suites.bbh.accuracy: its value must be from 0"),
        (lambda e: e["suites"]["bbh"]["cost"].update(calls=1e308), "suites.bbh.cost.calls: input"),
        (lambda e: e["models"][0].update(parameters=10**30), "models.0.parameters: input"),
        (lambda e: e["protocol"].update(peers=-1), "protocol.peers: input"),
        (lambda e: e["protocol"]["settings"].update(samples="many"), "protocol.settings: samples must be a number"),
        (lambda e: e["asked"]["generation"].update(temperature=float("nan")), "asked.generation: it must be what JSON"),
        (lambda e: e["run"]["hardware"].update(accelerators=1e308), "run.hardware: accelerators must be a list of"),
        (lambda e: e["run"]["hardware"].update(cores="two"), "run.hardware: cores must be a whole number"),
        (lambda e: e["run"]["hardware"].update(machine=[1]), "run.hardware: machine and processor must be names"),
        (lambda e: e["run"].update(git={"commit": 1, "dirty": False}), "run.git: commit must be a name"),
    ],
)
def test_what_is_no_entry_is_noticed(published: Path, change: Callable[[Any], None], told: str) -> None:
    (fault,) = changed(published, change)
    assert fault.lower().startswith("m.solo.")
    assert told in fault.replace(": Input", ": input")
    with pytest.raises(UsageError, match="does not match the schema"):
        board.build(published)


@pytest.mark.parametrize(
    "name", ["README.md", "accuracy.svg", "schema.json", *(f"leaderboard.{x}" for x in ("csv", "tex", "json", "html"))]
)
def test_each_built_file_is_compared(published: Path, name: str) -> None:
    path = published / name
    path.write_bytes(path.read_bytes() + b" ")
    assert list(faults(published)) == [
        f"{name} is not what its entries come to; `mlpo-bench leaderboard build` makes it again."
    ]
    path.unlink()
    assert list(faults(published)) == [f"{name} is not there; `mlpo-bench leaderboard build` makes it."]


def test_a_file_of_another_name_or_kind_is_noticed(published: Path) -> None:
    entries = published / "entries"
    path = next(entries.glob("*vote*"))
    path.rename(entries / "best.json")
    assert any("best.json: a file of this content is called m.vote-of-3." in fault for fault in faults(published))
    (entries / path.name).write_bytes((entries / "best.json").read_bytes())  # it would count twice
    with pytest.raises(UsageError, match=r"best\.json holds the same row as m\.vote-of-3\.\w+\.json, and would"):
        board.build(published)
    (entries / "notes.txt").write_text("mine")
    assert "notes.txt is no entry, and does not belong here." in list(faults(published))
    assert list(faults(published / "nowhere")) == [f"there is no folder {published / 'nowhere'}."]


def test_what_is_no_leaderboard_is_left_alone(published: Path, tmp_path: Path) -> None:
    board.check_begun(published)
    board.check_place(published)
    board.check_place(tmp_path / "new")
    with pytest.raises(UsageError, match=r"there is no leaderboard .*leaderbords; did you mean 'leaderboards'\?"):
        board.check_begun(tmp_path / "leaderbords")
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"is no leaderboard, and its README\.md would be replaced"):
        board.check_place(tmp_path)


@pytest.mark.parametrize("given", [{"accuracy": float("nan")}, {"questions": 10**30}, {"peers": -1}])
def test_what_was_reported_is_in_range(tmp_path: Path, given: dict[str, float]) -> None:
    row = {"system": "S", "suite": "bbh", "accuracy": 0.5, "source": "a paper"} | given
    (tmp_path / "reported.json").write_text(json.dumps({"rows": [row]}))
    with pytest.raises(UsageError, match=rf"reported\.json does not match its schema: rows\.0\.{next(iter(given))}"):
        read_reported(tmp_path / "reported.json")


def test_a_row_that_is_added_again_replaces_itself_but_loses_no_suite(published: Path) -> None:
    def names() -> Sequence[str]:
        return [path.name for path in board.entry_paths(published)]

    before = names()
    board.add(published, [row("vote of 3", 6)])
    assert names() == before
    with pytest.raises(UsageError, match="has math, which would be lost; add all suites, or --anyway"):
        board.add(published, [row("solo", 30)])
    board.add(published, [row("solo", 30)], anyway=True)
    assert names() == before
    assert list(read_entry(next((published / "entries").glob("*solo*"))).suites) == ["bbh"]


# The verdict


def led_and_votes(**team: Any) -> list[Entry]:
    """A led row of 100 tokens that is right on 30 of 60, and votes of 2 and 4 at 60 and 160 tokens."""

    def vote(ballots: int, right: int, prompt: float) -> Entry:
        row = suite_row(bits(right))
        row = row.model_copy(update={"cost": row.cost.model_copy(update={"prompt_tokens": prompt})})
        return entry(f"vote of {ballots}", {"bbh": row}, name="vote", settings={"samples": ballots}, **team)

    led = row("leader, 1 round", 30, name="leader", rounds=1, **{"peers": 3, **team})
    return [led, vote(2, 6, 10.0), vote(4, 16, 110.0)]


def test_a_led_row_is_held_against_a_vote_of_exactly_its_tokens() -> None:
    (found,) = judge(led_and_votes())
    (verdict,) = found.verdicts.led
    assert (verdict.row, verdict.suite, verdict.outcome) == ("leader, 1 round", "bbh", "beats")
    assert verdict.tokens == pytest.approx(1)
    assert verdict.match.ballots == pytest.approx(2.8)  # 100 lies two fifths of the way from 60 to 160
    assert verdict.vote_accuracy == pytest.approx((0.6 * 6 + 0.4 * 16) / N)
    assert sentence([found]) == (
        "Yes: the led row beats a vote of the leader's own answers at the same tokens; "
        "of other subjects than these, that is not shown."
    )


def counted(entries: list[Entry], ballots: Sequence[str]) -> list[Entry]:
    """Entries of which the last, a vote of four, counts its ballots."""
    *others, vote = entries
    suite = vote.suites["bbh"].model_copy(update={"ballots": " ".join(ballots)})
    cost = suite.cost.model_copy(update={"calls": 4.0})
    return [*others, vote.model_copy(update={"suites": {"bbh": suite.model_copy(update={"cost": cost})}})]


def test_a_led_row_is_held_against_all_ballots_where_they_were_counted() -> None:
    entries = counted(led_and_votes(), ["3/1/0"] * 16 + ["1/1x2/1"] * 4 + ["/2,1/1"] * 40)
    (found,) = judge(entries)
    (verdict,) = found.verdicts.led
    assert found.between == 0
    assert verdict.match.ballots == pytest.approx(2.5)  # a ballot takes a quarter of 160 tokens, the row 100
    exact = [(vote_score([3], [1], 0, 2.5), 16), (vote_score([1], [1, 1], 1, 2.5), 4)]
    assert verdict.vote_accuracy == pytest.approx(sum(score * n for score, n in exact) / N)
    assert "made of the two on either side" not in " ".join(notes([found]))
    (before,) = judge(led_and_votes())
    assert before.between == 1
    assert notes([before])[1].startswith("1 of 1 votes have no counted ballots, for they were added before")


def test_a_row_that_took_more_than_all_ballots_is_held_against_all_and_that_is_told() -> None:
    led, *votes = counted(led_and_votes(), ["3/1/0"] * 16 + ["/4/0"] * 44)
    row = led.suites["bbh"].model_copy(
        update={"cost": led.suites["bbh"].cost.model_copy(update={"prompt_tokens": 270.0})}
    )
    (found,) = judge([led.model_copy(update={"suites": {"bbh": row}}), *votes])
    (verdict,) = found.verdicts.led
    assert (verdict.match.ballots, verdict.even) == (4, False)
    assert verdict.tokens == pytest.approx(2)
    assert "a vote of the leader's own answers at the same tokens" not in sentence([found])
    assert "that it is held against" in sentence([found])


def greedy(rows: list[Entry], *, solo: bool) -> list[Entry]:
    """A led row, one answer alone, if it is wanted, and a vote of four, both drawn greedily and counted."""
    told = ["1//0"] * 16 + ["/1/0"] * 44
    led, _, vote = counted(rows, told)
    once = suite_row(bits(16)).model_copy(update={"ballots": " ".join(told)})
    return [led, *([entry("solo", {"bbh": once})] if solo else []), vote]


@pytest.mark.parametrize("solo", [False, True])
def test_a_led_row_is_held_against_the_one_answer_of_greedy_ballots(*, solo: bool) -> None:
    (found,) = judge(greedy(led_and_votes(), solo=solo))
    (verdict,) = found.verdicts.led
    assert (found.between, verdict.match.greedy, verdict.match.ballots) == (0, True, 1)
    assert verdict.vote_accuracy == pytest.approx(16 / N)
    (warning,) = [said for said in found.verdicts.warnings if "greedy" in said]
    assert warning.startswith("BBH: greedy ballots are all one answer")
    assert len(notes([found])) == 1


def test_one_answer_alone_is_no_vote_and_is_not_told_as_uncounted() -> None:
    led, *alone = greedy(led_and_votes(), solo=True)[:-1]
    one = entry("vote of 1", alone[0].suites, name="vote", settings={"samples": 1})
    (found,) = judge([led, *alone, one])
    assert found.verdicts.without == (("bbh", led.label),)
    assert found.between == 0


@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 5000)), st.lists(st.integers(1, 5000)), st.integers(0, 5000)), min_size=1
    )
)
def test_counts_are_read_back_as_they_were_written(questions: list[tuple[list[int], list[int], int]]) -> None:
    given_ballots = [Ballots(tuple(sorted(right)), tuple(sorted(wrong)), unread) for right, wrong, unread in questions]
    told = counts.written(given_ballots)
    assert re.fullmatch(counts.COUNTS, told)
    assert counts.read(told) == given_ballots


@pytest.mark.parametrize(
    ("ballots", "message"),
    [
        (["1//0"] * (N - 1), f"ballots are counted of {N - 1} questions, not of {N}"),
        (["1/0/0"] * N, "String should match pattern"),
        (["1//"] * N, "String should match pattern"),
        (["1x//1"] * N, "String should match pattern"),
    ],
)
def test_counts_that_are_none_are_refused(published: Path, ballots: list[str], message: str) -> None:
    (fault,) = changed(published, lambda e: e["suites"]["bbh"].update(ballots=" ".join(ballots)))
    assert message in fault


@pytest.mark.parametrize(
    ("question", "ballots", "message"),
    [
        (1, "2//0", "question 1 has 2 ballots, of 1 that were drawn."),
        (1, "//0", "question 1 has 0 ballots, of 1 that were drawn."),
        (5, "/1/0", "what was right of question 5 is not what its ballots come to."),
        (40, "1//0", "what was right of question 40 is not what its ballots come to."),
        (40, "//1", "question 40 was read otherwise than its ballots."),
    ],
)
def test_counts_that_do_not_come_to_the_answers_are_noticed(
    published: Path, question: int, ballots: str, message: str
) -> None:
    told = ["1//0"] * 30 + ["/1/0"] * 30

    def change(content: Any) -> None:
        content["suites"]["bbh"]["unread"] = 0.0
        content["suites"]["bbh"]["answers"][0]["unread"] = bits(0)
        content["suites"]["bbh"]["ballots"] = " ".join(told)

    assert changed(published, change, sign=True) == []
    told[question - 1] = ballots
    (fault,) = changed(published, change, sign=True)
    assert fault.endswith(f"bbh: {message}")


def test_a_vote_that_is_not_what_most_of_its_ballots_say_is_noticed(published: Path) -> None:
    def change(content: Any) -> None:
        row = content["suites"]["bbh"]
        row["unread"], row["answers"][0]["unread"] = 0.0, bits(0)
        row["cost"]["calls"] = 4.0
        row["ballots"] = " ".join(["3/1/0"] * 29 + ["1/3/0"] + ["1/1,2/0"] * 30)

    (fault,) = changed(published, change, sign=True)
    assert fault.endswith("bbh: question 30 was answered otherwise than most of its ballots say.")


def test_votes_of_another_model_or_of_other_questions_are_no_measure() -> None:
    led, *votes = led_and_votes()
    others = [vote.model_copy(update={"leader": Seat(model="b")}) for vote in votes]
    (found,) = judge([led, *others])
    assert found.verdicts.verdicts == ()
    assert found.verdicts.without == (("bbh", "leader, 1 round"),)
    elsewhere = [entry(vote.label, {"bbh": suite_row(bits(9), questions="f" * 64)}, name="vote") for vote in votes]
    (found,) = judge([led, *elsewhere])
    assert found.verdicts.verdicts == ()


def test_a_team_that_nobody_leads_is_held_against_the_votes_of_its_first_peer_that_has_any() -> None:
    led, *votes = counted(led_and_votes(), ["3/1/0"] * 16 + ["/4/0"] * 44)
    picked = row("pick, 3 peers", 9, name="pick", peers=3).model_copy(
        update={"leader": None, "peers": (Seat(model="b"), Seat(model="m", persona="You doubt."))}
    )
    weighs = row("weighted vote of 4, 3 peers", 9, start=3, name="weighted", peers=3).model_copy(
        update={"leader": None, "peers": picked.peers, "asked": led.asked.model_copy(update={"calibration": 50})}
    )
    own = {verdict.row: verdict for one in judge([led, picked, weighs, *votes]) for verdict in one.verdicts.others}
    assert set(own) == {picked.label, weighs.label}
    assert {verdict.vote for verdict in own.values()} == {"vote of 2.5"}
    other = [vote.model_copy(update={"leader": Seat(model="c")}) for vote in votes]
    assert [one for one in judge([led, picked, *other]) if one.verdicts.others] == []


def test_the_page_and_the_readme_begin_with_the_answer_and_fold_the_rest() -> None:
    found = built(*led_and_votes())
    readme = found["README.md"].decode()
    answer, table, plot, fold = (
        readme.index(part)
        for part in (
            "beats a vote of the leader's own answers at the same tokens",
            "| led row",
            "](accuracy.svg)",
            "<details>",
        )
    )
    assert answer < table < plot < fold < readme.index("**BBH, 60 test questions") < readme.index("</details>")
    assert "All rows are of one model, m: others may come out otherwise." in readme
    page = found["leaderboard.html"].decode()
    assert (
        page.index("beats a vote of the leader")
        < page.index("<svg")
        < page.index("<details>")
        < page.index("<h2>BBH, 60")
    )
    assert "<details open" not in page


def test_models_stand_side_by_side_each_with_its_answer() -> None:
    entries = [*led_and_votes(), *led_and_votes(model="b")]
    readme = built(*entries)["README.md"].decode()
    assert "b: Yes: the led row beats" in readme
    assert "m: Yes: the led row beats" in readme
    assert "All rows are of one model" not in readme
    table = led_grid(judge(entries))
    assert table is not None
    assert table.columns == ("led row", "model", "BBH")
    assert [each[:2] for each in table.rows] == [("leader, 1 round", "b"), ("leader, 1 round", "m")]


def test_a_small_model_is_called_a_self_test() -> None:
    one = row("solo", 3)
    small = one.model_copy(update={"models": (one.models[0].model_copy(update={"parameters": 135_000_000}),)})
    (told,) = self_test([small])
    assert told.startswith("One small model: a self-test. All rows are of m, 135 million parameters")
    assert self_test([small, row("solo", 3, model="b")]) == []
    trained = small.models[0].model_copy(update={"adapter": Adapter(name="sft", revision="sha256:ef")})
    assert self_test([small, small.model_copy(update={"models": (*small.models, trained)})]) == [told]


def test_a_led_row_without_a_vote_stands_in_the_table_and_says_so() -> None:
    led, *_ = led_and_votes(team="trained")
    table = led_grid(judge([*led_and_votes(), led.model_copy(update={"leader": Seat(model="m", adapter="sft")})]))
    assert table is not None
    assert [each[0] for each in table.rows] == ["leader, 1 round", "trained: leader, 1 round"]
    assert [each[-1] for each in table.rows] == ["+0.333 beats", "no vote"]


def test_a_page_lays_its_plots_out_one_by_one() -> None:
    page = built(*led_and_votes(), *led_and_votes(model="b"))["leaderboard.html"].decode()
    assert page.count("<svg") == 1
    elsewhere = [entry("solo", {"bbh": suite_row(bits(9), questions="f" * 64)}, model="b")]
    both = built(*led_and_votes(), *elsewhere)
    assert both["leaderboard.html"].decode().count("<svg") == 2
    assert both["accuracy.svg"].decode().count("<svg") == 1
    hues = set(re.findall(r'stroke="(#[0-9a-f]{6})" stroke-width="1.6"', both["leaderboard.html"].decode()))
    assert len(hues) == 2  # a model keeps its hue from plot to plot


def test_equal_rows_are_one_line_of_several_names() -> None:
    (table,) = tables([row("vote of 6", 20), row("vote at its tokens", 20), row("other", 20, start=1)])
    assert [each[0] for each in grid(table).rows] == ["other", "vote at its tokens; vote of 6"]


def test_the_readme_beside_the_folder_tells_the_verdict_between_its_marks(published: Path) -> None:
    page = published.parent / "README.md"
    page.write_text(f"# Ours\n\n{BEGINS}\nold\n{ENDS}\n\nMore.\n", encoding="utf-8")
    (fault,) = faults(published)
    assert fault.startswith(f"the verdict in {page.resolve()} is not what its entries come to")
    assert page.resolve() in board.build(published)
    assert list(faults(published)) == []
    told = page.read_text(encoding="utf-8")
    assert told.startswith(f"# Ours\n\n{BEGINS}\n**Does a team with a leader beat")
    assert told.endswith(f"{ENDS}\n\nMore.\n")
    page.write_text("# Without marks\n", encoding="utf-8")
    assert page.resolve() not in board.build(published)
    assert page.read_text(encoding="utf-8") == "# Without marks\n"


def test_rows_of_one_name_and_two_models_are_both_told_when_they_cannot_be_judged_anew() -> None:
    moves, of_nothing, noted = BoardMoves(), SimpleNamespace(done=lambda _: False, result={}), cast("Any", None)
    for one in (row("solo", 3), row("solo", 3, model="other")):
        _take(moves, one, cast("Any", of_nothing), noted)
    assert list(moves.stays) == ["solo, m", "solo, other"]
    assert next(board_sentences(moves)).startswith("2 rows would now rest on what was never asked")


def test_the_plot_shows_votes_as_a_line_and_harms_nobody() -> None:
    figure = built(*led_and_votes(), row(HOSTILE, 3, model=HOSTILE))["accuracy.svg"].decode()
    assert figure.count("<polyline") == 1
    assert figure.count("<polygon") == 3  # the led row, and the legend of two models
    assert "<script" not in figure
