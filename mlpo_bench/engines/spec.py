"""A model as a person names it, and what each kind of engine makes of that."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from inspect import isabstract
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mlpo_bench import yamls
from mlpo_bench.engines.base import ALONE, Engine, Share
from mlpo_bench.engines.engine_options import NOTHING_SAID, EngineOptions
from mlpo_bench.engines.names import full_name, short_name
from mlpo_bench.engines.placement import ANYWHERE, Placement
from mlpo_bench.engines.server_options import NOTHING_ASKED, ONE_LINE, RequestOptions, checked_urls, holds_key
from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.registry import Registry


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpo_bench.engines.resolved import ResolvedModel

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

DEFAULT_MODEL = "smollm2-135m"
AUTO = "auto"
ASKED_ANEW = "asked anew "
"""What stands before the mark of a run that takes no earlier answers, at the end of a server's revision."""
SERVER = "openai"
"""The kind of engine that `auto` stands for where there is an address."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """How an engine is to be opened.

    Attributes:
        deterministic: whether completions must not depend on what else is asked at the same time, or in which order.
        weights: the model's weights on this machine, for kinds of engines that need them.
        share: which part of the device it may take, where others are opened beside it.
        on_event: takes sentences on what a person should know, now and while the engine answers.
    """

    deterministic: bool = False
    weights: ResolvedModel | None = None
    share: Share = ALONE
    on_event: Callable[[str], None] | None = None


class EngineKind(ABC):
    """One kind of engine: what a person may ask of it, and how one is opened.

    A kind is a class derived from this one, with a `name` and `open`. It is never made an instance of by others, so
    the engine itself may be the class::

        class Echo(EngineKind):
            name = "echo"

            @classmethod
            async def open(cls, spec, options):
                return cls(spec)

            def __init__(self, spec): ...       # and the four of `Engine`: facts, complete, count_tokens, close

    Defining such a class registers it by its name; one without a name of its own, or that leaves `open` unwritten, is
    a base for others. Its module should import no heavy library by itself: all modules of kinds are imported before
    it is known which is wanted.
    """

    name: ClassVar[str]
    """What it is called in team files, and in the `engine` of its models' facts."""

    needs_weights: ClassVar[bool] = False
    """Whether it serves weights on this machine: a folder, a hub id or the embedded model, found before it opens."""

    takes_address: ClassVar[bool] = False
    """Whether a `base_url` may be given."""

    takes_adapters: ClassVar[bool] = False
    """Whether an `adapter` may be given."""

    serves_adapters_together: ClassVar[bool] = False
    """Whether one process serves a model and several of its adapters, unless they were merged (`open_together`)."""

    options: ClassVar[frozenset[str]] = frozenset()
    """The options of `engine_options` that it takes."""

    shares_device: ClassVar[bool] = False
    """Whether its engines take memory of the device by a share, which those opened together divide."""

    facts_follow: ClassVar[bool] = False
    """Whether its facts follow from what a person asks, the weights' files and what is installed: those of an earlier
    start then stand for it, until it is asked what was never answered (see `engines.late`)."""

    speaks_for_others: ClassVar[bool] = False
    """Whether its facts name another engine: the one whose completions it stands for."""

    packages: ClassVar[tuple[str, ...]] = ()
    """The packages of which one must be installed, the usual one first; none where it needs nothing more."""

    def __init_subclass__(cls, **options: object) -> None:
        """Register a class that can be used as it is."""
        super().__init_subclass__(**options)
        if vars(cls).get("name") == AUTO:
            raise UsageError(f"an engine cannot be called {AUTO!r}, which stands for a choice among others.")
        if "name" in vars(cls) and not getattr(cls.open, "__isabstractmethod__", False):
            ENGINES.add(cls, module=cls.__module__)

    @classmethod
    def check(cls, spec: ModelSpec) -> None:
        """Check what a person asks of it, before anything is opened.

        Raises:
            ValueError: it cannot be done; the message says what to do instead.
        """
        if spec.base_url and not cls.takes_address:
            raise ValueError(f"a base_url goes with engine {SERVER!r}, not {spec.engine!r}")
        if spec.adapter and not (cls.takes_adapters or cls.needs_weights):
            raise ValueError(f"an adapter changes a model's weights, which engine {spec.engine!r} does not serve")

    @classmethod
    @abstractmethod
    async def open(cls, spec: ModelSpec, options: OpenOptions) -> Engine:
        """Start an engine for a model.

        Raises:
            UsageError: there is no such model, or it cannot be served here or in this way.
        """

    @classmethod
    async def open_together(
        cls, weights: Sequence[ResolvedModel], spec: ModelSpec, options: OpenOptions
    ) -> Sequence[Engine]:
        """Start the engines of a model and its adapters in one process; `spec` is of any of them."""
        raise NotImplementedError

    @classmethod
    async def shares(
        cls,
        hosts: Sequence[tuple[ModelSpec, ResolvedModel]],
        *,
        deterministic: bool,  # noqa: ARG003
    ) -> Sequence[Share]:
        """Return each engine's part of the device: `hosts` are all that are opened together, in this order."""
        return [Share(len(hosts), place) for place in range(1, len(hosts) + 1)]

    @classmethod
    async def prepared(
        cls,
        spec: ModelSpec,  # noqa: ARG003
        weights: ResolvedModel,
        *,
        deterministic: bool,  # noqa: ARG003
        on_event: Callable[[str], None] | None,  # noqa: ARG003
    ) -> ResolvedModel:
        """Return the weights that it is to serve: those that were found, or what has to be made of them."""
        return weights


