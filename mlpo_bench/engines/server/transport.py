"""Bytes to a server and back: bounded in number and time, with the key where it may go, to no other host."""

from __future__ import annotations

import asyncio
import os
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import orjson

from mlpo_bench.engines.server.words import one_line, without
from mlpo_bench.engines.server_options import on_this_machine
from mlpo_bench.errors import EngineError, Unreachable, UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.engines.spec import ModelSpec

MOST_BYTES = 16 * 2**20
"""What a reply may hold, as it is sent and unpacked: several times the longest that any model writes."""
_MOST = f"{MOST_BYTES >> 20} MiB"
CONNECT_TIMEOUT_S = 20.0
DEFAULT_KEY = "OPENAI_API_KEY"
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")
_AUTHORIZATION = "authorization"
_SHORTEST_KEY = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers by small letters, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """The way to one server.

    Args:
        spec: what goes with every request.
        url: the server's address; the spec's first where it is left out.

    Raises:
        UsageError: the address, a header, the key or a proxy cannot be used.
    """

    def __init__(self, spec: ModelSpec, url: str | None = None) -> None:
        url = url or spec.address
        assert url is not None
        self._spec, self.url = spec, url
        self.secrets: list[str] = []
        self.withheld = self.has_key = False
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip, identity", **self._headers()}
        try:
            self._base = httpx.URL(url)
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=spec.concurrency)
            timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
            self._client = httpx.AsyncClient(headers=headers, limits=limits, timeout=timeout, follow_redirects=False)
        except ImportError:
            raise UsageError(
                f"a proxy is set ({self._proxy()}) that speaks SOCKS, for which a package is missing: "
                "pip install 'httpx[socks]'. "
                f"Or keep {self._host} out of it: NO_PROXY={self._host}."
            ) from None
        except (httpx.InvalidURL, ValueError) as error:
            if proxy := self._proxy():  # what is wrong may be a piece of its password
                raise UsageError(
                    f"the server {self.url} cannot be asked: what is set as the proxy {proxy} is no address."
                ) from None
            raise UsageError(f"the server {self.url} cannot be asked: {self.cleaned(str(error))}.") from None

    @property
    def _host(self) -> str:
        return urlsplit(self.url).hostname or self.url

    def _proxy(self) -> str:
        """Return the proxy that requests go through, without a password; nothing where there is none."""
        proxies = getproxies()
        proxy = proxies.get(urlsplit(self.url).scheme) or proxies.get("all") or ""
        if not proxy or proxy_bypass(self._host):
            return ""
        scheme, _, address = proxy.rpartition("://")
        return f"{scheme or 'http'}://{address.rpartition('@')[2]}"  # a password may hold any character

    @property
    def which_key(self) -> str:
        """What a person should know of the key that a server refuses."""
        name = self._spec.api_key_env
        if self.has_key:
            return f"The key is that in the variable {name}."
        if self.withheld:
            return f"The one in {name} was not sent, for the address is plain http."
        return f"None was sent: the variable {name} is not set."

    @property
    def through(self) -> str:
        """` through the proxy ...`, for messages; nothing where there is none."""
        return f" through the proxy {proxy}" if (proxy := self._proxy()) else ""

    def _headers(self) -> dict[str, str]:
        options = self._spec.request
        headers = {name: self._filled_in(name, value) for name, value in options.extra_headers.items()}
        if any(name.lower() == options.key_header.lower() for name in headers):
            return headers
        if key := self._key():
            bare = options.key_header.lower() != _AUTHORIZATION
            headers[options.key_header] = key if bare else f"Bearer {key}"
        return headers

    def _key(self) -> str | None:
        """Return the key, if there is one and it may go to this server."""
        name = self._spec.api_key_env
        key = os.environ.get(name, "").strip()
        if not key:
            return None
        self.secrets.append(key)
        if not (key.isascii() and key.isprintable()):
            raise UsageError(f"the key in the variable {name} holds characters that no key has; is it whole?")
        plain = self.url.startswith("http:") and not on_this_machine(self.url)
        self.withheld = plain and name == DEFAULT_KEY and not self._spec.request.key_over_http
        self.has_key = not self.withheld
        return None if self.withheld else key

    def _filled_in(self, header: str, value: str) -> str:
        """Return a header's value with environment variables in it replaced by what they hold."""

        def held(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            secret = os.environ.get(name, "").strip()
            if not secret:
                raise UsageError(f"the header {header!r} asks for the environment variable {name}, which is not set.")
            self.secrets.append(secret)
            return secret

        filled = _VARIABLE.sub(held, value)
        if not (filled.isascii() and filled.isprintable()):
            raise UsageError(f"the header {header!r} holds characters that no header has.")
        return filled

    def cleaned(self, text: str) -> str:
        """Return a text as one line, without the keys that went to the server."""
        return one_line(without(self.secrets, text))

    async def get(self, path: str, within: float) -> Answer:
        """Ask for what lies at a path; see `post`."""
        return await self._send("GET", path, None, within)

    async def post(self, path: str, content: Mapping[str, Any], within: float) -> Answer:
        """Send JSON, and return the whole answer.

        Raises:
            Unreachable: the server cannot be reached.
            EngineError: it took longer than `within` seconds, or sent too much.
        """
        return await self._send("POST", path, orjson.dumps(content), within)

    async def _send(self, method: str, path: str, content: bytes | None, within: float) -> Answer:
        url = self._base.copy_with(path=self._base.path.rstrip("/") + path)
        query = dict(self._spec.request.extra_query)
        if query:
            url = url.copy_merge_params(query)
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(within),
                self._client.stream(method, url, content=content, headers=headers) as response,
            ):
                body = self._without_keys(await _body(response, self.url))
        except TimeoutError:
            raise EngineError(f"the server {self.url} did not answer within {within:g} s.") from None
        except httpx.ConnectError as error:
            raise Unreachable(f"no server answers at {self.url}{self.through}: {self._why(error)}.") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise Unreachable(f"the server {self.url} cannot be reached{self.through}: {self._why(error)}.") from None
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - the layers below httpx raise their own, which it lets through
            raise EngineError(f"the server {self.url} cannot be asked: {self._why(error)}.", transient=False) from None
        return Answer(response.status_code, dict(response.headers.items()), body)

    def _without_keys(self, body: bytes) -> bytes:
        """Return a reply without the keys that went to the server: what it tells of them is in nothing we keep.

        Words that are no keys are sent in their place now and then, and models write them.
        """
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_KEY:
                body = _in_json(secret).sub(b"***", body)
        return body

    def _why(self, error: Exception) -> str:
        return self.cleaned(f"{type(error).__name__}, {error}".rstrip(", .")) or type(error).__name__

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _in_json(secret: str) -> re.Pattern[bytes]:
    r"""Return what finds a text however JSON may write it, also JSON within JSON: `a/b` is `a\/b` and `a\\u002fb`."""
    forms = (rf"(?:\\{{0,8}}{re.escape(one)}|\\{{1,8}}u(?i:{ord(one):04x}))" for one in secret)
    return re.compile("".join(forms).encode())


