"""A first team and matrix are written from what is here and what is said; what is wrong is asked again."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.config import read_config
from mlpo_bench.starter import here
from mlpo_bench.starter.choices import Seats, seats, several
from mlpo_bench.starter.here import Candidate
from mlpo_bench.teams import read_team
from tests.engines.imitated_server import MODEL, ImitatedServer, Mode


if TYPE_CHECKING:
    from collections.abc import Sequence

Cli = Any
HERE = [Candidate("smollm2-135m", "embedded"), Candidate("served", "a server", "http://127.0.0.1:9/v1")]
GPUS = "mlpo_bench.doctor.machine.gpus"


@pytest.fixture(autouse=True)
def _no_server_and_no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mlpo_bench.engines.server.local.PORTS", ())
    monkeypatch.setattr("mlpo_bench.starter.here.served_here", _nothing_served)
    monkeypatch.setattr(GPUS, tuple)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


async def _nothing_served() -> dict[str, tuple[str, ...]]:
    return {}


def a_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"-" * 10)
    return folder


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1", Seats("smollm2-135m")),
        (" 2 * 3 ", Seats("served", "http://127.0.0.1:9/v1", 3)),
        ("some/model", Seats("some/model")),
        ("org/name-x3*2", Seats("org/name-x3", None, 2)),
        ("other@https://example.com/v1*2", Seats("other", "https://example.com/v1", 2)),
        ("user@name", Seats("user@name")),
    ],
)
def test_a_model_may_be_named_in_several_ways(text: str, meant: Seats) -> None:
    assert seats(text, HERE) == meant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "the list has 2 models; 3 is none of them"),
        ("0", "the list has 2 models; 0 is none of them"),
        ("http://127.0.0.1/v1", "name the model before its server: NAME@http://127.0.0.1/v1"),
        ("1*0", "a team has 1 to 64 seats of a model, not 0"),
        ("a@http://user:pass@host/v1", "is no model: an address with a user or a password"),
        ("", "is no model"),
        ("smolm2*3", "no model here is called 'smolm2'; did you mean 'smollm2-135m'"),
    ],
)
def test_what_is_no_model_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        seats(text, HERE)


def test_peers_are_listed() -> None:
    assert several("1*2, some/model", HERE) == (Seats("smollm2-135m", None, 2), Seats("some/model"))
    for wrong in ("", ",", "1*40,1*40"):
        with pytest.raises(UsageError, match="a team has 1 to 64 peers"):
            several(wrong, HERE)


def test_without_questions_the_defaults_are_written_and_can_be_run(mlpo_bench: Cli) -> None:
    said = mlpo_bench("init", "--yes")
    assert said.code == 0
    assert "mlpo-bench doctor team.yaml" in said.out
    team, matrix = read_team(Path("team.yaml")), read_config(Path("matrix.yaml"))
    assert [member.model for member in team.members] == ["smollm2-135m"] * 4
    assert (matrix.suites, matrix.limit, matrix.rounds, matrix.peers) == (("bbh", "mmlu", "math"), 16, (1, 2), (3,))
    assert matrix.team == team
    text = Path("team.yaml").read_text() + Path("matrix.yaml").read_text()
    for hint in ("# adapter:", "# persona:", "# prices:", "# seeds: 3", "docs/configuration.md"):
        assert hint in text


def test_every_option_is_written_and_nothing_more_is_asked(mlpo_bench: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GPUS, lambda: ("a card",))
    said = mlpo_bench(
        "init", "--leader", "lead: #1", "--adapter", "some/adapter", "--peers", "a@http://127.0.0.1:9/v1*2,b/c",
        "--key", "MINE", "--suite", "math", "--limit", 0, "--protocol", "leader,refine", "--rounds", "2,4",
        "--team-file", "teams/t.yaml", "--matrix-file", "m.yaml",
    )  # fmt: skip
    assert said.code == 0
    team, matrix = read_team(Path("teams/t.yaml")), read_config(Path("m.yaml"))
    assert (team.leader.model, team.leader.adapter) == ("lead: #1", "some/adapter")
    assert [(peer.model, peer.base_url) for peer in team.peers] == [
        ("a", "http://127.0.0.1:9/v1"), ("a", "http://127.0.0.1:9/v1"), ("b/c", None),
    ]  # fmt: skip
    assert team.peers[0].api_key_env == "MINE"
    assert (matrix.suites, matrix.limit, matrix.rounds) == (("math",), None, (2, 4))
    assert [sweep.kind.name for sweep in matrix.protocols] == ["leader", "refine"]
    assert matrix.team == team


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--suite", "bbx"), "no suite is called 'bbx'; did you mean 'bbh'"),
        (("--protocol", "leadr"), "did you mean 'leader'"),
        (("--limit", "-1"), "a whole number, 0 for all of them, not '-1'"),
        (("--rounds", "99"), "rounds"),
        (("--peers", "7"), "7 is none of them"),
        (("--leader", "smollm2-135m*3"), "a team has one leader, not 3"),
        (("--leader", "m@http://127.0.0.1:9/v1", "--adapter", "mine"), "--adapter: an adapter belongs to its server"),
        (("--leader", "smollm2-135m", "--peers", "smollm2-135m", "--key", "MINE"), "--key: no server is in this team"),
        (("--suite", "mine.csv"), "mine.csv"),
    ],
)
def test_a_wrong_option_writes_nothing(mlpo_bench: Cli, options: tuple[str, ...], message: str) -> None:
    said = mlpo_bench("init", "-y", *options)
    assert said.code == 2
    assert message in said.err
    assert not Path("team.yaml").exists()
    assert not Path("matrix.yaml").exists()


def test_a_file_of_questions_is_named_from_beside_the_matrix(mlpo_bench: Cli) -> None:
    Path("capitals.csv").write_text("question,answer\nTwo and two?,4\nTwo and three?,5\n")
    said = mlpo_bench("init", "-y", "--suite", "bbh,capitals.csv", "--matrix-file", "there/m.yaml")
    assert said.code == 0, said.err
    assert "suites: [bbh, ../capitals.csv]" in Path("there/m.yaml").read_text()
    assert read_config(Path("there/m.yaml")).suites == ("bbh", "capitals")


def test_whatever_the_files_are_called_they_can_be_read(mlpo_bench: Cli) -> None:
    said = mlpo_bench("init", "-y", "--team-file", "t\nx: 1.yaml", "--matrix-file", "a m\n.yaml")
    assert said.code == 0, said.err
    assert read_config(Path("a m\n.yaml")).team.peers
    assert "mlpo-bench plan --matrix 'a m" in Path("a m\n.yaml").read_text()


def test_files_that_are_there_are_kept_unless_one_says_otherwise(mlpo_bench: Cli) -> None:
    Path("team.yaml").write_text("leader: {model: mine}")
    said = mlpo_bench("init", "-y")
    assert said.code == 2
    assert "team.yaml is there already: --force replaces" in said.err
    assert Path("team.yaml").read_text() == "leader: {model: mine}"
    assert mlpo_bench("init", "-y", "--force").code == 0
    assert read_team(Path("team.yaml")).peers
    assert mlpo_bench("init", "-y", "--force").code == 0  # both


@pytest.mark.parametrize(
    ("text", "is_team", "is_matrix"),
    [
        ("", True, True),
        ("leader: {}\nprices: {}\n", True, False),
        ("peers: 5\n", True, False),
        ("suites: [bbx]\nformat: option\nseed: 1\n", False, True),
        ("team: team.yaml\n", False, True),
        ("# A team: the leader judges, the peers answer and revise. But: [it is broken\n", True, False),
        ("Buy milk.\n", False, False),
        ("leader: the one who leads\nThen there are notes.\n", False, False),
        ("leader: Tom\nphone: 1\n", False, False),
        ("seed: 1\n", False, False),
        ("[1, 2]\n", False, False),
        ('{"name": "package", "suites": []}\n', False, False),
        ("services: {web: {image: x}}\n", False, False),
        ("\ufffe leader: {}", False, False),
        ("import os\n", False, False),
    ],
)
def test_force_replaces_what_init_writes_and_nothing_else(
    mlpo_bench: Cli, text: str, *, is_team: bool, is_matrix: bool
) -> None:
    for option, kind, name in (("--team-file", is_team, "team file"), ("--matrix-file", is_matrix, "matrix")):
        Path("there").write_text(text)
        said = mlpo_bench("init", "-y", "--force", option, "there")
        assert (said.code == 0) is kind, said.err
        if not kind:
            assert Path("there").read_text() == text
            assert f"there cannot be written: what stands there is no {name}, and is not replaced; name" in said.err


def test_models_and_adapters_below_a_folder_are_seen(tmp_path: Path) -> None:
    a_model(tmp_path / "models" / "mine")
    a_model(tmp_path / ".hidden" / "other")
    (tmp_path / "leaders" / "trained").mkdir(parents=True)
    (tmp_path / "leaders" / "trained" / "adapter_config.json").write_text("{}")
    found = asyncio.run(here.candidates(tmp_path))
    assert [(one.name, one.size) for one in found] == [("smollm2-135m", found[0].size), ("./models/mine", 10)]
    assert here.adapters(tmp_path) == ["./leaders/trained"]


def test_a_key_itself_is_refused_by_its_option(mlpo_bench: Cli, tmp_path: Path) -> None:
    done = mlpo_bench("init", "--yes", "--leader", "m@http://127.0.0.1:9/v1", "--key", "sk-0123456789abcdef")
    assert done.code == 2
    assert "--key: this names the environment variable that holds the key" in done.err
    assert "mlpo-bench-init-" not in done.err
    assert not (tmp_path / "team.yaml").exists()


def test_a_server_here_leads_by_itself(mlpo_bench: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpo_bench.engines.server import local

    with ImitatedServer(Mode()) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        monkeypatch.setattr("mlpo_bench.starter.here.served_here", lambda: local.served_here((port, 9)))
        assert mlpo_bench("init", "-y").code == 0
        team = read_team(Path("team.yaml"))
        assert {(member.model, member.base_url) for member in team.members} == {(MODEL, server.url)}
        assert read_config(Path("matrix.yaml")).limit == 100
        assert [one.path for one in server.asked if "completions" in one.path] == []


def played(folder: Path, answers: Sequence[str]) -> str:
    """Answer the questions of `mlpo-bench init` on a terminal; return what stood there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ |= {"COLUMNS": "80", "XDG_CACHE_HOME": str(folder / "cache"), "HF_HOME": str(folder / "hf")}
        os.execv(sys.executable, [sys.executable, "-m", "mlpo_bench", "init"])
    left, shown, until = list(answers), b"", time.monotonic() + 120
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                part = os.read(terminal, 65_536)
            except OSError:  # it has ended
                break
            if not part:
                break
            shown += part
        elif left and shown.rstrip(b" ").endswith(b"]:"):
            os.write(terminal, f"{left.pop(0)}\n".encode())
    os.waitpid(pid, 0)
    os.close(terminal)
    return shown.decode()


def test_on_a_terminal_it_asks_and_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    a_model(tmp_path / "models" / "mine")
    shown = played(tmp_path, ["99", "./models/mine", "", "math", "many", "7", "solo", "1"])
    assert "99 is none of them" in shown
    assert "not 'many'" in shown
    team, matrix = read_team(tmp_path / "team.yaml"), read_config(tmp_path / "matrix.yaml")
    assert [member.model for member in team.members] == ["./models/mine"] * 4
    assert (matrix.suites, matrix.limit, matrix.rounds) == (("math",), 7, (1,))
