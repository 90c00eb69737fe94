"""A folder such as the documentation speaks of: a team that answers by a script, and made-up questions in `data`."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.documents import DOCS, blocks  # type: ignore[import-not-found]


@pytest.fixture
def folder(tmp_path: Path, made_up: Path, monkeypatch: pytest.MonkeyPatch, suites_loaded_once: None) -> Path:  # noqa: ARG001
    """Go to a folder that has what the page's examples need."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data").symlink_to(made_up, target_is_directory=True)
    for content in blocks(DOCS / "python.md", "yaml"):
        (tmp_path / content.splitlines()[0].removeprefix("# ")).write_text(content, encoding="utf-8")
    return tmp_path
