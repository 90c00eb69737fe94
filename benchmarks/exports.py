"""How much memory a big run's exports take, and how long.

    python -m benchmarks.exports --questions 20000 --formats parquet,inspect

Writes a run of made-up conversations of 20 turns, and exports it in each format in a process of its own. Prints
seconds, the size of what was written, and the most memory that the process held beyond what it held before. Exit code 1
above 1 GB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

from benchmarks.page import write_run
from mlpo_bench.export import export
from mlpo_bench.log import LoadedRun
from mlpo_bench.questions import Question


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.harness.samples import Sample

MOST_MB = 1_000.0


def gold(run: LoadedRun, suites: Sequence[str], _data: Path | None) -> dict[str, dict[str, Sample]]:
    """Return what stands in the place of the run's questions, which were made up: all are answered by A."""
    records = run.records(run.cells[0].id)
    made_up = {
        one.question: SimpleNamespace(question=Question("bbh", one.subject, one.question, "?", "option"), gold="(A)")
        for one in records
    }
    return {suite: cast("dict[str, Sample]", made_up) for suite in suites}


def megabytes(name: str) -> float:
    """Return what Linux tells of this process's memory: `VmRSS` held now, `VmHWM` at most so far."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(f"{name}:"))


def measure(form: str, folder: str, results: Any) -> None:  # noqa: ANN401 - a queue
    """Export a run, and put down how long it took and how much more memory it held."""
    run = LoadedRun.open(folder)
    before = megabytes("VmRSS")
    began = time.perf_counter()
    with patch("mlpo_bench.export.inspect_log.load_asked", gold):
        paths = export(run, form, Path(folder).parent / form)
    seconds = time.perf_counter() - began
    held = megabytes("VmHWM") - before
    results.put({"seconds": seconds, "held": held, "written": sum(path.stat().st_size for path in paths) / 1e6})


def measured(form: str, folder: Path) -> Mapping[str, float]:
    """Measure a format in a fresh process."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=measure, args=(form, str(folder), results))
    process.start()
    told: dict[str, float] = results.get()
    process.join()
    return told


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description="How much memory a big run's exports take, and how long.")
    parser.add_argument("--questions", type=int, default=2_000)
    parser.add_argument("--characters", type=int, default=1500, help="the median length of a turn's text")
    parser.add_argument("--formats", default="parquet,inspect")
    options = parser.parse_args()
    most = 0.0
    with tempfile.TemporaryDirectory() as parent:
        folder = write_run(Path(parent), options.questions, options.characters)
        for form in options.formats.split(","):
            told = measured(form, folder.path)
            most = max(most, told["held"])
            print(f"{form}: {options.questions} questions of 20 turns in {told['seconds']:.0f} s, ", end="")
            print(f"{told['written']:.0f} MB written, {told['held']:.0f} MB held")
    return 0 if most <= MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
