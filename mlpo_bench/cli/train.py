"""`mlpo-bench train`: one command for each stage, `all` for those that are left, `plan` for what they will take."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli._app import App
from mlpo_bench.cli._json import print_json


if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpo_bench.training.folder import TrainingFolder
    from mlpo_bench.training.recipe import Recipe, Stage

FAILED = 1
INTERRUPTED = 130

app = App(no_args_is_help=True, help="Train a leader by a recipe, stage by stage.")

RecipeOption = Annotated[
    str,
    typer.Option("--recipe", "-r", help="A recipe: a YAML file, or the name of a shipped one.", show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a setting: --set mlpo.steps=20. May be given again.", show_default=False),
]
DataOption = Annotated[
    Path | None,
    typer.Option(help="Folder with the suites' published files.", envvar="MLPO_BENCH_DATA", show_default=False),
]
SuiteOption = Annotated[
    str | None,
    typer.Option(
        "--suite", help="Suites to learn from, comma-separated: names, or files: mine.csv.", show_default=False
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="How the questions of a --suite FILE are answered.", show_default=False),
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Folder that holds the trainings.")]
StoreOption = Annotated[
    Path | None,
    typer.Option(help="File of all completions.  \\[default: in the user's cache folder]", show_default=False),
]
RedoOption = Annotated[
    bool, typer.Option("--redo", help="Do stages again that were done with other settings or inputs.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
TRAININGS = Path("trainings")

_DOES = {
    "rollouts": "Have every peer open on every train question, several times.",
    "filter": "Leave out the questions that teach nothing, and make the leader's prompts of the others.",
    "traces": "Have the leader answer its prompts, and make traces that go wrong and turn back.",
    "sft": "Fine-tune the leader on the traces.",
    "mlpo": "Reinforce the leader by groups of its own completions.",
    "export": "Write the trained leader with its card.",
}


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What a person chose on the command line."""

    recipe: str
    changes: tuple[str, ...]
    suites: str | None
    format: str | None
    data: Path | None
    output: Path
    store: Path | None

    def read(self) -> Recipe:
        """Read the recipe with the changes in place.

        A folder of data that was named overrides the recipe's own; one that stands in the environment does not.
        """
        from mlpo_bench.questions.loading import DATA_VARIABLE
        from mlpo_bench.training import recipe_file
        from mlpo_bench.training.recipe import changed
        from mlpo_bench.training.shipped import recipe_path

        of_data = [] if self.data is None else [f"questions.data={self.data.resolve()}"]
        named = of_data if str(self.data) != os.environ.get(DATA_VARIABLE) else []
        recipe = changed(recipe_file.read(recipe_path(self.recipe)), [*self._suites, *named, *self.changes])
        return changed(recipe, of_data) if recipe.questions.data is None else recipe

    @property
    def _suites(self) -> list[str]:
        """The suites that were named, as changes of the recipe, whose subjects are of its own suites."""
        from mlpo_bench.cli._options import formats, names

        fields = {"suites": names(self.suites), "format": formats(self.format)}
        named = [f"{name}={json.dumps(value)}" for name, value in fields.items() if value is not None]
        return [*named, "questions.subjects=null"] if self.suites else named

    @property
    def command(self) -> str:
        """The options that repeat this choice."""
        words = ["--recipe", self.recipe, *(word for change in self.changes for word in ("--set", change))]
        words += ["--suite", self.suites] if self.suites else []
        words += ["--format", self.format] if self.format else []
        words += ["--data", str(self.data)] if self.data else []
        words += ["--output", str(self.output)] if self.output != TRAININGS else []
        words += ["--store", str(self.store)] if self.store else []
        return shlex.join(words)


def _stage_command(name: str, stages: Callable[[Recipe], tuple[Stage, ...]]) -> Callable[..., None]:
    def command(
        recipe: RecipeOption,
        changes: SetOption = None,
        suite: SuiteOption = None,
        answers: FormatOption = None,
        data: DataOption = None,
        output: OutputOption = TRAININGS,
        store: StoreOption = None,
        redo: RedoOption = False,
        quiet: QuietOption = False,
    ) -> None:
        chosen = _Chosen(recipe, tuple(changes or ()), suite, answers, data, output, store)
        _do(name, stages, chosen, redo=redo, quiet=quiet)

    return command


def _do(name: str, stages: Callable[[Recipe], tuple[Stage, ...]], chosen: _Chosen, *, redo: bool, quiet: bool) -> None:
    from mlpo_bench.cli._ending import ending
    from mlpo_bench.cli._progress import progress
    from mlpo_bench.errors import EngineError
    from mlpo_bench.store import default_path
    from mlpo_bench.training import processes
    from mlpo_bench.training.folder import TrainingFolder
    from mlpo_bench.training.stages import left, run_stages

    recipe = chosen.read()
    wanted = stages(recipe)
    folder = TrainingFolder.for_recipe(recipe, chosen.output)
    again = f"mlpo-bench train {name} {chosen.command}"
    try:
        with ending(f"Interrupted. What was done is kept; to go on: {again}"), folder.locked():
            mended = folder.put_right() if processes.first() else []
            todo = processes.agreed(left(folder, wanted, redo=redo) if processes.first() else [])
            with progress(quiet=quiet or not processes.first()) as observer:
                for told in mended:
                    observer.say(told)
                run_stages(folder, todo, chosen.store or default_path(), observer)
    except EngineError as fault:
        sys.stderr.write(f"mlpo-bench: {fault}\nWhat was answered is kept; to go on: {again}\n")
        raise typer.Exit(FAILED) from None
    if processes.first():
        _tell(folder, asked_nothing=not todo)


