"""A judgement told: on a terminal, as GitHub's annotations, and as a Markdown summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.table import Table

from mlpo_bench.gate.checks import Outcome
from mlpo_bench.visible import visible, visible_line


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.gate.checks import Check, Judgement
    from mlpo_bench.reports.terminal.console import Console

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.CANNOT_JUDGE: "yellow"}
# GitHub shows ten annotations of a step and drops the rest without a word.
_MOST_ANNOTATIONS = 10
_MOST_DETAILED = 5
# What begins markup, a mention or a link within a line.
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~&@:$])")


def print_judgement(judgement: Judgement, console: Console) -> None:
    """Print what failed or could not be judged, with details, below a line for each group."""
    console.print(judgement.title, style="bold")
    if not judgement.is_refused:  # whose one check is the sentence below
        _print_checks(judgement, console)
    outcome = Outcome(("passed", "failed", "cannot judge")[judgement.exit_code])
    console.print(judgement.summary, style=_STYLES[outcome])


def _print_checks(judgement: Judgement, console: Console) -> None:
    table = Table(header_style="bold")
    for title, justify in (("", "left"), ("passed", "right"), ("failed", "right"), ("cannot judge", "right")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for group in dict.fromkeys(check.group for check in judgement.checks):
        counts = [sum(c.group == group and c.outcome is kind for c in judgement.checks) for kind in Outcome]
        table.add_row(group, *map(str, counts))
    console.print(table)
    telling = [check for check in judgement.checks if check.outcome is not Outcome.PASSED]
    for place, check in enumerate(telling):
        if len(telling) > 1 or check.message not in judgement.summary:
            console.print(f"{check.outcome}: {check.message}", style=_STYLES[check.outcome])
        if check.details and place < _MOST_DETAILED:
            console.print(check.details, style="dim")


def workflow_commands(judgement: Judgement) -> Iterator[str]:
    """Yield GitHub's workflow commands: an error for each failed check, a warning where nothing can be judged."""
    telling = [*judgement.having(Outcome.FAILED), *judgement.having(Outcome.CANNOT_JUDGE)]
    shown = telling if len(telling) <= _MOST_ANNOTATIONS else telling[: _MOST_ANNOTATIONS - 1]
    for check in shown:
        yield _annotation(check)
    if len(shown) < len(telling):
        yield _rest(telling[len(shown) :])


def _rest(checks: Sequence[Check]) -> str:
    """Return the command for those that have none of their own: what failed makes it an error."""
    failed = sum(check.outcome is Outcome.FAILED for check in checks)
    refused = len(checks) - failed
    told = {"failed": failed, "could not be judged": refused}
    parts = [f"{count} {'check' if count == 1 else 'checks'} {what}" for what, count in told.items() if count]
    level = "error" if failed else "warning"
    return f"::{level} title={_property('gate')}::{_data('Beside these, ' + ' and '.join(parts) + '.')}"


def _annotation(check: Check) -> str:
    level = "error" if check.outcome is Outcome.FAILED else "warning"
    body = "\n".join(part for part in (check.message, check.details) if part)
    return f"::{level} title={_property(f'{check.group}: {check.name}')}::{_data(body)}"


def _data(text: str) -> str:
    """Return text as the message of a workflow command: a line break in it would begin another command."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def markdown(judgement: Judgement) -> str:
    """Return a summary in Markdown: the verdict, then a row for each check, those that did not pass first."""
    ordered = sorted(judgement.checks, key=lambda check: list(_ORDER).index(check.outcome))
    rows = [f"| {_cell(c.group)} | {_cell(c.name)} | {c.outcome} | {_cell(c.message)} |" for c in ordered]
    lines = [
        f"### Gate: {_cell(judgement.summary)}",
        "",
        _cell(judgement.title),
        "",
        "| group | check | outcome | what was seen |",
        "| --- | --- | --- | --- |",
        *rows,
    ]
    for check in ordered:
        if check.outcome is not Outcome.PASSED and check.details:
            lines += [
                "",
                f"<details><summary>{_cell(check.name)}</summary>",
                "",
                _block(check.details),
                "",
                "</details>",
            ]
    return "\n".join(lines) + "\n"


_ORDER = (Outcome.FAILED, Outcome.CANNOT_JUDGE, Outcome.PASSED)


def _cell(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", visible_line(text))


def _block(text: str) -> str:
    """Return text as an indented block, which no run of backticks in it can end."""
    return "\n".join(f"    {line}" for line in visible(text).splitlines())
