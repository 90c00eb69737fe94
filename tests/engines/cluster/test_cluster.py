"""Engines as actors on a real Ray cluster of this machine: results as without it, also where an actor dies."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import ModelSpec, close_engines, cluster, open_engines, replicas
from mlpo_bench.engines.replicas import ReplicatedEngine
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError
from tests.engines.imitated_server import MODEL, ImitatedServer


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mlpo_bench.chat import Completion
    from mlpo_bench.engines import Engine

Runs = Any
pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]

SCRIPT = r"""
- when: '^fail'
  fail: the machine is on fire
- when: 'You lead a group'
  say: ["<answer>(A)</answer>", "<answer>Yes</answer>"]
  delay: 0.05
- say: ["The answer is (A).", "The answer is (B).", "The answer is Yes.", "I cannot tell."]
  delay: 0.05
"""
TWO = {"replicas": 2, "cpus": 1}
LEADER = [{"leader": {"rounds": 2}}, {"vote": {"samples": 4}}]
TEN_TOKENS = Sampling(max_tokens=10)


PATIENT = {"RAY_agent_register_timeout_ms": "300000", "RAY_worker_register_timeout_seconds": "300"}
"""Ray gives its own processes some 30 s to start, which a busy machine may not keep."""
AGENTS = ("dashboard-agent-grpc-port", "dashboard-agent-listen-port", "runtime-env-agent-port", "metrics-export-port")
PORTS = ("port", *AGENTS)
"""Where they are told, Ray does not wait for its agents to tell them, for which it has a bound of its own."""


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture(scope="module")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cluster of one machine, which each test joins."""
    ports = free_ports(len(PORTS))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0", **PATIENT}
    options = ["--head", "--block", "--num-cpus=4", "--include-dashboard=false", "--node-ip-address=127.0.0.1"]
    options += [f"--{name}={port}" for name, port in zip(PORTS, ports, strict=True)]
    log = tmp_path_factory.mktemp("ray") / "head.log"
    command = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", *options]
    with (
        log.open("w") as written,
        subprocess.Popen(command, env=environment, stdout=written, stderr=written) as head,
        pytest.MonkeyPatch.context() as patch,
    ):
        deadline = time.monotonic() + 300
        while "Ray runtime started" not in log.read_text():
            assert head.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        patch.setenv("RAY_AUTH_TOKEN", environment["RAY_AUTH_TOKEN"])
        patch.setenv("RAY_ADDRESS", f"127.0.0.1:{ports[0]}")
        yield
        head.terminate()


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    (tmp_path / "script.yaml").write_text(SCRIPT)
    return ModelSpec.model_validate(
        {"model": str(tmp_path / "script.yaml"), "engine": "scripted", "context": 4_096, "placement": TWO}
    )


def team(spec: ModelSpec) -> dict[str, Any]:
    member = spec.model_dump(mode="json", include={"model", "engine", "context", "placement"})
    return {"leader": member, "peers": [member] * 2}


def question(n: int) -> list[Message]:
    return [Message("user", f"question {n}: {'why? ' * 100}")]


def on_cluster(spec: ModelSpec, use: Callable[[ReplicatedEngine], Any], said: list[str] | None = None) -> Any:
    async def go() -> Any:
        engines = await cluster.open_engines([spec], on_event=None if said is None else said.append)
        try:
            engine = engines[spec]
            assert isinstance(engine, ReplicatedEngine)
            return await use(engine)
        finally:
            await close_engines(engines)

    return asyncio.run(go())


def pids(engine: Engine) -> list[int]:
    """Return the processes of an engine's replicas."""
    assert isinstance(engine, ReplicatedEngine)
    return [replica.engine._actor.opened.pid for replica in engine._replicas]  # type: ignore[union-attr]


@pytest.mark.usefixtures("_cluster")
def test_two_replicas_answer_as_one_engine_here_does(spec: ModelSpec) -> None:
    said: list[str] = []

    async def use(engine: Engine) -> Any:
        assert len(set(pids(engine))) == 2
        made = await asyncio.gather(*(engine.complete(question(n), TEN_TOKENS, n) for n in range(40)))
        return made, engine.facts, engine.count_tokens(question(1))

    made, facts, counted = on_cluster(spec, use, said)

    async def here() -> Any:
        engine = (await open_engines([spec]))[spec]
        expected = [await engine.complete(question(n), TEN_TOKENS, n) for n in range(40)]
        return expected, engine.facts, engine.count_tokens(question(1))

    expected, facts_here, counted_here = asyncio.run(here())
    assert (made, facts, counted) == (expected, facts_here, counted_here)
    shares = facts.told["replicas"]
    assert sum(shares.values()) == 40
    assert min(shares.values()) >= 15
    assert any(f"{spec.model}: 2 replicas (2 on " in sentence for sentence in said), said


@pytest.mark.usefixtures("_cluster")
def test_a_run_comes_to_the_same_files(
    carry: Runs, spec: ModelSpec, contents: Callable[[Path], Mapping[str, bytes]]
) -> None:
    options: dict[str, Any] = {"protocols": LEADER, "teams": {"team": team(spec)}}
    here = carry("here", **options)
    there = carry("there", open_engines=cluster.open_engines, **options)
    assert contents(here.path) == contents(there.path)
    assert there.manifest()["models"][0]["told"]["replicas"]


