"""What the hub refuses is told in a sentence of its own, with what to do; a token is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlpo_bench.engines import hub, models
from mlpo_bench.errors import UsageError
from mlpo_bench.questions import Absent, Hub, Repository
from mlpo_bench.teams import ModelSpec
from tests.engines.imitated_hub import COMMIT, FILES, imitated_hub


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "hf_planted_secret_token"


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with imitated_hub() as address:
        yield address


@pytest.fixture(autouse=True)
def address(served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ask the imitated hub, with an empty cache and without a token."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    constants = "huggingface_hub.constants"
    monkeypatch.setattr(f"{constants}.ENDPOINT", served)
    monkeypatch.setattr(f"{constants}.HUGGINGFACE_CO_URL_TEMPLATE", served + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(f"{constants}.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(f"{constants}.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(f"{constants}.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return served


def told(name: str, revision: str | None = None) -> str:
    with pytest.raises(UsageError) as fault:
        models.resolve(ModelSpec(model=f"some/{name}", revision=revision))
    assert "\n" not in str(fault.value)
    assert TOKEN not in str(fault.value)
    return str(fault.value)


def test_what_the_hub_has_is_fetched() -> None:
    folder = hub.downloaded("some/whole", None, ["*.json"])
    assert (folder.name, (folder / "config.json").read_bytes()) == (COMMIT, FILES["config.json"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("private", "the hub has none of that name, or a private one: `hf auth login` shows it those of yours. Name a"),
        ("private-bare", "the hub has none of that name, or a private one: `hf auth login` shows it those of yours."),
        ("absent", "no such model: 'some/absent' is no folder, and the hub has none of that name, or a private one"),
        ("gated", "it asks for consent: accept its terms on its hub page, then run `hf auth login`."),
        ("often", "the hub is asked too often from here: ask again in 177 s, or run `hf auth login`."),
        ("often-bare", "the hub is asked too often from here: ask again in some minutes, or run `hf auth login`."),
        ("broken", "some/broken cannot be fetched: the hub has a fault of its own (it answers 500); ask again later."),
    ],
)
def test_without_a_token(name: str, sentence: str) -> None:
    assert sentence in told(name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("expired-token", "in HF_TOKEN, which has expired or was revoked: run `hf auth login`, or unset it."),
        ("expired-user-token", "the hub refuses the token in HF_TOKEN, which has expired or was revoked: run `hf auth"),
        ("no-rights", "some/no-rights cannot be fetched: the token in HF_TOKEN has no right to read it; make one on"),
        ("absent", "the hub has none of that name, or none that the token in HF_TOKEN may see. Name a folder, a"),
        ("gated", "accept its terms on its hub page, then run `hf auth login` with that account."),
        ("often", "the hub is asked too often from here: ask again in 177 s."),
    ],
)
def test_with_a_token(name: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert sentence in told(name)


def test_a_saved_token_is_told_from_one_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    assert "the hub refuses the token of the last `hf auth login`, which has expired" in told("expired-token")


def test_a_revision_that_is_not_there() -> None:
    assert told("no-revision", "mine") == "some/no-revision cannot be fetched: it has no revision 'mine'."


def test_out_of_reach_and_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "is no folder, and the hub cannot be reached from here. Name a folder" in told("whole")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set, and the hub's cache on this machine has none of it. Name a" in told("whole")


def test_a_disk_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    assert told("whole") == (
        "some/whole cannot be fetched: there is no room for it in the hub's cache; HF_HOME names another folder."
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "expired-token",
            "the hub refuses the token in HF_TOKEN, which has expired or was revoked: run `hf auth login`",
        ),
        ("gated", "it asks for consent: accept its terms on its hub page"),
        ("often", "the hub is asked too often from here: ask again in 177 s"),
        ("absent", "the hub has none of that name, or none that the token in HF_TOKEN may see"),
    ],
)
def test_data_sets_are_told_likewise(name: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    place = Hub(Repository(f"some/{name}", COMMIT), entries=list)
    with pytest.raises(Absent) as absent:
        place.read("bbh", None)
    assert f"the hub's some/{name} cannot be had ({reason}" in str(absent.value)
    assert TOKEN not in str(absent.value)
