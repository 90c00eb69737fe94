"""Which option of a team file would help where a server refuses a field, as it can be entered there."""

from __future__ import annotations

import re

from mlpo_bench.engines.server.system_role import refuses_system_role


_OMITTED = ("seed", "top_p", "temperature", "top_k")
_STOP = (
    r"['\"`]stop['\"`]|(?:parameter|argument|field|supplied|property)s?\W{1,4}stop\b|\bstop\W{1,3}(?:is not|extra)"
    r"|supported[^.:]{0,40}:\s{0,3}stop\b"
)
"""The name of the field, which is a word of other sentences as well."""
_ELSE = {
    r"chat.?template|no template": "endpoint: completions",
    r"api.?version": "extra_query: {api-version: ...}",
}
_UNKNOWN = re.compile(
    r"un(?:recogni[sz]ed|supported|known|expected)|not (?:supported|permitted|allowed|recogni[sz]ed)"
    r"|extra (?:fields|inputs)|instead|(?:invalid|no such) (?:parameter|argument|field)|deprecated",
    re.IGNORECASE,
)
_MOST = 2


def hint(told: str, length_field: str) -> str:
    """Return a sentence on the options that would help, with a blank before it; nothing where none is known.

    Args:
        told: the server's words.
        length_field: the name under which the greatest length was sent.
    """
    options = [*_length(told, length_field), *_left_out(told)]
    options += ["fold_system: true"] if refuses_system_role(told) else []
    options += [option for words, option in _ELSE.items() if re.search(words, told, re.IGNORECASE)]
    shown = ", ".join(options[:_MOST])
    return f" If that is the reason, say in the team file: request: {{{shown}}}." if options else ""


def _length(told: str, sent: str) -> list[str]:
    """Return the other name of the greatest length, where the one that was sent is not taken."""
    if not re.search(r"\bmax_(?:completion_)?tokens\b", told, re.IGNORECASE) or not _UNKNOWN.search(told):
        return []
    other = "max_completion_tokens" if sent == "max_tokens" else "max_tokens"
    wanted = re.search(rf"\b{other}\b", told, re.IGNORECASE) and re.search(r"\b(?:use|instead)\b", told, re.IGNORECASE)
    refused = re.search(rf"\b{sent}\b", told, re.IGNORECASE)
    return [f"max_tokens_field: {other}"] if wanted or refused else []


def _left_out(told: str) -> list[str]:
    """Return what should be left out, in one list: a field stands once in a team file."""
    fields = [field for field in _OMITTED if re.search(rf"\b{field}\b", told, re.IGNORECASE)]
    fields += ["stop"] if re.search(_STOP, told, re.IGNORECASE) else []
    return [f"omit: [{', '.join(fields)}]"] if fields else []
