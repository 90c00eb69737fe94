"""Conversations on disk: JSON lines under zstd, a file for each cell, in the order of the questions."""

from __future__ import annotations

import contextlib
import math
from dataclasses import asdict
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any

import orjson
import zstandard

from mlpo_bench import atomic
from mlpo_bench.log.files import SCHEMA, check_schema, damaged, read_lines


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlpo_bench.harness.verdicts import Judged, TurnVerdict
    from mlpo_bench.protocols import Turn

LEVEL = 6
# What a turn tells, and of which kind it is.
_TOLD: dict[str, tuple[type, ...]] = {
    "seat": (str,),
    "round": (int,),
    "stage": (int,),
    "sample": (int,),
    "read": (list,),
    "text": (str,),
    "answer": (str, NoneType),
    "prompt_tokens": (int,),
    "cached_tokens": (int,),
    "completion_tokens": (int,),
    "finish_reason": (str, NoneType),
    "seconds": (int, float),
    "request": (str,),
}
# What a text tells that was read in a turn's place; `text` is null where nothing was.
_ALTERED: dict[str, tuple[type, ...]] = {
    "seat": (str,),
    "peer": (int,),
    "round": (int,),
    "text": (str, NoneType),
    "key": (str, NoneType),
}
FRAME_BYTES = 1 << 18


class TranscriptWriter:
    """Writes a cell's conversations; the file gets its name only when all is written.

    Lines are gathered and appended as one zstd frame at a time, so that a run with hundreds of cells under way holds
    no file open for each.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}")
        self._beside.unlink(missing_ok=True)
        self._lines: list[bytes] = []
        self._gathered = 0

    def put(self, line: bytes) -> None:
        """Take the next conversation."""
        self._lines.append(line)
        self._gathered += len(line)
        if self._gathered >= FRAME_BYTES:
            self._append()

    def _append(self) -> None:
        with self._beside.open("ab") as file:
            file.write(zstandard.ZstdCompressor(LEVEL, write_checksum=True).compress(b"".join(self._lines)))
        self._lines.clear()
        self._gathered = 0

    def finish(self) -> None:
        """Write the end and give the file its name."""
        self._append()
        atomic.put_in_place(self._beside, self._path)

    def abandon(self) -> None:
        """Leave nothing behind of a cell that did not come to its end."""
        with contextlib.suppress(OSError):
            self._beside.unlink()


def to_line(judged: Judged, **more: str) -> bytes:
    """Return a conversation as one line of JSON, with `more` to tell of it."""
    transcript, question = judged.transcript, judged.transcript.question
    value = {
        "question": question.id,
        "suite": question.suite,
        "subject": question.subject,
        "answer": judged.verdict.answer,
        "right": judged.verdict.right,
        "final": transcript.final,
        "turns": [_turn(*each) for each in zip(transcript.turns, judged.turns, strict=True)],
        **_intervened(judged),
        **more,
    }
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def failed_line(question_id: str, error: str) -> bytes:
    """Return the line of a conversation that a fault of the machinery ended."""
    return orjson.dumps({"question": question_id, "error": error}, option=orjson.OPT_APPEND_NEWLINE)


def _intervened(judged: Judged) -> dict[str, Any]:
    """Return what most conversations have nothing of: what was read in place of turns, and what that was drawn from."""
    altered = [
        {**asdict(one), "key": verdict.key, "right": verdict.right}
        for one, verdict in zip(judged.transcript.altered, judged.altered, strict=True)
    ]
    told = {"altered": altered, "drawn": [_turn(turn) for turn in judged.transcript.drawn]}
    return {name: values for name, values in told.items() if values}


def _turn(turn: Turn, verdict: TurnVerdict | None = None) -> dict[str, Any]:
    return {
        "seat": turn.seat,
        "round": turn.round,
        "stage": turn.stage,
        "sample": turn.sample,
        "read": [{"role": m.role, "content": m.content} for m in turn.read],
        "text": turn.text,
        "answer": turn.answer,
        **({} if verdict is None else {"key": verdict.key, "right": verdict.right}),
        "prompt_tokens": turn.usage.prompt,
        "cached_tokens": turn.usage.cached,
        "completion_tokens": turn.usage.completion,
        "finish_reason": turn.finish_reason,
        "seconds": turn.seconds,
        "request": turn.request.hex(),
        **turn.more,
    }


def made_in(line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all completions that a conversation tells of: its turns, and what was drawn for an intervention."""
    yield from line.get("turns", ())
    yield from line.get("drawn", ())


def read_transcripts(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a cell's conversations as they were written.

    Raises:
        DamagedFile: the file or a line of it cannot be read, or it was cut short.
        ForeignSchema: another version wrote it in another form.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if isinstance(line, dict) and SCHEMA in line:
            check_schema(path, line[SCHEMA])
        if not _is_conversation(line):
            raise damaged(path, f"is damaged: line {number} is no conversation")
        yield line


def _is_conversation(line: object) -> bool:
    """Whether a line holds what every reader relies on."""
    if not isinstance(line, dict) or not isinstance(line.get("question"), str):
        return False
    if "error" in line:
        return isinstance(line["error"], str)
    made = [line.get("turns", []), line.get("drawn", [])]
    return (
        isinstance(line.get("final"), str)
        and all(isinstance(turns, list) for turns in made)
        and bool(line.get("turns"))
        and all(map(_is_turn, chain(*made)))
        and isinstance(line.get("altered", []), list)
        and all(map(_is_altered, line.get("altered", [])))
    )


def _is_turn(turn: object) -> bool:
    if not isinstance(turn, dict) or not _tells(turn, _TOLD):
        return False
    return all(isinstance(one, dict) and _is_said(one) for one in turn["read"])


def _is_altered(one: object) -> bool:
    return isinstance(one, dict) and _tells(one, _ALTERED)


def _tells(one: dict[str, Any], told: Mapping[str, tuple[type, ...]]) -> bool:
    return all(
        type(one.get(name, told)) in kinds and (int not in kinds or 0 <= one[name] < math.inf)
        for name, kinds in told.items()
    )


def _is_said(message: dict[str, Any]) -> bool:
    return isinstance(message.get("role"), str) and isinstance(message.get("content"), str)
