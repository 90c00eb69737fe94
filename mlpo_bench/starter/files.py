"""The text of a team file and of a matrix, with comments on what else may stand there; and how both are known again."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from mlpo_bench import yamls
from mlpo_bench.errors import UsageError
from mlpo_bench.log.outputs import Kind
from mlpo_bench.matrix.config import RunConfig, read_config
from mlpo_bench.questions import own
from mlpo_bench.teams import Team, read_team
from mlpo_bench.visible import visible


if TYPE_CHECKING:
    from collections.abc import Collection

    from mlpo_bench.starter.choices import Choices, Seats


_COLUMN = 38
"""Where comments behind settings begin."""

Line = tuple[str, str]
"""A setting, and what is to be said of it; nothing where nothing is."""
_TEAM_HEAD = "# A team: the leader judges, the peers answer and revise."
_MATRIX_HEAD = "# What the team is asked, and how; all combinations are cells."


def _kind(name: str, head: str, known: Collection[str], telling: Collection[str]) -> Kind:
    """Return a kind of file that begins as we write it, or holds known fields alone, one of which tells of the kind."""

    def begins(content: bytes) -> bool:
        if content.startswith(head.encode()):
            return True
        try:
            held, _ = yamls.load(content.decode())
        except (UnicodeDecodeError, yaml.YAMLError):
            return False
        return isinstance(held, dict) and held.keys() <= {*known} and not held.keys().isdisjoint(telling)

    return Kind(name, begins)


TEAM = _kind("team file", _TEAM_HEAD, Team.model_fields, ("leader", "peers"))
MATRIX = _kind(
    "matrix",
    _MATRIX_HEAD,
    (*RunConfig.model_fields, "team", "seed", "format"),
    ("suites", "protocols", "team", "teams"),
)


def team_text(choices: Choices, name: str) -> str:
    """Return the text of the team file, which is called `name`."""
    leader = _member(choices.leader, choices, "  ")
    if choices.adapter is not None:
        leader.append((f"  adapter: {_scalar(choices.adapter)}", "what training changed of it (LoRA)"))
    elif choices.leader.base_url is None:
        leader.append(("  # adapter: FOLDER", "what training changed of it (LoRA): a folder or a hub id"))
    priced = _scalar(choices.peers[0].model)
    return _text(
        (f"{_TEAM_HEAD} Does it work here? mlpo-bench doctor {_named(name)}", ""),
        ("# Every field is described in docs/configuration.md, and a server's own in docs/servers.md.", ""),
        ("leader:", ""),
        *leader,
        ("  # sampling: {temperature: 0.7}", "also top_p, top_k, max_tokens; the task's where it is left out"),
        ("peers:", "in the order in which the leader reads them"),
        *(line for one in choices.peers for line in _peer(one, choices)),
        ("    # persona: You check every step.", "the system message of all that it is asked"),
        ("# untrained: {model: NAME}", "what a trained leader was before: it is measured beside it"),
        ("# prices:", "for a million tokens, by model"),
        (f"#   {priced}: {{prompt: 0.15, cached: 0.03, completion: 0.60}}", ""),
    )


def matrix_text(choices: Choices, path: Path, team: str) -> str:
    """Return the text of the matrix at `path`, for the team file `team`, which is named as from beside it."""
    name = _named(str(path))
    suites = (_scalar(_from_beside(suite, path)) for suite in choices.suites)
    limit = "# limit: 100" if choices.limit is None else f"limit: {choices.limit}"
    return _text(
        (_MATRIX_HEAD, ""),
        (f"# What it takes: mlpo-bench plan --matrix {name}. To run it: mlpo-bench run --matrix {name}", ""),
        ("# Every field is described in docs/configuration.md.", ""),
        (f"team: {_scalar(team)}", ""),
        (f"suites: [{', '.join(suites)}]", "the others: mlpo-bench suites"),
        (limit, "questions a suite, spread evenly over its subjects; left out: all"),
        ("# data: FOLDER", "with the suites' files (docs/data.md)"),
        ("protocols:", "the others: mlpo-bench protocols"),
        *((f"  - {_scalar(protocol)}", "") for protocol in choices.protocols),
        ("  # - leader: {share: [whole, answer]}", "with settings; a list of values runs all of them"),
        (f"rounds: [{', '.join(map(str, choices.rounds))}]", "T, where a protocol says nothing else"),
        (
            f"peers: [{sum(one.count for one in choices.peers)}]",
            "K: the first so many of the team file",
        ),
        ("# seeds: 3", "tables then show means and their spread"),
        ("# generation: {max_gen_toks: 512}", "overrides what tasks and members say"),
    )


def _named(name: str) -> str:
    """Return a file's name as a shell takes it, on one line whatever it holds."""
    return " ".join(visible(shlex.quote(name)).split("\n"))


def _from_beside(suite: str, path: Path) -> str:
    """Return a suite as a matrix at a path names it: a file of questions, which is named from here, from beside it."""
    return os.path.relpath(suite, path.parent) if own.is_table(suite) else suite


def _text(*lines: Line) -> str:
    """Return lines with their comments one below the other."""
    return "".join(f"{setting:<{_COLUMN}} # {told}\n" if told else f"{setting}\n" for setting, told in lines)


def check(choices: Choices) -> None:
    """Check that `run` reads what is made of some choices.

    Raises:
        UsageError: It does not.
    """
    with tempfile.TemporaryDirectory(prefix="mlpo-bench-init-") as folder:
        team, matrix = Path(folder) / "team.yaml", Path(folder) / "matrix.yaml"
        team.write_text(team_text(choices, team.name), encoding="utf-8")
        matrix.write_text(matrix_text(choices, matrix, team.name), encoding="utf-8")
        try:
            read_team(team)
            read_config(matrix)
        except UsageError as fault:  # nothing lies where it was tried
            raise UsageError(str(fault).replace(f"{folder}{os.sep}", "")) from None


def _peer(one: Seats, choices: Choices) -> list[Line]:
    (first, told), *others = _member(one, choices, "    ")
    count = [(f"    count: {one.count}", "so many seats of it")] if one.count > 1 else []
    return [(f"  - {first.lstrip()}", told), *others, *count]


def _member(one: Seats, choices: Choices, indent: str) -> list[Line]:
    lines = [(f"{indent}model: {_scalar(one.model)}", "")]
    if one.base_url is not None:
        lines.append((f"{indent}base_url: {_scalar(one.base_url)}", ""))
        lines.append((f"{indent}api_key_env: {_scalar(choices.key)}", "a variable; what it holds is written nowhere"))
    return lines


def _scalar(value: str) -> str:
    """Return a text as YAML writes it on one line."""
    return yaml.safe_dump(value, width=10_000, allow_unicode=True).removesuffix("...\n").strip()
