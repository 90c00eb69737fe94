"""Fetching weights from the hub, or finding them in its cache."""

from __future__ import annotations

from pathlib import Path

from mlpo_bench.engines.quiet import quiet_hub
from mlpo_bench.errors import UsageError


class NotThere(Exception):
    """The hub has none of that name, or cannot be asked; the message says which."""


def downloaded(name: str, revision: str | None, files: list[str]) -> Path:
    """Return the folder of a hub's repository at a revision, which is named after its commit.

    Raises:
        NotThere: there is no such repository, as far as can be told from here.
        UsageError: it asks for consent, or has no such revision.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        with quiet_hub():
            return Path(snapshot_download(name, revision=revision, allow_patterns=files))
    except GatedRepoError:
        raise UsageError(
            f"{name} asks for consent: accept its terms on its hub page, then run `hf auth login`."
        ) from None
    except RevisionNotFoundError:
        raise UsageError(f"{name} has no revision {revision!r}.") from None
    except (HFValidationError, RepositoryNotFoundError):
        raise NotThere("the hub has none of that name") from None
    except LocalEntryNotFoundError:
        raise NotThere("the hub cannot be reached from here") from None
