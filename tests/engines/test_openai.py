"""The engine for servers, against a small faulty one and (marked) against a real vLLM server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.engines import models, open_engine
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "sk-made-up-and-secret"
FIVE_TOKENS = Sampling(max_tokens=5)
Reply = tuple[int, dict[str, str], str]


def chat_reply(text: str, reason: str = "stop") -> Reply:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    return 200, {}, json.dumps(body)


class Server(ThreadingHTTPServer):
    """Serves model `served-model`; the test says what chats are answered with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.otherwise = chat_reply("fine")
        self.asked: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.keys: list[str | None] = []
        self.models: Reply = (
            200,
            {},
            json.dumps({"object": "list", "data": [{"id": "served-model", "object": "model", "max_model_len": 512}]}),
        )
        self.delay = 0.0
        self.in_flight = self.most_in_flight = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.keys.append(self.headers["Authorization"])
        self.send(self.server.models)

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.asked.append(body)
            server.times.append(time.monotonic())
            server.in_flight += 1
            server.most_in_flight = max(server.most_in_flight, server.in_flight)
            reply = server.replies.pop(0) if server.replies else server.otherwise
        time.sleep(server.delay)
        with server.lock:
            server.in_flight -= 1
        self.send(reply)

    def send(self, reply: Reply) -> None:
        status, headers, body = reply
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("MADE_UP_KEY", KEY)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def spec_of(server: Server, model: str = "served-model", **more: Any) -> ModelSpec:
    return ModelSpec(model=model, base_url=server.url, api_key_env="MADE_UP_KEY", **more)


def ask(spec: ModelSpec, count: int = 1, sampling: Sampling = FIVE_TOKENS) -> list[Completion]:
    async def go() -> list[Completion]:
        engine = await open_engine(spec)
        try:
            chats = [[Message("user", f"question {i}")] for i in range(count)]
            return await asyncio.gather(*(engine.complete(chat, sampling, i) for i, chat in enumerate(chats)))
        finally:
            await engine.close()

    return asyncio.run(go())


def test_text_usage_and_request(server: Server) -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=3, max_tokens=5, stop=("END",))
    (made,) = ask(spec_of(server), sampling=sampling)
    assert (made.text, made.usage, made.finish_reason) == ("fine", Usage(6, 4, 3), "stop")
    assert made.seconds > 0
    assert server.asked == [
        {
            "model": "served-model",
            "messages": [{"role": "user", "content": "question 0"}],
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 3,
            "max_tokens": 5,
            "stop": ["END"],
            "seed": 0,
        }
    ]
    assert server.keys == [f"Bearer {KEY}"]


def test_facts_are_the_servers_own(server: Server) -> None:
    async def facts(spec: ModelSpec) -> tuple[str, int, str]:
        engine = await open_engine(spec)
        await engine.close()
        return engine.facts.engine, engine.facts.context, repr(engine) + repr(engine.facts)

    kind, context, shown = asyncio.run(facts(spec_of(server)))
    assert (kind, context) == ("openai", 512)
    assert KEY not in shown
    assert asyncio.run(facts(spec_of(server, context=100)))[1] == 100


def test_waits_as_long_as_retry_after_says(server: Server) -> None:
    server.replies = [(429, {"Retry-After": "1.2"}, "{}")]
    (made,) = ask(spec_of(server))
    assert made.text == "fine"
    assert server.times[1] - server.times[0] >= 1.2


def test_failures_are_retried(server: Server) -> None:
    server.replies = [(500, {}, "oops"), (503, {}, "{}")]
    assert ask(spec_of(server))[0].text == "fine"
    assert len(server.asked) == 3


