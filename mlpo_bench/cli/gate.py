"""`mlpo-bench gate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete


if TYPE_CHECKING:
    from mlpo_bench.gate.baseline import Baseline, Thresholds
    from mlpo_bench.gate.checks import Judgement

OUTPUT, BASELINE = "Where it tells", "Baselines"
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


def gate(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's folder or name, or the folder of a recording.",
            autocompletion=complete.runs,
            show_default=False,
        ),
    ],
    baseline: Annotated[
        Path | None,
        typer.Option(help="File that an earlier run's figures are kept in.", show_default=False),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write JUnit's XML here.", show_default=False, rich_help_panel=OUTPUT)
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            help="Append a summary in Markdown here.",
            envvar=SUMMARY_VARIABLE,
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    github: Annotated[
        bool,
        typer.Option(
            "--github/--no-github",
            help="Print annotations for GitHub.",
            envvar="GITHUB_ACTIONS",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Make what is there now the new baseline.", rich_help_panel=BASELINE),
    ] = False,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Ask a recording's models everything anew, and keep it.", rich_help_panel=BASELINE
        ),
    ] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why the baseline changes.", show_default=False, rich_help_panel=BASELINE)
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            help="With --update: the greatest drop in accuracy that may slip through.",
            show_default=False,
            rich_help_panel=BASELINE,
        ),
    ] = None,
    max_tokens_rise: Annotated[
        float | None,
        typer.Option(
            help="With --update: by which share tokens a question may rise.  \\[default: 0.1]",
            show_default=False,
            rich_help_panel=BASELINE,
        ),
    ] = None,
) -> None:
    """Tell whether a change made anything worse: by replaying a recording, or by a run against a baseline.

    Exit codes: 0 nothing got worse, 1 something did, 2 that cannot be judged.
    """
    from mlpo_bench.gate.recording import Recording

    changes = {"max_drop": max_drop, "max_tokens_rise": max_tokens_rise}
    chosen = {name: value for name, value in changes.items() if value is not None}
    _check_usage(update=update, record=record, reason=reason, chosen=chosen)
    if Recording.here(Path(run)):
        _check_no_model(baseline, chosen)
        if update or record:
            _remake(Path(run), reason, anew=record)
            return
    elif update or record:
        _update(run, baseline, reason, chosen, record=record)
        return
    judgement = _judge(run, baseline)
    _tell(judgement, junit, summary, github=github)
    raise typer.Exit(judgement.exit_code)


def _check_usage(*, update: bool, record: bool, reason: str | None, chosen: dict[str, float]) -> None:
    from mlpo_bench.errors import UsageError

    if (update or record) and not (reason or "").strip():
        option = "--record" if record else "--update"
        raise UsageError(f"{option} changes what later runs are held to; say why with --reason TEXT.")
    if reason is not None and not (update or record):
        raise UsageError("--reason goes with --update or --record; without them nothing is written.")
    if chosen and not update:
        raise UsageError(f"--{next(iter(chosen)).replace('_', '-')} changes a baseline; it goes with --update.")


def _check_no_model(baseline: Path | None, chosen: dict[str, float]) -> None:
    from mlpo_bench.errors import UsageError

    if baseline is not None:
        raise UsageError("a recording holds its own baseline; --baseline goes with a run.")
    if chosen:
        raise UsageError("a recording must come out exactly as recorded; it has no thresholds.")


def _remake(path: Path, reason: str | None, *, anew: bool) -> None:
    from mlpo_bench.cli._display import display
    from mlpo_bench.gate.replay import record, update_recording

    if anew:
        with display(quiet=False) as observer:
            made = record(path, reason, observer)
        typer.echo(f"Recorded {len(made.cells)} cells in {path}.")
    else:
        typer.echo(f"Updated {path}: {update_recording(path, reason)} conversations differ from before.")


def _update(run: str, path: Path | None, reason: str | None, chosen: dict[str, float], *, record: bool) -> None:
    from mlpo_bench.errors import UsageError
    from mlpo_bench.gate.baseline import baseline_of, read_model_baseline
    from mlpo_bench.gate.power import check_promises
    from mlpo_bench.log import LoadedRun

    if record:
        raise UsageError(f"{run} is no recording: that is a folder with a config.yaml and a questions.yaml.")
    path, loaded = _named(path), LoadedRun.open(run)
    before = read_model_baseline(path) if path.exists() else None
    made = baseline_of(loaded, reason, before, _thresholds(before, chosen))
    check_promises(made)
    made.write(path)
    typer.echo(f"Wrote {path}: {len(made.rows)} rows of {loaded.path}.")


def _thresholds(before: Baseline | None, chosen: dict[str, float]) -> Thresholds:
    from pydantic import ValidationError

    from mlpo_bench.errors import UsageError
    from mlpo_bench.gate.baseline import Thresholds

    kept = before.thresholds.model_dump() if before else {}
    try:
        return Thresholds.model_validate(kept | chosen)
    except ValidationError as error:
        fault = error.errors()[0]
        option = f"--{str(fault['loc'][0]).replace('_', '-')}"
        raise UsageError(f"{option}: {fault['msg'][:1].lower()}{fault['msg'][1:]} (it is {fault['input']}).") from None


def _named(path: Path | None) -> Path:
    from mlpo_bench.errors import UsageError

    if path is None:
        raise UsageError("a run is judged against a file of an earlier one's figures; name it with --baseline FILE.")
    return path


def _judge(run: str, path: Path | None) -> Judgement:
    """Return the judgement; what a person asked wrongly is a judgement too, so that build servers are told."""
    from mlpo_bench.errors import UsageError
    from mlpo_bench.gate.checks import Judgement
    from mlpo_bench.gate.recording import Recording

    try:
        if Recording.here(Path(run)):
            from mlpo_bench.gate.replay import judge_recording

            return judge_recording(Path(run))
        return _against(run, _named(path))
    except UsageError as mistake:
        return Judgement.refused(run, str(mistake))


def _against(run: str, path: Path) -> Judgement:
    from mlpo_bench.gate.baseline import read_model_baseline
    from mlpo_bench.gate.drops import judge_run
    from mlpo_bench.log import LoadedRun

    return judge_run(LoadedRun.open(run), read_model_baseline(path))


def _tell(judgement: Judgement, junit: Path | None, summary: Path | None, *, github: bool) -> None:
    from mlpo_bench.gate.junit import write_junit
    from mlpo_bench.gate.render import markdown, print_judgement, workflow_commands
    from mlpo_bench.reports.terminal.console import Console

    print_judgement(judgement, Console())
    if github:
        for line in workflow_commands(judgement):
            typer.echo(line)
    if junit is not None:
        write_junit(judgement, junit)
    if summary is not None:
        summary.parent.mkdir(parents=True, exist_ok=True)
        with summary.open("a", encoding="utf-8") as file:
            file.write(markdown(judgement) + "\n")
