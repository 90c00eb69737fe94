"""The page without a browser: what lies in it, that nothing in it can act, and that equal runs make equal bytes."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from fixtures import nul  # type: ignore[import-not-found]
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mlpo_bench.analysis.overturned import is_overturned
from mlpo_bench.analysis.rows import compared, over_suites, read_rows
from mlpo_bench.cli._display import display
from mlpo_bench.cli.report import report
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.records import read_records
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.reports.cost import COSTS
from mlpo_bench.reports.frontier import placed
from mlpo_bench.reports.html import assemble, page, write_page
from mlpo_bench.reports.html.conversations import CUT_OFF, OVERTURNED, RIGHT, UNREAD, conversations
from mlpo_bench.reports.html.differences import OWN_VOTE, differences
from mlpo_bench.reports.html.figures import OVER_SUITES, row_figures
from mlpo_bench.reports.html.header import header
from mlpo_bench.runs.runner import run_cells


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.analysis.rows import ResultRow

HOSTILE = (
    "</script><script>alert(1)</script> The answer is (A).",
    "<img src=x onerror=alert(1)> <!-- <script> The answer is Yes.",
    "\u202e reversed \u2066 \x00 \x1b[2J The answer is No.",
    "@@DATA@@ {{ 7 * 7 }} ${x} The answer is (B).",
)
PACKED = re.compile(rb'<script type="text/plain" id="([a-z0-9-]+)">([A-Za-z0-9+/=]*)</script>')
# WCAG 2, level AA, for text of ordinary size.
LEAST_CONTRAST = 4.5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> Iterator[RunDirectory]:
    """Two seeds of solo, votes and leaders over 22 questions, by a team whose every text is hostile."""
    folder = tmp_path_factory.mktemp("paged")
    script = folder / "script.yaml"
    led = [f"<think>{text}</think><answer>{answer}</answer>" for text, answer in zip(HOSTILE, "AByn", strict=True)]
    script.write_text(nul.marked(json.dumps([{"when": "You lead", "say": led}, {"say": list(HOSTILE)}])))
    member = {"model": str(script), "engine": "scripted"}
    config = RunConfig.model_validate(
        {
            "suites": ["bbh"], "data": str(made_up), "subjects": ["navigate", "snarks"], "split": "all",
            "seeds": [0, 1], "team": {"leader": member, "peers": [member] * 3}, "rounds": [1, 2],
            "protocols": ["solo", {"vote": {"samples": [3, "tokens"]}}, "leader", "oracle"],
        }
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, display(quiet=True) as observer:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        nul.answer_with_it(patch)
        made = RunDirectory.for_run(config, folder / "runs", "<b>paged")
        asyncio.run(run_cells(made, folder / "store.sqlite", observer))
        yield made


@pytest.fixture(scope="module")
def made(run: RunDirectory) -> bytes:
    return page(LoadedRun(run))


@pytest.fixture(scope="module")
def rows(run: RunDirectory) -> list[ResultRow]:
    return read_rows(LoadedRun(run))


def unpacked(made: bytes) -> dict[str, bytes]:
    return {name.decode(): gzip.decompress(base64.b64decode(text)) for name, text in PACKED.findall(made)}


def data(made: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unpacked(made)["data"])
    return found


def scripts(made: bytes) -> list[bytes]:
    return re.findall(rb"<script>(.*?)</script>", made, re.DOTALL)


def test_equal_runs_make_equal_bytes(run: RunDirectory, made: bytes) -> None:
    assert page(LoadedRun(run)) == made


def test_a_page_is_small(made: bytes) -> None:
    assert len(made) < 3_000_000


def test_nothing_of_a_run_becomes_markup(made: bytes) -> None:
    parts = len(unpacked(made))
    assert made.count(b"<script") == parts + len(scripts(made)) == parts + 2
    assert made.count(b"</script") == parts + 2
    assert b"alert(1)" not in made
    assert b"onerror" not in made
    assert b"<title>&lt;b&gt;paged: mlpo-bench</title>" in made


def test_only_the_pages_own_scripts_may_run_and_nothing_may_be_fetched(made: bytes) -> None:
    (policy,) = re.findall(rb'http-equiv="Content-Security-Policy" content="([^"]+)"', made)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.decode().split(";"))
    held = unpacked(made)
    digests = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in (*scripts(made), held["plotly"], held["temml"])
    }
    assert set(rules["script-src"].split()) == digests
    assert rules["default-src"] == "'none'"
    assert {rules["img-src"], rules["font-src"]} == {"data:"}
    assert "connect-src" not in rules
    markup = re.sub(rb"<script.*?</script>|<style>.*?</style>", b"", made, flags=re.DOTALL)
    assert not re.findall(rb'(?:src|href)="(?!#|data:)', markup)
    style = b"".join(re.findall(rb"<style>(.*?)</style>", made, re.DOTALL))
    assert not re.findall(rb"url\((?![\x22']?data:|#|%23)", style)


def test_the_policy_stands_before_all_that_it_rules(made: bytes) -> None:
    assert made.index(b"Content-Security-Policy") < min(made.index(b"<script"), made.index(b"<style"))


@given(st.binary(max_size=500))
def test_packed_bytes_come_back_and_hold_nothing_that_html_gives_a_meaning_to(content: bytes) -> None:
    packed = assemble.packed_text(content)
    assert gzip.decompress(base64.b64decode(packed)) == content
    assert packed == assemble.packed_text(content)
    assert re.fullmatch(r"[A-Za-z0-9+/=]*", packed)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_whatever_a_text_holds_the_page_stays_whole(text: str) -> None:
    made = assemble.assembled(text, {"text": text}, [json.dumps([text]).encode()], "plotly")
    assert data(made)["text"] == text
    assert made.count(b"<script") == made.count(b"</script") == 6
    assert made.count(b"<title>") == made.count(b"</title>") == 1


def test_every_turn_of_every_conversation_is_in_the_page(run: RunDirectory, made: bytes, rows: list[ResultRow]) -> None:
    held, index = unpacked(made), data(made)
    asked = {
        (portion["suite"], portion["first"] + place): question
        for number, portion in enumerate(index["portions"])
        for place, question in enumerate(json.loads(held[f"portion-{number}"]))
    }
    cells = [cell.cell for row in rows for cell in row.cells]
    assert len(cells) == len(index["cells"])
    for number, cell in enumerate(cells):
        for line in read_transcripts(run.path / "transcripts" / f"{cell}.jsonl.zst"):
            place = index["questions"]["bbh"]["ids"].index(line["question"])
            of = asked["bbh", place]
            told, words = of["told"][str(number)], of["words"]
            flat = told["turns"]
            found = [
                (index["seats"][flat[n]], *flat[n + 1 : n + 4], *words[flat[n + 4]]) for n in range(0, len(flat), 5)
            ]
            assert found == [
                (
                    turn["seat"], turn["round"], turn["stage"], turn["sample"], turn["text"], turn["answer"],
                    turn["key"], int(turn["right"]), turn["prompt_tokens"], turn["cached_tokens"],
                    turn["completion_tokens"], int(turn["finish_reason"] == "length"), round(turn["seconds"], 2),
                )
                for turn in line["turns"]
            ]  # fmt: skip
            assert told["answer"] == line["answer"]
            assert words[flat[5 * told["final"] + 4]][0] == line["final"]
            assert of["text"].startswith("Made up for")


def test_states_are_those_of_the_records(run: RunDirectory, made: bytes, rows: list[ResultRow]) -> None:
    index = data(made)
    places = {question: place for place, question in enumerate(index["questions"]["bbh"]["ids"])}
    cells = [cell.cell for row in rows for cell in row.cells]
    for entry, cell in zip(index["cells"], cells, strict=True):
        for record in read_records(run.records_path(cell)):
            state = int(entry["states"][places[record.question]], 32)
            told = bool(record.right), record.unread, record.cut_off
            assert (bool(state & RIGHT), bool(state & UNREAD), bool(state & CUT_OFF)) == told
    led = [entry for entry in index["cells"] if entry["name"].startswith("leader")]
    assert any(int(digit, 32) & OVERTURNED for entry in led for digit in entry["states"])
    others = [entry for entry in index["cells"] if entry not in led]
    assert not any(int(digit, 32) & OVERTURNED for entry in others for digit in entry["states"])


@pytest.mark.parametrize(
    ("peers", "verdict", "expected"),
    [
        ("AAB", "B", True),
        ("AAB", "A", False),
        ("AAB", None, False),  # nobody knows what it made of them
        ("ABC", "D", False),
        ("AABB", "C", False),
        ("A", "B", True),
        ([None, None, "A"], "B", True),
        ([None, None, None], "B", False),
    ],
)
def test_overturned_is_a_verdict_against_the_one_most_frequent_answer(
    peers: Any, verdict: str | None, expected: bool
) -> None:
    before = [{"seat": "peer 1", "round": 0, "answer": "old", "key": "Z"}]
    heard = [{"seat": f"peer {n}", "round": 1, "answer": a, "key": a} for n, a in enumerate(peers)]
    last = {"seat": "leader", "round": 1, "answer": verdict, "key": verdict}
    assert is_overturned([*before, *heard, last]) is expected


def test_conversations_of_older_runs_leave_it_open_who_was_right(run: RunDirectory, rows: list[ResultRow]) -> None:
    with pytest.MonkeyPatch.context() as patch:

        def older(path: Path) -> Iterator[dict[str, Any]]:
            for line in read_transcripts(path):
                for turn in line["turns"]:
                    del turn["right"], turn["key"]
                yield line

        patch.setattr("mlpo_bench.log.cell_files.read_transcripts", older)
        portions = conversations(LoadedRun(run), rows[:1]).portions
    words = [word for portion in portions for question in json.loads(portion) for word in question["words"]]
    assert words
    assert {word[3] for word in words} == {None}


def test_rows_hold_what_outcomes_say(run: RunDirectory, rows: list[ResultRow]) -> None:
    figures = row_figures(LoadedRun(run), rows)
    assert [row["name"] for row in figures] == [row.name for row in rows]
    for figure, row in zip(figures, rows, strict=True):
        assert figure["value"] == pytest.approx(row.accuracy.value, rel=1e-5)
        assert figure["tokens"] == pytest.approx(row.cost.tokens, rel=1e-5)
        sums = [sum(seat[place] for seat in figure["seats"]) for place in (1, 2, 3)]
        cost = row.cost
        assert sums == pytest.approx([cost.prompt_tokens, cost.cached_tokens, cost.completion_tokens], rel=1e-4)
    leaders = {(figure["series"], figure["depth"], figure["peers"]) for figure in figures if figure["kind"] == "leader"}
    assert leaders == {("leader", 1, 3), ("leader", 2, 3)}


@pytest.mark.parametrize("kind", COSTS)
def test_a_row_is_beaten_on_the_page_as_on_the_terminal(run: RunDirectory, rows: list[ResultRow], kind: Any) -> None:
    on_page = {
        row["name"]: row["beaten"].get(kind) for row in row_figures(LoadedRun(run), rows) if kind in row["beaten"]
    }
    on_terminal = {one.row.name: 2 if one.surely else int(one.beaten) for one in placed(rows, kind)}
    assert on_page == on_terminal


def test_differences_are_those_of_paired_comparisons(rows: list[ResultRow]) -> None:
    found = {one["reference"]: one["rows"] for one in differences(rows)}
    named = {row.name: row for row in rows}
    assert next(iter(found)) == OWN_VOTE
    assert {row["name"] for row in found[OWN_VOTE]} == {name for name in named if name.startswith("leader")}
    for row in found["solo"]:
        expected = compared(named[row["name"]], named["solo"])
        assert row["value"] == pytest.approx(expected.difference.value, rel=1e-5)
        assert (row["low"], row["high"]) == pytest.approx((expected.difference.low, expected.difference.high), rel=1e-5)
    assert {row["name"] for row in found["solo"]} == set(named) - {"solo"}


def test_a_row_s_own_vote_is_of_its_leader_s_own_answers(rows: list[ResultRow]) -> None:
    """Budgets and votes of a whole team are made to match a leader's tokens as well, and come after its vote."""
    vote = next(row for row in rows if row.name == "vote at the tokens of leader, 1 round, 3 peers")
    assert (vote.alone, vote.family) == (True, "vote")
    wrong = {**dict.fromkeys(vote.scores, 0.0), next(iter(vote.scores)): 1.0}
    kinds: dict[str, dict[str, Any]] = {
        "think": {"protocol": "think", "family": "other", "settings": {"budget": 100, "counts": "all"}},
        "team vote": {"peers": 3, "settings": {"samples": 4, "over": "team"}},
        "weighted vote": {"protocol": "weighted", "peers": 3},
    }
    others = [
        replace(vote, label=label, scores=wrong, cells=tuple(cell.model_copy(update=kind) for cell in vote.cells))
        for label, kind in kinds.items()
    ]
    assert [own_vote(some) for some in ([*rows, *others], [*others, *rows])] == [own_vote(rows)] * 2
    without = [row for row in rows if row.matched is None]
    assert OWN_VOTE not in {one["reference"] for one in differences([*without, *others])}


