"""What a request may carry is what JSON holds; what is none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.teams import Member, read_team


CARRIED = {
    "{d: 2024-01-01}": r"no date, as 2024-01-01 is \(put it in quotes",
    "{d: [2024-01-01 10:00:00]}": "no date, as 2024-01-01 10:00:00 is",
    "{d: {e: .inf}}": "no number that is infinite or none",
    "{d: .nan}": "no number that is infinite or none",
    "{d: {1: a}}": "no name such as 1, which is no text",
    "{d: {2024-01-01: a}}": "no name such as 2024-01-01, which is no text",
}


def team(tmp_path: Path, carried: str) -> Path:
    path = tmp_path / "team.yaml"
    served = "{model: m, engine: openai, base_url: 'http://localhost:1/v1', request: {extra_body: %s}}"
    path.write_text(f"leader: {served % carried}\n")
    return path


@pytest.mark.parametrize(("carried", "message"), CARRIED.items())
def test_what_json_cannot_hold_is_named(tmp_path: Path, carried: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"what JSON can hold: {message}") as told:
        read_team(team(tmp_path, carried))
    assert str(told.value).count("\n") == 0


def test_what_json_holds_is_carried(tmp_path: Path) -> None:
    leader = read_team(team(tmp_path, "{d: '2024-01-01', e: [1, 2.5, true, null, {f: g}]}")).leader
    assert isinstance(leader, Member)
    assert leader.request.extra_body == {"d": "2024-01-01", "e": [1, 2.5, True, None, {"f": "g"}]}
