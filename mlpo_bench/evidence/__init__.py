"""Intervals and tests: pure functions over counts and records."""

from mlpo_bench.evidence.intervals import wilson


__all__ = ["wilson"]
