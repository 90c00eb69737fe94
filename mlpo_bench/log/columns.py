"""What the columns of a run's tables hold: checked where a table is read, so that nothing else need doubt it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc


if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS: tuple[tuple[str, Callable[[pa.DataType], bool]], ...] = (
    ("text", lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind)),
    ("truth values", pa.types.is_boolean),
    ("whole numbers", pa.types.is_integer),
    ("numbers", pa.types.is_floating),
    ("times", pa.types.is_timestamp),
)
"""Kinds of columns: how many bits a number has is no matter, earlier versions and other programs write other widths."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a table's columns hold.

    Attributes:
        schema: Their names and types.
        optional: Those in which a row may have nothing.
        signed: Those whose numbers may be below 0.
    """

    schema: pa.Schema
    optional: frozenset[str] = frozenset()
    signed: frozenset[str] = frozenset()

    def fault(self, schema: pa.Schema) -> str:
        """Return which column of a table holds another kind of thing, as what is said of its file; else nothing."""
        for field in self._known(schema):
            held, should = _kind(field.type), _kind(self.schema.field(field.name).type)
            if held != should and not (pa.types.is_null(field.type) and field.name in self.optional):
                return f"has {held or field.type} in the column {field.name!r}, which holds {should}"
        return ""

    def fault_of_values(self, table: pa.Table) -> str:
        """Return which column of a table of these types lacks a value, or has one that cannot be; else nothing."""
        for field in self._known(table.schema):
            column = table[field.name]
            if column.null_count and field.name not in self.optional:
                return f"has a row without {field.name!r}"
            if pa.types.is_floating(field.type) and not _all(pc.is_finite(column)):
                return f"has a row whose {field.name!r} is no number"
            number = pa.types.is_floating(field.type) or pa.types.is_signed_integer(field.type)
            if number and field.name not in self.signed and not _all(pc.greater_equal(column, 0)):
                return f"has a row whose {field.name!r} is below 0"
        return ""

    def _known(self, schema: pa.Schema) -> list[pa.Field]:
        return [field for field in schema if field.name in self.schema.names]


def _kind(of: pa.DataType) -> str:
    of = of.value_type if pa.types.is_dictionary(of) else of
    return next((name for name, is_one in _KINDS if is_one(of)), "")


def _all(true: pa.ChunkedArray) -> bool:
    return pc.all(true).as_py() is not False
