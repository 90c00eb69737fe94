"""Carries the proof out: whatever is left of it, in order, however often it was interrupted."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.proof import page, saving
from training.proof.place import FAILED_IN_PART, SMALL_QUESTIONS, Place, leaders, mlpo_bench
from training.proof.steps import STEPS, Evaluation, Training


if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.proof.steps import Part, Step

HOUR = 3600
# `grpo` gets as many tokens as this leader took in its training stages.
EQUAL = {"grpo": "mlpo"}


def main() -> None:
    """Do what the command line says."""
    chosen = _arguments()
    data, reuse = (path.resolve() if path else None for path in (chosen.data, chosen.reuse))
    os.chdir(Path(__file__).parents[2])
    if data:  # it may hold BBH alone: the other suites are then taken from where they are
        os.environ["MLPO_BENCH_DATA"] = str(data)
    place = Place(data, chosen.small, chosen.engine)
    if chosen.status:
        _tell(place)
    elif chosen.save:
        saving.save(place)
        page.write(place)
    else:
        _carry_out(place, _steps(chosen), reuse)


def _arguments() -> argparse.Namespace:
    read = argparse.ArgumentParser(prog="training/proof/run", description=__doc__)
    read.add_argument("--data", type=Path, default=os.environ.get("MLPO_BENCH_DATA"), help="folder with BBH")
    read.add_argument("--status", action="store_true", help="say what is done and what is left, and do nothing")
    read.add_argument("--save", action="store_true", help="write what is worth keeping into the repository")
    read.add_argument("--engine", choices=("hf", "vllm"), help="what answers the tests, where not what is here")
    some = read.add_mutually_exclusive_group()
    some.add_argument("--until", choices=[step.name for step in STEPS], help="end with this step")
    some.add_argument("--step", choices=[step.name for step in STEPS], help="this step alone")
    read.add_argument("--reuse", type=Path, metavar="STORE", help="take what another store of completions holds")
    read.add_argument("--small", action="store_true", help="all of it in minutes, to see that it runs")
    return read.parse_args()


def _steps(chosen: argparse.Namespace) -> tuple[Step, ...]:
    names = [step.name for step in STEPS]
    if chosen.step:
        return (STEPS[names.index(chosen.step)],)
    return STEPS[: names.index(chosen.until) + 1] if chosen.until else STEPS


def _carry_out(place: Place, steps: tuple[Step, ...], reuse: Path | None) -> None:
    saving.take_in(place, reuse)
    _tell(place)
    in_part: list[str] = []
    for step in steps:
        todo = (part for part in parts(step, place) if not is_done(part, place))
        in_part += [part.words for part in todo if not _do(part, place)]
        page.write(place)
    _tell(place)
    if in_part:
        sys.exit(f"Not all questions could be asked: {'; '.join(in_part)}. The same command asks the others.")


def parts(step: Step, place: Place) -> Iterator[Part]:
    """Yield the parts of a step, suite by suite; with `--small` those of suites and leaders that it has."""
    for part in step.parts:
        if isinstance(part, Training):
            if not place.small or "suites" not in leaders()[part.leader]:
                yield part
        elif not place.small or part.team == "untrained" or "suites" not in leaders()[part.team]:
            for suite in part.suites:
                if not place.small or suite in SMALL_QUESTIONS:
                    yield Evaluation(part.team, part.rows, part.openings, part.revisions, part.verdicts, (suite,))


def is_done(part: Part, place: Place) -> bool:
    """Return whether a part needs nothing more on this machine."""
    if isinstance(part, Training):
        return place.card(part.leader) is not None
    return _stamp(part, place).exists()


def _do(part: Part, place: Place) -> bool:
    if isinstance(part, Training):
        _train(part.leader, place)
        return True
    (suite,) = part.suites
    only = ",".join(f"{suite}.{part.team}.{row}" for row in part.rows)
    words = ["run", "--matrix", str(place.matrix), *place.asking(suite), "--only", only]
    where = ["--name", suite, "--output", str(place.runs), "--store", str(place.store)]
    # The matrix grows with each leader that is tried; what was run by an earlier one stays as it is.
    where += ["--add"] if (place.runs / suite / "config.yaml").exists() else []
    whole = mlpo_bench(*words, *where, ends=(0, FAILED_IN_PART)) == 0
    if whole:
        stamp = _stamp(part, place)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    return whole


def _train(leader: str, place: Place) -> None:
    saving.make_data(place)
    words = place.learning(leader)
    if leader in EQUAL:
        card = place.card(EQUAL[leader])
        assert card is not None, f"{leader} is trained after {EQUAL[leader]}"
        tokens = sum(spent["tokens"] for stage, spent in card["spent"].items() if stage in {"sft", "mlpo"})
        words += ["--set", f"mlpo.tokens={tokens:.0f}"]
    words = ["train", "all", *words, "--output", str(place.trainings), "--store", str(place.store)]
    if mlpo_bench(*words, ends=(0, FAILED_IN_PART)):
        mlpo_bench(*words)  # an engine that failed once is given another chance


def _stamp(part: Evaluation, place: Place) -> Path:
    """Return the file that says that a part was asked in full."""
    (suite,) = part.suites
    digest = hashlib.sha256(",".join(part.rows).encode()).hexdigest()[:8]
    return place.done / f"{suite}.{part.team}.{digest}"


def _tell(place: Place) -> None:
    """Print what is done and what is left, with about how long it takes."""
    left = 0.0
    for step in STEPS:
        of_step = list(parts(step, place))
        if not of_step:
            continue
        todo = [part for part in of_step if not is_done(part, place)]
        hours = sum(_seconds(part) for part in todo) / HOUR
        left += hours
        told = f"{hours:4.1f} h left, {left:4.1f} h with all before" if todo else "done"
        print(f"{step.name:3} {step.what}: {told}")
        for part in of_step:
            done = "done" if is_done(part, place) else f"{_seconds(part) / 60:4.0f} min"
            if isinstance(part, Training) and done != "done" and (place.trainings / part.leader).exists():
                done = f"begun,{done}"
            where = f"{part.suites[0]}, " if isinstance(part, Evaluation) else ""
            print(f"      {done:>14}  {where}{part.words}")
    print(f"About {left:.1f} h are left, at 200 tokens/s written and 350 trained, on two cores with nothing beside.")


def _seconds(part: Part) -> float:
    return part.seconds if isinstance(part, Training) else part.seconds(part.suites[0])
