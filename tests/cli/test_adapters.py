"""A leader with an adapter from the command line: measured beside what it was, and told apart in every file."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from mlpo_bench.cli.leaderboard import app
from mlpo_bench.leaderboard.entry import read_entry


pytest.importorskip("torch")
pytest.importorskip("peft")


if TYPE_CHECKING:
    from types import ModuleType

Cli = Any
ASKED = ("--suite", "bbh", "--limit", "3", "--protocol", "solo,leader", "--rounds", "1", "--peers", "2")
SHORT = ("--gen-kwargs", "max_gen_toks=6")


@pytest.fixture(scope="session")
def base(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that reads whole prompts."""
    folder: Path = tiny.save(tmp_path_factory.mktemp("models") / "base", max_position_embeddings=4096)
    return folder


@pytest.fixture
def team(tiny: ModuleType, base: Path, tmp_path: Path) -> tuple[object, ...]:
    """The command's words for a team that is led by an adapter, in the folder `leaders/mine`."""
    tiny.save_adapter(tmp_path / "leaders" / "mine", base)
    (tmp_path / "team.yaml").write_text(
        f"leader: {{model: {base}, engine: hf, adapter: leaders/mine}}\n"
        f"peers: [{{model: {base}, engine: hf, count: 2}}]\n"
    )
    return ("--team", "team.yaml")


