"""What comes over the wire though no server should send it: bytes behind a reply, keys in odd places, no HTTP."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion
from mlpo_bench.engines.server.proxies import proxy_for
from mlpo_bench.errors import EngineError, UsageError
from mlpo_bench.teams import ModelSpec
from tests.engines.asking import KEY, ask, opened
from tests.engines.imitated_server import MODEL, chat


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

pytestmark = pytest.mark.usefixtures("in_no_hurry")
LISTED = json.dumps({"data": [{"id": MODEL}]}).encode()


def reply(body: bytes, head: str = "", status: str = "200 OK") -> bytes:
    """Return a whole reply as it goes over the wire; `head` has further lines of its head."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *head.splitlines()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def said(text: Any) -> bytes:
    return json.dumps(chat(text)).encode()


class RawServer:
    """A server on loopback that answers its list of models, and then sends the bytes that it is given."""

    def __init__(self, replies: Sequence[bytes] | Callable[[int], bytes], models: bytes = LISTED) -> None:
        self._replies, self._models = replies, models
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1"
        self.asked = 0

    def spec(self, **more: Any) -> ModelSpec:
        return ModelSpec(**{"model": MODEL, "base_url": self.url, "api_key_env": "MADE_UP_KEY", **more})

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests:
            while line := requests.readline():
                length = 0
                while (header := requests.readline().strip().lower()) != b"":
                    if header.startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                requests.read(length)
                try:
                    connection.sendall(reply(self._models) if line.startswith(b"GET") else self._next())
                except OSError:
                    return

    def _next(self) -> bytes:
        self.asked += 1
        if callable(self._replies):
            return self._replies(self.asked)
        return self._replies[min(self.asked, len(self._replies)) - 1]


def answers(*replies: bytes, count: int = 1, **more: Any) -> list[Completion]:
    with RawServer(replies) as server:
        return ask(server.spec(**more), count)


def fault_of(sent: bytes) -> str:
    with RawServer([sent]) as server, pytest.raises(EngineError) as caught:
        ask(server.spec())
    return str(caught.value)


@pytest.mark.parametrize("late", [reply(said("of nobody")), b"\r\nsome words", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
def test_what_comes_behind_a_reply_answers_no_other_question(late: bytes) -> None:
    made = answers(reply(said("first")) + late, reply(said("second")), reply(said("third")), count=3, concurrency=1)
    assert [one.text for one in made] == ["first", "second", "third"]


def test_what_comes_with_a_status_that_has_no_body_answers_no_other_question() -> None:
    nothing = reply(said("of nobody"), status="204 No Content")
    (made,) = answers(nothing, reply(said("mine")), concurrency=1)
    assert made.text == "mine"


@pytest.mark.parametrize(
    "sent",
    [
        reply(said("Yes."), f"Content-Encoding: {KEY}"),
        reply(said("Yes."), f"Location: http://a/{KEY}", "302 Found"),
        reply(b"", status=f"200 {KEY}"),
        f"HTTP/1.1 {KEY}\r\n\r\n".encode(),
    ],
)
def test_a_key_told_back_in_a_head_is_in_no_message(sent: bytes) -> None:
    assert KEY not in fault_of(sent)


@pytest.mark.parametrize(
    "body",
    [
        said(f"It is {KEY}."),
        said(f"It is {KEY}.").decode().encode("utf-16"),
        said(f"It is {KEY}.").decode().encode("utf-16-le"),
        said(f"It is {KEY}.").decode().encode("utf-32-be"),
        said([{"type": "text", "text": f"It is {KEY[:9]}"}, {"type": "text", "text": f"{KEY[9:]}."}]),
    ],
)
def test_a_key_told_back_is_in_no_answer(body: bytes) -> None:
    (made,) = answers(reply(body))
    assert made.text == "It is ***."


def test_half_a_character_in_an_odd_charset_is_a_question_mark() -> None:
    body = json.dumps(chat("caf\ud800")).encode().replace(b"\\ud800", b"\xe9\\ud800")
    (made,) = answers(reply(body).replace(b"application/json", b"application/json; charset=unicode_escape"))
    assert made.text == "caf\u00e9?"


@pytest.mark.parametrize(
    ("body", "packed"),
    [
        (gzip.compress(said("Yes.")), "identity, gzip"),
        (gzip.compress(said("Yes.")), "GZIP"),
        (gzip.compress(said("Yes.")[:40]) + gzip.compress(said("Yes.")[40:]), "gzip"),
        (gzip.compress(said("Yes.")) + bytes(16), "gzip"),
    ],
)
def test_what_was_packed_as_was_asked_for_is_unpacked(body: bytes, packed: str) -> None:
    (made,) = answers(reply(body, f"Content-Encoding: {packed}"))
    assert made.text == "Yes."


def test_an_answer_in_millions_of_empty_members_is_a_fault_at_once() -> None:
    body = gzip.compress(b"") * 500_000
    assert "in more than 64 members of gzip." in fault_of(reply(body, "Content-Encoding: gzip"))


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "broke the connection off"),
        (b"HTTP/1.1 099 Odd\r\n\r\n", "does not speak HTTP as it should"),
        (b"hello\r\n\r\n", "does not speak HTTP as it should: illegal status line"),
        (b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", "speaks TLS: its base_url begins with https."),
        (reply(b"what I say", status="304 Not Modified")[:-10], "answered 304."),
        (reply(b'{"error": "what I say"}', status="305 Use Proxy"), "answered 305: what I say."),
    ],
)
def test_what_is_no_reply_is_told_for_what_it_is(sent: bytes, words: str) -> None:
    def then_end(_: int) -> bytes:
        if not sent:
            raise OSError
        return sent

    with RawServer(then_end) as server, pytest.raises(EngineError) as caught:
        ask(server.spec())
    assert words in str(caught.value)
    assert "bytearray" not in str(caught.value) or len(str(caught.value)) < 300


