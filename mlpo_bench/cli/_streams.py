"""Standard output and standard error as they come: of any encoding, closed from the start, or closed in the middle."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast


if TYPE_CHECKING:
    from collections.abc import Iterator


_SIZE = re.compile("0*[1-9][0-9]{0,8}")


class _Unheeded:
    """A stream to which is written as long as somebody reads it: what is said on the way ends no run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more, or it was closed
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a stream has
        return getattr(self._stream, name)


@contextlib.contextmanager
def steady() -> Iterator[None]:
    """Let nothing that is printed end the command, while inside.

    Characters that a stream's encoding lacks are written by their numbers; a stream that was closed before the command
    began swallows all; what goes to a standard error that nobody reads is lost, and no more than that.
    A terminal that the environment gives no width or height is as large as it says itself.
    """
    _forget_odd_sizes()
    before = sys.stdout, sys.stderr
    out = _open(sys.stdout)
    sys.stdout, sys.stderr = out, cast("TextIO", _Unheeded(_open(sys.stderr)))
    try:
        yield
    finally:
        _let_go(out)
        sys.stdout, sys.stderr = before


def _forget_odd_sizes() -> None:
    """Forget sizes of the terminal that are none: on `COLUMNS=0` nothing at all would be shown."""
    for name in ("COLUMNS", "LINES"):
        if not _SIZE.fullmatch(os.environ.get(name, "80")):
            del os.environ[name]


def _let_go(stream: TextIO) -> None:
    """Write what is left; where that cannot be, it was said why, and Python need not say it once more as it ends."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _open(stream: TextIO | None) -> TextIO:
    if stream is None:  # the person closed it: `2>&-`
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - it is open as long as the process
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream
