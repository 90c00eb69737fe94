"""Where published data lies, if it does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def published() -> Path | None:
    """A folder with suites as published, or nothing."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    named = os.environ.get("MLPO_BENCH_DATA")
    return Path(named) if named else beside if beside.is_dir() else None
