"""`mlpo-bench lm-eval`: lm-eval's own command line, with teams among its models and our tasks on its path."""

from __future__ import annotations

import sys

import typer


PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}


def lm_eval(context: typer.Context) -> None:
    """Pass everything to lm-eval, which finds `--model mlpo-team` and the tasks mlpo_bbh, mlpo_mmlu, mlpo_SUITE."""
    from mlpo_bench.harness.command_line import run_lm_eval

    sys.exit(run_lm_eval(context.args))
