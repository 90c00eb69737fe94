"""Where a run's engines are started: in this process's care, or on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.engines.late import open_when_asked
from mlpo_bench.errors import unknown


if TYPE_CHECKING:
    from mlpo_bench.engines.opening import OpenEngines

LOCAL = "local"
RAY = "ray"
EXECUTORS = (LOCAL, RAY)


def executor(name: str) -> OpenEngines:
    """Return what starts engines where an executor has them.

    Raises:
        UsageError: there is no such executor.
    """
    if name == LOCAL:
        return open_when_asked
    if name == RAY:
        from mlpo_bench.engines import cluster

        return cluster.open_engines
    raise unknown("executor", name, EXECUTORS)
