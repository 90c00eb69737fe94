from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.errors import UsageError
from mlpo_bench.store import Store, database, derived_seed, request_key, rows


MADE = Completion("text\x00 with \N{SNOWMAN}", Usage(3, 2, 1), "length", 0.25)
ASKED = (Message("user", "Why?"),)


def key(**changes: object) -> bytes:
    request = {"fingerprint": "m", "messages": ASKED, "sampling": Sampling(), "sample": 0, "seed": 0} | changes
    return request_key(**request)  # type: ignore[arg-type]


def test_a_completion_comes_back_as_it_was(tmp_path: Path) -> None:
    with Store(tmp_path / "deep" / "store.sqlite") as store:
        store.put(key(), MADE)
        assert store.get(key()) == MADE
        assert store.get(key(sample=1)) is None
    with Store(tmp_path / "deep" / "store.sqlite") as store:
        assert store.get(key()) == MADE


def test_a_key_is_what_it_was_unless_a_greedy_request_is_not_drawn_as_asked() -> None:
    drawn, greedy = Sampling(temperature=0.5), Sampling(temperature=0.0)
    assert key(sampling=drawn, as_asked=False) == key(sampling=drawn)
    assert key(sampling=greedy, sample=1, seed=2) == key(sampling=greedy)
    assert len({key(sampling=greedy, sample=n, as_asked=False) for n in range(3)} | {key(sampling=greedy)}) == 4


def test_the_first_completion_of_a_request_stays(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as one, Store(path) as other:
        one.put(key(), MADE)
        one.commit()
        other.put(key(), Completion("later", Usage(), "stop", 0))
        other.commit()
        assert other.get(key()) == MADE


@pytest.mark.parametrize("committed", [False, True])
def test_the_first_of_two_completions_stays_whenever_they_are_written(tmp_path: Path, *, committed: bool) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        store.put(key(), MADE)
        if committed:
            store.commit()
        store.put(key(), Completion("later", Usage(), "stop", 0))
    with Store(tmp_path / "store.sqlite") as store:
        assert store.get(key()) == MADE


def test_a_store_looks_beyond_itself_and_writes_nothing_there(tmp_path: Path) -> None:
    path, other = tmp_path / "far.sqlite", Completion("near", Usage(), "stop", 0)
    with Store(path) as far:
        far.put(key(sample=1), MADE)
        far.put(key(sample=2), MADE)
    before = path.read_bytes()
    with Store(tmp_path / "near.sqlite", beyond=[path]) as near:
        near.put(key(sample=2), other)
        near.put(key(sample=3), other)
        assert [near.get(key(sample=n)) for n in range(4)] == [None, MADE, other, other]
        assert dict(near.items()) == {key(sample=2): other, key(sample=3): other}
    assert path.read_bytes() == before
    for nothing in (tmp_path / "missing", tmp_path / "empty"):
        (tmp_path / "empty").touch()
        with Store(tmp_path / "near.sqlite", beyond=[nothing]) as near:
            assert near.get(key(sample=1)) is None
    assert not (tmp_path / "missing").exists()
    (tmp_path / "empty").write_text("no database " * 50)
    with pytest.raises(UsageError, match="empty cannot be opened"):
        Store(tmp_path / "near.sqlite", beyond=[tmp_path / "empty"])


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "n"},
        {"messages": (Message("system", "Why?"),)},
        {"messages": (Message("user", "Why"), Message("user", "?"))},
        {"sampling": Sampling(temperature=0.8)},
        {"sampling": Sampling(top_p=0.9)},
        {"sampling": Sampling(top_k=5)},
        {"sampling": Sampling(max_tokens=7)},
        {"sampling": Sampling(stop=("x",))},
        {"sample": 1},
        {"seed": 1},
    ],
)
def test_every_part_of_a_request_is_part_of_its_identity(change: dict[str, object]) -> None:
    assert key(**change) != key()


def test_a_greedy_request_is_the_same_for_every_seed_and_sample() -> None:
    greedy = Sampling(temperature=0)
    assert key(sampling=greedy) == key(sampling=greedy, sample=3, seed=9)
    assert key(sampling=greedy) != key(sampling=Sampling(temperature=0, max_tokens=7))


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text()), max_size=4), st.integers(0, 2**40))
def test_any_chat_has_a_key_and_a_seed_of_32_bits(chat: list[tuple[str, str]], seed: int) -> None:
    messages = tuple(Message(role, text.encode("utf-8", "replace").decode()) for role, text in chat)  # type: ignore[arg-type]
    found = key(messages=messages, seed=seed)
    assert len(found) == 32
    assert 0 <= derived_seed(found) < 2**32


