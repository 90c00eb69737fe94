"""Engines on a cluster, as actors of Ray Core: `--executor ray`.

This process, the driver, owns the run, the store and the conversations; actors only answer. Each module knows one side:

- `session`: joins a cluster, or starts one on this machine.
- `host`: what an actor does, wherever it runs: it opens engines as they are opened anywhere.
- `actors`: the driver's side of an actor: starts it, asks it, starts it anew after its death.
- `opening`: which actors a run needs, and one engine over all replicas of a model.

Importing this package imports no ray.
"""

from __future__ import annotations

from mlpo_bench.engines.cluster.opening import open_engines


__all__ = ["open_engines"]
