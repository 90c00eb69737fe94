"""Whatever standard output and standard error are, a command comes to its end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.cli import _streams


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def words(made_up: Path, tmp_path: Path) -> list[str]:
    """The words of a run whose names are beyond any but Unicode's encodings, and whose answers take a while."""
    script = tmp_path / "\u0394\u65e5\u672c \u20ac.yaml"
    script.write_text("- {say: [The answer is Yes., The answer is (A).], delay: 0.2}\n")
    seat = f'model: "{script}", engine: scripted'
    (tmp_path / "team.yaml").write_text(f"leader: {{{seat}}}\npeers: [{{{seat}}}]\n")
    return [
        sys.executable, "-m", "mlpo_bench", "run", "--suite", "bbh", "--data", str(made_up), "--limit", "4",
        "--team", "team.yaml", "--protocol", "solo,leader", "--rounds", "1", "--name", "mine",
    ]  # fmt: skip


def environment(folder: Path, **more: str) -> dict[str, str]:
    return os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), **more}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_characters_that_an_encoding_lacks_are_written_by_their_numbers(
    words: list[str], tmp_path: Path, encoding: str
) -> None:
    told = environment(tmp_path, PYTHONIOENCODING=encoding)
    done = subprocess.run(words, cwd=tmp_path, env=told, capture_output=True, check=False)
    said = done.stdout.decode(encoding) + done.stderr.decode(encoding)
    assert done.returncode == 0, said
    assert "leader, 1 round" in said
    assert ("\u65e5" if encoding == "utf-8" else "\\u65e5") in said


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("--version > /dev/full", 2, "mlpo-bench: No space left on device.\n"),
        ("protocols > /dev/full", 2, "mlpo-bench: No space left on device.\n"),
        ("protocols | true; exit ${PIPESTATUS[0]}", {0, 1}, ""),
        ("protocols >&-", 0, ""),
    ],
)
def test_what_cannot_be_printed_is_said_once_and_in_a_sentence(line: str, code: int | set[int], said: str) -> None:
    command = f"'{sys.executable}' -m mlpo_bench {line}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == said
    assert done.returncode in (code if isinstance(code, set) else {code})


@pytest.mark.parametrize(
    "size", [{"COLUMNS": "0"}, {"COLUMNS": "\u00b2"}, {"COLUMNS": "9" * 5000}, {"COLUMNS": "00", "LINES": "-1"}]
)
@pytest.mark.parametrize("line", [["protocols"], ["show", "--help"], ["no-such-command"]])
def test_a_terminal_of_no_size_is_shown_all(
    mlpo_bench: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, line: list[str], size: dict[str, str]
) -> None:
    monkeypatch.delenv("COLUMNS")
    monkeypatch.delenv("LINES", raising=False)
    expected = mlpo_bench(*line)
    for name, value in size.items():
        monkeypatch.setenv(name, value)
    assert mlpo_bench(*line) == expected
    assert expected.out + expected.err


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "2>/dev/full", "2> >(exec true)"])
def test_a_standard_error_that_is_gone_ends_no_run(words: list[str], tmp_path: Path, closed: str) -> None:
    line = " ".join(f"'{word}'" for word in words)
    done = subprocess.run(
        ["bash", "-c", f"{line} {closed}"], cwd=tmp_path, env=environment(tmp_path), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert (tmp_path / "runs" / "mine" / "cells" / "bbh.leader-1-round-3-peers.json").exists()


def test_what_was_printed_when_the_reader_left_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as printed:  # noqa: PTH123 - a pipe's end
        monkeypatch.setattr("sys.stdout", printed)
        with _streams.steady():
            sys.stdout.write("a few words, which wait to be written")
            sys.stdout = _Deaf(sys.stdout)  # as what reads the command line puts in its place
    assert printed.closed


class _Deaf:
    """A stream that tells nobody that it cannot be written."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def flush(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stream.flush()  # type: ignore[attr-defined]
