"""The page of results: made of what was run, and of nothing else."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from mlpo_bench.stats import holm
from training.proof.place import leaders, told_by
from training.proof.questions import FURTHER, MAIN, VOTE
from training.proof.steps import QUESTIONS


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.proof.place import Place
    from training.proof.questions import Question

BEGIN, END = "<!-- begin: made by training/proof/run -->", "<!-- end -->"
SHOWN = ("cell", "team", "label", "n", "accuracy", "low", "high", "unread", "cut_off", "calls")
TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")

Cells = dict[str, dict[str, Any]]


def write(place: Place) -> None:
    """Write the results of what has been run so far, and the page that shows them."""
    path = place.results
    found: dict[str, Any] = (
        json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"cells": {}, "pairs": []}
    )
    cells = _cells(place)
    # A machine that has yet to take up what others did shows less than is known.
    if cells.keys() >= found["cells"].keys() and cells != found["cells"]:
        _against.cache_clear()
        found = {"cells": cells, "pairs": [pair for one in (*MAIN, *FURTHER) if (pair := _pair(place, one, cells))]}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    place.page.parent.mkdir(parents=True, exist_ok=True)
    head, _, rest = (place.page.read_text(encoding="utf-8") if place.page.exists() else BEGIN).partition(BEGIN)
    tail = rest.partition(END)[2] or "\n"
    place.page.write_text(f"{head}{BEGIN}\n\n{_block(place, found)}\n\n{END}{tail}", encoding="utf-8")


def _cells(place: Place) -> Cells:
    """Return what is shown of all cells that are done, by their names."""
    cells = {}
    for suite in QUESTIONS:
        if (place.runs / suite).exists():
            for cell in json.loads(told_by("show", str(place.runs / suite), "--json"))["cells"]:
                shown = {name: cell[name] for name in SHOWN}
                cells[cell["cell"]] = shown | {"tokens": sum(cell[name] for name in TOKENS) / max(cell["n"], 1)}
    return cells


def _pair(place: Place, question: Question, cells: Cells) -> dict[str, Any] | None:
    """Return how two rows compare; None where one is not there."""
    a = cells.get(_name(question.suite, question.a))
    b = _row_b(question, cells) if a else None
    if a is None or b is None:
        return None
    name = f"{a['team']}: {a['label']}"
    (pair,) = (pair for pair in _against(place, question.suite, b["cell"]) if pair["row"] == name)
    difference = {name: pair["comparison"]["difference"][name] for name in ("value", "low", "high")}
    return {
        "words": question.words,
        "main": question in MAIN,
        "a": a["cell"],
        "b": b["cell"],
        "accuracy_a": pair["accuracy_a"],
        "accuracy_b": pair["accuracy_b"],
        **difference,
        "p": pair["comparison"]["p"],
        "tokens": pair["tokens"],
    }


@cache
def _against(place: Place, suite: str, row: str) -> list[dict[str, Any]]:
    """Return how all rows of a suite compare with one, as of now."""
    words = ["compare", str(place.runs / suite), "--against", row, "--suite", suite, "--format", "json"]
    pairs: list[dict[str, Any]] = json.loads(told_by(*words))["pairs"]
    return pairs


def _row_b(question: Question, cells: Cells) -> dict[str, Any] | None:
    team, row = question.b
    if row != VOTE:
        return cells.get(_name(question.suite, question.b))
    budget = cells[_name(question.suite, question.a)]["tokens"]
    begins = _name(question.suite, (team, "vote-of-"))
    votes = [cell for name, cell in cells.items() if name.startswith(begins) and cell["tokens"] >= budget]
    return min(votes, key=lambda cell: float(cell["tokens"]), default=None)


def _name(suite: str, row: tuple[str, str]) -> str:
    return ".".join((suite, *row))


def _block(place: Place, found: dict[str, Any]) -> str:
    missing = [name for name in leaders() if place.card(name) is None]
    parts = [f"Yet to be trained: {', '.join(missing)}."] if missing else []
    compared = {pair["words"] for pair in found["pairs"]}
    if left := [question.words for question in MAIN if question.words not in compared]:
        parts.append(f"Yet to be compared, of the main family: {'; '.join(left)}.")
    if len(missing) < len(leaders()):
        parts += ["## Leaders", _leaders(place)]
    for title, family in (("Main comparisons, on BBH over one round", MAIN), ("Further comparisons", FURTHER)):
        if pairs := [pair for pair in found["pairs"] if pair["main"] == (family is MAIN)]:
            parts += [f"## {title}", _pairs(pairs, len(family))]
    for suite in QUESTIONS:
        if rows := [cell for name, cell in found["cells"].items() if name.startswith(f"{suite}.")]:
            parts += [f"## All rows on {suite.upper()}", _rows(rows)]
    return "\n\n".join(parts if found["cells"] else [*parts, "No row has been run yet."])


def _leaders(place: Place) -> str:
    rows = []
    for name in leaders():
        if card := place.card(name):
            stages = [stage for stage in ("sft", "mlpo") if stage in card["spent"]]
            tokens = sum(card["spent"][stage]["tokens"] for stage in stages)
            hours = sum(card["spent"][stage]["seconds"] for stage in stages) / 3600
            ends = card["curves"].get("mlpo", {}).get("ends", {})
            right = " to ".join(f"{share:.3f}" for share in ends["right"]) if "right" in ends else "-"
            learnt = f"{sum(card['data']['questions'].values()):,} of {', '.join(card['data']['questions'])}"
            rows.append(
                (f"[{name}]({name}/README.md)", card["method"], learnt, f"{tokens:,.0f}", f"{hours:.1f}", right)
            )
    return _table(("leader", "method", "train questions", "training tokens", "hours", "right in training"), rows)


def _pairs(pairs: Sequence[dict[str, Any]], family: int) -> str:
    """Return comparisons as a table; those of their family that have yet to be made count as if nothing was found."""
    found = {str(place): pair["p"] for place, pair in enumerate(pairs)}
    adjusted = holm({str(place): 1.0 for place in range(family)} | found)
    rows = [
        (
            pair["words"],
            f"{pair['accuracy_a']:.3f}",
            f"{pair['accuracy_b']:.3f}",
            f"{pair['value']:+.3f}",
            f"{pair['low']:+.3f} to {pair['high']:+.3f}",
            f"{pair['p']:.2g}",
            f"{adjusted[str(place)]:.2g}",
            "-" if pair["tokens"] is None else f"{pair['tokens']:.2f}",
        )
        for place, pair in enumerate(pairs)
    ]
    head = ("A against B", "A", "B", "A - B", "95 % interval", "p", f"p, Holm over {family}", "tokens A/B")
    return _table(head, rows)


def _rows(cells: Iterable[dict[str, Any]]) -> str:
    rows = [
        (
            cell["team"],
            cell["label"],
            f"{cell['accuracy']:.3f}",
            f"{cell['low']:.3f} - {cell['high']:.3f}",
            f"{cell['n']:,}",
            f"{cell['unread'] / cell['n']:.3f}",
            f"{cell['cut_off'] / cell['n']:.3f}",
            f"{cell['calls'] / cell['n']:.0f}",
            f"{cell['tokens']:,.0f}",
        )
        for cell in cells
        if cell["n"]
    ]
    head = ("leader", "row", "accuracy", "95 % interval", "n", "unread", "cut off", "calls", "tokens")
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
