"""Fetching weights from the hub, or finding them in its cache; and why something of the hub's cannot be had."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.engines.quiet import quiet_hub
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Characters of a reason: the clients put whole stacks of addresses into theirs.
_LONGEST = 200
_WEIGHTS = ".safetensors"
_ASKED_WITHIN_S = 10.0
_REFUSED_TOKEN = re.compile(r"invalid (credentials|user token|token)|expired|revoked", re.IGNORECASE)
_SECONDS = re.compile(r"retry after (\d+) seconds", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:hf://|(?:https?://)?(?:www\.)?(?:huggingface|hf)\.co/)(?!datasets/|spaces/)([\w.-]+/[\w.-]+)"
)
_UNREACHABLE = frozenset(
    {"ConnectError", "ConnectTimeout", "ReadTimeout", "NetworkError", "ConnectionError", "Timeout"}
)
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER = 401, 403, 429, 500


class NotThere(Exception):
    """The hub has none of that name, or cannot be asked; the message says which."""


def downloaded(name: str, revision: str | None, files: list[str], but: Sequence[str] = ()) -> Path:
    """Return the folder of a hub's repository at a revision, which is named after its commit.

    It holds what matches the patterns `files`, and none of those `but`.

    Raises:
        NotThere: there is no such repository, as far as can be told from here.
        UsageError: the hub has it, but does not give it: it asks for consent, refuses the token, is asked too often;
            it has no such revision; or there is no room for it.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        with quiet_hub():
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=files, ignore_patterns=list(but)))
    except HFValidationError:
        raise NotThere(f"the hub has none of that name{_id_in(name)}") from None
    except Exception as error:  # noqa: BLE001 - its clients raise dozens of kinds; each is told in a sentence
        if absent := _absent(error):
            raise NotThere(absent) from None
        raise UsageError(f"{name} cannot be fetched: {why_not(error, name, revision)}.") from None
    if constants.HF_HUB_OFFLINE and _lacks_weights(folder, files):
        raise NotThere("HF_HUB_OFFLINE is set, and the hub's cache on this machine has only a part of it")
    return folder


def _lacks_weights(folder: Path, files: Sequence[str]) -> bool:
    """Whether what was fetched of a repository before leaves weights out: a tokenizer, a configuration."""
    return any(file.endswith(_WEIGHTS) for file in files) and not any(folder.glob(f"*{_WEIGHTS}"))


def cached(name: str, revision: str | None, files: list[str], but: Sequence[str] = ()) -> Path | None:
    """Return the folder of what the hub's cache on this machine has of a repository; None where it lacks any of it.

    What is looked for matches the patterns `files`, and none of those `but`.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                name, revision=revision, allow_patterns=files, ignore_patterns=list(but), local_files_only=True
            )
        )
    except (HFValidationError, LocalEntryNotFoundError):
        return None
    return None if _lacks_weights(folder, files) else folder


def to_fetch(name: str, revision: str | None, ending: str = _WEIGHTS) -> int:
    """Ask the hub whether it would give a model, and return how large its files of an ending are, in bytes.

    Raises:
        UsageError: it would not, or cannot be asked; the message says which.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    try:
        told = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=_ASKED_WITHIN_S)
        HfApi().auth_check(name)
    except HFValidationError:
        raise UsageError(f"{name} is neither a folder nor a hub id{_id_in(name)}.") from None
    except Exception as error:  # noqa: BLE001 - as above
        raise UsageError(f"{name} cannot be fetched: {why_not(error, name, revision)}.") from None
    return sum(file.size or 0 for file in told.siblings or () if file.rfilename.endswith(ending))


def _id_in(name: str) -> str:
    """Return the id in an address of the hub's, as the rest of a sentence; nothing where a name is none."""
    found = _ADDRESS.match(name)
    return f", but {found[1]!r} may be meant" if found else ""