KILLED = """
import asyncio, os, sys
from pathlib import Path
from mlpo_bench.chat import Completion, Usage
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.store import Store

async def main():
    store = Store(Path(sys.argv[1]))
    async with Dispatch({}, store).at_work():
        store.put(b"k" * 32, Completion("kept", Usage(), "stop", 0.0))
        await asyncio.sleep(1)
        print("waited", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_what_is_a_second_old_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waited\n"
        os.kill(process.pid, signal.SIGKILL)
    with Store(path) as store:
        found = store.get(b"k" * 32)
    assert found is not None
    assert found.text == "kept"


def test_a_file_that_is_no_store_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a database, and more than a hundred bytes of them " * 3)
    with pytest.raises(UsageError, match=r"notes.txt cannot be opened.*--store"):
        Store(path)


def test_a_store_of_another_version_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(UsageError, match="of version 99"):
        Store(path)


@pytest.mark.parametrize(
    "more", [{"reasoning": "Hm."}, {"refused": True}, {"estimated": True}, {"reasoning": "Hm.", "estimated": True}]
)
def test_what_most_completions_have_nothing_of_comes_back(tmp_path: Path, more: dict[str, Any]) -> None:
    made = replace(MADE, **more)
    with Store(tmp_path / "store.sqlite") as store:
        store.put(key(), made)
    with Store(tmp_path / "store.sqlite") as store:
        assert store.get(key()) == made
        assert made.more == more


BAD_ROWS = [
    b"",
    b"{}",
    b"[1, 2]",
    b'["text", 9.5, 0, 1, "stop", 0.1]',
    b'["text", 8589934592, 0, 1, "stop", 0.1]',
    b'["text", -1, 0, 1, "stop", 0.1]',
    b'["text", null, 0, 1, "stop", 0.1]',
    b'["text", true, 0, 1, "stop", 0.1]',
    b'["text", 1, 0, 1, "elsewhere", 0.1]',
    b'["text", 1, 0, 1, "stop", "soon"]',
    b'[null, 1, 0, 1, "stop", 0.1]',
    b'["text", 1, 0, 1, "stop", 0.1, {"thoughts": 1}]',
    b'["text", 1, 0, 1, "stop", 0.1, {"reasoning": 1}]',
    b'["text", 1, 0, 1, "stop", 0.1, 5]',
]


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_row_that_holds_no_completion_is_dropped_and_made_again(tmp_path: Path, row: bytes) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.put(key(), MADE)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE completions SET value = ?", (row,))
    db.close()
    with Store(path) as store:
        assert dict(store.items()) == {}
        assert store.get(key()) is None
        store.put(key(), MADE)
    with Store(path) as store:
        assert store.get(key()) == MADE


def fill(path: Path, count: int = 2_000) -> None:
    """Make a store of so many completions."""
    with Store(path) as store:
        for n in range(count):
            store.put(n.to_bytes(32, "big"), replace(MADE, text=f"text {n} " * 9))


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(os.urandom(20_000))


def lose_wal(path: Path) -> None:
    """Leave a file as it is half-way through a checkpoint whose log was then removed."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(8192))


