"""A run: a matrix carried out, on disk, and taken up again where it was left."""

from mlpo_bench.runs.folder import RunFolder
from mlpo_bench.runs.results import CellResult, Results


__all__ = ["CellResult", "Results", "RunFolder"]
