"""What a training will take, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from mlpo_bench.reports.figures import duration


if TYPE_CHECKING:
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.training.plan import StagePlan, TrainingPlan

_GIB = 2**30
_WHAT = 2


def print_training_plan(plan: TrainingPlan, console: Console) -> None:
    """Print the stages of a training, then what all that is left takes together."""
    questions = ", ".join(f"{count:,} of {suite}" for suite, count in plan.questions.items())
    console.print(f"{plan.name} ({plan.method}): {questions}")
    table = Table(box=None, pad_edge=False, collapse_padding=True, padding=(0, 1), header_style="bold")
    for place, title in enumerate(("stage", "", "", "calls", "read", "written", "trained", "memory", "time")):
        table.add_column(title, justify="left" if place in {0, _WHAT} else "right", no_wrap=True)
    for stage in plan.stages:
        table.add_row(*_row(stage))
    console.print(table)
    console.print(f"Time of what is left: {duration(plan.seconds)}.")
    for line in plan.basis:
        console.print(line, style="dim")
    console.print(
        "Read, written and trained are tokens. Questions are counted; what follows a stage that is not done is "
        "reckoned at most. Memory is one device's, without an engine beside the trainer. Nothing was started.",
        style="dim",
    )


def _row(stage: StagePlan) -> tuple[str, ...]:
    return (
        stage.stage,
        f"{'up to ' if stage.at_most else ''}{stage.items:,}",
        stage.what,
        _count(stage.calls),
        _count(stage.prompt_tokens),
        _count(stage.completion_tokens),
        _count(stage.trained_tokens),
        f"{stage.memory / _GIB:.1f} GiB" if stage.memory else "",
        "done" if stage.state == "done" else duration(stage.seconds),
    )


def _count(number: int) -> str:
    """Return a number in few digits; nothing for none."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= size:
            return f"{number / (size if unit != 'k' else 10**3):.3g}{unit}"
    return f"{number:,}" if number else ""
