"""Published tables to be made again: a matrix, what was printed, and what of the set-up is known to differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlpo_bench import yamls
from mlpo_bench.errors import unknown
from mlpo_bench.matrix.config import RunConfig


FOLDER = Path(__file__).parent / "shipped" / "reproductions"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PrintedFigure(_Strict):
    """What a source says that a row of a suite reached, on so many questions, where it tells."""

    source: str
    suite: str
    row: str
    accuracy: Annotated[yamls.Real, Field(ge=0, le=1)]
    n: Annotated[yamls.Whole, Field(ge=1)] | None = None


class Contrast(_Strict):
    """Two rows whose difference is the point."""

    row: str
    over: str


class Reproduction(_Strict):
    """One published table, and how it is made again.

    Attributes:
        title: The paper's.
        paper: Where it is found.
        claim: What it says, in one or two sentences.
        needs: The machine that it takes, where that is more than a small one: then nobody has run it here.
        sources: Who says what was printed, by the names that `figures` use.
        figures: What was printed.
        contrasts: Pairs of rows whose difference is told, too.
        differs: What of the set-up is known to differ.
        commands: What is to be run, where it is more than one command.
        matrix: What is run.
    """

    title: str
    paper: str
    claim: str
    needs: str | None = None
    sources: dict[str, str]
    figures: tuple[PrintedFigure, ...]
    contrasts: tuple[Contrast, ...] = ()
    differs: tuple[str, ...]
    commands: tuple[str, ...] = ()
    matrix: RunConfig

    @model_validator(mode="after")
    def _sources_are_told(self) -> Reproduction:
        for figure in self.figures:
            if figure.source not in self.sources:
                raise unknown("source", figure.source, self.sources)
        return self

    def printed(self, source: str, suite: str, row: str) -> PrintedFigure | None:
        """Return what a source says of a row of a suite."""
        same = (one for one in self.figures if (one.source, one.suite, one.row) == (source, suite, row))
        return next(same, None)


def names() -> list[str]:
    """Return what can be made again."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def reproduction(name: str) -> Reproduction:
    """Return one of them.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in names():
        raise unknown("reproduction", name, names())
    return yamls.read(FOLDER / f"{name}.yaml", Reproduction, "reproduction")
