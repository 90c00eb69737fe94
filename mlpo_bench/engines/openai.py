"""Asks a server that speaks OpenAI's chat completions: vLLM's own, a cloud's, or any other.

The key comes from the environment variable that the spec names, and goes nowhere else. The number of requests in
flight is bounded; refusals for load (429) and failures (5xx, lost connections) are retried with growing waits, or
after the time the server names in Retry-After.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from typing import TYPE_CHECKING, Any

import openai

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError, unknown


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import Message, Sampling
    from mlpo_bench.engines.spec import ModelSpec

# Where neither the server nor the spec tells the context: large enough not to stand in the way of a server's own.
DEFAULT_CONTEXT = 131_072
RETRIES = 5
ANSWER_TIMEOUT_S = 1_800.0
OPEN_TIMEOUT_S = 20.0
# Rough figures for texts in English, where nothing better is to be had.
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
NO_KEY = "none"


class OpenAIEngine:
    """One model of one server. Make it with `connect`.

    Args:
        client: the connection.
        spec: names the model and bounds the requests in flight.
        facts: what the server says of the model.
    """

    def __init__(self, client: openai.AsyncOpenAI, spec: ModelSpec, facts: ModelFacts) -> None:
        self._client, self._spec, self._facts = client, spec, facts
        self._slots = asyncio.Semaphore(spec.concurrency)

    @property
    def facts(self) -> ModelFacts:
        """What answers, as far as the server tells."""
        return self._facts

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat.

        Raises:
            ContextOverflow: the server says that prompt and answer exceed the context.
            EngineError: the server failed or refused; transient where asking again may help.
        """
        asked = time.perf_counter()
        async with self._slots:
            made = await self._ask(messages, sampling, seed)
        choices = getattr(made, "choices", None)
        if not choices:
            raise EngineError(f"{self._where} did not answer with a chat completion.")
        reason = choices[0].finish_reason
        if reason not in {"stop", "length"}:
            raise EngineError(f"{self._where} ended an answer with {reason!r}.", transient=False)
        text = choices[0].message.content or ""
        usage = _usage(made.usage) or Usage(self.count_tokens(messages), 0, _estimate(text))
        return Completion(text, usage, reason, time.perf_counter() - asked)

    async def _ask(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Any:  # noqa: ANN401
        try:
            return await self._client.chat.completions.create(**self._request(messages, sampling, seed))
        except openai.BadRequestError as error:
            raise self._refusal(error, messages, sampling) from None
        except (openai.APITimeoutError, openai.APIConnectionError) as error:
            raise EngineError(f"{self._where} cannot be reached: {type(error).__name__}.") from None
        except openai.APIStatusError as error:
            again = error.status_code >= 500 or error.status_code in {408, 409, 429}  # noqa: PLR2004 - HTTP's own
            raise EngineError(f"{self._where} answered {error.status_code}.", transient=again) from None
        except (openai.OpenAIError, ValueError) as error:
            raise EngineError(f"{self._where} sent no valid answer: {type(error).__name__}.") from None

    def _request(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._spec.model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": seed,
        }
        if sampling.stop:
            request["stop"] = list(sampling.stop)
        if sampling.top_k:  # not in OpenAI's own form, but in that of most servers
            request["extra_body"] = {"top_k": sampling.top_k}
        return request

    def _refusal(self, error: openai.BadRequestError, messages: Sequence[Message], sampling: Sampling) -> EngineError:
        """Tell a prompt that does not fit from any other refusal."""
        said = str(error)
        if (holds := _number(r"(?:maximum context length|max_model_len)\D*(\d+)", said)) is not None:
            prompt = _number(r"(\d+)\s+(?:in the messages|input tokens|in your prompt)", said)
            return ContextOverflow(
                model=self._facts.name,
                prompt=self.count_tokens(messages) if prompt is None else prompt,
                answer=sampling.max_tokens,
                context=holds,
            )
        return EngineError(f"{self._where} refused: {self._without_key(said)}", transient=False)

    def _without_key(self, text: str) -> str:
        key = self._client.api_key
        return text if key == NO_KEY else text.replace(key, "***")

    @property
    def _where(self) -> str:
        return f"the server {self._spec.base_url}"

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return an estimate of a chat's length in tokens: a quarter of its characters, and 4 for each message."""
        return sum(_estimate(m.content) + TOKENS_PER_MESSAGE for m in messages)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


async def connect(spec: ModelSpec, *, deterministic: bool = False) -> OpenAIEngine:
    """Connect to a server, and check that it serves the model.

    Raises:
        UsageError: the server cannot be reached, refuses the key, or does not serve the model; or deterministic
            completions were asked for, which nobody can promise for a server.
    """
    if deterministic:
        raise UsageError(f"a server's batches cannot be controlled, so {spec.base_url} cannot be deterministic.")
    key = os.environ.get(spec.api_key_env) or NO_KEY
    client = openai.AsyncOpenAI(base_url=spec.base_url, api_key=key, max_retries=RETRIES, timeout=ANSWER_TIMEOUT_S)
    try:
        served = await _served(client, spec)
    except BaseException:
        await client.close()
        raise
    return OpenAIEngine(client, spec, _facts(spec, served))


async def _served(client: openai.AsyncOpenAI, spec: ModelSpec) -> Any:  # noqa: ANN401 - has fields of its server's own
    """Return what the server says of the model, or None where it has no list of models."""
    url = spec.base_url
    try:
        page = await client.with_options(max_retries=1, timeout=OPEN_TIMEOUT_S).models.list()
        known = {model.id: model for model in page.data}
    except (openai.APIConnectionError, openai.APITimeoutError):
        raise UsageError(f"no server answers at {url}; start it, or correct the base_url.") from None
    except (openai.AuthenticationError, openai.PermissionDeniedError):
        raise UsageError(f"the server {url} refuses the key in the variable {spec.api_key_env}.") from None
    except openai.NotFoundError:
        return None
    except openai.APIStatusError as error:
        raise UsageError(f"the server {url} answers {error.status_code} when asked for its models.") from None
    except (openai.OpenAIError, ValueError, TypeError, AttributeError):
        raise UsageError(f"what answers at {url} does not speak OpenAI's protocol; a base_url ends in /v1.") from None
    if spec.model not in known:
        raise unknown(f"model of the server {url}", spec.model, known)
    return known[spec.model]


def _facts(spec: ModelSpec, served: Any) -> ModelFacts:  # noqa: ANN401
    holds = getattr(served, "max_model_len", None)
    told = [int(bound) for bound in (holds, spec.context) if bound]
    root = getattr(served, "root", None) or spec.model
    return ModelFacts(
        name=spec.model,
        engine="openai",
        revision=f"{spec.base_url} {root}",
        dtype="unknown",
        context=min(told) if told else DEFAULT_CONTEXT,
        note="" if told else "the server does not tell its context",
    )


def _usage(told: Any) -> Usage | None:  # noqa: ANN401 - servers leave out what they like
    if told is None:
        return None
    details = getattr(told, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None) or 0
    return Usage(prompt=told.prompt_tokens - cached, cached=cached, completion=told.completion_tokens)


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None


def _estimate(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)
