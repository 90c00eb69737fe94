"""What is kept of each stage of a training, read back strictly, and put aside where it is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_bench.log.files import DamagedFile, read_json
from mlpo_bench.log.repair import put_aside


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a stage: `state` (begun or done), `inputs`, and of one that is done, `outputs` and `facts`.

    Raises:
        DamagedFile: it is not what was written. The stage can be done again, or its record be put back.
    """
    try:
        record = read_json(path)
    except DamagedFile as fault:
        raise _damaged(path, fault.why) from None
    done = record.get("state") == "done"
    if not done and record.get("state") != "begun":
        raise _damaged(path, "does not say whether the stage was done")
    facts = [record.get(name, {}) for name in ("inputs", "outputs", "facts")]
    names = {"inputs"} | ({"outputs"} if done else set())
    if not names <= set(record) or not all(isinstance(fact, dict) for fact in facts):
        raise _damaged(path, "does not say what went into the stage and what came out")
    return record


def _damaged(path: Path, why: str) -> DamagedFile:
    return DamagedFile(path, why, f"; delete it, and `mlpo-bench train {path.stem}` does the stage again")


def read_ledger(path: Path) -> dict[str, dict[str, float]]:
    """Return what each stage took; nothing where no stage was begun.

    Raises:
        DamagedFile: it is not what was written.
    """
    if not path.exists():
        return {}
    remedy = "; delete it, and what the stages took until now is not known any more"
    try:
        ledger = read_json(path)
    except DamagedFile as fault:
        raise DamagedFile(path, fault.why, remedy) from None
    for spent in ledger.values():
        if not isinstance(spent, dict) or not all(type(value) in (int, float) for value in spent.values()):
            raise DamagedFile(path, "holds something else than what stages took", remedy)
    return ledger


def put_right(records: Iterable[Path], files: Iterable[Path]) -> Iterator[str]:
    """Put aside what is damaged of stages that are done again out of the store; say so, a sentence each.

    Args:
        records: The records of those stages.
        files: What they and the training itself write, where no folder should stand.
    """
    for path in filter(Path.exists, records):
        try:
            read_record(path)
        except DamagedFile as fault:
            yield put_aside(path, fault.why)
    for path in files:
        if path.is_dir():
            yield put_aside(path, "is a folder")
