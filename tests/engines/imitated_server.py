"""A server on loopback that behaves as people's servers do: a mode for each behaviour that was reported.

`MODES` maps a mode's name to what it changes of a well-behaved server; `ImitatedServer(mode)` plays it. What was asked
is kept, with the paths, headers and times.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

MODEL = "served-model"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float

    @property
    def roles(self) -> list[str]:
        return [m["role"] for m in self.body.get("messages", ())]


@dataclass(frozen=True)
class Sent:
    """A reply: its body as bytes, and how it is sent; `drip` sends a byte every so many seconds, `dies` none at all."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip: float | None = None
    dies: bool = False
    silent: float = 0.0


def sent(content: Any, status: int = 200, **headers: str) -> Sent:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Sent(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 3,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 4},
}


def chat(content: Any = "fine", reason: Any = "stop", usage: Any = USAGE, **message: Any) -> dict[str, Any]:
    """Return a chat completion."""
    choice = {
        "index": 0,
        "finish_reason": reason,
        "message": {"role": "assistant", "content": content, **message},
    }
    whole = {"id": "1", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]}
    return whole if usage == "missing" else {**whole, "usage": usage}


def refused(text: str, status: int = 400, **more: Any) -> Sent:
    return sent({"error": {"message": text, "type": "invalid_request_error", **more}}, status)


Answering = "Callable[[ImitatedServer, Asked], Sent]"


@dataclass
class Mode:
    """A behaviour: what a question is answered with, what the list of models is, and where questions are taken.

    Who asks for the list gets `before` first, one after the other.
    """

    answer: Callable[[ImitatedServer, Asked], Sent] = lambda _server, asked: sent(answer_to(asked))
    models: Sent = field(default_factory=lambda: sent(listing()))
    before: tuple[Sent, ...] = ()
    base: str = "/v1"


def answer_to(asked: Asked) -> dict[str, Any]:
    """Return a good answer: a chat's, or a plain completion's."""
    if asked.path.endswith("/chat/completions"):
        return chat()
    return {"object": "text_completion", "choices": [{"text": "fine", "finish_reason": "stop"}], "usage": USAGE}


def listing(name: str = MODEL, **more: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name, "object": "model", "max_model_len": 512, **more}]}


def says(content: Any) -> Mode:
    """A server that answers every question with this content."""
    return Mode(lambda _server, _asked: content if isinstance(content, Sent) else sent(content))


def lists(models: Sent | dict[str, Any] | list[Any]) -> Mode:
    """A server whose list of models is this."""
    return Mode(models=models if isinstance(models, Sent) else sent(models))


def refuses(test: Callable[[Asked], bool], text: str, status: int = 400) -> Mode:
    """A server that refuses some requests."""
    return Mode(lambda _server, asked: refused(text, status) if test(asked) else sent(answer_to(asked)))


def limited(burst: int, window: float, reply: Callable[[float], Sent]) -> Mode:
    """A server that takes so many requests in a window; `reply` is told the seconds until the next."""

    def answer(server: ImitatedServer, asked: Asked) -> Sent:
        with server.lock:
            if asked.at - server.window_began >= window:
                server.window_began, server.taken = asked.at, 0
            server.taken += 1
            over = server.taken > burst
        return reply(window - (asked.at - server.window_began)) if over else sent(answer_to(asked))

    return Mode(answer)


def first(count: int, replies: Sent, otherwise: Any = None) -> Mode:
    """A server that answers the first so many questions in one way, and all others in another."""

    def answer(server: ImitatedServer, asked: Asked) -> Sent:
        with server.lock:
            server.taken += 1
            early = server.taken <= count
        return replies if early else sent(answer_to(asked) if otherwise is None else otherwise)

    return Mode(answer)


def too_long(text: str, status: int = 400, **more: Any) -> Mode:
    return says(refused(text, status, **more))


DEEP = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def encoded(text: str, encoding: str, said: str) -> Sent:
    """Return a chat completion in another encoding than UTF-8, or said to be in another."""
    body = json.dumps(chat(text), ensure_ascii=False).encode(encoding)
    return Sent(body, headers={"Content-Type": f"application/json; charset={said}"})


BOMB = Sent(gzip.compress(b" " * (200 << 20)), headers={"Content-Encoding": "gzip"})

