"""Which processors have instructions for numbers of 16 bits."""

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
