"""A run as pandas' data frames; `docs/python.md` tells every column."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from mlpo_bench.export.rows import QUESTIONS, TURNS, questions, turns
from mlpo_bench.matrix.config import row_name


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.analysis.interventions import Effect
    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.analysis.verdict import Verdicts
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.reports.terminal.comparisons import Comparisons, Pair

RESULTS = (
    "suite", "row", "team", "protocol", "family", "settings", "peers", "matched", "seeds", "n", "accuracy", "low",
    "high", "caution", "unread", "cut_off", "errors", "calls", "tokens", "prompt_tokens", "cached_tokens",
    "completion_tokens", "seconds", "serial_calls", "serial_seconds", "serial_tokens", "operations", "price",
)  # fmt: skip
VERDICT = (
    "suite", "row", "led", "vote", "equal", "even", "ballots", "accuracy", "vote_accuracy", "difference", "low", "high",
    "p", "p_holm", "p_subjects", "p_subjects_holm", "n", "needed", "own_draw", "tokens", "operations", "price",
    "outcome", "elsewhere",
)  # fmt: skip
COMPARISON = (
    "suite", "row", "accuracy", "against", "difference", "low", "high", "subjects_low", "subjects_high", "p", "p_holm",
    "p_subjects", "p_subjects_holm", "discordant", "could_show", "n", "tokens", "verdict",
)  # fmt: skip
INTERVENTIONS = (
    "suite", "row", "done", "kind", "peers", "seats", "n", "untouched", "change", "low", "high", "p", "changed", "lost",
    "gained", "followed", "followed_before", "tokens", "tokens_before",
)  # fmt: skip
RECORDS = ("row", *QUESTIONS.names)
TURN = tuple(TURNS.names)


def results(run: LoadedRun, rows: Sequence[ResultRow]) -> pd.DataFrame:
    """Return a row for each row of each suite, its seeds pooled."""
    prices = run.config.prices
    return _frame([_result(row) | {"price": row.price(prices)} for row in rows], RESULTS)


def _result(row: ResultRow) -> dict[str, Any]:
    accuracy, cost = row.accuracy, row.cost
    return asdict(cost) | {
        "suite": row.suite,
        "row": row.name,
        "team": row.team,
        "protocol": row.protocol,
        "family": row.family,
        "settings": row.settings,
        "peers": row.peers,
        "matched": row.matched,
        "seeds": len(row.cells),
        "n": accuracy.questions,
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "caution": accuracy.caution,
        "unread": row.unread,
        "cut_off": row.cut_off,
        "errors": sum(cell.errors for cell in row.cells),
        "tokens": cost.tokens,
    }


def interventions(effects: Sequence[Effect]) -> pd.DataFrame:
    """Return a row for each intervention on each row of each suite."""
    return _frame([_effect(one) for one in effects], INTERVENTIONS)


def _effect(of: Effect) -> dict[str, Any]:
    change = of.accuracy and of.accuracy.difference
    return {
        "suite": of.suite,
        "row": of.row,
        "done": of.said,
        "kind": of.kind,
        "peers": of.peers,
        "seats": of.seats,
        "n": of.conversations,
        "untouched": of.untouched,
        "change": change and change.value,
        "low": change and change.low,
        "high": change and change.high,
        "p": of.accuracy and of.accuracy.p,
        "changed": of.changed.value,
        "lost": of.lost.value,
        "gained": of.gained.value,
        "followed": of.follows.value,
        "followed_before": of.followed_before.value,
        "tokens": of.tokens,
        "tokens_before": of.tokens_before,
    }


def records(run: LoadedRun) -> pd.DataFrame:
    """Return a row for each question of each cell."""
    schema = pa.schema([("row", pa.string()), *QUESTIONS])
    every = [{"row": row_name(cell.team, cell.label), **one} for cell in run.ended for one in questions(run, cell)]
    return _of_arrow(pa.Table.from_pylist(every, schema=schema))


def turns_of(run: LoadedRun) -> pd.DataFrame:
    """Return a row for each turn of each conversation, with all that was read and written."""
    cells = ([turn for held in turns(run, cell) for turn in held] for cell in run.ended)
    tables = [pa.Table.from_pylist(held, schema=TURNS) for held in cells]
    return _of_arrow(pa.concat_tables([TURNS.empty_table(), *tables]))


def verdict(verdicts: Verdicts) -> pd.DataFrame:
    """Return a row for each row of a team on each suite that the run has a vote for."""
    return _frame([one.to_json() for one in verdicts.verdicts], VERDICT)


def comparison(comparisons: Comparisons) -> pd.DataFrame:
    """Return a row for each comparison of a suite, then the means over suites."""
    return _frame([_compared(pair) for pair in (*comparisons.pairs, *comparisons.means)], COMPARISON)


def _compared(pair: Pair) -> dict[str, Any]:
    one, elsewhere = pair.comparison, pair.comparison.elsewhere
    return {
        "suite": pair.suite,
        "row": pair.row,
        "accuracy": pair.accuracy_a,
        "against": pair.accuracy_b,
        "difference": pair.difference.value,
        "low": pair.difference.low,
        "high": pair.difference.high,
        "subjects_low": elsewhere and elsewhere.low,
        "subjects_high": elsewhere and elsewhere.high,
        "p": one.p,
        "p_holm": pair.adjusted,
        "p_subjects": one.p_subjects,
        "p_subjects_holm": pair.adjusted_subjects,
        "discordant": one.discordant,
        "could_show": pair.could_show,
        "n": pair.difference.questions,
        "tokens": pair.tokens,
        "verdict": pair.verdict,
    }


def _frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))


def _of_arrow(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame in which whole numbers and flags stay what they are where some are missing."""
    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.to_pandas(types_mapper=kinds.get)
