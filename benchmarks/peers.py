"""Beside what people would use instead: solo beside lm-eval's own backends, teams beside three ways to write them.

    python -m benchmarks.peers solo --repetitions 3
    python -m benchmarks.peers solo --engine vllm --repetitions 3
    python -m benchmarks.peers teams --data FOLDER --repetitions 3

`solo` runs whole commands, in which SmolLM2-135M answers the same 114 questions of MMLU greedily with up to 64 tokens:
`mlpo-bench run --engine hf`, and `lm-eval run --model hf` at the best of several batch sizes; or both by vLLM, lm-eval
at the better of two kinds of numbers. `teams` asks one vLLM
server, which it starts, as a leader with three peers over two rounds: 54 questions of BBH, up to 96 tokens, the same
prompts on every side. The sides run by turns, in another order each time. A machine's other work disturbs wall time
more than the processor's, so both are given, and ratios are medians over turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers_server import Server
from benchmarks.peers_solo import LEAST_SOLO, Command, batch_sizes, number_types, ours, sampled
from benchmarks.peers_teams import SIDES, measure, questions


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def solo(options: argparse.Namespace) -> None:
    """Print what ours and lm-eval at its best take, and the ratio."""
    chosen = sampled(options.questions)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "runs")
        folder.mkdir()
        if options.engine == "hf":
            ways = batch_sizes(chosen, options.tokens, options.batch)
        else:
            ways = number_types(chosen, options.tokens, Path(parent))
        best = _best(ways, folder)
        ratios = defaultdict(list)
        for turn in range(options.repetitions):
            sides = [ours(options.questions, options.tokens, options.engine), best]
            taken = {side.name: side.run(folder) for side in (sides if turn % 2 == 0 else sides[::-1])}
            mine, other = taken[sides[0].name], taken[best.name]
            for kind in ("wall", "processor"):
                ratios[kind].append(getattr(other, kind) / getattr(mine, kind))
            print(f"  ours {mine}   {best.name} {other}", flush=True)
    for kind, of_kind in ratios.items():
        print(f"{kind} time: {best.name} takes {_spread(of_kind)} times ours (at least {LEAST_SOLO} wanted)")


def _best(commands: Iterable[Command], folder: Path) -> Command:
    """Return the command that takes the processor least."""
    taken = {}
    for command in commands:
        taken[command] = command.run(folder)
        print(f"  {command.name} {taken[command]}", flush=True)
    return min(taken, key=lambda command: taken[command].processor)


def teams(options: argparse.Namespace) -> None:
    """Print what each way of holding the same conversations comes to on one server, and ours to each."""
    asked = questions(options.questions, options.data)
    speeds: dict[str, list[float]] = defaultdict(list)
    with Server(imitated=options.imitated) as server:
        measure(SIDES["barrier"], server, asked[:4], options.tokens, seed=0)
        for turn in range(options.repetitions):
            names = list(options.sides)
            for name in names if turn % 2 == 0 else names[::-1]:
                done = measure(SIDES[name], server, asked, options.tokens, seed=turn + 1)
                speeds[name].append(done.speed)
                print(f"  {name:8} {done}", flush=True)
    for name in options.sides:
        if name != "ours":
            ratios = [mine / other for mine, other in zip(speeds["ours"], speeds[name], strict=True)]
            print(f"ours to {name}: {_spread(ratios)} of its written tokens a second")


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    alone = kinds.add_parser("solo", help="beside lm-eval's own backends")
    alone.add_argument("--engine", choices=("hf", "vllm"), default="hf", help="what answers, on both sides")
    alone.add_argument("--questions", type=int, default=114)
    alone.add_argument("--tokens", type=int, default=64)
    alone.add_argument("--batch", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    alone.add_argument("--repetitions", type=int, default=3)
    alone.set_defaults(measure=solo)
    led = kinds.add_parser("teams", help="beside an inspect_ai solver, a pool of threads and a barrier")
    led.add_argument("--questions", type=int, default=54)
    led.add_argument("--tokens", type=int, default=96)
    led.add_argument("--data", type=Path, help="folder with bbh/ as published")
    led.add_argument("--imitated", action="store_true", help="ask a server whose steps take as long as a formula says")
    led.add_argument("--sides", nargs="+", choices=list(SIDES), default=list(SIDES))
    led.add_argument("--repetitions", type=int, default=3)
    led.set_defaults(measure=teams)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    options.measure(options)


if __name__ == "__main__":
    main()
