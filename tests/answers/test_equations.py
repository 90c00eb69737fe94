"""A value is stated by an equation whose left side names it, and by none that is still to be solved."""

from __future__ import annotations

import pytest

from mlpo_bench import answers
from mlpo_bench.answers import equations


MATRIX = r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        (r"\boxed{m+n = 17}", "17"),
        ("The answer is $a + b = 3 + 4 = 7$.", "7"),
        ("Therefore, $m+n = 7$.", "7"),
        (r"So $[ABC] = 24$.", "24"),
        (r"\boxed{P(X=2)=\frac12}", r"\frac12"),
    ],
)
def test_what_a_text_says_of_a_quantity_is_its_value(text: str, gold: str) -> None:
    assert answers.judge("maths", answers.read("maths", text), gold)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("x+y=12", "12"), ("xy=6", "6"), (r"\frac{m}{n}=\frac{2}{3}", r"\frac23"), ("100m+n=305", "305"),
        ("a^2+b^2+c^2=14", "14"), ("x_1+x_2=5", "5"), (r"\alpha+\beta=5", "5"), ("a+bi=3+4i", "3+4i"),
        ("x:y=2:3", "2:3"),
        (r"\sin x=\frac{3}{5}", r"\frac35"), (r"\sin^2 x+\cos^2 x=1", "1"), (r"\sin\angle BAC=\frac35", r"\frac35"),
        (r"\tan(A+B)=1", "1"), (r"\log_2 x=3", "3"), (r"\sin x=\pm\frac35", r"\pm\frac35"),
        ("|z|=5", "5"), ("|z_1-z_2|=5", "5"), ("|a+bi|=5", "5"), (r"\|\mathbf{v}\|=5", "5"), (r"|A \cup B|=7", "7"),
        ("f^{-1}(2)=3", "3"), ("f^{-1}(x)=2x", "2x"), ("f(2)+f(3)=10", "10"), ("f(f(f(2)))=3", "3"),
        (r"(f \circ g)(x)=2x", "2x"), ("f(x+1)=x^2", "x^2"), ("a_{2019}=5", "5"), ("a_{n+1}=2n", "2n"),
        (r"\gcd(12,18)=6", "6"), (r"\text{lcm}(12,18)=36", "36"), (r"\phi(12)=4", "4"), (r"2^{10} \bmod 7=2", "2"),
        (r"P(A \cap B)=\frac16", r"\frac16"), ("P(A|B)=50\\%", r"\frac12"), (r"\mathbb{P}(X>2)=\frac16", r"\frac16"),
        ("[ABC]=24", "24"), ("AB+BC=12", "12"), (r"\frac{AB}{BC}=\frac23", r"\frac23"), (r"m\angle ABC=30^\circ", "30"),
        (r"\angle A+\angle B=90^\circ", "90"), (r"\text{Area of triangle }ABC=24", "24"), ("S_{ABC}=24", "24"),
        (r"\sum_{n=1}^{\infty} a_n=3", "3"), (r"\lim_{x \to 0} f(x)=3", "3"), (r"A \cup B=\{1,2\}", r"\{1,2\}"),
        (rf"\mathbf{{A}}^{{-1}}={MATRIX}", MATRIX), (rf"\mathbf{{A}}\mathbf{{B}}={MATRIX}", MATRIX),
        (r"\mathbf{v}\times\mathbf{w}=\begin{pmatrix}1\\2\\3\end{pmatrix}", r"\begin{pmatrix}1\\2\\3\end{pmatrix}"),
        (r"\operatorname{proj}_{w} v=\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\pi r^2=\pi \cdot 3^2=9\pi", r"9\pi"), ("2(l+w)=2(3+4)=14", "14"), (r"1-P(A)=1-\frac18=\frac78", r"\frac78"),
    ],
)  # fmt: skip
def test_an_equation_states_the_value_of_what_it_names(answer: str, gold: str) -> None:
    assert answers.judge("maths", answer, gold)
    assert not answers.judge("maths", answer, "1001")


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        # still to be solved
        ("2x=10", "10"), ("x^2=4", "4"), ("|x|=3", "3"), ("|a|=3", "3"), ("|2a-3|=5", "5"), ("x(x+1)=12", "12"),
        ("p(p+1)=12", "12"), (r"\binom{n}{2}=45", "45"), ("n!=120", "120"), (r"\sqrt{x}=3", "3"), ("e^x=3", "3"),
        (r"2\sin x=1", "1"), (r"\sin^2 x=\frac34", r"\frac34"), ("AB^2=25", "25"), ("3f(2)=10", "10"), ("2|z|=6", "6"),
        ("f(2)+1=10", "10"), (r"\frac{x}{2}=5", "5"), ("z^2=4", "4"), ("x^2+2x=3+5=8", "8"), ("-f(2)=3", "3"),
        (r"2\mathbf{A}=\begin{pmatrix}2\\4\end{pmatrix}", r"\begin{pmatrix}2\\4\end{pmatrix}"),
        # lines and curves
        ("x^2+y^2=25", "25"), ("x^2+y^2=5^2=25", "25"), ("2x+y=7", "7"), ("2x-y+3=0", "0"), ("|z-3|=5", "5"),
        ("mx+b=5", "5"), ("a^2-b^2=0", "0"), ("x+y=2x+1", "2x+1"), ("a+b=c", "c"),
        # several statements, or none
        ("x=5 or x=6", "5"), ("x=3, y=4", "4"), ("a+b=7, c=3", "3"), ("a+b=7 and c=3", "3"),
        (r"a+b=7\implies c=3", "3"),
        (r"a+b=7\text{ or }8", "8"), ("m+n=7=8", "7"), (r"a \neq b=5", "5"), ("a+b<5=5", "5"), ("a+b=", "5"),
        # another quantity, another side, another question
        (r"\text{twice the area}=24", "24"), (r"\text{half of } n=24", "24"), ("y=2x+1", "x"), ("17=m+n", "17"),
        ("m+n=17", "x=17"), ("x+y=5", "x+y=6"), ("a+b=5", r"a+b \le 5"), ("m+n=17", "18"),
    ],
)  # fmt: skip
def test_an_equation_that_names_no_quantity_states_no_value(answer: str, gold: str) -> None:
    assert not answers.judge("maths", answer, gold)


def test_a_left_side_beyond_all_bounds_names_nothing() -> None:
    assert equations.value("a+" * 200 + "b=3") is None
    assert equations.value("a+" * 200 + "b=3+4=7") is None


@pytest.mark.parametrize(
    ("answer", "gold", "equal"),
    [
        (r"\frac{x+2}{x-3}, x \neq 3", r"\frac{x+2}{x-3}", True),
        (r"\frac{x+2}{x-3} \text{ where } x \neq 3", r"\frac{x+2}{x-3}", True),
        (r"x+1 \quad (x \neq 3)", "x+1", True),
        (r"f(x)=x+1, x \ne -3", "x+1", True),
        (r"x+1, x \neq 3", "x+2", False),
        (r"x+1, x>3", "x+1", False),
        (r"1, x \neq 3", "1", False),
        (r"x \neq 3", "3", False),
    ],
)
def test_where_an_expression_is_defined_says_nothing_else(answer: str, gold: str, equal: bool) -> None:
    assert answers.judge("maths", answer, gold) is equal