def _is_one(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, EngineKind) and "name" in vars(thing) and not isabstract(thing)


ENGINES: Registry[type[EngineKind]] = Registry(
    "engine",
    group="mlpo_bench.engines",
    package="mlpo_bench.engines.kinds",
    is_one=_is_one,
    must_be="a class derived from mlpo_bench.EngineKind that has a name of its own and says how to `open` it",
)
"""The kinds of engines by name."""


class ModelSpec(BaseModel):
    """A model as a person names it: everything that decides which weights answer, and through which engine.

    `model` is `smollm2-135m`, a hub id, a folder, a GGUF file, the name a server serves, a script for the scripted
    engine, or what a recording was made with. `adapter` is what training changed of them: a folder or a hub id.
    `tokenizer` names the folder (or hub id) whose tokenizer and chat template stand in place of the model's own.
    `engine` is the name of a kind of engine, `module:Class`, or `auto`. `context` bounds prompt plus answer, in
    tokens, below what the model itself holds. `base_url` is a server's address, or a list of those of several that
    serve the same model; `concurrency` bounds the requests in flight to each, and `request` is how it is asked.
    `deployment` tells apart what a server had under one name at different times. `generation: model`
    leaves the temperature and its kin to what the model's makers say (see `engines.generation`). `engine_options` says
    how a model on this machine is served, `placement` how many of it a cluster holds, and what each takes there.
    `asked_anew` is the mark of a run that took no answers from before it (`run --fresh`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    revision: str | None = None
    # Left out where there is none, so that configurations without one are what they were before there were any.
    adapter: Annotated[str | None, Field(min_length=1, exclude_if=lambda adapter: adapter is None)] = None
    tokenizer: Annotated[str | None, Field(min_length=1, exclude_if=lambda tokenizer: tokenizer is None)] = None
    engine: str = AUTO
    dtype: Dtype = "auto"
    context: Annotated[yamls.Tokens, Field(ge=16)] | None = None
    base_url: str | tuple[str, ...] | None = None
    api_key_env: str = "OPENAI_API_KEY"
    concurrency: Annotated[yamls.Whole, Field(ge=1, le=4096)] = 64
    trust_remote_code: bool = False
    # These, too, are left out where they say nothing.
    request: Annotated[RequestOptions, Field(exclude_if=lambda request: request == NOTHING_ASKED)] = NOTHING_ASKED
    deployment: Annotated[
        str | None, Field(min_length=1, max_length=200, pattern=ONE_LINE, exclude_if=lambda told: told is None)
    ] = None
    asked_anew: Annotated[
        str | None, Field(min_length=1, max_length=64, pattern=ONE_LINE, exclude_if=lambda mark: mark is None)
    ] = None
    placement: Annotated[Placement, Field(exclude_if=lambda placement: placement == ANYWHERE)] = ANYWHERE
    engine_options: Annotated[EngineOptions, Field(exclude_if=lambda options: options == NOTHING_SAID)] = NOTHING_SAID
    generation: Annotated[Literal["task", "model"], Field(exclude_if=lambda whose: whose == "task")] = "task"

    @field_validator("base_url", mode="before")
    @classmethod
    def _is_an_address_or_several(cls, given: object) -> str | tuple[str, ...] | None:
        return None if given is None else checked_urls(given)

    @field_validator("api_key_env")
    @classmethod
    def _names_a_variable(cls, given: str) -> str:
        if not _VARIABLE.fullmatch(given) or holds_key(given):
            raise ValueError(
                "this names the environment variable that holds the key, such as OPENAI_API_KEY, and never the key "
                "itself, which would be written to a run's files"
            )
        return given

    @field_validator("engine")
    @classmethod
    def _engine_exists(cls, name: str) -> str:
        try:
            if name != AUTO and ":" not in name and name not in ENGINES:
                raise unknown("engine", name, [AUTO, *ENGINES])
            if name != AUTO:
                ENGINES[name]  # says why where it cannot be had
        except UsageError as mistake:
            raise ValueError(str(mistake).removesuffix(".")) from None
        return name

    @model_validator(mode="after")
    def _engine_can_serve_it(self) -> Self:
        if self.kind is not None:
            self.kind.check(self)
        if self.kind and self.kind.speaks_for_others:
            return self
        for name in ("request", "deployment", "asked_anew"):
            if not self.base_url and self._says(name):
                raise ValueError(f"{name} concerns a server, so it goes with a base_url")
        if self._says("tokenizer") and (self.base_url or not self.needs_weights):
            raise ValueError(
                "tokenizer concerns weights on this machine; a server has its own (for a base model behind one, "
                "request: {endpoint: completions, template: FOLDER})"
            )
        if self._says("placement") and self.base_url:
            raise ValueError("placement concerns what a run starts by itself; several servers are a list as base_url")
        self._check_engine_options()
        if self._says("generation") and not self.base_url and not self.needs_weights:
            raise ValueError(f"generation concerns a model's own defaults, which engine {self.engine!r} does not have")
        return self

    def _check_engine_options(self) -> None:
        """Check that some engine, or the one that is named, takes all that is said of it.

        Raises:
            ValueError: it does not.
        """
        said = self.engine_options.said
        if not said:
            return
        if self.base_url or not self.needs_weights:
            raise ValueError(
                f"engine_options ({min(said)}) concern weights on this machine; how a server is asked is its request"
            )
        kinds = [kind for kind in ENGINES.values() if kind.options] if self.kind is None else [self.kind]
        if any(said <= kind.options for kind in kinds):
            return
        strange = min(said - kinds[-1].options)
        others = [kind.name for kind in ENGINES.values() if strange in kind.options]
        if self.kind is None:
            raise ValueError(f"no engine takes {', '.join(sorted(said))} together: {strange} goes with {others[0]}")
        raise ValueError(f"{strange} is an option of engine {' and '.join(others)}, not of {self.kind.name}")

    def _says(self, name: str) -> bool:
        """Whether a field says anything."""
        return bool(getattr(self, name) != ModelSpec.model_fields[name].default)

    @property
    def kind(self) -> type[EngineKind] | None:
        """The kind of engine that serves it; None where that is found out only when its weights are there."""
        if self.engine == AUTO:
            return ENGINES[SERVER] if self.base_url else None
        return ENGINES[self.engine]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where servers answer for it, each with the whole model; none where it is served in another way."""
        if self.base_url is None:
            return ()
        return (self.base_url,) if isinstance(self.base_url, str) else self.base_url

    @property
    def address(self) -> str | None:
        """The first address: the one that it is known by, whichever of them answers."""
        return next(iter(self.addresses), None)

    @property
    def deciding(self) -> Self:
        """The same without what decides only where it is answered: further addresses, and its placement."""
        if self.base_url == self.address and not self._says("placement"):
            return self
        return self.model_copy(update={"base_url": self.address, "placement": ANYWHERE})

    @property
    def needs_weights(self) -> bool:
        """Whether it is served from weights on this machine, not by a server, a script or a recording."""
        return self.kind is None or self.kind.needs_weights

    @property
    def draws_as_asked(self) -> bool:
        """Whether its answers are drawn at the temperature that a request names, and at no other that nobody tells."""
        own = "temperature" in self.request.omit or "temperature" in self.request.extra_body
        return self.generation == "task" and not own

    def may_be_served_by(self, engine: str) -> bool:
        """Whether an engine of this name, as facts tell it, may be the one that is meant."""
        return self.kind is None or self.kind.name == engine

    @property
    def name(self) -> str:
        """The model's name, and its adapter's behind it: what tells members' models apart in a run's files."""
        return full_name(self.model, self.adapter)

    @property
    def short_name(self) -> str:
        """The same for tables: of hub ids and paths, the last part."""
        return short_name(self.model, self.adapter)
