"""What every table of an export holds: a row for each question of a cell, and one for each turn."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from mlpo_bench.export import times
from mlpo_bench.log.records import SCHEMA as RECORDS


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell

_MOMENT = pa.timestamp("ms", "UTC")
_CELL = pa.schema(
    [
        ("label", pa.string()),
        ("team", pa.string()),
        ("protocol", pa.string()),
        ("rounds", pa.int64()),
        ("peers", pa.int64()),
        ("settings", pa.string()),
    ]
)
_TIMES = pa.schema([("began", _MOMENT), ("ended", _MOMENT), ("duration", pa.float64())])
QUESTIONS = pa.unify_schemas([_CELL, RECORDS, _TIMES])
"""A question of a cell: the cell's settings, its record, and when it was asked and answered by the clock.

`rounds` counts what the protocol repeats (rounds, layers, steps; null where it has none), and `settings` are all of the
protocol's as JSON. `duration` are the seconds between `began` and `ended`, where `seconds` adds up those that engines
took for its turns when they were first made; all three are null in runs made before times were kept.
"""

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
TURNS = pa.schema(
    [
        ("cell", pa.string()),
        ("question", pa.string()),
        ("seat", pa.string()),
        ("round", pa.int64()),
        ("stage", pa.int64()),
        ("sample", pa.int64()),
        ("read", pa.list_(_MESSAGE)),
        ("text", pa.string()),
        ("reasoning", pa.string()),
        ("answer", pa.string()),
        ("right", pa.bool_()),
        ("prompt_tokens", pa.int64()),
        ("cached_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("finish_reason", pa.string()),
        ("seconds", pa.float64()),
        ("began", _MOMENT),
        ("ended", _MOMENT),
        ("request", pa.string()),
    ]
)
"""A turn: what a seat read and wrote, the answer read from it (null: none), and whether that was right.

`reasoning` is thinking that a server told apart from the text (null: none). `right` is null in runs made before turns
were judged. `began` and `ended` tell from when to when by the clock the conversation waited for it in this run: next to
no time where it was known, and null in runs made before times were kept.
"""


def settings(cell: Cell) -> dict[str, Any]:
    """Return who conferred how in a cell, by the names of `QUESTIONS`."""
    protocol = cell.setting.protocol
    return {
        "label": cell.label,
        "team": cell.team,
        "protocol": protocol.name,
        "rounds": getattr(protocol, protocol.depth) if protocol.depth else None,
        "peers": cell.peers,
        "settings": orjson.dumps(protocol.settings, option=orjson.OPT_SORT_KEYS).decode(),
    }


def questions(run: LoadedRun, cell: Cell) -> list[dict[str, Any]]:
    """Return a cell's rows, a question each."""
    setting, spans = settings(cell), times.of_questions(run, cell)
    return [
        setting | asdict(record) | times.told(spans.get(record.question), duration=True)
        for record in run.records(cell.id)
    ]


def turns(run: LoadedRun, cell: Cell) -> Iterator[list[dict[str, Any]]]:
    """Yield the turns of each of a cell's conversations; those that a fault ended have none."""
    spans = times.of_turns(run, cell)
    for conversation in run.transcripts(cell):
        question = conversation["question"]
        where = {"cell": cell.id, "question": question}
        yield [
            {name: (where | turn | times.told(times.of(spans, question, turn))).get(name) for name in TURNS.names}
            for turn in conversation.get("turns", [])
        ]
