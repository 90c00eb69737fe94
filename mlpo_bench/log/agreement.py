"""Whether what stands in a run is its own: of its configuration, and what its cells came to."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.adapters import revision_here
from mlpo_bench.errors import UsageError
from mlpo_bench.log.files import damaged
from mlpo_bench.log.results import read_result


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from mlpo_bench.log.results import Results
    from mlpo_bench.matrix.cells import Cell


@dataclass(frozen=True, slots=True)
class Told:
    """What a run says of itself.

    Attributes:
        cells: All its cells, by their names.
        identity: That of its configuration.
        manifest: Reads its manifest, which has that identity as the version reckoned it that began the run.
        cell_path: Tells where a cell's figures lie.
    """

    cells: Mapping[str, Cell]
    identity: str
    manifest: Callable[[], Mapping[str, Any]]
    cell_path: Callable[[str], Path]

    def check_identity(self, path: Path, identity: str, named: Collection[str]) -> None:
        """Check that a file is of the run's configuration, or of the one before cells were added to it.

        What is older is made anew as the cells that were added are carried out.

        Args:
            path: The file.
            identity: The identity that it tells.
            named: The cells that it tells of.

        Raises:
            DamagedFile: it is of another.
        """
        if identity != self.identity and not set(named) < self.cells.keys() and identity != self._noted():
            raise damaged(path, "is of another configuration than the run's")

    def _noted(self) -> str | None:
        with contextlib.suppress(UsageError):
            return str(self.manifest()["config_sha256"])
        return None

    def check_results(self, path: Path, results: Results) -> None:
        """Check that results are of this run's configuration, and what its cells came to.

        A cell that lacks answers is run again, and its own file may be ahead of the results.

        Raises:
            DamagedFile: they are not, or a cell's own figures are not what was written.
        """
        named = {*(result.cell for result in results.cells), *results.unfinished}
        self.check_identity(path, results.config_sha256, named)
        missed = self.cells.keys() - named
        if missed and results.config_sha256 == self.identity and "unfinished" in results.model_fields_set:
            raise damaged(path, f"does not tell of the cell {min(missed)}")
        for result in results.cells:
            own = read_result(self.cell_path(result.cell), self.cells[result.cell])
            if own != result and not result.errors:
                raise damaged(path, f"does not hold what the cell {result.cell} came to")


def check_sources(path: Path, manifest: Mapping[str, Any], suites: Iterable[str]) -> None:
    """Check that a manifest tells where the questions of some suites came from.

    Raises:
        DamagedFile: it does not.
    """
    if lost := next((suite for suite in suites if suite not in manifest["sources"]), None):
        raise damaged(path, f"does not tell where the questions of {lost} came from")


def check_adapters(run: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse to go on with adapters that were trained anew since: half of the run would be another leader's.

    Raises:
        UsageError: one was.
    """
    for model in manifest.get("models", ()):
        adapter = model.get("adapter")
        now = adapter and revision_here(adapter["name"])
        if now and now != adapter["revision"]:
            raise UsageError(
                f"the run {run} was made when the adapter {adapter['name']} was {adapter['revision']}; "
                f"it is {now} now. Choose another --name."
            )
