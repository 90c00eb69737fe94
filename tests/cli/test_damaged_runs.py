"""A run's files, each empty, cut short, garbage, missing, or a folder: a sentence that names it, and `run` mends it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fixtures.damages import DAMAGES, folder, lost  # type: ignore[import-not-found]

from mlpo_bench.log.seals import SEAL, sealed


Cli = Any
Contents = Callable[[Path], dict[str, bytes]]

FILES = (
    "config.yaml", "manifest.json", "plan.json", "results.json", "suites/bbh.json", "cells/bbh.solo.json",
    "records/bbh.solo.parquet", "ledger/bbh.leader-1-round-3-peers.parquet", "transcripts/bbh.solo.jsonl.zst",
)  # fmt: skip
COMMANDS = (
    ("show", "RUN"),
    ("show", "RUN", "--ledger", "leader"),
    ("transcript", "RUN", "navigate/6"),
    ("compare", "RUN", "--against", "solo"),
    ("diagnose", "RUN"),
    ("report", "RUN", "-o", "page.html"),
    ("export", "RUN", "--format", "parquet", "-o", "parquet"),
    ("export", "RUN", "--format", "lm-eval", "-o", "lm-eval"),
    *((("export", "RUN", "--format", "inspect", "-o", "inspect"),) if find_spec("inspect_ai") else ()),
    ("leaderboard", "add", "RUN", "--folder", "board", "--anyway"),
    ("rescore", "RUN", "--dry-run"),
    ("run", "--add", "--name", "RUN", "--protocol", "oracle", "--output", "."),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> tuple[Path, list[str]]:
    """A run, and the words that it was made by."""
    from mlpo_bench.cli import main

    folder = tmp_path_factory.mktemp("damaged")
    script = folder / "script.yaml"
    script.write_text("- say: [The answer is Yes., The answer is (A)., I cannot tell.]\n")
    (folder / "team.yaml").write_text(
        f"leader: {{model: {script}, engine: scripted}}\npeers: [{{model: {script}, count: 3, engine: scripted}}]\n"
    )
    words = [
        "run", "--suite", "bbh", "--data", str(made_up), "--subjects", "navigate,snarks", "--protocol", "solo,leader",
        "--rounds", "1", "--team", str(folder / "team.yaml"), "--store", str(folder / "store.sqlite"), "--quiet",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr("sys.argv", ["mlpo-bench", *words, "--name", "mine", "--output", str(folder)])
        with pytest.raises(SystemExit, match="0"):
            main()
    return folder / "mine", words


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_and_mended(
    run: tuple[Path, list[str]], mlpo_bench: Cli, tmp_path: Path, contents: Contents, name: str
) -> None:
    whole, words = run
    for damage in DAMAGES:
        spoiled = tmp_path / damage.__name__
        shutil.copytree(whole, spoiled)
        damage(spoiled / name)
        for command in COMMANDS:
            target = shutil.copytree(spoiled, tmp_path / f"{spoiled.name}-2") if command[0] == "run" else spoiled
            said = mlpo_bench(*(word.replace("RUN", target.name) for word in command))
            where = f"{damage.__name__} {' '.join(command)}: {said.err}"
            assert "Traceback" not in said.out + said.err, where
            if name == "plan.json" and damage is lost:
                continue  # nothing was planned, then
            if said.code != 0:
                assert said.code == 2, where
                refusals = (Path(name).name, "made with another configuration", "has no results yet; `mlpo-bench run")
                assert any(refusal in said.err for refusal in refusals), where
                assert said.err.count("mlpo-bench: ") == 1, where
        again = mlpo_bench(*words, "--name", spoiled.name, "--output", tmp_path)
        assert again.code == 0, f"{damage.__name__}: {again.err}"
        mended = {path: content for path, content in contents(spoiled).items() if ".damaged-" not in path}
        assert mended == contents(whole), damage.__name__
        assert mlpo_bench("show", spoiled).code == 0
        manifest = json.loads((spoiled / "manifest.json").read_text())
        assert manifest["models"][0]["engine"] == "scripted"
        if damage is folder:
            assert [path.read_text() for path in spoiled.rglob("kept.txt")] == ["precious"]


def test_a_run_that_was_cut_in_its_configuration_does_not_become_another(
    run: tuple[Path, list[str]], mlpo_bench: Cli, tmp_path: Path
) -> None:
    shutil.copytree(run[0], tmp_path / "mine")
    config = tmp_path / "mine" / "config.yaml"
    text = config.read_text()
    config.write_text(text[: text.index("rounds:")])
    said = mlpo_bench("show", "mine")
    assert (said.code, said.out) == (2, "")
    assert "mine/config.yaml is not what the run was made with: it was lost, cut short or changed" in said.err
    assert "the command that began the run writes it anew: mlpo-bench run --suite bbh" in said.err


def _another_revision(manifest: dict[str, Any]) -> None:
    manifest["models"][0]["revision"] = "sha256:0123456789abcdef"


def _answered_by_another(manifest: dict[str, Any]) -> None:
    manifest["answered"][0]["identity"] = "0123456789abcdef"


def _in_a_commit(manifest: dict[str, Any]) -> None:
    manifest["git"] = {"commit": "c" * 40, "dirty": False}


@pytest.mark.parametrize("change", [_another_revision, _answered_by_another, _in_a_commit])
def test_a_manifest_that_was_changed_by_hand_is_refused_and_mended(
    run: tuple[Path, list[str]],
    mlpo_bench: Cli,
    tmp_path: Path,
    contents: Contents,
    change: Callable[[dict[str, Any]], None],
) -> None:
    whole, words = run
    shutil.copytree(whole, tmp_path / "mine")
    path = tmp_path / "mine" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    for command in (
        ("report", "mine", "-o", "page.html"),
        ("leaderboard", "add", "mine", "--folder", "board", "--anyway"),
    ):
        said = mlpo_bench(*command)
        assert (said.code, said.out) == (2, ""), command
        assert "mine/manifest.json is not what was written: it was changed; `mlpo-bench run" in said.err
    assert mlpo_bench(*words, "--name", "mine", "--output", tmp_path).code == 0
    mended = {name: content for name, content in contents(tmp_path / "mine").items() if ".damaged-" not in name}
    assert mended == contents(whole)
    assert json.loads(path.read_text())["models"] == json.loads((whole / "manifest.json").read_text())["models"]


def test_conversations_that_were_lost_are_missed(run: tuple[Path, list[str]], mlpo_bench: Cli, tmp_path: Path) -> None:
    shutil.copytree(run[0], tmp_path / "mine")
    (tmp_path / "mine" / "transcripts" / "bbh.solo.jsonl.zst").unlink()
    for words in ((), ("--cell", "solo"), ("--wrong",), ("navigate/6",)):
        said = mlpo_bench("transcript", "mine", *words)
        assert said.code == 2, (words, said.out)
        assert "bbh.solo.jsonl.zst is missing; `mlpo-bench run --config" in said.err
    assert mlpo_bench("transcript", "mine", "--cell", "leader").code == 0


def test_a_configuration_may_be_extended(run: tuple[Path, list[str]], mlpo_bench: Cli, tmp_path: Path) -> None:
    shutil.copytree(run[0], tmp_path / "mine")
    words = [word for word in run[1] if word != "solo,leader"]
    words[words.index("--protocol") + 1 : words.index("--protocol") + 1] = ["oracle"]
    assert mlpo_bench(*words, "--add", "--name", "mine", "--output", tmp_path).code == 0
    assert mlpo_bench("show", "mine").code == 0


def _tell(run: Path, name: str, version: object) -> None:
    """Have a file tell that it is of a version, as one would that wrote all that goes with it."""
    path = run / name
    if path.suffix == ".json":
        value = json.loads(path.read_text())
        changed = value | {"schema_version": version}
        path.write_text(json.dumps(sealed(changed) if SEAL in value else changed))
        return
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(pq.read_table(path).replace_schema_metadata({"schema_version": str(version)}), path)
    else:
        import zstandard

        line = json.dumps({"schema_version": version, "question": "bbh/navigate/6", "said": []})
        path.write_bytes(zstandard.compress(f"{line}\n".encode()))
    cell = run / "cells" / "bbh.solo.json"
    told = json.loads(cell.read_text())
    if path.parent.name in {"transcripts", "records"}:
        told["files"][path.parent.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        cell.write_text(json.dumps(sealed(told)))


@pytest.mark.parametrize("name", [name for name in FILES if name != "config.yaml"])
def test_a_file_of_another_version_is_named_and_left_as_it_is(
    run: tuple[Path, list[str]], mlpo_bench: Cli, tmp_path: Path, name: str
) -> None:
    version = 0 if name == "plan.json" else 99
    whole, words = run
    place = tmp_path / "mine"
    commands = [[word.replace("RUN", "mine") for word in command] for command in COMMANDS]
    again = [*words, "--name", "mine", "--output", str(tmp_path)]
    refused = 0
    for command in [*commands, again]:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(whole, place)
        _tell(place, name, version)
        before = (place / name).read_bytes()
        said = mlpo_bench(*command)
        where = f"{' '.join(command)}: {said.err}"
        assert "Traceback" not in said.out + said.err, where
        if said.code:
            assert said.code == 2, where
            assert f"mine/{name} is of schema {version}, which another version of mlpo-bench wrote" in said.err, where
            assert "take the version that wrote it, or `mlpo-bench run --config" in said.err, where
            assert said.err.count("mlpo-bench: ") == 1, where
            assert (place / "config.yaml").read_bytes() == (whole / "config.yaml").read_bytes(), where
            refused += 1
        elif name == "results.json" and command[0] == "run":
            continue  # it is put together from the cells, each of which is of this version
        assert (place / name).read_bytes() == before, where
    assert refused


def _retyped(run: Path, name: str, column: str, values: Callable[[list[Any]], list[Any]]) -> None:
    """Have a table hold something else in a column, as one would that changes the digest of the file with it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = run / name
    table = pq.read_table(path)
    changed = pa.array(values(table[column].to_pylist()))
    pq.write_table(table.set_column(table.column_names.index(column), column, changed), path)
    cell = run / "cells" / f"{path.stem}.json"
    told = json.loads(cell.read_text())
    if path.parent.name in {"transcripts", "records"}:
        told["files"][path.parent.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        cell.write_text(json.dumps(sealed(told)))


RECORDS, LEDGER = "records/bbh.leader-1-round-3-peers.parquet", "ledger/bbh.leader-1-round-3-peers.parquet"


@pytest.mark.parametrize(
    ("name", "column", "values", "says"),
    [
        (LEDGER, "prompt_tokens", lambda held: [None] * len(held), "has null in the column 'prompt_tokens'"),
        (LEDGER, "prompt_tokens", lambda held: [None, *held[1:]], "has a row without 'prompt_tokens'"),
        (LEDGER, "prompt_tokens", lambda held: list(map(str, held)), "has text in the column 'prompt_tokens'"),
        (LEDGER, "prompt_tokens", lambda held: list(map(float, held)), "has numbers in the column 'prom"),
        (LEDGER, "prompt_tokens", lambda held: [-5, *held[1:]], "has a row whose 'prompt_tokens' is below 0"),
        (LEDGER, "seconds", lambda held: [float("nan"), *held[1:]], "has a row whose 'seconds' is no number"),
        (LEDGER, "right", lambda held: list(map(str, held)), "has text in the column 'right', which"),
        (RECORDS, "prompt_tokens", lambda held: list(map(str, held)), "has text in the column 'prompt_tokens'"),
        (RECORDS, "prompt_tokens", lambda held: [float("nan")] * len(held), "has numbers in the column 'prom"),
        (RECORDS, "right", lambda held: list(map(float, held)), "has numbers in the column 'right', which"),
        (RECORDS, "right", lambda held: list(map(str, held)), "has text in the column 'right', which"),
        (RECORDS, "right", lambda held: [None, *held[1:]], "has a row without 'right' that tells of no error"),
    ],
)  # fmt: skip
def test_a_table_whose_columns_hold_something_else_is_named_and_mended(
    run: tuple[Path, list[str]],
    mlpo_bench: Cli,
    tmp_path: Path,
    contents: Contents,
    name: str,
    column: str,
    values: Callable[[list[Any]], list[Any]],
    says: str,
) -> None:
    whole, words = run
    place = shutil.copytree(whole, tmp_path / "mine")
    _retyped(place, name, column, values)
    refused = 0
    for command in COMMANDS[:-1]:
        said = mlpo_bench(*(word.replace("RUN", "mine") for word in command))
        where = f"{' '.join(command)}: {said.err}"
        assert "Traceback" not in said.out + said.err, where
        if said.code:
            assert said.code == 2, where
            assert f"mine/{name} {says}" in said.err, where
            refused += 1
    assert refused
    assert mlpo_bench(*words, "--name", "mine", "--output", tmp_path).code == 0
    mended = {path: content for path, content in contents(place).items() if ".damaged-" not in path}
    assert mended == contents(whole)


@pytest.mark.parametrize("version", ["2", None, [1], True, 1.0, "\x1b[31m" * 99])
def test_a_version_that_is_none_is_refused(
    run: tuple[Path, list[str]], mlpo_bench: Cli, tmp_path: Path, version: object
) -> None:
    shutil.copytree(run[0], tmp_path / "mine")
    _tell(tmp_path / "mine", "results.json", version)
    said = mlpo_bench("show", "mine")
    assert (said.code, said.out) == (2, "")
    assert "mine/results.json is of schema " in said.err
    assert "\x1b" not in said.err
    assert len(said.err) < 500


def test_a_run_with_a_file_of_another_version_is_listed_as_unreadable(
    run: tuple[Path, list[str]], mlpo_bench: Cli, tmp_path: Path
) -> None:
    shutil.copytree(run[0], tmp_path / "runs" / "mine")
    assert "unreadable" not in mlpo_bench("runs").out
    _tell(tmp_path / "runs" / "mine", "results.json", 99)
    assert "unreadable" in mlpo_bench("runs").out


def _another_cells(path: Path) -> None:
    shutil.copy(path.with_name(path.name.replace("bbh.leader-1-round-3-peers", "bbh.solo")), path)


def _without_rows(path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(path).slice(0, 0), path)


def _twice(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


def _turns(**changes: object) -> Callable[[Path], None]:
    """Return what has each turn of a transcript tell something else; None leaves it out."""

    def change(path: Path) -> None:
        import zstandard

        with zstandard.open(path, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        for line in lines:
            line["turns"] = [
                {name: value for name, value in (turn | changes).items() if value is not None} for turn in line["turns"]
            ]
        path.write_bytes(zstandard.compress("".join(f"{json.dumps(line)}\n" for line in lines).encode()))

    return change


def _endless(path: Path) -> None:
    path.write_text(json.dumps(sealed({**json.loads(path.read_text()), "seconds": "nan"})))


TRANSCRIPTS = "transcripts/bbh.leader-1-round-3-peers.jsonl.zst"


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (LEDGER, _another_cells, "does not hold the turns that its cell counts"),
        (LEDGER, _without_rows, "does not hold the turns that its cell counts"),
        (RECORDS, _without_rows, "does not have a row for each question that its cell counts"),
        (TRANSCRIPTS, _twice, "has two conversations over bbh/navigate/"),
        (TRANSCRIPTS, _turns(round=""), "line 1 is no conversation"),
        (TRANSCRIPTS, _turns(stage=None), "line 1 is no conversation"),
        (TRANSCRIPTS, _turns(completion_tokens={}), "line 1 is no conversation"),
        (TRANSCRIPTS, _turns(prompt_tokens=-3), "line 1 is no conversation"),
        (TRANSCRIPTS, _turns(read=[{"role": "user"}]), "line 1 is no conversation"),
        ("plan.json", _endless, "is no plan"),
    ],
)  # fmt: skip
def test_a_file_that_is_whole_and_not_the_cells_own_is_named_and_mended(
    run: tuple[Path, list[str]], mlpo_bench: Cli, tmp_path: Path, name: str, change: Callable[[Path], None], says: str
) -> None:
    whole, words = run
    spoiled = shutil.copytree(whole, tmp_path / "mine")
    before = (spoiled / name).read_bytes()
    change(spoiled / name)
    assert (spoiled / name).read_bytes() != before
    cell = spoiled / "cells" / "bbh.leader-1-round-3-peers.json"
    told = json.loads(cell.read_text())
    del told["files"]  # as earlier versions wrote it
    cell.write_text(json.dumps(sealed(told)))
    refusals = 0
    for command in COMMANDS[:-1]:
        said = mlpo_bench(*(word.replace("RUN", "mine") for word in command))
        where = f"{' '.join(command)}: {said.err}"
        assert "Traceback" not in said.out + said.err, where
        assert said.code in {0, 2}, where
        assert said.code == 0 or (Path(name).name in said.err and says in said.err), where
        refusals += said.code == 2
    assert refusals
    assert mlpo_bench(*words, "--name", "mine", "--output", tmp_path).code == 0
    assert mlpo_bench("export", "mine", "--format", "parquet", "-o", "whole").code == 0
