"""The command line: one file for each command, thin, importing what it needs when it needs it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mlpo_bench.cli import frontier, lm_eval, models, plan, run, show, suites, transcript, validate
from mlpo_bench.errors import BadInput


app = typer.Typer(
    name="mlpo-bench",
    help="Does a team of language models, led by one, beat what the same compute buys otherwise?",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("plan")(plan.plan)
app.command("show")(show.show)
app.command("frontier")(frontier.frontier)
app.command("transcript")(transcript.transcript)
app.command("validate")(validate.validate)
app.command("suites")(suites.suites)
app.command("models")(models.models)
app.command("lm-eval", context_settings=lm_eval.PASS_THROUGH, add_help_option=False)(lm_eval.lm_eval)


def _print_version(wanted: bool) -> None:
    if wanted:
        from mlpo_bench import __version__

        typer.echo(f"mlpo-bench {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a person's mistake ends in one sentence and exit code 2."""
    try:
        app()
    except BadInput as mistake:
        sys.stderr.write(f"mlpo-bench: {mistake}\n")
        sys.exit(2)
