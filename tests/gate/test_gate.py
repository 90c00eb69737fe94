"""What a gate refuses, keeps and tells; that it bites is shown in `test_gate_bites.py`."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlpo_bench import questions
from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import open_engine
from mlpo_bench.engines.base import AdapterFacts, ModelFacts
from mlpo_bench.engines.recorded import RecordedEngine, missing
from mlpo_bench.engines.spec import ASKED_ANEW
from mlpo_bench.errors import EngineError, UsageError
from mlpo_bench.gate.baseline import Baseline, Row, Thresholds, _weights, pooled, read_model_baseline
from mlpo_bench.gate.checks import CANNOT_JUDGE, PASSED, REGRESSION, Check, Judgement, Outcome
from mlpo_bench.gate.drops import _check_same, _in_common, judge
from mlpo_bench.gate.history import Made, ratcheted
from mlpo_bench.gate.junit import junit
from mlpo_bench.gate.power import caught, check_promises, finds, flips, needed
from mlpo_bench.gate.prompt_diff import closest, told_apart
from mlpo_bench.gate.questions import lay_out
from mlpo_bench.gate.recording import Conversation, Recorded, Recording, TurnSeen
from mlpo_bench.gate.render import markdown, print_judgement, workflow_commands
from mlpo_bench.gate.replay import _asked
from mlpo_bench.matrix.cells import Cell
from mlpo_bench.protocols import Setting, Solo
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.stats import mcnemar_power
from mlpo_bench.teams import Member, ModelSpec, SamplingChoice, Team


RECORDING = Path(__file__).parents[2] / "leaderboards" / "baselines" / "replay"
IDENTITY = "sha256:abc|bfloat16|hf"
TEXTS = st.text(st.characters(), max_size=60)  # halves of surrogate pairs among them
OUTCOMES = st.sampled_from(Outcome)
JUDGEMENTS = st.builds(
    Judgement, TEXTS, st.lists(st.builds(Check, TEXTS, TEXTS, OUTCOMES, TEXTS, TEXTS), max_size=14).map(tuple)
)


def row(right: str, unread: str | None = None, tokens: tuple[int, ...] | None = None) -> Row:
    n = len(right)
    return Row(
        suite="mmlu",
        label="solo",
        n=n,
        accuracy=right.count("1") / n,
        right=right,
        unread=unread or "0" * n,
        cut_off="0" * n,
        tokens=tokens or (100,) * n,
    )


def baseline(*rows: Row, **settings: object) -> Baseline:
    whole = {
        "history": (Made(date="2026-01-01", reason="the first"),),
        "run": "r",
        "config": "c",
        "sources": {"mmlu": "1"},
        "models": ("m 1",),
        "questions": {"mmlu": ("a", "b")},
        "rows": {f"mmlu.{n}": one for n, one in enumerate(rows)},
    }
    return Baseline.model_validate(whole | settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"right": "01"}, "its figures are not those of 3 questions"),
        ({"unread": ""}, "its figures are not those of 3 questions"),
        ({"tokens": [1, 2]}, "its figures are not those of 3 questions"),
        ({"right": "0-1"}, "rows.mmlu.0.right"),
        ({"right": "012"}, "counts more often than in 1 runs"),
        ({"tokens": [1, 2, 10**30]}, "rows.mmlu.0.tokens.2"),
        ({"tokens": [1, 2, -1]}, "rows.mmlu.0.tokens.2"),
        ({"accuracy": 7.0}, "rows.mmlu.0.accuracy"),
        ({"n": True}, "rows.mmlu.0.n"),
    ],
)
def test_a_row_that_was_cut_or_changed_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    told = baseline(row("011")).model_dump(mode="json")
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(told))
    assert read_model_baseline(path) == baseline(row("011"))
    path.write_text(json.dumps(told), encoding="utf-8-sig")  # as an editor of Windows saves it
    assert read_model_baseline(path) == baseline(row("011"))
    told["rows"]["mmlu.0"] |= change
    path.write_text(json.dumps(told))
    with pytest.raises(UsageError, match="is no baseline of this kind") as refused:
        read_model_baseline(path)
    assert message in str(refused.value)


def test_a_baseline_without_its_making_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(baseline(row("011")).model_dump(mode="json") | {"history": []}))
    with pytest.raises(UsageError, match="is no baseline of this kind: history"):
        read_model_baseline(path)


def test_an_exit_code_says_what_is_worst() -> None:
    passed, failed, refused = (Check("g", "n", outcome, "m") for outcome in Outcome)
    assert Judgement("t", (passed, passed)).exit_code == PASSED
    assert Judgement("t", (passed, failed, refused)).exit_code == REGRESSION
    assert Judgement("t", (passed, refused)).exit_code == CANNOT_JUDGE
    assert Judgement("t", ()).exit_code == CANNOT_JUDGE


def test_a_drop_is_tested_one_sided_and_adjusted_for_all_tests() -> None:
    # Eight questions lost, none won: one-sided p = 2**-8; with four tests Holm multiplies the smallest by four.
    before, now = row("1" * 8 + "0" * 12), row("0" * 20)
    (accuracy, *others) = judge(baseline(now), baseline(before)).checks
    assert accuracy.outcome is Outcome.FAILED
    assert (
        "accuracy 0.000, was 0.400 (n 20; 8 questions worse, 0 better); p 0.0039, 0.016 over all 4" in accuracy.message
    )
    assert all(check.outcome is Outcome.PASSED for check in others)
    assert judge(baseline(before), baseline(now)).exit_code == PASSED
    # Six are too few: 2**-6 * 4 > 0.05.
    assert judge(baseline(row("0" * 20)), baseline(row("1" * 6 + "0" * 14))).exit_code == PASSED


def test_a_failure_says_which_row() -> None:
    (failed,) = judge(baseline(row("0" * 20)), baseline(row("1" * 8 + "0" * 12))).having(Outcome.FAILED)
    assert failed.message.startswith("mmlu, solo: accuracy 0.000, was 0.400")


def test_each_figure_turns_as_often_as_its_share_lets_it() -> None:
    kept = row("01" * 100, unread="0" * 190 + "1" * 10)
    assert flips(kept, "right") == pytest.approx(0.5)
    assert flips(kept, "unread") == pytest.approx(2 * 0.05 * 0.95)
    assert flips(kept, "cut_off") == 0
    # So rises of small shares are found on questions that find no drop of that size.
    check_promises(baseline(kept, thresholds=Thresholds(max_unread_rise=0.15)))
    with pytest.raises(UsageError, match=r"max_drop 0\.15 cannot be promised.* where 50% of them turn either way"):
        check_promises(baseline(kept, thresholds=Thresholds(max_drop=0.15)))


def test_a_promise_beyond_what_there_is_is_refused() -> None:
    with pytest.raises(UsageError, match=r"max_drop 0\.2 is more than mmlu, solo has to lose: its accuracy is 0\.100"):
        check_promises(baseline(row("1" * 20 + "0" * 180), thresholds=Thresholds(max_drop=0.2)))
    with pytest.raises(UsageError, match=r"max_unread_rise 0\.2 is more than mmlu, solo can rise: it is at 0\.900"):
        check_promises(
            baseline(row("0" * 200, unread="1" * 180 + "0" * 20), thresholds=Thresholds(max_unread_rise=0.2))
        )


def test_more_flips_than_were_reckoned_with_cannot_be_judged() -> None:
    before = baseline(row("01" * 150), thresholds=Thresholds(max_drop=0.1, discordant=0.1))
    check_promises(before)
    calm, wild = row("10" * 12 + "01" * 138), row("10" * 120 + "01" * 30)
    assert judge(baseline(calm), before).exit_code == PASSED
    (check,) = judge(baseline(wild), before).having(Outcome.CANNOT_JUDGE)
    assert "80% of 300 questions turned one way or the other, more than the 10% that max_drop was" in check.message
    assert judge(baseline(row("0" * 300)), before).exit_code == REGRESSION  # what is found is found


def test_several_runs_are_one() -> None:
    runs = [baseline(row("1100"), run="a"), baseline(row("1010"), run="b")]
    whole = pooled(runs)
    assert (whole.rows["mmlu.0"].right, whole.rows["mmlu.0"].runs, whole.run) == ("2110", 2, "a, b")
    assert whole.rows["mmlu.0"].shares("right").tolist() == [1, 0.5, 0.5, 0]
    assert whole.rows["mmlu.0"].accuracy == 0.5
    before = baseline(row("1" * 20 + "0" * 10))
    worse = pooled([baseline(row("0" * 30)), baseline(row("1" * 4 + "0" * 26))])
    (failed,) = judge(worse, before).having(Outcome.FAILED)
    assert "n 30, 2 runs against 1; 20 questions worse, 0 better" in failed.message
    assert Baseline.model_validate_json(worse.model_dump_json()) == worse
    with pytest.raises(UsageError, match="b asked other questions than a"):
        pooled([runs[0], baseline(row("1010"), run="b", questions={"mmlu": ("a", "c")})])


def test_baselines_that_follow_each_step_down_are_told() -> None:
    def made(accuracy: dict[str, float] | None) -> Made:
        return Made(date="2026-01-01", reason="r", accuracy=accuracy)

    kept = baseline(row("10"), history=(made(None), made({"a": 0.6, "b": 0.2}), made({"a": 0.58}), made({"a": 0.55})))
    (told,) = ratcheted(kept)
    assert told.startswith(
        "a stands at 0.550, and an earlier baseline at 0.600: where a baseline follows each step down,"
    )
    assert list(ratcheted(baseline(row("10"), history=(made({"a": 0.5}),)))) == []


def test_tokens_fail_only_beyond_the_bound() -> None:
    before = row("1" * 20)
    for tokens, worse in ((105, False), (110, False), (111, True)):
        found = judge(baseline(row("1" * 20, tokens=(tokens,) * 20)), baseline(before))
        assert bool(found.having(Outcome.FAILED)) is worse
    wide = tuple(100 + 40 * (n % 2) for n in range(4))  # 20 % more, but four questions are not sure of it
    assert judge(baseline(row("1111", tokens=wide)), baseline(row("1111"))).exit_code == PASSED


def test_a_promise_that_cannot_be_kept_is_refused_with_the_number_that_could() -> None:
    kept = baseline(row("01" * 30), thresholds=Thresholds(max_drop=0.05, discordant=0.2))
    with pytest.raises(UsageError, match=r"max_drop 0\.05 cannot be promised: mmlu, solo has 60 questions") as refused:
        check_promises(kept)
    said = re.search(r"([\d,]+) questions could\.$", str(refused.value))
    assert said
    n = int(said[1].replace(",", ""))
    assert mcnemar_power(n, 0.2, 0.05, 2 * 0.05 / 4) >= 0.8
    assert mcnemar_power(n - 1, 0.2, 0.05, 2 * 0.05 / 4) < 0.8
    check_promises(baseline(row("01" * (n // 2 + 1)), thresholds=kept.thresholds))
    check_promises(baseline(row("01" * 30)))  # nothing is promised


@given(st.integers(20, 400), st.floats(0.02, 0.4))
def test_what_a_number_of_questions_finds_agrees_with_what_it_takes(n: int, discordant: float) -> None:
    kept = baseline(row("1" * n), thresholds=Thresholds(discordant=discordant))
    discordant = round(discordant, 4)
    least, alpha = finds(kept, n, discordant), 0.05 / 4
    if least is not None:
        assert caught(n, least, discordant=discordant, alpha=alpha) >= 0.8
        takes = needed(least, discordant=discordant, alpha=alpha, power=0.8)
        assert takes is not None
        assert takes <= n * 1.1 + 8  # chances of a discrete test go up and down by a little


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rows": {}}, "lacks 1 rows"),
        ({"sources": {"mmlu": "2"}}, "the data of mmlu are another"),
        ({"questions": {"mmlu": ("a", "c")}}, "other questions of mmlu"),
        ({"models": ("m 2",)}, "the models are others"),
        ({"config": "d"}, "configuration is another"),
    ],
)
def test_what_asked_something_else_is_not_judged(change: dict[str, object], says: str) -> None:
    _check_same(baseline(row("1")), baseline(row("1")))
    with pytest.raises(UsageError, match=says) as refused:
        _check_same(baseline(row("1"), **change), baseline(row("1")))
    assert "\n" not in str(refused.value)


def test_a_new_model_is_compared_on_the_suites_that_it_was_asked() -> None:
    before = baseline(row("1"), sources={"mmlu": "1", "math": "1"}, questions={"mmlu": ("a", "b"), "math": ("c",)})
    before = before.model_copy(update={"rows": before.rows | {"math.0": row("1").model_copy(update={"suite": "math"})}})
    now = baseline(row("1"), models=("m 2",))
    common = _in_common(now, before)
    assert list(common.rows) == list(now.rows)
    _check_same(now, common, new_model=True)
    with pytest.raises(UsageError, match="the data of mmlu are another"):
        _check_same(now.model_copy(update={"sources": {"mmlu": "2"}}), common, new_model=True)


def test_an_adapter_trained_anew_is_another_model() -> None:
    plain = ModelFacts("m", "vllm", "sha256:1", "bfloat16", 100)
    adapted = replace(plain, adapter=AdapterFacts("leader", "sha256:2"))
    again = replace(plain, adapter=AdapterFacts("leader", "sha256:3"))
    assert _weights(plain) == "m sha256:1"
    assert len({_weights(one) for one in (plain, adapted, again)}) == 3


def test_a_server_that_is_asked_anew_is_the_same_model() -> None:
    served = ModelFacts("m", "api", "m", "unknown", 100)
    assert _weights(replace(served, revision=f"m {ASKED_ANEW} 2")) == _weights(served) == "m m"


def test_a_recording_keeps_how_long_each_turn_could_become() -> None:
    member = Member(model="m", engine="scripted", sampling=SamplingChoice(temperature=0.5, max_tokens=30))
    turns: list[dict[str, Any]] = [
        {"seat": "leader", "request": name, "read": [{"role": "user", "content": "?"}]} for name in ("usual", "bounded")
    ]
    turns[1]["max_tokens"] = 7
    run: Any = SimpleNamespace(transcripts=lambda _: [{"question": "q", "turns": turns}])
    suite: Any = SimpleNamespace(samples=[SimpleNamespace(question=SimpleNamespace(id="q"), sampling=Sampling())])
    cell = Cell("bbh", Setting(Team(leader=member), Solo()), "solo")
    recorded = {request: one.sampling for request, one in _asked(run, cell, suite)}
    assert recorded["usual"] == Sampling(temperature=0.5, max_tokens=30)
    assert recorded["bounded"] == Sampling(temperature=0.5, max_tokens=7)


# What Jenkins and others take: https://github.com/jenkinsci/xunit-plugin, junit-10.xsd.
ALLOWED = {
    "testsuites": ({"name", "tests", "failures", "errors", "time", "disabled"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "time"}, {"testcase"}),
    "testcase": ({"classname", "name", "time"}, {"failure", "error", "system-out"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "system-out": (set(), set()),
}


@given(JUDGEMENTS)
def test_junit_is_what_build_servers_read_whatever_texts_hold(judgement: Judgement) -> None:
    root = ET.fromstring(junit(judgement))
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    assert int(root.attrib["tests"]) == len(judgement.checks) == len(root.findall("testsuite/testcase"))
    assert int(root.attrib["failures"]) == len(root.findall(".//failure")) == len(judgement.having(Outcome.FAILED))
    assert int(root.attrib["errors"]) == len(root.findall(".//error")) == len(judgement.having(Outcome.CANNOT_JUDGE))
    for suite in root:
        assert int(suite.attrib["tests"]) == len(suite)


def test_junit_keeps_hostile_text_as_text() -> None:
    hostile = '</failure><![CDATA[x]]> & "quoted" \x00\x1b[31m \ud800'
    (failure,) = ET.fromstring(junit(Judgement("t", (Check.of("g", "n", hostile, failed=True),)))).iter("failure")
    assert failure.attrib["message"] == '</failure><![CDATA[x]]> & "quoted" [U+0000][U+001B][31m [U+D800]'


@given(JUDGEMENTS)
def test_annotations_are_a_line_each_and_never_another_command(judgement: Judgement) -> None:
    lines = list(workflow_commands(judgement))
    telling = [check for check in judgement.checks if check.outcome is not Outcome.PASSED]
    assert len(lines) == min(len(telling), 10)
    for line in lines:
        assert len(line.splitlines()) == 1
        assert re.match(r"::(error|warning) title=[^:,]*::", line)
        line.encode()


@pytest.mark.parametrize(
    ("failed", "refused", "last"),
    [
        (0, 12, "::warning title=gate::Beside these, 3 checks could not be judged."),
        (12, 0, "::error title=gate::Beside these, 3 checks failed."),
        (10, 2, "::error title=gate::Beside these, 1 check failed and 2 checks could not be judged."),
        (1, 11, "::warning title=gate::Beside these, 3 checks could not be judged."),
    ],
)
def test_the_rest_of_many_annotations_is_told_for_what_it_is(failed: int, refused: int, last: str) -> None:
    checks = [Check("g", "n", Outcome.FAILED, "m")] * failed + [Check("g", "n", Outcome.CANNOT_JUDGE, "m")] * refused
    assert list(workflow_commands(Judgement("t", tuple(checks))))[-1] == last


def test_an_annotation_escapes_as_github_asks() -> None:
    check = Check.of("bbh", "a, b", "50 %\n::set-output name=x::y", failed=True)
    (line,) = workflow_commands(Judgement("t", (check,)))
    assert line == "::error title=bbh%3A a%2C b::50 %25%0A::set-output name=x::y"


@given(JUDGEMENTS)
def test_a_summary_has_a_row_for_each_check_whatever_texts_hold(judgement: Judgement) -> None:
    text = markdown(judgement)
    text.encode()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(judgement.checks)
    for line in rows[2:]:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 5
        assert not re.search(r"(?<!\\)(?:\\\\)*<", line)


@given(JUDGEMENTS)
def test_a_terminal_takes_no_orders_from_texts(judgement: Judgement) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    print_judgement(judgement, console)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", written)


def test_own_questions_are_laid_out_as_suites(tmp_path: Path) -> None:
    lay_out(RECORDING / "questions.yaml", tmp_path)
    asked = {suite: questions.load(suite, "test", tmp_path).items for suite in ("bbh", "mmlu", "math")}
    own = {i.id: i for items in asked.values() for i in items if not i.text.startswith("Nothing is asked")}
    assert len(own) == 14
    assert own["bbh/navigate/1"].gold == "Yes"
    assert own["mmlu/astronomy/test-0"].gold == "(A)"
    assert own["math/algebra/0"].gold == "6"
    assert len({item.answer_format for item in own.values()}) == 9
    for suite, tested in asked.items():
        assert {item.subject for item in tested} == set(questions.SUITES[suite].subjects)
        assert not {i.text for i in tested} & {i.text for i in questions.load(suite, "train", tmp_path).items}
    rows = list(csv.reader(io.StringIO((tmp_path / "mmlu/test/astronomy_test.csv").read_text())))
    assert len(rows) == 1
    assert len(json.loads((tmp_path / "bbh/navigate.json").read_text())["examples"]) == 2


def test_a_recorded_model_stands_for_another_and_says_what_it_lacks() -> None:
    spec = ModelSpec(model="smollm2-135m", engine="recorded", revision=IDENTITY, context=2048)
    engine = asyncio.run(open_engine(spec))
    assert isinstance(engine, RecordedEngine)
    assert engine.facts.fingerprint == f"smollm2-135m|{IDENTITY}"
    asked = (Message("system", "s"), Message("user", "q \u202e"))
    sampling = Sampling(temperature=0.3, stop=("x",))
    with pytest.raises(EngineError) as fault:
        asyncio.run(engine.complete(asked, sampling, 1))
    assert not fault.value.transient
    found = missing(str(fault.value))
    assert found is not None
    assert (found.messages, found.sampling) == (asked, sampling)
    assert missing("the machine is on fire") is None
    with pytest.raises(ValidationError, match="revision"):
        ModelSpec(model="smollm2-135m", engine="recorded", revision="main")


def test_the_nearest_request_is_found_and_told_apart() -> None:
    sampling = Sampling()
    texts = {"01": "Is the sea deep or wide?", "02": "You lead. Attempts: first one. second one. Weigh them."}
    recording = Recording(Path())
    for request, text in texts.items():
        recording.requests[request] = Recorded(None, (Message("user", text),), sampling)  # type: ignore[arg-type]
    turns = (TurnSeen("peer 1", 0, 0, 0, "01", None, False), TurnSeen("leader", 0, 1, 0, "02", None, False))
    held = Conversation("c", "q", turns)
    for text, says in (
        (
            "You guide. Attempts: first one. second one. Weigh them.",
            "You [-lead.-] {+guide.+} Attempts: first one. second",
        ),
        ("You lead. Attempts: second one. first one. Weigh them.", "the same words in another order: "),
        ("You lead. Attempts:  first one. second one. Weigh them.", "spaced differently"),
        (texts["02"], "the same prompt and sampling"),
    ):
        asked = Recorded(None, (Message("user", text),), sampling)  # type: ignore[arg-type]
        turn = closest(asked, held, recording)  # type: ignore[arg-type]
        assert turn is not None
        assert turn.place == "leader, round 1"
        assert says in told_apart(asked, recording.requests[turn.request])
    warmer = Recorded(None, (Message("user", texts["02"]),), Sampling(temperature=0.9))  # type: ignore[arg-type]
    assert told_apart(warmer, recording.requests["02"]) == "temperature 0.9, was 0.7"
