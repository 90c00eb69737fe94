"""What a server tells of itself: its models, as far as it lists them, and whether it answers at all."""

from __future__ import annotations

import asyncio
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
from mlpo_bench.engines.server.waits import told_wait
from mlpo_bench.engines.server.words import one_line
from mlpo_bench.errors import EngineError, Unreachable, UsageError, nearest


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlpo_bench.engines.server.refusals import Asked
    from mlpo_bench.engines.server.request import RequestBuilder
    from mlpo_bench.engines.server.transport import Answer, Transport
    from mlpo_bench.engines.spec import ModelSpec

OPEN_TIMEOUT_S = 20.0
TRIES, FIRST_RETRY_S = 5, 0.5
WITHIN_S = 45.0
"""How long after the first try another may begin: three of them where a server is silent, or drips."""
SAID_AFTER_S = 2.0
TRIAL_TIMEOUT_S = 120.0
TRIAL = Message("user", "Say yes.")
TRIAL_SAMPLING = Sampling(temperature=1.0, max_tokens=16)
_CONTEXTS = ("max_model_len", "context_length", "context_window", "max_context_length")
_LEAST_CONTEXT, _MOST_CONTEXT = 16, 2**31 - 1
_NAMES_SHOWN = 12
_READ_FOR_A_WAIT = 20_000
_LAST_S = 253_402_300_799  # the end of the year 9999


class NoServer(UsageError):
    """Nothing answers at an address."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A server's list of models.

    `hindrance` says in a few words why there is none, or why the model does not stand in it. `again_after` is in how
    many seconds it may be had where it cannot be had now: 0 where the server does not say, None where that is no matter
    of time.
    """

    names: tuple[str, ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    hindrance: str = ""
    again_after: float | None = None

    @property
    def unknown(self) -> bool:
        """Whether there may well be a list, which could not be had."""
        return self.again_after is not None

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


async def listed(
    transport: Transport, spec: ModelSpec, say: Callable[[str], None] | None = None, tries: int = TRIES
) -> Listing:
    """Ask a server for its models. Not every one has a list, shows it to everybody, or names all in it.

    Args:
        transport: the way to the server.
        spec: says which model is meant, and how long a server may take or ask to wait.
        say: is told what is waited for where that takes long.
        tries: how often it is asked while it fails in passing.

    Raises:
        NoServer: nothing answers at the address.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + min(WITHIN_S, spec.request.timeout)
    told = f"waiting for the server {transport.url} to list its models."
    telling = say and loop.call_later(SAID_AFTER_S, say, told)
    try:
        for attempt in range(tries):
            listing = await _listed_once(transport, spec)
            asked, wait = listing.again_after, FIRST_RETRY_S * 2**attempt
            if asked is None or asked > spec.request.max_wait or loop.time() + max(asked, wait) > until:
                break
            if attempt < tries - 1:
                await asyncio.sleep(max(asked, wait))
        return listing
    finally:
        if telling:
            telling.cancel()


async def _listed_once(transport: Transport, spec: ModelSpec) -> Listing:
    try:
        answer = await transport.get("/models", OPEN_TIMEOUT_S)
    except EngineError as fault:
        if "no server answers" in str(fault):
            raise NoServer(f"{str(fault).rstrip('.')}; start it, or correct the base_url.") from None
        passes = 0.0 if fault.transient else None
        return Listing(hindrance=f"its list of models cannot be had: {fault}", again_after=passes)
    if answer.status != OK:
        wait = told_wait(answer.headers, answer.body[:_READ_FOR_A_WAIT].decode("utf-8", "replace")) or 0.0
        return Listing(
            hindrance=f"it answers {answer.status} when asked for its models",
            again_after=wait if may_pass(answer.status) else None,
        )
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


async def tried(transport: Transport, builder: RequestBuilder, asked: Asked) -> EngineError | None:
    """Ask a server one small question, where its list does not show that it serves the model.

    Returns:
        What was odd about its answer, though questions may well be answered; None where it answered.

    Raises:
        UsageError: no question can be answered in this way.
    """
    body = builder.body([TRIAL], TRIAL_SAMPLING, 0)
    try:
        answer = await transport.post(builder.path, body, TRIAL_TIMEOUT_S)
    except EngineError as fault:
        return _retold(fault, transport.cleaned(str(fault)))
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


def _odd(content: Any, transport: Transport) -> EngineError | None:  # noqa: ANN401 - whatever JSON holds
    """Return what is odd about a trial's answer, read as every other; None where it is an answer.

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
            return _retold(fault, told)
        raise UsageError(told) from None
    return None


def _retold(fault: EngineError, words: str) -> EngineError:
    kind = Unreachable if isinstance(fault, Unreachable) else EngineError
    return kind(words, transient=fault.transient)


_NO_PROTOCOL = "what answers there does not speak OpenAI's protocol; a base_url ends in /v1 with most servers"


def _refused(answer: Answer, transport: Transport, asked: Asked, builder: RequestBuilder) -> EngineError:
    fault = refusal(answer, asked)
    told = transport.cleaned(str(fault))
    if answer.status in {UNAUTHORIZED, FORBIDDEN}:
        raise UsageError(f"it refuses the key: it {told}")
    if answer.status in {NOT_FOUND, 405, 410} or answer.status in REDIRECTS:
        raise UsageError(
            f"asked at {builder.path}, it {told} A base_url is what stands before {builder.path}, and ends in /v1 with "
            "most servers"
        )
    return _retold(fault, f"it {told}")
