"""A published row: who conferred how over which questions, what came of each question, and what it cost.

An entry is one JSON file for one row of a run (a team under a protocol, all its seeds) over all its suites, so that a
pull request shows a row as a file. It holds whether each question was answered right, as a 0 or 1 each, so that
accuracies, intervals and tests can be made again without the run; and nothing of what the questions say.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlpo_bench import atomic, yamls
from mlpo_bench.engines.names import full_name, short_name
from mlpo_bench.errors import UsageError
from mlpo_bench.leaderboard.counts import COUNTS
from mlpo_bench.leaderboard.fields import (
    Amount,
    Bits,
    Command,
    Count,
    Generation,
    Git,
    Hardware,
    Number,
    Settings,
    Sha256,
    Share,
    Signed,
    is_share,
)
from mlpo_bench.log.files import check_schema_of
from mlpo_bench.log.schemas import json_schema
from mlpo_bench.matrix.config import row_name
from mlpo_bench.protocols.base import Family
from mlpo_bench.teams import SamplingChoice


if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_HASH_DIGITS = 8


def _nothing(value: object) -> bool:
    """Whether a field is left out: entries that were made before there was such a field stay what they are."""
    return value is None or value == ()


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Adapter(_Kept):
    """What changed a model's weights: what the team calls it, and `sha256:...` of its content."""

    name: str
    revision: str


class Seat(_Kept):
    """A member as the team names it; `revision` is what was asked for, `adapter` is left out where there is none."""

    model: str
    revision: str | None = None
    adapter: Annotated[str | None, Field(exclude_if=_nothing)] = None
    persona: str | None = None
    sampling: SamplingChoice = SamplingChoice()


class Model(_Kept):
    """A model that was loaded; with its revision, its adapter's, `dtype` and `engine`, its name is its fingerprint."""

    name: str
    engine: str
    revision: str
    dtype: str
    context: Number
    parameters: Number | None = None
    note: str = ""
    adapter: Annotated[Adapter | None, Field(exclude_if=_nothing)] = None

    @property
    def full_name(self) -> str:
        """Its name, and its adapter's behind it: what the seats of a run's results call it."""
        return full_name(self.name, None if self.adapter is None else self.adapter.name)

    @property
    def weights(self) -> str:
        """Which weights answered: its revision, and its adapter's behind it."""
        return f"{self.revision}+{self.adapter.revision}" if self.adapter else self.revision


class Protocol(_Kept):
    """How the team confers.

    `peers` is K and `rounds` is T, None where the protocol has no rounds. `matched` names the row whose tokens a vote
    was made to match: its number of ballots then stands with each suite's answers. A `ceiling` is chosen by the
    harness with the gold answer in hand. `family` is what the protocol is alike to (`led`, `vote`, `solo`, ...), for
    those who do not have its code; entries made before it was kept have none.
    """

    name: str
    settings: Settings
    peers: Number
    rounds: Number | None
    matched: str | None = None
    ceiling: bool = False
    family: Annotated[Family | None, Field(exclude_if=_nothing)] = None


class Scope(_Kept):
    """What was asked, and within which bounds; `calibration` counts the train questions that weighed the votes."""

    split: str
    limit: Number | None
    subjects: tuple[str, ...] | None
    generation: Generation
    deterministic: bool
    calibration: Number | None


class Source(_Kept):
    """Where a suite's questions came from; `where` is left out for folders and files, which are of one machine."""

    kind: str
    where: str | None
    revision: str
    partial: bool
    note: str


class Questions(_Kept):
    """Which questions were asked: how many of each subject, and the SHA-256 of their ids and the data's revision."""

    n: Count
    sha256: Sha256
    subjects: dict[str, Count]

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if sum(self.subjects.values()) != self.n:
            raise ValueError(f"the subjects hold {sum(self.subjects.values())} questions, not {self.n}")
        return self

    @property
    def labels(self) -> list[str]:
        """The subject of each question, in the order of the answers."""
        return [subject for subject in sorted(self.subjects) for _ in range(self.subjects[subject])]


class Answers(_Kept):
    """What one seed answered: a 0 or 1 for each question, ordered by subject and then by id.

    `samples` counts the ballots of a vote that was matched; `records_sha256` is of the run's records file.
    """

    seed: yamls.Whole
    cell: str
    samples: Count | None = None
    right: Bits
    unread: Bits
    cut_off: Bits
    records_sha256: Sha256


class Figure(_Kept):
    """A figure with its 95 % interval; fields as in `stats.Estimate`."""

    value: Signed
    low: yamls.Real
    high: yamls.Real
    questions: Number
    subjects: Number | None
    method: str
    caution: str | None = None


class Cost(_Kept):
    """What a question cost on average, as if nothing were shared with other rows."""

    calls: Amount
    prompt_tokens: Amount
    cached_tokens: Amount
    completion_tokens: Amount
    seconds: Amount
    serial_calls: Amount
    serial_seconds: Amount
    operations: Amount | None

    @property
    def tokens(self) -> float:
        """All tokens: read afresh, found in a cache, and written."""
        return self.prompt_tokens + self.cached_tokens + self.completion_tokens


