"""`mlpo-bench suites`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.questions import Suite


def suites(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the suites' published files.", envvar="MLPO_BENCH_DATA"),
    ] = None,
    subjects: Annotated[bool, typer.Option("--subjects", help="List each suite's subjects.")] = False,
    suite: Annotated[
        str | None,
        typer.Option(
            help="Only these, comma-separated: names or files.", show_default=False, autocompletion=complete.suites
        ),
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option("--format", help="How the questions of a --suite FILE are answered.", show_default=False),
    ] = None,
    tasks: Annotated[
        Path | None,
        typer.Option(help="Write their tasks for `lm-eval --include_path` into this folder.", show_default=False),
    ] = None,
) -> None:
    """List the suites, and where their questions would come from on this machine."""
    from rich.table import Table

    from mlpo_bench import questions
    from mlpo_bench.cli._options import named_suites
    from mlpo_bench.reports.terminal.console import Console

    chosen = named_suites(suite or ",".join(questions.in_order()), answers)
    if tasks is not None:
        _write(chosen, tasks)
        return

    faults: list[str] = []
    table = Table(header_style="bold")
    # Names are copied from here, so they stay whole; many subjects have a line each, and take the titles' place.
    names = {"suite", "subjects"} if subjects else {"suite"}
    for title in ("suite", *(() if subjects else ("title",)), "subjects", "test", "train", "source"):
        right = title in {"test", "train"}
        table.add_column(title, justify="right" if right else "left", overflow="fold", no_wrap=title in names)
    for one in chosen:
        told = ("\n".join(one.subjects),) if subjects else (one.title, str(len(one.subjects)))
        table.add_row(one.name, *told, *_at_hand(one, data, faults))
    console = Console()
    console.print(table)
    for fault in faults:
        console.print(fault, style="red", soft_wrap=True)


def _write(chosen: Sequence[Suite], folder: Path) -> None:
    """Write the tasks of some suites, each into its own folder; none where something else stands in their place."""
    from mlpo_bench.harness.tasks import check_names, files, group_name
    from mlpo_bench.log import outputs

    check_names(chosen, folder)
    written = {one.name: {folder / name: content for name, content in files(one).items()} for one in chosen}
    for name, of_suite in written.items():
        outputs.check_folder(folder / name)
        for path in of_suite:
            outputs.check(path, outputs.TASK)
    for one in chosen:
        for path, content in written[one.name].items():
            outputs.write(path, content, outputs.TASK, folders=True)
        typer.echo(f"{folder / one.name}: the task {group_name(one)} and those of its {len(one.subjects)} subjects")


def _at_hand(suite: Suite, data: Path | None, faults: list[str]) -> tuple[str, str, str]:
    """Return how many test and train questions there are and where from; what is wrong is added to `faults`."""
    from mlpo_bench import questions
    from mlpo_bench.errors import UsageError

    counts, source = [], ""
    for split in ("test", "train"):
        try:
            loaded = questions.load(suite, split, data)
        except UsageError as missing:
            counts.append("-")
            if not source:
                source = "none; see below"
                faults.append(f"{suite.name}: {missing}")
        else:
            counts.append(f"{len(loaded.items):,}")
            source = str(loaded.source)
    test, train = counts
    return test, train, source
