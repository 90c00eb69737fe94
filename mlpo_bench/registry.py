"""Names and what they stand for: one way in for protocols, suites and engines, for ours as for anybody's.

A `Registry` knows one kind of thing. What it holds comes in by three doors:

- **A file.** The modules of the registry's own package are ours: each registers what it defines, so that a new one is
  one new file.
- **An installed package**, by an entry point of the registry's group: `twice = "mine.protocols:Twice"`.
- **Code that runs**: whatever calls `add`, as base classes do for each class derived from them. Defined again, as
  notebooks do it, a thing takes the place of what its module had under that name.

Wherever a name is taken, `module:attribute` is taken, too: the module is looked for in the current folder, after
everything that is installed. It is run, so a configuration that names one is to be trusted like a program.

Nothing is imported before something is looked up.
"""

from __future__ import annotations

import pkgutil
import re
import sys
from collections import defaultdict
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from mlpo_bench.errors import UsageError, nearest, unknown


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.metadata import EntryPoint

Thing = TypeVar("Thing")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Registry(Generic[Thing]):
    """Things of one kind by name; each has its name as the attribute `name`.

    Iterating yields the names, sorted; `in` tells whether something is one of them (`module:attribute` never is).

    Args:
        kind: what a thing is called in messages: `protocol`.
        group: the entry points by which installed packages add theirs: `mlpo_bench.protocols`.
        package: where ours are: all its modules whose names do not start with `_` are imported at the first look-up.
        is_one: tells a thing of this kind from whatever else a module holds.
        must_be: says in words what it looks for: `a class derived from mlpo_bench.Protocol`.
    """

    def __init__(self, kind: str, *, group: str, package: str, is_one: Callable[[object], bool], must_be: str) -> None:
        self.kind, self.group, self.package = kind, group, package
        self._is_one, self._must_be = is_one, must_be
        self._added: dict[str, tuple[Thing, str]] = {}

    @property
    def _a(self) -> str:
        """What one of them is called."""
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    def add(self, thing: Thing, *, module: str) -> None:
        """Register a thing by its name.

        Args:
            thing: what the name is to stand for.
            module: the module that defines it (`__name__` there): who may put another in its place.

        Raises:
            UsageError: its name is none, or is that of a thing that another module defines.
        """
        name = _name(thing)
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{self._a} cannot be called {name!r}: a name has up to 64 letters, digits, - and _, "
                "and begins with a letter."
            )
        if not self._is_ours(module):
            self._import_ours()
        _, before = self._added.get(name, (None, module))
        if before != module:
            by = "is built in" if self._is_ours(before) else f"is defined in {before} already"
            raise UsageError(f"the {self.kind} {name!r} {by}; give the one of {module} another name.")
        self._added[name] = thing, module

    def __getitem__(self, name: str) -> Thing:
        """Return what a name, or `module:attribute`, stands for.

        Raises:
            UsageError: there is no such thing, two share its name, or it cannot be imported; the message says why.
        """
        if ":" in name:
            return self._referred(name)
        self._import_ours()
        if name in self._installed:
            return self._of_entry_points(name, self._installed[name])
        if name not in self._added:
            own = "" if nearest(name, self) else " One that nobody installed is named as module:attribute."
            raise UsageError(f"{unknown(self.kind, name, self)}{own}")
        return self._added[name][0]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all things, sorted."""
        self._import_ours()
        yield from sorted({*self._added, *self._installed})

    def __contains__(self, name: object) -> bool:
        """Whether a thing has this name."""
        self._import_ours()
        return name in self._added or name in self._installed

    def values(self) -> Iterator[Thing]:
        """Yield all things by the order of their names.

        Raises:
            UsageError: as for `[name]`, for any of them.
        """
        return (self[name] for name in self)

    def reference(self, thing: Thing) -> str:
        """Return by what another process finds a thing: its name, or `module:attribute` where only code added it.

        A thing that a notebook or a script defines has nothing but its name, which holds in this process alone.
        """
        name = _name(thing)
        _, module = self._added.get(name, (None, getattr(thing, "__module__", "__main__")))
        qualified = getattr(thing, "__qualname__", "<locals>")
        if self._is_ours(module) or name in self._installed or module == "__main__" or "<locals>" in qualified:
            return name
        return f"{module}:{qualified}"

    def _is_ours(self, module: str) -> bool:
        return module.startswith(f"{self.package}.")

    def _import_ours(self) -> None:
        self._ours  # noqa: B018 - once is enough

    @cached_property
    def _ours(self) -> tuple[str, ...]:
        modules = tuple(
            f"{self.package}.{module.name}"
            for module in pkgutil.iter_modules(import_module(self.package).__path__)
            if not module.name.startswith("_")
        )
        for module in modules:
            import_module(module)
        return modules

    @cached_property
    def _installed(self) -> dict[str, list[EntryPoint]]:
        points: defaultdict[str, list[EntryPoint]] = defaultdict(list)
        for point in entry_points(group=self.group):
            points[point.name].append(point)
        return dict(points)

    def _of_entry_points(self, name: str, points: list[EntryPoint]) -> Thing:
        """Return what the entry points of a name agree on, and the code that runs with them."""
        if name in self._added and self._is_ours(self._added[name][1]):
            raise UsageError(
                f"{_packages(points)} brings {self._a} called {name!r}, which hides the one that is built in; "
                "uninstall the package, or give its entry point another name."
            )
        if len({point.value for point in points}) > 1:
            raise UsageError(
                f"{_packages(points)} each bring {self._a} called {name!r}; uninstall one of them, "
                f"or name the one that is meant: {' or '.join(sorted(point.value for point in points))}."
            )
        try:
            thing = self._referred(points[0].value)
        except UsageError as reason:
            raise UsageError(f"the {self.kind} {name!r} of {_packages(points)}: {reason}") from None
        if _name(thing) != name:
            raise UsageError(
                f"the entry point {name!r} of {_packages(points)} leads to {self._a} called {_name(thing)!r}; "
                "the two must be the same."
            )
        if name in self._added and self._added[name][0] is not thing:
            raise UsageError(
                f"the {self.kind} {name!r} of {_packages(points)} is defined in {self._added[name][1]} again; "
                "give one of the two another name."
            )
        return thing

    def _referred(self, reference: str) -> Thing:
        """Return what `module:attribute` stands for, if it is of this kind."""
        module, _, attribute = reference.partition(":")
        if not module or not attribute:
            raise UsageError(
                f"{self._a} of a module is named as module:attribute, such as mine:Twice, not {reference!r}."
            )
        self._import_ours()  # a broken look-up of ours is no fault of that module
        thing: object = _imported(module)
        for part in attribute.split("."):
            if not hasattr(thing, part):
                hint = nearest(part, (name for name in dir(thing) if not name.startswith("_")))
                raise UsageError(f"the module {module!r} has no {attribute!r}{hint or '.'}")
            thing = getattr(thing, part)
        if not self._is_one(thing):
            raise UsageError(f"{reference} is no {self.kind}: it must be {self._must_be}.")
        return thing  # type: ignore[return-value]  # that is what `is_one` says


def _name(thing: object) -> str:
    return str(getattr(thing, "name", ""))


def _packages(points: list[EntryPoint]) -> str:
    """Return `the package 'mine'`, or `the packages 'mine' and 'yours'`."""
    names = sorted({repr(point.dist.name) for point in points if point.dist})
    return f"the package{'s' * (len(names) > 1)} {' and '.join(names)}"


def _imported(name: str) -> object:
    """Import a module, from the current folder where nothing that is installed has its name.

    Raises:
        UsageError: there is no such module, or running it failed; the message says with what.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(
                f"there is no module {name!r}, neither installed nor in the current folder ({here})."
            ) from None
        raise _broken(name, error) from error
    except UsageError:  # of a class in it that cannot be registered: that says all by itself
        raise
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _broken(module: str, error: BaseException) -> UsageError:
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    return UsageError(f"the module {module!r} cannot be imported ({reason}).")