def own_vote(rows: list[ResultRow]) -> dict[str, Any]:
    return next(one for one in differences(rows) if one["reference"] == OWN_VOTE)


def test_means_over_suites_stand_behind_the_suites(run: RunDirectory, rows: list[ResultRow]) -> None:
    twice = [*rows, *(_elsewhere(row) for row in rows)]
    means = [row for row in row_figures(LoadedRun(run), twice) if row["suite"] == OVER_SUITES]
    assert [row["name"] for row in means] == [row.name for row in rows]
    both = {row.name: over_suites({"bbh": row, "mmlu": row}) for row in rows}
    assert [(row["value"], row["low"]) for row in means] == [
        pytest.approx((both[row["name"]].value, both[row["name"]].low), rel=1e-5) for row in means
    ]
    solo = next(one for one in differences(twice) if one["suite"] == OVER_SUITES and one["reference"] == "solo")
    assert {row["name"] for row in solo["rows"]} == {row.name for row in rows} - {"solo"}


def test_means_are_placed_among_those_of_the_same_suites(run: RunDirectory, rows: list[ResultRow]) -> None:
    """A mean over two easy suites and one over a hard one as well are no rivals: on the easy ones both are right."""
    solo, led = (next(row for row in rows if row.name.startswith(name)) for name in ("solo", "leader, 1"))
    other = replace(led, label="leader, 2 rounds, 3 peers")
    all_right, all_wrong = (dict.fromkeys(solo.scores, right) for right in (1.0, 0.0))
    made = [
        *(replace(solo, suite=suite, scores=all_right) for suite in ("bbh", "mmlu")),
        *(replace(row, suite=suite, scores=all_right) for row in (led, other) for suite in ("bbh", "mmlu")),
        replace(led, suite="math", scores=all_wrong),
    ]
    means = {row["name"]: row for row in row_figures(LoadedRun(run), made) if row["suite"] == OVER_SUITES}
    assert {name: row["suites"] for name, row in means.items()} == {
        "solo": ["bbh", "mmlu"],
        led.name: ["bbh", "mmlu", "math"],
        other.name: ["bbh", "mmlu"],
    }
    # On two suites solo is as good for less; the row on three has none to be held against.
    assert {name: row["beaten"]["tokens"] > 0 for name, row in means.items()} == {
        "solo": False, led.name: False, other.name: True,
    }  # fmt: skip


