"""Settings as they are written on a command line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.assignments import assigned
from mlpo_bench.matrix.sweeps import Sweep


DEFAULT = (Sweep.of("solo"), Sweep.of("vote"), Sweep.of("leader", rounds=(1, 2)), Sweep.of("debate"))


def settings(*texts: str) -> dict[str, dict[str, Any]]:
    return {sweep.protocol: sweep.settings for sweep in assigned(DEFAULT, texts) if sweep.settings}


def test_a_setting_goes_to_every_protocol_that_has_it() -> None:
    assert settings("rounds=3") == {"leader": {"rounds": (3,)}, "debate": {"rounds": (3,)}}
    assert settings() == {"leader": {"rounds": (1, 2)}}


def test_a_protocol_before_it_means_that_one_alone_and_goes_before_all() -> None:
    assert settings("debate.rounds=3") == {"leader": {"rounds": (1, 2)}, "debate": {"rounds": (3,)}}
    assert settings("leader.rounds=3", "rounds=4") == {"leader": {"rounds": (3,)}, "debate": {"rounds": (4,)}}


def test_several_values_are_all_run() -> None:
    assert settings("share=whole, answer", "share=whole")["leader"]["share"] == ("whole", "answer")
    assert settings("samples=calls,8", "vote.over=team")["vote"] == {"samples": ("calls", 8), "over": ("team",)}


def test_values_are_what_the_setting_takes() -> None:
    assert settings("early-stop=TRUE", "memory=false", "adaptive=3")["leader"] == {
        "rounds": (1, 2),
        "early_stop": (True,),
        "memory": (False,),
        "adaptive": (3,),
    }


def test_settings_that_bound_one_another_are_judged_together() -> None:
    (sweep,) = assigned([Sweep.of("recursive")], ["population=2", "subset=2"])
    assert sweep.settings == {"population": (2,), "subset": (2,)}
    with pytest.raises(UsageError, match="a subset of 3 cannot be drawn from a population of 2"):
        assigned([Sweep.of("recursive")], ["population=2"])


@given(st.lists(st.text(max_size=12) | st.builds("{}={}".format, st.sampled_from(["rounds", "share"]), st.text())))
def test_whatever_is_written_gives_sweeps_or_a_sentence(texts: list[str]) -> None:
    try:
        sweeps = assigned(DEFAULT, texts)
    except UsageError:
        return
    assert [sweep.protocol for sweep in sweeps] == [sweep.protocol for sweep in DEFAULT]
