"""The leaderboard's README: its tables, how to read them, how they were made, and how to add to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.leaderboard.provenance import making_grid, makings
from mlpo_bench.leaderboard.render import HOW_TO_READ, grid
from mlpo_bench.leaderboard.reported import reported_grid
from mlpo_bench.reports.grids import markdown


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.leaderboard.entry import Entry
    from mlpo_bench.leaderboard.reported import Reported
    from mlpo_bench.leaderboard.tables import Table

OPENING = (
    "What teams of language models reached under each protocol, on the same questions, and what it cost. "
    "Every measured row comes from `mlpo-bench run`; its file in `entries/` tells which questions it answered right, "
    "so that every interval and test here can be made again from this folder."
)
_FILES = (
    "The same tables for programs and papers: `leaderboard.csv`, `leaderboard.json`, `leaderboard.tex`, and "
    "`leaderboard.html`, whose tables can be sorted."
)
NOTHING_YET = "No row has been added yet."
_ADDING = """\
Run a matrix to its end, from a commit, and add its rows:

```sh
mlpo-bench run --matrix leaderboard --team team.yaml --name mine
mlpo-bench leaderboard add mine
mlpo-bench leaderboard check --run mine
```

`add` writes a file for each row into `entries/` and builds the tables; `check` makes every figure again from the
answers in the files, and with `--run` from the run itself. A row that is added again replaces its earlier file. To
take one out, delete its file and run `mlpo-bench leaderboard build`.

When a reader changes, `mlpo-bench leaderboard rescore` judges rows anew and says by how much each figure moved. It
takes what models wrote from `completions/`, where `add` keeps it; rows that were added before it did have none.
Neither questions nor gold answers are kept here.
"""


def readme(entries: Sequence[Entry], tables: Sequence[Table], reported: Reported) -> str:
    """Return the README in Markdown."""
    return "\n\n".join(part.strip("\n") for part in _parts(entries, tables, reported)) + "\n"


def _parts(entries: Sequence[Entry], tables: Sequence[Table], reported: Reported) -> Iterator[str]:
    yield "# Leaderboards"
    yield "<!-- Made by `mlpo-bench leaderboard build`; change the entries, not this file. -->"
    yield OPENING
    yield "## Measured"
    if entries:
        yield _FILES
        yield from (markdown(grid(table)) for table in tables)
        yield "### How to read the tables"
        yield "\n".join(f"- {sentence}" for sentence in HOW_TO_READ)
        yield from _how_made(entries)
    else:
        yield NOTHING_YET
    if reported.rows:
        yield "## Reported"
        yield markdown(reported_grid(reported))
    yield "## Adding rows"
    yield _ADDING


def _how_made(entries: Sequence[Entry]) -> Iterator[str]:
    runs = makings(entries)
    yield "### How the rows were made"
    yield markdown(making_grid(runs))
    for number, one in enumerate(runs, start=1):
        # A schema keeps each command to one line that cannot begin as the end of this block does.
        yield "\n".join([f"Run {number}:", "", "```sh", *one.facts.commands, "```"])