MODES: dict[str, Mode] = {
    "well-behaved": Mode(),
    # Thinking
    "reasoning_length_null": says(chat(None, "length", reasoning_content="Let me see")),
    "reasoning_null_stop": says(chat(None, "stop", reasoning_content="It is B.")),
    "reasoning_field_null_stop": says(chat(None, "stop", reasoning="It is B.")),
    "reasoning_and_content": says(chat("B", reasoning_content="It is B, I think.")),
    "reasoning_field_and_content": says(chat("B", reasoning="It is B, I think.")),
    "reasoning_parts": says(
        chat([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "B"}])
    ),
    "empty_stop": says(chat("", "stop")),
    # Contents
    "content_list": says(chat([{"type": "text", "text": "fi"}, {"type": "text", "text": "ne"}])),
    "content_number": says(chat(5)),
    "content_list_of_numbers": says(chat([5])),
    "content_dict": says(chat({"a": 1})),
    "refusal": says(chat(None, refusal="I will not.")),
    "finish_refusal": says(chat("I will not.", "refusal")),
    "finish_filter": says(chat("", "content_filter")),
    "finish_error": says(chat("so far", "error")),
    "lone_surrogate": says(b'{"choices":[{"finish_reason":"stop","message":{"content":"a\\ud800b"}}]}'),
    "unicode": says(chat("\u0627\u0644\U0001f600\x00")),
    # Usage
    "usage_missing": says(chat(usage="missing")),
    "usage_null": says(chat(usage=None)),
    "usage_empty": says(chat(usage={})),
    "usage_list": says(chat(usage=[1])),
    "usage_text": says(chat(usage="many")),
    "usage_partial": says(chat(usage={"prompt_tokens": 10})),
    "usage_fields_null": says(chat(usage={"prompt_tokens": None, "completion_tokens": None})),
    "usage_details_null": says(
        chat(usage={"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None})
    ),
    "usage_cached_more": says(
        chat(usage={"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 100}})
    ),
    "usage_negative": says(chat(usage={"prompt_tokens": -300, "completion_tokens": 3})),
    "usage_float": says(chat(usage={"prompt_tokens": 9.5, "completion_tokens": 3})),
    "usage_nan": says(
        b'{"choices":[{"message":{"content":"fine"}}],"usage":{"prompt_tokens":NaN,"completion_tokens":1}}'
    ),
    "usage_huge": says(chat(usage={"prompt_tokens": 2**33, "completion_tokens": 2**70})),
    # Errors inside a 200
    "always_200_error": says({"error": {"message": "the provider is asleep", "code": 502}}),
    "choice_error": says({"choices": [{"error": {"message": "the provider is asleep", "code": 502}}]}),
    "200_error_once": first(1, sent({"error": {"message": "hiccup", "code": 502}})),
    "error_and_answer": says({**chat(), "error": {"message": "the provider died", "code": 502}}),
    "error_as_text": says({"error": {"message": "bad key", "code": "401"}}),
    "empty_choices_once": first(1, sent({"choices": []})),
    # Fields that are refused
    "no_max_tokens": refuses(
        lambda a: "max_tokens" in a.body,
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ),
    "temperature1": refuses(
        lambda a: a.body.get("temperature", 1) != 1, "Unsupported value: 'temperature' does not support 0.7."
    ),
    "no_top_p": refuses(
        lambda a: "top_p" in a.body and "temperature" in a.body, "temperature and top_p cannot both be specified."
    ),
    "no_seed_422": Mode(
        lambda _, a: (
            sent({"detail": [{"loc": ["body", "seed"], "msg": "extra fields not permitted"}]}, 422)
            if "seed" in a.body
            else sent(answer_to(a))
        )
    ),
    "seed_int32": refuses(lambda a: a.body["seed"] > 2**31 - 1, "seed must be a 32-bit integer"),
    "system_refused": refuses(lambda a: "system" in a.roles, "System role not supported"),
    "no_template_400": refuses(lambda a: "chat" in a.path, "the tokenizer has no chat template"),
    "needs_api_version": Mode(
        lambda _, a: sent(answer_to(a)) if "api-version=" in a.path else refused("Resource not found", 404),
        models=refused("Resource not found", 404),
    ),
    "needs_header_key": Mode(
        lambda _, a: (
            sent(answer_to(a)) if a.headers.get("api-key") == "sk-made-up-and-secret" else refused("no key", 401)
        )
    ),
    # Context overflow, in servers' words
    "ctx_openai": too_long(
        "This model's maximum context length is 512 tokens. However, you requested 605 tokens (600 in the messages, "
        "5 in the completion)."
    ),
    "ctx_vllm": too_long("This model's maximum context length is 512 tokens and your request has 600 input tokens."),
    "ctx_vllm_new": too_long(
        "You passed 600 input tokens and requested 5 output tokens. However, the model's context length is only 512 "
        "tokens, resulting in a maximum input length of 507 tokens."
    ),
    "ctx_llamacpp": too_long(
        "the request exceeds the available context size, try increasing it", n_prompt_tokens=600, n_ctx=512
    ),
    "ctx_llamacpp_new": too_long(
        "request (600 tokens) exceeds the available context size (512 tokens), try increasing it"
    ),
    "ctx_llamacpp_500": too_long(
        "the request exceeds the available context size. try increasing the context size", 500
    ),
    "ctx_lmstudio": too_long(
        "Trying to keep the first 600 tokens when context the overflows. However, the model is loaded with context "
        "length of only 512 tokens, which is not enough."
    ),
    "ctx_tgi": says(
        sent(
            {
                "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 512. "
                "Given: 600 `inputs` tokens and 5 `max_new_tokens`",
                "error_type": "validation",
            },
            422,
        )
    ),
    "ctx_sglang": too_long("The input (600 tokens) is longer than the model's context length (512 tokens)."),
    "ctx_sglang_sum": too_long(
        "Requested token count exceeds the model's maximum context length of 512 tokens. You requested a total of 605 "
        "tokens: 600 tokens from the input messages and 5 tokens for the completion."
    ),
    "ctx_mistral": too_long(
        "Prompt contains 600 tokens and 0 draft tokens, too large for model with 512 maximum context length"
    ),
    "ctx_openrouter": too_long(
        "This endpoint's maximum context length is 512 tokens. However, you requested about 605 tokens (600 of text "
        "input, 5 in the output). Please reduce the length of either one."
    ),
    "ctx_anthropic": too_long("prompt is too long: 600 tokens > 512 maximum"),
    "ctx_groq": too_long("Please reduce the length of the messages or completion.", code="context_length_exceeded"),
    "ctx_200_error": says(
        {"error": {"message": "maximum context length is 512 tokens (600 in the messages)", "code": 400}}
    ),
    "ctx_huge": too_long("maximum context length is 99999999999999999999999 tokens"),
    # Rate limits
    "limited_retry_after": limited(2, 1.0, lambda left: sent({}, 429, Retry_After=f"{left + 0.05:.2f}")),
    "limited_retry_after_ms": limited(2, 1.0, lambda left: sent({}, 429, retry_after_ms=f"{left * 1000 + 50:.0f}")),
    "limited_xreset": limited(
        2, 1.0, lambda left: sent({}, 429, X_RateLimit_Reset=f"{(time.time() + left + 0.05) * 1000:.0f}")
    ),
    "limited_words": limited(
        2, 1.0, lambda left: refused(f"Rate limit. Please try again in {left * 1000 + 50:.0f}ms.", 429)
    ),
    "limited_no_header": limited(3, 3.0, lambda _: sent({"error": {"message": "slow down"}}, 429)),
    "limited_in_200": limited(2, 1.0, lambda _: sent({"error": {"message": "upstream is busy", "code": 429}})),
    "limited_zero": limited(2, 1.0, lambda _: sent({}, 429, Retry_After="0")),
    "retry_after_long": says(sent({"error": {"message": "quota spent"}}, 429, Retry_After="86400")),
    # The list of models
    "models_bare_list": lists([{"id": MODEL, "object": "model"}]),
    "models_other_id": lists(listing("/models/x.gguf")),
    "models_empty": lists({"object": "list", "data": []}),
    "models_null": lists({"object": "list", "data": None}),
    "models_403": lists(refused("no right to list", 403)),
    "models_401": lists(refused("no right to list", 401)),
    "models_404": lists(refused("not found", 404)),
    "models_405": lists(refused("not allowed", 405)),
    "models_500": lists(sent(b"oops", 500)),
    "models_501": lists(sent(b"", 501)),
    "models_html": lists(sent(b"<html><title>hello</title></html>", Content_Type="text/html")),
    "models_context_nan": lists(sent(json.dumps(listing(max_model_len=float("nan"))).encode())),
    "models_context_list": lists(listing(max_model_len=[512])),
    "models_context_text": lists(listing(max_model_len="512")),
    "models_drip": lists(Sent(b"[" + b" " * 10_000, drip=0.05)),
    "models_deep": lists(Sent(b"[" * 100_000 + b"]" * 100_000)),
    "models_bomb": lists(BOMB),
    # Bodies
    "not_json": says(b"not json"),
    "nothing": says(b""),
    "no_content": says(Sent(status=204)),
    "streamed": says(
        sent(b'data: {"choices": [{"delta": {"content": "fine"}}]}\n\n', Content_Type="text/event-stream")
    ),
    "status_201": says(sent(chat(), 201)),
    "status_203": says(sent(chat(), 203)),
    "html_502": says(sent(b"<html><head><title>502 Bad Gateway</title></head></html>", 502)),
    "deep": says(DEEP),
    "digits": says(b"[" + b"9" * 5_000 + b"]"),
    "bomb": says(BOMB),
    "50_megabytes": says(sent(chat("x" * (50 << 20)))),
    "gzip": says(Sent(gzip.compress(json.dumps(chat()).encode()), headers={"Content-Encoding": "gzip"})),
    "latin_1": says(encoded("caf\u00e9", "latin-1", "ISO-8859-1")),
    "gbk": says(encoded("\u7b54\u6848", "gbk", "gbk")),
    "utf_8_said_to_be_latin_1": says(encoded("caf\u00e9", "utf-8", "iso-8859-1")),
    "packed_as_utf_8": says(Sent(json.dumps(chat()).encode(), headers={"Content-Encoding": "utf-8"})),
    "gzip_cut": says(Sent(gzip.compress(json.dumps(chat()).encode())[:-20], headers={"Content-Encoding": "gzip"})),
    "brotli": says(Sent(b"\x0b\x02\x80", headers={"Content-Encoding": "br"})),
    "drip": says(Sent(json.dumps(chat()).encode(), drip=0.2)),
    "silent": says(Sent(silent=30.0)),
    "cut_body": says(Sent(json.dumps(chat()).encode(), headers={"Content-Length": "100000"})),
    "hangs_up": says(Sent(dies=True)),
    "redirect": says(sent(b"", 302, Location="http://127.0.0.1:9/elsewhere")),
    "markup_and_control": says(refused("[red]no[/red] \x1b[31mway\x1b[0m \x07\r\n  key sk-made-up-and-secret", 400)),
    "base_elsewhere": Mode(base="/api/openai/v1", models=refused("not found", 404)),
}
for _reason in ("eos", "eos_token", "", None, "end_turn", "STOP", "stop_sequence", "made_up", ["stop"], {"a": 1}, 7):
    MODES[f"finish_{_reason}"] = says(chat(reason=_reason))
for _reason in ("max_tokens", "MAX_TOKENS", "model_length", "length"):
    MODES[f"cut_off_{_reason}"] = says(chat(reason=_reason))
_CHOICES: tuple[Any, ...] = (
    None,
    {},
    "text",
    5,
    [],
    {"message": None},
    {"message": "text"},
    {"message": 5},
    {"finish_reason": "stop"},
)
for _choice in _CHOICES:
    MODES[f"choice_{json.dumps(_choice)}"] = says({"choices": [_choice]})
for _body in (
    "[]",
    "{}",
    '"text"',
    "null",
    "5",
    "NaN",
    '{"choices": null}',
    '{"choices": {}}',
    '{"choices": [[]]}',
    "\\xff",
):
    MODES[f"body_{_body}"] = says(_body.encode())


class ImitatedServer(ThreadingHTTPServer):
    """Plays a mode while it is entered."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, mode: str | Mode = "well-behaved", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.mode = MODES[mode] if isinstance(mode, str) else mode
        self.asked: list[Asked] = []
        self.listed: list[Asked] = []
        self.lock = threading.Lock()
        self.taken, self.window_began = 0, float("-inf")
        self.delay = 0.0
        self.in_flight = self.most_in_flight = 0
        self.gone = False
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{self.mode.base}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        at: TracebackType | None = None,
    ) -> None:
        self.gone = True  # connections that were kept open are hung up
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ImitatedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        mode, earlier = self.server.mode, len(self.server.listed)
        self.server.listed.append(self._asked({}))
        self._send(mode.before[earlier] if earlier < len(mode.before) else mode.models)

    def do_POST(self) -> None:
        server = self.server
        asked = self._asked(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        with server.lock:
            server.asked.append(asked)
            server.in_flight += 1
            server.most_in_flight = max(server.most_in_flight, server.in_flight)
        time.sleep(server.delay)
        path = asked.path.partition("?")[0]
        right = re.fullmatch(rf"{server.mode.base}/(?:chat/)?completions", path)
        reply = server.mode.answer(server, asked) if right else refused("Not Found", 404)
        with server.lock:
            server.in_flight -= 1
        self._send(reply)

    def _asked(self, body: dict[str, Any]) -> Asked:
        return Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.monotonic())

    def _send(self, reply: Sent) -> None:
        time.sleep(reply.silent)
        if reply.dies or reply.silent or self.server.gone:
            self.close_connection = True
            return
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body)), **reply.headers}
        self.close_connection = "Content-Length" in reply.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.drip is None:
            self.wfile.write(reply.body)
            return
        for i in range(len(reply.body)):
            self.wfile.write(reply.body[i : i + 1])
            self.wfile.flush()
            time.sleep(reply.drip)

    def log_message(self, *_: object) -> None:
        pass
