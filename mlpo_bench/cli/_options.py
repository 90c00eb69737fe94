"""The options that make a run's configuration, which `run` and `plan` share; one clear sentence for each wrong one."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli import _members


if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.matrix.sweeps import Sweep
    from mlpo_bench.questions import Suite
    from mlpo_bench.teams import Team
    from mlpo_bench.yamls import Fault

WHAT, WHO, HOW, WHERE = "What is asked", "Who answers", "How", "Where"
Option = partial(typer.Option, show_default=False)

_MOST_DIGITS = 18
# Where an option's name is not the field's.
_OPTIONS = {"suites": "--suite", "protocols": "--protocol", "generation": "--gen-kwargs", "teams": "--team"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person chose on the command line; `build` makes a configuration of it."""

    fields: dict[str, Any]
    settings: tuple[str, ...]
    protocols: tuple[str, ...] | None
    matrix: str | None
    teams: tuple[str, ...] | None
    engine: str | None
    dtype: str | None
    leader_adapter: str | None
    seed: int | None
    seeds: int | None

    def build(self, base: RunConfig | None = None) -> RunConfig:
        """Return the configuration: a matrix's, or else `base` or the defaults, with what was chosen in its place.

        Raises:
            UsageError: an option's value is wrong.
        """
        from pydantic import ValidationError

        from mlpo_bench.errors import UsageError
        from mlpo_bench.matrix.config import RunConfig
        from mlpo_bench.yamls import all_of, listed

        base = _matrix(self.matrix) if self.matrix else base or RunConfig()
        changes: dict[str, Any] = {name: value for name, value in self.fields.items() if value is not None}
        try:
            changes["protocols"] = self._protocols(base)
            changes["teams"] = self._teams(base)
            changes["seeds"] = self._seeds(base)
            changes = {**dict(base), **changes}
            return RunConfig.model_validate(changes)
        except ValidationError as error:
            raise UsageError(listed([_say(fault) for fault in all_of(error, RunConfig, changes)])) from None

    def _protocols(self, base: RunConfig) -> tuple[Sweep, ...]:
        from mlpo_bench.matrix.assignments import assigned
        from mlpo_bench.matrix.sweeps import Sweep

        sweeps = base.protocols if self.protocols is None else tuple(map(Sweep.of, dict.fromkeys(self.protocols)))
        return assigned(sweeps, self.settings)

    def _teams(self, base: RunConfig) -> dict[str, Team]:
        from mlpo_bench.matrix.config import TEAM
        from mlpo_bench.teams import read_team

        teams = base.teams
        if self.teams:
            paths = _members.by_name([Path(name) for name in self.teams])
            teams = {TEAM if len(paths) == 1 else name: read_team(path) for name, path in paths.items()}
        for change, value in (
            (_members.with_adapter, self.leader_adapter),
            (_members.with_engine, self.engine),
            (_members.with_dtype, self.dtype),
        ):
            if value:
                teams = {name: change(team, value) for name, team in teams.items()}
        return teams

    def _seeds(self, base: RunConfig) -> tuple[int, ...]:
        from mlpo_bench.errors import UsageError
        from mlpo_bench.matrix.sweeps import MAX_SEEDS
        from mlpo_bench.yamls import OF_64_BITS

        if self.seeds is not None and not 1 <= self.seeds <= MAX_SEEDS:
            raise UsageError(f"--seeds {self.seeds}: cells are repeated with 1 to {MAX_SEEDS} seeds.")
        if self.seed is None and self.seeds is None:
            return base.seeds
        seeds = range(self.seed or 0, (self.seed or 0) + (self.seeds or 1))
        if seeds[0] not in OF_64_BITS or seeds[-1] not in OF_64_BITS:
            last = f", up to {seeds[-1]} with --seeds {self.seeds}," if seeds[0] in OF_64_BITS else ""
            raise UsageError(f"--seed {self.seed}: seeds{last} must be whole numbers of 64 bits.")
        return tuple(seeds)


