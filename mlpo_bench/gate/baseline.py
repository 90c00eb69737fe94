"""The baseline of the small-model gate: what an earlier run came to, question by question, and what to hold it to."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlpo_bench import yamls
from mlpo_bench.engines import ModelFacts
from mlpo_bench.engines.spec import ASKED_ANEW
from mlpo_bench.errors import UsageError
from mlpo_bench.gate.history import Kept, Made, read_baseline
from mlpo_bench.matrix.config import row_name
from mlpo_bench.stats import ALPHA


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mlpo_bench.log import CellResult, LoadedRun
    from mlpo_bench.matrix.config import RunConfig

_ID_DIGITS = 12
MOST_RUNS = 9
Share = Annotated[float, Field(gt=0, le=1)]
Digits = Annotated[str, Field(pattern=r"^[0-9]*$")]


class Thresholds(BaseModel):
    """What a baseline holds runs to.

    The gate fails on any change for the worse that its tests support at `alpha`, over all of them. `max_drop`,
    `max_unread_rise` and `max_cut_off_rise` are promises on top: a change greater than that does not slip through
    more than one time in five (`power`). A promise that the number of questions cannot keep is refused. What it takes
    is reckoned with the share of questions that a harmless change turns one way or the other: `discordant`, or where
    that is None, what it is for each figure of each row if all answers are drawn anew. `max_tokens_rise` is the share
    by which tokens a question may rise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: Annotated[float, Field(gt=0, lt=1)] = ALPHA
    power: Annotated[float, Field(gt=0, lt=1)] = 0.8
    discordant: Share | None = None
    max_drop: Share | None = None
    max_unread_rise: Share | None = None
    max_cut_off_rise: Share | None = None
    max_tokens_rise: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1


