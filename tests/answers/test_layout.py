"""LaTeX that stands for the same is the same, however it is set; and what says more than a value is not that value."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


MATRIX = r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"
MATRICES = [
    r"\begin{pmatrix} 1 & 2 \\[4pt] 3 & 4 \end{pmatrix}",
    r"\begin{pmatrix} 1 & 2 \\ [-0.5em] 3 & 4 \\[2pt] \end{pmatrix}",
    r"\begin{pmatrix} 1 & 2 \\* 3 & 4 \end{pmatrix}",
    r"\begin{pmatrix} 1 & 2 \cr 3 & 4 \cr \end{pmatrix}",
    r"\begin{bmatrix} 1 & 2 \tabularnewline 3 & 4 \end{bmatrix}",
    r"\begin{array}[t]{|c|c|} \hline 1 & 2 \\ \hline 3 & 4 \\ \hline \end{array}",
    r"\left(\begin{smallmatrix} 1 & 2 \\ 3 & 4 \end{smallmatrix}\right)",
    r"\begin{pmatrix*}[r] 1 & 2 \\ 3 & 4 \end{pmatrix*}",
    r"\pmatrix{1 & 2 \cr 3 & 4}",
]
SAME = [
    (r"\dbinom{6}{2}", "15"), (r"\tbinom{n}{2}", r"\binom{n}{2}"), (r"\dbinom62", "15"), (r"\binom{13}2", "78"),
    (r"\lvert x-3\rvert", "|3-x|"), (r"\left\lvert x\right\rvert", "|x|"), (r"2\vert x\vert", "2|x|"),
    (r"\lvert -5\rvert", "5"), (r"\abs{x}", "|x|"), (r"\operatorname{abs}(x)", "|x|"), (r"\bigl|x\bigr|", "|x|"),
    (r"\left\lVert v\right\rVert", r"\|v\|"), (r"\Vert v\Vert", r"\|v\|"), (r"\norm{v}", r"\|v\|"),
    (r"\left\{x \,\middle|\, x > 2\right\}", r"(2,\infty)"), (r"\{x \mid x > 2\}", r"(2,\infty)"),
    ("4{:}3", "4:3"), ("4{:}3", r"\frac{4}{3}"), (r"4\colon 3", "4:3"), (r"4\mathbin{:}3", "4:3"),
    (r"1\!:\!2\!:\!3", "1{:}2{:}3"), ("8{:}30", "8:30"),
    (r"{\displaystyle \frac12}", "0.5"), (r"\scriptstyle 5", "5"), (r"\bigl(3,4\bigr)", "(3,4)"),
    (r"\mathopen(3,4\mathclose)", "(3,4)"), (r"\mathopen{}\left(3,4\right)\mathclose{}", "(3,4)"),
    (r"\mathopen{(}3,4\mathclose{)}", "(3,4)"), (r"\phantom{-}5", "5"), (r"5\vphantom{\frac{1}{2}}", "5"),
    (r"5\hspace{1cm}", "5"), (r"3,\hspace*{1em}4", "3,4"), (r"5\kern2pt", "5"), (r"5\mkern-3mu", "5"),
    (r"x\medspace+\thickspace 1", "x+1"), (r"\negthinspace 5\enspace", "5"), (r"3,\quad 4", "3,4"),
    (r"10\,000", "10000"), (r"5\;", "5"), (r"\smash[b]{5}\mathstrut", "5"), (r"5\nonumber", "5"), (r"5\tag{1}", "5"),
    (r"\operatorname{sin}(x)", r"\sin(x)"), (r"2\mathrm{cos}\, x", r"2\cos x"),
    (r"\operatorname*{max}(a,b)", r"\max(a,b)"),
    (r"\operatorname{lcm}(a,b)", r"\text{lcm}(a,b)"), (r"\textup{12}", "12"), (r"\textsf{12}", "12"),
    (r"{\mathbf 12}", "12"), (r"\mathrm e^{2}", "e^2"), (r"\textbf{$\frac{1}{2}$}", "0.5"),
    (r"\boldsymbol{x+1}", "x+1"),
    (r"\textsc{Evelyn}", "Evelyn"), (r"\ensuremath{5}", "5"), (r"\nicefrac{1}{2}", "0.5"), (r"\tfrac12", "0.5"),
    (r"\cfrac{1}{1+\cfrac{1}{2}}", r"\frac23"), (r"45\degree", r"45^\circ"), (r"45^{\degree}", "45"),
    (r"45\textdegree", r"45^{\circ}"), ("45^o", "45 degrees"), (r"45^{\text{o}}", "45"), (r"45{^\circ}", "45"),
    (r"45\ensuremath{^\circ}", "45"), (r"\ang{45}", r"45^\circ"), (r"\sin 30\degree", "0.5"),
    (r"1,2,\dots,9", r"1,2,\ldots,9"), ("1,2,...,9", r"1,2,\cdots,9"), ("0.333...", r"\frac13"),
    (r"0.3\dotsc", "0.3..."),
]  # fmt: skip
OTHER = [
    (r"\begin{pmatrix} 1 & 2 \\[4pt] 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 4 & 3 \end{pmatrix}"),
    (r"\begin{pmatrix} 1 \cr 2 \end{pmatrix}", r"\begin{pmatrix} 2 \\ 1 \end{pmatrix}"),
    (r"\begin{vmatrix} 1 & 2 \\ 3 & 4 \end{vmatrix}", MATRIX), (r"\tbinom{6}{2}", "16"), (r"\dbinom62", "62"),
    (r"\lvert x\rvert", "x"), (r"\lvert -5\rvert", "-5"), (r"\lVert v\rVert", "|v|"), ("4{:}3", "3:4"), ("4{:}3", "43"),
    (r"\phantom{-}5", "-5"), (r"5\phantom{0}", "50"), (r"2\,3", "23"), (r"\operatorname{sin}(x)", r"\cos(x)"),
    (r"5\hspace{1cm}", "51"), ("x^o", "x"), (r"45^\circ", r"46^\circ"), ("10...", "10"), (r"10,\ldots", "10"),
    (r"1,2,\dots,9", "1,2,9"), (r"3.14\dots", "3.14"), (r"\mathbb{R}", "R"),
]  # fmt: skip


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_row_ends_by_any_name(matrix: str) -> None:
    assert answers.judge("maths", matrix, MATRIX)


@pytest.mark.parametrize(("answer", "gold"), SAME)
def test_layout_says_nothing(answer: str, gold: str) -> None:
    assert answers.judge("maths", answer, gold)
    assert answers.judge("maths", gold, answer)


@pytest.mark.parametrize(("answer", "gold"), OTHER)
def test_what_says_something_else_is_something_else(answer: str, gold: str) -> None:
    assert not answers.judge("maths", answer, gold)


@pytest.mark.parametrize(
    ("form", "text", "answer"),
    [
        ("option", r"\boxed{\displaystyle (B)}", "(B)"),
        ("option", r"\boxed{\Large\textbf{B}}", "(B)"),
        ("option", r"\boxed{\bigl( \textup{B} \bigr)}", "(B)"),
        ("option", r"\boxed{\text{B}\hspace{1cm}}", "(B)"),
        ("yes_no", r"\boxed{\displaystyle\text{No}}", "No"),
        ("number", r"\boxed{\phantom{0}12}", "12"),
        ("words", r"\boxed{\text{ape}\hspace{1em}\text{bat}}", "ape bat"),
        ("literal", r"\boxed{\textsc{Rome}}", "Rome"),
        ("maths", "\\begin{align*} x &= 3+4 \\\\[6pt] &= 7 \\end{align*}", "7"),
        ("maths", r"The answer is \[\pmatrix{1 \\[4pt] 2}\]", r"\pmatrix{1 \\[4pt] 2}"),
    ],
)
def test_layout_hides_no_answer(form: str, text: str, answer: str) -> None:
    assert answers.read(form, text) == answer


@pytest.mark.parametrize(
    ("text", "answer", "number"),
    [
        (r"\boxed{10,...}", r"10,\ldots", None),
        (r"\boxed{10, \ldots}", r"10, \ldots", None),
        (r"<answer>1, 2, ...</answer>", r"1, 2,\ldots", None),
        (r"\boxed 10, \ldots", None, None),
        (r"\boxed{10, \dots", None, None),
        ("The answer is 10, ...", r"10,\ldots", None),
        ("The answer is 0.333...", r"0.333\ldots", "0.333"),
        ("The answer is 10...", "10", "10"),
        (r"\boxed{\ldots}", None, None),
        (r"\boxed 10, that is all.", "10", "10"),
        (r"\boxed 10,000.", "10,000", "10000"),
    ],
)
def test_what_goes_on_is_no_single_number(text: str, answer: str | None, number: str | None) -> None:
    assert answers.read("maths", text) == answer
    assert answers.read("number", text) == number
