"""A training travels in one file: without a question, and to the same end."""

from __future__ import annotations

import io
import random
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mlpo_bench.errors import UsageError
from mlpo_bench.training.folder import TrainingFolder
from mlpo_bench.training.packing import pack, unpack
from mlpo_bench.training.recipe import Stage


PROJECT = Path(__file__).parents[2]
Trainings = Any
Lessons = Any
DATA_STAGES: tuple[Stage, ...] = ("rollouts", "filter", "traces")


def packed(file: Path) -> dict[str, bytes]:
    with (
        zstandard.open(file, "rb") as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def test_what_holds_questions_stays_and_is_made_again_out_of_the_store(train: Trainings, tmp_path: Path) -> None:
    folder, file = train("mine"), tmp_path / "packed" / "mine.tar.zst"
    before = {path.name: path.read_bytes() for path in folder.path.glob("*.parquet")}
    pack(folder, file)
    once = file.read_bytes()
    pack(folder, file)
    assert file.read_bytes() == once
    content = packed(file)
    records = (f"stages/{stage}.json" for stage in DATA_STAGES)
    assert set(content) == {"recipe.yaml", "digests.json", "ledger.json", *records}
    assert not any(b"Made up for" in held or str(tmp_path).encode() in held for held in content.values())
    with pytest.raises(UsageError, match="there is a training"):
        unpack(file, folder.path.parent)
    shutil.rmtree(folder.path)
    again = unpack(file, folder.path.parent)
    assert again.path == folder.path
    assert unpack(file, folder.path.parent).path == again.path  # once more changes nothing
    assert [again.state(stage) for stage in DATA_STAGES] == ["lost"] * 3
    ledger = again.ledger_path.read_bytes()
    again.ledger_path.write_bytes(ledger + b" ")
    with pytest.raises(UsageError, match="there is a training"):
        unpack(file, folder.path.parent)
    again.ledger_path.write_bytes(ledger)
    assert TrainingFolder(again.path).recipe.name == "mine"
    train("mine")
    assert {path.name: path.read_bytes() for path in again.path.glob("*.parquet")} == before


def test_a_bit_that_flipped_anywhere_is_noticed(train: Trainings, tmp_path: Path) -> None:
    """Of a checkpoint's weights nothing else would tell it."""
    folder, file = train("mine"), tmp_path / "mine.tar.zst"
    stage = folder.recipe.trains[0]
    checkpoint = folder.path / stage / "checkpoint-1"
    checkpoint.mkdir(parents=True)
    (checkpoint / "adapter_model.safetensors").write_bytes(random.Random(0).randbytes(3_000))
    (checkpoint / "trainer_state.json").write_text('{"global_step": 1}')
    (checkpoint / "rng_state.pth").touch()
    (folder.path / stage / "curves.jsonl").write_text("")
    pack(folder, file)
    assert f"{stage}/checkpoint-1/adapter_model.safetensors" in packed(file)
    whole, content = file.read_bytes(), packed(file)
    noticed = []
    for place in range(0, len(whole), 97):
        shutil.rmtree(tmp_path / "elsewhere", ignore_errors=True)
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            made = unpack(file, tmp_path / "elsewhere").path
        except UsageError:
            noticed.append(place)
        else:  # a bit that decides nothing, such as how much memory zstd is told to take
            assert {name: (made / name).read_bytes() for name in content} == content
    assert len(noticed) > len(whole) // 97 * 0.9


def test_what_stands_in_a_training_twice_is_packed_once(train: Trainings, tmp_path: Path) -> None:
    """As the tokenizer does, and TRL's copy of the weights that a training began with, far behind the first."""
    folder = train("mine")
    checkpoint = folder.path / folder.recipe.trains[0] / "checkpoint-1"
    checkpoint.mkdir(parents=True)
    weights, other = random.Random(0).randbytes(1 << 20), random.Random(1).randbytes(9 << 20)
    for name, content in (("a", weights), ("b", other), ("c", weights), ("rng_state.pth", b"")):
        (checkpoint / name).write_bytes(content)
    (checkpoint / "trainer_state.json").write_text('{"global_step": 1}')
    (checkpoint.parent / "curves.jsonl").write_text("")
    pack(folder, tmp_path / "mine.tar.zst")
    assert packed(tmp_path / "mine.tar.zst")[f"{checkpoint.relative_to(folder.path)}/c"] == weights
    assert (tmp_path / "mine.tar.zst").stat().st_size < len(weights) + len(other) + 100_000
    unpack(tmp_path / "mine.tar.zst", tmp_path / "elsewhere")


def test_a_training_under_way_goes_on_where_it_was(
    lessons: Lessons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    whole = lessons.training("whole")
    lessons("mlpo", whole)
    mine, file = lessons.training("mine"), tmp_path / "mine.tar.zst"
    (mine.path / "stages" / "mlpo.json").write_text('{"stage": "mlpo", "state": "begun", "inputs": {}}')
    with monkeypatch.context() as patch:
        patch.setattr(type(lessons.heard), "advance", killed_after(2))
        with pytest.raises(KeyboardInterrupt):
            lessons("mlpo", mine)
    pack(mine, file)
    assert {name.split("/")[1] for name in packed(file) if name.startswith("mlpo/")} == {"checkpoint-2", "curves.jsonl"}
    again = unpack(file, tmp_path / "elsewhere")
    for name in ("prompts.parquet", "traces.parquet"):
        shutil.copyfile(mine.path / name, again.path / name)
    lessons("mlpo", TrainingFolder(again.path, mine.recipe), resumed=True)
    trained = [(folder.path / "mlpo" / "adapter_model.safetensors").read_bytes() for folder in (whole, again)]
    assert trained[0] == trained[1]


def test_trainings_in_the_repository_are_unpacked(tmp_path: Path) -> None:
    for file in (PROJECT / "training/proof/saved/trainings").glob("*.tar.zst"):
        folder = unpack(file, tmp_path / "trainings")
        assert f"{folder.recipe.name}.tar.zst" == file.name
        assert all(folder.is_done(stage) for stage in folder.recipe.trains)


def killed_after(steps: int) -> Any:
    told: list[int] = []

    def advance(_: Any, count: int = 1) -> None:
        told.append(count)
        if sum(told) > steps:
            raise KeyboardInterrupt

    return advance


def archive(*entries: tuple[str, bytes, bytes]) -> bytes:
    """A packed training of files by name, content and kind."""
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w") as tar:
        for name, content, kind in entries:
            told = tarfile.TarInfo(name)
            told.size, told.type, told.linkname = len(content), kind, "/etc/passwd"
            tar.addfile(told, io.BytesIO(content))
    return zstandard.compress(into.getvalue())


def test_no_packed_training_and_one_with_conversations_are_refused(train: Trainings, tmp_path: Path) -> None:
    file, into = tmp_path / "x", tmp_path / "into"
    with pytest.raises(UsageError, match=r"x is missing\.$"):
        unpack(file, into)
    recipe, shorter = (("recipe.yaml", text, tarfile.REGTYPE) for text in (b"name: [", b"name: mine"))
    digests = ("digests.json", b'{"recipe.yaml": ["%s"]}' % (b"0" * 64), tarfile.REGTYPE)
    for content, said in (
        (b"nonsense", "x is no packed training"),
        (b"", "x is no packed training"),
        (archive(("stages/filter.json", b"{}", tarfile.REGTYPE)), r"x is no packed training: no recipe\.yaml is in it"),
        (archive(("recipe.yaml", b"", tarfile.SYMTYPE)), "x is no packed training"),
        (archive(("../../out", b"x", tarfile.REGTYPE), recipe), "x is no packed training"),
        (archive(recipe), r"x is no packed training: the recipe recipe\.yaml is not valid YAML"),
        (
            archive(shorter, digests),
            r"x is no packed training: recipe\.yaml in it is not what the training was made with",
        ),
        (archive(shorter, ("digests.json", b"{", tarfile.REGTYPE)), r"digests\.json in it is not JSON"),
        (archive(("zeros", bytes(100 << 20), tarfile.REGTYPE), recipe), "it comes to 100 MiB or more"),
    ):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=said):
            unpack(file, into)
        assert not into.exists()  # nothing is left of it
        into.mkdir()
        with pytest.raises(UsageError, match=said):
            unpack(file, into)
        assert not list(into.glob("*"))
        into.rmdir()
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="not packed"):
        pack(train("later", until="rollouts", mlpo={"contexts": "rounds"}), tmp_path / "later")
