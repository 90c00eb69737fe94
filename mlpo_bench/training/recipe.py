"""All that decides how a leader is trained, complete: the same recipe repeats it.

A recipe is YAML; what it leaves out stays at its default (see `mlpo_bench.training.sections`)::

    name: smollm2-cpu
    team: team.yaml                       # or written out, as in a team file
    suites: [bbh, math]
    questions: {limit: 64}                # of each suite's train split
    rollouts: {samples: 4}                # openings of each peer
    filter: {rule: paper}                 # or several in turn: [{rule: band}, {rule: leader}]
    traces: {samples: 16, writer: model}
    method: sft+mlpo                      # or a control: sft, mlpo, grpo, sft+grpo, select, sft+select
    sft: {epochs: 2}
    mlpo: {steps: 200, generations: 8}
    adapter: {rank: 16}                   # null: all weights
    export: {form: adapter}
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from mlpo_bench import yamls
from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.matrix.own import OwnSuite
from mlpo_bench.matrix.own import spelled_out as with_own_suites
from mlpo_bench.questions import PAPER, SUITES
from mlpo_bench.teams import Member, Team, WrittenTeam
from mlpo_bench.training.sections import Adapter, Export, Filter, Mlpo, Prompts, Questions, Rollouts, Sft, Traces


if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from mlpo_bench.questions import Suite

PromptKind = Literal["leader", "alone", "select"]
Stage = Literal["rollouts", "filter", "traces", "sft", "mlpo", "export"]
MethodName = Literal["sft+mlpo", "mlpo", "sft", "grpo", "sft+grpo", "select", "sft+select"]

STAGES: tuple[Stage, ...] = ("rollouts", "filter", "traces", "sft", "mlpo", "export")
"""The stages in their order; which of them a recipe has follows from its method."""


@dataclass(frozen=True, slots=True)
class Method:
    """What a leader is shown, and how it is trained on it.

    `prompts`: `leader` shows the question and the peers' openings, `select` asks for the number of the best opening,
    `alone` shows the question. `trains` are its training stages.
    """

    prompts: PromptKind
    trains: tuple[Stage, ...]


METHODS: dict[MethodName, Method] = {
    "sft+mlpo": Method("leader", ("sft", "mlpo")),
    "mlpo": Method("leader", ("mlpo",)),
    "sft": Method("leader", ("sft",)),
    "grpo": Method("alone", ("mlpo",)),
    "sft+grpo": Method("alone", ("sft", "mlpo")),
    "select": Method("select", ("mlpo",)),
    "sft+select": Method("select", ("sft", "mlpo")),
}
"""The paper's method first, then its ablations and controls, on the same questions and tokens."""

_RULES_IN_TURN = 4


