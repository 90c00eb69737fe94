"""Completions of a run that no conversation of it uses: kept, so that they need not be asked for again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.log.completions import read_completions, write_completions
from mlpo_bench.log.files import SCHEMA
from mlpo_bench.log.transcripts import made_in, read_transcripts


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mlpo_bench.log.completions import Kept
    from mlpo_bench.log.directory import RunDirectory


def read_unused(folder: RunDirectory) -> Iterator[Kept]:
    """Yield the completions that a run keeps besides its conversations.

    Raises:
        UsageError: the file cannot be read, or is none of completions.
    """
    if folder.unused_path.exists():
        yield from read_completions(folder.unused_path)


def write_unused(folder: RunDirectory, completions: Iterable[Kept]) -> None:
    """Keep these completions with a run and no others, in one order, whenever they were made."""
    ordered = sorted(completions, key=lambda one: (one.layer, one.request))
    makers = sorted({one.by for one in ordered if one.by is not None})
    write_completions(folder.unused_path, {SCHEMA: 1, "run": folder.config.digest}, ordered, makers)


def add_unused(folder: RunDirectory, completions: Iterable[Kept]) -> None:
    """Keep these completions with a run as well as those that it keeps already, as far as these can be read."""
    kept: dict[tuple[int, bytes], Kept] = {}
    with contextlib.suppress(UsageError):
        for one in read_unused(folder):
            kept[one.layer, one.request] = one
    before = len(kept)
    for one in completions:
        kept.setdefault((one.layer, one.request), one)
    if len(kept) > before:
        write_unused(folder, kept.values())


def used_requests(run: Path) -> Iterator[bytes]:
    """Yield the identities of all requests whose answers the conversations in a run's folder hold.

    Raises:
        UsageError: its transcripts cannot be read.
    """
    for part in ("transcripts", "calibration"):
        for path in (run / part).glob("[!.]*.jsonl.zst"):  # a point begins those of cells that have yet to end
            for line in read_transcripts(path):
                yield from (bytes.fromhex(turn["request"]) for turn in made_in(line))


def forget_used(folder: RunDirectory) -> None:
    """Keep no longer what a conversation uses after all: a ballot beyond one vote is within a longer one."""
    with contextlib.suppress(UsageError):  # damaged files are told of where the run is read
        kept = list(read_unused(folder))
        unused = {one.request for one in kept}
        unused.difference_update(used_requests(folder.path))
        if not unused:
            folder.unused_path.unlink(missing_ok=True)
        elif len(unused) < len(kept):
            write_unused(folder, [one for one in kept if one.request in unused])
