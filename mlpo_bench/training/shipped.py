"""The recipes that travel with the package: at the top of a checkout, or inside an installed package."""

from __future__ import annotations

from pathlib import Path

from mlpo_bench.errors import UsageError, nearest


_PACKAGE = Path(__file__).parents[1]


def recipes_folder() -> Path:
    """Return the folder with the shipped recipes."""
    installed = _PACKAGE / "_files" / "recipes"
    return installed if installed.is_dir() else _PACKAGE.parent / "training" / "recipes"


def recipe_path(name: str) -> Path:
    """Return the file of a recipe, given as a path or as the name of a shipped one.

    Raises:
        UsageError: there is neither.
    """
    shipped = {path.stem: path for path in sorted(recipes_folder().glob("*.yaml"))}
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if not path.exists():
        hint = nearest(name, shipped) or "."
        raise UsageError(f"there is no recipe {name!r}: it is neither a file nor one of {', '.join(shipped)}{hint}")
    return path