@pytest.mark.usefixtures("_cluster")
def test_an_actor_that_dies_costs_nothing_but_time(
    carry: Runs, spec: ModelSpec, contents: Callable[[Path], Mapping[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "FIRST_REST_S", 0.05)
    options: dict[str, Any] = {"protocols": LEADER, "teams": {"team": team(spec)}}
    here = carry("here", **options)
    opened: dict[ModelSpec, Engine] = {}
    before: list[int] = []

    async def mortal(specs: Any, **named: Any) -> Any:
        opened.update(await cluster.open_engines(specs, **named))
        (engine,) = opened.values()
        before.extend(pids(engine))
        asked = Counter[int]()
        choose = engine._router.choose  # type: ignore[attr-defined]

        def killing(*values: Any) -> int:
            place: int = choose(*values)
            asked[place] += 1
            if asked[place] == 3 and place == 0:
                asyncio.get_running_loop().call_later(0.03, os.kill, before[0], signal.SIGKILL)
            return place

        engine._router.choose = killing  # type: ignore[attr-defined]
        return opened

    there = carry("there", open_engines=mortal, **options)
    assert contents(here.path) == contents(there.path)
    (engine,) = opened.values()
    assert any("replica 1 of" in sentence and "is left out until it answers" in sentence for sentence in carry.said)
    assert pids(engine)[1] == before[1]
    made = [run.manifest()["sessions"][-1]["completions"]["made"] for run in (here, there)]
    assert made[0] == made[1] > 0


@pytest.mark.usefixtures("_cluster")
def test_an_actor_that_died_is_started_anew(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "FIRST_REST_S", 0.05)
    alone = spec.model_copy(update={"placement": spec.placement.model_copy(update={"replicas": 1})})

    async def use(engine: Engine) -> list[Completion]:
        (pid,) = pids(engine)
        waiting = asyncio.gather(*(engine.complete(question(n), TEN_TOKENS, n) for n in range(8)))
        await asyncio.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
        made = await waiting
        assert pids(engine) != [pid]
        return made

    made = on_cluster(alone, use)
    assert [completion.text for completion in made] == [
        ("The answer is (A).", "The answer is (B).", "The answer is Yes.", "I cannot tell.")[n % 4] for n in range(8)
    ]


@pytest.mark.usefixtures("_cluster")
def test_faults_arrive_as_they_are(spec: ModelSpec) -> None:
    async def use(engine: Engine) -> None:
        with pytest.raises(EngineError, match="the machine is on fire") as fault:
            await engine.complete([Message("user", "fail")], TEN_TOKENS, 0)
        assert not fault.value.transient
        with pytest.raises(ContextOverflow) as overflow:
            await engine.complete([Message("user", "word " * 5_000)], TEN_TOKENS, 0)
        assert (overflow.value.prompt, overflow.value.answer, overflow.value.context) == (5_000, 10, 4_096)

    on_cluster(spec, use)


@pytest.mark.usefixtures("_cluster")
def test_a_model_that_is_not_there_and_a_cluster_that_is_too_small_are_sentences(spec: ModelSpec) -> None:
    async def opened(**changed: Any) -> None:
        await cluster.open_engines([ModelSpec.model_validate({**spec.model_dump(), **changed})])

    with pytest.raises(UsageError, match=r"gone\.yaml"):
        asyncio.run(opened(model="gone.yaml"))
    with pytest.raises(UsageError, match="take 9 CPU together, and the cluster has 4"):
        asyncio.run(opened(placement={"replicas": 9}))
    with pytest.raises(UsageError, match="take 2 GPU together, and the cluster has 0"):
        asyncio.run(opened(placement={"replicas": 2, "gpus": 1}))


@pytest.mark.usefixtures("_cluster")
def test_servers_are_asked_from_here(spec: ModelSpec) -> None:
    async def go(url: str) -> str:
        served = ModelSpec(model=MODEL, base_url=url)
        engines = await cluster.open_engines([spec, served])
        completion = await engines[served].complete(question(0), TEN_TOKENS, 0)
        await close_engines(engines)
        return completion.text

    with ImitatedServer() as server:
        assert asyncio.run(go(server.url)) == "fine"


def test_the_command_starts_a_cluster_of_its_own_and_ends_it(
    tmp_path: Path, team_file: Path, made_up: Path, contents: Callable[[Path], Mapping[str, bytes]]
) -> None:
    def carried_out(executor: str) -> subprocess.CompletedProcess[str]:
        words = ["--suite", "bbh", "--subjects", "navigate", "--protocol", "leader", "--team", str(team_file)]
        where = ["--data", str(made_up), "-o", str(tmp_path / executor), "--name", "run", "--executor", executor]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        environment |= {"RAY_AUTH_TOKEN": secrets.token_hex(32), **PATIENT}
        command = [
            sys.executable,
            "-m",
            "mlpo_bench",
            "run",
            *words,
            *where,
            "--store",
            f"{tmp_path}/{executor}.sqlite",
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)

    local, there = carried_out("local"), carried_out("ray")
    assert (local.returncode, there.returncode) == (0, 0), there.stderr
    assert contents(tmp_path / "local" / "run") == contents(tmp_path / "ray" / "run")
