"""What a leader quotes, rejects or takes back is not its answer, whatever follows it in the text."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


OWN = {
    "option": ("(B)", "(A)"),
    "number": ("12", "13"),
    "yes_no": ("Yes", "No"),
    "true_false": ("True", "False"),
    "valid_invalid": ("valid", "invalid"),
    "words": ("ape bat", "bat ape"),
    "brackets": ("] )", ") ]"),
    "maths": ("12", "13"),
    "phrase": ("Salt", "Sugar"),
    "literal": ("ape", "bat"),
    "spans": ("ape", "bat"),
    "gym": ("12", "13"),
}

QUOTED = [
    "The answer is {own}. Peers 1 and 2 say the answer is {other}.",
    "The answer is {own}. Peers 1, 2 and 3 say the answer is {other}.",
    "The answer is {own}. Both peers say the answer is {other}.",
    "The answer is {own}. All three peers say that the answer is {other}.",
    "The answer is {own}. Two of the peers say the answer is {other}.",
    "The answer is {own}. Most of the attempts say the answer is {other}.",
    "The answer is {own}. The peers say the answer is {other}.",
    "The answer is {own}. The majority says the answer is {other}.",
    "The answer is {own}. The majority of peers say the answer is {other}.",
    "The answer is {own}. The majority answer is {other}.",
    "The answer is {own}. The consensus answer is {other}.",
    "The answer is {own}. Their answer is {other}.",
    "The answer is {own}. His answer is {other}.",
    "The answer is {own}. Her answer is {other}.",
    "The answer is {own}. The peers' answer is {other}.",
    "The answer is {own}. Peer 1's answer is {other}.",
    "The correct answer is {own}; the peers' answer is {other}.",
    "<answer>{own}</answer> (peers 1 and 2 wrote <answer>{other}</answer>)",
    "<answer>{own}</answer> Note: peers 1 and 2 wrote <answer>{other}</answer>.",
    "<answer>{own}</answer> Both peers wrote <answer>{other}</answer>.",
    "<answer>{own}</answer>\nThe peers' <answer>{other}</answer> is wrong.",
    "<answer>{own}</answer>\nThe majority wrote <answer>{other}</answer>.",
]
AND_THEN_ITS_OWN = [
    "Both peers say the answer is {other}. This is wrong. I checked it. <answer>{own}</answer>",
    "Peers 1 and 3 say {own}. Peer 2 says {other}. I checked it. <answer>{own}</answer>",
    "Peer 1 answered {other}. This is wrong. I checked it. <answer>{own}</answer> I am sure.",
    "Peers 1 and 2 answered {other}. This is wrong. I checked it. <answer>{own}</answer> I am sure.",
    "Most peers voted {other}. <answer>{own}</answer>",
    "Peer 1 and Peer 2 both say {other}. <answer>{own}</answer>",
    "Three of four proposals say {other}. <answer>{own}</answer>",
    "Both peers said {other}. Answer: {own}",
]
QUOTED_BOXES = [
    r"I get \boxed{{{own}}}. Both attempts gave \boxed{{{other}}}.",
    r"I get \boxed{{{own}}}; attempts 1 and 2 gave \boxed{{{other}}}.",
    r"I get \boxed{{{own}}}. Their answer was \boxed{{{other}}}.",
]
REJECTED = [
    "<answer>{own}</answer>, not <answer>{other}</answer>",
    "<answer>{own}</answer> and not <answer>{other}</answer>.",
    "<answer>{own}</answer> rather than <answer>{other}</answer>",
    "<answer>{own}</answer> instead of <answer>{other}</answer>",
    "I choose <answer>{own}</answer> over <answer>{other}</answer>.",
    "I choose <answer>{own}</answer> and reject <answer>{other}</answer>.",
    "<answer>{own}</answer>\n<answer>{other}</answer> would be wrong because of clue 2.",
    "<answer>{own}</answer>\n<answer>{other}</answer> is incorrect.",
    "<answer>{own}</answer> The other answer, <answer>{other}</answer>, is wrong.",
]
REJECTED_BOXES = [
    r"\boxed{{{own}}}, not \boxed{{{other}}}",
    r"$\boxed{{{own}}}$ rather than $\boxed{{{other}}}$",
    r"$\boxed{{{own}}}$ and not $\boxed{{{other}}}$",
    r"$\boxed{{{own}}}$. $\boxed{{{other}}}$ would be wrong.",
]
CORRECTED = [
    "The answer is {other}. Wait, actually it is {own}.",
    "The answer is {other}. Actually, it is {own}.",
    "The answer is {other}. Wait, it's {own}.",
    "The answer is {other}.\n\nWait, I made a mistake. It should be {own}.",
    "The answer is {other}.\n\nI made a mistake. The answer should be {own}.",
    "The answer is {other}. Hmm, no, it is {own}.",
    "<answer>{other}</answer>\nHmm, actually it should be {own}.",
    "The answer is {other}. Wait, no, it's {own}.",
    "At first glance, the answer is {other}. But it is actually {own}.",
]
CORRECTED_AT_ONCE = ["The answer is {other}. No wait, {own}.", "The answer is {other}. Sorry, {own}."]
SEEMING = [
    "It might seem that the answer is {other}, but it is actually {own}.",
    "One might think the answer is {other}, but actually it's {own}.",
    "At first glance the answer is {other}, but in fact it is {own}.",
    "The intuitive answer is {other}, but that is wrong; it is {own}.",
    "Although many would say the answer is {other}, the answer is {own}.",
]
DENIED = [
    "The answer is not {other} but {own}.",
    "The answer is {own}, not {other}.",
    "The answer is not {other}; it is {own}.",
]


def filled(templates: list[str], forms: list[str]) -> list[tuple[str, str, str]]:
    return [
        (form, template.format(own=OWN[form][0], other=OWN[form][1]), OWN[form][0])
        for form in forms
        for template in templates
    ]


EVERY = list(OWN)
BOXED = [form for form in EVERY if form != "brackets"]  # a box of brackets reaches to its line's last brace

SHAPED = [form for form in EVERY if not answers.FORMATS[form].free]


@pytest.mark.parametrize(
    ("form", "text", "own"),
    [
        *filled(QUOTED, EVERY),
        *filled(AND_THEN_ITS_OWN, EVERY),
        *filled(QUOTED_BOXES, BOXED),
        ("option", "Peers 1 and 2 say (A), but peer 3 is right: (B).", "(B)"),
    ],
)
def test_what_several_peers_said_is_not_the_leaders_answer(form: str, text: str, own: str) -> None:
    assert answers.read(form, text) == own


@pytest.mark.parametrize(
    ("form", "text", "own"),
    [
        ("option", "Both peers say the answer is (A). This is wrong: Riga is in Latvia.\n\n**(B)**", "(B)"),
        ("option", "Both peers say the answer is (A). This is wrong: Riga is in Latvia. Therefore (B).", "(B)"),
        ("number", "Peers 1 and 2 say the answer is 40. They forgot the tax.\n\nThe total is **42**.", "42"),
        ("yes_no", "All peers say the answer is Yes. They walk in a circle.\n\nNo", "No"),
        # What stands beside it on its line says nothing else.
        ("number", "Both peers say the answer is 40. They each use 3 steps.", "40"),
        ("number", "Both peers say the answer is 40. I agree.", "40"),
        ("option", "Both peers say the answer is (A). Riga lies in Latvia, and (B) lies in Estonia.", "(A)"),
    ],
)
def test_a_leaders_own_close_goes_before_what_several_peers_said(form: str, text: str, own: str) -> None:
    assert answers.read(form, text) == own


@pytest.mark.parametrize(
    ("form", "text", "own"),
    [
        *filled(REJECTED, EVERY),
        *filled(REJECTED_BOXES, BOXED),
        (
            "option",
            "<answer>(B)</answer> The other answers, <answer>(A)</answer> and <answer>(C)</answer>, are wrong.",
            "(B)",
        ),
    ],
)
def test_a_tag_or_a_box_that_is_rejected_is_not_the_answer(form: str, text: str, own: str) -> None:
    assert answers.read(form, text) == own


@pytest.mark.parametrize(("form", "text", "own"), [*filled(CORRECTED, EVERY), *filled(CORRECTED_AT_ONCE, SHAPED)])
def test_a_correction_replaces_in_every_format(form: str, text: str, own: str) -> None:
    assert answers.read(form, text) == own


@pytest.mark.parametrize(("form", "text", "own"), filled(SEEMING, EVERY))
def test_what_only_seems_to_be_the_answer_is_not(form: str, text: str, own: str) -> None:
    assert answers.read(form, text) == own


@pytest.mark.parametrize(("form", "text", "own"), filled(DENIED, EVERY))
def test_a_denied_alternative_is_no_part_of_the_answer(form: str, text: str, own: str) -> None:
    assert answers.read(form, text) == own


@pytest.mark.parametrize(
    ("form", "text", "own"),
    [
        ("option", "Both peers say (A), so the answer is (A).", "(A)"),
        ("option", "Since both peers say (A), the answer is (A).", "(A)"),
        ("option", "Both peers say (A), so <answer>(A)</answer>.", "(A)"),
        ("option", "The majority answer is (A).", "(A)"),
        ("option", "Attempts 1 and 2 gave (A); I get <answer>(B)</answer>.", "(B)"),
        ("option", "Both peers wrote (A) and I agree: <answer>(A)</answer>.", "(A)"),
        ("option", "I checked the peers' reasoning and the answer is (A).", "(A)"),
        ("option", "Having read their answers: <answer>(A)</answer>", "(A)"),
        ("option", "After weighing the answers of peers 1 and 2, <answer>(A)</answer>", "(A)"),
        ("number", r"Ann and Bo have 6. Their total is \boxed{12}.", "12"),
        ("number", "Both students chose 6 hats, so the answer is 12.", "12"),
        ("number", "The answer is 12. Actually, it is 3 more than 9.", "12"),
        ("number", "The answer is 12. Wait, it is 3 times that of Bo?", "12"),
        ("yes_no", "If not, the answer is <answer>No</answer>", "No"),
        ("yes_no", "The answer is Yes. Wait, is it? Yes.", "Yes"),
        ("option", "The answer is (A). I think the answer is (B).", "(B)"),
        ("option", "It is obvious that the answer is (A).", "(A)"),
        ("option", "The answer is (C). At first I missed clue 2, but the answer is (A).", "(A)"),
        ("true_false", "The answer is False. Actually, it is true that the first part holds.", "False"),
        ("literal", "The answer is Paris. However, it is worth noting that Lyon is large.", "Paris"),
        ("literal", "The answer is Paris. Actually, it is the capital.", "Paris"),
        (
            "literal",
            "The answer is Paris, but it is actually spelled Pariis.",
            "Paris, but it is actually spelled Pariis",
        ),
        ("words", "The answer is ape bat. Wait, it is sorted.", "ape bat"),
        ("spans", "The answer is Lyon. Actually, it is also a river.", "Lyon"),
    ],
)
def test_what_is_beside_these_rules_stays_as_it_is(form: str, text: str, own: str) -> None:
    assert answers.read(form, text) == own
