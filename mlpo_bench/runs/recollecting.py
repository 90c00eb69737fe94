"""What a run's files hold of its completions: all that is needed to hold its conversations again without a model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Completion, Message, Usage
from mlpo_bench.engines import ModelFacts
from mlpo_bench.engines.recorded import DEFAULT_CONTEXT
from mlpo_bench.errors import BadInput
from mlpo_bench.runs.completions import read_completions
from mlpo_bench.runs.transcripts import read_transcripts
from mlpo_bench.store import request_key


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.harness.suite import Asked, Suite
    from mlpo_bench.matrix import Cell
    from mlpo_bench.runs.folder import RunFolder
    from mlpo_bench.store import Store
    from mlpo_bench.teams import ModelSpec

    Answered = dict[ModelSpec, ModelFacts]
    """Which model answered as which a team names."""

NOT_RECORDED = "with the readers of today this conversation asks what was never answered"
"""Why a conversation has no answer that could not be held again. With other readers it may be."""


@dataclass(slots=True)
class Recollection:
    """What was recollected of a run: its completions are in a store.

    `failed` tells why conversations ended with a fault of the machinery, by cell and question; `answered` which models
    answered, by cell. What an earlier re-scoring left out did not fail.
    """

    failed: dict[tuple[str, str], str] = field(default_factory=dict)
    answered: dict[str, Answered] = field(default_factory=dict)

    def groups(self, cells: Sequence[Cell]) -> list[tuple[Answered, list[Cell]]]:
        """Return cells by who answered: one group, unless a model was served otherwise when the run was taken up."""
        found: list[tuple[Answered, list[Cell]]] = []
        for cell in cells:
            of_cell = self.answered[cell.id]
            for known, some in found:
                if all(known.get(spec, facts) == facts for spec, facts in of_cell.items()):
                    known.update(of_cell)
                    some.append(cell)
                    break
            else:
                found.append((dict(of_cell), [cell]))
        for known, some in found:
            for spec in (spec for cell in some for spec in cell.setting.team.specs):
                known.setdefault(spec, ModelFacts(spec.model, spec.engine, "", spec.dtype, DEFAULT_CONTEXT))
        return found


def recollect(folder: RunFolder, cells: Sequence[Cell], suites: Mapping[str, Suite], store: Store) -> Recollection:
    """Pour what some cells of a run were answered into a store.

    Raises:
        BadInput: a file is missing or broken, or the run asked its questions otherwise than is done today.
    """
    found = Recollection()
    models = tuple(map(ModelFacts.of, folder.manifest()["models"]))
    asked = {name: {one.question.id: one for one in suite.asked} for name, suite in suites.items()}
    for cell in cells:
        reader = _Reader(cell, folder.transcript_path(cell), asked[cell.suite], models)
        found.failed |= {(cell.id, question): error for question, error in reader.pour(store).items()}
        found.answered[cell.id] = reader.answered
        if (path := folder.calibration_path(cell.id)).exists():
            for line in read_transcripts(path):
                _pour(line["turns"], store)
    if folder.unused_path.exists():
        for request, made in read_completions(folder.unused_path):
            store.put(request, made)
    return found


@dataclass(slots=True)
class _Reader:
    """Reads a cell's conversations, and finds out which models answered: the identity of a request tells."""

    cell: Cell
    path: Path
    asked: Mapping[str, Asked]
    models: tuple[ModelFacts, ...]
    answered: Answered = field(default_factory=dict)

    def pour(self, store: Store) -> dict[str, str]:
        """Pour the completions into a store, and return the faults that ended conversations, by question."""
        seen, failed = set(), {}
        for number, line in enumerate(read_transcripts(self.path), start=1):
            try:
                question, turns = str(line["question"]), line.get("turns", ())
                self._check(question, turns)
                _pour(turns, store)
            except (KeyError, TypeError, AttributeError, ValueError):
                raise BadInput(f"{self.path}, line {number}, is no conversation that this version reads.") from None
            seen.add(question)
            if line.get("error", NOT_RECORDED) != NOT_RECORDED:
                failed[question] = str(line["error"])
        if lost := self.asked.keys() - seen:
            raise BadInput(f"{self.path} was cut short: it lacks {len(lost)} conversations, {min(lost)} among them.")
        return failed

    def _check(self, question: str, turns: Sequence[dict[str, Any]]) -> None:
        asked = self.asked.get(question)
        if asked is None:
            raise BadInput(f"{self.path} answers {question}, which the run would not ask today.")
        if turns and asked.question.prompt not in turns[0]["read"][-1]["content"]:
            raise BadInput(
                f"{self.path}: {question} was worded otherwise when it was asked. Only code that words it so can judge "
                "its answers anew."
            )
        for turn in turns:
            spec = self.cell.setting.team.seats[turn["seat"]].spec
            if spec not in self.answered:
                self.answered[spec] = self._who(turn, asked)

    def _who(self, turn: dict[str, Any], asked: Asked) -> ModelFacts:
        setting = self.cell.setting
        read = [Message(message["role"], message["content"]) for message in turn["read"]]
        sampling = replace(setting.team.seats[turn["seat"]].sampling.over(asked.sampling), **setting.overrides)
        for facts in self.models:
            key = request_key(facts.fingerprint, read, sampling, turn["sample"], setting.seed)
            if key.hex() == turn["request"]:
                return facts
        raise BadInput(
            f"{self.path}: none of the run's models was asked {asked.question.id} as it is asked today. Only code that "
            "asks so can judge its answers anew."
        )


def _pour(turns: Sequence[Mapping[str, Any]], store: Store) -> None:
    for turn in turns:
        usage = Usage(turn["prompt_tokens"], turn["cached_tokens"], turn["completion_tokens"])
        made = Completion(turn["text"], usage, turn["finish_reason"], turn["seconds"])
        store.put(bytes.fromhex(turn["request"]), made)
