"""An option that is given without a value is refused, in every command: a variable that nobody set is no choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from mlpo_bench.cli import app


Cli = Any


def options(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The options that take a value, each with the words of its command before it."""
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner, *words, str(inner.name))
    for option in command.params:
        if option.param_type_name == "option" and not option.is_flag and not option.count:
            yield words, option.opts[0]


EVERY = [one for one in options(typer.main.get_command(app)) if one[1] != "--install-completion"]


@pytest.mark.parametrize(
    ("words", "option"), EVERY, ids=lambda told: " ".join(told) if isinstance(told, tuple) else told
)
def test_no_option_is_empty(mlpo_bench: Cli, words: tuple[str, ...], option: str) -> None:
    said = mlpo_bench(*words, option, "")
    assert said.code == 2
    assert "is given without a value (''): say one, or leave --" in said.err
    assert said.out == ""


@pytest.mark.parametrize("given", [",", " ", " , "])
@pytest.mark.parametrize("option", ["--team", "--suite", "--only", "--samples"])
def test_commas_alone_are_no_value(mlpo_bench: Cli, option: str, given: str) -> None:
    said = mlpo_bench("run", f"{option}={given}")
    assert said.code == 2
    assert said.err == f"mlpo-bench: {option} is given without a value ({given!r}): say one, or leave {option} out.\n"


def test_most_options_take_a_value() -> None:
    assert len(EVERY) > 100, len(EVERY)
    assert {(("run",), "--team"), (("store", "show"), "--store"), (("train", "all"), "--set")} <= set(EVERY)
