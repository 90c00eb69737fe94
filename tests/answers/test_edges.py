"""Readings and comparisons at the edges of what rules cover, each with the value that a careful person gives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from mlpo_bench import answers
from mlpo_bench.answers import latex, mathematics, referees, values
from mlpo_bench.answers.spans import accepted
from mlpo_bench.errors import EngineError, UsageError


WHOLE, THIRTEENTHS = r"\begin{pmatrix}9&6\\6&4\end{pmatrix}", r"\begin{pmatrix}9/13&6/13\\6/13&4/13\end{pmatrix}"


@pytest.mark.parametrize(
    ("answer", "gold", "equal"),
    [
        ("x=3", "y=3", False),
        ("y=2x", "x=y/2", True),
        ("y=2x", "x=2y", False),
        (r"\{\pm 2\}", r"\{2,-2\}", True),
        (r"\{\pm 2\}", r"\{2\}", False),
        (r"\{1,2\}", r"\{1,3\}", False),
        (r"\{1,2\}", "(1,2)", False),
        ("{1;2}", "{2,1}", True),
        ("1/2 or 3", "{0.5,3}", True),
        ("3 dozen", "36", True),
        ("3 dozen", "3", False),
        (r"\frac 1{2}", "0.5", True),
        (r"\frac{1}2", "0.5", True),
        (r"\frac{1}2", "0.6", False),
        (r"1\frac{1}{0}", "1", False),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)", False),
        (r"\langle 1,2\rangle", r"\begin{pmatrix}1\\2\end{pmatrix}", True),
        (r"\langle 1,2\rangle", r"\begin{pmatrix}2\\1\end{pmatrix}", False),
        (r"\langle 1,2\rangle", r"\begin{pmatrix}1&2\end{pmatrix}", False),
        ("sqrt(2)", r"\sqrt{2}", True),
        ("sqrt(2", r"\sqrt{2}", False),
        ("x<1 or x>2", r"(-\infty,1)\cup(2,\infty)", True),
        ("x<1 or 2", r"(-\infty,1)\cup(2,\infty)", False),
        ("x>1, x<2", "(1,2)", True),
        ("x>1 and x<2", "(1,2)", True),
        ("x<1 and x>2", "(1,2)", False),
        ("x>1, y<2", "(1,2)", False),
        ("x>1, x>2", r"(2,\infty)", False),
        ("1<2<3<x", r"(3,\infty)", False),
        ("x<y", "(1,2)", False),
        ("a=b=3", "3", True),
        (r"\sin=1", "1", False),
        (r"\alpha=1", "1", True),
        ("(1", "1", False),
        ("twenty thirty", "50", False),
        ("three four", "7", False),
        ("two hundred and five", "205", True),
        ("three thousand", "3000", True),
        ("60 miles per hour", "60", True),
        ("one tenth", "0.1", True),
        ("three tenths", "0.3", True),
        (r"\frac\pi4", r"\frac{\pi}{4}", True),
        (r"\frac \pi 4", r"\frac{\pi}{5}", False),
        ("8 centimeters cubed", r"8\text{ cm}^3", True),
        ("8 meters cubed", "8 m^2", False),
        ("[[1,2],[3,4]]", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", True),
        ("[[1,2],[3,4]]", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", False),
        ("1<x<2", "1<x<2", True),
        ("1<y<2", "1<x<2", False),
        ("y=-2, x=1", "(1,-2)", True),
        ("y=-2, x=1", "(-2,1)", False),
        (", ".join(map(str, range(300))), "1", False),
        ("5 sq. meters", r"5\text{ square meters}", True),
        ("5 sq. feet", "5 m^2", False),
        ("3 metres squared", r"3\text{ m}^2", True),
        ("3 metres squared", r"3\text{ m}", False),
        ("5 apples per basket", "5", True),
        ("15}", "5", False),
        ("{x+1}", "x+1", True),
        (r"\text{{5}}", "5", True),
        ("x<1 or x>2", "x<1 or x>2", True),
        ("x<1 or x>2", "y<1 or y>2", False),
        ("2xy", "2yx", True),
        ("2xy", "2yz", False),
        ("1, 2 or 3", "1,2,3", True),
        ("{1,2 and 3}", "{1,2,3}", True),
        (r"\{1, (2,3)\}", r"\{1,2,3\}", False),
        ("1<2<3", "(1,3)", False),
        ("1<x<y", "(1,y)", False),
        (r"0.1\overline{6}", r"\frac{1}{6}", True),
        (r"1.2\overline{3}", r"\frac{37}{30}", True),
        (r"1.2\overline{3}", r"\frac{37}{3}", False),
        ("5cm", "5 cm", True),
        ("5cm", "5 m", False),
        (r"\{1,2", r"\{1,2\}", False),
        (r"1,2\}", r"\{1,2\}", False),
        (r"-1\frac{1}{2}", "-3/2", True),
        (r"-1\frac{1}{2}", "3/2", False),
        (r"-0.\overline{3}", "-1/3", True),
        ("150 cents", "1.5 dollars", True),
        ("1.5 dollars", "150 cents", True),
        ("150 cents", "1.50 cents", False),
        ("150 dollars", "1.50 cents", False),
        (r"{\text{{3}}}", "3", True),
        (r"\Delta+\Delta", r"2\Delta", True),
        (r"2\Omega", r"2\Delta", False),
        ("5 apples in boxes", "5", True),
        (
            rf"\frac{{1}}{{13}}{WHOLE}",
            THIRTEENTHS,
            True,
        ),
        (
            THIRTEENTHS,
            rf"\frac{{1}}{{13}}{WHOLE}",
            True,
        ),
        (
            rf"\frac{{1}}{{12}}{WHOLE}",
            THIRTEENTHS,
            False,
        ),
        (r"\frac{1}{13}\begin{pmatrix}9\\6\end{pmatrix}", r"\begin{pmatrix}9\\6\end{pmatrix}", False),
        (r"\begin{pmatrix}9\\6\end{pmatrix}", r"\frac{1}{13}\begin{pmatrix}9\\6\end{pmatrix}", False),
        (r"\frac17\begin{bmatrix}2\\3\end{bmatrix}", "(2/7,3/7)", True),
        (r"\frac17\langle 2,3\rangle", r"\begin{pmatrix}2/7\\3/7\end{pmatrix}", True),
        (r"-\begin{pmatrix}2\\-3\end{pmatrix}", r"\begin{pmatrix}-2\\3\end{pmatrix}", True),
        (r"-\begin{pmatrix}2\\-3\end{pmatrix}", r"\begin{pmatrix}2\\-3\end{pmatrix}", False),
        (r"\mathbf{v}=2\begin{pmatrix}2\\-3\end{pmatrix}", r"\begin{pmatrix}4\\-6\end{pmatrix}", True),
        (r"\sqrt{2}\cdot\begin{pmatrix}2\\1\end{pmatrix}", r"\begin{pmatrix}2\sqrt2\\\sqrt2\end{pmatrix}", True),
        ("1/2[[1,2],[3,4]]", r"\begin{pmatrix}1/2&1\\3/2&2\end{pmatrix}", True),
        (r"2-\begin{pmatrix}2\\4\end{pmatrix}", r"\begin{pmatrix}-4\\-8\end{pmatrix}", False),
        (r"2+\begin{pmatrix}2\\4\end{pmatrix}", r"\begin{pmatrix}4\\8\end{pmatrix}", False),
        (r"A\begin{pmatrix}2\\4\end{pmatrix}", r"\begin{pmatrix}2\\4\end{pmatrix}", False),
        (
            r"2\begin{pmatrix}1\\2\end{pmatrix}+\begin{pmatrix}1\\2\end{pmatrix}",
            r"\begin{pmatrix}2\\4\end{pmatrix}",
            False,
        ),
        ("279_{10}", "279", True),
        ("279", "279_{10}", True),
        ("279_{10}", "278", False),
        ("279_{9}", "279", False),
        ("1011", "1011_2", True),
        ("1011_2", "1011", False),
        ("1011_3", "1011_2", False),
        ("1011_{10}", "1011_2", False),
        ("11", "1011_2", False),
        ("a", "a_2", False),
        ("3, 125", "3125", False),
        ("3, 125", r"3,\!125", False),
        ("3, 125", "125, 3", True),
        (r"3,\! 125", "3125", True),
        ("3125", r"3, \! 125", True),
        ("3 125", "3125", True),
        (r"45^\circ,135^\circ", r"45^\circ, 135^\circ", True),
        ("45, 135", r"45^\circ, 135^\circ", True),
        ("45135", r"45^\circ, 135^\circ", False),
        (r"\$70,\$110", r"\$70, \$110", True),
        (r"\$70,110", r"\$70110", True),
        ("70, 110", "70,110", True),
        ("70,110", "70,110", True),
        ("70, 111", "70,110", False),
        ("3/4 \\pi", r"\frac{3\pi}{4}", True),
        ("3/4 \u03c0", r"\frac{3\pi}{4}", True),
        ("3/4 \\pi", r"\frac{3}{4\pi}", False),
        ("1/2 sqrt(3)", r"\frac{\sqrt{3}}{2}", True),
    ],
)
def test_expressions_are_equal_or_not(answer: str, gold: str, equal: bool) -> None:
    assert answers.judge("maths", answer, gold) is equal


ASKED = "Which city?\nOptions:\n(A) Riga\n(B) Tallinn"
TWICE = "Which city?\nOptions:\n(A) Riga\n(B) Riga"
LIAR = "Ann says that Bob lies. Does Ann tell the truth?"


@pytest.mark.parametrize(
    ("form", "text", "question", "answer"),
    [
        ("maths", r"So we get \boxed{1} and \boxed{2}", "", "1, 2"),
        ("maths", "**x = 10**", "", "10"),
        ("maths", r"\boxed{1/2 (or 50%)}", "", "1/2"),
        ("maths", r"\boxed{1/2 (or 1/3)}", "", "1/2 (or 1/3)"),
        ("maths", r"\boxed{x \approx 2.718}", "", "2.718"),
        ("maths", r"\boxed{e \approx 2.718}", "", "e"),
        ("maths", r"\boxed{\sqrt{2} \approx 1.41}", "", r"\sqrt{2}"),
        ("number", "So be it\nForty-two", "", "42"),
        ("words", "<answer>ant then bee then cat</answer>", "", "ant bee cat"),
        ("words", "<answer>ant, then bee</answer>", "", "ant then bee"),
        ("yes_no", "The sentence is not implausible.", "", "Yes"),
        ("yes_no", "The sentence is not plausible.", "", "No"),
        ("yes_no", "The sentence is implausible.", "", "No"),
        ("option", "B. Tallinn\nC. Riga\nI know both", "", None),
        ("number", "The answer is 3 \u00d7 10\u2075.", "", "300000"),
        ("gym", "<answer>x = 5</answer>", "", "5"),
        ("gym", "<answer>x = 5, y = 6</answer>", "", "x = 5, y = 6"),
        ("words", 'I sorted them.\nx = ["ant", "bee"]', "", "ant bee"),
        ("words", "<answer>The list\nis ant bee</answer>", "", None),
        ("option", "<answer>(I) fits</answer>", "", "(I)"),
        ("option", "<answer>I fit</answer>", "", None),
        ("option", "The answer is a because it fits.", "", "(A)"),
        ("option", "I thought about it for a while.\nB) tall", "", None),
        ("option", "My choice:\nB) tall", "", "(B)"),
        ("option", "(A) x\n(B) y\nLet me see which of them it is:\n(C) z", "", None),
        ("option", "I looked. Agent 2: <answer>(B)</answer>", ASKED, None),
        ("option", "I agree with agent 2: <answer>(B)</answer>", ASKED, "(B)"),
        ("valid_invalid", "One step is invalid but two are valid but the whole argument is invalid.", "", "invalid"),
        ("yes_no", "Ann tells the truth.", LIAR, "Yes"),
        ("yes_no", "**Yes**, it goes on\nFirst we go east. Then we go on and", "", "Yes"),
        ("true_false", "False. I looked at it\nFirst part\nSecond part goes on", "", "False"),
        ("maths", "So the sum is equal to 12!", "", "12"),
        ("maths", "So it is 12!", "", "12"),
        ("maths", r"The answer is $\frac{1}{2}$ metres.", "", r"\frac{1}{2}"),
        ("maths", "1. It may be $2$.\n2. It may be $3$.", "", None),
        ("maths", '{"answer": 3, x', "", "3"),
        ("maths", r"\boxed{...} \boxed{7}", "", "7"),
        ("maths", r"\boxed{ so \boxed{7}", "", "7"),
        ("maths", "So we have\ny = 2X.", "", "2X"),
        ("maths", "So it equals 2X!", "", "2X"),
        ("number", "So is the answer 7?**", "", None),
        ("valid_invalid", "Therefore the argument is not convincing but clear but invalid.", "", "invalid"),
        ("words", "Sorted: Xavier, Max", "", "xavier max"),
        ("yes_no", "The an\u017fwer is Ye\u017f.", "", "Yes"),
        ("yes_no", "THE ANSWER \u0130S YES.", "", "Yes"),
        ("yes_no", "The answer \u0131s no.", "", "No"),
        ("yes_no", "Bob tells the truth.", LIAR, None),
        ("yes_no", "Ann does not tell the truth.", LIAR, "No"),
        ("words", "Sorted: ant, 'bee', \"cat\"", "", "ant bee cat"),
        ("words", "sorted: ant bee. cat dog", "", None),
        ("words", "- ant\n- bee", "", "ant bee"),
        ("option", "Tallinn", ASKED, "(B)"),
        ("option", "(B) Tallinn\nBecause it is the capital of Estonia.", ASKED, "(B)"),
        ("option", "(A) Riga\n(B) Tallinn", ASKED, None),
        ("option", "Riga", TWICE, None),
        ("option", "Consider all options:\nA", ASKED, None),
        ("option", "Tallinn", "Which city?", None),
        # first, and the others explained below
        ("option", "**B. Tallinn**\n\nHere's why:\n- A. Riga is in Latvia.\n- C. It is no city.", ASKED, "(B)"),
        ("option", "(B) Tallinn\n\nWhy not the others:\n(A) Riga lies in Latvia.\n(C) No.", ASKED, "(B)"),
        ("option", "(A) Riga\n\n(B) Tallinn\n(C) Vilnius", ASKED, None),
        ("option", "(A) Riga\n\nLet me go through them:\n(A) is no.\n(B) may be", ASKED, None),
        ("option", "(B) Riga\n\nWhy not the others:\n(A) Tallinn\n(C) No.", ASKED, None),
        # closing sentences
        ("option", "Therefore, option B (Tallinn) is correct.", "", "(B)"),
        ("option", "Option (B), Tallinn, is correct.", "", "(B)"),
        ("option", "Option B (Tallinn) is wrong.", "", None),
        ("option", "Option (B), Tallinn, is not correct.", "", None),
        ("option", "Option A (or B) is correct.", "", None),
        ("option", "This leaves us with (B).", "", "(B)"),
        ("option", "I'm updating my answer from (A) to (B).", "", "(B)"),
        ("option", "I change my answer from B to A.", "", "(A)"),
        ("option", "I won't change my answer from B to A.", "", None),
        ("option", "After weighing all proposals, I conclude (B).", "", "(B)"),
        ("option", "Both fit.\nFinal: B", "", "(B)"),
        ("option", "My vote: **B**", "", "(B)"),
        ("option", "Both fit.\nDecision: (A)", "", "(A)"),
        # in Chinese: so choose B; the right option is B; the answer should be B; option A is wrong and B is right
        ("option", "\u56e0\u6b64\u9009B\u3002", "", "(B)"),
        ("option", "\u672c\u9898\u5e94\u8be5\u9009 B", "", "(B)"),
        ("option", "\u4e0d\u5e94\u9009B\u3002", "", None),
        ("option", "\u6b63\u786e\u7684\u9009\u9879\u662fB\u3002", "", "(B)"),
        ("option", "\u7b54\u6848\u5e94\u4e3a (B)", "", "(B)"),
        ("option", "\u9009\u9879A\u9519\u8bef\uff0c\u9009\u9879B\u6b63\u786e\u3002", "", "(B)"),
        ("option", "\u9009\u9879B\u9519\u8bef\u3002", "", None),
    ],
)
def test_a_text_is_read(form: str, text: str, question: str, answer: str | None) -> None:
    assert answers.read(form, text, question=question) == answer


def test_letters_side_by_side_are_a_product_of_letters_that_the_other_side_has() -> None:
    assert values.understood("si", "is")
    assert not values.understood("si", r"\sin")
    assert values.understood(r"2\Delta", "x")
    assert latex.canonical(r"-0.\overline{3}") == r"-\frac{1}{3}"


def test_an_option_is_held_against_others_by_its_letter_as_it_is_written() -> None:
    assert answers.FORMATS["option"].key("(b)") == "B"


def test_the_last_line_of_a_text_that_was_cut_off_names_no_option() -> None:
    text = "The options are many. I think it is (B)"
    assert answers.read("option", text, question=ASKED) == "(B)"
    assert answers.read("option", text, question=ASKED, cut_off=True) is None


@pytest.mark.parametrize(
    ("answer", "gold", "equal"), [("3.50", "3.5", True), ("3.5", "3", False), ("-0.50", "-.5", True)]
)
def test_numbers_among_words_are_equal_or_not(answer: str, gold: str, equal: bool) -> None:
    assert answers.judge("literal", answer, gold) is equal


def test_an_answer_is_written_and_quoted_as_a_model_would_write_it() -> None:
    assert answers.written("maths", r"\frac12") == r"$\frac12$"
    assert answers.quoted("maths", "2") == "$2$"
    assert answers.written("phrase", "Salt") == "Salt"
    assert answers.key("phrase", " Salt ") == answers.key("phrase", "salt")
    assert answers.quoted("gym", "(3, 4)") == "(3, 4)"
    with pytest.raises(UsageError, match="no answer format is called 'math'; did you mean 'maths'"):
        answers.read("math", "2")


@pytest.mark.parametrize(
    ("gold", "parts"),
    [
        ('[["4"], ["four", "4.0"]]', [["4"], ["four", "4.0"]]),
        ("[]", [["[]"]]),
        ('["4"]', [['["4"]']]),
        ("ant|bee", [["ant", "bee"]]),
        ("ant", [["ant"]]),
    ],
)
def test_accepted_spans_are_lists_of_parts(gold: str, parts: list[list[str]]) -> None:
    assert accepted(gold) == parts


def test_parts_that_would_be_compared_after_the_time_for_it_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mathematics, "_SECONDS", -1.0)
    mathematics._equal.cache_clear()
    try:
        assert not answers.judge("maths", r"1+\sqrt2", r"\sqrt{2}+1")
    finally:
        mathematics._equal.cache_clear()  # what was not compared is no verdict for other tests


def test_a_process_that_does_not_start_is_a_fault_and_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(referees, "_SCRIPT", "no script")
    some = referees.Referees(1)
    with pytest.raises(EngineError, match="the process that compares mathematical answers does not start") as fault:
        some.same("1", "1")
    assert not fault.value.transient


def test_what_a_process_that_compares_died_of_is_told() -> None:
    referee = referees._Referee(2.5)
    try:
        assert os.getsid(referee._process.pid) != os.getsid(0), "a terminal's Ctrl-C would end it"
        referee._ended(-signal.SIGPROF, 60.0)
        assert (referee.overdue, referee.fault) == (True, None)
        referee._ended(1, 60.0)
        assert (referee.overdue, referee.fault) == (False, None)
        referee._ended(-signal.SIGKILL, 60.0)
        assert (referee.overdue, referee.fault) == (False, "was killed, as the system does for want of memory")
        referee.given_up = True
        referee._ended(-signal.SIGKILL, 60.0)
        assert (referee.overdue, referee.fault) == (False, "neither answered nor computed for 60 s")
    finally:
        referee.end()


def verdicts(*pairs: tuple[str, str]) -> list[bool]:
    """Have a process compare pairs, as `Referees` starts it, until its input ends."""
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    words = [sys.executable, "-P", str(referees._SCRIPT), str(os.getpid()), "2.5"]
    done = subprocess.run(words, input=lines, capture_output=True, text=True, check=True)
    ready, *told = done.stdout.splitlines()
    assert ready == "ready"
    assert all(0 <= json.loads(line)[1] < 5 for line in told)
    return [json.loads(line)[0] for line in told]


EQUAL = [
    (r"\frac{1}{2}", "0.5"), ("2i+1", "1+2i"), ("0.333333", r"\frac{1}{3}"), (r"\sin^2 x+\cos^2 x", "1"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&\frac42\\3&4\end{pmatrix}"), (r"\infty", r"\infty"),
    ("(i+1)^2", "2i"), (r"\sqrt{2}", r"\sqrt[4]{4}"),
]  # fmt: skip
DIFFERENT = [
    ("0.33", r"\frac{1}{3}"), ("0.0000001", "0.0000002"), ("1", ""), (r"\frac{", "1"), (r"\infty", "1"), ("x", "y"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"), ("i", "-i"), ("0.333333", "0.333334"),
]  # fmt: skip


def test_the_process_compares_values() -> None:
    told = dict(zip([*EQUAL, *DIFFERENT], verdicts(*EQUAL, *DIFFERENT), strict=True))
    assert [pair for pair in EQUAL if not told[pair]] == []
    assert [pair for pair in DIFFERENT if told[pair]] == []
