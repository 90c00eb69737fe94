"""What a run's files hold of its completions: all that is needed to hold its conversations again without a model."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import MORE, Completion, Message, Usage
from mlpo_bench.engines import ModelFacts
from mlpo_bench.engines.recorded import DEFAULT_CONTEXT
from mlpo_bench.errors import UsageError
from mlpo_bench.log.completions import Kept
from mlpo_bench.log.transcripts import made_in, read_transcripts
from mlpo_bench.log.unused import read_unused
from mlpo_bench.runs.observer import counted
from mlpo_bench.store import Maker, request_key, sound


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.log.completions import Layers
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.runs.observer import Listener
    from mlpo_bench.store import Store
    from mlpo_bench.teams import ModelSpec

    Answered = dict[ModelSpec, ModelFacts]
    """Which model answered as which a team names."""

NOT_RECORDED = "with the readers of today this conversation asks what was never answered"
"""Why a conversation has no answer that could not be held again. With other readers it may be."""


@dataclass(slots=True)
class Recollection:
    """What was recollected of a run.

    `failed` tells why conversations ended with a fault of the machinery, by cell and question; `answered` which models
    answered, by cell. What an earlier re-scoring left out did not fail.
    """

    layers: Layers
    failed: dict[tuple[str, str], str] = field(default_factory=dict)
    answered: dict[str, Answered] = field(default_factory=dict)

    def groups(self, cells: Sequence[Cell]) -> list[tuple[Answered, list[Cell]]]:
        """Return cells whose conversations can be held together: all, unless the run was taken up in another way.

        That is with a model that was served otherwise, or with another store.
        """
        groups: list[tuple[Answered, list[Cell]]] = []
        for cell in cells:
            of_cell, store = self.answered[cell.id], self.layers.of(cell.id)
            for known, some in groups:
                same = all(known.get(spec, facts) == facts for spec, facts in of_cell.items())
                if same and self.layers.of(some[0].id) is store:
                    known.update(of_cell)
                    some.append(cell)
                    break
            else:
                groups.append((dict(of_cell), [cell]))
        for known, some in groups:
            for spec in (spec for cell in some for spec in cell.setting.team.specs):
                known.setdefault(spec, ModelFacts(spec.model, spec.engine, "", spec.dtype, DEFAULT_CONTEXT))
        return groups


def recollect(
    folder: RunDirectory, cells: Sequence[Cell], suites: Mapping[str, SuiteTasks], layers: Layers, observer: Listener
) -> Recollection:
    """Recollect what some cells of a run were answered.

    Raises:
        UsageError: a file is missing or broken, or the run asked its questions otherwise than is done today.
    """
    recollection = Recollection(layers)
    models = tuple(map(ModelFacts.of, folder.manifest()["models"]))
    asked = {name: {one.question.id: one for one in suite.samples} for name, suite in suites.items()}
    for cell in counted(cells, "cells checked", observer):
        check = _Check(cell, folder.transcript_path(cell), asked[cell.suite], models)
        recollection.failed |= {(cell.id, question): error for question, error in check.whole().items()}
        recollection.answered[cell.id] = check.answered
    pour(folder, counted(cells, "cells read", observer), layers)
    return recollection


def pour(folder: RunDirectory, cells: Iterable[Cell], layers: Layers) -> None:
    """Pour what some cells of a run were answered into stores, and what it keeps besides.

    Raises:
        UsageError: a file is missing or broken.
    """
    makers = _makers(folder)
    for cell in cells:
        layers.pour(cell.id, partial(_completions_of, folder, cell, makers))
    for one in read_unused(folder):
        layers.add(one)


def restore(folder: RunDirectory, store: Store, left_out: list[UsageError]) -> int:
    """Put into a store what a run's files hold; return how many answers are new there.

    `left_out` is given what is wrong with those of which nothing, or not all, could be taken.
    """
    before = len(store)
    for one in kept(folder, left_out):
        store.put(one.request, one.made, one.by)
    return len(store) - before


def kept(folder: RunDirectory, left_out: list[UsageError]) -> Iterator[Kept]:
    """Yield what a run's files hold; equal requests of several cells come several times.

    `left_out` is given what is wrong with those of which nothing, or not all, could be taken.
    """
    cells: Sequence[Cell] = ()
    with _noted(left_out):
        _check_config(folder)
        cells = folder.cells
    makers = _makers(folder)
    for cell in cells:
        of_seats, transcripts = _of_seats(cell, makers), folder.transcript_path(cell)
        with _noted(left_out):
            if os.path.lexists(transcripts) or os.path.lexists(folder.cell_path(cell.id)):
                folder.files(cell.id).check_one(transcripts)
                yield from _completions(transcripts, of_seats)
        with _noted(left_out):
            if folder.files(cell.id).weighed:
                folder.files(cell.id).check_calibration()
                yield from _completions(folder.calibration_path(cell.id), of_seats)
    with _noted(left_out):
        yield from read_unused(folder)


@contextlib.contextmanager
def _noted(left_out: list[UsageError]) -> Iterator[None]:
    """Go on after what cannot be read of a run, and note what is wrong with it, once."""
    try:
        yield
    except UsageError as fault:
        if str(fault) not in map(str, left_out):
            left_out.append(fault)


def _check_config(folder: RunDirectory) -> None:
    """Check that the configuration is the run's, as far as there is a manifest to tell."""
    manifest = None
    with contextlib.suppress(UsageError):
        manifest = folder.manifest()
    if manifest is not None:
        folder.check_config(manifest)


