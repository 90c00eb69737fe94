"""Names lead to things of our own, of installed packages and of code that runs; what cannot be had is said."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.registry import Registry


@dataclass(frozen=True)
class Fruit:
    """What is registered here."""

    name: str
    colour: str = "green"


Install = Callable[..., None]
_NUMBERS = itertools.count()
FRUIT = "from collections import namedtuple\nFruit = namedtuple('Fruit', 'name colour')\n"


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[Fruit]]:
    """A registry of fruits with a package of its own, in whose module `orchard` an apple grows."""
    package = f"fruits{next(_NUMBERS)}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / package / "_notes.py").write_text("raise RuntimeError('nobody reads notes')")
    (tmp_path / package / "orchard.py").write_text("import registrar\nregistrar.add('apple', __name__)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    registry: Registry[Fruit] = Registry(
        "fruit",
        group="test.fruits",
        package=package,
        is_one=lambda thing: hasattr(thing, "colour"),
        must_be="something with a colour",
    )
    registrar = ModuleType("registrar")
    vars(registrar)["add"] = lambda name, module: registry.add(Fruit(name), module=module)
    monkeypatch.setitem(sys.modules, "registrar", registrar)
    yield registry
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path, ours: Registry[Fruit]) -> Install:
    """Install a package of a module, with an entry point for each of some names."""

    def installed(package: str, code: str, **points: str) -> None:
        (tmp_path / f"{package}.py").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{ours.group}]", *lines]))

    return installed


def test_a_kind_has_its_article() -> None:
    from mlpo_bench.engines import ENGINES
    from mlpo_bench.protocols import PROTOCOLS

    with pytest.raises(UsageError, match=r"^an engine of a module is named as module:attribute"):
        ENGINES["x:"]
    with pytest.raises(UsageError, match=r"^a protocol of a module is named as module:attribute"):
        PROTOCOLS["x:"]


def test_a_file_in_the_package_is_all_that_a_thing_of_our_own_takes(ours: Registry[Fruit]) -> None:
    assert list(ours) == ["apple"]
    assert ours["apple"].colour == "green"
    assert [fruit.name for fruit in ours.values()] == ["apple"]
    assert "apple" in ours
    assert "pear" not in ours


def test_nothing_is_imported_before_something_is_looked_up(ours: Registry[Fruit]) -> None:
    assert f"{ours.package}.orchard" not in sys.modules
    assert "apple" in ours
    assert f"{ours.package}.orchard" in sys.modules


def test_an_unknown_name_gives_the_nearest(ours: Registry[Fruit]) -> None:
    with pytest.raises(UsageError, match="no fruit is called 'aple'; did you mean 'apple'"):
        ours["aple"]
    with pytest.raises(UsageError, match=r"Known: apple. One that nobody installed is named as module:attribute\.$"):
        ours["zzz"]


def test_code_that_runs_adds_things_and_defines_them_again(ours: Registry[Fruit]) -> None:
    ours.add(Fruit("plum"), module="notebook")
    ours.add(Fruit("plum", "purple"), module="notebook")
    assert ours["plum"].colour == "purple"
    assert list(ours) == ["apple", "plum"]


def test_what_one_module_defines_no_other_replaces(ours: Registry[Fruit]) -> None:
    ours.add(Fruit("plum"), module="one")
    with pytest.raises(UsageError, match="the fruit 'plum' is defined in one already; give the one of two another"):
        ours.add(Fruit("plum"), module="two")
    with pytest.raises(UsageError, match="the fruit 'apple' is built in; give the one of one another name"):
        ours.add(Fruit("apple"), module="one")


@pytest.mark.parametrize("name", ["", "a b", "a,b", "mine:Twice", "-a", "x" * 65, "a\n", "../a", "[red]"])
def test_a_name_is_one_that_can_be_written_anywhere(ours: Registry[Fruit], name: str) -> None:
    with pytest.raises(UsageError, match="a fruit cannot be called"):
        ours.add(Fruit(name), module="notebook")


def test_an_installed_package_brings_things(ours: Registry[Fruit], install: Install) -> None:
    install("berries", FRUIT + "SLOE = Fruit('sloe', 'blue')", sloe="berries:SLOE")
    assert list(ours) == ["apple", "sloe"]
    assert ours["sloe"].colour == "blue"
    assert "sloe" in ours


def test_a_module_of_the_current_folder_can_be_named(ours: Registry[Fruit], tmp_path: Path) -> None:
    (tmp_path / "garden.py").write_text(FRUIT + "class Bed:\n    FIG = Fruit('fig', 'brown')\nwall = 3")
    assert ours["garden:Bed.FIG"].colour == "brown"
    assert "garden:Bed.FIG" not in ours


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("garden:FIGS", "the module 'garden' has no 'FIGS'; did you mean 'FIG'"),
        ("garden:wall", "garden:wall is no fruit: it must be something with a colour."),
        ("meadow:FIG", "there is no module 'meadow', neither installed nor in the current folder"),
        ("garden.meadow:FIG", "the module 'garden.meadow' cannot be imported|there is no module 'garden.meadow'"),
        ("burnt:FIG", r"the module 'burnt' cannot be imported \(ValueError: too hot\)"),
        ("gone:FIG", "the module 'gone' cannot be imported .*No module named 'nowhere'"),
        ("left:FIG", "the module 'left' cannot be imported .*SystemExit: bye"),
        ("torn:FIG", "the module 'torn' cannot be imported .*SyntaxError"),
        ("garden:", "named as module:attribute, such as mine:Twice, not 'garden:'"),
        (":FIG", "named as module:attribute"),
        ("..:FIG", "cannot be imported|there is no module"),
        ("garden:FIG.", "has no 'FIG.'"),
    ],
)
def test_what_cannot_be_had_of_a_module_is_said(
    ours: Registry[Fruit], tmp_path: Path, reference: str, says: str
) -> None:
    (tmp_path / "garden.py").write_text(FRUIT + "FIG = Fruit('fig', 'brown')\nwall = 3")
    (tmp_path / "burnt.py").write_text("raise ValueError('too\\nhot')")
    (tmp_path / "gone.py").write_text("import nowhere")
    (tmp_path / "left.py").write_text("raise SystemExit('bye')")
    (tmp_path / "torn.py").write_text("def (")
    with pytest.raises(UsageError, match=says) as raised:
        ours[reference]
    assert "\n" not in str(raised.value)


def test_an_entry_point_that_hides_what_is_built_in_is_named(ours: Registry[Fruit], install: Install) -> None:
    install("berries", FRUIT + "X = Fruit('apple', 'red')", apple="berries:X")
    with pytest.raises(UsageError, match="the package 'berries' brings a fruit called 'apple', which hides"):
        ours["apple"]


def test_two_entry_points_of_one_name_are_named(ours: Registry[Fruit], install: Install) -> None:
    install("berries", FRUIT + "X = Fruit('sloe', 'red')", sloe="berries:X")
    install("hedges", FRUIT + "X = Fruit('sloe', 'blue')", sloe="hedges:X")
    with pytest.raises(UsageError, match="the packages 'berries' and 'hedges' each bring a fruit called 'sloe'"):
        ours["sloe"]
    assert ours["hedges:X"].colour == "blue"


def test_an_entry_point_that_leads_nowhere_names_its_package(ours: Registry[Fruit], install: Install) -> None:
    install("berries", "import nowhere", sloe="berries:X")
    with pytest.raises(UsageError, match=r"the fruit 'sloe' of the package 'berries': the module 'berries' cannot be"):
        ours["sloe"]
    assert ours["apple"].name == "apple"


def test_an_entry_point_has_the_name_of_what_it_leads_to(ours: Registry[Fruit], install: Install) -> None:
    install("berries", FRUIT + "X = Fruit('sloe', 'red')", haw="berries:X")
    with pytest.raises(UsageError, match="entry point 'haw' of the package 'berries' leads to a fruit called 'sloe'"):
        ours["haw"]


def test_code_does_not_hide_an_entry_point(ours: Registry[Fruit], install: Install) -> None:
    install("berries", FRUIT + "X = Fruit('sloe', 'red')", sloe="berries:X")
    ours.add(Fruit("sloe"), module="notebook")
    with pytest.raises(UsageError, match="the fruit 'sloe' of the package 'berries' is defined in notebook again"):
        ours["sloe"]


def test_a_reference_is_what_another_process_finds_it_by(ours: Registry[Fruit], install: Install) -> None:
    class Pear:
        name = "pear"
        colour = "green"

    install("berries", FRUIT + "X = Fruit('sloe', 'blue')", sloe="berries:X")
    registry: Registry[object] = Registry("fruit", group=ours.group, package=ours.package, is_one=bool, must_be="")
    registry.add(Pear, module=__name__)
    assert registry.reference(Pear) == "pear"  # defined inside of a function
    Pear.__qualname__ = "Pear"
    assert registry.reference(Pear) == f"{__name__}:Pear"
    assert ours.reference(ours["sloe"]) == "sloe"
    assert ours.reference(ours["apple"]) == "apple"


def test_a_class_that_cannot_be_registered_says_so_by_itself(ours: Registry[Fruit], tmp_path: Path) -> None:
    (tmp_path / "thief.py").write_text("import registrar\nregistrar.add('apple', __name__)\n")
    with pytest.raises(UsageError, match=r"^the fruit 'apple' is built in; give the one of thief another name\.$"):
        ours["thief:APPLE"]
