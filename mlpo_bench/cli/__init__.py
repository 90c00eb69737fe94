"""The command line: one file for each command, thin, importing what it needs when it needs it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mlpo_bench.cli import (
    compare,
    diagnose,
    doctor,
    export,
    frontier,
    gate,
    init,
    leaderboard,
    lm_eval,
    models,
    plan,
    protocols,
    report,
    reproduce,
    rescore,
    run,
    runs,
    show,
    store,
    suites,
    tasks,
    track,
    train,
    transcript,
    transfer,
    validate,
    verdict,
)
from mlpo_bench.cli._app import App
from mlpo_bench.cli._memory import check_limit, short_of_memory
from mlpo_bench.cli._streams import steady
from mlpo_bench.errors import EngineError, UsageError
from mlpo_bench.paths import expanded
from mlpo_bench.visible import visible


RUN, JUDGE, PASS_ON, LOOK = "Run", "Judge", "Pass on", "Look around"

app = App(
    name="mlpo-bench",
    help="Does a team of language models, led by one, beat what the same compute buys otherwise?",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init", rich_help_panel=RUN)(init.init)
app.command("run", rich_help_panel=RUN)(run.run)
app.command("plan", rich_help_panel=RUN)(plan.plan)
app.command("reproduce", rich_help_panel=RUN)(reproduce.reproduce)
app.command("runs", rich_help_panel=RUN)(runs.runs)
app.command("show", rich_help_panel=RUN)(show.show)
app.command("transcript", rich_help_panel=RUN)(transcript.transcript)
app.add_typer(train.app, name="train", rich_help_panel=RUN)
app.command("verdict", rich_help_panel=JUDGE)(verdict.verdict)
app.command("rescore", rich_help_panel=JUDGE)(rescore.rescore)
app.command("compare", rich_help_panel=JUDGE)(compare.compare)
app.command("frontier", rich_help_panel=JUDGE)(frontier.frontier)
app.command("transfer", rich_help_panel=JUDGE)(transfer.transfer)
app.command("diagnose", rich_help_panel=JUDGE)(diagnose.diagnose)
app.command("report", rich_help_panel=JUDGE)(report.report)
app.command("export", rich_help_panel=PASS_ON)(export.export)
app.command("track", rich_help_panel=PASS_ON)(track.track)
app.add_typer(leaderboard.app, name="leaderboard", rich_help_panel=PASS_ON)
app.add_typer(store.app, name="store", rich_help_panel=PASS_ON)
app.command("gate", rich_help_panel=PASS_ON)(gate.gate)
app.command("doctor", rich_help_panel=LOOK)(doctor.doctor)
app.command("protocols", rich_help_panel=LOOK)(protocols.protocols)
app.command("suites", rich_help_panel=LOOK)(suites.suites)
app.command("models", rich_help_panel=LOOK)(models.models)
app.command("tasks", rich_help_panel=LOOK)(tasks.tasks)
app.command("validate", rich_help_panel=LOOK)(validate.validate)
app.command("lm-eval", rich_help_panel=LOOK, context_settings=lm_eval.PASS_THROUGH, add_help_option=False)(
    lm_eval.lm_eval
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from mlpo_bench import __version__, checkout

        typer.echo(f"mlpo-bench {checkout.version_told(__version__, checkout.state())}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, show_default=False, help="Log to standard error; -vv logs all."),
    ] = 0,
) -> None:
    from mlpo_bench.cli._logging import set_up_logging

    del version  # it was printed, and the command has ended
    check_limit()
    set_up_logging(verbose)


def main() -> None:
    """Run the command line; a person's mistake ends in one sentence and exit code 2."""
    with steady():
        try:
            _check_words(sys.argv)
            sys.argv = [_at_home(word) for word in sys.argv]
            _carry_out()
        except UsageError as mistake:
            _say(str(mistake))
            sys.exit(2)
        except EngineError as fault:
            _say(str(fault))
            sys.exit(1)
        except BrokenPipeError:  # whoever read it has read enough
            sys.exit(1)
        except (RuntimeError, MemoryError, ImportError) as fault:
            if (short := short_of_memory(fault)) is not None:
                _say(short)
                sys.exit(1)
            if not str(fault).startswith("Symlink loop"):  # as Python calls a circle of links before 3.13
                raise
            _say(f"{str(fault).removeprefix('Symlink loop from ')} is a circle of links.")
            sys.exit(2)
        except OSError as fault:  # of the machine, not of the program: a disk, a folder, a name that no file can have
            place = f"{fault.filename}: " if fault.filename else ""
            _say(f"{place}{fault.strerror or fault}.")
            sys.exit(2)


def _carry_out() -> None:
    """Carry out the command, and have all that it printed written: what cannot be is a fault of the command."""
    try:
        app()
    finally:
        sys.stdout.flush()


def _check_words(words: list[str]) -> None:
    """Refuse words that are no text: all are written to files and shown again."""
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            raise UsageError(f"{word!r} is not UTF-8 text; give it another name.")


def _at_home(word: str) -> str:
    """Return a word with the home folder in the place of `~`, as shells do, but not within `--option=~/folder`."""
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{option}{equals}{expanded(value)}" if value.startswith("~") else word


def _say(words: str) -> None:
    sys.stderr.write(f"mlpo-bench: {visible(words)}\n")
