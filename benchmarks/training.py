"""Where a step of reinforcement spends its time, and how ours compares with plain TRL on the same data.

    python benchmarks/training.py                        # SmolLM2, prompts of about 700 tokens, three ways
    python benchmarks/training.py --prompt-tokens 1500 --generations 16 --max-tokens 192
    python benchmarks/training.py --learn 20 --prompts 4 --prompt-tokens 150 --max-tokens 48    # do both learn alike?

Three ways take the same first step of a fresh adapter, on the same prompts, with the same settings and seed:

- `trl`: TRL's GRPOTrainer as it comes, two rows at a time (more take more memory, and no less time on a CPU);
- `rows`: ours with `once: false`, which is TRL's computing with our groups, prompts and judge around it;
- `once`: ours with `once: true`, which reads each prompt once for all its completions.

All judge by the benchmark's judge. Groups that earned all the same teach nothing, and `once` spares them the model; so
that this does not flatter it, rewards then alternate within a group, and every group has something to learn.

The ways take turns, other prompts each time, so that other work on the machine weighs on all alike; seconds of the
processor are compared, and those on the clock told beside them. The loss and gradient of the three are printed: the
steps are one and the same up to rounding where the completions drawn are (those of `once` need not be, once rows end).
With `--learn`, `rows` and `once` train so many steps, to end before `--max-tokens`, and their curves are printed.
Exit code 1 where `rows` takes more than 5 % longer than `trl`, or `once` is not twice as fast.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from mlpo_bench.chat import Sampling
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.training import libraries, policy
from mlpo_bench.training.recipe import Recipe
from mlpo_bench.training.rows import Prompt


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OVERHEAD, SPEEDUP = 1.05, 2.0
WAYS = ("trl", "rows", "once")
PARTS = ("writing", "judging", "forward", "backward", "rest")
# What a trainer calls for each part of a step.
METHODS = {
    "writing": "_generate_single_turn",
    "judging": "_calculate_rewards",
    "forward": "_get_per_token_logps_and_entropies",
}
WORDS = ("the", "leader", "weighs", "each", "attempt", "and", "finds", "where", "they", "part", "ways", "before", "it")


class Clock:
    """Seconds on the clock and of the processor, by part of a step; a part inside another counts for itself alone."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = defaultdict(float)
        self.wall = self.processor = 0.0
        self._inner = 0.0

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that counts its time under a part."""

        def measured(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the trainer passes
            outer, self._inner = self._inner, 0.0
            started = time.process_time()
            try:
                return call(*given, **named)
            finally:
                took = time.process_time() - started
                self.parts[part] += took - self._inner
                self._inner = outer + took

        return measured

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Count a whole step."""
        wall, processor, parts = time.perf_counter(), time.process_time(), sum(self.parts.values())
        yield
        self.wall += time.perf_counter() - wall
        took = time.process_time() - processor
        self.processor += took
        self.parts["rest"] += took - (sum(self.parts.values()) - parts)


def prompts(args: argparse.Namespace) -> list[Prompt]:
    """Return made-up prompts of a leader, of about as many tokens as asked for."""
    draw = random.Random(0)  # noqa: S311 - reproducible, not secret
    made = []
    for number in range(args.prompts * args.steps):
        attempts = "\n\n".join(
            f"Attempt {n}:\n{' '.join(draw.choices(WORDS, k=int(args.prompt_tokens / 3.4)))}" for n in (1, 2, 3)
        )
        ending = "End with <answer>Yes</answer> or <answer>No</answer>."
        text = f"You lead a group. Is {number} even?\n\n{attempts}\n\n{ending}"
        made.append(
            Prompt(
                prompt_id=str(number), question_id=str(number), suite="bbh", subject="navigate",
                answer_format="yes_no", gold="No" if number % 2 else "Yes", kind="leader",
                messages=({"role": "user", "content": text},), round=0, variant=0, order=(), attempts_right=(),
                sampling=Sampling(),
            )
        )  # fmt: skip
    return made


def recipe(args: argparse.Namespace, *, once: bool, steps: int = 1) -> Recipe:
    """Return a recipe of one step, or of several."""
    member = {"model": args.model}
    return Recipe.model_validate(
        {
            "name": "benchmark",
            "team": {"leader": member, "peers": [member]},
            "suites": ["bbh"],
            "method": "mlpo",
            "mlpo": {
                "steps": steps,
                "prompts_per_step": args.prompts,
                "generations": args.generations,
                "micro_batch": args.generations if once else args.rows,
                "max_tokens": args.max_tokens,
                "gradient_checkpointing": False,
                "learning_rate": args.learning_rate,
                "save_every": 10_000,
                "once": once,
                "kl_every": 0,  # how far the leader has moved is a figure for people, not a part of a step
            },
        }
    )


def trainer(way: str, args: argparse.Namespace, shown: list[Prompt], folder: Path, clock: Clock) -> Any:  # noqa: ANN401
    """Return the trainer of a way, its parts timed."""
    from mlpo_bench.training import leader_trainer, mlpo, rewards

    chosen = recipe(args, once=way == "once")
    leader = policy.load(chosen)
    judge = rewards.earned

    def alternating(asked: Any, texts: Any, cut_off: Any) -> list[rewards.Earned]:  # noqa: ANN401
        judge(asked, texts, cut_off)
        return [rewards.Earned(right=float(n % 2), formed=0.0) for n in range(len(texts))]

    if way == "trl":
        made = plain(chosen, leader, shown, folder, alternating)
    else:
        vars(leader_trainer)["earned"] = alternating
        made = mlpo.make_trainer(chosen, leader, shown, folder, [], mlpo.Leg(0, 0, 1))
    for part, name in METHODS.items():
        setattr(made, name, clock.timed(part, getattr(made, name)))
    made.accelerator.backward = clock.timed("backward", made.accelerator.backward)
    made.add_callback(step_timer(clock))
    return made