class Recipe(BaseModel):
    """How a leader is trained, on what, with whom.

    Attributes:
        name: names the training's folder and what comes out of it.
        team: the leader that is trained, and the peers whose openings it reads; they stay as they are.
        suites: whose train splits the questions come from: names, or files of one's own (`mine.csv`, with `format:
            option` beside it where that is not seen). Paper: bbh, mmlu, math.
        own: written by the program: where suites of one's own are found.
        method: one of `METHODS`. Paper: sft+mlpo.
        seed: of all draws.
        deterministic: completions independent of batching and order, at a price in speed.
        precision: `auto` is bfloat16 on a GPU that has it, else float32.
        trackers: where curves go beside the training's own files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    team: WrittenTeam = Team()
    suites: tuple[str, ...] = PAPER
    own: Annotated[dict[str, OwnSuite], Field(exclude_if=lambda own: not own)] = {}
    questions: Questions = Questions()
    rollouts: Rollouts = Rollouts()
    filter: tuple[Filter, ...] = (Filter(),)
    prompts: Prompts = Prompts()
    traces: Traces = Traces()
    method: MethodName = "sft+mlpo"
    sft: Sft = Sft()
    mlpo: Mlpo = Mlpo()
    adapter: Adapter | None = Adapter()
    export: Export = Export()
    seed: Annotated[yamls.Whole, Field(ge=0, lt=2**32)] = 0
    deterministic: bool = False
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    trackers: tuple[Literal["wandb", "trackio", "tensorboard"], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _own_suites_are_found(cls, given: Any, info: ValidationInfo) -> Any:  # noqa: ANN401
        return with_own_suites(given, info.context) if isinstance(given, dict) else given

    @field_validator("team")
    @classmethod
    def _has_peers(cls, team: Team) -> Team:
        if not team.peers:
            raise ValueError("a leader learns from its peers' openings: the team needs at least one peer")
        return team

    @field_validator("suites", "filter", mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:  # noqa: ANN401
        return [given] if isinstance(given, (str, dict)) else given

    @field_validator("suites")
    @classmethod
    def _suites_exist(cls, suites: tuple[str, ...]) -> tuple[str, ...]:
        if not suites:
            raise ValueError("name at least one suite")
        return tuple(dict.fromkeys(suites))

    @model_validator(mode="after")
    def _suites_have_a_train_split(self) -> Self:
        for name in self.suites:
            if name in SUITES and SUITES[name].all_tested:
                raise ValueError(f"all of the suite {name} is tested: it has no train split to learn from")
        if self.questions.subjects is not None:
            known = {subject for name in self.suites for subject in self.suite(name).subjects}
            for subject in self.questions.subjects:
                if subject not in known:
                    raise unknown("subject", subject, known)
        return self

    @field_validator("filter")
    @classmethod
    def _some_rules(cls, rules: tuple[Filter, ...]) -> tuple[Filter, ...]:
        if not 1 <= len(rules) <= _RULES_IN_TURN:
            raise ValueError(f"a filter is one rule, or 1 to {_RULES_IN_TURN} in turn")
        return rules

    @model_validator(mode="after")
    def _attempts_are_at_hand(self) -> Self:
        attempts = self.prompts.attempts
        most = attempts[1] if isinstance(attempts, tuple) else attempts or 0
        openings = len(self.team.peers) * self.rollouts.samples
        if most > openings:
            raise ValueError(f"a prompt cannot show {most} attempts: a question has {openings} openings")
        if attempts is None and (self.prompts.variants or 0) > self.rollouts.samples:
            raise ValueError(
                f"there cannot be {self.prompts.variants} variants with one opening of each peer: a peer has "
                f"{self.rollouts.samples} (rollouts.samples)"
            )
        return self

    @model_validator(mode="after")
    def _rounds_are_of_leaders_who_read_their_peers(self) -> Self:
        if self.mlpo.contexts == "rounds" and (self.shows != "leader" or self.prompts.attempts is not None):
            raise ValueError(
                "`mlpo.contexts: rounds` goes with a leader that reads one opening of each peer: with the methods mlpo "
                "and sft+mlpo, and without `prompts.attempts`"
            )
        return self

    def suite(self, name: str) -> Suite:
        """Return one of the suites.

        Raises:
            UsageError: it is a file that is gone or has other questions now.
        """
        if name in self.own:
            return self.own[name].suite(name, Path(self.questions.data) if self.questions.data else None)
        return SUITES[name]

    @property
    def leader(self) -> Member:
        """Who is trained."""
        return self.team.leader

    @property
    def shows(self) -> PromptKind:
        """What its prompts show."""
        return METHODS[self.method].prompts

    @property
    def trains(self) -> tuple[Stage, ...]:
        """Its training stages."""
        return METHODS[self.method].trains

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All its stages, in order."""
        traces: tuple[Stage, ...] = ("traces",) if "sft" in self.trains else ()
        return ("rollouts", "filter", *traces, *self.trains, "export")

    @property
    def variants(self) -> int:
        """How many prompts each question has."""
        if self.shows == "alone":
            return 1
        return self.prompts.variants or self.rollouts.samples

    def seed_of(self, stage: Literal["sft", "mlpo"]) -> int:
        """Return the seed of a training stage."""
        own: int | None = getattr(self, stage).seed
        return self.seed if own is None else own

    def settings_of(self, stage: Stage) -> dict[str, Any]:
        """Return all of the recipe that decides what a stage makes out of what earlier stages made.

        Where the questions' files lie is none of it: what they hold is seen by what the stage made of it.
        """
        sections = {name: getattr(self, name) for name in _DECIDING[stage]}
        settings: dict[str, Any] = {
            name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            for name, value in sections.items()
        }
        if stage == "rollouts":
            del settings["questions"]["data"]
            settings |= {"own": self._own_identities} if self.own else {}
        if stage == "filter":
            settings["filter"] = [rule.model_dump(mode="json") for rule in self.filter]
            if any(rule.rule == "leader" for rule in self.filter):
                settings["traces"] = self.traces.model_dump(mode="json", include={"temperature", "top_p", "max_tokens"})
        if stage == "rollouts" or (stage == "mlpo" and self.mlpo.contexts == "rounds"):
            settings["team.peers"] = [peer.model_dump(mode="json") for peer in self.team.peers]
        if stage != "rollouts":
            settings["team.leader"] = self.leader.model_dump(mode="json")
        plain: dict[str, Any] = orjson.loads(orjson.dumps(settings))
        return plain

    @property
    def _own_identities(self) -> dict[str, dict[str, str | None]]:
        return {name: one.identity for name, one in self.own.items()}

    @property
    def digest(self) -> str:
        """Identity of the recipe: SHA-256 of its content, in hex. Prices and trackers decide nothing that is made."""
        content = self.model_dump(mode="json", exclude={"team": {"prices"}, "trackers": True, "own": True})
        content |= {"own": self._own_identities} if self.own else {}
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def to_yaml(self) -> str:
        """Return the recipe, all defaults written out, as the text of `recipe.yaml`."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


_DECIDING: dict[Stage, tuple[str, ...]] = {
    "rollouts": ("suites", "questions", "rollouts", "seed", "deterministic"),
    "filter": ("prompts", "shows", "seed", "deterministic"),
    "traces": ("traces", "seed", "deterministic"),
    "sft": ("sft", "adapter", "seed", "precision"),
    "mlpo": ("mlpo", "adapter", "seed", "precision"),
    "export": ("export", "name"),
}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        UsageError: one line for each fault, with file, line and field.
    """
    return yamls.read(path, Recipe, "recipe")


