"""Bytes to a server and back: bounded in number and time, with the key where it may go, to no other host."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import orjson

from mlpo_bench.engines.server.bodies import whole_body
from mlpo_bench.engines.server.proxies import Proxy, proxy_for
from mlpo_bench.engines.server.words import one_line, without
from mlpo_bench.engines.server_options import on_this_machine
from mlpo_bench.errors import EngineError, Unreachable, UsageError, reason


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.engines.spec import ModelSpec

MOST_BYTES = 16 * 2**20
"""What a reply may hold, as it is sent and unpacked: several times the longest that any model writes."""
CONNECT_TIMEOUT_S = 15.0
"""Less than any request may take, so that a connection which does not come about is told as such."""
DEFAULT_KEY = "OPENAI_API_KEY"
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")
_AUTHORIZATION = "authorization"
_SHORTEST_KEY = 16
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_LONGEST_TOLD = 160
_CLOSED = re.compile(r"disconnected|peer closed connection|incomplete")
_TLS = r"bytearray(b'\x15\x03"
"""How h11 tells of a server that answers with an alert of TLS."""


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
        self._proxy: Proxy | None = None
        try:
            self._proxy = proxy_for(url)
            self._base = httpx.URL(url)
            self._client = self._opened(headers)
        except ImportError:
            assert self._proxy is not None
            raise UsageError(
                f"a proxy is set ({self._proxy.shown}) that speaks SOCKS, for which a package is missing: "
                "pip install 'httpx[socks]'. "
                f"Or keep {self._host} out of it: NO_PROXY={self._host}."
            ) from None
        except (httpx.InvalidURL, ValueError) as error:
            raise UsageError(f"the server {self.url} cannot be asked: {self.cleaned(str(error))}.") from None

    def _opened(self, headers: Mapping[str, str]) -> httpx.AsyncClient:
        concurrency, proxy = self._spec.concurrency, self._proxy
        return httpx.AsyncClient(
            headers=headers,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=concurrency),
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
            trust_env=False,  # what of the environment concerns this server is told here
            proxy=proxy.url if proxy else None,
            verify=self._trusted(),
        )

    def _trusted(self) -> ssl.SSLContext:
        """Return what the server's certificate is held against: nothing, and no file is read, where it shows none.

        Raises:
            UsageError: the environment names certificates that are none.
        """
        if not self.url.startswith("https:"):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            return httpx.create_ssl_context()
        except OSError as error:  # of SSL's own, too
            told = [f"{name}={value}" for name in _CERTIFICATES if (value := os.environ.get(name))]
            where = f" from {' and '.join(told)}" if told else ""
            raise UsageError(
                f"the server {self.url} cannot be asked: certificates cannot be read{where}: {reason(error)}."
            ) from None

    @property
    def _host(self) -> str:
        return urlsplit(self.url).hostname or self.url

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
        return f" through the proxy {self._proxy.shown}" if self._proxy else ""

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
                body = self._without_keys(await whole_body(response, MOST_BYTES))
                await _drop_if_more_came(response)
        except TimeoutError:
            raise EngineError(f"the server {self.url} did not answer within {within:g} s.") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(f"no server answers at {self.url}{self.through}: {self._why(error)}.") from None
        except httpx.NetworkError as error:
            raise self._broken_off(error) from None
        except httpx.ProtocolError as error:
            raise self._no_http(error) from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise Unreachable(f"the server {self.url} cannot be reached{self.through}: {self._why(error)}.") from None
        except EngineError as fault:
            raise EngineError(f"the server {self.url} {self.cleaned(str(fault))}", transient=fault.transient) from None
        except Exception as error:  # noqa: BLE001 - the layers below httpx raise their own, which it lets through
            why = f"{self._why(error)}{self.through}"
            raise EngineError(f"the server {self.url} cannot be asked: {why}.", transient=False) from None
        headers = {name: without(self.secrets, value) for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body)

    def _broken_off(self, error: Exception) -> Unreachable:
        why = self.cleaned(str(error)).rstrip(".")
        return Unreachable(f"the server {self.url} broke the connection off{self.through}{why and f': {why}'}.")

    def _no_http(self, error: httpx.ProtocolError) -> Unreachable:
        """Return the fault of a reply that is not HTTP, or not whole."""
        told = str(error)
        if _CLOSED.search(told):
            return self._broken_off(error)
        if _TLS in told:
            return Unreachable(f"the server {self.url} speaks TLS: its base_url begins with https.")
        why = one_line(self.cleaned(told), _LONGEST_TOLD).rstrip(".")
        return Unreachable(f"what answers at {self.url}{self.through} does not speak HTTP as it should: {why}.")

    def _without_keys(self, body: bytes) -> bytes:
        """Return a reply without the keys that went to the server: what it tells of them is in nothing we keep.

        Words that are no keys are sent in their place now and then, and models write them.
        """
        for secret in self._keys:
            body = _in_json(secret).sub(b"***", body)
        return body

    def without_keys(self, text: str) -> str:
        """Return a text of an answer without them: parts of a reply that are put together may come to one."""
        return without(self._keys, text)

    @property
    def _keys(self) -> list[str]:
        return [secret for secret in self.secrets if len(secret) >= _SHORTEST_KEY]

    def _why(self, error: BaseException) -> str:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return self.cleaned(f"{type(error).__name__}, {error}".rstrip(", .")) or type(error).__name__

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _in_json(secret: str) -> re.Pattern[bytes]:
    r"""Return what finds a text however JSON may write it, also JSON within JSON: `a/b` is `a\/b` and `a\\u002fb`."""
    forms = (rf"(?:\\{{0,8}}{re.escape(one)}|\\{{1,8}}u(?i:{ord(one):04x}))" for one in secret)
    return re.compile("".join(forms).encode())


async def _drop_if_more_came(response: httpx.Response) -> None:
    """Close a reply's connection where the server sent more behind it: that would be read as the answer to the next.

    httpx tells nobody of it, so it is looked up in h11's own state, as far as it lies where it does.
    """
    held: Any = response.stream
    for name in ("_stream", "_httpcore_stream", "_stream", "_connection", "_h11_state"):
        held = getattr(held, name, None)
    if held is not None and held.trailing_data[0]:
        await response.extensions["network_stream"].aclose()