def _makers(folder: RunDirectory) -> dict[str, Maker | None]:
    """Return who made what a run's models answered, by their names; None for two models of one name."""
    makers: dict[str, Maker | None] = {}
    with contextlib.suppress(UsageError, OSError):
        for facts in map(ModelFacts.of, folder.manifest()["models"]):
            maker = Maker(facts.full_name, facts.engine, facts.weights)
            makers[facts.full_name] = maker if makers.get(facts.full_name, maker) == maker else None
    return makers


def _completions_of(folder: RunDirectory, cell: Cell, makers: Mapping[str, Maker | None]) -> Iterator[Kept]:
    of_seats = _of_seats(cell, makers)
    yield from _completions(folder.transcript_path(cell), of_seats)
    if folder.files(cell.id).weighed:
        yield from _completions(folder.calibration_path(cell.id), of_seats)


def _of_seats(cell: Cell, makers: Mapping[str, Maker | None]) -> dict[str, Maker | None]:
    """Return who made what a cell's seats answered."""
    return {seat: makers.get(member.spec.name) for seat, member in cell.setting.team.seats.items()}


def _completions(path: Path, makers: Mapping[str, Maker | None]) -> Iterator[Kept]:
    for number, line in enumerate(read_transcripts(path), start=1):
        try:
            for turn in made_in(line):
                usage = Usage(turn["prompt_tokens"], turn["cached_tokens"], turn["completion_tokens"])
                more = {name: turn[name] for name in MORE if name in turn}
                made = Completion(turn["text"], usage, turn["finish_reason"], turn["seconds"], **more)
                if not sound(made):
                    raise _unread(path, number)
                yield Kept(bytes.fromhex(turn["request"]), made, by=makers.get(turn["seat"]))
        except (KeyError, TypeError, AttributeError, ValueError):
            raise _unread(path, number) from None


@dataclass(slots=True)
class _Check:
    """Checks that a cell would be asked today as it was, and finds who answered: the identity of a request tells."""

    cell: Cell
    path: Path
    asked: Mapping[str, Sample]
    models: tuple[ModelFacts, ...]
    answered: Answered = field(default_factory=dict)

    def whole(self) -> dict[str, str]:
        """Return the faults that ended conversations, by question.

        Raises:
            UsageError: a conversation is not as it would be today, or is not there.
        """
        seen, failed = set(), {}
        for number, line in enumerate(read_transcripts(self.path), start=1):
            try:
                question = str(line["question"])
                self._conversation(question, line.get("turns", ()))
            except (LookupError, TypeError, AttributeError):
                raise _unread(self.path, number) from None
            seen.add(question)
            if line.get("error", NOT_RECORDED) != NOT_RECORDED:
                failed[question] = str(line["error"])
        if lost := self.asked.keys() - seen:
            raise UsageError(f"{self.path} was cut short: it lacks {len(lost)} conversations, {min(lost)} among them.")
        return failed

    def _conversation(self, question: str, turns: Sequence[dict[str, Any]]) -> None:
        asked = self.asked.get(question)
        if asked is None:
            raise UsageError(f"{self.path} answers {question}, which the run would not ask today.")
        if turns and asked.question.prompt not in turns[0]["read"][-1]["content"]:
            raise UsageError(
                f"{self.path}: {question} was worded otherwise when it was asked. Only code that words it so can judge "
                "its answers anew."
            )
        for turn in turns:
            spec = self.cell.setting.team.seats[turn["seat"]].spec
            if spec not in self.answered:
                self.answered[spec] = self._who(turn, asked)

    def _who(self, turn: dict[str, Any], asked: Sample) -> ModelFacts:
        setting = self.cell.setting
        read = [Message(message["role"], message["content"]) for message in turn["read"]]
        sampling = setting.sampling(setting.team.seats[turn["seat"]], asked.sampling, turn.get("max_tokens"))
        for facts in self.models:
            # Of what is not drawn as asked, earlier versions took greedy requests for one.
            for as_asked in {setting.team.seats[turn["seat"]].spec.draws_as_asked, True}:
                key = request_key(facts.fingerprint, read, sampling, turn["sample"], setting.seed, as_asked)
                if key.hex() == turn["request"]:
                    return facts
        raise UsageError(
            f"{self.path}: none of the run's models was asked {asked.question.id} as it is asked today. Only code that "
            "asks so can judge its answers anew."
        )


def _unread(path: Path, number: int) -> UsageError:
    return UsageError(f"{path}, line {number}, is no conversation that this version reads.")
