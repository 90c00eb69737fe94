"""`mlpo-bench store`: what is kept of all that models wrote; to look at, to pass on, and to delete."""

from __future__ import annotations

import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli._app import App
from mlpo_bench.cli._json import print_json
from mlpo_bench.visible import visible


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlpo_bench.errors import UsageError
    from mlpo_bench.log.completions import Kept
    from mlpo_bench.store import Contents, Maker, Part, Size, Store

app = App(invoke_without_command=True, help="Look at all completions; pass them on, take them in, delete them.")

StorePath = Annotated[
    Path | None,
    typer.Option(
        "--store", help="File of all completions.  \\[default: in the user's cache folder]", show_default=False
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="What this model wrote, named as `store show` does, or by its weights. Repeatable.",
        show_default=False,
    ),
]
Runs = Annotated[
    list[str] | None,
    typer.Option("--run", help="What conversations of this run were answered. Repeatable.", show_default=False),
]
Older = Annotated[
    str | None,
    typer.Option(
        "--older-than",
        metavar="AGE",
        help="What was written so long ago: 12h, 30d, 8w, 1y, or before a day: 2026-03-01.",
        show_default=False,
    ),
]

SECONDS = {"h": 3_600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_AGE = re.compile(r"(\d{1,5})([hdwy])")
TELLS = "`mlpo-bench store rebuild RUN` notes it for what conversations of a run were answered."
_SHORTEST = 6
"""Of the digits of weights that stand for them."""


@app.callback()
def store_(context: typer.Context) -> None:
    """Look at all completions; pass them on, take them in, delete them."""
    if context.invoked_subcommand is None:
        show()


@app.command("show")
def show(
    store: StorePath = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Show how large the store is, by model and by age."""
    from dataclasses import asdict

    from mlpo_bench.store import Store

    path = _existing(store)
    with _at_work(path), Store(path, leave_damaged=True) as opened:
        contents = opened.contents()
    if json:
        by_maker = [
            {"model": by and by._asdict(), **asdict(size)} for by, size in _largest_first(contents.by_maker).items()
        ]
        print_json({"path": str(path), **asdict(contents), "by_maker": by_maker})
    else:
        _print(path, contents)


@app.command("prune")
def prune(
    model: Models = None,
    older_than: Older = None,
    run: Runs = None,
    store: StorePath = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before they are deleted.")] = False,
) -> None:
    """Delete completions for good: those for which all that is named holds. What needs them then asks again.

    Other runs may have had the same answers: these are deleted as well. Transcripts stay as they are, and `store
    rebuild` takes answers back from them.
    """
    from mlpo_bench.errors import UsageError
    from mlpo_bench.store import Store

    if not (model or older_than or run):
        raise UsageError("name what is to be deleted: --model, --older-than or --run. `mlpo-bench store` shows it.")
    path = _existing(store)
    left_out: list[UsageError] = []
    with Store(path, leave_damaged=True) as opened:
        with _at_work(path):
            part = _part(opened, model, older_than, run, left_out)
            size = opened.size(part)
        if not size.completions:
            typer.echo(f"Nothing in {path} is like that.")
            _tell(left_out)
            return
        if not yes:
            _ask(f"{_told(size)} of {len(opened):,} in {path}")
        before = path.stat().st_size
        with _at_work(path):
            opened.prune(part)
            opened.compact()
        freed = before - path.stat().st_size
        typer.echo(f"{_told(size)} are deleted, {_mib(freed)} given back; {path} holds {len(opened):,}.")
    _tell(left_out)


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where they go: JSON lines under zstd.", show_default=False)],
    model: Models = None,
    older_than: Older = None,
    run: Runs = None,
    store: StorePath = None,
    beyond: Annotated[
        list[Path] | None,
        typer.Option(
            help="Leave out what this file of completions holds already. May be given again.", show_default=False
        ),
    ] = None,
) -> None:
    """Write completions, all or those for which all that is named holds, without what was asked, into a file.

    Requests go by their identity alone; texts stand as models wrote them, and may repeat what they were asked. With
    `--beyond`, files of one export after another hold each completion once.
    """
    from mlpo_bench.log.completions import Kept, read_completions, write_completions
    from mlpo_bench.store import SCHEMA_VERSION, Store

    path = _existing(store)
    _check_export(file, path, beyond or ())
    held = {one.request for other in beyond or () for one in read_completions(other)}
    file.parent.mkdir(parents=True, exist_ok=True)
    left_out: list[UsageError] = []
    with _at_work(path), Store(path, leave_damaged=True) as opened:
        part = _part(opened, model, older_than, run, left_out)
        kept = (Kept(key, made, by=by) for key, made, by in opened.part(part) if key not in held)
        count = write_completions(file, {"store": SCHEMA_VERSION}, kept, opened.makers())
    typer.echo(f"{count:,} completions in {file} ({_mib(file.stat().st_size)}).")
    _tell(left_out)


def _check_export(file: Path, store: Path, beyond: Iterable[Path]) -> None:
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log import outputs

    outputs.check(file, outputs.COMPLETIONS)
    if outputs.same(file, store):
        raise UsageError(f"{file} is the store itself; name another file for what it holds.")
    if any(outputs.same(file, other) for other in beyond):
        raise UsageError(f"--beyond {file} would be replaced by what it does not hold; name another file.")


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Files that `store export` wrote, or stores.", show_default=False)
    ],
    store: StorePath = None,
) -> None:
    """Take the completions of files into the store; what the store holds already stays as it is."""
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log.completions import Kept, read_completions, read_header
    from mlpo_bench.store import SCHEMA_VERSION, Store, default_path, is_store

    for file in files:
        if not is_store(file) and read_header(file).get("store") != SCHEMA_VERSION:
            raise UsageError(f"{file} was not written by `mlpo-bench store export` of this version.")
    with Store(store or default_path(), leave_damaged=True) as opened:
        for file in files:
            if is_store(file):
                with Store(file, leave_damaged=True) as other:
                    _put(opened, (Kept(key, made, by=by) for key, made, by in other.part()))
            else:
                _put(opened, read_completions(file))


@app.command("rebuild")
def rebuild(
    runs: Annotated[list[str], typer.Argument(help="Runs' folders, or their names under runs/.", show_default=False)],
    store: StorePath = None,
) -> None:
    """Take what runs were answered out of their transcripts into the store, where that was lost."""
    from mlpo_bench.log import RunDirectory
    from mlpo_bench.runs.recollection import restore
    from mlpo_bench.store import Store, default_path

    folders = [RunDirectory.open(run) for run in runs]
    left_out: list[UsageError] = []
    with Store(store or default_path()) as opened:
        for folder in folders:
            new = restore(folder, opened, left_out)
            typer.echo(f"{new:,} completions of {folder.path} are new in {opened.path}.")
    _tell(left_out)


def _tell(left_out: Sequence[UsageError]) -> None:
    """Say what of runs could not be taken, and end with 1 where there is any."""
    for fault in left_out:
        typer.echo(f"mlpo-bench: left out: {visible(str(fault))}", err=True)
    if left_out:
        raise typer.Exit(1)


def _put(store: Store, completions: Iterable[Kept]) -> None:
    from mlpo_bench.errors import UsageError

    before = len(store)
    try:
        for one in completions:
            store.put(one.request, one.made, one.by)
    except UsageError as fault:  # what was paid for is not thrown away for what is damaged behind it
        if taken := len(store) - before:
            raise UsageError(f"{fault} What stands before it was taken: {taken:,} completions are new.") from None
        raise
    typer.echo(f"{len(store) - before:,} completions are new in {store.path}; it holds {len(store):,}.")


@contextmanager
def _at_work(path: Path) -> Iterator[None]:
    """Show on a terminal that something is done: a million completions take some seconds."""
    from mlpo_bench.reports.terminal.console import Console

    with Console(stderr=True).status(f"Going through {visible(str(path))} ..."):
        yield


def _existing(store: Path | None) -> Path:
    from mlpo_bench.errors import UsageError
    from mlpo_bench.store import default_path

    path = store or default_path()
    if not path.exists():
        raise UsageError(f"there is no store {path}; a run makes it, and --store names another.")
    return path


def _part(
    store: Store,
    models: Sequence[str] | None,
    older_than: str | None,
    runs: Sequence[str] | None,
    left_out: list[UsageError],
) -> Part:
    """Return the part of a store that options name; `left_out` is given what of runs could not be read for it.

    Raises:
        UsageError: it holds no such model, there is no such run, or an age is none.
    """
    from mlpo_bench.log import RunDirectory
    from mlpo_bench.runs.recollection import kept
    from mlpo_bench.store import Part

    folders = [RunDirectory.open(run) for run in runs or ()]
    return Part(
        makers={by for model in models for by in _makers(store, model)} if models else None,
        before=None if older_than is None else _before(older_than),
        requests={one.request for folder in folders for one in kept(folder, left_out)} if runs else None,
    )


def _makers(store: Store, model: str) -> list[Maker]:
    from mlpo_bench.errors import UsageError, unknown

    known = store.makers()
    if not known:
        raise UsageError(f"{store.path} does not tell who wrote what. {TELLS}")
    named = [by for by in known if model == by.name or (len(model) >= _SHORTEST and model in by.weights)]
    if not named:
        raise unknown("model", model, dict.fromkeys(by.name for by in known))
    return named


def _before(age: str) -> float:
    """Return the moment before which something is older than a person says, in seconds since 1970.

    Raises:
        UsageError: it is neither an age nor a day.
    """
    import contextlib
    from datetime import datetime

    from mlpo_bench.errors import UsageError

    if given := _AGE.fullmatch(age):
        return time.time() - int(given[1]) * SECONDS[given[2]]
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return datetime.fromisoformat(age).timestamp()
    raise UsageError(f"--older-than takes an age such as 12h, 30d, 8w or 1y, or a day such as 2026-03-01, not {age!r}.")


def _ask(what: str) -> None:
    """Go on only if a person says so.

    Raises:
        UsageError: nobody is there to be asked, or the answer is no.
    """
    from mlpo_bench.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"{what} would be deleted; with --yes they are.")
    if not typer.confirm(f"Delete {what}?"):
        raise UsageError("nothing is deleted.")


def _print(path: Path, contents: Contents) -> None:
    from rich.table import Table

    from mlpo_bench.reports.terminal.console import Console

    console = Console()
    console.print(
        f"{path}: {contents.total.completions:,} completions, {_mib(contents.file)} on disk, "
        f"{_mib(contents.free)} of it free.",
        soft_wrap=True,
    )
    models = Table(header_style="bold")
    ages = Table(header_style="bold")
    for title in ("model", "engine", "weights"):
        models.add_column(title, overflow="fold")
    ages.add_column("written within")
    for table in (models, ages):
        table.add_column("completions", justify="right")
        table.add_column("size", justify="right")
    for by, size in _largest_first(contents.by_maker).items():
        told = (by.name, by.engine, _short(by.weights)) if by else ("not told", "", "")
        models.add_row(*told, f"{size.completions:,}", _mib(size.size))
    for age, size in contents.by_age.items():
        ages.add_row(age, f"{size.completions:,}", _mib(size.size))
    if contents.total.completions:
        console.print(models)
        console.print(ages)
    if None in contents.by_maker:
        console.print(TELLS, soft_wrap=True)


def _largest_first(sizes: Mapping[Maker | None, Size]) -> dict[Maker | None, Size]:
    return dict(sorted(sizes.items(), key=lambda item: -item[1].size))


def _short(weights: str) -> str:
    """Return weights as tables show them: of each digest and commit, its first digits."""
    return "+".join(part.removeprefix("sha256:")[:12] for part in weights.split("+"))


def _told(size: Size) -> str:
    return f"{size.completions:,} completions ({_mib(size.size)})"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
