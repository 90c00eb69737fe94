"""How much faster two servers of one model answer than one, behind one entry of a team file.

    python -m benchmarks.replicas

Each server is a process of its own on loopback that answers so many requests at once, each after the same time, and
lets no more in: what a GPU with a full batch does. A run of leader conversations (3 peers, 3 rounds) is carried out on
one and on two of them, in alternating runs; prints the questions a second of each, their ratio (medians), how the
requests were shared out, and how many conversations had all of their turns on one server. Exit code 1 below 1.8 times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

PEERS, ROUNDS = 3, 3
TURNS = (PEERS + 1) * ROUNDS
AT_ONCE, SECONDS = 8, 0.25
LEAST = 1.8
MODEL = "served-model"


class LimitedServer(ThreadingHTTPServer):
    """Answers so many requests at once, each after the same time; tells how many of each question it answered."""

    daemon_threads = True
    request_queue_size = 1_024

    def __init__(self, at_once: int, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.room, self.seconds = threading.Semaphore(at_once), seconds
        self.answered: Counter[str] = Counter()

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: LimitedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith("/answered"):
            self._send(dict(self.server.answered))
            self.server.answered.clear()
            return
        self._send({"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 32_768}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.room:
            time.sleep(self.server.seconds)
        text = body["messages"][-1]["content"]
        self.server.answered[text.partition("Question ")[2].partition(":")[0]] += 1
        message = {"role": "assistant", "content": f"Seed {body['seed']}: the answer is ({'ABCD'[body['seed'] % 4]})."}
        usage = {"prompt_tokens": len(text) // 4, "completion_tokens": 12}
        self._send({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})

    def _send(self, content: Any) -> None:  # noqa: ANN401
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(told: Connection, at_once: int, seconds: float) -> None:
    """Be a server: tell the port, then answer."""
    server = LimitedServer(at_once, seconds)
    told.send(server.server_port)
    server.serve_forever()


def hold(urls: Sequence[str], questions: int) -> float:
    """Hold all conversations with the servers; return the seconds that took."""
    from mlpo_bench.chat import Sampling
    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.engines import close_engines, open_engines
    from mlpo_bench.protocols import Leader, Setting
    from mlpo_bench.questions import Question
    from mlpo_bench.store import Store
    from mlpo_bench.teams import Member, Team

    member = Member(model=MODEL, base_url=tuple(urls), concurrency=2 * AT_ONCE)
    setting = Setting(Team(leader=member, peers=(member,) * PEERS), Leader(ROUNDS))
    asked = [
        Question("bbh", "made-up", f"bbh/made-up/{n}", f"Question {n}: which of A, B, C and D? " * 8, "option")
        for n in range(questions)
    ]

    async def main() -> float:
        engines = await open_engines([member.spec])
        try:
            with Store(None) as store:
                dispatch = Dispatch(engines, store)
                began = time.perf_counter()
                await asyncio.gather(*(setting.converse(question, dispatch, Sampling()) for question in asked))
                assert dispatch.tally.made == questions * TURNS, dispatch.tally
                return time.perf_counter() - began
        finally:
            await close_engines(engines)

    return asyncio.run(main())


def answered(url: str) -> dict[str, int]:
    """Return how many requests of each question a server has answered since it was last asked for that."""
    from urllib.request import urlopen

    with urlopen(f"{url}/answered") as reply:  # noqa: S310 - a server of this script
        counts: dict[str, int] = json.load(reply)
    return counts


def main() -> int:
    """Print what was measured; return 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    started = multiprocessing.get_context("spawn")
    processes, urls = [], []
    for _ in range(2):
        here, there = started.Pipe()
        process = started.Process(target=serve, args=(there, AT_ONCE, SECONDS), daemon=True)
        process.start()
        processes.append(process)
        urls.append(f"http://127.0.0.1:{here.recv()}/v1")
    once: list[float] = []
    twice: list[float] = []
    shares, whole = [], []
    for _ in range(options.repeats):
        for seconds, used in ((once, urls[:1]), (twice, urls)):
            seconds.append(hold(used, options.questions))
            counts = [answered(url) for url in urls]
            if len(used) > 1:
                shares.append(min(sum(c.values()) for c in counts) / sum(sum(c.values()) for c in counts))
                whole.append(sum(c == TURNS for one in counts for c in one.values()) / options.questions)
    for process in processes:
        process.terminate()
    ratios = [a / b for a, b in zip(once, twice, strict=True)]
    print(
        f"{options.questions} questions, leader with {PEERS} peers and {ROUNDS} rounds, servers of {AT_ONCE} requests "
        f"at once and {SECONDS} s each; medians of {options.repeats}:"
    )
    print(f"  one server:  {options.questions / statistics.median(once):6.2f} questions a second")
    print(f"  two servers: {options.questions / statistics.median(twice):6.2f} questions a second")
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"  ratio {statistics.median(ratios):.2f} (run by run {each}; at least {LEAST})")
    print(f"  the server with less answered {statistics.median(shares):.0%} of all requests")
    print(f"  conversations with all turns on one server: {statistics.median(whole):.0%}")
    return int(statistics.median(ratios) < LEAST)


if __name__ == "__main__":
    sys.exit(main())
