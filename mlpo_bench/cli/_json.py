"""Printing JSON for other programs on what may be a terminal all the same."""

from __future__ import annotations

import typer

from mlpo_bench.visible import visible_json


def to_json(value: object) -> str:
    """Return a value as indented JSON, what cannot be seen in it by its number."""
    import orjson
    from pydantic import BaseModel

    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return visible_json(orjson.dumps(plain, option=orjson.OPT_INDENT_2).decode())


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    typer.echo(to_json(value))
