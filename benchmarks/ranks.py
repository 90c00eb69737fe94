"""How long a large leaderboard's simultaneous rank intervals take.

    python -m benchmarks.ranks                               # 500 rows of 1,000 questions

Prints seconds of the clock and of the processor for each repetition. Exit code 1 where the quickest took more than two
seconds of the clock.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter, process_time

import numpy as np

from mlpo_bench.stats import rank_intervals


BOUND = 2.0


def main() -> int:
    """Measure, print, and tell whether the bound holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--questions", type=int, default=1_000)
    parser.add_argument("--repetitions", type=int, default=3)
    asked = parser.parse_args()
    scores = (np.random.default_rng(0).random((asked.rows, asked.questions)) < 0.4).astype(float)
    taken = []
    for _ in range(asked.repetitions):
        busy, began = process_time(), perf_counter()
        rank_intervals(scores)
        taken.append(perf_counter() - began)
        print(f"{taken[-1]:.2f} s of the clock, {process_time() - busy:.2f} s of the processor")
    return int(min(taken) > BOUND)


if __name__ == "__main__":
    sys.exit(main())
