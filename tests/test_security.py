"""What is never done, and what is never written: no pickle is read, no code of a model is run, no key is kept."""

from __future__ import annotations

import ast
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from mlpo_bench.engines.server import engine as server_engine
from mlpo_bench.teams import Member, read_team
from tests.engines.imitated_server import Asked, ImitatedServer, Mode, Sent, chat, listing, refused, sent


Cli = Any
PACKAGE = Path(__file__).parents[1] / "mlpo_bench"
INSPECT = ("inspect",) if find_spec("inspect_ai") else ()
SECRET = "sk-planted-0123456789"

UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "os.system", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "pd.read_pickle"}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def unsafe(source: str) -> Iterator[str]:
    """Yield what a program does that may run what it reads."""
    tree = ast.parse(source)
    imported = {
        name.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    yield from imported & UNSAFE_MODULES
    for name, call in calls(tree):
        told = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if (
            name in UNSAFE_CALLS
            or told.get("shell", "False") != "False"
            or told.get("allow_pickle", "False") != "False"
            or (name == "torch.load" and told.get("weights_only") != "True")
            or (name.endswith(".from_pretrained") and told.get("trust_remote_code") == "True")
        ):
            yield ast.unparse(call)


def test_nothing_that_is_read_is_run() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    found = {str(path.relative_to(PACKAGE)): list(unsafe(path.read_text(encoding="utf-8"))) for path in files}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib.numpy_pickle import load",
        "eval(text)",
        "yaml.load(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=asked)",
        "numpy.load(path, allow_pickle=True)",
        "torch.load(path)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
    ],
)
def test_what_would_run_what_it_reads_is_found(source: str) -> None:
    assert len(list(unsafe(source))) == 1


def test_no_code_of_a_model_is_run_unless_a_person_says_so(tmp_path: Path) -> None:
    assert Member().trust_remote_code is False
    (tmp_path / "team.yaml").write_text("leader: {model: m, trust_remote_code: true}\npeers: [{model: m}]\n")
    team = read_team(tmp_path / "team.yaml")
    assert (team.leader.trust_remote_code, team.peers[0].trust_remote_code) == (True, False)


def echoing(_: ImitatedServer, asked: Asked) -> Sent:
    """Tell the key in every refusal, as some servers do: of half of the questions, the same in every run."""
    key = f"{asked.headers.get('authorization')} {asked.headers.get('x-a')}"
    answered = zlib.crc32(str(asked.body["messages"]).encode()) % 2
    return sent(chat("The answer is (A).")) if answered else refused(f"no: {key} is not welcome", 400)


def contents(path: Path) -> Iterator[bytes]:
    """Yield what a file holds, unpacked."""
    yield path.read_bytes()
    if path.suffix == ".zst":
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as one:
            yield one.read()
    elif path.suffix == ".parquet":
        yield str(pq.read_table(path).to_pylist()).encode()
    elif path.suffix == ".eval":
        with zipfile.ZipFile(path) as packed:
            yield from map(packed.read, packed.namelist())


def test_a_planted_key_is_in_nothing_that_is_written_or_said(
    mlpo_bench: Cli, made_up: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", SECRET)
    monkeypatch.setattr(server_engine, "FIRST_RETRY_S", 0.01)
    said = []
    with ImitatedServer(Mode(echoing)) as server:
        server.mode = replace(server.mode, models=sent(listing(max_model_len=100_000)))
        asked = "api_key_env: PLANTED, request: {extra_headers: {x-a: $PLANTED}}"
        member = f"{{model: served-model, base_url: '{server.url}', {asked}}}"
        Path("team.yaml").write_text(f"leader: {member}\npeers: [{member}]\n")
        words = ("--suite", "bbh", "--data", made_up, "--limit", "6", "--team", "team.yaml", "--protocol", "solo,vote")
        said.append(mlpo_bench("-vv", "run", *words, "--samples", "3", "--name", "mine", "--store", "store.sqlite"))
    assert any(one.headers.get("authorization") == f"Bearer {SECRET}" for one in server.asked)
    commands = (
        ("show", "mine"),
        ("transcript", "mine", "navigate/1"),
        ("compare", "mine", "--against", "solo", "--format", "latex"),
        ("diagnose", "mine"),
        ("report", "mine", "-o", "page.html"),
        *(
            ("export", "mine", "--format", form, "-o", form)
            for form in ("parquet", "csv", "jsonl", "lm-eval", *INSPECT)
        ),
        ("gate", "mine", "--baseline", "baseline.json", "--update", "--reason", "x"),
        ("leaderboard", "add", "mine", "--folder", "board", "--anyway"),
        ("rescore", "mine"),
        ("store", "export", "out.jsonl.zst", "--store", "store.sqlite"),
        ("-vv", "plan", "--config", "runs/mine/config.yaml"),
    )
    said += [mlpo_bench(*command) for command in commands]
    assert sum(one.code == 0 for one in said) >= 8
    assert all(SECRET not in one.out + one.err for one in said)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    kinds = {".json", ".yaml", ".zst", ".parquet", ".html", ".csv", ".sqlite", *(".eval" for _ in INSPECT)}
    assert {path.suffix for path in files} >= kinds
    for path in files:
        for content in contents(path):
            assert SECRET.encode() not in content, path
