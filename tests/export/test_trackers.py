"""Trackers: what they are told, that they are told it only when asked, and that the real ones take it."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.cli._display import display
from mlpo_bench.cli.track import track as track_command
from mlpo_bench.errors import UsageError
from mlpo_bench.export.trackers import COLUMNS, TRACKERS, figures, table, track
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.runs.runner import run_cells


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> Iterator[RunDirectory]:
    folder = tmp_path_factory.mktemp("tracked")
    script = folder / "script.yaml"
    script.write_text('- say: ["The answer is Yes.", "The answer is (A).", "I cannot tell."]\n')
    member = {"model": str(script), "engine": "scripted"}
    config = RunConfig.model_validate(
        {
            "suites": ["bbh"], "data": str(made_up), "subjects": ["navigate", "snarks"], "split": "all",
            "team": {"leader": member, "peers": [member]}, "protocols": ["solo", {"vote": {"samples": 3}}],
        }
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, display(quiet=True) as observer:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        made = RunDirectory.for_run(config, folder / "runs", "tracked")
        asyncio.run(run_cells(made, folder / "store.sqlite", observer))
        yield made


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Stands in for both trackers and keeps what they are told."""
    told: list[tuple[str, Any]] = []
    fake = SimpleNamespace(
        init=lambda **options: told.append(("init", options)),
        log=lambda found: told.append(("log", found)),
        finish=lambda: told.append(("finish", None)),
        Table=lambda **found: found,
    )
    for name in TRACKERS:
        monkeypatch.setitem(sys.modules, name, fake)
    return told


def test_a_tracker_is_told_the_configuration_the_figures_and_the_table(
    run: RunDirectory, recorder: list[tuple[str, Any]]
) -> None:
    track(LoadedRun(run), ["wandb"], "mine")
    (_, options), (_, logged), (last, _) = recorder
    assert (options["project"], options["name"], last) == ("mine", "tracked", "finish")
    assert options["config"]["suites"] == ["bbh"]
    assert options["config"]["config_sha256"] == run.config.digest
    rows = read_rows(LoadedRun(run))
    for row in rows:
        assert logged[f"bbh/{row.name}/accuracy"] == row.accuracy.value
        assert logged[f"bbh/{row.name}/tokens"] == row.cost.tokens
    written = logged["results"]
    assert written["columns"] == list(COLUMNS)
    lines = [dict(zip(COLUMNS, line, strict=True)) for line in written["data"]]
    assert [(line["label"], line["n"], line["calls"]) for line in lines] == [("solo", 22, 1.0), ("vote of 3", 22, 3.0)]
    assert [line["accuracy"] for line in lines] == [row.accuracy.value for row in rows]


def test_rows_of_several_suites_have_a_mean(run: RunDirectory) -> None:
    solo, vote = read_rows(LoadedRun(run))
    found = figures([solo, replace(vote, suite="mmlu", label="solo")])
    assert found["macro/solo/accuracy"] == pytest.approx((solo.accuracy.value + vote.accuracy.value) / 2)
    assert not any(name.startswith("macro") for name in figures([solo, vote]))


def test_a_tracker_is_let_go_where_it_refuses(
    run: RunDirectory, recorder: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("no such account")

    monkeypatch.setattr(sys.modules["wandb"], "log", refuse)
    with pytest.raises(UsageError, match="wandb did not take the run: no such account"):
        track(LoadedRun(run), ["wandb"])
    assert recorder[-1] == ("finish", None)


def test_what_is_not_there_is_told_before_anything_is_sent(
    run: RunDirectory, recorder: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(UsageError, match="trackio is not installed: pip install trackio"):
        track(LoadedRun(run), ["wandb", "trackio"])
    with pytest.raises(UsageError, match="no tracker is called 'wandv'; did you mean 'wandb'"):
        track(LoadedRun(run), ["trackio", "wandv"])
    assert recorder == []


def test_the_command_asks_which(run: RunDirectory, recorder: list[tuple[str, Any]]) -> None:
    app = typer.Typer()
    app.command()(track_command)
    done = CliRunner().invoke(app, [str(run.path), "--to", "wandb,trackio"])
    assert done.output == "logged in wandb, trackio\n"
    assert [what for what, _ in recorder] == ["init", "log", "finish"] * 2
    assert CliRunner().invoke(app, [str(run.path)]).exit_code == 2
    assert isinstance(CliRunner().invoke(app, [str(run.path), "--to", ","]).exception, UsageError)


def test_wandb_takes_a_run_without_a_network(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    for name, value in {"MODE": "offline", "SILENT": "true", "CACHE_DIR": tmp_path, "DATA_DIR": tmp_path}.items():
        monkeypatch.setenv(f"WANDB_{name}", str(value))
    track(LoadedRun(run), ["wandb"], place=tmp_path)
    wandb.teardown()  # wandb writes in a process of its own, which ends with what it has yet to write
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    (file,) = folder.glob("*.wandb")
    written = file.read_bytes()
    for words in (b"tracked", run.config.digest.encode(), b"bbh/vote of 3/accuracy"):
        assert words in written
    (kept,) = folder.glob("files/media/table/results*.json")
    rows = json.loads(kept.read_text())
    assert rows["columns"] == list(COLUMNS)
    assert rows["data"] == table(LoadedRun(run), read_rows(LoadedRun(run)))
    assert wandb.run is None


def test_trackio_takes_a_run(run: RunDirectory) -> None:
    trackio = pytest.importorskip("trackio", reason="trackio is not installed")
    track(LoadedRun(run), ["trackio"], "mine")
    (found,) = trackio.Api().runs("mine")
    assert found.name == "tracked"
    assert found.config["config_sha256"] == run.config.digest
    (logged,) = importlib.import_module("trackio.sqlite_storage").SQLiteStorage.get_logs("mine", "tracked")
    for row in read_rows(LoadedRun(run)):
        assert logged[f"bbh/{row.name}/accuracy"] == row.accuracy.value
