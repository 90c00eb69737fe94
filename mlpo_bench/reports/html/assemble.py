"""Puts a page together: one file whose data lie in it, and which can fetch nothing.

Its policy allows the scripts whose digests stand in it and no others, and no address at all. Data are gzip in base64,
which holds no character that HTML gives a meaning to. Equal runs make equal bytes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jinja2
import orjson

from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.errors import UsageError
from mlpo_bench.log import outputs
from mlpo_bench.reports.html.conversations import conversations
from mlpo_bench.reports.html.differences import differences
from mlpo_bench.reports.html.figures import OVER_SUITES, row_figures
from mlpo_bench.reports.html.header import header
from mlpo_bench.reports.html.interventions import intervention_figures
from mlpo_bench.reports.html.leaders import leader_figures
from mlpo_bench.reports.html.verdict import verdict_figures
from mlpo_bench.visible import visible


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.log.run import LoadedRun

SCRIPTS = ("core", "text", "verdict", "table", "plots", "interventions", "browser", "main")
"""The page's own, in the order in which they need one another."""
_LEVEL = 6


def write_page(run: LoadedRun, path: Path) -> int:
    """Write a run's page, whole or not at all, and return its size in bytes.

    Raises:
        UsageError: no cell of the run is done, plotly is not installed, or the file cannot be written there.
    """
    outputs.check(path, outputs.PAGE)
    content = page(run)
    outputs.write(path, content, outputs.PAGE, folders=True)
    return len(content)


def page(run: LoadedRun) -> bytes:
    """Return a run's page.

    Raises:
        UsageError: no cell of the run is done, or plotly is not installed.
    """
    plotly = plotly_source()
    results = run.results
    rows = read_rows(run)
    if not rows:
        raise UsageError(f"the run {run.path} has no answers to show yet; `{run.command}` goes on with it.")
    leaders, faults = leader_figures(run, rows)
    told, figures = conversations(run, rows), row_figures(run, rows)
    head = header(run, results)
    data = {
        "run": head,
        "verdict": verdict_figures(run, rows),
        "suites": list(dict.fromkeys(row["suite"] for row in figures)),
        "over": OVER_SUITES,
        "rows": figures,
        "differences": differences(rows),
        "leaders": leaders,
        "leadersMissing": faults,
        "interventions": intervention_figures(run),
        **told.index,
    }
    return assembled(head["name"], data, told.portions, plotly)


def plotly_source() -> str:
    """Return the script that plotly brings along.

    Raises:
        UsageError: plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise UsageError('a page needs plotly: pip install "mlpo-bench[report]".') from None
    return str(get_plotlyjs())


def assembled(name: str, data: dict[str, Any], portions: Sequence[bytes], plotly: str) -> bytes:
    """Return the page of some data."""
    boot, parts = own("boot.js"), "\n".join(own(f"{script}.js") for script in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{parts}\n}})();\n'
    temml = own("vendor/temml.min.js")
    packed = {
        "data": orjson.dumps(data),
        "plotly": plotly.encode(),
        "temml": temml.encode(),
        **{f"portion-{number}": portion for number, portion in enumerate(portions)},
    }
    made = _template().render(
        name=name,
        policy=policy(boot, script, plotly, temml),
        style=own("page.css") + mathematics_style(),
        boot=boot,
        script=script,
        packed={key: packed_text(content) for key, content in packed.items()},
    )
    return made.encode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mlpo_bench.reports.html", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["visible"] = visible
    return environment.get_template("page.html")


def policy(*scripts: str) -> str:
    """Return a content security policy under which these scripts run, and nothing is ever fetched."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def packed_text(content: bytes) -> str:
    """Return bytes as gzip in base64: without the time, so that equal ones stay equal."""
    return base64.b64encode(gzip.compress(content, _LEVEL, mtime=0)).decode()


def mathematics_style() -> str:
    """Return the style of mathematics, its font in it."""
    font = base64.b64encode((files(__package__) / "vendor" / "Temml.woff2").read_bytes()).decode()
    return own("vendor/Temml-Local.css").replace("Temml.woff2')", f"data:font/woff2;base64,{font}')")


def own(name: str) -> str:
    """Return one of the files that a page is made of."""
    return (files(__package__) / name).read_text(encoding="utf-8")