def _elsewhere(row: ResultRow, suite: str = "mmlu") -> ResultRow:
    return replace(row, suite=suite)


def test_a_run_with_unfinished_cells_says_so(run: RunDirectory, tmp_path: Path) -> None:
    import shutil

    copied = RunDirectory(tmp_path / "unfinished")
    shutil.copytree(run.path, copied.path)
    cells = [cell.cell for cell in copied.results().cells]
    copied.cell_path(cells[-1]).unlink()
    copied.write_results()
    head = data(page(LoadedRun(copied)))["run"]
    assert (head["done"], head["cells"]) == (len(cells) - 1, len(cells))
    assert head["notes"] == [f"1 of {len(cells)} cells have yet to be run; this page shows those that are done."]


def test_what_could_not_be_asked_is_told_with_its_team(run: RunDirectory) -> None:
    loaded = LoadedRun(run)
    cell = loaded.results.cells[0].model_copy(update={"team": "untrained", "errors": 2})
    assert header(loaded, loaded.results.model_copy(update={"cells": (cell,)}))["notes"] == [
        "BBH, untrained: solo: 2 of 24 questions could not be asked; they are in no figure."
    ]


def test_leaders_are_drawn_from_their_diagnostics(made: bytes) -> None:
    leaders = data(made)["leaders"]
    assert [one["name"] for one in leaders] == ["leader, 1 round, 3 peers", "leader, 2 rounds, 3 peers"]
    for one in leaders:
        assert len(one["by_right_peers"]) == 4
        assert sum(share["n"] for share in one["by_right_peers"]) == 44
    assert [len(one["rounds"]) for one in leaders] == [1, 2]


