"""Commands that pages show can be given as they stand: each command, and each of its options, is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mlpo_bench.cli import app


ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        *(ROOT / "examples").rglob("*.yml"),
        *(ROOT / "leaderboards").glob("*.md"),
        *(ROOT / "training").rglob("*.md"),
    ]
)
PASSED_ON = {"lm-eval"}  # its options are another program's
PROGRAM = typer.main.get_command(app)


def commands(page: str) -> Iterator[list[str]]:
    """The words behind `mlpo-bench` of each command in a block, or between backticks."""
    page = page.replace("\\\n", " ")
    lines = [
        *re.findall(r"^(?: {4}|\t)\s*(.*mlpo-bench .*)$", page, re.MULTILINE),
        *(
            line
            for block in re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
            for line in block.split("\n")
        ),
        *(" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", page)),
    ]
    for line in lines:
        for said in re.findall(r"(?:^|\s|\()mlpo-bench ((?:-|[a-z])[^#|&;)]*)", line):
            yield shlex.split(said.replace("'", "")) if said.count('"') % 2 == 0 else said.split()


def options_of(words: list[str]) -> tuple[Any, list[str], list[str]]:
    """The command that the first words name, the options of all commands on the way, and the words that are left."""
    command: Any = PROGRAM
    known = [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]
    rest = [word for word in words if not re.fullmatch(r"-v+", word)]
    while rest and hasattr(command, "commands") and rest[0].islower() and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"no command {rest[0]!r} in: mlpo-bench {' '.join(words)}"
        command, rest = command.commands[rest[0]], rest[1:]
        known += [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]
    return command, known, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    builtin = {"--help", "-h", "--install-completion", "--show-completion"}
    for words in commands(page.read_text(encoding="utf-8")):
        command, known, rest = options_of(words)
        if command.name in PASSED_ON:
            continue
        given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-zA-Z]", word)}
        assert given - builtin - set(known) == set(), f"in: mlpo-bench {' '.join(words)}"


def test_pages_show_commands() -> None:
    readme = list(commands((ROOT / "README.md").read_text(encoding="utf-8")))
    assert ["verdict", "RUN"] in readme
    assert ["leaderboard", "build"] in list(commands("`mlpo-bench leaderboard build`"))