class SuiteRow(_Kept):
    """How a row did on one suite.

    `unread` and `cut_off` are shares of answers. `detectable` is the smallest difference that so many questions show
    in four samples of five where a fifth of them tell two rows apart; None where none is large enough. `chance` is the
    share of the questions that guessing gets right; entries made before it was kept have none. `ballots` tells of a
    vote of one model's answers how often each answer was given to each question (see `counts`), over all seeds; other
    rows, and entries made before it was kept, have none.
    """

    source: Source
    questions: Questions
    answers: Annotated[tuple[Answers, ...], Field(min_length=1)]
    accuracy: Annotated[Figure, AfterValidator(is_share)]
    unread: Share
    cut_off: Share
    errors: Literal[0] = 0
    detectable: Share | None
    cost: Cost
    chance: Annotated[Share | None, Field(exclude_if=_nothing)] = None
    ballots: Annotated[str | None, Field(pattern=COUNTS, exclude_if=_nothing)] = None

    @model_validator(mode="after")
    def _answered_whole(self) -> Self:
        for each in self.answers:
            for bits in (each.right, each.unread, each.cut_off):
                if len(bits) != self.questions.n:
                    raise ValueError(f"{each.cell} has {len(bits)} answers to {self.questions.n} questions")
        if self.ballots is not None and (counted := len(self.ballots.split())) != self.questions.n:
            raise ValueError(f"ballots are counted of {counted} questions, not of {self.questions.n}")
        return self

    @property
    def scores(self) -> NDArray[np.float64]:
        """The mean over seeds of each question, of shape (questions,)."""
        return sum((flags(each.right) for each in self.answers), np.zeros(self.questions.n)) / len(self.answers)


class RunFacts(_Kept):
    """Which run it was: its configuration, the commands that made it, when it ended (UTC), and in what circumstances.

    `git` is None where the package was installed without a checkout.
    """

    config_sha256: Sha256
    commands: Annotated[tuple[Command, ...], Field(min_length=1)]
    date: str
    versions: dict[str, str]
    git: Git | None
    hardware: Hardware


class Rescored(_Kept):
    """When a row was judged anew, and by which code. `git` is as in `RunFacts`."""

    date: str
    versions: dict[str, str]
    git: Git | None


class Completions(_Kept):
    """The file beside `entries/` with what the models wrote, which the rows of one run share, and its SHA-256."""

    file: Annotated[str, Field(pattern=r"^completions/[a-z0-9.-]+\.jsonl\.zst$")]
    sha256: Sha256


class Entry(_Kept):
    """A published row. `macro` is the mean over its suites, each counted the same; None where there is one only.

    `readers` is the identity of the readers that judged all its answers (see `runs.readers`). With `completions` it
    can be judged anew, and `rescored` tells when it was; rows that were added before these were kept have neither.
    `sha256` is of all else, so that an entry that was changed by hand is noticed.
    """

    schema_version: Literal[1] = 1
    label: str
    team: str
    leader: Seat | None
    peers: tuple[Seat, ...]
    models: Annotated[tuple[Model, ...], Field(min_length=1)]
    protocol: Protocol
    asked: Scope
    seeds: Annotated[tuple[yamls.Whole, ...], Field(min_length=1)]
    suites: Annotated[dict[str, SuiteRow], Field(min_length=1)]
    macro: Annotated[Figure, AfterValidator(is_share)] | None
    run: RunFacts
    readers: Annotated[str | None, Field(exclude_if=_nothing)] = None
    completions: Annotated[Completions | None, Field(exclude_if=_nothing)] = None
    rescored: Annotated[tuple[Rescored, ...], Field(exclude_if=_nothing)] = ()
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""

    @property
    def name(self) -> str:
        """What the row is called in tables."""
        return row_name(self.team, self.label)

    @property
    def model(self) -> str:
        """The models that sit in the team, for tables."""
        seats = [*([self.leader] if self.leader else []), *self.peers]
        return " + ".join(dict.fromkeys(short_name(seat.model, seat.adapter) for seat in seats))

    @property
    def identity(self) -> str:
        """What makes two entries one row, in hex: who answered how, asked within which bounds, with which seeds."""
        content = self.model_dump(
            mode="json", include={"label", "team", "leader", "peers", "protocol", "asked", "seeds", "models"}
        )
        content["protocol"].pop("family", None)  # it follows from the name, and earlier entries have none
        content["models"] = sorted([m.name, m.weights, m.dtype, m.engine] for m in self.models)
        return _digest(content)

    @property
    def filename(self) -> str:
        """`smollm2-135m.solo.0123abcd.json`: adding the same row again replaces it."""
        words = (re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:80] for word in (self.model, self.name))
        return ".".join([*filter(None, words), self.identity[:_HASH_DIGITS], "json"])

    @property
    def content_sha256(self) -> str:
        """What `sha256` has to be."""
        return _digest(self.model_dump(mode="json", exclude={"sha256"}))

    def signed(self) -> Entry:
        """Return the entry with its `sha256` filled in."""
        return self.model_copy(update={"sha256": self.content_sha256})

    def keeping(self, completions: Completions) -> Entry:
        """Return the entry with the file of its completions, signed."""
        return self.model_copy(update={"completions": completions}).signed()

    def to_json(self) -> bytes:
        """Return the content of its file."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def schema() -> bytes:
    """Return the JSON Schema of an entry: the content of `schema.json`."""
    return json_schema(Entry)


def read_entry(path: Path) -> Entry:
    """Read an entry's file.

    Raises:
        UsageError: it cannot be read, is no JSON, or does not match the schema; told with the first fault's field.
    """
    try:
        content = atomic.read(path)
        check_schema_of(path, content)
        return Entry.model_validate_json(content, strict=True)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        told = fault["msg"].removeprefix("Value error, ")
        raise UsageError(f"{path.name} does not match the schema: {where}: {told}.") from None


def flags(bits: str) -> NDArray[np.float64]:
    """Return zeros and ones as numbers, of shape (questions,)."""
    return np.frombuffer(bits.encode(), dtype=np.uint8).astype(np.float64) - ord("0")


def _digest(content: object) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
