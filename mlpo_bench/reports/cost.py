"""What a row may have cost: the kinds by name, for command lines that are not to load what prints them."""

from __future__ import annotations

from typing import Literal, get_args


CostKind = Literal["tokens", "calls", "seconds", "operations", "price", "steps", "serial_tokens", "machine_seconds"]
"""What is counted, each as a mean a question."""
COSTS: tuple[CostKind, ...] = get_args(CostKind)
