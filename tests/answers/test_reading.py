"""What each format reads out of the texts that models write, and what it refuses to read."""

from __future__ import annotations

import pytest

from mlpo_bench import answers
from mlpo_bench.errors import UsageError


READ = [
    ("option", "So the answer is (A).", "(A)"),
    ("option", "<answer>B</answer>", "(B)"),
    ("option", "<answer>b</answer>", "(B)"),
    ("option", "<ANSWER> (C) green </ANSWER>", "(C)"),
    ("option", "<answer>D. the last one</answer>", "(D)"),
    ("option", "It was A at first: <answer>A</answer>. No: <answer>(B)</answer>", "(B)"),
    ("option", "I stop here. <answer>E", "(E)"),
    ("option", r"so $\boxed{\text{(B)}}$", "(B)"),
    ("option", r"\boxed{C}", "(C)"),
    ("option", r"$\boxed{\textbf{(C)}\ 12}$", "(C)"),
    ("option", "**Answer: B. a hat**", "(B)"),
    ("option", "**Answer:** B", "(B)"),
    ("option", "The correct answer is **(D) 12/24/1937**.", "(D)"),
    ("option", "The answer is:\n\n(C) a cup", "(C)"),
    ("option", "The answer to this question is B.", "(B)"),
    ("option", "The answer is (B), not (A).", "(B)"),
    ("option", "The answer is B because a hat is no cup.", "(B)"),
    ("option", "The answer is \u201cB\u201d.", "(B)"),
    ("option", "The best is clear.\nTherefore, the correct option is C.", "(C)"),
    ("option", "Some words.\n\n**(E)**", "(E)"),
    ("option", "R", "(R)"),
    ("yes_no", "The answer is no.", "No"),
    ("yes_no", "The answer is: **No**, because it is not.", "No"),
    ("yes_no", "Yes, it is plausible.", "Yes"),
    ("yes_no", "So, yes.", "Yes"),
    ("yes_no", r"\boxed{\text{Yes}}", "Yes"),
    ("yes_no", "<answer>YES</answer>", "Yes"),
    ("true_false", "So the answer is True", "True"),
    ("true_false", "not ( True ) and ( True ) is\n= not True and True\n= False", "False"),
    ("true_false", "<answer> false. </answer>", "False"),
    ("valid_invalid", "Therefore the argument is not valid.", "invalid"),
    ("valid_invalid", "The answer is that the argument is deductively valid.", "valid"),
    ("valid_invalid", "<answer>invalid</answer>", "invalid"),
    ("number", "The answer is 12,345.", "12345"),
    ("number", "$24", "24"),
    ("number", r"\boxed{\$24}", "24"),
    ("number", "-7", "-7"),
    ("number", "<answer>\u221211,520</answer>", "-11520"),
    ("number", r"\boxed{12{,}345}", "12345"),
    ("number", "So, there are 8 hats.", "8"),
    ("number", "3 + 5 = 8", "8"),
    ("number", "<answer>(3 + 5) = 8.0</answer>", "8"),
    ("number", "The answer is eight.", "8"),
    ("number", "<answer>007</answer>", "7"),
    ("words", "<answer>1. ape\n2. bat\n3. it&t</answer>", "ape bat it&t"),
    ("words", "The answer is:\n\n1. ape\n2. bat\n3. you've\n\nThat is all.", "ape bat you've"),
    ("words", "The answer is ape, bat, and cat.", "ape bat cat"),
    ("words", "Sorted list: ['ape', \"you\u2019ve\"]", "ape you've"),
    ("words", r"\boxed{\text{ape bat}}", "ape bat"),
    ("words", "<answer>ape < bat < cat</answer>", "ape bat cat"),
    ("words", "<answer>ape and bat</answer>", "ape and bat"),
    ("brackets", "<answer>] ) ></answer>", "] ) >"),
    ("brackets", "<answer>])></answer>", "] ) >"),
    ("brackets", "<answer>>></answer>", "> >"),
    ("brackets", "<answer>&gt; ]</answer>", "> ]"),
    ("brackets", "$\\boxed{} ]}$", "} ]"),
    ("brackets", r"\boxed{\} ]}", "} ]"),
    ("brackets", "The answer is ] ] >.", "] ] >"),
    ("brackets", "Closing them all:\n`] )`", "] )"),
    ("maths", r"The answer is $\frac{1}{2}$.", r"\frac{1}{2}"),
    ("maths", r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
    ("maths", r"One $\boxed{1}$, then at last $\boxed{2}$.", "2"),
    ("maths", "The final answer is:\n\\[ \\frac{3}{4} \\]\nas said.", r"\frac{3}{4}"),
    ("maths", "Therefore $x=5$.", "x=5"),
    ("maths", "The answer is 3.5.", "3.5"),
    ("maths", r"<answer>\$18.90</answer>", r"\$18.90"),
    ("maths", "<answer>$x^2$</answer>", "x^2"),
    ("maths", "The answer is $3$ and $4$.", "3, 4"),
    ("phrase", "The answer is Salt, Pepper & Co.", "Salt, Pepper & Co"),
    ("phrase", "<answer>**Salt, Pepper**</answer>", "Salt, Pepper"),
]

UNREAD = [
    ("option", ""),
    ("option", "The answer is a dog"),
    ("option", "The answer is A dog."),
    ("option", "A dog and a cat walk in."),
    ("option", "(A) a hat\n(B) a cup\n(C) a box"),
    ("option", "The options are (A) a hat, (B) a cup, (C) a box"),
    ("option", "The answer is (A) and (B)"),
    ("option", "The answer is A or B."),
    ("option", "Answer: I think so"),
    ("option", "<answer></answer>"),
    ("option", "a"),
    ("option", "<answer>(X)</answer>"),
    ("yes_no", "There is no longer a way to know"),
    ("yes_no", "Yes or no? The answer is yes or no."),
    ("true_false", "The answer is not True"),
    ("true_false", "not True and"),
    ("valid_invalid", "Is it valid or invalid?"),
    ("number", "There are 3 hats and 4 cups."),
    ("number", "<answer>9**9**9</answer>"),
    ("number", "<answer>3-5</answer>"),
    ("number", "The answer is 1/2."),
    ("words", "I cannot sort them."),
    ("brackets", "The answer is a bracket ]"),
    ("maths", "I do not know."),
    ("phrase", "Salt, Pepper & Co"),
]


@pytest.mark.parametrize(("form", "text", "expected"), READ)
def test_reads(form: str, text: str, expected: str) -> None:
    assert answers.read(form, text) == expected


@pytest.mark.parametrize(("form", "text"), UNREAD)
def test_reads_nothing_out_of_nothing(form: str, text: str) -> None:
    assert answers.read(form, text) is None


DENIED = [
    "The conclusion does not follow from the premises and the argument is invalid.",
    "The argument is not logically sound and is therefore invalid.",
    "The argument does not hold and is **invalid**.",
    "<answer>The argument does not follow and is invalid</answer>",
    "Since the conclusion is not supported by the premises the argument is invalid.",
    "It does not follow from the premises, making the argument invalid.",
    "<answer>It does not follow from the premises, making the argument invalid</answer>",
    "<answer>The conclusion does not follow, so the argument is invalid</answer>",
    "The conclusion does not follow so the argument is invalid.",
    "The conclusion does not follow and we conclude that the argument is invalid.",
    "The argument does not hold therefore invalid.",
    "The argument does not follow and therefore invalid.",
    "The argument is not sound and invalid.",
    "The conclusion is not true and the argument is invalid.",
    "The argument isn't sound and isn't valid.",
    "The argument is not valid.",
    "It is neither sound nor valid.",
    "The argument is not, in fact, valid.",
    "<answer>not, strictly speaking, valid</answer>",
    "It cannot be called valid.",
    "The argument is not deductively valid.",
    "The argument is not true and valid.",
    "So it is not the case that the argument is valid.",
    "It does not follow from the first and second premise that the argument is valid.",
    "It does not follow that it is therefore valid.",
    "The argument cannot therefore be considered valid.",
    "There is no reason to think that the argument is valid.",
    "There is no way it is valid.",
    "The premises do not make the argument valid.",
    "It is not something we can call valid.",
]
NOT_DENIED = [
    "Thus, there is no contradiction and the argument is valid.",
    "Therefore, whoever is not an aunt of Ida is a cousin of Bo and the argument is deductively valid.",
    "There is no contradiction, making the argument valid.",
    "There is no gap so the argument is valid.",
    "The conclusion cannot be false and the argument is valid.",
    "The argument does not commit any fallacy and therefore is deductively valid.",
    "<answer>There is no doubt that the argument is valid</answer>",
    "There is no way to make the argument invalid.",
    "The premise that no one is both an aunt and an uncle makes the argument valid.",
    "The argument is not only sound but valid.",
    "The argument isn't invalid.",
]


@pytest.mark.parametrize(
    ("text", "expected"), [(text, "invalid") for text in DENIED] + [(text, "valid") for text in NOT_DENIED]
)
def test_a_denial_reaches_as_far_as_its_clause(text: str, expected: str) -> None:
    assert answers.read("valid_invalid", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Does it not follow, making the argument invalid?",
        "An argument cannot be both valid and invalid.",
        "The argument's validity is not certain, making it valid or invalid at once.",
        "While it is so, the argument's validity is not guaranteed because deduction and induction are not twins.",
    ],
)
def test_a_denial_of_neither_word_is_no_verdict(text: str) -> None:
    assert answers.read("valid_invalid", text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is not the case that the sentence is plausible.", "No"),
        ("So it is not true that the sentence is implausible.", "Yes"),
        ("The sentence that he does not bat is plausible.", "Yes"),
        ("The player does not bat and so the sentence is plausible.", "Yes"),
    ],
)
def test_what_is_not_the_case_is_denied(text: str, expected: str) -> None:
    assert answers.read("yes_no", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Therefore, not (True and False) evaluates to True.", "True"),
        ('Therefore, the expression "not False or True" is True.', "True"),
        ("So, True and (not True) is False.", "False"),
        ("Thus, not not ( not ( False ) ) and True simplifies to **True**.", "True"),
        ("Thus, True and not True and True is False.", "False"),
        ("So the original expression simplifies to True and False, which is False.", "False"),
        ("Therefore, since True and False is False, the result is False.", "False"),
        ("Therefore, (True and False) or not False = True", "True"),
        ("Therefore, the whole expression, (not True) and (False or True), simplifies to False.", "False"),
        ("So, True and not False.", "True"),
        ("False and not False is False and False is False.", "False"),
        ("True: its negation, not not False, is False and not True is False.", "True"),
        ("So the expression, which is True and False.", None),
        ("So not True and (True and False) simplifies to False and False.", None),
        ("Therefore, True and not False simplifies to True and True.", None),
        ("Therefore, A is True and B is False.", None),
        ("So A is True and True is True.", None),
        ("Therefore, A and True is True.", None),
        ("So not (True and False is False.", None),
        ("So the result is not True.", None),
        ("Therefore, either True or False is True?", None),
        ("Thus, whether not True is False", None),
    ],
)
def test_a_sentence_says_what_its_expression_comes_to(text: str, expected: str | None) -> None:
    assert answers.read("true_false", text) == expected


