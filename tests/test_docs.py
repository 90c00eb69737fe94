"""The documentation names all that a file of a person's may hold."""

import re
from pathlib import Path

import pytest

import mlpo_bench
from mlpo_bench.engines.engine_options import EngineOptions
from mlpo_bench.log.ledger import SCHEMA
from mlpo_bench.log.records import Record
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.teams import Member, Price, SamplingChoice, Team


DOCS = Path(__file__).parents[1] / "docs"


def named(page: str) -> set[str]:
    """All that stands in code on a page, taken apart at what is no part of a name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return {name for code in re.findall(r"`([^`\n]+)`", text) for name in re.split(r"[^\w-]+", code)}


@pytest.mark.parametrize("model", [Team, Member, SamplingChoice, Price, RunConfig])
def test_every_field_of_team_and_matrix_files_is_documented(model: type) -> None:
    internal = {"asked_anew"}  # written by `run --fresh`
    assert set(model.model_fields) - internal - named("configuration.md") == set()  # type: ignore[attr-defined]


def test_every_engine_option_is_documented() -> None:
    assert set(EngineOptions.model_fields) - named("engines.md") == set()


def test_every_column_of_a_runs_files_is_documented() -> None:
    columns = set(Record.__dataclass_fields__) | set(SCHEMA.names)
    assert columns - named("run-files.md") == set()


def test_every_page_that_the_readme_links_is_there() -> None:
    root = DOCS.parent
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (root / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (root / link).exists()] == []


def test_the_reference_names_what_is_public() -> None:
    page = (DOCS / "reference.md").read_text(encoding="utf-8") + (DOCS / "python.md").read_text(encoding="utf-8")
    page += (DOCS / "extending.md").read_text(encoding="utf-8")
    assert [name for name in mlpo_bench.__all__ if not re.search(rf"\b{name}\b", page)] == []
