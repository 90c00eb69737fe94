"""What every protocol offers: the conversation itself, and all that is known of its kind."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import MISSING, Field, dataclass, fields
from inspect import isabstract
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field as Bounds

from mlpo_bench.protocols import _checks, _prompts
from mlpo_bench.registry import Registry
from mlpo_bench.yamls import Whole


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room, Seat
    from mlpo_bench.questions import Question

LONGEST_WORD = 32
"""How many characters of a setting's value a label shows."""

# What settings may be, checked where a person names them (see `build`).
Depth = Annotated[Whole, Bounds(ge=1, le=64)]
Draws = Annotated[Whole, Bounds(ge=1, le=4096)]

Family = Literal["solo", "vote", "led", "choice", "other"]
"""What protocols are alike in, as far as anything but themselves goes by it:

- `solo`: one answer of one member;
- `vote`: answers that know nothing of one another, counted;
- `led`: in each round (from 0) all peers are asked, and then the leader, whose last turn is final. Votes are matched
  with these, and diagnostics tell what the leader made of its peers' answers;
- `choice`: the answer of one peer stands;
- `other`: everything else.
"""


@dataclass(frozen=True)
class Protocol(ABC):
    """How members confer over a question.

    A protocol is a class derived from this one, with a `name`, `calls` and `solve`. Its settings are its fields: one
    that has any is a frozen dataclass (`@dataclass(frozen=True)`), each with a type that says what it may be, as
    pydantic reads it, and a default. It never sees engines, batches or gold answers. ::

        @dataclass(frozen=True)
        class Twice(Protocol):
            times: Depth = 2
            name: ClassVar[str] = "twice"
            depth: ClassVar[str] = "times"

            def calls(self, peers):
                return self.times

            async def solve(self, question, room):
                turn = await room.ask(room.leader, question.prompt, round=0)
                for round in range(1, self.times):
                    turn = await room.ask(room.leader, self.render("again.txt", last=turn.text), round=round)
                return turn.text

    Defining such a class registers it by its name; one without a name of its own, or with a method still to be
    written, is a base for others and is not registered.
    """

    __slots__ = ()

    name: ClassVar[str]
    """What it is called in configurations, results and tables."""

    family: ClassVar[Family] = "other"
    """What it is alike to (see `Family`)."""

    depth: ClassVar[str | None] = None
    """The setting that counts its T (`rounds`, `layers`, `steps`), which a run's `rounds` fill in where nothing else
    is said; None where it has none."""

    ballots: ClassVar[str | None] = None
    """The setting that counts its answers (`samples`), which a run chooses to match the calls or the tokens of a led
    team; None where it has none."""

    spends: ClassVar[str | None] = None
    """The setting that bounds the tokens that it spends, which a run chooses to match a led team's, written ones or
    all of them; None where it has none."""

    uses_leader: ClassVar[bool] = True
    """Whether the leader's seat is asked at all."""

    each_member: ClassVar[bool] = False
    """Whether a run makes a row of it for each distinct member of a team, seated as the leader."""

    goes_on: ClassVar[bool] = False
    """Whether a seat that others read goes on, in its next round, from its own last turn, whatever others read of it:
    then that turn was not written in vain where an intervention leaves it out of what they read."""

    weighs: ClassVar[bool] = False
    """Whether it needs the members' scores on the train split (`Room.weight`)."""

    ceiling: ClassVar[bool] = False
    """Whether its final text is chosen by the harness, with the gold answer in hand: then the first turn that is
    right stands, and it is no rival to anything."""

    def __init_subclass__(cls, **options: object) -> None:
        """Register a class that can be used as it is.

        Raises:
            UsageError: it cannot, though no method is left unwritten, or its name is taken.
        """
        super().__init_subclass__(**options)
        if "name" in vars(cls) and not _unwritten(cls):
            _checks.check_family(cls.name, cls.family, get_args(Family))
            _checks.check_solve(cls.name, cls.solve)
            PROTOCOLS.add(cls, module=cls.__module__)

    @property
    def uses_peers(self) -> bool:
        """Whether the number of peers changes what happens."""
        return True

    @property
    def chain(self) -> int:
        """About how many of its calls wait for one another: a run begins the longest chains first."""
        steps = int(getattr(self, self.depth)) if self.depth else 1
        return 2 * steps if self.family == "led" else steps

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings by name."""
        return {setting.name: getattr(self, setting.name) for setting in fields(self)}

    @property
    def recorded(self) -> dict[str, Any]:
        """Its settings as results hold them; a setting that came later is left out where all is as it was before it."""
        return self.settings

    @property
    def title(self) -> str:
        """What its label begins with."""
        return self.name

    def said(self) -> dict[str, str]:
        """Return what its label says of each setting, by setting: its depth, and whatever is not at its default."""
        told = {name: value for name, value in self.settings.items() if name != self.ballots}
        defaults = {setting.name: _default(setting) for setting in fields(self)}
        return {
            name: counted(value, name.removesuffix("s")) if name == self.depth else _said(name, value)
            for name, value in told.items()
            if name == self.depth or value != defaults[name]
        }

    @property
    def label(self) -> str:
        """What tells it apart in a table; never the number of peers."""
        return self.label_without(None)

    def label_without(self, setting: str | None) -> str:
        """Return the label without a word of one setting: what rows have in common that differ in nothing else."""
        number = f" of {getattr(self, self.ballots)}" if self.ballots not in {None, setting} else ""
        words = [words for name, words in self.said().items() if name != setting]
        return ", ".join([f"{self.title}{number}", *words])

    @abstractmethod
    def calls(self, peers: int) -> int:
        """Return how many completions one question takes with so many peers: the most, where answers decide."""

    def fewest_calls(self, peers: int) -> int:
        """Return how many completions one question takes at least."""
        return self.calls(peers)

    @classmethod
    def until_matched(cls, way: str) -> dict[str, Any]:
        """Return the settings that it has until another row, whose calls or tokens it is to match, is known."""
        del way
        return {} if cls.ballots is None else {cls.ballots: 1}

    def longest(self, answer: int) -> int:
        """Return how many tokens one of its answers has at most, where answers end at so many."""
        return answer

    def reads(self, peers: int) -> int:
        """Return the most other completions that one prompt holds: what its length depends on."""
        return self.calls(peers) - 1

    @abstractmethod
    async def solve(self, question: Question, room: Room) -> str:
        """Confer, and return the final text."""

    @property
    def heard(self) -> range:
        """The rounds whose turns others read, as gathered by `Room.readings`: where an intervention may alter them."""
        return range(0)

    def voices(self, seats: Sequence[Seat]) -> Sequence[Seat]:
        """Return those whose turns an intervention may alter, in their order; `seats` begin with the leader's."""
        return seats[1:]

    def reading_order(self, peers: int, question: str, round: int, seed: int) -> list[int]:  # noqa: A002, ARG002
        """Return which peer's attempt, counted from 0, stands at each place of what a leader reads in a round."""
        return list(range(peers))

    def render(self, template: str, /, **values: object) -> str:
        """Fill in a Jinja template that lies beside the protocol; model text is never taken for a template.

        Args:
            template: the name of a file in the folder of the module that defines the protocol (or one it derives
                from), or in the folder `prompts` there; for a notebook's, in the current folder.
            values: what the template names.

        Raises:
            UsageError: there is no such template, it is faulty, or names what is not among the values.
        """
        return _prompts.render_beside(type(self), template, values)


def _unwritten(cls: type) -> bool:
    """Whether a class has abstract methods: `ABCMeta` itself knows it only when `__init_subclass__` is done."""
    return any(getattr(getattr(cls, name, None), "__isabstractmethod__", False) for name in dir(cls))


def _is_one(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Protocol) and "name" in vars(thing) and not isabstract(thing)


PROTOCOLS: Registry[type[Protocol]] = Registry(
    "protocol",
    group="mlpo_bench.protocols",
    package="mlpo_bench.protocols",
    is_one=_is_one,
    must_be="a class derived from mlpo_bench.Protocol that has a name of its own and leaves no method unwritten",
)
"""The protocols by name."""


def counted(number: int, thing: str) -> str:
    """Return `1 round`, `2 rounds`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _default(setting: Field[Any]) -> object:
    return setting.default_factory() if setting.default_factory is not MISSING else setting.default


def _said(name: str, value: object) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    text = " ".join(str(value).split())
    if len(text) > LONGEST_WORD:  # labels name files, too; two that begin alike stay apart
        text = f"{text[:LONGEST_WORD]}... {hashlib.sha256(str(value).encode()).hexdigest()[:6]}"
    return f"{words} {text}"
