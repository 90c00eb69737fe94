"""What a server tells of itself: its models, as far as it lists them, and whether it answers at all."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines.server.refusals import (
    ANSWERED,
    FORBIDDEN,
    NOT_FOUND,
    OK,
    REDIRECTS,
    UNAUTHORIZED,
    may_pass,
    refusal,
)
from mlpo_bench.engines.server.reply import parsed, read, unreadable
from mlpo_bench.engines.server.words import one_line
from mlpo_bench.errors import EngineError, UsageError, nearest


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlpo_bench.engines.server.refusals import Asked
    from mlpo_bench.engines.server.request import RequestBuilder
    from mlpo_bench.engines.server.transport import Answer, Transport
    from mlpo_bench.engines.spec import ModelSpec

OPEN_TIMEOUT_S = 20.0
LISTED_AGAIN_AFTER_S = (1.0, 2.0, 4.0)
_LISTED_WITHIN_S = 30.0
"""What is not had by then is not asked for again."""
TRIAL_TIMEOUT_S = 120.0
TRIAL = Message("user", "Say yes.")
TRIAL_SAMPLING = Sampling(temperature=1.0, max_tokens=16)
_CONTEXTS = ("max_model_len", "context_length", "context_window", "max_context_length")
_LEAST_CONTEXT, _MOST_CONTEXT = 16, 2**31 - 1
_NAMES_SHOWN = 12
_LAST_S = 253_402_300_799  # the end of the year 9999


class NoServer(UsageError):
    """Nothing answers at an address."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A server's list of models.

    `hindrance` says in a few words why there is none, or why the model does not stand in it; `passing`, that the list
    can only not be had now, so that what it would tell is not known.
    """

    names: tuple[str, ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    hindrance: str = ""
    passing: bool = False

    @property
    def context(self) -> int | None:
        """The longest prompt plus answer, in tokens; None where the server does not tell."""
        told = (self.model.get(name) for name in _CONTEXTS)
        return next((n for n in told if type(n) is int and _LEAST_CONTEXT <= n <= _MOST_CONTEXT), None)

    @property
    def root(self) -> str | None:
        """What the model is to the server itself; None where it does not tell."""
        return self._text("root")

    @property
    def owner(self) -> str | None:
        """What the server calls itself: `vllm`, `llamacpp`, ...; None where it does not tell."""
        return self._text("owned_by")

    @property
    def created(self) -> int | None:
        """When the model was made, as the server has it, in seconds since 1970.

        vLLM and its like tell the time at which they were asked, which says nothing of the model.
        """
        created = self.model.get("created")
        told = type(created) is int and 0 < created <= _LAST_S  # no time, and too large for a file, beyond that
        return created if told and self.owner not in {"vllm", "sglang"} else None

    @property
    def created_at(self) -> str | None:
        """The same as a time in UTC; None where the server does not tell, or tells no time."""
        if self.created is None:
            return None
        return datetime.fromtimestamp(self.created, UTC).isoformat(timespec="seconds")

    def _text(self, name: str) -> str | None:
        told = self.model.get(name)
        return one_line(told, 300).replace("|", "/") if isinstance(told, str) and told.strip() else None


async def listed_in_the_end(transport: Transport, spec: ModelSpec, say: Callable[[str], None]) -> Listing:
    """Ask a server for its models, several times where its list can only not be had now. See `listed`.

    How requests are written, and who answers them, follows from the list: one that was missed once would mix both.
    """
    began = time.monotonic()
    for seconds in LISTED_AGAIN_AFTER_S:
        listing = await listed(transport, spec)
        if not listing.passing or time.monotonic() - began > _LISTED_WITHIN_S:
            return listing
        if seconds > LISTED_AGAIN_AFTER_S[0]:
            say(f"the server {transport.url}: {transport.cleaned(listing.hindrance).rstrip('.')}; it is asked again.")
        await asyncio.sleep(seconds)
    return await listed(transport, spec)


async def listed(transport: Transport, spec: ModelSpec) -> Listing:
    """Ask a server for its models. Not every one has a list, shows it to everybody, or names all in it.

    Raises:
        NoServer: nothing answers at the address.
    """
    try:
        answer = await transport.get("/models", OPEN_TIMEOUT_S)
    except EngineError as fault:
        if "no server answers" in str(fault):
            raise NoServer(f"{str(fault).rstrip('.')}; start it, or correct the base_url.") from None
        return Listing(hindrance=f"its list of models cannot be had: {fault}", passing=fault.transient)
    if answer.status != OK:
        hindrance = f"it answers {answer.status} when asked for its models"
        return Listing(hindrance=hindrance, passing=may_pass(answer.status))
    try:
        models = _models(parsed(answer.body))
    except ValueError:
        return Listing(hindrance="what it sends when asked for its models is no list of any")
    if spec.model in models:
        return Listing(tuple(models), models[spec.model])
    shown = ", ".join(list(models)[:_NAMES_SHOWN]) or "none"
    hint = nearest(spec.model, models) or "."
    return Listing(tuple(models), hindrance=f"{spec.model!r} is not in its list of models{hint} It lists: {shown}")


def _models(content: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Return the models of a list by their names: a bare list, or one under `data` or `models`."""
    if isinstance(content, dict):
        content = content.get("data", content.get("models"))
    if not isinstance(content, list):
        raise ValueError("no list")  # noqa: TRY004 - what JSON holds
    models: dict[str, dict[str, Any]] = {}
    for one in content:
        entry = {"id": one} if isinstance(one, str) else one
        name = entry.get("id") or entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str):
            models[name] = entry
    return models


