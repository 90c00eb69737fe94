"""The cluster that engines run on: one that is joined, or one that is started on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ADDRESS = "RAY_ADDRESS"
_CLIENT = "ray://"


class Session:
    """This process's place in a cluster, which it leaves when its last user is done.

    Args:
        ray: the package.
        ours: whether it was this session that joined or started the cluster.
    """

    def __init__(self, ray: Any, *, ours: bool) -> None:  # noqa: ANN401 - a module that may be missing
        self.ray, self._ours, self._users = ray, ours, 0

    @property
    def resources(self) -> Mapping[str, float]:
        """What the cluster has in all, by name: `CPU`, `GPU`, ..."""
        resources: dict[str, float] = self.ray.cluster_resources()
        return resources

    def enter(self) -> None:
        """Count one more user."""
        self._users += 1

    async def leave(self) -> None:
        """Count one user less, and leave the cluster (or end it, where it was started here) after the last."""
        self._users -= 1
        if not self._users and self._ours:
            await asyncio.to_thread(self.ray.shutdown)


async def joined(say: Callable[[str], None]) -> Session:
    """Join the cluster at `RAY_ADDRESS`, or start one on this machine; one that this process is in already is kept.

    Raises:
        UsageError: Ray is not installed, or the cluster cannot be joined.
    """
    if find_spec("ray") is None:
        raise UsageError("--executor ray needs Ray, which is not installed: pip install 'mlpo-bench[ray]'.")
    address = os.environ.get(ADDRESS, "").strip()
    if address.startswith(_CLIENT):
        raise UsageError(
            f"{ADDRESS} is {address}, Ray's door for clients outside; run on a machine of the cluster, and let it be "
            f"{address.removeprefix(_CLIENT).partition(':')[0]}:6379 or auto."
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address and _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # as `ray start` does by itself, and `ray.init` does not
    say(f"Joining the Ray cluster at {address}" if address else "Starting a Ray cluster on this machine")
    return await asyncio.to_thread(_joined, address)  # not in the main thread, whose signals Ray would take


def _joined(address: str) -> Session:
    import ray

    if ray.is_initialized():
        return Session(ray, ours=False)
    how: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    try:
        logging.getLogger("ray").setLevel(logging.ERROR)
        ray.init(**how, log_to_driver=False, configure_logging=False)
    except Exception as error:  # noqa: BLE001 - Ray raises bare ones, too
        what = f"the Ray cluster at {address} cannot be joined" if address else "Ray cannot be started here"
        hint = (
            f" {ADDRESS} says where it is, RAY_AUTH_TOKEN which token it asks for; without an address, one is started "
            "on this machine."
            if address
            else ""
        )
        raise UsageError(f"{what} ({_first_line(error)}).{hint}") from None
    return Session(ray, ours=True)


def _has_token() -> bool:
    """Whether there is a token to show to a cluster, in one of the places where Ray looks for it."""
    told = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return bool(told) or (Path.home() / ".ray" / "auth_token").is_file()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
