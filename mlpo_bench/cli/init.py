"""`mlpo-bench init`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mlpo_bench.cli import _complete as complete


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpo_bench.starter.choices import Choices, Seats
    from mlpo_bench.starter.here import Candidate

Value = TypeVar("Value")
_WITHOUT_GPU = 16
"""Questions a suite on a machine that answers slowly; enough to see how a run goes."""


def init(
    leader: Annotated[
        str | None,
        typer.Option(
            help="Who leads: a hub id, a folder, smollm2-135m, or NAME@http://host/v1.",
            show_default=False,
            autocompletion=complete.models,
        ),
    ] = None,
    peers: Annotated[
        str | None,
        typer.Option(
            help="The peers, comma-separated; NAME*3 for three.  \\[default: the leader*3]", show_default=False
        ),
    ] = None,
    adapter: Annotated[
        str | None, typer.Option(help="What training changed of the leader (LoRA).", show_default=False)
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The variable with the servers' key.  \\[default: OPENAI_API_KEY]", show_default=False),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="What is asked, comma-separated.  \\[default: bbh,mmlu,math]",
            show_default=False,
            autocompletion=complete.suites,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Questions a suite, 0 for all.  \\[default: 100; 16 on a CPU]", show_default=False),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Protocols, comma-separated.  \\[default: solo,vote,leader]",
            show_default=False,
            autocompletion=complete.protocols,
        ),
    ] = None,
    rounds: Annotated[str | None, typer.Option(help="Rounds T.  \\[default: 1,2]", show_default=False)] = None,
    team_file: Annotated[Path, typer.Option(help="The team file to write.")] = Path("team.yaml"),
    matrix_file: Annotated[Path, typer.Option(help="The matrix to write.")] = Path("matrix.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a team file and a matrix that are there.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take the defaults.")] = False,
) -> None:
    """Write a first team file and a matrix, with comments: asks a few questions, none with --yes or without a terminal.

    What the options say is not asked for.
    """
    import asyncio

    from mlpo_bench.log import outputs
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.starter import files, here

    console = Console(stderr=True)
    _refuse_to_replace(team_file, matrix_file, force=force)
    console.print("Looking for models here", style="dim")
    candidates = asyncio.run(here.candidates(Path.cwd()))
    given = {
        "leader": leader, "peers": peers, "adapter": adapter, "key": key, "suites": suite,
        "limit": None if limit is None else str(limit), "protocols": protocol, "rounds": rounds,
    }  # fmt: skip
    asking = not yes and sys.stdin.isatty()
    if asking:
        _show(candidates, console)
    choices = _chosen(given, candidates, asking=asking)
    files.check(choices)
    beside = team_file.name if team_file.parent == matrix_file.parent else str(team_file.resolve())
    team = files.team_text(choices, str(team_file))
    matrix = files.matrix_text(choices, matrix_file, beside)
    for path, text, kind in ((team_file, team, files.TEAM), (matrix_file, matrix, files.MATRIX)):
        outputs.write(path, text.encode(), kind, folders=True)
    _say_next(team_file, matrix_file)


def _refuse_to_replace(team_file: Path, matrix_file: Path, *, force: bool) -> None:
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log import outputs
    from mlpo_bench.starter import files

    outputs.check_apart({"--team-file": team_file, "--matrix-file": matrix_file})
    outputs.check(team_file, files.TEAM)
    outputs.check(matrix_file, files.MATRIX)
    there = [str(path) for path in (team_file, matrix_file) if path.exists()]
    if there and not force:
        raise UsageError(
            f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} there already: --force replaces, "
            "--team-file and --matrix-file name others."
        )


def _show(candidates: Sequence[Candidate], console: Any) -> None:  # noqa: ANN401 - Rich is imported late
    from rich.table import Table

    from mlpo_bench.doctor.machine import devices, gpus

    console.print("; ".join(f"{one.what}: {one.found}" for one in devices(gpus())), soft_wrap=True)
    table = Table(header_style="bold")
    for title in ("", "model", "from", "size"):
        table.add_column(title, justify="right" if title in {"", "size"} else "left", overflow="fold")
    for number, one in enumerate(candidates, start=1):
        table.add_row(str(number), one.name, one.where, f"{one.size / 2**30:,.2f} GiB" if one.size else "-")
    console.print(table)
    console.print(
        "Name a model by its number, or as a hub id, a folder, or NAME@http://host/v1. Return takes what stands in "
        "brackets; Ctrl-C writes nothing.",
        soft_wrap=True,
    )


def _chosen(given: dict[str, str | None], candidates: Sequence[Candidate], *, asking: bool) -> Choices:
    """Return what was given, and asked for, or else the defaults."""
    from mlpo_bench.doctor.machine import gpus
    from mlpo_bench.starter.choices import KEY, Choices, one_seat, several
    from mlpo_bench.starter.here import adapters

    def answer(name: str, question: str, default: str, read: Callable[[str], Value]) -> Value:
        told = given[name]
        if told is not None:
            return read(told)
        return _asked(question, default, read) if asking else read(default)

    leader = answer("leader", "Who leads?", _default_leader(candidates), lambda text: one_seat(text, candidates))
    same = f"{leader.model}@{leader.base_url}" if leader.base_url else leader.model
    team = answer("peers", "Who are the peers?", f"{same}*3", lambda text: several(text, candidates))
    adapter = None
    if leader.base_url is None and (given["adapter"] or (asking and (here := adapters(Path.cwd())))):
        shown = f" ({', '.join(here)})" if not given["adapter"] else ""
        adapter = answer("adapter", f"What training changed of the leader{shown}?", "none", _or_none)
    served = any(one.base_url for one in (leader, *team))
    _check_needed(given, leader, served=served)
    key = answer("key", "The variable with the servers' key?", KEY, _key) if served or given["key"] else KEY
    slow = not gpus() and not all(one.base_url for one in (leader, *team))
    return Choices(
        leader=leader,
        peers=team,
        adapter=adapter,
        key=key,
        suites=answer("suites", "Which suites?", "bbh,mmlu,math", _suites),
        limit=answer("limit", "Questions a suite (0: all)?", str(_WITHOUT_GPU if slow else 100), _limit),
        protocols=answer("protocols", "Which protocols?", "solo,vote,leader", _protocols),
        rounds=answer("rounds", "Rounds?", "1,2", lambda text: _field("rounds", _numbers(text))),
    )


def _check_needed(given: dict[str, str | None], leader: Seats, *, served: bool) -> None:
    """Refuse an option that nothing written would make use of."""
    from mlpo_bench.errors import UsageError

    if given["adapter"] and leader.base_url is not None:
        raise UsageError("--adapter: an adapter belongs to its server: serve it there, and give its name as the model.")
    if given["key"] and not served:
        raise UsageError("--key: no server is in this team (NAME@http://host/v1), so no key goes anywhere.")


def _default_leader(candidates: Sequence[Candidate]) -> str:
    """Return the first model that a server here has, else the embedded one."""
    first = candidates[0]
    return f"{first.name}@{first.base_url}" if first.base_url else first.name


def _asked(question: str, default: str, read: Callable[[str], Value]) -> Value:
    """Ask until the answer can be read."""
    from mlpo_bench.errors import UsageError
    from mlpo_bench.visible import visible

    while True:
        told = typer.prompt(question, default=default, err=True)
        try:
            return read(str(told))
        except UsageError as mistake:
            typer.echo(visible(str(mistake)), err=True)


def _or_none(text: str) -> str | None:
    return None if text.strip().lower() in {"", "none", "no"} else text.strip()


def _key(text: str) -> str:
    """Return the name of the variable that holds a key.

    Raises:
        UsageError: it is none: the key itself, say.
    """
    from pydantic import ValidationError

    from mlpo_bench.engines.spec import ModelSpec
    from mlpo_bench.errors import UsageError

    try:
        ModelSpec.model_validate({"model": "m", "base_url": "http://localhost/v1", "api_key_env": text.strip()})
    except ValidationError as error:
        raise UsageError(f"--key: {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from None
    return text.strip()


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[int]:
    from mlpo_bench.cli._options import numbers

    return list(numbers("--rounds", text) or ())


def _limit(text: str) -> int | None:
    from mlpo_bench.errors import UsageError

    if not text.strip().isdecimal():
        raise UsageError(f"questions a suite are a whole number, 0 for all of them, not {text!r}.")
    return int(text) or None


def _suites(text: str) -> tuple[str, ...]:
    _field("suites", _names(text))
    return tuple(_names(text))


def _protocols(text: str) -> tuple[str, ...]:
    _field("protocols", _names(text))
    return tuple(_names(text))


def _field(name: str, value: object) -> Any:  # noqa: ANN401 - whatever the field holds
    """Return a value as the matrix's field of that name has it.

    Raises:
        UsageError: it cannot stand there.
    """
    from pydantic import ValidationError

    from mlpo_bench import yamls
    from mlpo_bench.errors import UsageError
    from mlpo_bench.matrix.config import RunConfig

    try:
        return getattr(RunConfig.model_validate({name: value}), name)
    except ValidationError as error:
        raise UsageError(yamls.sentences(error, RunConfig, {name: value})[0]) from None


def _say_next(team: Path, matrix: Path) -> None:
    import shlex

    named = shlex.quote(str(matrix))
    typer.echo(f"{team} and {matrix} are written. What is next:")
    for command, why in (
        (f"mlpo-bench doctor {shlex.quote(str(team))}", "whether all of it works here"),
        (f"mlpo-bench plan --matrix {named}", "what it would take"),
        (f"mlpo-bench run --matrix {named}", "to run it"),
    ):
        typer.echo(f"  {command:<44} # {why}")
