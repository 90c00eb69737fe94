"""What a run may be called."""

from __future__ import annotations

from mlpo_bench.errors import UsageError


LONGEST_NAME = 200


def checked_name(name: str) -> str:
    """Return a run's name, which names a folder in the one that holds the runs.

    Raises:
        UsageError: it would be another folder, or none.
    """
    elsewhere = name in {".", ".."} or {"/", "\\"} & set(name) or name != name.strip() or name[:1] in {"", "-"}
    if elsewhere or not name.isprintable() or len(name.encode()) > LONGEST_NAME:
        raise UsageError(
            f"a run cannot be called {name[:LONGEST_NAME]!r}: a name is that of one folder, of {LONGEST_NAME} bytes at "
            "most, on one line, without / in it, that begins with no dash and ends with no blank. --output names the "
            "folder that holds the runs."
        )
    return name
