"""What `docs/extending.md` shows is written down, installed and run as it stands there."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "extending.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"(?:# |\{# )(\S+)(?: #\})?\n")

# Runs several command lines in one process, as heavy libraries are slow to import; prints what each came to.
DRIVER = """
import contextlib, io, json, sys
from mlpo_bench.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["mlpo-bench", *arguments]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    print(json.dumps([code or 0, out.getvalue(), err.getvalue()]))
"""

Said = tuple[int, str, str]


def blocks(language: str) -> list[str]:
    return [text for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == language]


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in block.splitlines()]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files, each where its first line says; its table is the `rivers.csv` of the sentence before."""
    folder = tmp_path_factory.mktemp("source")
    for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "csv":  # a table has no room for a comment
            (folder / "rivers.csv").write_text(text, encoding="utf-8")
        elif kind != "sh":
            named = _NAMED.match(text)
            assert named, f"a block of {kind} does not say in its first line which file it is"
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    (folder / "mine" / "__init__.py").touch()
    return folder


@pytest.fixture(scope="module")
def site(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's package is installed."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run(lines: list[list[str]], where: Path, data: Path, *path: Path) -> list[Said]:
    """Run command lines in a folder, with more folders on the path; return what each came to."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *path))),
        "MLPO_BENCH_DATA": str(data),
        "XDG_CACHE_HOME": str(where / "cache"),
        "COLUMNS": "160",
    }
    command = [sys.executable, "-c", DRIVER, json.dumps(lines)]
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]


def test_a_protocol_and_an_engine_of_a_module_in_the_current_folder(source: Path, made_up: Path) -> None:
    (line,) = commands(blocks("sh")[0])
    again = [*line[: line.index("--name")], "--name", "relays"]
    (first, second, wrong) = run([line, again, ["run", "--protocol", "mine.protocols:Reley"]], source, made_up)
    assert first[0] == 0, first[2]
    assert all(row in first[1] for row in ("relay, 1 lap, 3 peers", "relay, 2 laps, 3 peers", "leader, 2 rounds"))
    assert "All these cells were done before" in second[1]
    assert wrong[0] == 2
    assert "the module 'mine.protocols' has no 'Reley'; did you mean 'Relay'?" in wrong[2]
    config = (source / "runs" / "relays" / "config.yaml").read_text()
    assert "mine.protocols:Relay" in config
    assert "mine.engines:Guess" in config


def test_suites_of_a_file_and_of_a_module(source: Path, made_up: Path) -> None:
    lines = commands(blocks("sh")[1])
    asked = lines[2]
    wrong = ["plan", "--suite", "rivers.csv", "--format", "number"]
    listed, validated, first, tasks, again, refused = run([*lines, asked, wrong], source, made_up)
    assert {"europe", "elsewhere"} <= set(listed[1].split())
    assert "rivers: 4 gold answers" in validated[1]
    assert first[0] == 0, first[2]
    assert all(title in first[1] for title in ("RIVERS", "WEEKDAYS"))
    assert "All these cells were done before" in again[1]
    assert "the task mlpo_rivers and those of its 2 subjects" in tasks[1]
    assert (refused[0], "rivers.csv, line 2: it has choices" in refused[2]) == (2, True)
    config = (source / "runs" / "own" / "config.yaml").read_text()
    assert "at: mine.suites:WEEKDAYS" in config
    assert f"at: {source / 'rivers.csv'}" in config


def test_an_installed_package_runs_through_every_command(site: Path, made_up: Path, tmp_path: Path) -> None:
    lines = commands(blocks("sh")[-1])
    model = "--model mlpo-team --model_args protocol=mine.protocols:Relay,laps=2,team=team.yaml"
    asked = f"{model} --tasks mlpo_bbh_navigate,mlpo_weekdays --limit 2"
    lm_eval = [*asked.split(), "--apply_chat_template", "--metadata", json.dumps({"data": str(made_up)})]
    (tmp_path / "team.yaml").write_text("leader: {model: x, engine: guess}\npeers: [{model: x, engine: guess}]\n")
    results = run([*lines, ["lm-eval", *lm_eval]], tmp_path, made_up, site)
    assert "weekdays: 60 gold answers from mine (1.0)" in results[3][1]
    assert "WEEKDAYS" in results[4][1]
    said = {line[0]: result for line, result in zip([*lines, ["lm-eval"]], results, strict=True)}
    assert {name: (code, err) for name, (code, _, err) in said.items() if code} == {}
    assert "laps=1, blind=false" in said["protocols"][1]
    assert "engine guess: Answers by chance." in said["models"][1]
    assert "relay, 2 laps, 3 peers" in said["plan"][1]
    for name in ("run", "show", "compare", "frontier"):
        assert "relay, 2 laps, 3 peers" in said[name][1], name
    assert said["transcript"][1].count("The one before you wrote") == 5
    packed = re.findall(rb">(H4sI[A-Za-z0-9+/=]+)<", (tmp_path / "guesses.html").read_bytes())
    assert any(b"relay, 2 laps, 3 peers" in gzip.decompress(base64.b64decode(part)) for part in packed)
    assert "relay" in "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "tables").glob("*.csv"))
    assert all(task in said["lm-eval"][1] for task in ("mlpo_bbh_navigate", "mlpo_weekdays_from_2024"))
    assert "Traceback" not in "".join(err for _, _, err in results)
