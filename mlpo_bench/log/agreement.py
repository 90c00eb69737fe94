"""Whether a run's results are its own: of its configuration, and what its cells came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.log.files import damaged
from mlpo_bench.log.results import read_result


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlpo_bench.log.results import Results
    from mlpo_bench.matrix.cells import Cell


def check_configuration(
    path: Path, results: Results, cells: Mapping[str, Cell], mine: str, noted: Callable[[], str | None]
) -> None:
    """Check that results are of a run's configuration.

    Args:
        path: Where they lie.
        results: The results, of no other cells than the run's.
        cells: All cells of the run, by their names.
        mine: The identity of its configuration.
        noted: Returns that identity as its manifest has it: another version may have reckoned it otherwise.

    Raises:
        DamagedFile: they are of another.
    """
    told = {*(result.cell for result in results.cells), *results.unfinished}
    extended = told < cells.keys()  # the results are put together anew when the cells that were added have ended
    if not extended and results.config_sha256 != mine and results.config_sha256 != noted():
        raise damaged(path, "is of another configuration: it is another run's, or was not written to the end")
    if results.config_sha256 == mine and extended and "unfinished" in results.model_fields_set:
        raise damaged(path, f"does not tell of the cell {min(cells.keys() - told)}")


def check_cells(path: Path, results: Results, cells: Mapping[str, Cell], cell_path: Callable[[str], Path]) -> None:
    """Check that results are what a run's cells came to.

    A cell that lacks answers is run again, and its own file may be ahead of the results.

    Args:
        path: Where they lie.
        results: The results, of no other cells than the run's.
        cells: All cells of the run, by their names.
        cell_path: Tells where a cell's figures lie.

    Raises:
        DamagedFile: they are not, or a cell's own figures are not what was written.
    """
    for result in results.cells:
        own = read_result(cell_path(result.cell), cells[result.cell])
        if own != result and not result.errors:
            raise damaged(path, f"does not hold what the cell {result.cell} came to")