def changed(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """Return a recipe with settings changed, each written as `section.name=value`, the value as in YAML.

    Raises:
        UsageError: a change is not written so, or names no setting, or a value that the setting cannot take.
    """
    content = recipe.model_dump(mode="json")
    given: list[str] = []
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not all(step.strip() for step in name.split(".")):
            raise UsageError(f"--set takes name=value, such as mlpo.steps=20; {change!r} is none.")
        given.append(name.strip())
        _put(content, name.strip(), _value(change, value))
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        told = [f"--set {', '.join(given)}: {said}" for said in yamls.sentences(error, Recipe, content)]
        raise UsageError(yamls.listed(told)) from None


def _put(content: dict[str, Any], name: str, value: object) -> None:
    *path, last = name.split(".")
    inner = content
    for place, step in enumerate(path):
        if inner.get(step) is None and step in inner:
            inner[step] = {}  # a section that the recipe has none of, such as an adapter
        if not isinstance(inner.get(step), dict):
            if step in inner:
                raise UsageError(f"--set {name}: {step} is a single value, with nothing in it to set.")
            within = ".".join(path[:place]) or "the recipe"
            raise unknown(f"section of {within}", step, [key for key, v in inner.items() if isinstance(v, dict)])
        inner = inner[step]
    inner[last] = value


def _value(change: str, text: str) -> object:
    try:
        return yamls.load(text)[0]
    except yaml.YAMLError as error:
        raise UsageError(f"--set {change}: the value is not written as in YAML: {yamls.one_line(error)}") from None