def test_without_plotly_a_sentence_says_what_to_install(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(UsageError, match=re.escape('pip install "mlpo-bench[report]"')):
        page(LoadedRun(run))


def test_a_file_that_cannot_be_written_is_named(
    run: RunDirectory, tmp_path: Path, made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "page", lambda _: made)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=re.escape(str(tmp_path / "file" / "report.html"))):
        write_page(LoadedRun(run), tmp_path / "file" / "report.html")


def test_the_command_writes_the_page(run: RunDirectory, tmp_path: Path, made: bytes) -> None:
    app = typer.Typer()
    app.command()(report)
    done = CliRunner().invoke(app, [str(run.path), "-o", str(tmp_path / "new" / "r.html")], catch_exceptions=False)
    assert done.exit_code == 0
    assert "MB" in done.output
    assert (tmp_path / "new" / "r.html").read_bytes() == made
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["r.html"]


def colours(theme: str) -> dict[str, str]:
    css = assemble.own("page.css")
    block = re.search(
        r'\[data-theme="dark"\] \{(.*?)\}' if theme == "dark" else r"^:root \{(.*?)^\}", css, re.DOTALL | re.MULTILINE
    )
    assert block
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "back"),
    [
        ("text", "paper"), ("text", "panel"), ("text", "hover"), ("text", "dim-back"), ("text", "good-back"),
        ("muted", "paper"), ("muted", "panel"), ("muted", "good-back"), ("muted", "hover"), ("paper", "text"),
        ("good", "good-back"), ("bad", "bad-back"), ("warn", "warn-back"), ("leader", "paper"), ("vote", "paper"),
        ("other", "paper"), ("oracle", "paper"),
    ],
)  # fmt: skip
def test_text_stands_out_from_its_background(theme: str, ink: str, back: str) -> None:
    found = colours(theme)
    light, dark = sorted((luminance(found[ink]), luminance(found[back])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= LEAST_CONTRAST
