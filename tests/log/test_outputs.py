"""What may stand where a person names a file to be written, and what is never replaced."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
import zstandard

from mlpo_bench.errors import UsageError
from mlpo_bench.log import outputs
from mlpo_bench.log.directory import PARTS
from mlpo_bench.starter import files


THEIRS = {
    "notes": b"# Notes\nBuy milk.\n",
    "settings": b"leader: {model: a}\npeers: []\n",
    "JSON": b'{"name": "package"}',
    "questions": b"question,answer\n1+1,2\n",
    "picture": b"\x89PNG\r\n\x1a\n\0\0",
    "zstd": zstandard.compress(b"something else"),
}
OURS = {
    outputs.PAGE: [b"<!DOCTYPE html>\n<html>", b"\n<!doctype HTML>"],
    outputs.TABLE: [
        b'{\n  "title": "a against b"}',
        b"row,suite,accuracy A\n",
        b"% Needs \\usepackage{booktabs}.\n",
        b"**a against b**\n\n| row | suite |\n",
        "a against b\n┏━━━┓\n".encode(),
    ],
    outputs.PLOT: [b'<svg xmlns="http://www.w3.org/2000/svg">'],
    outputs.JUNIT: [b"<?xml version='1.0'?>\n<testsuites>"],
    outputs.REPRODUCED: [b"# A table\n\n*What it says.* Much."],
    outputs.COMPLETIONS: [zstandard.compress(b'{"store":1}\n["00"]\n')],
    outputs.TRAINING: [zstandard.compress(b"recipe.yaml\0" + bytes(500))],
    outputs.BASELINE: [b'{\n"schema_version": 1,\n"history": []}'],
    outputs.PARQUET: [b"PAR1..."],
    outputs.QUESTIONS_CSV: [b'"label","team","protocol"\n'],
    outputs.QUESTIONS_JSON: [b'{"label":"solo"}\n'],
    outputs.RESULTS: [b'{\n  "results": {}}'],
    outputs.SAMPLES: [b'{"doc_id":0}\n'],
    outputs.EVALUATION: [b"PK\x03\x04"],
}


def store(path: Path) -> None:
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE completions (key)")
    made.close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "mine"
    for part in PARTS:
        (folder / part).mkdir(parents=True)
    (folder / "config.yaml").write_text("suites: [bbh]\n")
    return folder


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.name)
def test_a_file_takes_the_place_of_one_of_its_kind_alone(tmp_path: Path, kind: outputs.Kind) -> None:
    path = tmp_path / "named"
    for before in (None, b"", *OURS[kind]):
        if before is not None:
            path.write_bytes(before)
        outputs.write(path, b"new", kind)
        assert path.read_bytes() == b"new"
    others = [text for other, texts in OURS.items() if other is not kind for text in texts]
    for text in (*THEIRS.values(), *others):
        path.write_bytes(text)
        with pytest.raises(UsageError, match=f"named cannot be written: what stands there is no {kind.name}, and is"):
            outputs.write(path, b"new", kind)
        assert path.read_bytes() == text


@pytest.mark.parametrize("kind", [*OURS, files.TEAM, files.MATRIX], ids=lambda kind: kind.name)
@pytest.mark.parametrize("way", ["itself", "another path", "hard link", "journal"])
def test_a_database_is_never_replaced(tmp_path: Path, kind: outputs.Kind, way: str) -> None:
    path = tmp_path / "s.sqlite"
    store(path)
    before = path.read_bytes()
    if way == "hard link":
        (tmp_path / "other").hardlink_to(path)
    named = {
        "itself": path,
        "another path": tmp_path / ".." / tmp_path.name / "s.sqlite",
        "hard link": tmp_path / "other",
        "journal": tmp_path / "s.sqlite-wal",
    }[way]
    with pytest.raises(UsageError, match=r"a database \(SQLite\)"):
        outputs.write(named, b"new", kind)
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["config.yaml", "results.json", "cells/new.json", "records/deep/er.html", ".lock"])
def test_a_run_keeps_its_own_places(run: Path, place: str) -> None:
    """Those where nothing stands yet, too: what stood there would be read as the run's."""
    (run.parent / "link").symlink_to(run)
    for folder in (run, run.parent / "link"):
        with pytest.raises(UsageError, match="mine is a run, which keeps its own files there"):
            outputs.check(folder / place, outputs.PAGE)
        with pytest.raises(UsageError, match="mine is a run, which keeps its own files there"):
            outputs.check_appended(folder / place)
    with pytest.raises(UsageError, match="mine is a run"):
        outputs.check_folder(run / "cells")
    with pytest.raises(UsageError, match=r"mine cannot be written: it is a run, .*; name another folder"):
        outputs.check_folder(run)
    outputs.check_folder(run / "tables")
    outputs.write(run / "report.html", b"<!doctype html>", outputs.PAGE)  # beside them there is room for it
    outputs.write(run / "report.html", b"<!doctype html>", outputs.PAGE)