@pytest.mark.parametrize("created", [2**64, 10**30, -1, True, "1"])
def test_a_time_that_cannot_be_is_not_noted(created: object) -> None:
    models = json.dumps({"data": [{"id": MODEL, "created": created, "owned_by": "me"}]}).encode()
    with RawServer([], models) as server:
        assert "created" not in (opened(server.spec()).facts.told or {})


def test_plain_http_reads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr("ssl.SSLContext.load_verify_locations", lambda *_, **told: read.append(told))
    assert answers(reply(said("Yes.")))[0].text == "Yes."
    assert not read
    with pytest.raises(UsageError):
        opened(ModelSpec(model=MODEL, base_url="https://127.0.0.1:9/v1"))
    assert read


def test_certificates_that_are_none_are_named_where_they_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "words.pem").write_text("no certificate")
    for name in ("words.pem", "gone.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        assert answers(reply(said("Yes.")))[0].text == "Yes."  # plain http needs none
        with pytest.raises(UsageError, match=rf"certificates cannot be read from SSL_CERT_FILE=\S+{name}\b"):
            opened(ModelSpec(model=MODEL, base_url="https://127.0.0.1:9/v1"))


@pytest.mark.parametrize(
    "told",
    [
        "localhost,127.0.0.1,[::1]", "fe80::/10,127.0.0.0/8", "host:8080,other:port,127.0.0.1", "http://foo:bar, *",
        "\u00e9.x,127.0.0.1", "127.0.0.1:PORT",
    ],
)  # fmt: skip
def test_who_is_left_out_is_asked_straight(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with RawServer([reply(said("Yes."))]) as server:
        monkeypatch.setenv("NO_PROXY", told.replace("PORT", server.url.split(":")[2].split("/")[0]))
        assert ask(server.spec())[0].text == "Yes."


def test_a_proxy_for_others_concerns_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "ftp://127.0.0.1:1")
    assert answers(reply(said("Yes.")))[0].text == "Yes."


@pytest.mark.parametrize("told", ["ftp://u:secret@x:1", "http://u:secret@127.0.0.1:99999", "http://", "http://[::1"])
def test_what_is_no_proxy_is_named_with_its_variable(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", told)
    with pytest.raises(UsageError, match=r"is set as the proxy \S+ \(HTTP_PROXY\) is no address of one") as caught:
        opened(ModelSpec(model=MODEL, base_url="http://127.0.0.1:9/v1"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "url", "through"),
    [
        ("", "http://a.b.c/v1", True),
        ("b.c", "http://a.b.c/v1", False),
        (".b.c", "http://a.b.c/v1", False),
        ("*.b.c", "http://a.b.c/v1", False),
        ("b.c", "http://ab.c/v1", True),
        ("a.b.c:81", "http://a.b.c/v1", True),
        ("a.b.c:80", "http://a.b.c/v1", False),
        ("10.0.0.0/8", "http://10.1.2.3/v1", False),
        ("10.0.0.0/8", "http://11.1.2.3/v1", True),
        ("::1", "http://[::1]:8000/v1", False),
        ("*", "http://a.b.c/v1", False),
        (" , ,", "http://a.b.c/v1", True),
    ],
)
def test_whom_no_proxy_names(told: str, url: str, through: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "proxy:3128")
    monkeypatch.setenv("no_proxy", told)
    proxy = proxy_for(url)
    assert (proxy is not None) == through
    if proxy:
        assert proxy.url == proxy.shown == "http://proxy:3128"
