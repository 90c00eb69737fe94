"""The leaderboard's README: the verdict, its tables, how to read them, how they were made, and how to add to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.leaderboard.provenance import making_grid, makings
from mlpo_bench.leaderboard.render import HOW_TO_READ, grid
from mlpo_bench.leaderboard.reported import reported_grid
from mlpo_bench.leaderboard.verdict_tables import QUESTION, all_grids, led_grid, notes, self_test, sentence, unread
from mlpo_bench.reports.grids import markdown, paragraph


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlpo_bench.leaderboard.entry import Entry
    from mlpo_bench.leaderboard.reported import Reported
    from mlpo_bench.leaderboard.tables import Table
    from mlpo_bench.leaderboard.verdicts import Judged

OPENING = (
    "What teams of language models reached under each protocol, on the same questions, and what it cost. "
    "Every measured row comes from `mlpo-bench run`; its file in `entries/` tells which questions it answered right, "
    "so that every interval and test here can be made again from this folder."
)
_FILES = (
    "The same tables for programs and papers: `leaderboard.csv`, `leaderboard.json`, `leaderboard.tex`, and "
    "`leaderboard.html`, whose tables can be sorted."
)
PLOT = "accuracy.svg"
HOW_TO_SUBMIT = "../docs/leaderboards.md"
SUMMARY = "All rows, with intervals, costs, unread answers, and how they were made"
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


def readme(entries: Sequence[Entry], tables: Sequence[Table], judged: Sequence[Judged], reported: Reported) -> str:
    """Return the README in Markdown: the verdict, the plot, and everything else in a fold."""
    return "\n\n".join(part.strip("\n") for part in _parts(entries, tables, judged, reported)) + "\n"


def _parts(
    entries: Sequence[Entry], tables: Sequence[Table], judged: Sequence[Judged], reported: Reported
) -> Iterator[str]:
    yield "# Leaderboards"
    yield "<!-- Made by `mlpo-bench leaderboard build`; change the entries, not this file. -->"
    if entries:
        yield from verdict_parts(entries, judged)
        yield f"![Accuracy against tokens: votes as a line, led rows as diamonds]({PLOT})"
        yield f"How to submit rows: [docs/leaderboards.md]({HOW_TO_SUBMIT})."
        yield from _folded(SUMMARY, _all(entries, tables, judged))
    else:
        yield NOTHING_YET
    if reported.rows:
        yield "## Reported"
        yield markdown(reported_grid(reported))
    yield "## Adding rows"
    yield _ADDING


def verdict_parts(entries: Sequence[Entry], judged: Sequence[Judged]) -> Iterator[str]:
    """Yield the answer, what it is worth, the led rows against their votes, and what was not read."""
    yield f"**{QUESTION}** {paragraph(sentence(judged))}"
    yield from map(paragraph, self_test(entries))
    led = led_grid(judged)
    if led is not None:
        yield markdown(led)
    yield from map(paragraph, unread(judged))


def _all(entries: Sequence[Entry], tables: Sequence[Table], judged: Sequence[Judged]) -> Iterator[str]:
    yield OPENING
    yield _FILES
    yield from (markdown(one) for one in all_grids(judged))
    yield from notes(judged)
    yield from (markdown(grid(table)) for table in tables)
    yield "### How to read the tables"
    yield "\n".join(f"- {sentence}" for sentence in HOW_TO_READ)
    yield from _how_made(entries)


def _folded(summary: str, parts: Iterable[str]) -> Iterator[str]:
    yield f"<details>\n<summary>{summary}</summary>"
    yield from parts
    yield "</details>"


def _how_made(entries: Sequence[Entry]) -> Iterator[str]:
    runs = makings(entries)
    yield "### How the rows were made"
    yield markdown(making_grid(runs))
    for number, one in enumerate(runs, start=1):
        # A schema keeps each command to one line that cannot begin as the end of this block does.
        yield "\n".join([f"Run {number}:", "", "```sh", *one.facts.commands, "```"])