class Row(BaseModel):
    """A cell of the baseline.

    Strings hold a digit for each question, in the order of the suite's questions: in how many of its `runs` it was so.
    `tokens` are means over them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    label: str
    n: Annotated[yamls.Whole, Field(ge=0)]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    runs: Annotated[int, Field(ge=1, le=MOST_RUNS, exclude_if=lambda runs: runs == 1)] = 1
    right: Digits
    unread: Digits
    cut_off: Digits
    tokens: tuple[Annotated[yamls.Whole, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        """Refuse a row that was cut, or of which a figure was changed."""
        figures = (self.right, self.unread, self.cut_off)
        if {self.n} != {*map(len, figures), len(self.tokens)}:
            raise ValueError(f"its figures are not those of {self.n} questions")
        if any(int(digit) > self.runs for figure in figures for digit in figure):
            raise ValueError(f"a question counts more often than in {self.runs} runs")
        return self

    def shares(self, figure: str) -> NDArray[np.float64]:
        """Return in which share of its runs a figure was so of each question, of shape (questions,)."""
        return np.array([int(digit) for digit in getattr(self, figure)], dtype=np.float64) / self.runs


class Baseline(Kept):
    """What an earlier run came to.

    `config` is the digest of its configuration, wherever the data lay; `sources` tells for each suite the revision of
    its data, `questions` which were asked (hashes of their ids); `models` name the weights.
    """

    run: str
    config: str
    sources: dict[str, str]
    models: tuple[str, ...]
    thresholds: Thresholds = Thresholds()
    questions: dict[str, tuple[str, ...]]
    rows: dict[str, Row]


def together(
    runs: Sequence[LoadedRun], reason: str | None, before: Baseline | None, thresholds: Thresholds
) -> Baseline:
    """Make the baseline of a finished run, or of several that asked the same in the same way, as one.

    Raises:
        UsageError: as `baseline_of` and `pooled` say; or they are of different configurations.
    """
    first, *others = runs
    for other in others:
        if changed := _compared(first.config).changed(_compared(other.config)):
            raise UsageError(
                f"{other.path.name} has another configuration than {first.path.name} (not the same: "
                f"{', '.join(changed)}); only runs of the same are pooled."
            )
    return pooled([baseline_of(run, reason, before, thresholds) for run in runs])


def pooled(baselines: Sequence[Baseline]) -> Baseline:
    """Return several runs of the same configuration as one: each question counts with its mean.

    Raises:
        UsageError: they are too many, or asked different questions or rows.
    """
    first = baselines[0]
    if len(baselines) > MOST_RUNS:
        raise UsageError(f"up to {MOST_RUNS} runs are pooled, not {len(baselines)}.")
    for other in baselines[1:]:
        if other.questions != first.questions or other.sources != first.sources:
            raise UsageError(f"{other.run} asked other questions than {first.run}; only runs of the same are pooled.")
        if other.rows.keys() != first.rows.keys():
            raise UsageError(f"{other.run} has other rows than {first.run}; only runs of the same are pooled.")
        if other.models != first.models:
            raise UsageError(f"{other.run} has other models than {first.run}; only runs of the same are pooled.")
    rows = {name: _pooled([each.rows[name] for each in baselines]) for name in first.rows}
    made = first.history[-1].with_accuracy({name: row.accuracy for name, row in rows.items()})
    told = {"rows": rows, "run": ", ".join(each.run for each in baselines), "history": (*first.history[:-1], made)}
    return first.model_copy(update=told)


def _pooled(rows: Sequence[Row]) -> Row:
    def added(figure: str) -> str:
        return "".join(str(sum(map(int, digits))) for digits in zip(*(getattr(r, figure) for r in rows), strict=True))

    return rows[0].model_copy(
        update={
            "runs": len(rows),
            "accuracy": sum(row.accuracy for row in rows) / len(rows),
            "right": added("right"),
            "unread": added("unread"),
            "cut_off": added("cut_off"),
            "tokens": tuple(round(sum(each) / len(rows)) for each in zip(*(row.tokens for row in rows), strict=True)),
        }
    )


def baseline_of(run: LoadedRun, reason: str | None, before: Baseline | None, thresholds: Thresholds) -> Baseline:
    """Make the baseline of a finished run; the history of the one before goes on.

    Raises:
        UsageError: no reason is given, or the run lacks answers.
    """
    made, results = Made.now(reason, run), run.results
    if results.unfinished:
        raise UsageError(f"{len(results.unfinished)} cells of {run.path} have yet to be run: {results.unfinished[0]}.")
    if results.failed:
        raise UsageError(f"{results.failed[0].errors} questions of {results.failed[0].cell} have no answer; ask again.")
    manifest = run.manifest
    rows, questions = {}, {}
    for cell in results.cells:
        rows[cell.cell], questions[cell.suite] = _row(run, cell)
    made = made.with_accuracy({name: row.accuracy for name, row in rows.items()})
    return Baseline(
        history=(*(before.history if before else ()), made),
        run=run.path.name,
        config=_compared(run.config).digest,
        sources={suite: source["revision"] for suite, source in manifest["sources"].items()},
        models=tuple(_weights(ModelFacts.of(model)) for model in manifest["models"]),
        thresholds=thresholds,
        questions=questions,
        rows=rows,
    )


def _weights(facts: ModelFacts) -> str:
    """Return a model's name and its weights' revision, an adapter's too, without what asks a server anew."""
    revision = facts.revision.partition(f" {ASKED_ANEW}")[0]
    return f"{facts.full_name} {replace(facts, revision=revision).weights}"


def _compared(config: RunConfig) -> RunConfig:
    """Return a run's configuration without what two runs that are compared may differ in."""
    teams = {name: team.asked_anew(None) for name, team in config.teams.items()}
    return config.model_copy(update={"data": None, "teams": teams})


def _row(run: LoadedRun, cell: CellResult) -> tuple[Row, tuple[str, ...]]:
    records = run.records(cell.cell)
    row = Row(
        suite=cell.suite,
        label=row_name(cell.team, cell.label) + (f", seed {cell.seed}" if cell.seed else ""),
        n=cell.n,
        accuracy=cell.accuracy or 0.0,
        right=_bits(r.right for r in records),
        unread=_bits(r.unread for r in records),
        cut_off=_bits(r.cut_off for r in records),
        tokens=tuple(r.prompt_tokens + r.cached_tokens + r.completion_tokens for r in records),
    )
    return row, tuple(hashed(r.question) for r in records)


def hashed(question: str) -> str:
    """Return what stands for a question's id in a baseline."""
    return hashlib.sha256(question.encode()).hexdigest()[:_ID_DIGITS]


def _bits(flags: object) -> str:
    return "".join("1" if flag else "0" for flag in flags)  # type: ignore[attr-defined]


def read_model_baseline(path: Path) -> Baseline:
    """Read the baseline of a small-model gate.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    return read_baseline(path, Baseline)