def plain(chosen: Recipe, leader: policy.Policy, shown: list[Prompt], folder: Path, judge: Callable[..., Any]) -> Any:  # noqa: ANN401
    """Return TRL's own trainer with the settings of ours, on the prompts in the order in which ours takes them."""
    from datasets import Dataset
    from trl import GRPOTrainer

    from mlpo_bench.training import settings
    from mlpo_bench.training.groups import grouped

    groups = grouped(shown, "prompt", chosen.mlpo.generations)
    places = groups.rows(chosen.seed, 0, len(shown))[:: groups.completions]
    ends = set(leader.ends)

    def reward(completions: Any, completion_ids: Any, place: Any, **_: Any) -> list[float]:  # noqa: ANN401
        texts = [completion[-1]["content"] for completion in completions]
        found = judge([shown[n] for n in place], texts, [ids[-1] not in ends for ids in completion_ids])
        return [one.right for one in found]

    args = settings.for_mlpo(chosen, folder, groups)
    args.shuffle_dataset = False
    rows = [{"prompt": [dict(m) for m in shown[n].messages], "place": n} for n in places]
    with libraries.calm():
        made = GRPOTrainer(leader.model, reward, args, Dataset.from_list(rows), processing_class=leader.tokenizer)
    return libraries.without_printing(made)


def step_timer(clock: Clock) -> Any:  # noqa: ANN401 - transformers has no types
    """Return a callback that counts each step as a whole."""
    from transformers import TrainerCallback

    class Steps(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
            self.step = contextlib.ExitStack()
            self.step.enter_context(clock.whole())

        def on_step_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
            self.step.close()

    return Steps()


def measured(args: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Return the figures of every step, by way."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    made = prompts(args)
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(args.steps):
            shown = made[turn * args.prompts : (turn + 1) * args.prompts]
            for way in (*WAYS[turn % len(WAYS) :], *WAYS[: turn % len(WAYS)]):
                clock = Clock()
                one = trainer(way, args, shown, Path(folder), clock)
                with libraries.calm():
                    one.train()
                log = one.state.log_history[0]
                figures = {name: float(log[name]) for name in ("loss", "grad_norm", "completions/mean_length")}
                found[way].append(figures | clock.parts | {"clock": clock.wall, "processor": clock.processor})
                del one
    return found


def learnt(args: argparse.Namespace) -> dict[str, list[float]]:
    """Return the share of completions that ended in time, step by step, by rows and with prompts read once."""
    from mlpo_bench.training import leader_trainer, mlpo
    from mlpo_bench.training.rewards import Earned

    def ended(_: Any, __: Any, cut_off: list[bool]) -> list[Earned]:  # noqa: ANN401
        return [Earned(right=float(not cut), formed=0.0) for cut in cut_off]

    vars(leader_trainer)["earned"] = ended
    args.steps = args.learn
    shown, found = prompts(args), {}
    with tempfile.TemporaryDirectory() as folder:
        for way in ("rows", "once"):
            chosen = recipe(args, once=way == "once", steps=args.learn)
            place = Path(folder) / way
            one = mlpo.make_trainer(chosen, policy.load(chosen), shown, place, [], mlpo.Leg(0, 0, args.learn))
            with libraries.calm():
                one.train()
            found[way] = [float(log["reward"]) for log in one.state.log_history if "reward" in log]
            print_learnt({way: found[way]})
    return found


def print_learnt(found: dict[str, list[float]]) -> None:
    """Print curves beside one another."""
    from mlpo_bench.cli._curves import sparkline

    for way, rewards in found.items():
        part = max(len(rewards) // 4, 1)
        first, last = (statistics.mean(some) for some in (rewards[:part], rewards[-part:]))
        print(f"{way}: ended in time {first:.2f} at first, {last:.2f} at last  {sparkline(rewards)}")


def main() -> None:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--prompts", type=int, default=2, help="prompts a step")
    parser.add_argument("--prompt-tokens", type=int, default=700)
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--rows", type=int, default=2, help="completions at a time where each has a row of its own")
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--learn", type=int, default=0, metavar="STEPS", help="print curves of so many steps instead")
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    libraries.trl()
    if args.learn:
        learnt(args)
        return
    found = measured(args)

    def middle(way: str, name: str) -> float:
        return statistics.median(step.get(name, 0.0) for step in found[way])

    table = Table(title=f"Seconds of the processor a step: {args.prompts} prompts x {args.generations} completions")
    for title in ("", *PARTS, "whole", "clock", "tokens", "loss", "gradient"):
        table.add_column(title, justify="left" if not title else "right")
    for way in WAYS:
        figures = [f"{middle(way, part):.2f}" for part in (*PARTS, "processor", "clock")]
        last = found[way][-1]
        told = [f"{middle(way, 'completions/mean_length'):.0f}", f"{last['loss']:.4f}", f"{last['grad_norm']:.4f}"]
        table.add_row(way, *figures, *told)
    Console(width=110).print(table)
    overhead = middle("rows", "processor") / middle("trl", "processor")
    speedup = middle("trl", "processor") / middle("once", "processor")
    print(f"rows takes {overhead:.3f} times as long as trl (at most {OVERHEAD})")
    print(f"once is {speedup:.2f} times as fast as trl (at least {SPEEDUP})")
    sys.exit(overhead > OVERHEAD or speedup < SPEEDUP)


if __name__ == "__main__":
    main()
