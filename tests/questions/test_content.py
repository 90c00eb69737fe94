"""The questions of whole suites are what they have always been, to the byte: results of all versions compare."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from mlpo_bench import questions
from mlpo_bench.errors import UsageError


DIGESTS = {
    ("bbh", "sha256:4039b7e397ef0333"): "299869a6714ef866c1c2bdb879dd6c0b47beb4308a705b69c53cb937b606f9c9",
    ("mmlu", "0.9.0"): "afe6c5a541257e9c0c4a2a43f0b2983e5c8e24c9afcabbc5f909a1e8af20ccc9",
    ("math", "0.9.0"): "8b753f02254d9a876edf042ac04d36e2da9621db74a2472e48d88107dc213b27",
    ("gsm8k", "0.9.0"): "daf466a568f175fd84d6f457ba8e337eb37e0ed603ec8b37efa0ea856528a155",
    ("reasoning_gym", "0.1.25"): "a3e3260d2c9adc70e0cc09f2aa765ef638fc2c7b0f917ee132fc7a08d8ba02e3",
    ("medqa", "0.9.0"): "18d805af7f4998b3ac62a87fb15c9d31c847fa43cac27058851a4880d64de3a4",
    ("arc_challenge", "0.9.0"): "4b593a9a1ab9ff2c0f98308b31931eac09e121556adabfc111221a0a6ad7a205",
    ("logical_reasoning", "0.9.0"): "f5293ef18d0cde75d3c78a628532d8031ea8430db348261565cfe79e5ac44f88",
    ("commonsense_qa", "0.9.0"): "3558b1501fb421c71f7fd75b919b5f8bd0cd245ec0e070fc7b0cdc5f02474b9f",
    ("boolq", "0.9.0"): "54377032bb2cb6c65113f7ad57adef141977cb6d506e5b4d96edd3232f723026",
    ("drop", "0.9.0"): "6484acb76e4901d485f9435c136a339680567a44195da0ee3b6dd11e3532df2d",
    ("math_500", "0.9.0"): "8e67ebbb885b484ce1eda71b01022654498e1d55b9286573268806ce8cdbe502",
    ("bbeh", "sha256:a1a2f1cef464044f"): "6e8f230c8406b59337f4b45ce40ca1ff0d3a95e87f3e858a0efd919898103729",
    ("bbh", "0.4.13"): "20ab540b48636a9a226a700457ae709f6808fc3681e091c312d1f45d6487e972",
}
"""By suite and the source's revision: the SHA-256 of all its items, in order, as JSON lists."""
TESTED = {"bbh": 1_303, "mmlu": 14_042, "math": 500, "gsm8k": 1_319, "reasoning_gym": 750} | {
    "medqa": 1_273,
    "arc_challenge": 1_172,
    "logical_reasoning": 1_118,
    "commonsense_qa": 1_221,
    "boolq": 3_270,
    "drop": 983,
    "math_500": 500,
    "bbeh": 4_520,
}


def published(suite: str) -> Path | None:
    """Return a folder with the suite's published data, where there is one."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    named = Path(os.environ.get("MLPO_BENCH_DATA", beside))
    return named if (named / suite).is_dir() else None


@pytest.mark.data
@pytest.mark.parametrize("suite", TESTED)
@pytest.mark.parametrize("place", ["published", "elsewhere"])
def test_every_id_text_gold_and_format_is_as_ever(suite: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = published(suite) if place == "published" else None
    monkeypatch.delenv("MLPO_BENCH_DATA", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    try:
        loaded = questions.load(suite, "all", data)
    except UsageError as absent:
        pytest.skip(str(absent))
    if (suite, loaded.source.revision) not in DIGESTS:
        pytest.skip(f"{loaded.source} is another edition of {suite}")
    rows = [[i.suite, i.subject, i.id, i.text, i.gold, i.answer_format] for i in loaded.items]
    assert hashlib.sha256(json.dumps(rows).encode()).hexdigest() == DIGESTS[suite, loaded.source.revision]
    if loaded.source.kind != "shots":
        assert len(questions.load(suite, "test", data).items) == TESTED[suite]
