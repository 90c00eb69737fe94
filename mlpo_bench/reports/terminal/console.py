"""The terminal that everything is printed on: text from outside, wherever it stands, is shown as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich.console
from rich.text import Text

from mlpo_bench.visible import visible


if TYPE_CHECKING:
    from rich.style import Style


class Console(rich.console.Console):  # noqa: TID251 - the one place that may
    """Rich's console without a markup of its own: `[/INST]` in a label is no tag, and `:+1:` no picture.

    Strings are shown with what cannot be seen in them written out, in tables as elsewhere. What needs a style is
    printed with `style=`, or made by `shown`.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Rich's own
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - Rich's own
        """Return a string as it is shown."""
        return super().render_str(visible(text), **options)


def shown(text: str, style: str | Style = "") -> Text:
    """Return text from outside with a style, what cannot be seen in it written out."""
    return Text(visible(text), style=style)
