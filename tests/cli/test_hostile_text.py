"""Text from outside, whatever is in it, is printed as it is by every command: no markup, no control of the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.visible import visible, visible_json, visible_line


if TYPE_CHECKING:
    pass

Cli = Any

MARKUP = ("[/INST]", "[gym]", "[bold]b[/bold]", "[/]", "[link=x]", ":warning:", "\\[x]", "[red")
UNSEEN = ("\x1b[2J", "\u202e", "\u200b", "\x07", "\x9b", "\u2028", "\ue000")
TEAM = "[/INST] [gym]\u202e"
PERSONA = "[/b]:+1:\x1b[2J"
SCRIPT = [
    {"when": "You lead", "say": [f"{' '.join((*MARKUP, *UNSEEN))} <answer>{word}</answer>" for word in ("Yes", "(A)")]},
    {"say": [f"{' '.join((*MARKUP, *UNSEEN))} The answer is {word}." for word in ("Yes", "No", "(A)")]},
]
COMMANDS = (
    ("show", "RUN"),
    ("show", "RUN", "--ledger", "leader"),
    ("transcript", "RUN", "navigate/6", "--prompts"),
    ("compare", "RUN", "--against", "solo"),
    *(("compare", "RUN", "--against", "solo", "--format", form) for form in ("csv", "markdown", "latex", "json")),
    ("frontier", "RUN"),
    ("transfer", "RUN", "--against", "solo"),
    ("diagnose", "RUN"),
    ("diagnose", "RUN", "--cell", "leader"),
    ("rescore", "RUN", "--dry-run"),
    ("plan", "--config", "RUN/config.yaml"),
    ("run", "--config", "RUN/config.yaml", "--name", "again"),
    ("gate", "RUN", "--baseline", "baseline.json", "--update", "--reason", "[/INST]"),
    ("show", TEAM),
    ("suites", "--data", "[gym]"),
)

NAMELESS = ("gate", "rescore")
"""What these print of this run holds nothing from outside."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> Path:
    """A run whose team, persona and answers are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    script = folder / "[gym].yaml"
    script.write_text(json.dumps(SCRIPT))
    member = {"model": str(script), "engine": "scripted", "persona": PERSONA}
    config = {
        "suites": ["bbh"], "data": str(made_up), "subjects": ["navigate", "snarks"],
        "teams": {TEAM: {"leader": member, "peers": [member] * 2}},
        "protocols": ["solo", {"leader": {"rounds": [1]}}],
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))
    from mlpo_bench.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr("sys.argv", ["mlpo-bench", "run", "--config", "config.yaml", "--name", "run", "--quiet"])
        with pytest.raises(SystemExit, match="0"):
            main()
    return folder / "runs" / "run"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:1]))
def test_every_command_prints_text_from_outside_as_it_is(run: Path, mlpo_bench: Cli, command: tuple[str, ...]) -> None:
    said = mlpo_bench(*(word.replace("RUN", str(run)) for word in command))
    printed = said.out + said.err
    assert said.code in {0, 2}, printed
    assert "Traceback" not in printed
    assert not [sign for sign in UNSEEN if sign in printed]
    if TEAM in command:
        assert "there is no run '[/INST] [gym]" in printed
    elif command[0] not in NAMELESS:
        assert "[gym]" in printed.replace("\\[gym\\]", "[gym]").replace("{[}gym{]}", "[gym]")


def test_every_file_for_people_and_machines_holds_it_as_it_is(
    run: Path, mlpo_bench: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    options = ("gate", str(run), "--baseline", "baseline.json")
    assert mlpo_bench(*options, "--update", "--reason", "[/INST]").code == 0
    said = mlpo_bench(*options, "--junit", "gate.xml")
    assert "Traceback" not in said.out + said.err
    assert mlpo_bench("report", str(run), "-o", "page.html").code == 0
    assert ET.parse("gate.xml").getroot().tag.startswith("testsuite")
    written = {path: Path(path).read_text() for path in ("gate.xml", str(summary), "page.html")}
    for place, text in (written | {"printed": said.out + said.err}).items():
        assert not [sign for sign in UNSEEN if sign in text], place
    for line in said.out.splitlines():
        if line.startswith("::"):  # an annotation ends with its line, and none was made by a label
            assert line.startswith(("::error", "::warning", "::notice")), line


@pytest.mark.parametrize("text", [*MARKUP, *UNSEEN])
def test_the_console_shows_what_a_string_holds(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.padding import Padding
    from rich.table import Table

    table = Table(text, title=text)
    table.add_row(text)
    for thing in (text, table, Padding(text, 1)):
        Console(width=80).print(thing)
        assert visible(text).strip() in capsys.readouterr().out


@given(st.text())
@example("".join(UNSEEN))
@example("\U000e0001\u0085\u2029")
def test_json_holds_the_same_when_what_cannot_be_seen_is_told_by_its_number(text: str) -> None:
    printed = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(printed) == {text: [text]}
    assert not [sign for sign in UNSEEN if sign in printed]


def test_what_cannot_be_seen_is_told_by_its_number() -> None:
    assert visible("a\tb\r\nc\n") == "a\tb\nc\n"
    assert visible("\u202eé\x1b\ufffe\ud800") == "[U+202E]é[U+001B][U+FFFE][U+D800]"
    assert visible_line(" a\n b\x00 ") == "a b[U+0000]"
