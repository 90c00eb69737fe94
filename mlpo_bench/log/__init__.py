"""A run on disk: its directory, and each kind of file in it."""

from mlpo_bench.log.directory import RunDirectory
from mlpo_bench.log.results import CellResult, Results
from mlpo_bench.log.run import LoadedRun


__all__ = ["CellResult", "LoadedRun", "Results", "RunDirectory"]