async def tried(transport: Transport, builder: RequestBuilder, asked: Asked) -> str:
    """Ask a server one small question, where its list does not show that it serves the model.

    Returns:
        What was odd about its answer, though questions may well be answered; nothing where it answered.

    Raises:
        UsageError: no question can be answered in this way.
    """
    body = builder.body([TRIAL], TRIAL_SAMPLING, 0)
    try:
        answer = await transport.post(builder.path, body, TRIAL_TIMEOUT_S)
    except EngineError as fault:
        return transport.cleaned(str(fault))
    if answer.status not in ANSWERED:
        return _refused(answer, transport, asked, builder)
    try:
        content = parsed(answer.body)
    except ValueError as error:
        useless = unreadable(answer.body, error)
        if not useless.transient:
            raise UsageError(f"it {useless}") from None
        raise UsageError(_NO_PROTOCOL) from None
    return _odd(content, transport)


def _odd(content: Any, transport: Transport) -> str:  # noqa: ANN401 - whatever JSON holds
    """Return what is odd about a trial's answer, read as every other; nothing where it is an answer.

    Raises:
        UsageError: no question will be answered otherwise.
    """
    try:
        read(content)
    except EngineError as fault:
        told = f"it {transport.cleaned(str(fault))}"
        if fault.transient and not isinstance(content, dict):
            raise UsageError(_NO_PROTOCOL) from None
        if fault.transient or fault.own:  # another question may well be answered
            return told
        raise UsageError(told) from None
    return ""


_NO_PROTOCOL = "what answers there does not speak OpenAI's protocol; a base_url ends in /v1 with most servers"


def _refused(answer: Answer, transport: Transport, asked: Asked, builder: RequestBuilder) -> str:
    told = transport.cleaned(str(refusal(answer, asked)))
    if answer.status in {UNAUTHORIZED, FORBIDDEN}:
        raise UsageError(f"it refuses the key: it {told}")
    if answer.status in {NOT_FOUND, 405, 410} or answer.status in REDIRECTS:
        raise UsageError(
            f"asked at {builder.path}, it {told} A base_url is what stands before {builder.path}, and ends in /v1 with "
            "most servers"
        )
    return f"it {told}"
