"""Through which proxy a server is asked: what the environment's variables say, read once, or told to be wrong by name.

httpx reads them by itself, for all servers together: a proxy that concerns another scheme, or a `NO_PROXY` that it
cannot read, then keeps it from asking any. It is given the one proxy that concerns a server instead.
"""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from mlpo_bench.errors import UsageError


_ALSO = {"": "http", "socks": "socks5"}
"""What proxies are called as well, and how httpx knows them."""
_KNOWN = ("http", "https", "socks5", "socks5h")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its address, with its password, and what of it may be told."""

    url: str
    shown: str


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy that requests to an address go through; None where they go straight there.

    Raises:
        UsageError: what is set as one is none.
    """
    server = urlsplit(url)
    host, port = server.hostname or "", server.port or _DEFAULT_PORTS.get(server.scheme, 0)
    proxies = getproxies()
    kind = next((kind for kind in (server.scheme, "all") if proxies.get(kind)), None)
    if kind is None or _is_left_out(host, port) or proxy_bypass(host):
        return None
    told = proxies[kind]
    scheme, _, address = told.rpartition("://")
    scheme = _ALSO.get(scheme.lower(), scheme.lower())
    shown = f"{scheme}://{address.rpartition('@')[2]}"  # a password may hold any character
    if scheme not in _KNOWN or not _is_address(f"{scheme}://{address}"):
        proxy = f"the proxy {shown} ({_variable(kind)})"
        raise UsageError(
            f"the server {url} cannot be asked: what is set as {proxy} is no address of one (http://HOST:PORT)."
        )
    return Proxy(f"{scheme}://{address}", shown)


def _is_address(proxy: str) -> bool:
    with suppress(ValueError):
        parts = urlsplit(proxy)
        return bool(parts.hostname) and (parts.port is None or 0 < parts.port <= _MOST_PORT)
    return False


def _variable(kind: str) -> str:
    """Return the name of the variable that tells a proxy, as it is set."""
    name = f"{kind}_proxy"
    return next((each for each in (name, name.upper()) if os.environ.get(each)), name.upper())


def _is_left_out(host: str, port: int) -> bool:
    """Whether `NO_PROXY` names a host: itself, a domain above it, a network that its number lies in, or with its port.

    What cannot be read in it names nobody.
    """
    told = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return any(_names(one.strip().lower(), host.lower(), port) for one in told.split(","))


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    name, _, of_port = entry.rpartition(":")
    if name and of_port.isdecimal() and "]" not in of_port:
        if int(of_port) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))
