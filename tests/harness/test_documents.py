"""What the task files call: documents, the filter that reads answers, the metric; and the check of gold answers."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench import answers, questions
from mlpo_bench.errors import UsageError
from mlpo_bench.harness import documents, gold
from mlpo_bench.harness.samples import as_question
from mlpo_bench.harness.surface_forms import FORMS, FORMS_OF
from mlpo_bench.questions import SUITES, Item, Loaded, Question, Source, in_order


if TYPE_CHECKING:
    from pathlib import Path

DOC = {
    "id": "bbh/navigate/1",
    "suite": "bbh",
    "subject": "navigate",
    "question": "Is it so?",
    "instruction": "Say yes or no.",
    "answer": "Yes",
    "answer_format": "yes_no",
}


def test_a_document_has_the_bare_question_and_the_format_s_sentence(made_up: Path) -> None:
    docs = documents.build("bbh", "navigate", data=str(made_up), version=1.0, pretrained="ignored")["test"]
    assert [doc["id"] for doc in docs] == ["bbh/navigate/1", "bbh/navigate/6"]
    assert docs[0] == {
        "id": "bbh/navigate/1",
        "suite": "bbh",
        "subject": "navigate",
        "question": "Made up for navigate, number 1: is 1 even?",
        "instruction": answers.FORMATS["yes_no"].instruction,
        "answer": "No",
        "answer_format": "yes_no",
    }


def test_the_split_can_be_chosen_and_examples_come_from_train_alone(made_up: Path) -> None:
    train = documents.build("bbh", "navigate", split="train", data=made_up)
    assert len(train["test"]) == 9
    tested = documents.build("bbh", "navigate", data=made_up)
    asked, shown = ({doc["id"] for doc in tested[split]} for split in ("test", "train"))
    assert not asked & shown


@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_no_worked_example_is_what_is_asked(made_up: Path, split: str) -> None:
    """lm-eval leaves out what it asks only where its own names of both splits are one."""
    tasks = documents.build("bbh", "navigate", split=split, data=made_up, limit=100)
    asked, shown = ([doc["question"] for doc in tasks[one]] for one in ("test", "train"))
    assert asked
    assert not {*asked} & {*shown}
    assert shown or split != "test"


def test_a_limit_is_of_the_whole_suite(made_up: Path) -> None:
    counts = [
        len(documents.build("bbh", subject, data=made_up, limit=40)["test"]) for subject in SUITES["bbh"].subjects
    ]
    assert sum(counts) == 40
    assert set(counts) == {1, 2}


def test_a_task_that_a_limit_leaves_empty_is_told(made_up: Path) -> None:
    left = 0
    for subject in SUITES["bbh"].subjects:
        try:
            left += len(documents.build("bbh", subject, data=made_up, limit=3)["test"])
        except UsageError as told:
            assert "raise the limit" in str(told)  # noqa: PT017 - three of the 27 have a question
    assert left == 3


def test_an_unknown_subject_is_named(made_up: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'navigate'"):
        documents.build("bbh", "navigat", data=made_up)


def test_a_source_without_a_train_split_gives_no_worked_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    only = Loaded((Item("gsm8k", "gsm8k", "gsm8k/gsm8k/0", "?", "1", "number"),), Source("wheel", "-", "-"))

    def load(_suite: str, split: str, _data: object) -> Loaded:
        if split == "train":
            raise UsageError("there is none")
        return only

    monkeypatch.setattr(questions, "load", load)
    built = documents.build("gsm8k", "gsm8k")
    assert (len(built["test"]), len(built["train"])) == (1, 0)


def test_the_filter_reads_each_response_by_its_document_s_format() -> None:
    docs = [DOC, DOC | {"answer_format": "number"}]
    read = documents.read([["The answer is yes.", "perhaps"], ["\\boxed{7}"]], docs)
    assert read == [["Yes", documents.UNREAD], ["7"]]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Yes", {"acc": 1, "unread": 0}),
        ("No", {"acc": 0, "unread": 0}),
        (documents.UNREAD, {"acc": 0, "unread": 1}),
        ("[unread]", {"acc": 0, "unread": 0}),
    ],
)
def test_a_result_is_right_wrong_or_unread(answer: str, expected: dict[str, int]) -> None:
    assert documents.process_results(DOC, [answer]) == expected


def test_a_question_never_carries_the_gold_answer() -> None:
    class Watched(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            assert name != "answer"
            return super().__getitem__(name)

    asked = as_question("Is it so?\n\nSay yes or no.", Watched(DOC))
    assert asked == Question("bbh", "navigate", "bbh/navigate/1", "Is it so?\n\nSay yes or no.", "yes_no")
    assert "answer" not in {field.name for field in fields(asked)}


def test_made_up_gold_answers_pass_and_progress_is_told(made_up: Path) -> None:
    told: list[tuple[int, int]] = []
    report = gold.check("bbh", data=made_up, on_progress=lambda done, total: told.append((done, total)))
    assert report.passed
    assert report.questions == 27 * 11
    assert report.judgements > 27 * 11 * (len(FORMS) + 1)
    assert told[-1] == (297, 297)


def test_a_gold_answer_that_no_reader_reads_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    items = (
        Item("bbh", "x", "bbh/x/0", "?", "several hats", "number"),
        Item("bbh", "x", "bbh/x/1", "?", "12", "number"),
    )
    monkeypatch.setattr(questions, "load", lambda *_: Loaded(items, Source("folder", "-", "-")))
    report = gold.check("bbh")
    assert not report.passed
    unread = [failure for failure in report.failures if failure.wrapping in {**FORMS, **FORMS_OF["number"]}]
    assert [failure.id for failure in unread] == ["bbh/x/0"] * (len(FORMS) + len(FORMS_OF["number"]))
    assert "nothing was read" in str(unread[0])


@pytest.mark.parametrize("form", ["yes_no", "true_false", "valid_invalid", "number", "option"])
@pytest.mark.parametrize("wrong", ["", "Perhaps"])
def test_a_gold_answer_that_is_none_of_its_format_is_reported(
    monkeypatch: pytest.MonkeyPatch, form: str, wrong: str
) -> None:
    right = {"yes_no": "Yes", "true_false": "True", "valid_invalid": "valid", "number": "-7", "option": "(B)"}[form]
    items = (Item("bbh", "x", "bbh/x/0", "?", wrong, form), Item("bbh", "x", "bbh/x/1", "?", right, form))
    monkeypatch.setattr(questions, "load", lambda *_: Loaded(items, Source("folder", "-", "-")))
    told = {str(failure) for failure in gold.check("bbh").failures}
    assert f"bbh/x/0 (tag): {wrong!r}: nothing was read, judged wrong" in told
    assert not any("nothing was read, judged right" in one for one in told)


def test_another_question_s_answer_judged_right_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    items = (Item("bbh", "x", "bbh/x/0", "?", "1", "number"), Item("bbh", "x", "bbh/x/1", "?", "2", "number"))
    monkeypatch.setattr(questions, "load", lambda *_: Loaded(items, Source("folder", "-", "-")))
    monkeypatch.setattr(answers, "judge", lambda *_: True)
    failures = gold.check("bbh").failures
    assert [failure.wrapping for failure in failures] == ["another's answer", *["a neighbour"] * 3] * 2
    assert "judged right for '1'" in str(failures[0])


@pytest.mark.data
@pytest.mark.parametrize("suite", in_order())
def test_every_published_gold_answer_is_read_and_judged_right(suite: str, published: Path | None) -> None:
    try:
        report = gold.check(suite, data=published)
    except UsageError as absent:
        pytest.skip(str(absent))
    assert [str(failure) for failure in report.failures] == []
    if report.source.partial:
        pytest.skip(f"only {report.source} is here")
    assert report.questions == SUITES[suite].size
