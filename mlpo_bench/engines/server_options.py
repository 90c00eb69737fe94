"""What a team file says of the requests to a model's server, and of the server's address.

None of it has to be said: a request without options is what every server of OpenAI's protocol takes. Options that
change what may be answered enter the identity of requests (`RequestOptions.identity`); those that decide only how the
server is reached (its key, its pace, its patience) do not.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import re
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mlpo_bench import yamls


Sent = Literal["temperature", "top_p", "top_k", "max_tokens", "seed", "stop"]
Seconds = Annotated[yamls.Real, Field(gt=0, le=86_400)]
Penalty = Annotated[yamls.Real, Field(ge=-2, le=2)]

# What the engine itself decides, and relies on when it reads the reply; and what says it rightly.
_OWN_FIELDS = {
    "model": "; the member's own `model: ...` says which answers",
    "messages": "; the member's `persona: ...` is its system message",
    "prompt": "; the member's `persona: ...` is its system message",
    "stream": "; replies are read whole",
    "n": "; how many answers a vote counts is its `samples: ...` in the matrix",
}
# What each question has of its own, and what says it rightly.
_DRAWN_AS = {
    **{name: f"`sampling: {{{name}: ...}}` of the member" for name in ("temperature", "top_p", "top_k", "max_tokens")},
    "seed": "`seed: ...` in the matrix",
    "stop": "`stop: [...]` beside it",
}
_DRAWN_BY = frozenset({
    "temperature", "top_p", "top_k", "seed", "stop", "reasoning_effort", "frequency_penalty", "presence_penalty",
    "repetition_penalty", "repeat_penalty", "typical_p", "min_p", "chat_template_kwargs",
})  # fmt: skip
"""What else the engine sends under these names, of its own or where a team file says so."""
_LENGTHS = ("max_tokens", "max_completion_tokens", "max_new_tokens", "max_output_tokens", "n_predict", "num_predict")
"""What servers call the greatest length: beside the one that is sent, nobody knows which of two counts."""
_OWN_HEADERS = frozenset({
    "accept-encoding", "connection", "content-encoding", "content-length", "expect", "host",
    "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
"""What the HTTP client says of a request and its connection: another value there is no request any more."""
LEAST_PER_MINUTE = 0.01
"""A request in 100 minutes: the 14 a day of the meanest free plan."""
_DIGITS = 12
MOST_ADDRESSES = 1_024
_SECRET = re.compile(r"auth|key|token|secret|passw|cookie|credential", re.IGNORECASE)
_SECRET_IN_BODY = re.compile(
    r"api.?key|secret|passw|credential|authorization|cookie|bearer|(?:access|auth).?token", re.IGNORECASE
)
"""Names of fields that hold keys; bodies have others with `key` and `token` in them, such as `stop_token_ids`."""
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:sk[-_][\w-]{16,}|hf_[A-Za-z0-9]{20,}|gsk_\w{20,}|xai-[\w-]{20,}|AIza[\w-]{30,}"
    r"|(?:Bearer|Basic)\s+[^\s$]{8,})"
)
"""What keys look like, as those who give them out write them."""
_BY_NAME = "put it into an environment variable, and name that:"
_BY_HEADER = "put it into an environment variable, and let it travel in a header (api_key_env, key_header)"
ONE_LINE = r"^[^|\x00-\x1f\x7f]+$"


class RequestOptions(BaseModel):
    """How a model's server is asked.

    What is sent: fields in `omit` are left out; `reasoning_effort`, `frequency_penalty`, `presence_penalty`,
    `repetition_penalty`, `min_p` and `chat_template_kwargs` are fields of their names; `stop` joins what ends an
    answer; `extra_body` is added as it stands. `endpoint: completions` asks a base model, whose prompt is written as
    plain text, or with the chat template of the tokenizer folder `template`. `fold_system` puts a persona in front of
    the user's first message. `extra_headers` (`$NAME` in a value stands for an environment variable) and `extra_query`
    are added to every request; a gateway may choose a model by them.

    How it is reached, which changes no answer: `max_tokens_field` is the name under which the greatest length travels;
    `key_header` names the header that the key travels in (bare, unless it is Authorization), and `key_over_http` sends
    it to a plain-http address beyond this machine. No more than `requests_per_minute` are begun; a whole answer may
    take `timeout` seconds, and where a server asks to wait, a request waits `max_wait` seconds at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens_field: Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")] = "max_tokens"
    omit: tuple[Sent, ...] = ()
    reasoning_effort: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repetition_penalty: Annotated[yamls.Real, Field(gt=0, le=10)] | None = None
    min_p: Annotated[yamls.Real, Field(ge=0, le=1)] | None = None
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    chat_template_kwargs: yamls.JsonObject = {}
    extra_body: yamls.JsonObject = {}
    endpoint: Literal["chat", "completions"] = "chat"
    template: str | None = None
    fold_system: bool = False
    extra_headers: dict[str, str] = {}
    extra_query: dict[str, str] = {}
    key_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "Authorization"
    key_over_http: bool = False
    requests_per_minute: Annotated[yamls.Real, Field(ge=LEAST_PER_MINUTE, le=1e6)] | None = None
    timeout: Seconds = 1_800.0
    max_wait: Seconds = 600.0

    @field_validator("max_tokens_field")
    @classmethod
    def _is_a_field_of_its_own(cls, given: str) -> str:
        if given in _OWN_FIELDS.keys() | _DRAWN_BY:
            raise ValueError(
                f"{given} is sent with something else in it; the greatest length travels as max_tokens with most "
                "servers, as max_completion_tokens with others"
            )
        return given

    @field_validator("extra_body", "chat_template_kwargs")
    @classmethod
    def _bodies_hold_no_key(cls, given: dict[str, Any]) -> dict[str, Any]:
        if holds_key(given):
            raise ValueError(f"this holds a key, which would be written to a run's files; {_BY_HEADER}")
        return given

    @field_validator("extra_body")
    @classmethod
    def _leaves_the_engine_its_own(cls, given: dict[str, Any]) -> dict[str, Any]:
        if own := min(_OWN_FIELDS.keys() & given.keys(), default=None):
            raise ValueError(f"{own} cannot be set here: the engine itself decides what stands there{_OWN_FIELDS[own]}")
        return given

    @field_validator("extra_headers")
    @classmethod
    def _headers_are_headers(cls, given: dict[str, str]) -> dict[str, str]:
        for name, value in given.items():
            plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
            if not plain or not (name + value).isprintable():
                raise ValueError(f"{name!r} is no header of one line")
            _check_header(name)
            if (_SECRET.search(name) and "$" not in value) or _KEY.search(value):
                raise ValueError(f"{name!r} holds a key, which would be written to a run's files; {_BY_NAME} `$MY_KEY`")
        return given

    @field_validator("key_header")
    @classmethod
    def _the_key_has_a_header_of_its_own(cls, given: str) -> str:
        _check_header(given)
        return given

    @field_validator("extra_query")
    @classmethod
    def _queries_hold_no_key(cls, given: dict[str, str]) -> dict[str, str]:
        if secret := next((name for name, value in given.items() if _SECRET.search(name) or _KEY.search(value)), None):
            raise ValueError(f"{secret!r} holds a key, which would be written to a run's files; {_BY_HEADER}")
        return given

    @model_validator(mode="after")
    def _template_goes_with_completions(self) -> RequestOptions:
        if self.template is not None and self.endpoint != "completions":
            raise ValueError("a template is applied here for `endpoint: completions`; a chat is rendered by its server")
        return self

    @model_validator(mode="after")
    def _nothing_is_sent_in_two_ways(self) -> RequestOptions:
        if self.max_tokens_field != "max_tokens" and "max_tokens" in self.omit:
            raise ValueError("max_tokens is left out (`omit`), so that max_tokens_field has nothing to name")
        if self.stop and "stop" in self.omit:
            raise ValueError("stop is left out (`omit`), so that what stands in `stop` would not be sent")
        lengths = dict.fromkeys((self.max_tokens_field, *_LENGTHS), "max_tokens")
        for name, field in {**{field: field for field in _DRAWN_AS}, **lengths}.items():
            if name in self.extra_body and field not in self.omit:
                under = f", under `max_tokens_field: {name}`" if name not in {field, self.max_tokens_field} else ""
                raise ValueError(
                    f"extra_body would send another {name} than each question's own; say {_DRAWN_AS[field]}{under} in "
                    f"its place, or say `omit: [{field}]` to send this one"
                )
        return self

    def __hash__(self) -> int:
        return hash(orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS))

    @property
    def identity(self) -> str | None:
        """A digest of the options that may change an answer; None where all are as they are by themselves."""
        content = self.model_dump(mode="json", exclude=set(_HOW_IT_IS_REACHED), exclude_defaults=True)
        if not content:
            return None
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_DIGITS]


