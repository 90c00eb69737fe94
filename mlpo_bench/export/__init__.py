"""A run in other tools' formats: tables, lm-eval's folders of results and samples, inspect_ai's logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError, reason, unknown
from mlpo_bench.export.inspect_log import export_inspect
from mlpo_bench.export.lm_eval_folder import export_lm_eval
from mlpo_bench.export.tables import export_csv, export_jsonl, export_parquet
from mlpo_bench.log import outputs


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlpo_bench.log.run import LoadedRun

FORMATS: dict[str, Callable[[LoadedRun, Path, Path | None], list[Path]]] = {
    "parquet": export_parquet,
    "csv": export_csv,
    "jsonl": export_jsonl,
    "lm-eval": export_lm_eval,
    "inspect": export_inspect,
}


def export(run: LoadedRun, form: str, target: Path, data: Path | None = None) -> list[Path]:
    """Write a run into a folder and return the files.

    Args:
        run: The run.
        form: One of `FORMATS`.
        target: The folder; it is made, and files of the same names and kinds are replaced.
        data: Where the suites' published files lie now, for formats that hold gold answers; None as in the run.

    Raises:
        UsageError: no such format, nothing to export, a library or the run's data are missing, or it cannot be written.
    """
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if not run.results.cells:
        raise UsageError(f"no cell of the run {run.path} has come to its end; `{run.command}` goes on with it.")
    outputs.check_folder(target)
    try:
        target.mkdir(parents=True, exist_ok=True)
        return FORMATS[form](run, target, data)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {reason(error)}.") from None
