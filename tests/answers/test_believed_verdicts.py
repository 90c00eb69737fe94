"""Verdicts as people give them in passing: as what they believe, with an adverb, with the noun they are said of."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("form", "text", "verdict"),
    [
        ("yes_no", "I believe it's yes", "Yes"),
        ("yes_no", "I think it is no.", "No"),
        ("yes_no", "I believe the answer's yes", "Yes"),
        ("yes_no", "I believe that it's a no.", "No"),
        ("yes_no", "I think so, yes.", "Yes"),
        ("yes_no", "It's a yes.", "Yes"),
        ("yes_no", "Probably yes", "Yes"),
        ("yes_no", "Most likely no.", "No"),
        ("true_false", "I believe it's true", "True"),
        ("true_false", "I think it is False.", "False"),
        ("valid_invalid", "Deductively invalid", "invalid"),
        ("valid_invalid", "Deductively valid.", "valid"),
        ("valid_invalid", "It's deductively invalid.", "invalid"),
        ("valid_invalid", "Not deductively valid", "invalid"),
        ("valid_invalid", "Not valid.", "invalid"),
        ("valid_invalid", "Not invalid", "valid"),
        ("valid_invalid", "Invalid argument.", "invalid"),
        ("valid_invalid", "A valid argument.", "valid"),
        ("valid_invalid", "Not a valid argument.", "invalid"),
        ("valid_invalid", "I believe it's valid", "valid"),
        ("valid_invalid", "I don't believe it's valid.", "invalid"),
        ("valid_invalid", "Deductively invalid because the premise fails.", "invalid"),
        ("valid_invalid", "It is hardly valid.", "invalid"),
        ("valid_invalid", "I doubt the argument is valid.", "invalid"),
        ("valid_invalid", "I doubt that it's valid.", "invalid"),
        ("valid_invalid", "There is no doubt that it is valid.", "valid"),
        ("valid_invalid", "Without doubt it is valid.", "valid"),
        ("valid_invalid", "It is hardly surprising that the argument is valid.", "valid"),
        ("valid_invalid", "It is not surprising that the argument is valid.", "valid"),
        ("valid_invalid", "One can hardly say that it is valid.", "invalid"),
        ("yes_no", "Yes, but it could be clearer.", "Yes"),
        ("yes_no", "Yes, or more exactly, yes.", "Yes"),
        ("valid_invalid", "It's not valid.", "invalid"),
        # That either word may be the answer leaves nothing open.
        ("yes_no", "Yes. The question asks for yes or no.", "Yes"),
        ("yes_no", 'Yes, I was told to answer with "yes" or "no".', "Yes"),
        ("yes_no", "No. The answer may be yes or no.", "No"),
        ("true_false", "True. I was asked to end with True or False.", "True"),
        ("valid_invalid", "The argument is valid. Arguments may be valid or invalid.", "valid"),
        ("valid_invalid", "Invalid. An argument can be valid or invalid.", "invalid"),
    ],
)
def test_what_a_writer_believes_is_read(form: str, text: str, verdict: str) -> None:
    assert answers.read(form, text) == verdict


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yes_no", "I don't believe it's yes."),
        ("yes_no", "I believe it's yes or no."),
        ("yes_no", "I believe it's no longer certain."),
        ("yes_no", "I believe it's yes?"),
        ("yes_no", "I believe it's yes, but it could be no."),
        ("yes_no", "The answer is yes, but it could be no."),
        ("yes_no", "Probably yes, probably no."),
        ("yes_no", "Yes, or maybe no."),
        ("yes_no", "Yes, or no."),
        ("yes_no", "The answer can only be Yes (as stated) or No (as written)."),
        ("valid_invalid", "Valid, but it may be invalid."),
        ("yes_no", "I think so."),
        ("yes_no", "Some believe it's yes, I am not sure."),
        ("true_false", "I think it is not True."),
        ("true_false", "I believe it's true that A and B are False or True"),
        ("valid_invalid", "Deductively valid or invalid"),
        ("valid_invalid", "Deductively valid?"),
        ("valid_invalid", "Deductively speaking"),
        ("valid_invalid", "A valid point."),
    ],
)
def test_no_verdict_is_read_where_none_is_believed(form: str, text: str) -> None:
    assert answers.read(form, text) is None
