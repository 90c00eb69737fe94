"""Rows in pairs: figures against independent references, and sentences where there is nothing to compare."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import typer
from scipy.stats import binomtest
from typer.testing import CliRunner

from mlpo_bench.analysis.rows import ResultRow, read_rows
from mlpo_bench.cli._display import display
from mlpo_bench.cli.compare import compare
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.results import CellResult
from mlpo_bench.log.seals import sealed
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.reports.grids import narrowed
from mlpo_bench.reports.terminal import comparisons
from mlpo_bench.reports.terminal.comparisons import against, grid, of_runs
from mlpo_bench.runs.runner import run_cells


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

SAY = """
- when: 'You lead'
  say: ["<answer>Yes</answer>", "<answer>No</answer>", "<answer>(A)</answer>"]
- say: ["The answer is Yes.", "The answer is (A).", "The answer is (B).", "I cannot tell.", "The answer is No."]
"""


def made(folder: Path, data: Path, name: str, *, seed: int = 0, **settings: Any) -> RunDirectory:
    """Carry out a run of a scripted team over 22 questions of two made-up subjects.

    The script is named from its own folder: what it says follows from its name, and that of a temporary folder is
    another each time.
    """
    script = folder / "script.yaml"
    script.write_text(SAY)
    member = {"model": script.name, "engine": "scripted"}
    config = RunConfig.model_validate(
        {
            "suites": ["bbh"], "data": str(data), "subjects": ["navigate", "snarks"], "split": "all", "seeds": [seed],
            "team": {"leader": member, "peers": [member]}, "protocols": ["solo", {"vote": {"samples": 3}}],
        }
        | settings
    )  # fmt: skip
    run = RunDirectory.for_run(config, folder / "runs", name)
    with contextlib.chdir(folder), display(quiet=True) as observer:
        asyncio.run(run_cells(run, folder / f"{name}.sqlite", observer))
    return run


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> Callable[..., RunDirectory]:
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        done: dict[str, RunDirectory] = {}

        def once(name: str, **settings: Any) -> RunDirectory:
            if name not in done:
                done[name] = made(folder, made_up, name, **settings)
            return done[name]

        return once


@pytest.fixture
def first(make: Callable[..., RunDirectory]) -> RunDirectory:
    return make("first")


@pytest.fixture
def second(make: Callable[..., RunDirectory]) -> RunDirectory:
    return make("second", seed=1)


def row(suite: str, label: str, right: Iterable[int], n: int = 60, tokens: int = 100) -> ResultRow:
    """A row of so many questions, six to a subject, of which those of some numbers are right."""
    correct = set(right)
    cell = CellResult.model_validate(
        {
            "cell": f"{suite}.{label}", "suite": suite, "label": label, "team": "team", "protocol": "solo", "peers": 0,
            "settings": {}, "family": "solo", "ceiling": False, "seat": "leader",
            "seed": 0, "n": n, "right": len(correct), "accuracy": len(correct) / n, "low": 0, "high": 1, "unread": 0,
            "cut_off": 0, "errors": 0, "calls": n, "prompt_tokens": tokens * n, "cached_tokens": 0,
            "completion_tokens": 0, "seconds": 1.0, "serial_calls": n, "serial_seconds": 1.0,
        }
    )  # fmt: skip
    scores = {f"{suite}/{k}": float(k in correct) for k in range(n)}
    return ResultRow(suite, "team", label, (cell,), scores, {q: str(k // 6) for k, q in enumerate(scores)})


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch, first: RunDirectory) -> Callable[..., comparisons.Comparisons]:
    """Compare made-up rows, all but the last against the last of each suite, as those of a run."""

    def go(*found: ResultRow) -> comparisons.Comparisons:
        matrix = [SimpleNamespace(suite=r.suite, team=r.team, label=r.label, id=r.cells[0].cell) for r in found]
        monkeypatch.setattr(comparisons, "read_rows", lambda _: list(found))
        monkeypatch.setattr(LoadedRun, "cells", matrix)
        return against(LoadedRun(first), "solo")

    return go


def test_figures_are_those_of_the_questions(rows: Callable[..., comparisons.Comparisons]) -> None:
    found = rows(row("bbh", "vote of 3", range(30), tokens=300), row("bbh", "solo", range(20, 36)))
    (pair,) = found.pairs
    # 20 questions that only the vote gets right, 6 that only solo does.
    assert pair.comparison.difference.value == pytest.approx(14 / 60)
    assert pair.comparison.p == pytest.approx(binomtest(6, 26).pvalue)
    assert pair.comparison.discordant == pytest.approx(26 / 60)
    assert [pair.accuracy_a, pair.accuracy_b] == pytest.approx([0.5, 16 / 60])
    assert pair.tokens == pytest.approx(3)
    assert pair.adjusted == pair.comparison.p
    assert pair.comparison.difference.low < 14 / 60 < pair.comparison.difference.high


def test_holm_is_over_the_whole_table(rows: Callable[..., comparisons.Comparisons]) -> None:
    found = rows(
        row("bbh", "a", range(30)), row("bbh", "b", range(8)), row("bbh", "c", range(24)),
        row("bbh", "solo", range(16)), row("mmlu", "a", range(30)), row("mmlu", "solo", range(16)),
    )  # fmt: skip
    every = (*found.pairs, *found.means)
    p = {(pair.row, pair.suite): pair.comparison.p for pair in every}
    assert set(p) == {("a", "bbh"), ("b", "bbh"), ("c", "bbh"), ("a", "mmlu"), ("a", "macro")}
    ranked, greatest, expected = sorted(p, key=lambda name: p[name]), 0.0, {}
    for place, name in enumerate(ranked):
        greatest = max(greatest, min((len(ranked) - place) * p[name], 1.0))
        expected[name] = greatest
    assert {(pair.row, pair.suite): pair.adjusted for pair in every} == pytest.approx(expected)
    assert any("adjusted over all 5 comparisons" in note for note in found.notes)


def test_a_mean_over_suites_is_tested_as_others_are(rows: Callable[..., comparisons.Comparisons]) -> None:
    found = rows(
        row("bbh", "a", range(30), tokens=400), row("bbh", "solo", range(6)), row("bbh", "b", range(7)),
        row("mmlu", "a", range(24), tokens=400), row("mmlu", "solo", range(6)),
    )  # fmt: skip
    (mean,) = found.means
    assert (mean.row, mean.suites) == ("a", 2)
    assert mean.tokens == pytest.approx(4)
    assert mean.difference.value == pytest.approx((24 / 60 + 18 / 60) / 2)
    assert mean.accuracy_a == pytest.approx(27 / 60)
    half = [(p.comparison.difference.value - p.comparison.difference.low) for p in found.pairs if p.row == "a"]
    assert mean.difference.value - mean.difference.low == pytest.approx((half[0] ** 2 + half[1] ** 2) ** 0.5 / 2)
    table = grid(found)
    line = dict(zip(table.columns, table.rows[-1], strict=True))
    assert (line["suite"], line["n"]) == ("macro", "120")
    assert mean.comparison.p < mean.adjusted < 0.05  # over all tests of the table, the means among them
    assert len({pair.tests for pair in (*found.pairs, *found.means)}) == 1
    assert line["verdict"] == "A better on these subjects; on others, not surely"


@pytest.mark.parametrize(
    ("right", "verdict"),
    [
        (range(40), "A better"),
        ((), "B better"),
        (range(2, 18), "no difference shown; this n could have shown none"),
        (range(8, 24), "no difference shown; this n could have shown 0.1"),
        # Only one of ten subjects, all of it: the questions tell it surely, the subjects do not.
        ({*range(16), *range(30, 36), 36}, "A better on these subjects; on others, not surely"),
    ],
)
def test_verdicts_are_words(rows: Callable[..., comparisons.Comparisons], right: Iterable[int], verdict: str) -> None:
    (pair,) = rows(row("bbh", "a", right), row("bbh", "solo", range(16))).pairs
    assert pair.verdict.startswith(verdict), (pair.comparison, pair.adjusted)


def test_only_common_questions_are_compared_and_others_counted(rows: Callable[..., comparisons.Comparisons]) -> None:
    found = rows(row("bbh", "a", range(30), n=50), row("bbh", "solo", range(10)))
    (pair,) = found.pairs
    assert (pair.left_out, pair.comparison.difference.questions) == (10, 50)
    assert [pair.accuracy_a, pair.accuracy_b] == pytest.approx([0.6, 0.2])
    assert "Questions that only one of the two answered are left out: bbh, a (10)." in found.notes


def test_two_runs_are_compared_row_by_row(first: RunDirectory, second: RunDirectory) -> None:
    found = of_runs(LoadedRun(first), LoadedRun(second))
    assert [(pair.row, pair.suite) for pair in found.pairs] == [("solo", "bbh"), ("vote of 3", "bbh")]
    for pair, a, b in zip(found.pairs, read_rows(LoadedRun(first)), read_rows(LoadedRun(second)), strict=True):
        assert pair.comparison.difference.value == pytest.approx(a.accuracy.value - b.accuracy.value)
        assert pair.comparison.difference.questions == 22
    turned = of_runs(LoadedRun(second), LoadedRun(first))
    for pair, back in zip(found.pairs, turned.pairs, strict=True):
        assert back.comparison.difference.value == pytest.approx(-pair.comparison.difference.value)
        assert back.comparison.p == pytest.approx(pair.comparison.p)


def test_rows_are_named_by_label_id_or_part(first: RunDirectory) -> None:
    for name in ("solo", "bbh.solo", "olo", "bbh.so"):
        assert [pair.row for pair in against(LoadedRun(first), name).pairs] == ["vote of 3"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("soli", "no row is called 'soli'; did you mean 'solo'?"),
        ("o", "'o' may be one of these rows: solo; vote of 3"),
        ("zzzz", "no row is called 'zzzz'. Rows: solo; vote of 3"),
    ],
)
def test_a_name_that_is_none_or_many_is_told(first: RunDirectory, name: str, sentence: str) -> None:
    with pytest.raises(UsageError) as told:
        against(LoadedRun(first), name)
    assert str(told.value).startswith(sentence)


def test_a_row_that_has_yet_to_be_run_is_told(make: Callable[..., RunDirectory]) -> None:
    run = make("halved")
    results = json.loads(run.results_path.read_bytes())
    results["unfinished"] = [results["cells"].pop()["cell"]]
    kept = run.results_path.read_bytes()
    run.results_path.write_bytes(orjson.dumps(sealed(results)))
    try:
        with pytest.raises(UsageError, match=r"bbh\.vote-of-3 has no answers yet; `mlpo-bench run --config"):
            against(LoadedRun(run), "vote of 3")
        with pytest.raises(UsageError, match="solo is the only row"):
            against(LoadedRun(run), "solo")
        found = of_runs(LoadedRun(run), LoadedRun(make("first")))
        assert [pair.row for pair in found.pairs] == ["solo"]
        assert f"{run.path}: 1 cells have yet to be run and are left out." in found.notes
        assert "1 rows that only one of the two runs has are left out." in found.notes
    finally:
        run.results_path.write_bytes(kept)


def test_a_run_compared_with_itself_is_refused(first: RunDirectory) -> None:
    with pytest.raises(UsageError, match="compared with itself"):
        of_runs(LoadedRun(first), LoadedRun.open(first.path))


def test_runs_without_a_common_row_are_refused(first: RunDirectory, make: Callable[..., RunDirectory]) -> None:
    with pytest.raises(UsageError, match="no row in common"):
        of_runs(LoadedRun(first), LoadedRun(make("other", protocols=[{"vote": {"samples": 2}}])))
    with pytest.raises(UsageError, match="no suite with answers is called 'bhh'; did you mean 'bbh'"):
        against(LoadedRun(first), "solo", ["bhh"])


def test_other_data_is_compared_only_when_asked(first: RunDirectory, make: Callable[..., RunDirectory]) -> None:
    other = make("elsewhere", seed=2)
    manifest = other.manifest()
    manifest["sources"]["bbh"]["revision"] = "sha256:another"
    other.manifest_path.write_bytes(orjson.dumps(manifest))
    with pytest.raises(UsageError, match=r"asked different data \(bbh: sha256:\w+ and sha256:another\).*--anyway"):
        of_runs(LoadedRun(first), LoadedRun(other))
    found = of_runs(LoadedRun(first), LoadedRun(other), anyway=True)
    assert len(found.pairs) == 2
    assert any("the same id may be two questions" in note for note in found.notes)


def test_rows_that_other_readers_read_are_told(
    first: RunDirectory, make: Callable[..., RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_bench.log.results.readers.identity", lambda: "another")
    other = make("read otherwise")
    found = of_runs(LoadedRun(first), LoadedRun(other))
    assert any(note.startswith("Rows were read by different readers") for note in found.notes)
    assert not any("readers" in note for note in against(LoadedRun(other), "solo").notes)


def said(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(compare)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_every_format_tells_the_same(first: RunDirectory, second: RunDirectory, tmp_path: Path) -> None:
    told = json.loads(said(first.path, second.path, "--format", "json").stdout)
    assert [pair["row"] for pair in told["pairs"]] == ["solo", "vote of 3"]
    lines = list(csv.DictReader(io.StringIO(said(first.path, second.path, "--format", "csv").stdout)))
    for pair, line in zip(told["pairs"], lines, strict=True):
        found = pair["comparison"]
        expected = [pair["accuracy_a"], found["difference"]["value"], found["difference"]["low"], pair["adjusted"]]
        assert [float(line[c]) for c in ("accuracy A", "A - B", "low", "Holm")] == expected
        assert line["verdict"] == pair["verdict"]
    assert "| solo " in said(first.path, second.path, "--format", "markdown").stdout
    assert r"\toprule" in said(first.path, second.path, "--format", "latex").stdout
    assert "vote of 3" in said(first.path, second.path).stdout
    target = tmp_path / "table.md"
    assert said(first.path, "--against", "solo", "--format", "markdown", "-o", target).exit_code == 0
    assert "vote of 3" in target.read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name either a second run or a row"),
        (("--format", "jsn"), "no format is called 'jsn'; did you mean 'json'?"),
        (("--against", "solo", "-o", "/nowhere/at/all", "--format", "csv"), "/nowhere/at/all cannot be written"),
    ],
)
def test_options_that_do_not_fit_are_told(first: RunDirectory, arguments: tuple[str, ...], sentence: str) -> None:
    done = said(first.path, *arguments)
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith(sentence)


def test_a_narrow_terminal_spares_columns_in_order(first: RunDirectory) -> None:
    whole = grid(against(LoadedRun(first), "solo"))
    assert narrowed(whole, 1_000, comparisons.SPARED) == whole
    assert "discordant" not in narrowed(whole, 160, comparisons.SPARED).columns
    least = narrowed(whole, 10, comparisons.SPARED)
    assert least.columns == tuple(name for name in whole.columns if name not in comparisons.SPARED)


def test_a_script_learns_whether_a_row_is_worse(first: RunDirectory, second: RunDirectory) -> None:
    assert said(first.path, second.path, "--fail-if-worse").exit_code == 0


def test_a_narrow_terminal_reads_verdicts_in_a_word_and_of_columns_that_are_there(first: RunDirectory) -> None:
    found = against(LoadedRun(first), "solo")
    narrow, wide = comparisons.of_width(found, 80), comparisons.of_width(found, 300)
    assert "tokens A/B" in wide.columns
    assert "Tokens: A's mean" in wide.notes[0]
    assert "tokens A/B" not in narrow.columns
    assert "Tokens: A's mean" not in narrow.notes[0]
    assert {row[-1] for row in narrow.rows} == {pair.brief for pair in (*found.pairs, *found.means)}
    assert all(pair.brief[0] == pair.verdict[0] for pair in found.pairs if pair.adjusted < 0.05)
    still_open = [replace(pair, adjusted=0.5) for pair in found.pairs]
    assert {pair.brief for pair in still_open} == {
        "open" if pair.could_show is None else f"open (>{pair.could_show:.3f})" for pair in still_open
    }
    assert "open (>0.253): no difference is shown" in narrow.notes[0]


def test_what_is_so_of_both_runs_is_said_once(make: Callable[..., RunDirectory]) -> None:
    one, other = (LoadedRun(make(f"limited-{seed}", seed=seed, limit=4)) for seed in (0, 1))
    notes = comparisons.of_runs(one, other).notes
    assert len([note for note in notes if note.startswith("Questions were limited")]) == 1
