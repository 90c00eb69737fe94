"""Every test of runs loads suites."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _suites_loaded_once(suites_loaded_once: None) -> None:
    """Load equal suites once for all tests."""