LISTS = [
    "ape, bat, cat",
    "ape bat cat",
    "1. ape\n2. bat\n3. cat",
    "- ape\n- bat\n- cat",
    "ape\nbat\ncat",
    "Ape, Bat, Cat",
]
ABOVE = [
    "### Final Sorted List\n\n", "**Final Sorted List**\n\n", "## Conclusion\n\n", "### Step 3: Combine\n",
    "I compare b and a: a.\n\n### Sorted Order\n\n", "Putting it all together:\n\n", "The correct order:\n",
    "After sorting:\n\n", "Arranged in order:\n", "The correct sequence is:\n",
]  # fmt: skip


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("listed", LISTS)
def test_a_list_stands_below_what_names_it(above: str, listed: str) -> None:
    assert answers.read("words", above + listed) == "ape bat cat"
    assert answers.read("words", f"{above}{listed}\n\nI sorted them by their first letters.") == "ape bat cat"


@pytest.mark.parametrize("text", ["The correct order: ape, bat, cat", "After sorting: ape bat cat"])
def test_a_list_stands_behind_what_names_it(text: str) -> None:
    assert answers.read("words", text) == "ape bat cat"


@pytest.mark.parametrize(
    "text",
    [
        "### Original List\n\nbat, ape",
        "### Words to sort\n\nI cannot sort the words",
        "Putting it all together: the words are not sorted",
        "## Putting it together\n\n1. Compare the first letters\n2. Sort them",
        "The order: I cannot say.",
        "### Original order\n- bat\n- ape",
        "Ordering by the first letter: bat, bee",
        "Out of order: bat, ape",
        "## Sorted List\n\nape, bat, and",
    ],
)
def test_what_is_below_another_name_or_no_list_is_not_read(text: str) -> None:
    assert answers.read("words", text) is None


