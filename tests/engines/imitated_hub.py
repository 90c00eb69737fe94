"""A hub on loopback: it answers for each repository as its name says, in the words and headers of the real one."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b'{"model_type": "made up"}'}
LARGE: Mapping[str, dict[str, int]] = {"weights": {"model.safetensors": 15_231_233_024}}
Headers = dict[str, str]

# What the hub answers for a repository of these names: a status and headers.
REFUSALS: Mapping[str, tuple[int, Headers]] = {
    "expired-token": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    "expired-user-token": (401, {"X-Error-Message": 'User Access Token "mine" is expired'}),
    "no-rights": (403, {"X-Error-Message": "your token has no access to this resource"}),
    "private": (401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}),
    "private-bare": (401, {"X-Error-Message": "Invalid username or password."}),
    "absent": (404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}),
    "gated": (403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted."}),
    "often": (429, {"RateLimit": '"api";r=0;t=177', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}),
    "often-bare": (429, {}),
    "no-revision": (404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id: mine"}),
    "broken": (500, {"X-Error-Message": "Internal Error"}),
}


class _Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        name = path.partition("/some/")[2].partition("/")[0]
        if name in REFUSALS:
            status, headers = REFUSALS[name]
            self._send(status, b'{"error": "refused"}', headers, body=body)
        elif "/resolve/" in path:
            content = FILES[path.rpartition("/")[2]]
            self._send(200, content, {"X-Repo-Commit": COMMIT, "ETag": '"e1"'}, body=body)
        elif "/tree/" in path:
            tree = [{"type": "file", "path": name, "size": len(held), "oid": "e1"} for name, held in FILES.items()]
            self._send(200, json.dumps(tree).encode(), {}, body=body)
        else:
            sizes = {each: len(held) for each, held in FILES.items()} | LARGE.get(name, {})
            files = [{"rfilename": each, "size": size} for each, size in sizes.items()]
            told = {"id": f"some/{name}", "sha": COMMIT, "siblings": files}
            self._send(200, json.dumps(told).encode(), {}, body=body)

    def _send(self, status: int, content: bytes, headers: Headers, *, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def imitated_hub() -> Iterator[str]:
    """Serve the hub while inside; the value is its address."""
    hub = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{hub.server_address[1]}"
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