def test_a_failure_that_stays_is_a_transient_fault(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_bench.engines.openai.RETRIES", 1)
    server.otherwise = (500, {}, "oops")
    with pytest.raises(EngineError, match="answered 500") as caught:
        ask(spec_of(server))
    assert caught.value.transient
    assert len(server.asked) == 2


@pytest.mark.parametrize("garbage", ["not json", "[]", "{}", '{"choices": []}', '{"choices": null}', '"text"'])
def test_garbage_is_a_fault(server: Server, garbage: str) -> None:
    server.otherwise = (200, {}, garbage)
    with pytest.raises(EngineError, match=r"did not answer with a chat|no valid answer"):
        ask(spec_of(server))


def test_a_slow_server_is_a_transient_fault(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_bench.engines.openai.RETRIES", 0)
    monkeypatch.setattr("mlpo_bench.engines.openai.ANSWER_TIMEOUT_S", 0.2)
    server.delay = 1.0
    with pytest.raises(EngineError, match="cannot be reached: APITimeoutError") as caught:
        ask(spec_of(server))
    assert caught.value.transient


def test_requests_in_flight_are_bounded(server: Server) -> None:
    server.delay = 0.05
    assert len(ask(spec_of(server, concurrency=3), count=12)) == 12
    assert server.most_in_flight == 3


@pytest.mark.parametrize(
    "said",
    [
        "maximum context length is 512 tokens. However, you requested 605 tokens (600 in the messages, 5 in ...",
        "This model's maximum context length is 512 tokens and your request has 600 input tokens.",
    ],
)
def test_a_prompt_too_long_is_an_overflow_with_its_numbers(server: Server, said: str) -> None:
    server.otherwise = (400, {}, json.dumps({"error": {"message": said}}))
    with pytest.raises(ContextOverflow) as caught:
        ask(spec_of(server))
    assert (caught.value.prompt, caught.value.answer, caught.value.context) == (600, 5, 512)


def test_another_refusal_is_final_and_keeps_the_key_to_itself(server: Server) -> None:
    server.otherwise = (400, {}, json.dumps({"error": {"message": f"no such field; your key is {KEY}"}}))
    with pytest.raises(EngineError, match="no such field") as caught:
        ask(spec_of(server))
    assert not caught.value.transient
    assert KEY not in str(caught.value)


def test_an_answer_ended_by_a_filter_is_a_fault(server: Server) -> None:
    server.otherwise = chat_reply("", "content_filter")
    with pytest.raises(EngineError, match="content_filter"):
        ask(spec_of(server))


def test_a_model_that_is_not_served_is_named_with_the_nearest(server: Server) -> None:
    with pytest.raises(UsageError, match="did you mean 'served-model'"):
        ask(spec_of(server, "servd-model"))


def refuses_key(server: Server) -> None:
    server.models = (401, {}, json.dumps({"error": {"message": f"bad key {KEY}"}}))


def speaks_html(server: Server) -> None:
    server.models = (200, {"Content-Type": "text/html"}, "<html>")


def fails(server: Server) -> None:
    server.models = (500, {}, "")


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [(refuses_key, "refuses the key"), (speaks_html, "does not speak"), (fails, "answers 500")],
)
def test_a_server_that_cannot_be_used_is_told_at_once(
    server: Server, prepare: Callable[[Server], None], sentence: str
) -> None:
    prepare(server)
    with pytest.raises(UsageError, match=sentence) as caught:
        ask(spec_of(server))
    assert KEY not in str(caught.value)


def test_a_server_without_a_list_of_models_is_believed(server: Server) -> None:
    server.models = (404, {}, "{}")
    assert ask(spec_of(server, "anything"))[0].text == "fine"


def test_no_server_is_one_sentence_with_the_url() -> None:
    spec = ModelSpec(model="m", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(UsageError, match=r"no server answers at http://127\.0\.0\.1:9/v1"):
        ask(spec)


def test_deterministic_is_refused(server: Server) -> None:
    with pytest.raises(UsageError, match="cannot be deterministic"):
        asyncio.run(open_engine(spec_of(server), deterministic=True))


@pytest.fixture(scope="module")
def vllm_server() -> Iterator[str]:
    """The base URL of a real vLLM server with the embedded model, which is killed with all its processes."""
    pytest.importorskip("vllm")
    folder = str(models.resolve(ModelSpec()).folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", folder]
    command += ["--served-model-name", "smollm2", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--max-model-len", "1024", "--no-enable-chunked-prefill", "--max-num-batched-tokens", "8192"]
    command += ["--enforce-eager", "--enable-prompt-tokens-details", "--block-size", "32"]
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    environment = {**os.environ, "VLLM_CPU_OMP_THREADS_BIND": cores, "VLLM_CPU_KVCACHE_SPACE": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, start_new_session=True, **quiet) as process:  # type: ignore[call-overload]
        try:
            wait_until_up(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(f"the server did not come up (exit code {process.poll()})")


@pytest.mark.server
@pytest.mark.model
def test_a_real_server_answers_counts_and_refuses(vllm_server: str) -> None:
    spec = ModelSpec(model="smollm2", base_url=vllm_server)

    async def go() -> tuple[int, list[Completion], list[Completion], ContextOverflow]:
        engine = await open_engine(spec)
        try:
            chat = [Message("system", "You are brief. " * 30), Message("user", "What is the capital of France?")]
            greedy = Sampling(temperature=0, max_tokens=24)
            one = [await engine.complete(chat, greedy, 0) for _ in range(2)]
            chats = [[Message("user", f"Tell me about the number {i}.")] for i in range(96)]
            many = await asyncio.gather(*(engine.complete(c, Sampling(max_tokens=8), i) for i, c in enumerate(chats)))
            with pytest.raises(ContextOverflow) as caught:
                await engine.complete([Message("user", "word " * 2000)], greedy, 0)
            return engine.facts.context, one, many, caught.value
        finally:
            await engine.close()

    context, one, many, overflow = asyncio.run(go())
    assert context == overflow.context == 1024
    assert overflow.prompt + overflow.answer > 1024
    assert "Paris" in one[0].text
    assert one[0].text == one[1].text
    assert one[1].usage.cached >= 64
    assert one[0].usage.prompt + one[0].usage.cached == one[1].usage.prompt + one[1].usage.cached
    assert all(1 <= c.usage.completion <= 8 for c in many)
    # Answered together: the slowest took little longer than the typical one, not 96 times as long.
    seconds = sorted(c.seconds for c in many)
    assert sum(seconds) > 10 * max(seconds)
