"""A lack of memory is told with what to lower; other faults stay what they are."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.training.memory import enough_memory, remedy
from mlpo_bench.training.recipe import Recipe


torch = pytest.importorskip("torch")


def recipe(**settings: Any) -> Recipe:
    return Recipe.model_validate({"name": "a", **settings})


@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation' in ..."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
)
def test_every_kind_of_lack_is_told(fault: Exception) -> None:
    with (
        pytest.raises(UsageError, match=r"memory ran out in the stage sft: .*The same command then goes on"),
        enough_memory(recipe(), "sft"),
    ):
        raise fault


def test_other_faults_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), enough_memory(recipe(), "mlpo"):
        raise RuntimeError("shapes do not match")


def test_what_can_be_lowered_is_named_and_nothing_else() -> None:
    every = remedy(recipe(mlpo={"gradient_checkpointing": False, "micro_batch": 4}, adapter=None), "mlpo")
    for setting in ("mlpo.micro_batch (now 4)", "mlpo.gradient_checkpointing", "mlpo.max_tokens", "adapter: {rank"):
        assert setting in every
    least = remedy(recipe(mlpo={"micro_batch": 1}), "mlpo")
    assert "micro_batch" not in least
    assert "gradient_checkpointing" not in least
    assert "adapter" not in least
    assert "sft.max_length (now 4096)" in remedy(recipe(), "sft")


WATCHED = """
import os, sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"))

sys.meta_path.insert(0, Finder)
from mlpo_bench.training.memory import enough_memory
from mlpo_bench.training.recipe import Recipe

with enough_memory(Recipe(name="a"), "mlpo"):
    print("torch" in sys.modules)
"""


def test_a_stage_that_begins_by_itself_has_threads_that_wait_without_spinning() -> None:
    """The policy is read once, when torch is loaded."""
    others = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True, env=others)
    assert done.stdout.split() == ["PASSIVE", "True"]