def configuration(
    suite: Annotated[
        str | None,
        Option(
            help="Suites, comma-separated: names (`mlpo-bench suites`) or files: mine.csv.",
            rich_help_panel=WHAT,
            autocompletion=complete.suites,
        ),
    ] = None,
    answers: Annotated[
        str | None,
        Option("--format", help="How the questions of a --suite FILE are answered.", rich_help_panel=WHAT),
    ] = None,
    split: Annotated[
        str | None,
        Option(
            help="test, train or all.  \\[default: test]",
            rich_help_panel=WHAT,
            autocompletion=complete.choice("test", "train", "all"),
        ),
    ] = None,
    limit: Annotated[
        int | None,
        Option(
            "--limit",
            "-L",
            help="Questions a suite, spread evenly over its subjects.  \\[default: all]",
            rich_help_panel=WHAT,
        ),
    ] = None,
    subjects: Annotated[
        str | None,
        Option(help="Only these subjects, comma-separated.", rich_help_panel=WHAT, autocompletion=complete.subjects),
    ] = None,
    data: Annotated[
        Path | None,
        Option(help="Folder with the suites' published files.", envvar="MLPO_BENCH_DATA", rich_help_panel=WHAT),
    ] = None,
    team: Annotated[
        str | None,
        Option(
            help="Team files (YAML), comma-separated.  \\[default: SmolLM2-135M in all seats]",
            rich_help_panel=WHO,
            autocompletion=complete.team_files,
        ),
    ] = None,
    engine: Annotated[
        str | None,
        Option(
            help="Engine of all members: auto, vllm, hf, module:Class.",
            rich_help_panel=WHO,
            autocompletion=complete.engines,
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        Option(
            help="Numbers that members on this machine compute with: auto, float32, bfloat16, float16.",
            rich_help_panel=WHO,
            autocompletion=complete.choice("auto", "float32", "bfloat16", "float16"),
        ),
    ] = None,
    leader_adapter: Annotated[
        str | None,
        Option(help="What training changed of the leader (LoRA): a folder or hub id.", rich_help_panel=WHO),
    ] = None,
    peers: Annotated[str | None, Option(help="Peers K, comma-separated.  \\[default: 3]", rich_help_panel=WHO)] = None,
    matrix: Annotated[
        str | None,
        Option(
            "--matrix",
            "--config",
            help="A matrix file, one of ours (default, elsewhere, interventions, leaderboard), or a run's config.yaml "
            "to repeat; other options override it.",
            rich_help_panel=HOW,
            autocompletion=complete.matrices,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        Option(
            help="Protocols, comma-separated.  \\[default: solo,vote,leader]",
            rich_help_panel=HOW,
            autocompletion=complete.protocols,
        ),
    ] = None,
    rounds: Annotated[
        str | None,
        Option(help="Rounds T (layers, steps), comma-separated.  \\[default: 1,2]", rich_help_panel=HOW),
    ] = None,
    samples: Annotated[
        str | None,
        Option(
            help="Ballots of a vote, or what of each leader they match: tokens, calls.  "
            "\\[default: the largest leader's calls, and tokens]",
            rich_help_panel=HOW,
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        Option(
            "-P",
            "--setting",
            metavar="NAME=VALUE",
            help="A setting of every protocol that has it, or PROTOCOL.NAME=VALUE; VALUE,VALUE runs all. Repeatable.",
            rich_help_panel=HOW,
        ),
    ] = None,
    gen_kwargs: Annotated[
        str | None,
        Option(
            "--gen-kwargs",
            "--gen_kwargs",
            help="Generation settings, which override all others: temperature=0,max_gen_toks=256",
            rich_help_panel=HOW,
        ),
    ] = None,
    seed: Annotated[int | None, Option(help="Seed of all draws.  \\[default: 0]", rich_help_panel=HOW)] = None,
    seeds: Annotated[
        int | None, Option(help="Repeat every cell with so many seeds, from --seed on.", rich_help_panel=HOW)
    ] = None,
    deterministic: Annotated[
        bool | None,
        Option(
            "--deterministic",
            help="Completions independent of batching and order. Slower.",
            rich_help_panel=HOW,
        ),
    ] = None,
) -> Chosen:
    """Gather the options that make a configuration."""
    return Chosen(
        fields={
            "suites": names(suite),
            "format": formats(answers),
            "split": split,
            "limit": limit,
            "subjects": names(subjects),
            "data": str(data.resolve()) if data else None,
            "peers": numbers("--peers", peers),
            "rounds": numbers("--rounds", rounds),
            "samples": _ballots(samples),
            "generation": settings(gen_kwargs),
            "deterministic": deterministic,
        },
        settings=tuple(setting or ()),
        protocols=names(protocol),
        matrix=matrix,
        teams=names(team),
        engine=engine,
        dtype=dtype,
        leader_adapter=leader_adapter,
        seed=seed,
        seeds=seeds,
    )


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `configuration` before its own, and hand it what they chose."""
    shared = inspect.signature(configuration, eval_str=True).parameters
    _, *own = inspect.signature(command, eval_str=True).parameters.values()

    def call(**given: Any) -> None:  # noqa: ANN401 - Typer hands over what the signature below names
        command(configuration(**{name: given.pop(name) for name in shared}), **given)

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*shared.values(), *own)]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    call.__doc__ = command.__doc__
    return call


def names(value: str | None) -> tuple[str, ...] | None:
    """Split a comma-separated list of names."""
    return None if value is None else tuple(part for p in value.split(",") if (part := p.strip()))


def named_suites(value: str, answers: str | None) -> tuple[Suite, ...]:
    """Return the suites of a comma-separated list of names and files.

    Raises:
        UsageError: there is no such suite, or a file is at fault.
    """
    from mlpo_bench.matrix.config import RunConfig

    given = RunConfig.model_validate({"suites": names(value), "format": formats(answers)})
    return tuple(given.suite(name) for name in given.suites)


def numbers(option: str, value: str | None) -> tuple[int, ...] | None:
    """Split a comma-separated list of whole numbers.

    Raises:
        UsageError: one of them is none.
    """
    from mlpo_bench.errors import UsageError

    parts = names(value)
    if parts is None:
        return None
    for part in parts:
        if not part.isdecimal() or len(part) > _MOST_DIGITS:
            raise UsageError(f"{option} takes whole numbers separated by commas, such as 1,2,5; {part!r} is none.")
    return tuple(int(part) for part in parts)


def _ballots(value: str | None) -> tuple[int | str, ...] | int | str | None:
    """Return numbers of ballots, or what they match.

    Raises:
        UsageError: it is neither.
    """
    from mlpo_bench.errors import UsageError, nearest
    from mlpo_bench.matrix.sweeps import MATCHES

    parts = names(value)
    if not parts:
        return None
    for part in parts:
        if not part.isdecimal() and part not in MATCHES:
            hint = nearest(part, MATCHES) or "."
            raise UsageError(
                f"--samples takes numbers of ballots, tokens or calls, such as 8 or calls,tokens; {part!r} is "
                f"none{hint}"
            )
    each = tuple(int(part) if part.isdecimal() else part for part in parts)
    return each[0] if len(each) == 1 else each


def formats(value: str | None) -> str | dict[str, str] | None:
    """Return one format for all files of questions, or one for each: `mine=option,yours=number`."""
    parts = [part.partition("=") for part in names(value) or ()]
    if any(equals for _, equals, _ in parts):
        return {name.strip(): form.strip() for name, _, form in parts}
    return value


def settings(value: str | None) -> dict[str, Any] | None:
    """Split `name=value,name=value`; numbers become numbers.

    Raises:
        UsageError: a part is no `name=value`.
    """
    from mlpo_bench.errors import UsageError

    if value is None:
        return None
    settings: dict[str, Any] = {}
    for part in value.split(","):
        name, equals, text = part.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--gen-kwargs takes name=value pairs, such as temperature=0; {part!r} is none.")
        if name.strip() in settings:
            raise UsageError(f"--gen-kwargs: {name.strip()} stands twice; it has one value.")
        settings[name.strip()] = _plain(text.strip())
    return settings


def _plain(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _matrix(name: str) -> RunConfig:
    from mlpo_bench.errors import UsageError, nearest
    from mlpo_bench.matrix.cells import SHIPPED
    from mlpo_bench.matrix.config import read_config
    from mlpo_bench.yamls import is_there

    shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}
    if name in shipped:
        return read_config(shipped[name])
    if not is_there(Path(name)):
        hint = nearest(name, shipped) or "."
        raise UsageError(f"there is no matrix {name!r}: it is neither a file nor one of {', '.join(shipped)}{hint}")
    return read_config(Path(name))


def _say(fault: Fault) -> str:
    field = str(next(iter(fault.location), ""))
    clause = fault.clause + ("; leave it out for all" if field == "limit" else "")
    return f"{_OPTIONS.get(field, f'--{field}')}: {clause}{'' if clause.endswith('?') else '.'}"
