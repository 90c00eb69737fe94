"""The engine for a server: asks one model, and asks again where that may help."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines.server import reply as replies
from mlpo_bench.engines.server.facts import facts_of
from mlpo_bench.engines.server.failures import RateLimited
from mlpo_bench.engines.server.listing import NoServer, listed, tried
from mlpo_bench.engines.server.pace import LONGEST_WAIT_S, Pace
from mlpo_bench.engines.server.refusals import ANSWERED, TOO_MANY, Asked, cut_off, overflow, refusal, too_long
from mlpo_bench.engines.server.request import RequestBuilder
from mlpo_bench.engines.server.stops import ended
from mlpo_bench.engines.server.system_role import refuses_system_role
from mlpo_bench.engines.server.transport import Transport
from mlpo_bench.engines.server.waits import told_wait
from mlpo_bench.engines.spec import AUTO
from mlpo_bench.errors import ContextOverflow, EngineError, Unreachable, UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpo_bench.chat import Message, Sampling
    from mlpo_bench.engines.base import ModelFacts
    from mlpo_bench.engines.server.listing import Listing
    from mlpo_bench.engines.server.reply import Reply
    from mlpo_bench.engines.server.transport import Answer
    from mlpo_bench.engines.spec import ModelSpec

RETRIES = 5
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 8.0
# Rough figures for texts in English, where nothing better is to be had.
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
SAID_EVERY_S = 10.0
_LEAST_WAIT_S = 0.05
_SERVICE_UNAVAILABLE = 503
_READ_FOR_A_WAIT = 20_000
_FINGERPRINTS_KEPT = 20
# A prompt of which a server counts so small a part of the estimate was cut, unless its tokens are very long.
_CUT_BELOW, _CUT_FROM = 0.4, 1_000


@dataclass(slots=True)
class _Tries:
    """What one request has been through: seconds of asking, failures, how often the server asked to wait and how long.

    For its turn it may wait for as long as it takes: a slow pace is what a person, or the server, wants.
    """

    asked: float = 0.0
    failures: int = 0
    refusals: int = 0
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class _Wait:
    """The server asks to wait for so many seconds (None where it does not say how many), in its words."""

    seconds: float | None
    words: str


class ServerEngine:
    """One model of one server. Make it with `connect`.

    Args:
        transport: the way to the server.
        builder: makes the requests.
        spec: names the model and bounds the requests in flight.
        facts: what the server says of the model.
        say: takes a sentence on what a person should know.
        retries: how often a request that failed in passing is asked again.
        hindrance: why its list of models does not show the model, in a few words.
        unready: why it may not serve anything yet: neither its list could be had nor a question was answered.
    """

    def __init__(
        self,
        transport: Transport,
        builder: RequestBuilder,
        spec: ModelSpec,
        facts: ModelFacts,
        say: Callable[[str], None],
        retries: int = RETRIES,
        hindrance: str = "",
        unready: str = "",
    ) -> None:
        self._transport, self._builder, self._spec, self._facts, self._say = transport, builder, spec, facts, say
        self._retries, self.hindrance, self.unready = retries, hindrance, unready
        self._pace = Pace(spec.concurrency, spec.request.requests_per_minute)
        self._fingerprints: dict[str, None] = {}
        self._told: set[str] = set()
        self._silent_until = 0.0

    @property
    def facts(self) -> ModelFacts:
        """What answers, as far as the server tells; what it calls the states that it answered from grows."""
        told = {**(self._facts.told or {}), "sends": self._builder.fields}
        if self._fingerprints:
            told["system_fingerprints"] = list(self._fingerprints)
        return replace(self._facts, told=told)

    def halt(self, reason: Exception) -> None:
        """Send nothing more: what waits for its turn gets `reason` instead."""
        self._pace.halt(reason)

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat.

        Raises:
            ContextOverflow: the server says that prompt and answer exceed the context.
            EngineError: the server failed or refused; transient where asking again may help.
        """
        tries = _Tries()
        while True:
            folded, body = self._builder.fold_system, self._builder.body(messages, sampling, seed)
            field = self._spec.request.max_tokens_field
            asked = Asked(self._facts.name, self.count_tokens(messages), sampling.max_tokens, field)
            try:
                async with self._pace.slot():
                    started = time.perf_counter()
                    try:
                        answer = await self._transport.post(self._builder.path, body, self._spec.request.timeout)
                    finally:
                        tries.asked += time.perf_counter() - started
                    outcome = self._found(answer, asked)
            except EngineError as fault:
                if not folded and self._folds_instead(fault, messages):
                    continue
                await self._after(fault, tries)
            else:
                if isinstance(outcome, _Wait):
                    self._wait(outcome, tries)
                    continue
                self._pace.answered()
                return self._completion(outcome, messages, sampling, time.perf_counter() - started)

    def _found(self, answer: Answer, asked: Asked) -> Reply | _Wait:
        """Return what an answer means, or that the server asks to wait.

        Raises:
            EngineError: it is neither.
        """
        if answer.status == TOO_MANY or (answer.status == _SERVICE_UNAVAILABLE and "retry-after" in answer.headers):
            fault = refusal(answer, asked)
            if not fault.transient:
                raise self._worded(fault)
            return self._asked_to_wait(answer, fault)
        if answer.status not in ANSWERED:
            if cut_off(answer.status, str(fault := refusal(answer, asked))):
                return replies.Reply("", "length", None)
            raise self._worded(fault)
        try:
            content = replies.parsed(answer.body)
        except ValueError as error:
            raise self._worded(replies.unreadable(answer.body, error)) from None
        try:
            return self._without_keys(replies.read(content))
        except RateLimited as fault:
            return self._asked_to_wait(answer, fault)
        except EngineError as fault:
            if too_long(answer.status, str(fault), content):  # an error that comes with status 200
                raise overflow(self._transport.cleaned(str(fault)), content, asked) from None
            raise self._worded(fault) from None

    def _without_keys(self, reply: Reply) -> Reply:
        """Return an answer without keys that stood in pieces in several parts of it."""
        hidden = self._transport.without_keys
        reasoning = None if reply.reasoning is None else hidden(reply.reasoning)
        return replace(reply, text=hidden(reply.text), reasoning=reasoning)

    def _asked_to_wait(self, answer: Answer, fault: EngineError) -> _Wait:
        body = answer.body[:_READ_FOR_A_WAIT].decode("utf-8", "replace")  # its words alone may be cut before that
        return _Wait(told_wait(answer.headers, body), str(self._worded(fault)))

    def _worded(self, fault: EngineError) -> EngineError:
        """Return a fault with the server's name before its words, and no key in them."""
        text = self._transport.cleaned(str(fault))
        if isinstance(fault, ContextOverflow):  # it speaks of the model
            fault.args = (text,)
            return fault
        return EngineError(f"{self._where} {text}", transient=fault.transient, own=fault.own, barred=fault.barred)

    def _folds_instead(self, fault: EngineError, messages: Sequence[Message]) -> bool:
        """Whether to ask again with the persona in the user's turn: the server will not take one of its own.

        Templates that raise an error are some servers' own fault to them (500), which passes as little as others.
        """
        system = any(message.role == "system" for message in messages)
        if not system or not refuses_system_role(str(fault)):
            return False
        self._builder.fold_system = True
        self._say_once("folded", "takes no system message, so what stood there goes in front of the user's first")
        return True

    async def _after(self, fault: EngineError, tries: _Tries) -> None:
        """Wait before the next try after a failure.

        Raises:
            EngineError: the fault itself, where there is to be none.
        """
        tries.failures += 1
        fault.spent = tries.asked
        if not fault.transient:
            raise fault
        if tries.failures > self._retries or tries.asked >= self._spec.request.timeout:
            fault.tried = True
            raise fault
        await self._pace.rest(min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (tries.failures - 1)))

    def _wait(self, wait: _Wait, tries: _Tries) -> None:
        """Slow all requests down, as the server asks.

        Raises:
            EngineError: this one has waited for as long as a person lets it.
        """
        least = min(_LEAST_WAIT_S * 2 ** min(tries.refusals, 16), LONGEST_WAIT_S)  # for those that say 0 for ever
        tries.refusals += 1
        seconds = self._pace.next_wait() if wait.seconds is None else max(wait.seconds, least)
        bound = self._spec.request.max_wait
        if tries.waited + seconds > bound:
            asks = f" It asks to wait {wait.seconds:,.0f} s." if wait.seconds is not None else ""
            bounded = (
                f" A request waits {bound:g} s in all (request: {{max_wait: ...}} in the team file)." if bound else ""
            )
            raise EngineError(f"{wait.words}{asks}{bounded}", tried=True)
        tries.waited += seconds
        self._pace.slow_down(seconds)
        now = time.monotonic()
        if now >= self._silent_until and seconds >= 1:
            self._silent_until = now + max(seconds, SAID_EVERY_S)
            self._say(f"{wait.words} Waiting {seconds:,.0f} s, then {self._pace.level} at once.")

    def _say_once(self, kind: str, text: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._say(f"{self._where} {self._transport.cleaned(text)}.")

    def _check_whole(self, usage: Usage | None, messages: Sequence[Message]) -> None:
        """Tell of a prompt that the server seems to have cut, as some do without a word."""
        about = self.count_tokens(messages)
        if usage is not None and about >= _CUT_FROM and usage.prompt + usage.cached < _CUT_BELOW * about:
            told = usage.prompt + usage.cached
            self._say_once("cut", f"counts {told:,} tokens in a prompt of about {about:,}, so it may have cut it")

    def _bounded(self, reply: Reply, sampling: Sampling) -> Reply:
        """Return an answer up to where it was to end, and tell of a server that does not mind its bounds.

        Raises:
            EngineError: nothing stands before its end.
        """
        most, written = sampling.max_tokens, 0 if reply.usage is None else reply.usage.completion
        if written > most and self._builder.sends("max_tokens"):
            self._say_once("long", f"wrote {written:,} tokens where {most:,} at most were asked for")
        if reply.refused:
            return reply
        try:
            text, beyond = ended(reply.text, self._builder.stops(sampling))
        except EngineError as fault:
            raise self._worded(fault) from None
        if text == reply.text:
            return reply
        if beyond is not None and self._builder.sends("stop"):
            self._say_once("stop", f"ignores `stop`: it wrote on behind {beyond!r}, so its texts are cut there")
        return replace(reply, text=text, finish_reason="stop")

    def _completion(self, reply: Reply, messages: Sequence[Message], sampling: Sampling, seconds: float) -> Completion:
        if reply.note:
            self._say_once(reply.note, reply.note)
        self._check_whole(reply.usage, messages)
        if reply.fingerprint and len(self._fingerprints) < _FINGERPRINTS_KEPT:
            self._fingerprints[self._transport.cleaned(reply.fingerprint)] = None
        written = reply.text + (reply.reasoning or "")  # whole: what is cut off was written, and is paid for
        hidden = reply.finish_reason == "length" and not written  # it wrote all it might, and showed none of it
        length = sampling.max_tokens if hidden else _estimate(written)
        usage = reply.usage or Usage(self.count_tokens(messages), 0, length)
        reply = self._bounded(reply, sampling)
        return Completion(
            text=self._builder.opened(messages) + reply.text,
            usage=usage,
            finish_reason=reply.finish_reason,
            seconds=seconds,
            reasoning=reply.reasoning,
            refused=reply.refused,
            estimated=reply.usage is None,
            cache_written=usage.cache_written,
        )

    @property
    def _where(self) -> str:
        return f"the server {self._transport.url}"

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return an estimate of a chat's length in tokens: a quarter of its characters, and 4 for each message."""
        return sum(_estimate(m.content) + TOKENS_PER_MESSAGE for m in messages)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


async def connect(
    spec: ModelSpec,
    *,
    deterministic: bool = False,
    on_event: Callable[[str], None] | None = None,
    retries: int = RETRIES,
    url: str | None = None,
) -> ServerEngine:
    """Connect to a server, and check that it answers for the model.

    `on_event` takes sentences on what a person should know, now and while questions are asked; `retries` says how often
    a request that failed in passing is asked again; `url` is the address, the first of the spec's where it is left out.

    Raises:
        NoServer: the server cannot be reached.
        UsageError: it refuses the key, or does not serve the model; or deterministic
            completions were asked for, which nobody can promise for a server.
    """
    if deterministic:
        raise UsageError(f"a server's batches cannot be controlled, so {spec.address} cannot be deterministic.")
    say = on_event or (lambda _: None)
    transport = Transport(spec, url)
    try:
        if transport.withheld:
            say(
                f"the key in {spec.api_key_env} is not sent to {transport.url}, which is neither https nor this "
                "machine; if it belongs there, name a variable of its own as api_key_env."
            )
        listing, unready = await listed(transport, spec, say), ""
        if listing.hindrance:
            unready = await _try(transport, RequestBuilder(spec, listing.owner), spec, listing, say)
            if listing.again_after == 0 and not unready:  # what answers by now may have its list by now, too
                listing = await listed(transport, spec, tries=1)
        if listing.unknown:
            say(
                f"the server {transport.url} may have a list of models at another time: its answers are kept apart "
                "from those under that."
            )
        builder = RequestBuilder(spec, listing.owner)
        if spec.deployment == AUTO and listing.created_at is None:
            say(
                f"the server {transport.url} does not tell when its model was made, so that `deployment: auto` keeps "
                "nothing apart; name its deployment yourself."
            )
        facts, hindrance = facts_of(spec, listing, builder.rendering), _hindrance(transport, listing)
        return ServerEngine(transport, builder, spec, facts, say, retries, hindrance, unready)
    except BaseException:
        await transport.close()
        raise


async def _try(
    transport: Transport, builder: RequestBuilder, spec: ModelSpec, listing: Listing, say: Callable[[str], None]
) -> str:
    """Ask a server a trial question, and tell how that went; return why it may not serve anything yet, if so."""
    where = f"the server {transport.url}"
    hindrance = _hindrance(transport, listing)
    try:
        odd = await tried(transport, builder, Asked(spec.model, 0, 0, spec.request.max_tokens_field))
    except UsageError as mistake:
        key = f" {transport.which_key}" if "refuses the key" in str(mistake) else ""
        raise UsageError(f"{where} cannot be asked: {str(mistake).rstrip('.')}.{key} ({hindrance}.)") from None
    if listing.unknown and isinstance(odd, Unreachable):
        raise NoServer(f"{str(odd).rstrip('.')}; start it, or correct the base_url.")
    say(f"{where}: {hindrance}; " + (f"a trial question failed: {odd}" if odd else "a trial question was answered."))
    return f"{hindrance}; {odd}" if listing.unknown and odd is not None and odd.transient else ""


def _hindrance(transport: Transport, listing: Listing) -> str:
    return transport.cleaned(listing.hindrance).rstrip(".")


def _estimate(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)
