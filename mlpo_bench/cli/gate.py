"""`mlpo-bench gate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete


if TYPE_CHECKING:
    from mlpo_bench.gate.baseline import Baseline, Thresholds
    from mlpo_bench.gate.checks import Judgement
    from mlpo_bench.log import LoadedRun

OUTPUT, BASELINE = "Where it tells", "Baselines"
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
STANDARD_OUTPUT = Path("/dev/stdout")


def gate(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="A run's folder or name, several that are taken together, or the folder of a recording.",
            autocompletion=complete.runs,
            show_default=False,
        ),
    ],
    baseline: Annotated[
        Path | None,
        typer.Option(help="File that an earlier run's figures are kept in.", show_default=False),
    ] = None,
    new_model: Annotated[
        bool,
        typer.Option("--new-model", help="Other models answered than the baseline's: did they get worse?"),
    ] = False,
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
    changes = {"max_drop": max_drop, "max_tokens_rise": max_tokens_rise}
    chosen = {name: value for name, value in changes.items() if value is not None}
    _check_usage(update=update, record=record, new_model=new_model, reason=reason, chosen=chosen)
    _check_files(junit, summary, baseline)
    if _is_recording(runs):
        _check_no_model(baseline, chosen, runs, new_model=new_model)
    if update or record:
        _change(runs, baseline, reason, chosen, record=record, junit=junit, summary=summary)
        return
    judgement = _judge(runs, baseline, new_model=new_model)
    _tell(judgement, github=github)
    _write(judgement, junit, summary)
    raise typer.Exit(judgement.exit_code)


def _is_recording(runs: list[str]) -> bool:
    from mlpo_bench.gate.recording import Recording

    return Recording.here(Path(runs[0]))


def _check_usage(*, update: bool, record: bool, new_model: bool, reason: str | None, chosen: dict[str, float]) -> None:
    from mlpo_bench.errors import UsageError

    if (update or record) and not (reason or "").strip():
        option = "--record" if record else "--update"
        raise UsageError(f"{option} changes what later runs are held to; say why with --reason TEXT.")
    if new_model and update:
        raise UsageError("--new-model compares with a baseline; --update makes a new one, whatever models answered.")
    if reason is not None and not (update or record):
        raise UsageError("--reason goes with --update or --record; without them nothing is written.")
    if chosen and not update:
        raise UsageError(f"--{next(iter(chosen)).replace('_', '-')} changes a baseline; it goes with --update.")


def _check_files(junit: Path | None, summary: Path | None, baseline: Path | None) -> None:
    """Check what is to be written before anything is judged, which may take a while."""
    from mlpo_bench.log import outputs

    outputs.check_apart({"--junit": junit, "--summary": summary, "--baseline": baseline})
    if junit is not None:
        outputs.check(junit, outputs.JUNIT)
    if summary is not None and summary != STANDARD_OUTPUT:
        outputs.check_appended(summary)


def _check_no_model(baseline: Path | None, chosen: dict[str, float], runs: list[str], *, new_model: bool) -> None:
    from mlpo_bench.errors import UsageError

    if len(runs) > 1:
        raise UsageError("recordings are replayed one by one; several runs are taken together.")
    if new_model:
        raise UsageError("a recording is replayed without a model; --new-model goes with a run.")
    if baseline is not None:
        raise UsageError("a recording holds its own baseline; --baseline goes with a run.")
    if chosen:
        raise UsageError("a recording must come out exactly as recorded; it has no thresholds.")


def _change(
    runs: list[str],
    baseline: Path | None,
    reason: str | None,
    chosen: dict[str, float],
    *,
    record: bool,
    junit: Path | None,
    summary: Path | None,
) -> None:
    """Change what later runs are held to; build servers are told how the gate stands then, or why nothing changed."""
    from mlpo_bench.errors import UsageError
    from mlpo_bench.gate.checks import Judgement

    try:
        if _is_recording(runs):
            _remake(Path(runs[0]), reason, anew=record)
        else:
            _update(runs, baseline, reason, chosen, record=record)
    except UsageError as mistake:
        _write(Judgement.refused(", ".join(runs), str(mistake)), junit, summary)
        raise
    if junit is not None or summary is not None:
        _write(_judge(runs, baseline, new_model=False), junit, summary)


def _remake(path: Path, reason: str | None, *, anew: bool) -> None:
    from mlpo_bench.cli._display import display
    from mlpo_bench.gate.replay import record, update_recording

    if anew:
        with display(quiet=False) as observer:
            made = record(path, reason, observer)
        typer.echo(f"Recorded {len(made.cells)} cells in {path}.")
    else:
        typer.echo(f"Updated {path}: {update_recording(path, reason)} conversations differ from before.")


def _update(runs: list[str], path: Path | None, reason: str | None, chosen: dict[str, float], *, record: bool) -> None:
    from mlpo_bench.errors import UsageError
    from mlpo_bench.gate.baseline import read_model_baseline, together
    from mlpo_bench.gate.history import ratcheted
    from mlpo_bench.gate.power import check_promises
    from mlpo_bench.log import outputs

    if record:
        raise UsageError(f"{runs[0]} is no recording: that is a folder with a config.yaml and a questions.yaml.")
    loaded, path = _opened(runs), _named(path)
    before = read_model_baseline(path) if path.exists() else None
    outputs.check(path, outputs.BASELINE)
    made = together(loaded, reason, before, _thresholds(before, chosen))
    check_promises(made)
    made.write(path)
    typer.echo(f"Wrote {path}: {len(made.rows)} rows of {', '.join(str(each.path) for each in loaded)}.")
    for warning in ratcheted(made):
        typer.echo(warning, err=True)


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


def _judge(runs: list[str], path: Path | None, *, new_model: bool) -> Judgement:
    """Return the judgement; what a person asked wrongly is a judgement too, so that build servers are told."""
    from mlpo_bench.errors import UsageError
    from mlpo_bench.gate.checks import Judgement

    try:
        if _is_recording(runs):
            from mlpo_bench.gate.replay import judge_recording

            return judge_recording(Path(runs[0]))
        return _against(runs, path, new_model=new_model)
    except UsageError as mistake:
        return Judgement.refused(", ".join(runs), str(mistake))


def _against(runs: list[str], path: Path | None, *, new_model: bool) -> Judgement:
    from mlpo_bench.gate.baseline import read_model_baseline
    from mlpo_bench.gate.drops import judge_runs

    loaded = _opened(runs)
    return judge_runs(loaded, read_model_baseline(_named(path)), new_model=new_model)


def _opened(runs: list[str]) -> list[LoadedRun]:
    """Return the runs that are taken together.

    Raises:
        UsageError: there is no such run, or one of them is named twice: its answers would count as those of two.
    """
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log import LoadedRun

    loaded: dict[Path, LoadedRun] = {}
    for run in map(LoadedRun.open, runs):
        if loaded.setdefault(run.path.resolve(), run) is not run:
            raise UsageError(f"the run {run.path} is named twice; its answers count once.")
    return list(loaded.values())


def _tell(judgement: Judgement, *, github: bool) -> None:
    from mlpo_bench.gate.render import print_judgement, workflow_commands
    from mlpo_bench.reports.terminal.console import Console

    print_judgement(judgement, Console())
    if github:
        for line in workflow_commands(judgement):
            typer.echo(line)


def _write(judgement: Judgement, junit: Path | None, summary: Path | None) -> None:
    from mlpo_bench.gate.junit import write_junit
    from mlpo_bench.gate.render import markdown

    if junit is not None:
        write_junit(judgement, junit)
    if summary == STANDARD_OUTPUT:
        typer.echo(markdown(judgement))
    elif summary is not None:
        summary.parent.mkdir(parents=True, exist_ok=True)
        with summary.open("a", encoding="utf-8") as file:
            file.write(markdown(judgement) + "\n")
