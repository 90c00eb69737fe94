"""A reply's body: bounded as it is sent and unpacked, and in UTF-8 whatever it is sent in.

What is wrong with one is an `EngineError` whose message completes `the server ...`.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING

from mlpo_bench.engines.server.words import one_line
from mlpo_bench.errors import EngineError


if TYPE_CHECKING:
    import httpx

_NOT_PACKED = {"", "identity", "none", "binary", "utf-8", "utf8", "aws-chunked"}
"""What servers say of a body that is not packed, some of them by mistake."""
_PACKED = {"gzip", "x-gzip", "deflate"}
_MOST_MEMBERS = 64
_CHARSET = re.compile(r"charset\s{0,3}=\s{0,3}[\"']?([\w.:-]{1,40})", re.IGNORECASE)


async def whole_body(response: httpx.Response, most: int) -> bytes:
    """Return a reply's body, unpacked and in UTF-8, of so many bytes at most, sent and unpacked.

    Raises:
        EngineError: it is too large, or packed in a way that was not asked for.
    """
    parts: list[bytes] = []
    left = most
    async for part in response.aiter_raw():
        left -= len(part)
        if left < 0:
            raise EngineError(f"sent more than {most >> 20} MiB for one answer.", transient=False)
        parts.append(part)
    body = b"".join(parts)
    told = response.headers.get("content-encoding", "").lower().split(",")
    packed = [way for way in map(str.strip, told) if way not in _NOT_PACKED]
    if packed and body:
        if len(packed) > 1 or packed[0] not in _PACKED:
            raise EngineError(f"packed its answer as {one_line(', '.join(packed), 40)}, which was not asked for.")
        body = _unpacked(body, most)
    return _in_utf8(body, response.headers.get("content-type", ""))


def _unpacked(body: bytes, most: int) -> bytes:
    """Return what gzip or zlib packed, in one or more members."""
    parts: list[bytes] = []
    left = most
    while body:
        if len(parts) == _MOST_MEMBERS:  # what is left is copied for each, and millions of empty ones fit
            raise EngineError(f"packed its answer in more than {_MOST_MEMBERS} members of gzip.", transient=False)
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: whether gzip or zlib, its header tells
        try:
            part = unpacking.decompress(body, left + 1)
        except zlib.error:
            raise EngineError("sent an answer that cannot be unpacked.") from None
        left -= len(part)
        if left < 0:
            raise EngineError(f"sent an answer of more than {most >> 20} MiB, unpacked.", transient=False)
        if not unpacking.eof:
            raise EngineError("sent an answer that was cut short.")
        parts.append(part)
        body = unpacking.unused_data.lstrip(b"\0")  # gzip's padding
    return b"".join(parts)


def _in_utf8(body: bytes, content_type: str) -> bytes:
    """Return a text's bytes in UTF-8, whatever encoding JSON's first bytes or its header tell, if it has it indeed.

    What `json` would read as UTF-16 or UTF-32 is put into UTF-8 here: keys are searched for in that.
    """
    seen = json.detect_encoding(body)
    named = [] if (match := _CHARSET.search(content_type)) is None else [match[1]]
    for encoding in (seen, *named):
        try:
            text = body.decode(encoding)
        except (LookupError, ValueError):
            continue
        return body if encoding == "utf-8" else text.removeprefix("\ufeff").encode("utf-8", "replace")
    return body
