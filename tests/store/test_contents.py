"""What a store holds of which model and age, and what is deleted of it."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.errors import UsageError
from mlpo_bench.store import Maker, Part, Store
from mlpo_bench.store.contents import DAY_S, DELETED_AT_ONCE


ONE, OTHER = Maker("one", "vllm", "sha256:1"), Maker("other+mine", "hf", "sha256:2")
MADE = Completion("text", Usage(3, 2, 1), "stop", 0.25)


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def fill(path: Path) -> Path:
    """Put in three of one model, two of another, and one of nobody knows whom, each a day older than the next."""
    now = time.time()
    with Store(path) as store:
        for number, by in enumerate([ONE, ONE, ONE, OTHER, OTHER, None]):
            asked_at = None if by is None else now - DAY_S * (number + 0.5)
            store.put(key(number), replace(MADE, asked_at=asked_at), by)
    return path


def test_a_store_tells_how_much_is_whose_and_how_old(tmp_path: Path) -> None:
    path = fill(tmp_path / "store.sqlite")
    with Store(path) as store:
        contents = store.contents()
    assert contents.total.completions == 6
    assert {by: size.completions for by, size in contents.by_maker.items()} == {ONE: 3, OTHER: 2, None: 1}
    assert {age: size.completions for age, size in contents.by_age.items()} == {"a day": 1, "a week": 4, "not told": 1}
    assert sum(size.size for size in contents.by_maker.values()) == contents.total.size > 6 * 32
    assert contents.file == path.stat().st_size
    assert contents.free == 0


@pytest.mark.parametrize(
    ("part", "left"),
    [
        (Part(makers={ONE}), {3, 4, 5}),
        (Part(makers={None}), {0, 1, 2, 3, 4}),
        (Part(before=time.time() - 3 * DAY_S), {0, 1, 2}),
        (Part(requests={key(1), key(4), key(9)}), {0, 2, 3, 5}),
        (Part(makers={ONE}, before=time.time() - 2 * DAY_S), {0, 1, 3, 4, 5}),
        (Part(makers={ONE}, requests={key(4)}), {0, 1, 2, 3, 4, 5}),
        (Part(), set()),
    ],
)
def test_a_part_is_deleted_and_nothing_else(tmp_path: Path, part: Part, left: set[int]) -> None:
    with Store(fill(tmp_path / "store.sqlite")) as store:
        size = store.size(part)
        assert size.completions == 6 - len(left)
        assert [request for request, _, _ in store.part(part)] == [key(n) for n in range(6) if n not in left]
        assert store.prune(part) == size
        assert {int.from_bytes(request, "big") for request, _ in store.items()} == left
        assert store.size(part).completions == 0


def test_what_was_deleted_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    many = DELETED_AT_ONCE + 7
    with Store(path) as store:
        for number in range(many):
            store.put(key(number), replace(MADE, text="word " * 50), ONE)
        store.commit()
        whole = store.contents().file
        assert store.prune(Part(requests={key(number) for number in range(7, many)})).completions == DELETED_AT_ONCE
        assert store.contents().free > whole // 2
        store.compact()
        contents = store.contents()
    assert contents.free == 0
    assert path.stat().st_size == contents.file < whole // 10
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT COUNT(*) FROM made_by").fetchone() == (7,)
    db.close()


def test_who_made_a_completion_is_noted_also_later_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.put(key(0), MADE)
    with Store(path) as store:
        store.put(key(0), replace(MADE, text="another"), ONE)
    with Store(path) as store:
        assert list(store.part()) == [(key(0), MADE, ONE)]
        assert store.makers() == [ONE]


def test_a_version_that_knows_no_makers_reads_and_writes_the_file_as_ever(tmp_path: Path) -> None:
    path = fill(tmp_path / "store.sqlite")
    with sqlite3.connect(path) as db:  # these are the words of the version before
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert len(db.execute("SELECT key, value FROM completions ORDER BY key").fetchall()) == 6
        db.execute("INSERT OR IGNORE INTO completions VALUES (?, ?)", (key(9), b'["text", 3, 2, 1, "stop", 0.25]'))
        db.execute("DROP TABLE makers")
        db.execute("DROP TABLE made_by")
    db.close()
    with Store(path) as store:
        assert {by for _, _, by in store.part()} == {None}
        assert store.get(key(9)) == MADE


def test_a_file_that_another_program_keeps_is_not_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_bench.store.contents.WAITS_MS", 1)
    path = fill(tmp_path / "store.sqlite")
    other = sqlite3.connect(path, isolation_level=None)
    with Store(path) as store:
        other.execute("BEGIN IMMEDIATE")
        for act in (lambda: store.prune(Part(makers={ONE})), store.compact):
            with pytest.raises(UsageError, match="locked by another program"):
                act()
        other.execute("ROLLBACK")
        other.close()
        assert len(store) == 6


@pytest.mark.parametrize(
    "statement",
    [
        """INSERT INTO completions VALUES ('text', x'5b5d')""",
        """INSERT INTO completions VALUES (1000000000000, x'5b5d')""",
        """INSERT INTO completions VALUES (2.5, '["t",1,0,1,"stop",0.1]')""",
        """INSERT INTO completions VALUES ('text', CAST('["t",1,0,1,"stop",0.1]' AS BLOB))""",
        """INSERT INTO completions VALUES (x'01', CAST('["t",1,0,1,"stop",0.1,{"asked_at":1e300}]' AS BLOB))""",
        """INSERT INTO completions VALUES (x'01', CAST('["t",1,0,1,"stop",0.1,{"asked_at":-1}]' AS BLOB))""",
        """INSERT INTO completions VALUES (x'01', 5)""",
        """INSERT INTO makers VALUES (99, NULL, 5, x'00')""",
        """INSERT INTO made_by VALUES ('text', 99)""",
    ],
)
def test_rows_that_are_none_count_for_nothing(tmp_path: Path, statement: str) -> None:
    path = fill(tmp_path / "store.sqlite")
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    with Store(path) as store:
        assert store.contents().total.completions == 6
        assert set(store.makers()) == {ONE, OTHER}
        assert store.size(Part()).completions == 6
        assert len(list(store.items())) == 6
        assert store.prune(Part(makers={ONE})).completions == 3


def test_a_store_whose_tables_are_others_is_one_sentence(tmp_path: Path) -> None:
    path = fill(tmp_path / "store.sqlite")
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE completions")
        db.execute("CREATE TABLE completions (other)")
    db.close()
    with Store(path) as store:
        for look in (
            store.contents,
            lambda: list(store.items()),
            lambda: store.size(Part()),
            lambda: store.prune(Part()),
        ):
            with pytest.raises(UsageError, match=r"store.sqlite cannot be opened: .* Move it away, or name another"):
                look()
