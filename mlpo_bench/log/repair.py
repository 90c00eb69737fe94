"""Taking a run up whose files are damaged: what can be made anew is put aside, and all else is refused."""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING, Any

from mlpo_bench import atomic
from mlpo_bench.log.files import DamagedFile
from mlpo_bench.log.manifest import CONFIG_FILES, read_manifest, text_digest
from mlpo_bench.log.plan import read_plan


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.matrix.config import RunConfig


def damaged_config(run: Path) -> DamagedFile:
    """Return the fault of a run whose `config.yaml` is not what was written, with the command that it began by."""
    with contextlib.suppress(DamagedFile):
        began = shlex.join(["mlpo-bench", *read_manifest(run / "manifest.json")["sessions"][0]["command"][1:]])
        return DamagedFile(
            run / "config.yaml",
            f"is not what the run was made with: it was lost, cut short or changed; the command that began the run "
            f"writes it anew: {began}",
        )
    return DamagedFile(
        run / "config.yaml", "is lost; the same `mlpo-bench run` with its --name, or in another place, writes it anew"
    )


def put_right(run: Path, parts: Sequence[str]) -> list[str]:
    """Put aside what cannot be read of a run that is taken up and is made anew; say so, a sentence each.

    Args:
        run: Its folder.
        parts: The folders that it has.
    """
    told = list(_unread(run))
    for part in parts:
        (run / part).mkdir(exist_ok=True)
        told += [put_aside(path, why) for path in sorted((run / part).iterdir()) if (why := _no_file(path))]
    return told


def _unread(run: Path) -> Iterator[str]:
    for name, read in (("manifest.json", read_manifest), ("plan.json", read_plan)):
        if os.path.lexists(run / name):
            try:
                read(run / name)
            except DamagedFile as fault:
                yield put_aside(run / name, fault.why)
    for name in ("results.json", "config.yaml"):
        if why := _no_file(run / name):
            yield put_aside(run / name, why)


def _no_file(path: Path) -> str:
    """Return what stands in the place of a file, as what is said of it; nothing where a file or nothing does."""
    if not os.path.lexists(path) or path.is_file():
        return ""
    return "is a folder" if path.is_dir() else "is no file"


def put_aside_unfit(*checks: Callable[[], object]) -> Iterator[str]:
    """Put aside what does not fit the rest of its run, as one check or another tells; say so, a sentence each."""
    for check in checks:
        try:
            check()
        except DamagedFile as fault:
            yield put_aside(fault.path, fault.why)


def decided_by(config: RunConfig, manifest: Mapping[str, Any]) -> bool:
    """Return whether a configuration is the one that a run was made with.

    Where its manifest is lost (`{}`), any is: all cells are made anew then.
    """
    if told := manifest.get(CONFIG_FILES):
        return text_digest(config.to_yaml()) in told
    return not manifest or manifest["config_sha256"] == config.digest


def restored(path: Path, config: RunConfig) -> str:
    """Write a `config.yaml` anew, and say so."""
    atomic.write(path, config.to_yaml().encode())
    return f"{path} was lost, cut short or changed; it was written anew."


def put_aside(path: Path, why: str) -> str:
    """Give a damaged file or folder another name, and say so in a sentence that begins with what is wrong with it."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.damaged-{number}")):
        number += 1
    path.rename(aside)
    return f"{path} {why}; it is kept as {aside.name}, and made anew."
