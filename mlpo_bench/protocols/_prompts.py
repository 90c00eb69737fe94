"""Prompts are Jinja templates in files beside the protocols, one for each thing that a seat is asked."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2


if TYPE_CHECKING:
    from collections.abc import Mapping

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("mlpo_bench.protocols", "prompts"),
    autoescape=False,  # noqa: S701 - prompts are plain text
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@cache
def _template(name: str) -> jinja2.Template:
    return _ENVIRONMENT.get_template(name)


def render(name: str, values: Mapping[str, object]) -> str:
    """Fill in the template `prompts/<name>`; model text among the values is never taken for a template."""
    return _template(name).render(values)
