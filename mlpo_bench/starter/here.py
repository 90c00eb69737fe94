"""Models and adapters that are on this machine, as a team file may name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.engines.adapters import is_adapter
from mlpo_bench.engines.models import known
from mlpo_bench.engines.server.local import served_here
from mlpo_bench.folders import folders_below


if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that can sit in a team; `size` is in bytes, None where it is not known."""

    name: str
    where: str
    base_url: str | None = None
    size: int | None = None


async def candidates(folder: Path) -> list[Candidate]:
    """Return the models here: those that servers on this machine serve, the embedded one, the hub's cache, folders.

    Args:
        folder: Below which models are looked for.
    """
    served = [
        Candidate(name, f"a server, {url}", url) for url, names in (await served_here()).items() for name in names
    ]
    here = [Candidate(model.name, model.source, size=model.size) for model in known()]
    found = [
        Candidate(_named(path, folder), "a folder", size=_size(path))
        for path in folders_below(folder)
        if _is_model(path)
    ]
    return [*served, *here, *found]


def adapters(folder: Path) -> list[str]:
    """Return the adapters below a folder, as a team file there may name them."""
    return [_named(path, folder) for path in folders_below(folder) if is_adapter(path)]


def _named(path: Path, folder: Path) -> str:
    return f"./{path.relative_to(folder)}"


def _is_model(path: Path) -> bool:
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.glob("*.safetensors"))