def _check_header(name: str) -> None:
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"the header {name} cannot be set here: the HTTP client itself decides what stands there")


def holds_key(given: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    """Whether a value looks like a key, or holds one under a name that says so."""
    if isinstance(given, dict):
        named = any(isinstance(value, str) and _SECRET_IN_BODY.search(name) for name, value in given.items())
        return named or any(map(holds_key, given.values()))
    if isinstance(given, list):
        return any(map(holds_key, given))
    return isinstance(given, str) and _KEY.search(given) is not None


_HOW_IT_IS_REACHED = ("max_tokens_field", "key_header", "key_over_http", "requests_per_minute", "timeout", "max_wait")


def checked_url(given: str) -> str:
    """Return a server's address without blanks around it.

    Raises:
        ValueError: it is none, or holds a password, or more than the address.
    """
    url = given.strip()
    if _USER.search(url):
        raise ValueError(
            "an address with a user or a password would be written to a run's files; put the password into an "
            "environment variable, and name that as api_key_env"
        )
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise ValueError(f"this is no address of a server ({error}); {_EXAMPLE}") from None
    if _KEY.search(url) or any(_SECRET.search(name) for name, _ in parse_qsl(parts.query)):
        raise ValueError(f"this address holds a key, which would be written to a run's files; {_BY_HEADER}")
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise ValueError(f"{url!r} is no address of a server; {_EXAMPLE}")
    if any(character.isspace() or not character.isprintable() or character in "|#" for character in url):
        raise ValueError(f"{url!r} holds characters that no address has; {_EXAMPLE}")
    for end in ("/chat/completions", "/completions", "/models"):
        if parts.path.rstrip("/").endswith(end):
            base = url.partition(end)[0]
            raise ValueError(f"a base_url ends before {end}: {base}")
    return url


def checked_urls(given: object) -> str | tuple[str, ...]:
    """Return a server's address, or the addresses of several; a list of one is that one.

    Raises:
        ValueError: it is none, there is none, or one stands there twice.
    """
    if isinstance(given, str):
        return checked_url(given)
    if not isinstance(given, (list, tuple)) or not given or not all(isinstance(one, str) for one in given):
        raise ValueError(f"a base_url is a server's address, or a list of several; {_EXAMPLE}")
    if len(given) > MOST_ADDRESSES:
        raise ValueError(f"a base_url lists {MOST_ADDRESSES} addresses at most, not {len(given)}")
    urls = tuple(checked_url(one) for one in given)
    servers = [_server(url) for url in urls]
    if twice := next((url for place, url in enumerate(urls) if servers[place] in servers[:place]), None):
        raise ValueError(f"{twice} stands twice in base_url; each of its addresses is another server")
    return urls[0] if len(urls) == 1 else urls


def _server(url: str) -> tuple[str, str, int | None, str, str]:
    """Return what tells servers apart: however an address is written, its host and its port are the same."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    with contextlib.suppress(ValueError):
        host = ipaddress.ip_address(host).compressed
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme), parts.path.rstrip("/"), parts.query


_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "it looks like http://127.0.0.1:8000/v1, with [::1] for an address of IPv6"


_USER = re.compile(r"(?<!/)[@\ufe6b\uff20]|%40")
"""What ends a user or a password in an address (Unicode has three of it); at the head of a folder it ends none."""


def is_one_line(text: str) -> bool:
    """Whether a text may stand in an identity: one line, without the bars that part it."""
    return re.fullmatch(ONE_LINE, text) is not None


def on_this_machine(url: str) -> bool:
    """Whether an address is one of this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


NOTHING_ASKED = RequestOptions()
"""How a server is asked of which a team file says nothing."""
