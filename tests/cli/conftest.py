"""What several commands are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def recipe(tmp_path: Path, made_up: Path, script: Path) -> Path:
    """A recipe of a small training whose models answer from a script."""
    path = tmp_path / "small.yaml"
    path.write_text(
        f"""
name: small
team: {{leader: {{model: {script}, engine: scripted}}, peers: [{{model: {script}, engine: scripted, count: 2}}]}}
suites: bbh
questions: {{data: {made_up}, subjects: [navigate]}}
filter: {{rule: off}}
traces: {{samples: 3, writer: spliced}}
"""
    )
    return path
