"""Looks at all that a team needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.doctor.data import data
from mlpo_bench.doctor.engines import engines
from mlpo_bench.doctor.finding import Report, any_works
from mlpo_bench.doctor.machine import GIB, Gpu, compiled, devices, disks, gpus
from mlpo_bench.doctor.models import models
from mlpo_bench.doctor.servers import keys, servers
from mlpo_bench.engines.cache import cache_dir
from mlpo_bench.log import hardware
from mlpo_bench.teams import Team, read_team


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.doctor.finding import Say
    from mlpo_bench.questions import Suite


async def examine(
    team_file: Path | None,
    suites: Sequence[Suite],
    folder: Path | None,
    output: Path,
    say: Say,
    *,
    load: bool = False,
    suites_needed: bool = False,
) -> Report:
    """Return what works here of what a team needs.

    Args:
        team_file: The team; None for the embedded model in all seats.
        suites: What it would be asked.
        folder: Where `--data` has their questions.
        output: Where runs are kept.
        say: Takes what is being looked at.
        load: Whether local models are loaded, and asked one small question each.
        suites_needed: Whether every one of the suites counts as needed; otherwise one of them is.

    Raises:
        UsageError: the team file is at fault.
    """
    team = read_team(team_file) if team_file else Team()
    specs = tuple(dict.fromkeys(member.spec for member in team.measured))
    behind = [member for member in team.measured if member.base_url]
    cards = gpus()
    found = [
        *engines(specs, gpu=bool(cards)),
        *devices(cards),
        *disks(_folders(output)),
        *compiled(),
    ]
    questions = list(data(suites, folder, say, needed=suites_needed))
    found += questions if any_works(questions) else [replace(one, needed=True) for one in questions]
    found += await models([spec for spec in specs if not spec.base_url], _memory(cards), say, load=load)
    found += keys(spec for spec in specs if spec.base_url)
    if behind:
        count = len({member.spec for member in behind})
        say(f"Asking {count} server{'s' * (count != 1)} one question{' each' * (count != 1)}")
        found += await servers(behind)
    return Report(tuple(found), team_file)


def _folders(output: Path) -> dict[str, tuple[Path, str]]:
    from huggingface_hub import constants

    return {
        "cache": (cache_dir(), "name another folder: export XDG_CACHE_HOME=FOLDER"),
        "hub's cache": (Path(constants.HF_HUB_CACHE), "name another folder: export HF_HOME=FOLDER"),
        "runs": (output.absolute(), "name another folder: --output FOLDER"),
    }


def _memory(cards: Sequence[Gpu]) -> float | None:
    """Return what the device holds, in bytes."""
    if cards:
        return sum(card.memory for card in cards) * GIB
    held = hardware.memory_gib()
    return None if held is None else held * GIB
