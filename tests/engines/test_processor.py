"""Which processors compute numbers of 16 bits well, and what is said on the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpo_bench.engines import processor


X86 = "processor\t: 0\nmodel name\t: A\nflags\t\t: fpu sse fma avx avx2{}\n\nprocessor\t: 1\nflags\t\t: fpu\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd{}\n"


@pytest.mark.parametrize(
    ("told", "well"),
    [
        (X86.format(""), False),
        (X86.format(" avx512f avx512bw"), True),
        (X86.format(" avx512f"), False),
        (X86.format(" amx_bf16 amx_tile"), True),
        (ARM.format(""), False),
        (ARM.format(" asimdhp bf16"), True),
        ("processor\t: 0\n", True),
        (None, True),
    ],
)
def test_what_a_processor_lists_tells(
    told: str | None, well: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    if told is not None:
        file.write_text(told)
    monkeypatch.setattr(processor, "_TOLD", file)
    assert processor.computes_halves() is well


@pytest.mark.parametrize(
    ("dtype", "halves", "accelerated", "told"),
    [
        ("bfloat16", False, False, True),
        ("float16", False, False, True),
        ("float32", False, False, False),
        ("bfloat16", True, False, False),
        ("bfloat16", False, True, False),
    ],
)
def test_float32_is_advised_where_it_is_faster(
    dtype: str, halves: bool, accelerated: bool, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "computes_halves", lambda: halves)
    monkeypatch.setattr(processor, "_accelerated", lambda: accelerated)
    advice = processor.advice(dtype)
    assert (advice is not None) is told
    assert advice is None or (dtype in advice and "--dtype float32" in advice)
