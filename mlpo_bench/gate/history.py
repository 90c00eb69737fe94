"""When a baseline was made, of what, and why: no baseline changes without a reason."""

from __future__ import annotations

from codecs import BOM_UTF8
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpo_bench import atomic, yamls
from mlpo_bench.errors import UsageError, reason
from mlpo_bench.log.files import check_schema_of


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from mlpo_bench.log import LoadedRun

SCHEMA_VERSION = 1


class Made(BaseModel):
    """One making of a baseline. `commit` is None where the package did not run from a checkout.

    `accuracy` is that of each row then, so that small steps down are seen together; None where nobody kept it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: str
    reason: str
    commit: str | None = None
    dirty: bool = False
    accuracy: dict[str, yamls.Real] | None = None

    def with_accuracy(self, accuracy: Mapping[str, float]) -> Self:
        """Return it with the accuracy of each row."""
        return self.model_copy(update={"accuracy": {name: round(share, 4) for name, share in accuracy.items()}})

    @classmethod
    def now(cls, reason: str | None, run: LoadedRun) -> Made:
        """Return the making of a baseline from a run, by the code that judged its answers.

        Raises:
            UsageError: no reason is given.
        """
        if not (reason or "").strip():
            raise UsageError("a baseline is made with a reason that others can read later; give --reason TEXT.")
        manifest = run.manifest
        judged = manifest.get("rescored", ())[-1:] or [manifest]
        git = judged[0].get("git") or {}
        date = datetime.now(UTC).date().isoformat()
        return cls(date=date, reason=str(reason).strip(), commit=git.get("commit"), dirty=bool(git.get("dirty", False)))


class Kept(BaseModel):
    """What every baseline file holds. `history` goes from the first making to the last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    history: Annotated[tuple[Made, ...], Field(min_length=1)]

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            UsageError: it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(path, _in_lines(self.model_dump(mode="json", exclude_none=True)))
        except OSError as error:
            raise UsageError(f"the baseline {path} cannot be written: {reason(error)}.") from None


def ratcheted(kept: Kept) -> Iterator[str]:
    """Yield a line for each row that stands lower than it did when an earlier baseline was made.

    A gate sees one step at a time: several that are too small to be found may add up to one that is not.
    """
    *earlier, last = [made.accuracy for made in kept.history if made.accuracy is not None]
    for name, now in last.items():
        best = max((accuracy[name] for accuracy in earlier if name in accuracy), default=now)
        if best > now:
            yield (
                f"{name} stands at {now:.3f}, and an earlier baseline at {best:.3f}: where a baseline follows each "
                "step down, small losses add up."
            )


def _in_lines(fields: Mapping[str, object]) -> bytes:
    """Return JSON with a line for each row, so that a diff shows which rows changed."""
    return b"{\n" + b",\n".join(orjson.dumps(name) + b": " + _one(value) for name, value in fields.items()) + b"\n}\n"


def _one(value: object) -> bytes:
    if isinstance(value, dict) and value:
        lines = [b"  " + orjson.dumps(name) + b": " + orjson.dumps(each) for name, each in value.items()]
        return b"{\n" + b",\n".join(lines) + b"\n}"
    if isinstance(value, list) and value:
        return b"[\n" + b",\n".join(b"  " + orjson.dumps(each) for each in value) + b"\n]"
    return orjson.dumps(value)


Model = TypeVar("Model", bound=Kept)


def read_baseline(path: Path, model: type[Model], made_by: str = "--update --reason TEXT") -> Model:
    """Read a baseline file, which some options of the gate make.

    Raises:
        UsageError: it cannot be read, or is no baseline of this version.
    """
    try:
        content = atomic.read(path).removeprefix(BOM_UTF8)  # its bounds are edited by hand, in any editor
    except OSError as error:
        told = f"the baseline {path} cannot be read: {error.strerror}."
        raise UsageError(f"{told} Make one with {made_by}.") from None
    check_schema_of(path, content, (SCHEMA_VERSION,))
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise UsageError(f"{path} is no baseline of this kind: {where}: {first['msg']}.") from None
