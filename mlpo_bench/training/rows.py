"""What the data stages hand on: one dataclass for each file, a field for each column.

Files are Parquet under zstd. Equal rows make equal files, byte for byte.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_bench import atomic
from mlpo_bench.chat import Sampling
from mlpo_bench.training.recipe import PromptKind


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ChatRow = tuple[dict[str, str], ...]
"""A chat as rows hold it: `role` and `content` of each message."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a peer wrote when it saw the question alone (`rollouts.parquet`).

    `text` is the question as its publishers give it, `prompt` as the harness renders it, `preamble` the messages
    before it; `seat` is `peer 1`, `peer 2`, ...; `variant` counts a seat's openings from 0. `answer` is what is read
    from `opening`, or None. `sampling` is how the task wants answers drawn, before anybody's own settings.
    """

    question_id: str
    suite: str
    subject: str
    answer_format: str
    gold: str
    text: str
    prompt: str
    preamble: ChatRow
    seat: str
    variant: int
    opening: str
    answer: str | None
    right: bool
    cut_off: bool
    prompt_tokens: int
    completion_tokens: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Kept:
    """A question that a leader learns from (`questions.parquet`).

    `share` of its openings are right; `leader_share` of the leader's completions, where it was measured. `easy` marks
    a question that was too easy and stays all the same.
    """

    question_id: str
    suite: str
    subject: str
    answer_format: str
    gold: str
    text: str
    openings: int
    share: float
    leader_share: float | None
    easy: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a leader is asked in training (`prompts.parquet`).

    `prompt_id` follows from the content; `kind` is `leader`, `alone` or `select`; `round` is 0 where the openings are
    shown; `variant` counts the prompts of a question from 0. `order` has the seats of the attempts as they are shown,
    `attempts_right` whether they are right, in the same order; both are empty where none are. `sampling` is how the
    task wants answers drawn, `question` the question alone as the harness renders it, which answers are read by.
    """

    prompt_id: str
    question_id: str
    suite: str
    subject: str
    answer_format: str
    gold: str
    kind: PromptKind
    messages: ChatRow
    round: int
    variant: int
    order: tuple[str, ...]
    attempts_right: tuple[bool, ...]
    sampling: Sampling
    question: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the leader wrote to a prompt before its training (`completions.parquet`).

    `formed` says whether it is in the form that its prompt requires.
    """

    prompt_id: str
    sample: int
    text: str
    answer: str | None
    right: bool
    formed: bool
    cut_off: bool
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Trace:
    """A prompt and what to write to it (`traces.parquet`).

    `kind` is `kept` for a completion of the leader's own, `backtrack` for one that goes wrong and turns back.
    """

    prompt_id: str
    question_id: str
    messages: ChatRow
    completion: str
    kind: str


Row = TypeVar("Row", Opening, Kept, Prompt, Sample, Trace)

_CHAT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_SAMPLING = pa.struct(
    [
        ("temperature", pa.float64()),
        ("top_p", pa.float64()),
        ("top_k", pa.int64()),
        ("max_tokens", pa.int64()),
        ("stop", pa.list_(pa.string())),
    ]
)
_TYPES: dict[object, pa.DataType] = {
    str: pa.string(),
    str | None: pa.string(),
    PromptKind: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    float | None: pa.float64(),
    ChatRow: _CHAT,
    Sampling: _SAMPLING,
    tuple[str, ...]: pa.list_(pa.string()),
    tuple[bool, ...]: pa.list_(pa.bool_()),
}


def schema(kind: type[Row]) -> pa.Schema:
    """Return the columns of a kind of row."""
    types = get_type_hints(kind)
    return pa.schema([(field.name, _TYPES[types[field.name]]) for field in fields(kind)])


def write_rows(path: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Write rows, whole or not at all."""
    every = list(rows)
    columns = {name: [_stored(getattr(row, name)) for row in every] for name in schema(kind).names}
    with atomic.written(path) as beside, beside.open("wb") as file:
        pq.write_table(pa.Table.from_pydict(columns, schema=schema(kind)), file, compression="zstd")


def _stored(value: Any) -> Any:  # noqa: ANN401 - columns differ in kind
    return asdict(value) if isinstance(value, Sampling) else value


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Read rows back."""
    with path.open("rb") as file:
        rows = pq.read_table(file).to_pylist()
    return [kind(**{name: _plain(name, v) for name, v in row.items()}) for row in rows]


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - columns differ in kind
    if name == "sampling":
        return Sampling(**{setting: _plain(setting, v) for setting, v in value.items()})
    return tuple(value) if isinstance(value, list) else value