@pytest.mark.parametrize("damage", [cut, scribble, lose_wal])
def test_a_damaged_store_is_set_aside_and_a_new_one_begun(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "store.sqlite"
    fill(path)
    damage(path)
    before = path.read_bytes()
    with Store(path) as store:
        assert store.set_aside is not None
        assert store.set_aside.read_bytes() == before
        assert store.set_aside.name.startswith("store.sqlite.damaged-")
        assert len(store) == 0
        store.put(key(), MADE)
    with Store(path) as store:
        assert store.set_aside is None
        assert store.get(key()) == MADE


def test_a_damaged_store_that_is_looked_into_beyond_another_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "far.sqlite"
    fill(path)
    scribble(path)
    before = path.read_bytes()
    with (
        Store(tmp_path / "near.sqlite", beyond=[path]) as near,
        pytest.raises(UsageError, match=r"the store .*far\.sqlite is damaged \(.*malformed\), and is left as it is"),
    ):
        [near.get(n.to_bytes(32, "big")) for n in range(2_000)]
    assert path.read_bytes() == before


def test_a_store_that_turns_out_to_be_damaged_stops_who_asks_and_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_bench.store.database._CHECKED_WHOLE", 0)  # as with one too large to be read through
    path = tmp_path / "store.sqlite"
    fill(path)
    scribble(path)
    stopped: list[str] = []

    def ask() -> None:
        with Store(path) as store:
            store.when_failing = lambda: stopped.append("stopped")
            for n in range(2_000):
                store.get(n.to_bytes(32, "big"))
            store.put(key(), MADE)

    with pytest.raises(
        UsageError, match=r"store.sqlite is damaged \(.*1 answers that it could not take are in .*aside"
    ):
        ask()
    assert stopped == ["stopped"]
    with Store(path) as store:
        assert store.get(key()) == MADE  # what it could not take is taken in
        assert len(store) == 1
    assert not list(tmp_path.glob("*.unsaved-*"))


def met_damage(store: Store) -> Store:
    """Look up all that a store held, which turns out to be damaged."""
    for n in range(2_000):
        store.get(n.to_bytes(32, "big"))
    assert "is damaged" in str(store.trouble)
    return store


def test_only_the_damaged_file_itself_is_set_aside_and_never_the_one_that_took_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    fill(path)
    with monkeypatch.context() as large:
        large.setattr(database, "_CHECKED_WHOLE", 0)  # nothing of it is in memory yet
        one, other = Store(path), Store(path)
    for offset in range(8_192, path.stat().st_size, 4_096):
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(b"\xff" * 4_096)
    met_damage(other)
    met_damage(one).close()
    with Store(path) as healthy:
        healthy.put(key(), MADE)
        healthy.commit()
        other.close()
        healthy.put(key(sample=1), MADE)
    assert str(one.trouble).endswith(f"It is set aside as {next(tmp_path.glob('*.damaged-*[!lm]'))}.")
    assert str(other.trouble).endswith("Another process has set it aside.")
    assert len(list(tmp_path.glob("*.damaged-*[!lm]"))) == 1  # beside its log and index
    with Store(path) as store:
        assert dict(store.items()) == {key(): MADE, key(sample=1): MADE}


def test_where_a_file_is_replaced_as_it_is_opened_none_is_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    fill(path)
    connected = database._connected

    def replaced(path: Path | str, **options: Any) -> sqlite3.Connection:
        db = connected(path, **options)
        Path(path).rename(tmp_path / "away.sqlite")
        connected(path).close()
        return db

    monkeypatch.setattr(database, "_connected", replaced)
    assert database.opened(path).file is None


def test_stores_that_are_set_aside_within_a_second_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    for n in range(3):
        path.write_text(f"{n}")
        database.set_aside(path)
    assert sorted(each.read_text() for each in tmp_path.iterdir()) == ["0", "1", "2"]


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + bytes(84), b"x" * 5_000, b"SQLite format 3\0"])
def test_what_is_not_known_to_be_a_store_is_never_moved(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"store.sqlite cannot be opened: .*--store"):
        Store(path)
    assert path.read_bytes() == content
    assert [other.name for other in tmp_path.iterdir() if "damaged" in other.name] == []


@pytest.mark.parametrize("statement", ["CREATE TABLE notes (text)", "PRAGMA application_id=7", "PRAGMA user_version=1"])
def test_another_program_s_file_is_not_adopted(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"other.db is an SQLite file of another program"):
        Store(path)
    assert path.read_bytes() == before


def test_a_store_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    fill(path, 3)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA application_id=0")  # they held none
    db.close()
    with Store(path) as store:
        assert len(store) == 3


def test_a_store_in_memory_is_not_had_by_mistake() -> None:
    with pytest.raises(UsageError, match=":memory: would keep nothing"):
        Store(Path(":memory:"))
    with Store(None) as store:
        store.put(key(), MADE)
        assert store.get(key()) == MADE


@pytest.mark.timeout(30)
def test_a_locked_store_holds_nothing_up_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.sqlite"
    fill(path, 1)
    with Store(path) as store, sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        store.put(key(), MADE)
        store.commit()
        assert store.get(key()) == MADE
        assert store.trouble is None
        other.execute("COMMIT")
        store.commit()
        assert len(store) == 2
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("mlpo_bench.store.store.LOCKED_FOR_S", 0.5)
        stopped: list[None] = []
        store.when_failing = lambda: stopped.append(None)
        store.put(key(sample=1), MADE)
        for _ in range(3):
            store.commit()
            time.sleep(0.3)
        assert len(stopped) == 1
        assert "has been locked by another program" in str(store.trouble)
        said = store.settle()
        other.execute("COMMIT")
        store.trouble = None
    other.close()
    assert "1 answers that it could not take are in" in str(said)
    with Store(path) as store:
        assert store.get(key(sample=1)) == MADE


