"""Whatever is read, readers come to a value or to one sentence.

Each target is tried for a second; `FUZZ_SECONDS` says for how many (`nox -s fuzz` seven, by hand as long as one likes).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlpo_bench.answers import FORMATS, judge, key, quoted, read
from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines.server import reply
from mlpo_bench.errors import EngineError, UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.matrix.cells import SHIPPED, cells
from mlpo_bench.matrix.config import RunConfig, read_config
from mlpo_bench.store import Store, sound
from mlpo_bench.teams import read_team


SECONDS = float(os.environ.get("FUZZ_SECONDS", "1"))
BATCH = 100


def fuzzed(test: Callable[..., None], **fixed: Any) -> None:
    """Try a test on one batch of examples after the other, for as long as a target may take."""
    silent = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    tried = settings(max_examples=BATCH, deadline=None, database=None, suppress_health_check=silent)(test)
    began = time.monotonic()
    while True:
        tried(**fixed)
        if time.monotonic() - began >= SECONDS:
            return


WORDS = [
    "The answer is ", "<answer>", "</answer>", "\\boxed{", "}", "(A)", "(B).", "not ", "**", "yes", "No", "True", "\n",
    "Therefore", " ", "$", "\\frac{1}{2}", "\\sqrt{", "3.5", "1,000", "-7", "10^{99}", "Final Answer: ", "I was wrong",
    "<think>", "</think>", "valid", "invalid", "] )", "{ }", "ant bee", "x^2+1", "\\text{cm}", "%", "0/0", "...",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=12).map("".join)


def test_answer_readers_never_raise() -> None:
    @given(st.sampled_from(sorted(set(FORMATS) - {"maths", "gym"})), TEXTS, TEXTS, st.booleans())
    def any_text(form: str, text: str, gold: str, cut_off: bool) -> None:
        answer = read(form, text, question=gold, cut_off=cut_off)
        assert answer is None or isinstance(answer, str)
        if answer is not None:
            assert isinstance(key(form, answer), str)
            assert isinstance(quoted(form, answer), str)
            assert judge(form, answer, gold) in {True, False}
            assert judge(form, answer, answer) is True

    fuzzed(any_text)


def test_mathematics_is_read_without_raising() -> None:
    @given(TEXTS, st.booleans())
    def any_text(text: str, cut_off: bool) -> None:
        answer = read("maths", text, cut_off=cut_off)
        assert answer is None or isinstance(key("maths", answer), str)

    fuzzed(any_text)


SCALARS = st.sampled_from(
    [None, True, 0, -1, 1, 2, 10**20, 0.5, float("nan"), float("inf"), "", "bbh", "leader", "x" * 300, "\u202e"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.fixed_dictionaries({}, optional={
    "model": st.just("m") | VALUES, "engine": st.just("scripted") | VALUES, "persona": VALUES, "context": VALUES,
    "base_url": VALUES, "sampling": VALUES, "request": VALUES, "count": VALUES, "revision": VALUES,
}) | VALUES  # fmt: skip
TEAMS = st.fixed_dictionaries({}, optional={
    "leader": MEMBERS, "peers": st.lists(MEMBERS, max_size=3) | VALUES, "untrained": MEMBERS, "prices": VALUES,
    "x": VALUES,
})  # fmt: skip
SWEEPS = st.sampled_from(["solo", "vote", "leader", "debate"]) | VALUES | st.dictionaries(
    st.sampled_from(["vote", "leader", "mixture"]),
    st.dictionaries(st.sampled_from(["samples", "rounds", "peers", "share", "adaptive"]), VALUES, max_size=3),
    max_size=1,
)  # fmt: skip
MATRICES = st.fixed_dictionaries({}, optional={
    "suites": st.just(["bbh"]) | VALUES, "limit": VALUES, "seeds": VALUES, "team": TEAMS, "rounds": VALUES,
    "peers": VALUES, "protocols": st.lists(SWEEPS, max_size=3) | VALUES, "generation": VALUES, "samples": VALUES,
    "calibration": VALUES, "subjects": VALUES, "split": VALUES, "deterministic": VALUES, "data": VALUES, "x": VALUES,
})  # fmt: skip


def test_team_files_are_teams_or_faults(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"

    @given(TEAMS)
    def any_team(content: Any) -> None:
        path.write_text(yaml.safe_dump(content))
        try:
            team = read_team(path)
        except UsageError as fault:
            assert str(path) in str(fault)  # noqa: PT017 - either may come
        else:
            assert len(team.members) <= 65

    fuzzed(any_team)


def test_matrices_are_cells_or_faults(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"

    @given(MATRICES)
    @example({"protocols": [{"leader": {"adaptive": float("nan")}}]})
    @example({"suites": "x" * 300})
    def any_matrix(content: Any) -> None:
        path.write_text(yaml.safe_dump(content))
        try:
            config = read_config(path)
            matrix = cells(config)
        except UsageError as fault:
            assert str(fault)  # noqa: PT017
            return
        assert matrix
        assert all(len(cell.id) < 200 for cell in matrix)
        path.write_text(config.to_yaml())
        assert read_config(path).digest == config.digest

    fuzzed(any_matrix)


def test_a_matrix_with_holes_is_read_or_refused(tmp_path: Path) -> None:
    whole = (SHIPPED / "default.yaml").read_text()
    path = tmp_path / "matrix.yaml"

    @given(
        st.integers(0, len(whole)),
        st.integers(0, 60),
        st.text(st.sampled_from("[]{}:,&*!|>-?#'\"\n\t x1\\"), max_size=6),
    )
    def spliced(at: int, gone: int, put: str) -> None:
        path.write_text(whole[:at] + put + whole[at + gone :])
        try:
            config = read_config(path)
        except UsageError as fault:
            assert str(path) in str(fault)  # noqa: PT017
        else:
            assert isinstance(config, RunConfig)

    fuzzed(spliced)


def test_bodies_of_a_server_are_answers_or_faults() -> None:
    whole = orjson.dumps({
        "choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3},
    })  # fmt: skip

    @given(
        st.integers(0, len(whole)),
        st.integers(0, 12),
        st.binary(max_size=6) | st.sampled_from([b"null", b"-1", b"[[", b"1e400"]),
    )
    def spliced(at: int, gone: int, put: bytes) -> None:
        try:
            answer = reply.read(reply.parsed(whole[:at] + put + whole[at + gone :]))
        except (EngineError, ValueError) as fault:
            assert str(fault)  # noqa: PT017
            return
        made = Completion(answer.text, answer.usage or Usage(), answer.finish_reason, 0.0, refused=answer.refused)
        assert sound(made)

    fuzzed(spliced)


def test_rows_of_a_store_are_completions_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.put(b"k" * 32, Completion("text", Usage(1, 2, 3), "stop", 0.5))

    texts = VALUES.map(lambda value: orjson.dumps(str(value)))
    rows = st.lists(VALUES, max_size=8).map(lambda row: yaml.safe_dump(row, default_flow_style=True).encode())

    @given(st.binary(max_size=60) | texts | rows)
    @example(b'["text", 9.5, 0, 1, "stop", 0.1]')
    @example(b'["text", 1, 0, 8589934592, "stop", 0.1]')
    @example(b'["text", 1, 0, 1, "stop", null]')
    def any_row(value: bytes) -> None:
        db = sqlite3.connect(path)
        db.execute("INSERT OR REPLACE INTO completions (key, value) VALUES (?, ?)", (b"k" * 32, value))
        db.commit()
        db.close()
        with Store(path) as store:
            made = store.get(b"k" * 32)
            assert made is None or sound(made)
            store.put(b"j" * 32, Completion("text", Usage(1, 2, 3), "stop", 0.5))

    fuzzed(any_row)


@pytest.fixture
def run(carry: Any, mixed_team: dict[str, Any]) -> RunDirectory:
    made: RunDirectory = carry("mine", protocols=["solo", "leader"], rounds=1, peers=2, team=mixed_team)
    return made


def told(path: Path) -> dict[str, Any]:
    """Return all that is read of a run."""
    loaded = LoadedRun.open(path)
    return {
        "config": loaded.config.digest,
        "results": loaded.results.model_dump(),
        "manifest": [session["started"] for session in loaded.manifest["sessions"]],
        "plan": loaded.plan,
        "records": [list(loaded.records(cell.id)) for cell in loaded.ended],
        "transcripts": [list(loaded.transcripts(cell)) for cell in loaded.ended],
    }


def test_a_damaged_run_is_what_it_was_or_refused(run: RunDirectory, tmp_path: Path) -> None:
    sound_run = told(run.path)
    names = sorted(
        str(path.relative_to(run.path))
        for part in ("config.yaml", "transcripts/*", "records/*")
        for path in run.path.glob(part)
    )
    contents = {name: (run.path / name).read_bytes() for name in names}
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)

    @given(
        st.sampled_from(names),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=12),
        st.sampled_from(["cut", "put", "in"]),
    )
    @example(names[-1], 0.0, contents[names[-1]][:1], "put")  # what stands there already
    def spoiled(name: str, where: float, put: bytes, how: str) -> None:
        content = contents[name]
        at = int(where * (len(content) - 1))
        rest = {"cut": b"", "put": put + content[at + len(put) :], "in": put + content[at:]}[how]
        (copy / name).write_bytes(content[:at] + rest)
        try:
            assert told(copy) == sound_run
        except UsageError as fault:
            assert Path(name).name in str(fault)  # noqa: PT017
        finally:
            (copy / name).write_bytes(content)

    fuzzed(spoiled)


def test_other_files_of_a_run_are_read_or_refused(run: RunDirectory, tmp_path: Path) -> None:
    names = ["manifest.json", "plan.json", "results.json", *(f"ledger/{cell.id}.parquet" for cell in run.cells)]
    contents = {name: (run.path / name).read_bytes() for name in names}
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)

    @given(st.sampled_from(names), st.floats(0, 1), st.binary(min_size=1, max_size=12), st.booleans())
    def spoiled(name: str, where: float, put: bytes, cut: bool) -> None:
        content = contents[name]
        at = int(where * (len(content) - 1))
        (copy / name).write_bytes(content[:at] + (b"" if cut else put + content[at + len(put) :]))
        try:
            told(copy)
            RunDirectory(copy).sound(run.cells[0].id)
        except UsageError as fault:
            assert str(fault)  # noqa: PT017
        finally:
            (copy / name).write_bytes(content)

    fuzzed(spoiled)
