"""A fault is one sentence, of what was written, in people's words; and no truth is taken for a number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from mlpo_bench.engines.scripted import _Script
from mlpo_bench.errors import UsageError
from mlpo_bench.gate.questions import _Questions
from mlpo_bench.matrix.config import RunConfig, read_config
from mlpo_bench.matrix.reproductions import Reproduction
from mlpo_bench.teams import _TeamFile
from mlpo_bench.training.recipe import Recipe, read_recipe
from mlpo_bench.yamls.fields import _no_truth


_BALLOTS = "it takes numbers of ballots, tokens or calls, such as 8 or [calls, tokens]"
_IS_DAY = "(it is 2026-11-26); YAML reads 2026-11-26 as a date: put it in quotes."
_MATCH = "`match` of 'vote' names rows to match, and its samples (4) match none"
_ANY = "input should be true or false or a whole number or a number or text"
EXACT = {
    "no peers": ("peers: 0\n", "1: field 'peers': input should be greater than or equal to 1 (it is 0)."),
    "rounds below": ("rounds: -1\n", "1: field 'rounds': input should be greater than or equal to 1 (it is -1)."),
    "rounds in a list": (
        "rounds: [2, 0]\n",
        "1: field 'rounds.1': input should be greater than or equal to 1 (it is 0).",
    ),
    "no protocol": ("protocols: [5]\n", "1: field 'protocols.0': input should be settings (`name: value`) (it is 5)."),
    "no list": ("protocols: solo\n", "1: field 'protocols': input should be a list (it is 'solo')."),
    "no suite": (
        "suites: 5\n",
        "1: field 'suites': input should be text (it is 5); YAML reads 5 as a number: put it in quotes.",
    ),
    "no seed": ("split: test\nseed: null\n", "2: field 'seed': input should be a whole number (it is null)."),
    "seeds": ("seed: [1]\n", "1: field 'seed': input should be a whole number (it is [1])."),
    "many seeds": ("seeds: '3'\n", "1: field 'seeds': input should be a list (it is '3')."),
    "two settings": (
        "protocols:\n  - {leader: {}, solo: {}}\n",
        "2: field 'protocols.0': an entry is a protocol's name, or one name with its settings.",
    ),
    "no values": (
        "protocols:\n- leader:\n    share: []\n",
        "3: field 'protocols.0.leader.share': there should be at least 1 item (it is []).",
    ),
    "a list as a value": (
        "protocols: [{leader: {share: [[whole]]}}]\n",
        f"1: field 'protocols.0.leader.share.0': {_ANY} (it is ['whole']).",
    ),
    "a day as a value": (
        "protocols: [{leader: {share: 2026-11-26}}]\n",
        f"1: field 'protocols.0.leader.share': {_ANY} {_IS_DAY}",
    ),
    "no such peers": (
        "protocols:\n- leader: {peers: 0}\n",
        "2: field 'protocols.0.leader.peers': input should be greater than or equal to 1 (it is 0).",
    ),
    "no team": ("team: 5\n", "1: field 'team': input should be settings (`name: value`) (it is 5)."),
    "no leader": ("team: {peers: []}\n", "1: field 'team.leader': field required."),
    "a slip": (
        "suites: [bbh]\nlimit: 2\nteam:\n  leader: {modl: a}\n",
        "4: unknown field 'team.leader.modl'; did you mean 'model'?",
    ),
    "a slip of a peer": (
        "teams:\n  one:\n    leader: {}\n    peers:\n    - {count: 3}\n    - {conut: 2}\n",
        "6: unknown field 'teams.one.peers.1.conut'; did you mean 'count'?",
    ),
    "a slip of a price": (
        "team:\n  leader: {model: m}\n  prices:\n    m: {prompt: 1, completion: 1, cachd: 1}\n",
        "4: unknown field 'team.prices.m.cachd'; did you mean 'cached'?",
    ),
    "a slip of an alteration": (
        "interventions:\n- {plants: right}\n",
        "2: unknown field 'interventions.0.plants'; did you mean 'plant'?",
    ),
    "what ballots match": (
        "samples: token\n",
        f"1: field 'samples': {_BALLOTS}; 'token' is none; did you mean 'tokens'?",
    ),
    "one of several": (
        "samples: [4, cals]\n",
        f"1: field 'samples.1': {_BALLOTS}; 'cals' is none; did you mean 'calls'?",
    ),
    "a split": (
        "split: tset\n",
        "1: field 'split': input should be 'test', 'train' or 'all' (it is 'tset'); did you mean 'test'?",
    ),
    "a truth": ("deterministic: maybe\n", "1: field 'deterministic': input should be true or false (it is 'maybe')."),
    "a day": (
        "team:\n  leader:\n    model: m\n    base_url: http://h/v1\n    deployment: 2026-11-26\n",
        f"5: field 'team.leader.deployment': input should be text {_IS_DAY}",
    ),
    "a yes": (
        "team: {leader: {model: yes}}\n",
        "1: field 'team.leader.model': input should be text (it is true); YAML reads yes as true: put it in quotes.",
    ),
    "a name that is a yes": (
        "teams:\n  x: {leader: {}}\n  on: {leader: {}}\n",
        "3: field 'teams.true': input should be text (it is true); YAML reads on as true: put it in quotes.",
    ),
    "a name that is a yes beside names in quotation marks": (
        'teams:\n  "@x": {leader: {}}\n  "on": {leader: {}}\n  on: {leader: {}}\n',
        "4: field 'teams.true': input should be text (it is true); YAML reads on as true: put it in quotes.",
    ),
    "a match without ballots": (
        "protocols: [leader, {solo: {match: [leader]}}]\n",
        "1: field 'protocols.1': `match` says which rows' calls or tokens are matched, and 'solo' matches none.",
    ),
    "a match without an effect": (
        "protocols: [leader, {vote: {samples: [4], match: [leader]}}]\n",
        f"1: {_MATCH}: let it be calls or tokens, or take match out.",
    ),
}
"""What a matrix's faults are told as, after the file's name: a line and one sentence, which is all."""


@pytest.mark.parametrize("name", EXACT)
def test_a_fault_of_a_matrix_is_one_sentence_that_names_what_was_written(name: str, tmp_path: Path) -> None:
    content, message = EXACT[name]
    path = tmp_path / "file.yaml"
    path.write_text(content)
    with pytest.raises(UsageError) as refused:
        read_config(path)
    assert str(refused.value) == f"{path}:{message}"


MODELS: list[type[BaseModel]] = [RunConfig, Recipe, _TeamFile, _Script, _Questions, Reproduction]


def parts(annotation: Any, about: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """What an annotation is made of, each part with all that is said about it."""
    if get_origin(annotation) is Annotated:
        yield from parts(get_args(annotation)[0], (*about, *get_args(annotation)[1:]))
    elif get_origin(annotation) in {Union, UnionType} and bool in get_args(annotation):
        return  # a truth may stand there
    elif get_args(annotation) and get_origin(annotation) is not Literal:
        for one in get_args(annotation):
            yield from parts(one, about if get_origin(annotation) in {Union, UnionType} else ())
    else:
        yield annotation, about


def numbers(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """All fields of a model, and of those within it, that hold a number, each with what is said about it."""
    seen.add(model)
    for name, field in model.model_fields.items():
        for kind, about in parts(field.annotation, tuple(field.metadata)):
            if kind in {int, float}:
                yield f"{model.__name__}.{name}", about
            elif isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
                yield from numbers(kind, seen)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_number_may_be_true(model: type[BaseModel]) -> None:
    unguarded = [
        name
        for name, about in numbers(model, set())
        if not any(getattr(one, "func", None) is _no_truth for one in about)
    ]
    assert unguarded == []


def test_numbers_are_found() -> None:
    found = {name for model in MODELS for name, _ in numbers(model, set())}
    assert found >= {"Mlpo.tokens", "Mlpo.seed", "Sft.seed", "_PeerEntry.count", "Price.prompt", "_Rule.delay"}
    assert found >= {"RunConfig.limit", "RunConfig.samples", "RunConfig.seeds", "Prompts.attempts"}


@pytest.mark.parametrize("section", ["mlpo: {tokens: true}", "mlpo: {seed: true}", "sft: {seed: true}"])
def test_a_recipe_takes_no_truth_for_a_number(tmp_path: Path, section: str) -> None:
    (tmp_path / "recipe.yaml").write_text(f"name: a\n{section}\n")
    with pytest.raises(UsageError, match=r"recipe.yaml:2: field '(mlpo|sft)\.\w+': this must be a number\.$"):
        read_recipe(tmp_path / "recipe.yaml")
