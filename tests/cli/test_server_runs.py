"""Whole runs behind a server: what is told of failures, thinking, refusals, estimates, and answers from before."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from mlpo_bench.engines.server import engine as server_engine
from mlpo_bench.log import LoadedRun
from mlpo_bench.store import Store
from tests.engines.imitated_server import ImitatedServer, Mode, Sent, chat, first, listing, refused, says, sent


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Cli = Any
FEW = ("-q", "--store", "store.sqlite", "--limit", "3", "--suite", "bbh")


@pytest.fixture(autouse=True)
def _soon_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_engine, "FIRST_RETRY_S", 0.01)


@pytest.fixture
def run(mlpo_bench: Cli, made_up: Path) -> Callable[..., Any]:
    def go(server: ImitatedServer, *more: str, team: str = "", protocol: str = "solo") -> Any:
        server.mode = replace(server.mode, models=sent(listing(max_model_len=100_000)))
        member = f"{{model: served-model, base_url: '{server.url}'{team}}}"
        Path("team.yaml").write_text(f"leader: {member}\npeers: [{member}]\n")
        return mlpo_bench("run", "--data", made_up, "--team", "team.yaml", *FEW, "--protocol", protocol, *more)

    return go


def turns_of(run: str) -> list[dict[str, Any]]:
    loaded = LoadedRun.open(run)
    return [turn for cell in loaded.ended for line in loaded.transcripts(cell) for turn in line.get("turns", ())]


def test_why_questions_failed_is_told_by_run_and_by_show(run: Any, mlpo_bench: Cli) -> None:
    def answer(server: ImitatedServer, asked: Any) -> Any:
        del asked
        with server.lock:
            server.taken += 1
            count = server.taken
        return refused(f"[bold]seed[/bold] is \x1b[31mnot taken, {count}") if count > 1 else sent(chat("", "stop"))

    with ImitatedServer(Mode(answer)) as server:
        said = run(server, "--name", "mine")
    assert said.code == 1
    shown = mlpo_bench("show", "mine").out
    for text in (said.out, shown):
        flat = " ".join(text.split())
        assert "3 of 3 questions could not be asked" in flat
        assert f"2 x the server {server.url} answered 400: [bold]seed[/bold] is not taken, " in flat
        assert "omit: [seed]" in flat
        assert f"1 x the server {server.url} answered with nothing: the content is empty" in flat
    causes = orjson.loads(mlpo_bench("show", "mine", "--json").out)["cells"][0]["causes"]
    assert sorted(causes.values()) == [1, 2]


def test_thinking_told_apart_is_kept_and_shared_as_one_that_is_not(run: Any) -> None:
    leader = ("--rounds", "2", "--peers", "1")
    read = {}
    for mode, share in ((m, s) for m in ("apart", "open", "closed") for s in ("whole", "without-thinking")):
        content = {"apart": "B", "open": "<think>\nHm.\n</think>\n\nB", "closed": "\nHm.\n</think>\n\nB"}[mode]
        reply = chat(content, reasoning_content="Hm.") if mode == "apart" else chat(content)
        with ImitatedServer(says(reply)) as server:
            assert (
                run(server, *leader, "-P", f"share={share}", "--name", f"{mode}-{share}", protocol="leader").code == 0
            )
        turns = turns_of(f"{mode}-{share}")
        read[mode, share] = [turn["read"] for turn in turns]
        assert {turn.get("reasoning") for turn in turns} == ({"Hm."} if mode == "apart" else {None})
    assert read["apart", "whole"] == read["open", "whole"]
    assert "Hm." in str(read["closed", "whole"])

    def of_leader(mode: str) -> list[Any]:
        return [messages for messages in read[mode, "without-thinking"] if "You lead" in messages[-1]["content"]]

    assert of_leader("apart") == of_leader("open") == of_leader("closed")
    assert "Hm." not in str(of_leader("apart"))


def test_refusals_and_estimates_are_counted_and_explained(run: Any, mlpo_bench: Cli) -> None:
    mode = first(1, sent(chat(None, refusal="I will not.")), chat("The answer is (A).", usage="missing"))
    with ImitatedServer(mode) as server:
        said = run(server, "--name", "mine")
    assert said.code == 0
    flat = " ".join(said.out.split())
    assert "refused" in flat
    assert "Refused: the model would not answer" in flat
    assert "No server told the tokens of 2 calls" in flat
    (cell,) = orjson.loads(mlpo_bench("show", "mine", "--json").out)["cells"]
    assert (cell["n"], cell["refused"], cell["unread"], cell["estimated"], cell["errors"]) == (3, 1, 0, 2, 0)
    refused = [turn.get("refused", False) for turn in turns_of("mine")]  # which question was asked first is not said
    assert sorted(refused) == [False, False, True]


def test_a_run_without_them_says_nothing_of_them(run: Any, mlpo_bench: Cli) -> None:
    with ImitatedServer(says(chat("The answer is (A)."))) as server:
        said = run(server, "--name", "mine")
    assert "efused" not in said.out
    (cell,) = orjson.loads(mlpo_bench("show", "mine", "--json").out)["cells"]
    assert not {"refused", "estimated", "causes"} & cell.keys()
    assert not {"reasoning", "refused", "estimated"} & turns_of("mine")[0].keys()


def test_answers_from_before_are_told_and_fresh_asks_anew(run: Any, mlpo_bench: Cli) -> None:
    with ImitatedServer(says(chat("The answer is (A)."))) as server:
        assert "made before" not in run(server, "--name", "one").out
        sessions = LoadedRun.open("one").manifest["sessions"]
        assert sessions[0]["completions"]["made_by"] == {"served-model": 3}
        mlpo_bench("gate", "one", "--baseline", "base.json", "--update", "--reason", "first")
        _age_store(days=3)
        server.mode = says(chat("The answer is (B)."))
        again = run(server, "--name", "two")
        assert len(server.asked) == 3
        assert "3 answers made before, on 20" in again.out
        judged = mlpo_bench("gate", "two", "--baseline", "base.json")
        assert judged.code == 2
        assert "the server's model served-model was not asked in this run" in judged.out + judged.err
        assert "--fresh" in judged.out + judged.err
        fresh = run(server, "--name", "three", "--fresh")
        assert len(server.asked) == 6
        assert "made before" not in fresh.out
        assert mlpo_bench("gate", "three", "--baseline", "base.json").code in {0, 1}  # it can be judged
        assert run(server, "--name", "four").code == 0
        assert len(server.asked) == 6  # both are kept
    assert {turn["text"] for turn in turns_of("four")} == {"The answer is (A)."}


def _age_store(days: int) -> None:
    """Make the answers of a store look older."""
    import sqlite3

    with sqlite3.connect("store.sqlite") as db:
        for key, value in db.execute("SELECT key, value FROM completions").fetchall():
            *row, more = orjson.loads(value)
            more["asked_at"] -= days * 86_400
            db.execute("UPDATE completions SET value = ? WHERE key = ?", (orjson.dumps([*row, more]), key))
    db.close()


def test_fresh_is_for_servers(mlpo_bench: Cli, made_up: Path, team_file: Path) -> None:
    said = mlpo_bench("run", "--data", made_up, "--team", team_file, *FEW, "--protocol", "solo", "--fresh")
    assert said.code == 2
    assert "no model of this run is behind" in " ".join(said.err.split())


def test_a_deployment_keeps_a_server_s_answers_apart(run: Any) -> None:
    with ImitatedServer(says(chat("The answer is (A)."))) as server:
        run(server, "--name", "one", team=", deployment: Monday")
        run(server, "--name", "two", team=", deployment: Tuesday")
        assert len(server.asked) == 6
        run(server, "--name", "three", team=", deployment: Monday")
        assert len(server.asked) == 6
    (model,) = LoadedRun.open("two").manifest["models"]
    assert model["revision"].endswith("deployment Tuesday")
    assert model["told"]["sends"] == ["max_tokens", "seed", "temperature", "top_p"]


def test_no_key_reaches_a_file(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = "sk-planted-and-secret"
    monkeypatch.setenv("PLANTED", secret)
    echoing = Mode(lambda _, asked: refused(f"bad key {asked.headers['authorization']}", 400))
    with ImitatedServer(echoing) as server:
        said = run(server, "--name", "mine", team=", api_key_env: PLANTED, request: {extra_headers: {x-a: $PLANTED}}")
    assert server.asked[0].headers["authorization"] == f"Bearer {secret}"
    assert server.asked[0].headers["x-a"] == secret
    assert secret not in said.out + said.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    import zstandard

    for path in files:
        content = path.read_bytes()
        if path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read()
        assert secret.encode() not in content, path


def test_a_transcript_shows_thinking_refusals_and_estimates(run: Any, mlpo_bench: Cli) -> None:
    reply = chat("The answer is (A).", reasoning_content="First, I look.", usage="missing")
    with ImitatedServer(first(1, sent(chat(None, refusal="I will not.")), reply)) as server:
        assert run(server, "--name", "mine").code == 0
    loaded = LoadedRun.open("mine")
    ids = [line["question"] for cell in loaded.ended for line in loaded.transcripts(cell)]
    shown = "".join(mlpo_bench("transcript", "mine", each).out for each in ids)
    assert "First, I look." in shown
    assert "refused (10 tokens" in shown
    assert "(about " in shown


@pytest.fixture
def process(made_up: Path, tmp_path: Path) -> Iterator[Callable[[ImitatedServer], subprocess.Popen[str]]]:
    """Start a run over 81 questions behind a server that takes 4 at once."""
    begun: list[subprocess.Popen[str]] = []

    def go(server: ImitatedServer) -> subprocess.Popen[str]:
        server.mode = replace(server.mode, models=sent(listing(max_model_len=100_000)))
        member = f"{{model: served-model, base_url: '{server.url}', concurrency: 4}}"
        (tmp_path / "team.yaml").write_text(f"leader: {member}\n")
        command = [
            sys.executable, "-m", "mlpo_bench", "run", "--suite", "bbh", "--data", str(made_up), "--split", "all",
            "--limit", "81", "--team", "team.yaml", "--protocol", "solo", "--name", "mine", "--store", "store.sqlite",
        ]  # fmt: skip
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        begun.append(
            subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return begun[-1]

    yield go
    for one in begun:
        one.kill()
        one.communicate()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_nothing_more_is_asked_of_a_server_once_a_run_is_stopped(
    process: Any, tmp_path: Path, how: int, code: int
) -> None:
    def answer(_server: ImitatedServer, _asked: Any) -> Sent:
        time.sleep(1.0)
        return sent(chat("The answer is (A)."))

    with ImitatedServer(Mode(answer)) as server:
        run = process(server)
        while len(server.asked) < 6:
            assert run.poll() is None, run.communicate()
            time.sleep(0.05)
        run.send_signal(how)
        time.sleep(0.3)
        asked = len(server.asked)
        _, said = run.communicate(timeout=30)
        assert run.returncode == code
        assert len(server.asked) == asked < 20
    assert "Stopping: nothing more is asked" in said
    under_way = [int(count) for count in re.findall(r"for (\d+) answers? under way", said)]
    assert all(1 <= count <= 4 for count in under_way)  # as many as are asked at once; fewer on a busy machine
    with Store(tmp_path / "store.sqlite") as store:
        assert len(store) == asked


def test_a_server_that_is_gone_holds_a_run_for_seconds(process: Any) -> None:
    with ImitatedServer(says(Sent(dies=True))) as server:
        began = time.monotonic()
        run = process(server)
        out, said = run.communicate(timeout=100)
        assert time.monotonic() - began < 60
        assert run.returncode == 1
        assert "Traceback" not in said
        assert "is taken to be down" in out