@pytest.mark.parametrize("place", ["recipe.yaml", "stages/new.svg", "export/curves.svg"])
def test_a_training_keeps_its_own_places(tmp_path: Path, place: str) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "export").mkdir()
    (tmp_path / "recipe.yaml").write_text("method: mlpo\n")
    with pytest.raises(UsageError, match="is a training, which keeps its own files there"):
        outputs.check(tmp_path / place, outputs.PLOT)
    outputs.check(tmp_path / "curves.svg", outputs.PLOT)


@pytest.mark.parametrize("check", [lambda path: outputs.check(path, outputs.PAGE), outputs.check_appended])
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, check: object) -> None:
    assert callable(check)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "folder").mkdir()
    for name, what in {"pipe": "a pipe", "link": "a symbolic link", "folder": "a folder"}.items():
        with pytest.raises(UsageError, match=f"{name} cannot be written: {what} stands there"):
            check(tmp_path / name)
    with pytest.raises(UsageError, match="a device stands there"):
        check(Path(os.devnull))


@pytest.mark.parametrize("held", [b"", b"### Another step\n", b"<details>\n", b"[link](address)\n"])
def test_a_summary_goes_behind_what_others_told(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "summary.md").write_bytes(held)
    outputs.check_appended(tmp_path / "summary.md")
    assert (tmp_path / "summary.md").read_bytes() == held


@pytest.mark.parametrize(("name", "held"), [("team.yaml", b"leader: {}\n"), ("a", b'{"a": 1}'), ("s", b"SQLite\0")])
def test_a_summary_goes_behind_nothing_else(tmp_path: Path, name: str, held: bytes) -> None:
    (tmp_path / name).write_bytes(held)
    with pytest.raises(UsageError, match="what stands there is no Markdown"):
        outputs.check_appended(tmp_path / name)


def test_two_options_name_two_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    outputs.check_apart({"--one": tmp_path / "a", "--other": None, "--third": tmp_path / "c"})
    for one, other in (("a", "b"), ("new", f"../{tmp_path.name}/new")):
        with pytest.raises(UsageError, match="--one and --other both name"):
            outputs.check_apart({"--one": tmp_path / one, "--other": tmp_path / other})


def test_a_folder_is_replaced_if_all_in_it_is_known(tmp_path: Path) -> None:
    outputs.check_folder(tmp_path / "new", ["a"])
    (tmp_path / "a").write_text("")
    outputs.check_folder(tmp_path, ["a"])
    (tmp_path / "b").write_text("")
    with pytest.raises(UsageError, match="it holds b, which would be lost"):
        outputs.check_folder(tmp_path, ["a"])


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(UsageError, match=r"a cannot be written: a file stands where a folder is needed\."):
        outputs.check_folder(tmp_path / "a", ["b"])
    with pytest.raises(UsageError, match="b cannot be written: a file stands where a folder is needed"):
        outputs.write(tmp_path / "a" / "b", b"<svg", outputs.PLOT, folders=True)