def test_a_trained_leader_is_measured_beside_what_it_was(
    mlpo_bench: Cli, made_up: Path, team: tuple[object, ...], base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = mlpo_bench("run", *ASKED, *SHORT, *team, "--data", made_up, "--name", "mine")
    assert said.code == 0, said.err
    results = json.loads(Path("runs/mine/results.json").read_text())
    name = f"{base}+leaders/mine"
    assert {cell["cell"]: cell["seats"]["leader"]["model"] for cell in results["cells"]} == {
        "bbh.solo": name,
        "bbh.solo-peer-1-base": str(base),
        "bbh.untrained.leader-1-round-2-peers": str(base),
        "bbh.leader-1-round-2-peers": name,
    }
    assert results["shared"]["paid"].keys() == {str(base), name}
    manifest = json.loads(Path("runs/mine/manifest.json").read_text())
    trained, plain = sorted(manifest["models"], key=lambda model: "adapter" not in model)
    assert "adapter" not in plain
    assert trained["name"] == plain["name"] == str(base)
    assert trained["adapter"]["name"] == "leaders/mine"
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", trained["adapter"]["revision"])
    assert manifest["versions"]["peft"]
    monkeypatch.setenv("COLUMNS", "80")
    shown = mlpo_bench("show", "mine").out
    assert {"base", "base+mine", "untrained: leader"} <= set(re.findall(r"base\S*(?= )|untrained: leader", shown))
    assert max(map(len, shown.splitlines())) <= 80


def test_entries_of_a_leaderboard_know_the_adapter(mlpo_bench: Cli, made_up: Path, team: tuple[object, ...]) -> None:
    assert mlpo_bench("run", *ASKED, *SHORT, *team, "--data", made_up, "--name", "mine").code == 0
    done = CliRunner().invoke(app, ["add", "runs/mine", "--anyway"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(app, ["check", "--run", "runs/mine"]).exit_code == 0
    found = {entry.name: entry for entry in map(read_entry, Path("leaderboards/entries").iterdir())}
    led, before = found["leader, 1 round, 2 peers"], found["untrained: leader, 1 round, 2 peers"]
    assert led.model == "base+mine + base"
    assert led.leader is not None
    assert led.leader.adapter == "leaders/mine"
    assert [model.adapter and model.adapter.name for model in led.models] == ["leaders/mine", None]
    assert [model.adapter for model in before.models] == [None]
    assert "adapter" not in json.loads(before.to_json())["leader"]
    assert led.identity != before.identity


def test_a_leader_that_was_trained_anew_is_another_run(
    mlpo_bench: Cli, made_up: Path, team: tuple[object, ...], tiny: ModuleType, base: Path
) -> None:
    command = ("run", *ASKED, *SHORT, *team, "--data", made_up, "--protocol", "solo")
    assert mlpo_bench(*command, "--name", "mine").code == 0
    assert "nothing was asked" in mlpo_bench(*command, "--name", "mine").out
    shutil.rmtree("leaders/mine")
    tiny.save_adapter(Path("leaders/mine"), base, seed=2)
    refused = mlpo_bench(*command, "--name", "mine")
    assert (refused.code, refused.out) == (2, "")
    assert re.search(r"adapter leaders/mine was sha256:\w{16}; it is sha256:\w{16} now\. Choose another", refused.err)
    assert mlpo_bench(*command, "--name", "other").code == 0
    (one, two) = (json.loads(Path(f"runs/{name}/manifest.json").read_text()) for name in ("mine", "other"))
    made = two["sessions"][0]["completions"]
    assert (made["made"], made["found_in_store"]) == (3, 3)  # the base was asked before, this leader was not
    assert (
        len({model["adapter"]["revision"] for run in (one, two) for model in run["models"] if "adapter" in model}) == 2
    )


def test_the_leader_of_any_team_is_given_an_adapter_by_an_option(
    mlpo_bench: Cli, made_up: Path, team: tuple[object, ...], tmp_path: Path
) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(path.read_text().replace(", adapter: leaders/mine", ""))
    command = ("run", *ASKED, *SHORT, *team, "--data", made_up, "--protocol", "solo", "--leader-adapter")
    said = mlpo_bench(*command, "leaders/mine", "--json")
    assert {(cell["team"], cell["label"]) for cell in json.loads(said.out)["cells"]} == {
        ("team", "solo"),
        ("team", "solo, peer 1 (base)"),
    }
    (name,) = (path.name for path in Path("runs").iterdir())
    assert name.startswith("bbh_base+mine_")
    missing = mlpo_bench(*command, "leaders/mime", "--name", "other")
    assert missing.code == 2
    assert "did you mean 'leaders/mine'?" in missing.err
    path.write_text("leader: {model: served, base_url: http://127.0.0.1:9/v1}\n")
    refused = mlpo_bench(*command, "leaders/mine", "--name", "other")
    assert (refused.code, refused.out) == (2, "")
    assert "--leader-adapter: an adapter belongs to its server" in refused.err


def test_a_recording_is_carried_out_again_without_the_adapter(
    mlpo_bench: Cli, made_up: Path, team: tuple[object, ...], base: Path, tmp_path: Path
) -> None:
    del made_up
    recording = tmp_path / "replay"
    recording.mkdir()
    shipped = Path(__file__).parents[2] / "leaderboards" / "baselines" / "replay"
    shutil.copy(shipped / "questions.yaml", recording)
    (recording / "config.yaml").write_text(
        f"suites: [mmlu]\nsubjects: [astronomy, logical_fallacies]\nteam: {tmp_path / str(team[1])}\n"
        "protocols: [solo, leader]\nrounds: 1\npeers: 2\ngeneration: {max_gen_toks: 6}\n"
    )
    made = mlpo_bench("gate", recording, "--record", "--reason", "a first one")
    assert made.code == 0, made.err
    models = json.loads((recording / "baseline.json").read_text())["models"]
    assert models.keys() == {f"hf {base}+leaders/mine", f"hf {base}"}
    assert len({model["revision"] for model in models.values()}) == 2
    shutil.rmtree("leaders")
    assert mlpo_bench("gate", recording).code == 0


def test_merged_copies_are_listed_with_their_size_and_what_may_be_done(
    mlpo_bench: Cli, team: tuple[object, ...], base: Path
) -> None:
    from mlpo_bench.engines import merged, models
    from mlpo_bench.teams import ModelSpec

    del team
    assert "merged" not in mlpo_bench("models").out
    copy = merged.copy_of(models.resolve(ModelSpec(model=str(base), adapter="leaders/mine")), "float32")
    said = mlpo_bench("models").out
    assert "base+mine" in said
    assert "merged, float32" in said
    assert f"of {copy.folder.parent}, in folders called as above. None is deleted by itself; each may be" in said