def why_not(error: BaseException, name: str, revision: str | None = None) -> str:
    """Return why something of the hub's cannot be had and what to do, as the rest of a sentence without its point.

    Args:
        error: What the hub's client raised.
        name: The repository.
        revision: The revision that was asked for.
    """
    from huggingface_hub.errors import GatedRepoError, IncompleteSnapshotError, RevisionNotFoundError

    chain = tuple(_chain(error))
    if any(isinstance(each, GatedRepoError) for each in chain):
        return f"it asks for consent: accept its terms on its hub page, then run `hf auth login`{_whose()}"
    if any(isinstance(each, RevisionNotFoundError) for each in chain):
        return f"it has no revision {revision!r}" if revision else "it has no such revision"
    if any(isinstance(each, OSError) and each.errno == errno.ENOSPC for each in chain):
        return "there is no room for it in the hub's cache; HF_HOME names another folder"
    if absent := _absent(error):
        partly = any(isinstance(each, IncompleteSnapshotError) for each in chain)
        return f"{absent}, and only a part of it is in the hub's cache" if partly else absent
    return _status(chain) or _first_line(error, name)


def _absent(error: BaseException) -> str:
    """Return that the hub has none of a name, or cannot be asked; nothing where it answers otherwise."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError

    chain = tuple(_chain(error))
    if any(isinstance(each, GatedRepoError) for each in chain):
        return ""
    words = " ".join(str(each) for each in chain)
    hidden = _response_status(chain) == _UNAUTHORIZED and not _token_from() and not _REFUSED_TOKEN.search(words)
    if hidden or any(isinstance(each, RepositoryNotFoundError) for each in chain):
        if _token_from():
            return f"the hub has none of that name, or none that the token {_token_from()} may see"
        return "the hub has none of that name, or a private one: `hf auth login` shows it those of yours"
    if constants.HF_HUB_OFFLINE or any(isinstance(each, OfflineModeIsEnabled) for each in chain):
        return "HF_HUB_OFFLINE is set, and the hub's cache on this machine has none of it"
    if _response_status(chain) is None and any(
        kind.__name__ in _UNREACHABLE for each in chain for kind in type(each).__mro__
    ):
        return "the hub cannot be reached from here"
    return ""


def _status(chain: tuple[BaseException, ...]) -> str:
    """Return what the hub's answer means; nothing where it did not answer."""
    status = _response_status(chain)
    words = " ".join(str(each) for each in chain)
    if status == _UNAUTHORIZED or (status == _FORBIDDEN and _REFUSED_TOKEN.search(words)):
        return (
            f"the hub refuses the token {_token_from() or 'that it is sent'}, which has expired or was revoked: "
            "run `hf auth login`, or unset it"
        )
    if status == _FORBIDDEN:
        return f"the token {_token_from() or 'that is sent'} has no right to read it; make one on the hub that has"
    if status == _TOO_MANY:
        told = _SECONDS.search(words)
        seconds = told[1] if told else _header(chain, "retry-after")
        wait = f"ask again in {seconds} s" if seconds.isdecimal() else "ask again in some minutes"
        return f"the hub is asked too often from here: {wait}{'' if _token_from() else ', or run `hf auth login`'}"
    if status is not None and status >= _SERVER:
        return f"the hub has a fault of its own (it answers {status}); ask again later"
    return ""


def _response_status(chain: tuple[BaseException, ...]) -> int | None:
    from huggingface_hub.errors import HfHubHTTPError

    return next((each.response.status_code for each in chain if isinstance(each, HfHubHTTPError)), None)


def _header(chain: tuple[BaseException, ...], name: str) -> str:
    """Return a header of the hub's answer; nothing where it has none."""
    from huggingface_hub.errors import HfHubHTTPError

    return next((str(each.response.headers.get(name, "")) for each in chain if isinstance(each, HfHubHTTPError)), "")


def _token_from() -> str:
    """Return where the token lies that the hub is sent; nothing where there is none."""
    from huggingface_hub import get_token

    variable = next((name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(name)), None)
    return f"in {variable}" if variable else "of the last `hf auth login`" if get_token() else ""


def _whose() -> str:
    return " with that account" if _token_from() else ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException, name: str) -> str:
    """Return the first line of what went wrong, with its kind."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    kind = type(error).__name__
    return f"{kind}: {first[:_LONGEST].rstrip('.')}" if first and first != name else kind