def _tell(folder: TrainingFolder, *, asked_nothing: bool) -> None:
    from mlpo_bench.reports.terminal.console import Console

    console = Console()
    if asked_nothing:
        console.print("All of this was done before.", style="dim")
    console.print(f"Files: {folder.path}", style="dim", soft_wrap=True)


def _only(stage: Stage) -> Callable[[Recipe], tuple[Stage, ...]]:
    def stages(recipe: Recipe) -> tuple[Stage, ...]:
        from mlpo_bench.errors import UsageError

        if stage not in recipe.stages:
            raise UsageError(f"the method {recipe.method} has no stage {stage}; it has {', '.join(recipe.stages)}.")
        return (stage,)

    return stages


for _stage, _help in _DOES.items():
    app.command(_stage, help=_help)(_stage_command(_stage, _only(_stage)))  # type: ignore[arg-type]
app.command("all", help="Do all stages that are left, in order. The same command goes on with an interrupted one.")(
    _stage_command("all", lambda recipe: recipe.stages)
)


@app.command("pack")
def pack(
    training: Annotated[str, typer.Argument(help="A training: its name, or its folder.")],
    file: Annotated[Path, typer.Argument(help="Where it goes: tar under zstd.", show_default=False)],
    output: OutputOption = TRAININGS,
) -> None:
    """Write a training, finished or not, into one file that another machine can go on with.

    What the data stages made is left out, for it holds the questions: `store export` carries their completions.
    """
    from mlpo_bench.training import packing
    from mlpo_bench.training.folder import TrainingFolder

    packing.pack(TrainingFolder.open(training, output), file)
    typer.echo(f"{file} ({file.stat().st_size / 2**20:.1f} MiB)")


@app.command("unpack")
def unpack(
    file: Annotated[Path, typer.Argument(help="A file that `train pack` wrote.", show_default=False)],
    output: OutputOption = TRAININGS,
) -> None:
    """Make a training's folder again; `train all` goes on with it."""
    from mlpo_bench.training import packing

    typer.echo(f"Files: {packing.unpack(file, output).path}")


@app.command("verl")
def verl(
    training: Annotated[str, typer.Argument(help="A training: its name, or its folder.")],
    into: Annotated[Path, typer.Argument(help="The folder to write.", show_default=False)],
    output: OutputOption = TRAININGS,
    nodes: Annotated[int, typer.Option(min=1, help="Machines to train on.")] = 1,
    gpus: Annotated[int, typer.Option(min=1, help="GPUs of each.")] = 8,
) -> None:
    """Hand the stage mlpo over to verl, which trains on many machines: its prompts, its reward, its command.

    The stages before it are done here.
    """
    from mlpo_bench.training import verl
    from mlpo_bench.training.folder import TrainingFolder

    prompts = verl.hand_over(TrainingFolder.open(training, output), into, nodes=nodes, gpus=gpus)
    typer.echo(f"{prompts:,} prompts; on the first machine of a Ray cluster: bash {into / verl.COMMAND}")


@app.command("plan")
def plan(
    recipe: RecipeOption,
    changes: SetOption = None,
    suite: SuiteOption = None,
    answers: FormatOption = None,
    data: DataOption = None,
    output: OutputOption = TRAININGS,
    speed: Annotated[
        float | None,
        typer.Option(min=0.01, help="Tokens that a model writes a second.  \\[default: as measured in earlier runs]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Say what a training will take: questions, calls, tokens, memory and time, by stage. Starts no model."""
    from mlpo_bench.cli._progress import progress
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.training import print_training_plan
    from mlpo_bench.training.folder import TrainingFolder
    from mlpo_bench.training.plan import plan as reckon

    read = _Chosen(recipe, tuple(changes or ()), suite, answers, data, output, None).read()
    with progress(quiet=as_json) as observer:
        planned = reckon(TrainingFolder(output / read.name, read), observer, speed)
    if as_json:
        print_json(planned)
    else:
        print_training_plan(planned, Console())


@app.command("curves")
def show_curves(
    training: Annotated[str, typer.Argument(help="A training: its name, or its folder.")],
    output: OutputOption = TRAININGS,
    plot: Annotated[
        Path | None, typer.Option(help="Draw them into this file as well, in SVG.", show_default=False)
    ] = None,
) -> None:
    """Show the curves of a training, also while it goes on."""
    from mlpo_bench.cli._curves import curves
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log import outputs
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.training import figure, points
    from mlpo_bench.training.folder import TrainingFolder

    if plot is not None:
        outputs.check(plot, outputs.PLOT)
    folder = TrainingFolder.open(training, output)
    by_stage: dict[str, list[dict[str, float]]] = {
        stage: steps for stage in folder.recipe.trains if (steps := points.read(folder.path / stage / points.FILE))
    }
    if not by_stage:
        raise UsageError(
            f"the training {training} has no curves yet: none of {', '.join(folder.recipe.trains)} was begun."
        )
    console = Console()
    for stage, steps in by_stage.items():
        console.print(f"{stage}: {steps[-1]['step']:.0f} steps", style="bold")
        console.print(curves(steps))
    if plot is not None:
        outputs.write(plot, figure.drawn(by_stage).encode(), outputs.PLOT)
        console.print(f"Drawn into {plot}", style="dim", soft_wrap=True)
