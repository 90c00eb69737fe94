"""Every wrong input gets one clear sentence and exit code 2."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


Cli = Any

BALLOTS = "takes numbers of ballots, tokens or calls, such as 8 or calls,tokens"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "bhh"], "no suite is called 'bhh'; did you mean 'bbh'?"),
        (["--subjects", "navigat"], "no subject is called 'navigat'; did you mean 'navigate'?"),
        (["--protocol", "solo,leeder"], "no protocol is called 'leeder'; did you mean 'leader'?"),
        (["--split", "tset"], "--split: "),
        (["--limit", "0"], "--limit: input should be greater than or equal to 1 (it is 0); leave it out for all."),
        (["--rounds", "1,two"], "--rounds takes whole numbers separated by commas, such as 1,2,5; 'two' is none."),
        (["--rounds", "0"], "--rounds: "),
        (["--peers", "65"], "--peers: "),
        (["--samples", "0"], "--samples: "),
        (["--samples", "token"], "--samples takes numbers of ballots, tokens or calls, such as 8 or calls,tokens;"),
        (["--protocol", "solo,vote", "--samples", "tokens"], "asks for a vote at each led row's tokens, and no leader"),
        (
            ["-P", "share=all"],
            "the setting 'share' of protocol 'leader' should be 'whole', 'without-thinking' or 'answer', not",
        ),
        (["--engine", "vlm"], "did you mean 'vllm'?"),
        (["--dtype", "bf16"], "did you mean 'bfloat16'?"),
        (["--gen-kwargs", "temprature=1"], "no generation setting is called 'temprature'; did you mean 'temperature'?"),
        (["--gen-kwargs", "temperature"], "--gen-kwargs takes name=value pairs"),
        (["--gen-kwargs", "max_gen_toks=none"], "max_gen_toks must be a number"),
        (["--gen-kwargs", "top_p=3"], "top_p cannot be 3"),
        (["--gen-kwargs", "temperature=0,temperature=1"], "--gen-kwargs: temperature stands twice; it has one value."),
        (
            ["--gen-kwargs", "max_gen_toks=5,max_tokens=7"],
            "the generation settings max_gen_toks and max_tokens are the same; give one of them.",
        ),
        (
            ["--gen-kwargs", "temperature=1,do_sample=false"],
            "the generation setting do_sample: false is a temperature of 0; leave temperature out.",
        ),
        (["--seed", str(2**63)], f"--seed {2**63}: seeds must be whole numbers of 64 bits."),
        (
            ["--seed", str(2**63 - 1), "--seeds", "2"],
            f"--seed {2**63 - 1}: seeds, up to {2**63} with --seeds 2, must be whole numbers of 64 bits.",
        ),
        (["--team", "nowhere.yaml"], "nowhere.yaml cannot be read: No such file"),
        (
            ["--config", "nowhere.yaml"],
            "there is no matrix 'nowhere.yaml': it is neither a file nor one of default, elsewhere, interventions, ",
        ),
        (["--matrix", "defualt"], "did you mean 'default'?"),
        (["--seeds", "0"], "--seeds 0: cells are repeated with 1 to 100 seeds."),
        (["-P", "adaptive=-1"], "the setting 'adaptive' of protocol 'leader' should be"),
        (
            ["-P", "rouns=2"],
            "-P rouns=2: no protocol of the run has a setting 'rouns'; did you mean 'rounds'? vote",
        ),
        (["-P", "vote.rounds=2"], "-P vote.rounds=2: no protocol of the run has a setting 'rounds'. vote has samples"),
        (["-P", "debate.rounds=2"], "'debate' is not among the run's protocols, solo, vote, leader."),
        (["-P", "rounds"], "-P takes name=value, such as rounds=2"),
        (["-P", "rounds=1,,2"], "-P takes name=value, such as rounds=2"),
        (["-P", "rounds=two"], "the setting 'rounds' of protocol 'leader' should be a whole number"),
        (["--protocol", "solo", "-P", "rounds=2"], "no protocol of the run has a setting 'rounds'. None has any."),
        (["--protocol", "nowhere:Twice"], "there is no module 'nowhere', neither installed nor in the current folder"),
        (["--engine", "mlpo_bench.chat:Message"], "mlpo_bench.chat:Message is no engine: it must be a class derived"),
        (["--add"], "--add extends a run"),
        (["--suite", "math", "--subjects", "navigate"], "none of the subjects asked for belongs to math"),
        (["--data", "nowhere", "--suite", "bbh"], "nowhere does not exist"),
    ],
)
def test_run_names_what_is_wrong(mlpo_bench: Cli, arguments: list[str], message: str) -> None:
    said = mlpo_bench("run", *arguments)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--peers", "0"], "--peers: input should be greater than or equal to 1 (it is 0)."),
        (["--rounds", "0,65"], "--rounds: input should be greater than or equal to 1 (it is 0)."),
        (
            ["--limit", str(2**63)],
            f"--limit: input should be a whole number of 64 bits (it is {2**63}); leave it out for all.",
        ),
        (["--samples", "0"], "--samples: a vote has 1 to 4096 ballots, not 0."),
        (["--split", "tset"], "--split: input should be 'test', 'train' or 'all' (it is 'tset'); did you mean 'test'?"),
        (["--samples", "token"], f"--samples {BALLOTS}; 'token' is none; did you mean 'tokens'?"),
    ],
)
def test_a_value_of_an_option_is_told_once(mlpo_bench: Cli, arguments: list[str], sentence: str) -> None:
    said = mlpo_bench("run", *arguments)
    assert said.code == 2
    first, *more = said.err.splitlines()
    assert first.startswith(f"mlpo-bench: {sentence}")
    assert more == (["--rounds: input should be less than or equal to 64 (it is 65)."] if "0,65" in arguments else [])


def test_a_run_that_exists_is_left_alone_where_a_person_wants_a_new_one(
    mlpo_bench: Cli, made_up: Path, team_file: Path
) -> None:
    run = ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--name", "mine", "--limit", "2", "-q")
    assert mlpo_bench(*run, "--no-resume").code == 0
    assert mlpo_bench(*run).code == 0
    said = mlpo_bench(*run, "--no-resume")
    assert said.code == 2
    assert "the run runs/mine exists; choose another --name" in said.err


def test_an_unknown_option_is_bad_usage(mlpo_bench: Cli) -> None:
    said = mlpo_bench("run", "--suit", "bbh")
    assert said.code == 2
    assert "--suite" in said.err


@pytest.mark.parametrize(
    ("teams", "message"),
    [
        ("a/team.yaml,b/team.yaml", "--team names two teams 'team', a/team.yaml and b/team.yaml: a team is called as"),
        ("a/team.yaml,a/team.yaml", "--team names a/team.yaml twice; a team is run once."),
        ("a/team.yaml,./a/team.yaml", "--team names a/team.yaml twice; a team is run once."),
    ],
)
def test_no_team_hides_another(mlpo_bench: Cli, tmp_path: Path, teams: str, message: str) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "team.yaml").write_text("leader: {model: x}\n")
    said = mlpo_bench("plan", "--team", teams)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_a_model_has_one_price_in_a_run(mlpo_bench: Cli, tmp_path: Path, made_up: Path, script: Path) -> None:
    for name, price in (("ta", 1), ("tb", 1000), ("tc", 1)):
        (tmp_path / f"{name}.yaml").write_text(
            f"leader: {{model: {script}, engine: scripted, persona: {name}}}\n"
            f"prices: {{{script}: {{prompt: {price}, completion: {price}}}}}\n"
        )
    run = ("run", "--suite", "bbh", "--data", made_up, "--limit", "1", "--protocol", "solo", "-q", "--name", "mine")
    said = mlpo_bench(*run, "--team", "ta.yaml,tb.yaml")
    assert said.code == 2
    assert (
        f"the model '{script}' costs {{prompt: 1, completion: 1}} in the team 'ta' and {{prompt: 1000, "
        "completion: 1000} in the team 'tb'; in one run it has one price"
    ) in said.err
    assert mlpo_bench(*run, "--team", "ta.yaml,tc.yaml").code == 0
    said = mlpo_bench(*run, "--add", "--team", "tb.yaml")
    assert said.code == 2
    assert "and {prompt: 1000, completion: 1000} in the team 'team'; in one run it has one price" in said.err


def test_a_fault_in_a_team_file_is_named_by_line(mlpo_bench: Cli, tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("leader:\n  model: x\n  personna: y\n")
    said = mlpo_bench("run", "--team", "team.yaml")
    assert said.code == 2
    assert "team.yaml:3: unknown field 'leader.personna'; did you mean 'persona'?" in said.err


def test_a_faulty_configuration_is_named_by_file(mlpo_bench: Cli, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("suites: [bbh]\nround: [1]\n")
    said = mlpo_bench("run", "--config", "config.yaml")
    assert said.code == 2
    assert "config.yaml:2: unknown field 'round'; did you mean 'rounds'?" in said.err
    (tmp_path / "config.yaml").write_text("suites: [bhh]\n")
    assert "config.yaml:1: field 'suites': no suite is called 'bhh'" in mlpo_bench("run", "--config", "config.yaml").err


@pytest.mark.parametrize("name", ["", "  "])
def test_a_model_has_a_name(mlpo_bench: Cli, name: str) -> None:
    said = mlpo_bench("models", "--path", name)
    assert (said.code, said.out) == (2, "")
    assert said.err == f"mlpo-bench: --path is given without a value ({name!r}): say one, or leave --path out.\n"


def test_no_such_model(mlpo_bench: Cli, tmp_path: Path, made_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "team.yaml").write_text("leader: {model: nobody/nothing, engine: hf}\n")
    said = mlpo_bench("run", "--suite", "bbh", "--data", made_up, "--team", "team.yaml", "--protocol", "solo", "-q")
    assert said.code == 2
    assert "nobody/nothing" in said.err
    assert "Traceback" not in said.err


def test_an_unreachable_server(mlpo_bench: Cli, tmp_path: Path, made_up: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    (tmp_path / "team.yaml").write_text(f"leader: {{model: m, engine: openai, base_url: '{url}'}}\n")
    said = mlpo_bench("run", "--suite", "bbh", "--data", made_up, "--team", "team.yaml", "--protocol", "solo", "-q")
    assert said.code == 2
    assert url in said.err
    assert "Traceback" not in said.err


def test_a_context_too_short_is_refused_with_the_numbers(
    mlpo_bench: Cli, tmp_path: Path, made_up: Path, script: Path
) -> None:
    (tmp_path / "team.yaml").write_text(f"leader: {{model: {script}, engine: scripted, context: 600}}\n")
    said = mlpo_bench("run", "--suite", "bbh", "--data", made_up, "--team", "team.yaml", "--protocol", "solo", "-q")
    assert said.code == 0
    (tmp_path / "team.yaml").write_text(
        f"leader: {{model: {script}, engine: scripted, context: 600}}\npeers: [{{model: {script}, engine: scripted}}]\n"
    )
    run = ("run", "--suite", "bbh", "--data", made_up, "--team", "team.yaml", "-q", "--name", "too-long")
    said = mlpo_bench(*run, "--protocol", "leader")
    assert said.code == 2
    assert "holds 600" in said.err
    assert "3 x 512" in said.err
    assert "questions are never cut" in said.err


def test_a_run_folder_made_with_another_configuration(mlpo_bench: Cli, made_up: Path, team_file: Path) -> None:
    run = (
        "run",
        "--suite",
        "bbh",
        "--data",
        made_up,
        "--team",
        team_file,
        "--name",
        "mine",
        "-q",
        "--protocol",
        "solo",
    )
    assert mlpo_bench(*run).code == 0
    said = mlpo_bench(*run, "--seed", "7")
    assert said.code == 2
    assert "made with another configuration (not the same: seeds" in said.err


def test_a_folder_that_is_no_run_is_left_alone(mlpo_bench: Cli, tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "thesis.txt").write_text("precious")
    said = mlpo_bench("run", "--suite", "bbh", "--name", "mine")
    assert said.code == 2
    assert "is not a run; choose another --name" in said.err


def test_a_folder_that_cannot_be_written(mlpo_bench: Cli, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, where a folder would have to be made")
    said = mlpo_bench("run", "--suite", "bbh", "--output", tmp_path / "taken" / "runs")
    assert said.code == 2
    assert "cannot be written: a file stands where a folder is needed" in said.err
    assert "--output" in said.err


def test_a_store_that_cannot_be_opened(mlpo_bench: Cli, tmp_path: Path, made_up: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 50)
    said = mlpo_bench("run", "--suite", "bbh", "--data", made_up, "--store", tmp_path / "notes.txt", "-q")
    assert said.code == 2
    assert "notes.txt cannot be opened" in said.err


@pytest.mark.parametrize("command", [("show", "nothing"), ("transcript", "nothing", "q")])
def test_a_run_that_does_not_exist(mlpo_bench: Cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "runs" / "something").mkdir(parents=True)
    (tmp_path / "runs" / "something" / "config.yaml").write_text("{}")
    said = mlpo_bench(*command)
    assert said.code == 2
    assert "there is no run 'nothing'; did you mean 'something'?" in said.err


def test_a_run_that_another_process_carries_out(
    mlpo_bench: Cli, made_up: Path, team_file: Path, tmp_path: Path
) -> None:
    run = (
        "run",
        "--suite",
        "bbh",
        "--data",
        made_up,
        "--team",
        team_file,
        "--name",
        "mine",
        "-q",
        "--protocol",
        "solo",
    )
    assert mlpo_bench(*run).code == 0
    (tmp_path / "runs" / "mine" / "results.json").unlink()
    with FileLock(tmp_path / "runs" / "mine" / ".lock"):
        said = mlpo_bench(*run)
    assert said.code == 2
    assert "another process is carrying out the run" in said.err
    assert mlpo_bench(*run).code == 0


def test_a_run_without_results_says_how_to_go_on(mlpo_bench: Cli, tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "config.yaml").write_text("{}")
    said = mlpo_bench("show", "mine")
    assert said.code == 2
    assert "`mlpo-bench run --config runs/mine/config.yaml --output runs --name mine` goes on with it" in said.err


LONG = "x" * 300


@pytest.mark.parametrize(
    "command",
    [
        ("show", LONG),
        ("run", "--team", LONG),
        ("run", "--config", LONG),
        ("run", "--config", "a/" * 3_000),
        ("run", "--suite", f"{LONG}.csv"),
        ("run", "--suite", "bbh", "--data", LONG),
        ("run", "--suite", ","),
        ("run", "--only", ",", "--suite", "bbh", "--protocol", ""),
        ("run", "--name", LONG),
        ("run", "--output", LONG),
        ("run", "--store", f"/{LONG}"),
        ("run", "--seed", "9" * 30),
        ("run", "--rounds", "9" * 5_000),
        ("run", "--limit", "9" * 25),
        ("run", "--gen-kwargs", "temperature=nan"),
        ("run", "--gen-kwargs", "until=5,max_gen_toks=1e400"),
        ("run", "--gen-kwargs", f"max_gen_toks={'9' * 5_000}"),
        ("run", "-P", "leader.adaptive=nan"),
        ("run", "-P", f"rounds={'9' * 5_000}"),
        ("report", "nothing", "-o", LONG),
        ("store", "import", LONG),
        ("compare", LONG, LONG),
        ("train", "plan", "--recipe", LONG),
        ("plan", "--matrix", "\udcff"),
        ("show", "\udcff"),
        ("run", "--name", "\udcff", "--suite", "bbh", "--data", "DATA"),
        ("run", "--subjects", "\udcff"),
    ],
    ids=lambda command: " ".join(word[:12] for word in command).encode(errors="replace").decode(),
)
def test_no_words_of_a_command_end_in_a_traceback(mlpo_bench: Cli, made_up: Path, command: tuple[str, ...]) -> None:
    said = mlpo_bench(*(str(made_up) if word == "DATA" else word for word in command))
    assert said.code == 2
    assert "Traceback" not in said.err
    assert said.err.startswith(("mlpo-bench: ", "Usage: ")), said.err[:300]
    assert len(said.err) < 8_000
