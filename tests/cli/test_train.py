"""`mlpo-bench train`: what a person sees, and what it says of wrong input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


Cli = Callable[..., Any]


def test_stage_by_stage(mlpo_bench: Cli, recipe: Path, tmp_path: Path) -> None:
    said = mlpo_bench("train", "rollouts", "--recipe", recipe)
    assert said.code == 0
    assert "72 openings on 9 questions" in said.err
    assert "Files: trainings/small" in said.out
    assert mlpo_bench("train", "filter", "-r", recipe).code == 0
    said = mlpo_bench("train", "traces", "-r", recipe)
    assert "prompts answered 3 times each:" in said.err
    again = mlpo_bench("train", "traces", "-r", recipe)
    assert (again.code, again.err) == (0, "")
    assert "All of this was done before." in again.out
    assert (tmp_path / "trainings" / "small" / "traces.parquet").exists()


def test_data_that_are_named_go_before_the_recipes_own_and_those_of_the_environment_do_not(
    mlpo_bench: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = mlpo_bench("train", "rollouts", "-r", recipe, "--data", tmp_path / "elsewhere")
    assert said.code == 2
    assert "elsewhere" in said.err
    monkeypatch.setenv("MLPO_BENCH_DATA", str(tmp_path / "elsewhere"))
    assert mlpo_bench("train", "rollouts", "-r", recipe).code == 0


def test_a_training_is_packed_and_goes_on_elsewhere(mlpo_bench: Cli, recipe: Path, tmp_path: Path) -> None:
    mlpo_bench("train", "rollouts", "-r", recipe)
    assert "small.tar.zst (0.0 MiB)" in mlpo_bench("train", "pack", "small", "small.tar.zst").out
    assert "Files: elsewhere/small" in mlpo_bench("train", "unpack", "small.tar.zst", "-o", "elsewhere").out
    said = mlpo_bench("train", "traces", "-r", recipe, "-o", "elsewhere")
    assert "the stage traces reads what filter makes" in said.err
    assert mlpo_bench("train", "rollouts", "-r", recipe, "-o", "elsewhere").code == 0
    made = [(tmp_path / place / "small" / "rollouts.parquet").read_bytes() for place in ("trainings", "elsewhere")]
    assert made[0] == made[1]


def test_a_plan_as_a_table_and_as_json(mlpo_bench: Cli, recipe: Path, tmp_path: Path) -> None:
    said = mlpo_bench("train", "plan", "-r", recipe, "--speed", "100")
    assert "small (sft+mlpo): 9 of bbh" in said.out
    found = json.loads(mlpo_bench("train", "plan", "-r", recipe, "--json", "--set", "mlpo.steps=3").out)
    assert [stage["items"] for stage in found["stages"] if stage["stage"] == "mlpo"] == [3]
    assert not (tmp_path / "trainings").exists()


def test_a_recipe_learns_from_a_file_that_is_named(mlpo_bench: Cli, recipe: Path, tmp_path: Path) -> None:
    rows = [f"Is {n} even?,{('Yes', 'No')[n % 2]},{('test', 'train')[n > 2]}" for n in range(6)]
    (tmp_path / "mine.csv").write_text("question,answer,split\n" + "\n".join(rows))
    chosen = ("train", "plan", "-r", recipe, "--speed", "100", "--suite", "mine.csv", "--format", "yes_no")
    assert "small (sft+mlpo): 3 of mine" in mlpo_bench(*chosen).out
    assert "no subject is called 'navigate'" in mlpo_bench(*chosen, "--set", "questions.subjects=[navigate]").err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["all", "-r", "SMALL", "--suite", "boolq"], "all of the suite boolq is tested"),
        (["all", "-r", "paper-7"], "there is no recipe 'paper-7'"),
        (["all", "-r", "paper-7"], "did you mean 'paper-7b'?"),
        (["traces", "-r", "SMALL"], "the stage traces reads what filter makes, which is not done yet."),
        (["sft", "-r", "SMALL", "--set", "method=grpo"], "the method grpo has no stage sft; it has rollouts, filter,"),
        (["all", "-r", "SMALL", "--set", "mlpo.setps=3"], "unknown field 'mlpo.setps'; did you mean 'steps'?"),
        (["all", "-r", "SMALL", "--set", "mplo.steps=3"], "no section of the recipe is called 'mplo'"),
        (["all", "-r", "SMALL", "--set", "mlpo.steps.more=3"], "--set mlpo.steps.more: steps is a single value"),
        (["all", "-r", "SMALL", "--set", "mlpo.steps"], "--set takes name=value, such as mlpo.steps=20"),
        (["all", "-r", "SMALL", "--set", "mlpo.steps=many"], "field 'mlpo.steps'"),
        (["all", "-r", "SMALL", "--set", "suites=[bhh]"], "did you mean 'bbh'?"),
        (
            ["all", "-r", "SMALL", "--set", "mlpo..steps=4"],
            "--set takes name=value, such as mlpo.steps=20; 'mlpo..steps=4'",
        ),
        (["all", "-r", "SMALL", "--set", "=4"], "--set takes name=value, such as mlpo.steps=20; '=4' is none."),
        (["all", "-r", "SMALL", "--set", "mlpo.x.steps=4"], "no section of mlpo is called 'x'. There is none."),
        (["all", "-r", "SMALL", "--set", "mlpo.steps=010"], "010 is read as 8 by YAML; write 8 or 10."),
        (["all", "-r", "SMALL", "--set", "suites=["], "the value is not written as in YAML"),
        (["rollouts", "-r", "SMALL", "--set", "questions.data=nowhere"], "the data folder"),
    ],
)
def test_wrong_input_gets_one_clear_sentence(mlpo_bench: Cli, recipe: Path, words: list[str], says: str) -> None:
    said = mlpo_bench("train", *[str(recipe) if word == "SMALL" else word for word in words])
    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err


def test_what_was_made_otherwise_is_done_again_only_when_asked(mlpo_bench: Cli, recipe: Path) -> None:
    mlpo_bench("train", "rollouts", "-r", recipe)
    refused = mlpo_bench("train", "rollouts", "-r", recipe, "--set", "rollouts.samples=2")
    assert refused.code == 2
    assert "was made otherwise (rollouts: rollouts.samples)" in refused.err
    assert "--redo" in refused.err
    said = mlpo_bench("train", "rollouts", "-r", recipe, "--set", "rollouts.samples=2", "--redo")
    assert said.code == 0
    assert "36 openings on 9 questions" in said.err


def test_a_fault_of_the_machinery_says_how_to_go_on(mlpo_bench: Cli, recipe: Path, script: Path) -> None:
    script.write_text("- {fail: the machine is on fire}")
    said = mlpo_bench("train", "rollouts", "-r", recipe)
    assert said.code == 1
    assert "on fire" in said.err
    assert f"to go on: mlpo-bench train rollouts --recipe {recipe}" in said.err


def test_ctrl_c_waits_for_what_is_under_way_and_says_how_to_go_on(
    recipe: Path, script: Path, tmp_path: Path, completions: Callable[[Path], int]
) -> None:
    script.write_text("- {when: 'number [5-9]', delay: 3, say: The answer is yes.}\n- say: The answer is no.")
    store = tmp_path / "store.sqlite"
    command = [sys.executable, "-m", "mlpo_bench", "train", "rollouts", "-r", str(recipe), "--store", str(store)]
    elsewhere = {name: value for name, value in os.environ.items() if name != "MLPO_BENCH_DATA"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=elsewhere, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while not completions(store):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopping: nothing more is asked" in said
    assert f"to go on: mlpo-bench train rollouts --recipe {recipe} --store {store}" in said
    assert "Traceback" not in said
    assert completions(store) == 9 * 2 * 4  # what was under way arrived, and is kept
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Stage rollouts, going on" in again.stderr


@pytest.mark.parametrize("words", [["--help"], ["all", "--help"], ["plan", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nsys.argv = ['mlpo-bench', 'train', *sys.argv[1:]]\nfrom mlpo_bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', {'torch', 'trl', 'transformers', 'peft', 'lm_eval'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, env=os.environ
    )
    assert "LOADED set()" in done.stdout
    assert "Usage" in done.stdout


def test_data_stages_import_neither_torch_nor_trl() -> None:
    code = (
        "import sys\nfrom mlpo_bench.training import filtering, later, plan, rollouts, stages, traces\n"
        "print({'torch', 'trl', 'transformers', 'peft'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
