"""What `examples/` shows is run as it stands, against a model of this machine or an imitated server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engines.imitated_server import ImitatedServer, listing, sent


EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTED = """
leader: {model: script.yaml, engine: scripted}
peers:
  - {model: script.yaml, engine: scripted, count: 3}
"""
SCRIPT = "- say: [The answer is (A)., The answer is (B)., The answer is Yes.]\n"


def commands(folder: str) -> list[list[str]]:
    """The command lines below a folder's heading, without the program's name."""
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {folder}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section, f"examples/README.md has no section {folder}"
    blocks = re.findall(r"```sh\n(.*?)```", section[1], re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_up: Path, mlpo_bench: Any) -> Any:
    """Copy a folder of examples, and run its commands there; by default with a script in the models' place."""

    def run(folder: str, *, scripted: bool = True) -> list[Any]:
        shutil.copytree(EXAMPLES / folder, tmp_path, dirs_exist_ok=True)
        monkeypatch.setenv("MLPO_BENCH_DATA", str(made_up))
        if scripted:
            (tmp_path / "team.yaml").write_text(SCRIPTED)
            (tmp_path / "script.yaml").write_text(SCRIPT)
        said = [mlpo_bench(*line) for line in commands(folder)]
        assert said
        assert [(one.code, one.err) for one in said if one.code] == []
        return said

    return run


def test_every_folder_has_its_section() -> None:
    folders = [path.name for path in sorted(EXAMPLES.iterdir()) if path.is_dir()]
    assert folders
    assert all(commands(folder) for folder in folders)


@pytest.mark.model
@pytest.mark.timeout(1800)  # two models share what a busy machine leaves them
def test_two_models(example: Any) -> None:
    planned, ran = example("two_models", scripted=False)
    assert "leader" in planned.out
    assert "leader, 2 rounds" in ran.out


def test_a_server(example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ImitatedServer() as server:
        server.mode = replace(server.mode, models=sent(listing(max_model_len=100_000)))
        shutil.copytree(EXAMPLES, tmp_path / "examples")
        team = tmp_path / "examples" / "server" / "team.yaml"
        team.write_text(team.read_text().replace("http://127.0.0.1:8000/v1", server.url))
        monkeypatch.setattr(f"{__name__}.EXAMPLES", tmp_path / "examples")
        *_, shown = example("server", scripted=False)
    assert "price" in shown.out


def test_a_protocol(example: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    ran, compared = example("protocol")
    assert "second-opinion" in ran.out
    assert "second-opinion" in compared.out


def test_a_suite(example: Any) -> None:
    validated, ran = example("suite")
    assert "capitals" in validated.out
    assert "leader" in ran.out


def test_a_notebook(example: Any) -> None:
    example("notebook")
    cells = json.loads((EXAMPLES / "notebook" / "look.ipynb").read_text())["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "look.ipynb", "exec"), names)
    assert set(names["rows"]["row"]) > {"solo"}
    assert len(names["figure"].data) >= 2


def test_a_gate(example: Any, tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    example("gate")
    workflow = yaml.safe_load((EXAMPLES / "gate" / "teams.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["gate"]["steps"] if "run" in step]
    assert any("gate gate/today --baseline baseline.json" in step for step in steps)
    page = (EXAMPLES.parent / "docs" / "gate.md").read_text(encoding="utf-8")
    assert (EXAMPLES / "gate" / "teams.yml").read_text(encoding="utf-8") in page


def test_the_recording_of_the_gate_s_page(tmp_path: Path, mlpo_bench: Any) -> None:
    page = (EXAMPLES.parent / "docs" / "gate.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"```yaml\n# my-recording/(\S+)\n(.*?)```", page, re.DOTALL))
    folder = tmp_path / "my-recording"
    folder.mkdir()
    (folder / "script.yaml").write_text(SCRIPT)
    (folder / "questions.yaml").write_text(files["questions.yaml"])
    scripted = files["config.yaml"].replace("model: smollm2-135m", "model: my-recording/script.yaml, engine: scripted")
    (folder / "config.yaml").write_text(scripted)
    assert mlpo_bench("gate", "my-recording", "--record", "--reason", "First recording.").code == 0
    replayed = mlpo_bench("gate", "my-recording")
    assert replayed.code == 0
    assert "checks passed" in replayed.out
