"""The documentation names all that a file of a person's may hold."""

import re
from pathlib import Path

import pytest
import typer

import mlpo_bench
from mlpo_bench.cli import app
from mlpo_bench.engines.engine_options import EngineOptions
from mlpo_bench.engines.placement import Placement
from mlpo_bench.engines.server_options import RequestOptions
from mlpo_bench.log.ledger import SCHEMA
from mlpo_bench.log.records import Record
from mlpo_bench.matrix.cells import SHIPPED
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.protocols import PROTOCOLS, build
from mlpo_bench.teams import Member, Price, SamplingChoice, Team


DOCS = Path(__file__).parents[1] / "docs"


def named(page: str) -> set[str]:
    """All that stands in code on a page, taken apart at what is no part of a name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return {name for code in re.findall(r"`([^`\n]+)`", text) for name in re.split(r"[^\w-]+", code)}


def in_table(page: str, before: str) -> set[str]:
    """The names in the first column of the first table that stands behind a text."""
    _, found, behind = (DOCS / page).read_text(encoding="utf-8").partition(before)
    assert found, f"{page} no longer says {before!r}"
    table = re.search(r"(?:^|\n)((?:\|.*\n)+)", behind)
    assert table, f"{page} has no table behind {before!r}"
    cells = [re.split(r"(?<!\\)\|", line)[1] for line in table[1].splitlines()]
    return {name for cell in cells for name in re.findall(r"`(\w+)[^`]*`", cell)}


@pytest.mark.parametrize("model", [Team, Member, SamplingChoice, Price, RunConfig])
def test_every_field_of_team_and_matrix_files_is_documented(model: type) -> None:
    internal = {"asked_anew"}  # written by `run --fresh`
    assert set(model.model_fields) - internal - named("configuration.md") == set()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("page", "before", "model", "beside"),
    [
        ("configuration.md", "\n## A team file\n", Team, set()),
        ("configuration.md", "\nA member has these:\n", Member, {"count"}),
        ("configuration.md", "\n## A matrix file\n", RunConfig, {"format", "seed", "team"}),  # its short forms
        ("servers.md", "\n| option | what it does |\n", RequestOptions, set()),
        ("engines.md", "\n| `engine_options` | engine | what it does |\n", EngineOptions, set()),
        ("scale.md", "\n| `placement` | what it says |\n", Placement, set()),
    ],
)
def test_tables_of_fields_name_all_of_them_and_no_others(page: str, before: str, model: type, beside: set[str]) -> None:
    fields, internal = set(model.model_fields), {"asked_anew"}  # type: ignore[attr-defined]  # written by `run --fresh`
    assert in_table(page, before) - fields - beside == set()
    assert fields - internal - named(page) == set()


def test_every_shipped_matrix_is_named_on_the_page_and_in_the_help() -> None:
    parameters = {option.name: option for option in typer.main.get_command(app).commands["run"].params}  # type: ignore[attr-defined]
    for matrix in SHIPPED.glob("*.yaml"):
        assert matrix.stem in parameters["matrix"].help
        assert f"\n| `{matrix.stem}` |" in (DOCS / "configuration.md").read_text(encoding="utf-8")


def test_every_setting_of_a_protocol_is_explained() -> None:
    page = (DOCS / "protocols.md").read_text(encoding="utf-8")
    ours = [name for name in PROTOCOLS if PROTOCOLS[name].__module__.startswith("mlpo_bench.")]
    settings = {setting for name in ours for setting in build(name, {}).settings}
    assert {name for name in settings if f"\n| `{name}` |" not in page} == set()


def test_every_variable_of_the_environment_is_on_its_page() -> None:
    """Names of libraries' and systems' own kinds, wherever the code has one."""
    kinds = "ARROW ACCELERATE GITHUB GOMP HF HUGGING MLPO_BENCH OMP OPENAI RANK RAY SSL VLLM WANDB WORLD XDG"
    literal = re.compile(rf"""["']((?:{kinds.replace(" ", "|")})(?:_[A-Z]+)*)["']""")
    sources = (DOCS.parent / "mlpo_bench").rglob("*.py")
    read = {name for path in sources for name in literal.findall(path.read_text(encoding="utf-8"))}
    assert {"HF_TOKEN", "MLPO_BENCH_DATA", "RAY_ADDRESS"} < read
    assert read - named("environment.md") - {"MLPO_BENCH_NO_KEY", "HF"} == set()  # no name of a variable that is set


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
