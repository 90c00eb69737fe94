"""What a re-scoring moved, on a terminal: the answer first, then a table for each suite, then what is left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.reports.grids import Grid, terminal


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.analysis.moves import Moves, RowMove, Standing
    from mlpo_bench.reports.terminal.console import Console

_COLUMNS = ("row", "accuracy", "unread", "turned", "left out")
_NAMED = 5


def print_moves(moves: Moves, command: str, console: Console, *, unfinished: int = 0) -> None:
    """Print what moved.

    Args:
        moves: What moved.
        command: The command that asks what conversations lack.
        console: Where it is printed.
        unfinished: How many cells had yet to be run.
    """
    print_rows(moves, console)
    for sentence in sentences(moves, unfinished):
        console.print(sentence)
    if not moves.whole:
        console.print(f"To ask what is missing: {command}", soft_wrap=True)


def print_rows(moves: Moves, console: Console) -> None:
    """Print the answer, then a table of the rows that moved for each suite."""
    console.print(headline(moves))
    console.print()
    for suite in dict.fromkeys(row.suite for row in moves.rows if row.moved):
        rows = [row for row in moves.rows if row.moved and row.suite == suite]
        console.print(terminal(grid(suite, rows)))
        console.print()


def headline(moves: Moves) -> str:
    """Return how many verdicts changed, and the row that moved furthest."""
    changed = moves.right + moves.wrong
    if not changed:
        return f"None of {moves.verdicts:,} verdicts changed."
    told = f"{changed:,} of {moves.verdicts:,} verdicts changed: {moves.right:,} turned right, {moves.wrong:,} wrong"
    furthest = max(moves.rows, key=lambda row: abs(row.by))
    return f"{told}; {furthest.row} on {furthest.suite} {_accuracies(furthest)}."


def grid(suite: str, rows: Sequence[RowMove]) -> Grid:
    """Return the rows of one suite that moved."""
    left_out = any(row.left_out for row in rows)
    columns = _COLUMNS if left_out else _COLUMNS[:-1]
    cells = tuple(_row(row)[: len(columns)] for row in rows)
    return Grid(suite.upper(), columns, cells, ("turned: verdicts that turned right (+) and wrong (-).",))


def sentences(moves: Moves, unfinished: int = 0) -> Iterator[str]:
    """Yield what else is to be said, a sentence or two each."""
    still = sum(not row.moved for row in moves.rows)
    if still and moves.right + moves.wrong:
        yield f"{counted(still, 'row')} did not move."
    if moves.turns:
        yield f"Of {counted(moves.turns, 'turn')}, {moves.turns_changed:,} are read or judged otherwise."
    if moves.courses:
        yield f"{counted(moves.courses, 'conversation')} took another course."
    if moves.weighed_before:
        yield (
            f"{named(moves.weighed_before)}: weighed as before, for the answers to train questions are neither in the "
            "run nor in the store."
        )
    if moves.regained:
        yield f"{counted(moves.regained, 'conversation')} that an earlier re-scoring left out can be held again."
    if moves.left_out:
        left_out = [f"{question} ({cell})" for cell, question in moves.left_out]
        yield (
            f"{counted(len(moves.left_out), 'conversation')} would now go on with what was never asked, and "
            f"{'is' if len(moves.left_out) == 1 else 'are'} in no figure: {named(left_out)}."
        )
    if moves.waiting:
        yield f"{named(moves.waiting)}: left for later, for what its ballots follow from is not complete."
    if unfinished:
        yield f"{counted(unfinished, 'cell')} had yet to be run, and still has to be."


def _row(row: RowMove) -> tuple[str, ...]:
    unread = f"{row.before.unread} -> {row.after.unread}"
    return row.row, _accuracies(row), unread, f"+{row.right} -{row.wrong}", str(row.left_out)


def _accuracies(row: RowMove) -> str:
    return f"{_accuracy(row.before)} -> {_accuracy(row.after)}"


def _accuracy(standing: Standing) -> str:
    return "-" if standing.accuracy is None else f"{standing.accuracy:.3f}"


def counted(number: int, thing: str) -> str:
    """Return `1 row`, `2,000 rows`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def named(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