def test_a_store_that_is_locked_when_it_is_opened_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_bench.store.database._OPENS_WITHIN_S", 0.2)
    path = tmp_path / "store.sqlite"
    fill(path, 1)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UsageError, match="is locked by another program"):
            Store(path)
    other.close()


@pytest.mark.parametrize("room", [0, 1, 2, 7])
def test_what_finds_no_room_in_one_file_is_written_to_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    written: list[database.Row] = []

    def saved(_place: Path, some: Sequence[database.Row]) -> bool:
        if len(some) > room:
            return False
        written.extend(some)
        return True

    monkeypatch.setattr(database, "_saved", saved)
    unsaved = [(bytes([n]), b"value") for n in range(7)]
    places = database.save_elsewhere(tmp_path / "store.sqlite", unsaved)
    assert sum(places.values()) == len(written)
    assert written == (unsaved if room else [])


def test_what_is_no_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").symlink_to("store.sqlite")
    assert not any(map(database.is_store, (tmp_path, tmp_path / "none", tmp_path / "store.sqlite")))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("pipe", "it is a pipe, not a file"),
        ("folder", "it is a folder, not a file"),
        ("device", "it is a device, not a file"),
        ("loop", "Too many levels of symbolic links"),
        ("dangling", "unable to open database file"),
    ],
)
def test_what_is_no_file_is_no_store_and_is_left_alone(tmp_path: Path, what: str, said: str) -> None:
    path = tmp_path / "here" / "store.sqlite"
    path.parent.mkdir()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/null", "loop": str(path), "dangling": "nowhere/x.sqlite"}[what])
    before = path.lstat().st_mode
    with pytest.raises(UsageError, match=f"cannot be opened: {said}"):
        Store(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.lstat().st_mode == before


@contextlib.contextmanager
def locked_for_good(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Give a store that holds a completion which its file, another's in the meantime, cannot take."""
    monkeypatch.setattr(database, "_WRITES_WITHIN_MS", 1)
    store = Store(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.put(key(), MADE)
        yield store


@pytest.mark.parametrize(
    ("becomes", "why"),
    [
        ("removed", "it was removed or renamed in the meantime"),
        ("renamed", "it was removed or renamed in the meantime"),
        ("replaced", "another file has taken its place"),
    ],
)
def test_a_store_that_was_taken_away_while_in_use_is_not_written_on(tmp_path: Path, becomes: str, why: str) -> None:
    path = tmp_path / "store.sqlite"
    stopped: list[str] = []
    store = Store(path)
    store.when_failing = lambda: stopped.append("stopped")
    store.put(key(), MADE)
    store.commit()
    away = tmp_path / "away"
    away.mkdir()
    for each in tmp_path.glob("store.sqlite*"):
        each.rename(away / each.name)
    if becomes == "replaced":
        fill(path, 3)
    before = path.read_bytes() if becomes == "replaced" else b""
    store.put(key(sample=1), MADE)
    said = str(store.settle())
    store.close()
    assert stopped == ["stopped"]
    assert said.startswith(f"the store {path} cannot be written or read: {why}. 1 answers that it could not take are")
    assert not path.exists() or path.read_bytes() == before
    with Store(path) as now:
        assert now.get(key(sample=1)) == MADE  # what it could not take is taken in


def test_where_the_working_folder_is_gone_answers_are_kept_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, temporary = tmp_path / "gone", tmp_path / "temporary"
    gone.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(temporary))
    with locked_for_good(Path("store.sqlite"), monkeypatch) as store:
        for path in gone.iterdir():
            path.unlink()
        gone.rmdir()
        said = store.settle()
        store.close()
    (kept,) = temporary.iterdir()
    assert said is not None
    assert f"1 answers that it could not take are in {kept}; `mlpo-bench store import {kept}` takes them in." in said
    os.chdir(tmp_path)
    with Store(kept) as other:
        assert other.get(key()) == MADE


def test_answers_that_nothing_can_take_are_told_as_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked_for_good(tmp_path / "store.sqlite", monkeypatch) as store:
        monkeypatch.setattr(database, "_saved", lambda *_: False)
        said = store.settle()
    assert said is not None
    assert said.endswith(" 1 answers could be written nowhere and are lost: there is no room.")
    assert "could not take are in" not in said
    store.close()
    store.close()  # once more changes nothing
    assert store.settle() == said


def test_a_file_that_cannot_be_filled_is_not_left_behind(tmp_path: Path) -> None:
    place = tmp_path / "store.sqlite.unsaved-1-1"
    assert not database._saved(place, [(b"key", object())])  # type: ignore[list-item]
    assert not place.exists()


def no_room(_store: Store) -> None:
    raise sqlite3.OperationalError("database or disk is full")


def kept_beside(path: Path, *samples: int) -> list[Path]:
    """Make a store, and beside it the files of two runs that met a full disk."""
    fill(path, 1)
    places: list[Path] = []
    for sample in samples:
        places += database.save_elsewhere(path, [(key(sample=sample), rows.written(MADE))])
    return places


def test_what_cannot_be_taken_in_now_either_stays_where_it_lies_and_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    places = kept_beside(path, 1, 2)
    with monkeypatch.context() as full:
        full.setattr(Store, "_write", no_room)
        store = Store(path)
    said = str(store.trouble)
    assert said.startswith(f"the store {path} cannot be written or read: database or disk is full. 2 answers that it")
    assert all(str(place) in said for place in places)
    assert [store.get(key(sample=n)) for n in (1, 2)] == [MADE, MADE]
    assert store.settle() == said
    store.close()
    assert sorted(tmp_path.glob("*.unsaved-*")) == sorted(places)  # and written nowhere else again
    with Store(path) as store:
        assert [store.get(key(sample=n)) for n in (1, 2)] == [MADE, MADE]
        assert len(store) == 3
    assert not list(tmp_path.glob("*.unsaved-*"))


def test_a_store_that_is_locked_as_it_is_opened_leaves_what_lies_beside_it_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_WRITES_WITHIN_MS", 1)
    monkeypatch.setattr("mlpo_bench.store.store.LOCKED_FOR_S", 0.2)
    path = tmp_path / "store.sqlite"
    places = kept_beside(path, 1)
    unsaved = database.unsaved
    with sqlite3.connect(path, isolation_level=None) as other:

        def found(path: Path) -> Iterator[tuple[Path, list[database.Row]]]:
            other.execute("BEGIN IMMEDIATE")
            yield from unsaved(path)

        monkeypatch.setattr(database, "unsaved", found)
        with Store(path) as store:
            assert store.get(key(sample=1)) == MADE
            time.sleep(0.3)
            store.put(key(sample=2), MADE)
            store.commit()
            assert store.trouble is None  # that lock began now
            other.execute("COMMIT")
    other.close()
    assert sorted(tmp_path.glob("*.unsaved-*")) == places
    monkeypatch.setattr(database, "unsaved", unsaved)
    with Store(path) as store:
        assert len(store) == 3


def test_what_is_being_written_beside_a_store_is_not_taken_for_complete(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    fill(path, 1)

    class Opening(list[tuple[bytes, bytes]]):
        def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
            for n in range(100):
                if n == 50:
                    Store(path).close()  # as another process does meanwhile
                yield key(sample=n), rows.written(MADE)

    (place,) = database.save_elsewhere(path, Opening([(b"", b"")] * 100))
    assert [each.name for each in tmp_path.iterdir() if "unsaved" in each.name] == [place.name]
    with Store(path) as store:
        assert len(store) == 101
    assert not place.exists()


def test_a_file_beside_a_store_that_holds_nothing_yet_is_left_to_whoever_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    place = tmp_path / "store.sqlite.unsaved-1-1"
    fill(place, 0)
    Store(path).close()
    assert place.exists()
    fill(place, 3)
    with Store(path) as store:
        assert len(store) == 3
    assert not place.exists()


def test_rows_are_on_the_disk_before_the_next_run_can_find_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    path = tmp_path / "store.sqlite"
    fsync = os.fsync

    def looked_at(file: int) -> None:
        found.append(len(list(database.unsaved(path))))
        fsync(file)

    monkeypatch.setattr("os.fsync", looked_at)
    database.save_elsewhere(path, [(key(), rows.written(MADE))])
    assert found == [0, 1]  # the file, then the folder with its name


def test_what_processes_of_one_number_could_not_keep_lies_in_files_of_their_own(tmp_path: Path) -> None:
    """As in containers, or after the machine was started anew."""
    path = tmp_path / "store.sqlite"
    (first,) = kept_beside(path, 1)
    before = first.read_bytes()
    assert not database.save_elsewhere(path, [(key(sample=2), object())])  # type: ignore[list-item]
    assert first.read_bytes() == before
    (second,) = database.save_elsewhere(path, [(key(sample=3), rows.written(MADE))])
    assert second != first
    with Store(path) as store:
        assert [store.get(key(sample=n)) for n in (1, 2, 3)] == [MADE, None, MADE]