async def _body(response: httpx.Response, url: str) -> bytes:
    """Return a reply's body, unpacked.

    Raises:
        EngineError: it is too large, or packed in a way that was not asked for.
    """
    packed = response.headers.get("content-encoding", "").strip().lower()
    parts: list[bytes] = []
    left = MOST_BYTES
    async for part in response.aiter_raw():
        left -= len(part)
        if left < 0:
            raise EngineError(
                f"the server {url} sent more than {MOST_BYTES >> 20} MiB for one answer.", transient=False
            )
        parts.append(part)
    body = b"".join(parts)
    charset = response.headers.get("content-type", "")
    if packed in _UNPACKED or not body:
        return _in_utf8(body, charset)
    if packed not in {"gzip", "x-gzip", "deflate"}:
        raise EngineError(f"the server {url} packed its answer as {one_line(packed, 40)}, which was not asked for.")
    return _in_utf8(_unpacked(body, url), charset)


_UNPACKED = {"", "identity", "none", "binary", "utf-8", "utf8", "aws-chunked"}
"""What servers say of a body that is not packed, some of them by mistake."""
_CHARSET = re.compile(r"charset\s{0,3}=\s{0,3}[\"']?([\w.:-]{1,40})", re.IGNORECASE)


def _in_utf8(body: bytes, content_type: str) -> bytes:
    """Return a text's bytes in UTF-8, where its header names another encoding that it has indeed."""
    if (named := _CHARSET.search(content_type)) is None:
        return body
    for encoding in ("utf-8", named[1]):
        try:
            text = body.decode(encoding)
        except (LookupError, ValueError):
            continue
        return body if encoding == "utf-8" else text.removeprefix("\ufeff").encode()
    return body


def _unpacked(body: bytes, url: str) -> bytes:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: whether gzip or zlib, its header tells
    try:
        whole = unpacking.decompress(body, MOST_BYTES + 1)
    except zlib.error:
        raise EngineError(f"the server {url} sent an answer that cannot be unpacked.") from None
    if len(whole) > MOST_BYTES:
        raise EngineError(f"the server {url} sent an answer of more than {_MOST}, unpacked.", transient=False)
    if not unpacking.eof:
        raise EngineError(f"the server {url} sent an answer that was cut short.")
    return whole
