"""A training in one file, for another machine to go on with: all that cannot be made again of completions.

The file is tar under zstd. It holds the recipe, what is known of the stages, the ledger, and of `sft` and `mlpo` what
they made; while one goes on, its newest checkpoint and its curves. No question is in it: what the data stages made is
made again by the same command, out of the completions that `store export` carries, and comes to the same.
"""

from __future__ import annotations

import filecmp
import io
import secrets
import shutil
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING

import zstandard

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError
from mlpo_bench.log import outputs
from mlpo_bench.log.files import DamagedFile
from mlpo_bench.training import archives, card, checkpoints, points, recipe_file
from mlpo_bench.training.folder import TrainingFolder


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlpo_bench.training.recipe import Recipe, Stage

_LEVEL = 12
_ATTEMPTS = 5


def pack(folder: TrainingFolder, file: Path) -> None:
    """Write a training into a file, also while another process is at it; what has not changed comes to the same file.

    Raises:
        UsageError: it trains on conversations of later rounds, in which the questions stand; or the file cannot be
            written there.
    """
    if folder.recipe.mlpo.contexts == "rounds":
        raise UsageError("a training with `mlpo.contexts: rounds` keeps questions in its files: not packed.")
    outputs.check(file, outputs.TRAINING)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic.written(file) as beside:
        for attempt in range(_ATTEMPTS):
            try:
                _write(folder, beside)
                break
            except FileNotFoundError:  # a checkpoint that has just given way to a newer one
                if attempt == _ATTEMPTS - 1:
                    raise


def _write(folder: TrainingFolder, file: Path) -> None:
    recipe = card.public(folder.recipe).to_yaml().encode()
    with (
        file.open("wb") as raw,
        zstandard.ZstdCompressor(compression_params=_how()).stream_writer(raw) as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        _add(tar, recipe_file.NAME, recipe)
        _add(tar, recipe_file.DIGESTS, recipe_file.digests(recipe))
        for path in sorted(_packed(folder)):
            _add(tar, path.relative_to(folder.path).as_posix(), path.read_bytes())


def _how() -> zstandard.ZstdCompressionParameters:
    """Return how zstd packs: with an eye on all that `archives` lets it look back at.

    A checkpoint has the tokenizer that an earlier stage has as well, and TRL's copy of the weights that it began with.
    """
    return zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, window_log=archives.WINDOW_LOG, enable_ldm=True, write_checksum=True
    )


def unpack(file: Path, parent: Path) -> TrainingFolder:
    """Make a training's folder again under `parent`; one that holds all of it already stays as it is.

    Raises:
        UsageError: the file is none of `pack`, there is no room for it, or there is another training of that name.
    """
    beside, made = parent / f".{file.name}.{secrets.token_hex(4)}", not parent.exists()
    try:
        archives.unpack(file, beside)
        place = parent / _recipe(file, beside).name
        if not place.exists():
            beside.replace(place)
        elif not _holds(place, beside):
            raise UsageError(f"there is a training {place} already; move it away, or unpack into another --output.")
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if made:
            with suppress(OSError):  # there is a training in it now
                parent.rmdir()
    return TrainingFolder(place)


def _holds(place: Path, unpacked: Path) -> bool:
    """Whether a training has all that was packed, as it was: a command told to end may have made it just before."""
    packed = [path for path in unpacked.rglob("*") if path.is_file()]
    there = [place / path.relative_to(unpacked) for path in packed]
    return all(one.is_file() and filecmp.cmp(one, path, shallow=False) for one, path in zip(there, packed, strict=True))


def _recipe(file: Path, unpacked: Path) -> Recipe:
    path = unpacked / recipe_file.NAME
    if not path.is_file():
        raise UsageError(f"{file} is no packed training: no {path.name} is in it.")
    try:
        return recipe_file.read(path)
    except DamagedFile as fault:  # the folder is gone when this is read
        raise UsageError(f"{file} is no packed training: {fault.path.name} in it {fault.why}.") from None
    except UsageError as fault:
        raise UsageError(f"{file} is no packed training: {str(fault).replace(str(path), path.name)}") from None


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    told = tarfile.TarInfo(name)
    told.size = len(content)
    tar.addfile(told, io.BytesIO(content))


def _packed(folder: TrainingFolder) -> Iterator[Path]:
    if folder.ledger_path.exists():
        yield folder.ledger_path
    for stage in folder.recipe.stages:
        if stage != "export" and (record := folder.path / "stages" / f"{stage}.json").exists():
            yield record
    for stage in folder.recipe.trains:
        yield from _trained(folder, stage)


def _trained(folder: TrainingFolder, stage: Stage) -> Iterator[Path]:
    """Yield what a training stage made, or what it goes on from."""
    made = folder.path / stage
    if folder.is_done(stage):
        yield from (path for path in made.rglob("*") if path.is_file())
    elif last := checkpoints.latest(made):
        yield from (path for path in last.rglob("*") if path.is_file())
        yield made / points.FILE
