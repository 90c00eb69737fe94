"""The leaderboard as one HTML file that needs nothing else: tables that can be sorted, light and dark."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING

from mlpo_bench.leaderboard.plot import each_drawn
from mlpo_bench.leaderboard.provenance import making_grid, makings
from mlpo_bench.leaderboard.readme import NOTHING_YET, OPENING, SUMMARY
from mlpo_bench.leaderboard.render import HOW_TO_READ, grid
from mlpo_bench.leaderboard.reported import reported_grid
from mlpo_bench.leaderboard.verdict_tables import QUESTION, all_grids, led_grid, notes, self_test, sentence, unread
from mlpo_bench.visible import visible


if TYPE_CHECKING:
    from collections.abc import Sequence

    import jinja2

    from mlpo_bench.leaderboard.entry import Entry
    from mlpo_bench.leaderboard.reported import Reported
    from mlpo_bench.leaderboard.tables import Table
    from mlpo_bench.leaderboard.verdicts import Judged


def page(entries: Sequence[Entry], tables: Sequence[Table], judged: Sequence[Judged], reported: Reported) -> str:
    """Return the page: the verdict, the plot, and everything else in a fold. An entry's words are shown as text."""
    template = _environment()
    style, script = (_source(template, name) for name in ("page.css", "page.js"))
    runs = makings(entries)
    return template.get_template("page.html").render(
        style=style,
        script=script,
        # Nothing but these two may run or be fetched.
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'",
        opening=OPENING.replace("`", ""),
        nothing_yet="" if entries else NOTHING_YET,
        question=QUESTION,
        sentence=sentence(judged) if entries else "",
        self_test=self_test(entries),
        unread=unread(judged),
        summary=SUMMARY,
        led=[led] if (led := led_grid(judged)) else [],
        plots=each_drawn(tables),
        verdicts=all_grids(judged),
        verdict_notes=[note.replace("`", "") for note in notes(judged)],
        grids=[grid(table) for table in tables],
        how_to_read=HOW_TO_READ,
        runs=[making_grid(runs)] if runs else [],
        commands=[command for one in runs for command in one.facts.commands],
        reported=[reported_grid(reported)] if reported.rows else [],
    )


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mlpo_bench.leaderboard", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = visible
    return environment


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _hash(source: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
