"""What a re-scoring moved on a leaderboard, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.reports.grids import Grid, terminal
from mlpo_bench.reports.terminal.moves import counted, named, print_rows


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.leaderboard.rescoring import BoardMoves
    from mlpo_bench.reports.terminal.console import Console


def print_board_moves(moves: BoardMoves, console: Console) -> None:
    """Print what moved on a leaderboard."""
    if moves.rescored:
        print_rows(moves.moves, console)
    if moved := {name: means for name, means in moves.means.items() if means[0] != means[1]}:
        rows = tuple((name, f"{before:.3f} -> {after:.3f}") for name, (before, after) in moved.items())
        console.print(terminal(Grid("Means over suites", ("row", "accuracy"), rows)))
        console.print()
    for sentence in board_sentences(moves):
        console.print(sentence)


def board_sentences(moves: BoardMoves) -> Iterator[str]:
    """Yield what else is to be said of a leaderboard, a sentence or two each."""
    if moves.rescored:
        still = sum(not row.moved for row in moves.moves.rows)
        yield f"{counted(moves.rescored, 'row')} judged anew; {still} of {len(moves.moves.rows)} figures did not move."
    if moves.stays:
        stays = [f"{name} ({counted(n, 'conversation')})" if n else name for name, n in moves.stays.items()]
        yield (
            f"{counted(len(stays), 'row')} would now rest on what was never asked or not kept, and stay as before "
            f"until they are run and added again: {named(stays)}."
        )
    if moves.without:
        yield (
            f"No completions were kept of {counted(moves.without, 'row')}: only running and adding them again judges "
            "them anew."
        )
