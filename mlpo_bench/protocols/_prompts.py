"""Prompts are Jinja templates in files beside the protocols, one for each thing that a seat is asked."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "prompts"


def _environment(*folders: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=False,  # noqa: S701 - prompts are plain text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_ENVIRONMENT = _environment(Path(__file__).parent / FOLDER)


@cache
def _template(name: str) -> jinja2.Template:
    return _ENVIRONMENT.get_template(name)


def render(name: str, values: Mapping[str, object]) -> str:
    """Fill in our template `prompts/<name>`; model text among the values is never taken for a template."""
    return _template(name).render(values)


def render_beside(cls: type, name: str, values: Mapping[str, object]) -> str:
    """Fill in a template that lies beside the module of a class or of one that it derives from.

    Raises:
        UsageError: there is no such template, it is faulty, or it names what is not among the values.
    """
    try:
        return _template_beside(cls, name).render(values)
    except jinja2.TemplateNotFound:
        looked = ", ".join(map(str, dict.fromkeys(_folders(cls))))
        raise UsageError(f"{cls.__name__} has no template {name!r}; it was looked for in {looked}.") from None
    except jinja2.TemplateError as fault:
        where = f", line {fault.lineno}" if isinstance(fault, jinja2.TemplateSyntaxError) else ""
        raise UsageError(f"the template {name!r} of {cls.__name__} is faulty{where}: {fault}.") from None


@cache
def _template_beside(cls: type, name: str) -> jinja2.Template:
    """Read a template once, so that all prompts of a process are made of the same words; a class anew, anew."""
    return _environment(*_folders(cls)).get_template(name)


def _folders(cls: type) -> list[Path]:
    modules = [sys.modules.get(base.__module__) for base in cls.__mro__ if base is not object]
    files = [getattr(module, "__file__", None) for module in modules]
    parents = [Path(file).parent if file else Path.cwd() for file in files]  # a notebook has no file
    return [folder for parent in dict.fromkeys(parents) for folder in (parent / FOLDER, parent)]