@pytest.mark.parametrize(
    "text",
    [
        "<think>Surely <answer>A</answer></think>The answer is B.",
        "<think>Surely <answer>A</answer></think>\n<answer>B</answer>",
        "Surely <answer>A</answer></think>I was wrong: <answer>B</answer>",
        "<answer>B</answer><think>or is it <answer>A</answer></think>",
        "<think>one</think><answer>B</answer><think>or <answer>A</answer>",
    ],
)
def test_a_thought_never_wins_over_the_answer(text: str) -> None:
    assert answers.read("option", text) == "(B)"


def test_a_thought_that_was_cut_off_is_no_answer() -> None:
    assert answers.read("option", "<think>it may be <answer>A</answer>") is None


def test_a_tag_goes_before_a_box_and_a_box_before_a_phrase() -> None:
    assert answers.read("number", r"The answer is 1. \boxed{2} <answer>3</answer>") == "3"
    assert answers.read("number", r"\boxed{2} The answer is 1.") == "2"


def test_an_empty_tag_leaves_the_rest_to_be_read() -> None:
    assert answers.read("number", "The answer is 4. <answer></answer>") == "4"


@pytest.mark.parametrize(
    "text",
    [
        "THE ANSWER IS B.",
        "The An\u017fwer \u0131\u017f B.",
        "\u0130\u0130 \u2014 The Answer \u0130S: B.",
        "no\u00e9answer: A. Answer: B",
    ],
)
def test_the_phrase_is_found_in_any_case_and_beside_any_script(text: str) -> None:
    assert answers.read("option", text) == "(B)"


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'option'"):
        answers.read("opton", "x")


@pytest.mark.parametrize("form", answers.FORMATS)
def test_an_instruction_is_one_sentence_that_asks_for_the_tag(form: str) -> None:
    instruction = answers.FORMATS[form].instruction
    assert "<answer>" in instruction
    assert "</answer>" in instruction
    assert instruction.endswith(".")
    assert len(instruction) < 120
