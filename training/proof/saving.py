"""What goes into the repository of a proof under way, and comes back on another machine.

`saved/completions/` has what models wrote, each file what those before it lack, by the identity of each request and
without a question; `saved/trainings/` what a training goes on from. Leaders that are done lie in `training/leaders/`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_bench import atomic
from training.proof.place import leaders, mlpo_bench, told_by


if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.proof.place import Place

SHARED = "sft"
"""The training that others go on from: it is kept until they are done."""
READ_BY = "59926b3"
"""The commit whose answer readers judged what SHARED and those after it learn from. Later ones read a few answers more:
they would keep one more question, and with it come to another fine-tuning."""
BOARD = ("leaderboards/under_way/completions.jsonl.zst",)
"""What the leaderboard has asked: many of its requests are the proof's."""


def completions(place: Place) -> list[Path]:
    """Return the files of completions that there are, the repository's own first."""
    board = [] if place.small else [path for path in map(Path, BOARD) if path.exists()]
    return [*board, *sorted((place.saved / "completions").glob("*.jsonl.zst"))]


def take_in(place: Place, reuse: Path | None = None) -> None:
    """Take in what earlier sittings have left in the repository, and what another store holds; nothing twice."""
    if reuse is not None:
        mlpo_bench("store", "export", str(_reused(place)), "--store", str(reuse))
    for file in [*completions(place), *_others(place)]:
        stamp = place.work / "taken" / f"{file.parent.name}-{file.name}-{file.stat().st_size}"
        if not stamp.exists():
            mlpo_bench("store", "import", str(file), "--store", str(place.store))
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.touch()
    for file in sorted((place.saved / "trainings").glob("*.tar.zst")):
        if not (place.trainings / _name(file)).exists() and _needed(place, _name(file)):
            mlpo_bench("train", "unpack", str(file), "--output", str(place.trainings))


def make_data(place: Place) -> None:
    """Make what SHARED learnt from, which no pack holds, as it was made: by the readers of then, of what is stored.

    Those that go on from SHARED take it from there. Without git's history it is left to the readers of now.
    """
    shared = place.trainings / SHARED
    if place.small or not (shared / "sft").exists() or (shared / "traces.parquet").exists():
        return
    code = place.work / "code" / READ_BY
    if not code.exists():
        packed = subprocess.run(["git", "archive", READ_BY], stdout=subprocess.PIPE, check=False)  # noqa: S607
        if packed.returncode:
            return
        with atomic.filled(code) as beside:
            subprocess.run(["tar", "-x", "-C", beside], input=packed.stdout, check=True)  # noqa: S607
    option, recipe, *changes = place.learning(SHARED)
    words = [option, str(Path(recipe).resolve()), *changes, "--output", str(place.trainings.resolve())]
    for stage in ("rollouts", "filter", "traces"):
        mlpo_bench("train", stage, *words, "--store", str(place.store.resolve()), of=code)


def save(place: Place) -> None:
    """Write what is worth keeping into the repository; nothing is committed."""
    if place.store.exists():
        _save_completions(place)
    kept = place.saved / "trainings"
    for name in _begun(place):
        if _needed(place, name):
            mlpo_bench("train", "pack", name, str(kept / f"{name}.tar.zst"), "--output", str(place.trainings))
    for file in kept.glob("*.tar.zst"):
        if not _needed(place, _name(file)):
            file.unlink()
    size = sum(path.stat().st_size for path in place.saved.rglob("*") if path.is_file())
    print(f"{place.saved} holds {size / 2**20:.1f} MiB; commit it with {place.leaders}.")


def _save_completions(place: Place) -> None:
    before = completions(place)
    own = [file for file in before if file.is_relative_to(place.saved)]
    file = place.saved / "completions" / f"{len(own) + 1:03}.jsonl.zst"
    beyond = [word for other in [*before, *_others(place)] for word in ("--beyond", str(other))]
    said = told_by("store", "export", str(file), "--store", str(place.store), *beyond)
    if said.startswith("0 "):
        file.unlink()
    else:
        print(said, end="")


def _reused(place: Place) -> Path:
    return place.work / "reused.jsonl.zst"


def _others(place: Place) -> list[Path]:
    """Return the file of what another store held, if one was named: it is not ours to keep."""
    return [file for file in [_reused(place)] if file.exists()]


def _needed(place: Place, name: str) -> bool:
    """Return whether a training is still gone on from."""
    if name == SHARED:
        return any(place.card(leader) is None for leader, told in leaders().items() if _goes_on(leader, told))
    return place.card(name) is None


def _goes_on(leader: str, told: dict[str, Any]) -> bool:
    """Return whether a leader is made from the very training SHARED, and not from what that has left."""
    return leader.startswith("mlpo") and not leader.startswith("mlpo-without") and "team" not in told


def _begun(place: Place) -> Iterator[str]:
    for name in leaders():
        if (place.trainings / name / "recipe.yaml").exists():
            yield name


def _name(file: Path) -> str:
    return file.name.removesuffix(".tar.zst")
