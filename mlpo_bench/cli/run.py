"""`mlpo-bench run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer


if TYPE_CHECKING:
    from mlpo_bench.config import RunConfig
    from mlpo_bench.runs import Results, RunFolder

FAILED_IN_PART = 1
INTERRUPTED = 130

WHAT, WHO, HOW, WHERE = "What is asked", "Who answers", "How", "Where"


def run(
    suite: Annotated[
        str | None,
        typer.Option(help="Suites, comma-separated: bbh, mmlu, math.", rich_help_panel=WHAT),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="test, train or all.  [default: test]", rich_help_panel=WHAT)
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-L", help="Questions a suite, spread evenly over its subjects.", rich_help_panel=WHAT),
    ] = None,
    subjects: Annotated[
        str | None, typer.Option(help="Only these subjects, comma-separated.", rich_help_panel=WHAT)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the suites' published files.", envvar="MLPO_BENCH_DATA", rich_help_panel=WHAT),
    ] = None,
    team: Annotated[
        Path | None,
        typer.Option(help="Team file (YAML).  [default: SmolLM2-135M in all seats]", rich_help_panel=WHO),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="auto, vllm or hf, for all members.", rich_help_panel=WHO)] = None,
    peers: Annotated[
        str | None, typer.Option(help="Peers K, comma-separated.  [default: 3]", rich_help_panel=WHO)
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Protocols, comma-separated.  [default: solo,vote,leader]", rich_help_panel=HOW),
    ] = None,
    rounds: Annotated[
        str | None,
        typer.Option(help="Rounds T of the leader, comma-separated.  [default: 1,2]", rich_help_panel=HOW),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            help="Ballots of a vote.  [default: as many as the largest leader cell calls]",
            rich_help_panel=HOW,
        ),
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(help="What others read of a turn: whole, without-thinking or answer.", rich_help_panel=HOW),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="Order of the peers' answers: fixed or shuffled.", rich_help_panel=HOW),
    ] = None,
    memory: Annotated[
        bool | None,
        typer.Option(help="Whether the leader reads its own last output.", rich_help_panel=HOW),
    ] = None,
    gen_kwargs: Annotated[
        str | None,
        typer.Option(
            "--gen-kwargs",
            "--gen_kwargs",
            help="Generation settings before all others: temperature=0,max_gen_toks=256",
            rich_help_panel=HOW,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all draws.  [default: 0]", rich_help_panel=HOW)] = None,
    deterministic: Annotated[
        bool | None,
        typer.Option(
            "--deterministic",
            help="Completions independent of batching and order. Slower.",
            rich_help_panel=HOW,
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A run's config.yaml to repeat.", rich_help_panel=WHERE)] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", "--output_path", help="Folder that holds the runs.", rich_help_panel=WHERE),
    ] = Path("runs"),
    name: Annotated[str | None, typer.Option(help="The run's name.", rich_help_panel=WHERE)] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="File of all completions.  [default: in the user's cache folder]", rich_help_panel=WHERE),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=WHERE)] = False,
    json: Annotated[bool, typer.Option("--json", help="Print results as JSON.", rich_help_panel=WHERE)] = False,
) -> None:
    """Run suites through protocols, and print what they reach and what they cost.

    The same command goes on with an interrupted run. Exit codes: 0 done, 1 failed in part, 2 bad usage,
    130 interrupted.
    """
    from mlpo_bench.cli import _options as options

    given: dict[str, Any] = {
        "suites": options.names(suite),
        "split": split,
        "limit": limit,
        "subjects": options.names(subjects),
        "data": str(data.resolve()) if data else None,
        "protocols": options.names(protocol),
        "rounds": options.numbers("--rounds", rounds),
        "peers": options.numbers("--peers", peers),
        "samples": samples,
        "share": share,
        "order": order,
        "memory": memory,
        "seed": seed,
        "generation": options.settings(gen_kwargs),
        "deterministic": deterministic,
    }
    chosen = options.build(given, config=config, team=team, engine=engine)
    _carry_out(chosen, output=output, name=name, store=store, quiet=quiet, as_json=json)


def _carry_out(
    config: RunConfig, *, output: Path, name: str | None, store: Path | None, quiet: bool, as_json: bool
) -> None:
    from mlpo_bench.runs import RunFolder

    folder = RunFolder.for_run(config, output, name)
    finished = folder.finished()
    results = finished or _converse(config, folder, store, quiet=quiet or as_json)
    if as_json:
        typer.echo(results.model_dump_json(indent=2))
    else:
        _print(results, folder, asked_nothing=finished is not None)
    if results.failed:
        raise typer.Exit(FAILED_IN_PART)


def _converse(config: RunConfig, folder: RunFolder, store: Path | None, *, quiet: bool) -> Results:
    import asyncio

    from mlpo_bench.cli._display import display
    from mlpo_bench.runs.carry_out import carry_out
    from mlpo_bench.store import default_path

    try:
        with display(quiet=quiet) as watcher:
            return asyncio.run(carry_out(config, folder, store or default_path(), watcher))
    except KeyboardInterrupt:
        sys.stderr.write(
            "Interrupted. What was answered is kept; to go on: "
            f"mlpo-bench run --config {folder.config_path} --output {folder.path.parent} --name {folder.path.name}\n"
        )
        raise typer.Exit(INTERRUPTED) from None


def _print(results: Results, folder: RunFolder, *, asked_nothing: bool) -> None:
    from rich.console import Console

    from mlpo_bench.reports.table import print_results

    console = Console()
    print_results(results, console)
    if asked_nothing:
        console.print("This run was finished before; nothing was asked.", style="dim")
    console.print(f"Files: {folder.path}", style="dim", soft_wrap=True)
