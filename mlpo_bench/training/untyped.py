"""The type of what libraries without types make: models, trainers, their settings."""

from __future__ import annotations

from typing import Any, TypeAlias


Untyped: TypeAlias = Any
