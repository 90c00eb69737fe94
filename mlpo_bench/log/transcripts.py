"""Conversations on disk: JSON lines under zstd, a file for each cell, in the order of the questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import zstandard

from mlpo_bench.log.files import read_lines


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlpo_bench.harness.verdicts import Judged, TurnVerdict
    from mlpo_bench.protocols import Turn

LEVEL = 6
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
            file.write(zstandard.compress(b"".join(self._lines), LEVEL))
        self._lines.clear()
        self._gathered = 0

    def finish(self) -> None:
        """Write the end and give the file its name."""
        self._append()
        self._beside.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing behind of a cell that did not come to its end."""
        self._beside.unlink(missing_ok=True)


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
        **more,
    }
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def failed_line(question_id: str, error: str) -> bytes:
    """Return the line of a conversation that a fault of the machinery ended."""
    return orjson.dumps({"question": question_id, "error": error}, option=orjson.OPT_APPEND_NEWLINE)


def _turn(turn: Turn, verdict: TurnVerdict) -> dict[str, Any]:
    return {
        "seat": turn.seat,
        "round": turn.round,
        "stage": turn.stage,
        "sample": turn.sample,
        "read": [{"role": m.role, "content": m.content} for m in turn.read],
        "text": turn.text,
        "answer": turn.answer,
        "key": verdict.key,
        "right": verdict.right,
        "prompt_tokens": turn.usage.prompt,
        "cached_tokens": turn.usage.cached,
        "completion_tokens": turn.usage.completion,
        "finish_reason": turn.finish_reason,
        "seconds": turn.seconds,
        "request": turn.request.hex(),
        **turn.more,
    }


def read_transcripts(path: Path) -> Iterator[dict[str, Any]]:
    """Return a cell's conversations as they were written.

    Raises:
        UsageError: the file or a line of it cannot be read.
    """
    return read_lines(path)
