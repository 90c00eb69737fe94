"""Choosing and opening engines: auto, sharing, closing when one fails."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.engines import (
    Engine,
    ModelFacts,
    ScriptedEngine,
    Share,
    choose,
    merged,
    models,
    open_engines,
    scripted,
    vllm_adapters,
)
from mlpo_bench.engines.orphans import Watchdog
from mlpo_bench.engines.resolved import ResolvedModel
from mlpo_bench.engines.vllm import check_invariance
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def script(folder: Path, name: str = "s.yaml") -> ModelSpec:
    (folder / name).write_text("- say: x\n", encoding="utf-8")
    return ModelSpec(engine="scripted", model=str(folder / name))


def test_importing_the_room_imports_no_heavy_library() -> None:
    program = (
        "import sys, mlpo_bench.engines\n"
        "print([m for m in ('torch', 'transformers', 'vllm', 'openai', 'ray') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def chosen(spec: ModelSpec, weights: ResolvedModel | None = None, *, deterministic: bool = False) -> tuple[str, str]:
    kind, why = choose.chosen(spec, weights, deterministic=deterministic)
    return kind.name, why


def test_auto_takes_the_server_where_there_is_an_address() -> None:
    spec = ModelSpec(model="m", base_url="http://127.0.0.1:1/v1")
    assert chosen(spec) == ("openai", "a base_url is given")


def test_auto_takes_transformers_where_vllm_is_missing(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_bench.engines.kinds.vllm.find_spec", lambda _: None)
    spec = ModelSpec(model=str(tiny_folder))
    assert chosen(spec, models.resolve(spec)) == ("hf", "vllm is not installed")


def test_auto_takes_transformers_for_deterministic_runs(tiny_folder: Path) -> None:
    spec = ModelSpec(model=str(tiny_folder))
    found = chosen(spec, models.resolve(spec), deterministic=True)
    assert found == ("hf", "a deterministic run answers each request alone")


def test_specs_of_the_same_weights_share_an_engine(tiny_folder: Path) -> None:
    by_name = ModelSpec(model=str(tiny_folder), engine="hf")
    revision = models.resolve(by_name).revision
    by_revision = by_name.model_copy(update={"revision": revision, "dtype": "float32"})
    shorter = by_name.model_copy(update={"context": 32})
    events: list[str] = []

    async def go() -> dict[ModelSpec, Engine]:
        engines = await open_engines([by_name, by_revision, shorter, by_name], on_event=events.append)
        for engine in set(engines.values()):
            await engine.close()
        return engines

    engines = asyncio.run(go())
    assert engines[by_name] is engines[by_revision]
    assert engines[by_name] is not engines[shorter]
    assert [engines[by_name].facts.context, engines[shorter].facts.context] == [64, 32]
    assert events == [f"{tiny_folder}: engine hf (as asked)"] * 2


class Forgetful(ScriptedEngine):
    @property
    def facts(self) -> ModelFacts:
        """It stands for vLLM."""
        return replace(super().facts, engine="vllm")

    async def forget(self) -> None:
        """It remembers nothing."""


class Loads:
    """Stands for vLLM: keeps what it was to load."""

    def __init__(self) -> None:
        self.made: list[tuple[list[ResolvedModel], Share]] = []

    def __call__(
        self, found: list[ResolvedModel], spec: ModelSpec, *, deterministic: bool, share: Share
    ) -> list[Forgetful]:
        assert (spec.engine, deterministic) == ("vllm", False)
        self.made.append((found, share))
        return [Forgetful(lambda *_: "x") for _ in found]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Loads:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = Loads()
    monkeypatch.setattr("mlpo_bench.engines.vllm.load", found)
    return found


@pytest.fixture
def three(tiny: ModuleType, tiny_folder: Path, tiny_adapter: Path, tmp_path: Path) -> list[ModelSpec]:
    """A base, and the same with either of two adapters."""
    two = tiny.save_adapter(tmp_path / "two", tiny_folder, seed=2)
    base = ModelSpec(model=str(tiny_folder), engine="vllm")
    return [base, *(base.model_copy(update={"adapter": str(folder)}) for folder in (tiny_adapter, two))]


def test_one_process_serves_a_base_and_its_adapters_where_vllm_can(
    three: list[ModelSpec], loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_adapters, "served_beside", lambda *_, **__: True)
    shorter = three[1].model_copy(update={"context": 32})
    engines = asyncio.run(open_engines([*three, shorter]))
    assert len({id(engine) for engine in engines.values()}) == 4
    (together, first), (alone, second) = loads.made
    assert [model.adapter and model.adapter.name for model in together] == [spec.adapter for spec in three]
    assert [model.adapter and model.adapter.name for model in alone] == [shorter.adapter]
    assert not any(model.merged for model in (*together, *alone))
    # Requests that are half as long fill half as much of a cache.
    assert (first, second) == (Share(2, 1, 2 / 3), Share(2, 2, 1 / 3))


def test_each_adapter_has_a_process_with_a_merged_copy_where_vllm_cannot(
    three: list[ModelSpec], loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_adapters, "served_beside", lambda *_, **__: False)
    events: list[str] = []
    asyncio.run(open_engines(three, on_event=events.append))
    assert [[model.merged for model in found] for found, _ in loads.made] == [[False], [True], [True]]
    assert [share for _, share in loads.made] == [Share(3, n, 1 / 3) for n in (1, 2, 3)]
    folders = {model.folder for found, _ in loads.made for model in found}
    assert len(folders) == 3
    assert {copy.folder for copy in merged.copies()} < folders
    once = [event for event in events if "merging the adapter into a copy of the model, once" in event]
    assert len(once) == 2
    events.clear()
    asyncio.run(open_engines(three, on_event=events.append))
    assert events == [f"{spec.name}: engine vllm (as asked)" for spec in three]


def test_if_one_cannot_be_opened_the_others_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    async def close(self: ScriptedEngine) -> None:
        closed.append(self.facts.name)

    monkeypatch.setattr(scripted.ScriptedEngine, "close", close)
    good = script(tmp_path)
    bad = ModelSpec(engine="scripted", model=str(tmp_path / "none.yaml"))
    with pytest.raises(UsageError, match="cannot be read"):
        asyncio.run(open_engines([good, bad]))
    assert closed == [good.model]


def test_an_engine_whose_answers_depend_on_company_is_found_out() -> None:
    asyncio.run(check_invariance(ScriptedEngine(lambda messages, _, seed: f"{messages[0].content} {seed}")))
    calls = iter(range(1_000))
    with pytest.raises(UsageError, match="does not hold on this device"):
        asyncio.run(check_invariance(ScriptedEngine(lambda *_: str(next(calls)))))


SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]


def test_a_watcher_kills_when_its_parent_is_killed() -> None:
    with subprocess.Popen(SLEEPER) as watched:
        program = (
            "import os, signal\nfrom mlpo_bench.engines.orphans import Watchdog\n"
            f"watchdog = Watchdog([{watched.pid}])\nimport time; time.sleep(1)\nos.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run([sys.executable, "-c", program], check=False)
        assert watched.wait(timeout=30) == -9


def test_a_watcher_kills_what_was_started_by_what_it_watches() -> None:
    # As a worker of vLLM's, whose engine core is killed before its parent.
    program = (
        "import os, signal, subprocess, time\nfrom mlpo_bench.engines.orphans import Watchdog\n"
        "core = ['sh', '-c', 'sleep 300 & echo $!; wait']\n"
        "core = subprocess.Popen(core, stdout=subprocess.PIPE, text=True)\n"
        "worker = core.stdout.readline().strip()\n"
        "watchdog = Watchdog([core.pid])\ntime.sleep(1)\ncore.kill()\ncore.wait()\n"
        "os.kill(int(worker), 0)\nprint(worker, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, stdout=subprocess.PIPE, text=True)
    worker = int(done.stdout)
    deadline = time.monotonic() + 30
    while running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(worker)


def running(pid: int) -> bool:
    """Return whether a process runs: one that nobody has asked how it ended does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_closed_watcher_ends_what_still_runs() -> None:
    with subprocess.Popen(SLEEPER) as watched:
        Watchdog([watched.pid]).close()
        assert watched.wait(timeout=30) == -9
