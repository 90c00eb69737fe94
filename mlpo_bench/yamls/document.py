"""Reading YAML into plain values, within bounds.

Whatever a file holds, reading it takes little time and memory: its depth, and what it comes to once its aliases are
written out are bounded here. A key that stands twice, a number that no field could hold or that few would read as YAML
does, and text that is no text are faults of their line.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.reader import ReaderError


MOST_VALUES = 100_000
"""How many values a file may hold once its aliases are written out."""
DEEPEST = 64
"""How deep they may be nested."""
LONGEST_SAID = 120
"""How many characters of a wrong value are shown."""
_STRANGE = {"binary": "write text", "set": "write a list, which has an order"}
_MERGE = "tag:yaml.org,2002:merge"
OF_64_BITS = range(-(2**63), 2**63)
"""The whole numbers that files and stores hold."""


class _Loader(yaml.SafeLoader):
    """YAML's own loader of plain values, within bounds."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = self._reached = self._values = 0
        self._extents: dict[yaml.Node, tuple[int, int]] = {}
        """How many values and levels a part of the file comes to."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next part of the file, and count what it comes to."""
        alias = self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        values, reached = self._values, self._reached
        self._level += 1
        self._reached = self._level
        self._check(mark)
        node = super().compose_node(parent, index)
        assert node is not None
        if not alias:
            self._values += 1
            self._extents[node] = self._values - values, self._reached - self._level
        elif node in self._extents:
            size, height = self._extents[node]
            self._values += size
            self._reached += height
        else:
            raise _fault("an alias stands within what it stands for", mark)
        self._check(mark)
        self._level -= 1
        self._reached = max(reached, self._reached)
        return node

    def _check(self, mark: yaml.Mark) -> None:
        if self._reached > DEEPEST:
            raise _fault(f"values are nested more than {DEEPEST} deep", mark)
        if self._values > MOST_VALUES:
            raise _fault(f"it comes to more than {MOST_VALUES:,} values", mark)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - YAML's own
        """Return a mapping in which no name stands twice: the last one would win without a word."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if (first := lines.get((key.tag, key.value))) is not None:
                raise _fault(f"{key.value!r} stands twice, first on line {first + 1}", key.start_mark)
            lines[key.tag, key.value] = key.start_mark.line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401
        """Return the value of a part of the file."""
        kind = node.tag.rpartition(":")[2]
        if kind in _STRANGE:
            raise _fault(f"`!!{kind}` has no place here: {_STRANGE[kind]}", node.start_mark)
        if kind in {"int", "float"} and len(node.value) > LONGEST_SAID:
            raise _fault(f"{short(node.value)} is a longer number than is read", node.start_mark)
        try:
            value = super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise _fault(f"{short(str(node.value))} is no {kind}", node.start_mark) from None
        _check_notation(value, node)
        if type(value) is int and value not in OF_64_BITS:
            raise _fault(f"{short(node.value)} is beyond what 64 bits hold", node.start_mark)
        return _text(value, node) if isinstance(value, str) else value


_OCTAL = re.compile(r"[-+]?0[0-9_]+")


def _check_notation(value: object, node: yaml.Node) -> None:
    """Refuse numbers that YAML 1.1 reads as few people do: 010 to the base of 8, 1:30 to that of 60.

    0x10, 0b10 and 1_000 are read by everybody as they are here.
    """
    if type(value) not in {int, float} or not isinstance(node, yaml.ScalarNode):
        return
    text = node.value
    if ":" in text:
        raise _fault(f"{short(text)} is read as {value} by YAML; write {value}, or put it in quotes", node.start_mark)
    if type(value) is int and _OCTAL.fullmatch(text):
        plain = int(text.replace("_", ""))
        meant = f"{value} or {plain}" if value != plain else f"{value}"
        raise _fault(f"{short(text)} is read as {value} by YAML; write {meant}", node.start_mark)


def _fault(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _text(value: str, node: yaml.Node) -> str:
    """Return text whose characters are whole: JSON writes those beyond 16 bits as two halves."""
    try:
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _fault("half a character (a lone surrogate) is no text", node.start_mark) from None
    if "\0" in whole:
        raise _fault("text holds no character of number 0", node.start_mark)
    return whole


def load(text: str) -> tuple[Any, yaml.Node | None]:
    """Return what a YAML document holds, as plain values and as the parts of the file.

    Raises:
        yaml.YAMLError: it is none, or more than is read (see this module's bounds).
    """
    try:
        loader = _Loader(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position)
        mark = yaml.Mark("", error.position, line, 0, "", 0)
        raise _fault(
            f"a character of number {ord(text[error.position])} has no place in a file of text", mark
        ) from None
    try:
        node = loader.get_single_node()
        return (None if node is None else loader.construct_document(node)), node
    except (OverflowError, ValueError):  # of the scanner: `\UFFFFFFFF`, `%YAML 1.111...`
        raise _fault("no such character or number is read", loader.get_mark()) from None
    finally:
        loader.dispose()


def one_line(error: yaml.YAMLError) -> str:
    """Return in one line what is wrong with a document, and where."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{where}{problem.removesuffix('.')}."


def short(text: str) -> str:
    """Return the beginning of what somebody wrote."""
    return text if len(text) <= LONGEST_SAID else f"{text[:LONGEST_SAID]}..."
