from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols import PROTOCOLS, Leader, Recursive, Vote, build


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_name_alone_gives_the_defaults_and_defaults_as_text_the_same(name: str) -> None:
    made = build(name, {})
    assert made == PROTOCOLS[name]()
    assert build(name, {f.name: str(getattr(made, f.name)) for f in fields(made)}) == made


def test_settings_may_be_written_as_text() -> None:
    assert build("vote", {"samples": "8", "over": "team"}) == Vote(8, "team")
    assert build("leader", {"rounds": "2", "early_stop": "true"}) == Leader(2, early_stop=True)
    assert build("recursive", {"population": "16", "subset": 4}) == Recursive(16, 4)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("debat", {}, "no protocol is called 'debat'; did you mean 'debate'?"),
        ("vote", {"sample": 2}, "no setting 'sample' (it has samples, over); did you mean 'samples'?"),
        ("solo", {"rounds": 2}, "protocol 'solo' has no setting 'rounds' (it has none)."),
        ("leader", {"rounds": 65}, "'rounds' of protocol 'leader' should be less than or equal to 64, not 65."),
        ("debate", {"rounds": "0"}, "should be greater than or equal to 1, not '0'."),
        ("vote", {"samples": 4097}, "should be less than or equal to 4096, not 4097."),
        ("leader", {"adaptive": -1}, "should be greater than or equal to 0, not -1."),
        ("leader", {"share": "all"}, "should be 'whole', 'without-thinking' or 'answer', not 'all'."),
        ("mixture", {"layers": "two"}, "the setting 'layers' of protocol 'mixture' should be a whole number"),
        ("recursive", {"subset": "9"}, "a subset of 9 cannot be drawn from a population of 8."),
    ],
)  # fmt: skip
def test_a_wrong_name_or_value_is_one_clear_sentence(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.sampled_from(list(PROTOCOLS)),
    st.dictionaries(
        st.sampled_from(["rounds", "samples", "share", "memory", "subset", "layers"]) | st.text(max_size=8),
        st.none() | st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.lists(st.integers()),
        max_size=3,
    ),
)
def test_settings_give_a_protocol_or_bad_input_and_nothing_else(name: str, settings: dict[str, Any]) -> None:
    try:
        made = build(name, settings)
    except UsageError:
        return
    assert type(made) is PROTOCOLS[name]
    assert 1 <= made.fewest_calls(1) <= made.calls(1)
