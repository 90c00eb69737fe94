"""`mlpo-bench suites`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete


if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from mlpo_bench.questions import Suite
    from mlpo_bench.questions.source import Source

_TITLES = 100
_COUNTS_BESIDE_SUBJECTS = 80
"""So many columns a terminal has where titles are shown, and where counts are beside the names of subjects."""


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
    from mlpo_bench import questions
    from mlpo_bench.cli._options import named_suites
    from mlpo_bench.reports.terminal.console import Console

    chosen = named_suites(suite or ",".join(questions.in_order()), answers)
    if tasks is not None:
        _write(chosen, tasks)
        return

    console = Console()
    notes: list[str] = []
    faults: list[str] = []
    rows = [_row(one, subjects=subjects) | _at_hand(one, data, notes, faults) for one in chosen]
    console.print(_table(rows, console.width, subjects=subjects))
    for note in notes:
        console.print(note, style="dim")
    for fault in faults:
        console.print(fault, style="red")


def _row(suite: Suite, *, subjects: bool) -> dict[str, str]:
    told = "\n".join(suite.subjects) if subjects else str(len(suite.subjects))
    return {"suite": suite.name, "title": suite.title, "subjects": told}


def _table(rows: Sequence[dict[str, str]], width: int, *, subjects: bool) -> Table:
    """Return the table with the columns that a terminal has room for: no word is cut, so that names can be copied."""
    from rich.table import Table

    from mlpo_bench.reports.grids import NARROW, PLAIN

    spared = {"title"} if subjects or width < _TITLES else set()
    if subjects and width < _COUNTS_BESIDE_SUBJECTS:
        spared |= {"test", "train", "source"}
    table = Table(header_style="bold", **({} if width >= NARROW else PLAIN))
    columns = [name for name in rows[0] if name not in spared]
    for name in columns:
        counted = name in {"test", "train"} or (name == "subjects" and not subjects)
        table.add_column(
            name, justify="right" if counted else "left", overflow="fold", no_wrap=name in {"suite", "subjects"}
        )
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return table


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


def _at_hand(suite: Suite, data: Path | None, notes: list[str], faults: list[str]) -> dict[str, str]:
    """Return how many test and train questions there are and where from; sentences are added to the lists."""
    from mlpo_bench import questions
    from mlpo_bench.errors import UsageError

    counts: dict[str, str] = {}
    source, note = "", ""
    for split in ("test", "train"):
        try:
            loaded = questions.load(suite, split, data)
        except UsageError as missing:
            counts[split] = "-"
            if not source:
                source = "none"
                faults.append(f"{suite.name}: {missing}")
        else:
            counts[split] = f"{len(loaded.items):,}"
            source, note = _told(suite, loaded.source)
    notes += [note] if note else []
    return counts | {"source": source}


def _told(suite: Suite, source: Source) -> tuple[str, str]:
    """Return a source in a word or two, and a sentence on what these leave out."""
    if source.kind in {"folder", "file", "hub"}:
        return source.kind, f"{suite.name}: {source}"
    return f"{source.where} {source.revision}", f"{suite.name}: {source.note}" if source.note else ""
