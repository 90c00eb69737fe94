"""How fast engine `hf` decodes, with one process or several on one device.

    python -m benchmarks.decoding --rows 1024
    python -m benchmarks.decoding --rows 512 --processes 6

A model of SmolLM2-135M's shape with random weights, in bfloat16, reads prompts of 200 tokens and draws answers of 20 to
80, as many side by side as `--rows` says: the decoder alone, without a run around it. On a GPU several processes take
turns, unless a daemon of NVIDIA's MPS (`nvidia-cuda-mps-control -d`) lets them share it. Prints each process's tokens
per second, and milliseconds a step.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mlpo_bench.chat import Sampling
from mlpo_bench.engines.decoding.attention import use_heads_as_queries
from mlpo_bench.engines.decoding.decoder import Decoder
from mlpo_bench.engines.decoding.rows import Row
from mlpo_bench.engines.generation import AS_THE_TASK_SAYS


SHAPE = {
    "vocab_size": 49_152,
    "hidden_size": 576,
    "intermediate_size": 1_536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "max_position_embeddings": 8_192,
    "tie_word_embeddings": True,
}
"""SmolLM2-135M's."""
PROMPT, LENGTHS = 200, range(20, 81, 4)
READ_TOGETHER = 80
WARM_UP_ROWS = 8


def rows_of(count: int, seed: int) -> list[Row]:
    """Return requests with prompts of random words, no two alike, and answers of all lengths."""
    words = random.Random(seed)  # noqa: S311 - not a secret
    return [
        Row(
            [words.randrange(SHAPE["vocab_size"]) for _ in range(PROMPT)],
            Sampling(temperature=0.7, max_tokens=LENGTHS[place % len(LENGTHS)]),
            place,
        )
        for place in range(count)
    ]


def measured(model: LlamaForCausalLM, count: int, seed: int) -> tuple[float, float]:
    """Return tokens written a second behind the prompts, and seconds for each step."""
    rows = rows_of(count, seed)
    # No token ends an answer: each is as long as it may become.
    decoder = Decoder(model, None, [SHAPE["vocab_size"]], AS_THE_TASK_SAYS)
    decoder.advance([rows[first : first + READ_TOGETHER] for first in range(0, count, READ_TOGETHER)])
    before, started = sum(len(row.written) for row in rows), time.perf_counter()
    steps = max(LENGTHS) - max(len(row.written) for row in rows)
    while decoder.rows:
        decoder.advance([])
    seconds = time.perf_counter() - started
    return (sum(len(row.written) for row in rows) - before) / seconds, seconds / steps


def decode(count: int, repetitions: int, go: Path) -> None:
    """Wait until all processes are ready, then print what this one comes to."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = LlamaForCausalLM(LlamaConfig(**SHAPE)).to(device, torch.bfloat16).eval()
    use_heads_as_queries(model)
    measured(model, WARM_UP_ROWS, 0)
    print("ready", flush=True)
    while not go.exists():
        time.sleep(0.01)
    for repetition in range(repetitions):
        rate, step = measured(model, count, 1 + repetition)
        print(f"{rate:8,.0f} tokens/s, {1_000 * step:6.1f} ms a step", flush=True)


def side_by_side(processes: int, words: list[str], go: Path) -> None:
    """Start processes, let them begin together, and print what each comes to."""
    command = [sys.executable, "-m", "benchmarks.decoding", *words, "--go", str(go)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "a process ended before it had begun"
    go.touch()
    for number, process in enumerate(started, 1):
        told, _ = process.communicate()
        print(f"process {number}\n{told}", end="", flush=True)


def main() -> None:
    """Measure, and print what comes of it."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--rows", type=int, default=512, help="requests decoded side by side in each process")
    read.add_argument("--processes", type=int, default=1)
    read.add_argument("--repetitions", type=int, default=3)
    read.add_argument("--go", type=Path, help=argparse.SUPPRESS)
    chosen = read.parse_args()
    if chosen.go:
        decode(chosen.rows, chosen.repetitions, chosen.go)
        return
    words = ["--rows", str(chosen.rows), "--repetitions", str(chosen.repetitions)]
    with TemporaryDirectory() as folder:
        side_by_side(chosen.processes, words, Path(folder) / "go")


if __name__ == "__main__":
    main()
