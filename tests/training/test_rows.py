from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpo_bench.training.rows import Kept, Opening, Prompt, Sample, Trace, read_rows, write_rows


Make = Callable[..., Any]
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=50)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(ANY_TEXT, st.none() | ANY_TEXT, st.lists(st.booleans(), max_size=3))
def test_rows_come_back_as_they_were(
    tmp_path: Path, opening: Make, prompt: Make, sample: Make, text: str, answer: str | None, right: list[bool]
) -> None:
    chat = ({"role": "system", "content": text}, {"role": "user", "content": "x"})
    rows: list[tuple[Any, Any]] = [
        (Opening, opening(opening=text, answer=answer, preamble=chat)),
        (Prompt, prompt(messages=chat, attempts_right=tuple(right), order=())),
        (Sample, sample(text=text, answer=answer)),
        (Trace, Trace("p", "q", chat, text, "kept")),
        (Kept, Kept("q", "bbh", "s", "yes_no", "yes", text, 12, 0.5, None, easy=False)),
    ]
    for kind, row in rows:
        write_rows(tmp_path / "rows.parquet", kind, [row, row])
        assert read_rows(tmp_path / "rows.parquet", kind) == [row, row]


@pytest.mark.parametrize("kind", [Opening, Kept, Prompt, Sample, Trace])
def test_no_rows_are_a_file_too(tmp_path: Path, kind: Any) -> None:
    write_rows(tmp_path / "rows.parquet", kind, [])
    assert read_rows(tmp_path / "rows.parquet", kind) == []
    assert [p.name for p in tmp_path.iterdir()] == ["rows.parquet"]
