"""The commands' own kind of Typer: an option that is given without a value is refused in every one of them.

`--team "$TEAM"` with a variable that nobody set is a slip, not a wish for the default.

Names that lm-eval's options have (`--output_path`) are taken beside our own, and left out of the help, where they would
leave no room for those.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Function = TypeVar("Function", bound="Callable[..., Any]")


class _Command(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own
        _refuse_empty(self, ctx, args)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's own
        with _own_names(self, ctx):
            super().format_help(ctx, formatter)


class _Group(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own
        _refuse_empty(self, ctx, args)
        return super().parse_args(ctx, args)


class App(typer.Typer):
    """Commands none of whose options is empty where it is given."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(**{"cls": _Group} | options)

    def command(self, *words: Any, **options: Any) -> Callable[[Function], Function]:  # noqa: ANN401
        """Add a command."""
        return super().command(*words, **{"cls": _Command} | options)


@contextlib.contextmanager
def _own_names(command: TyperCommand, ctx: Any) -> Iterator[None]:  # noqa: ANN401
    """Leave out of a command's options, while inside, names with underscores that have another beside them."""
    options = command.get_params(ctx)
    before = [option.opts for option in options]
    try:
        for option in options:
            option.opts = [name for name in option.opts if "_" not in name] or option.opts
        yield
    finally:
        for option, names in zip(options, before, strict=True):
            option.opts = names


def _refuse_empty(command: TyperCommand | TyperGroup, ctx: Any, args: list[str]) -> None:  # noqa: ANN401
    """Refuse options without a value, as they are written: as a path, nothing is the current folder.

    Raises:
        UsageError: there is one.
    """
    if ctx.resilient_parsing:  # a shell asks how a line that is being written might go on
        return
    given, _, _ = command.make_parser(ctx).parse_args(args=list(args))
    for option in command.get_params(ctx):
        value = given.get(str(option.name))
        for text in value if isinstance(value, list | tuple) else (value,):
            if option.param_type_name == "option" and isinstance(text, str) and not text.strip(" \t\n,"):
                named = next((name for name in option.opts if name.startswith("--")), option.opts[0])
                raise UsageError(f"{named} is given without a value ({text!r}): say one, or leave {named} out.")
