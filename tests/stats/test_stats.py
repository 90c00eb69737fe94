"""What holds for the room as a whole."""

from __future__ import annotations

import subprocess
import sys


def test_the_room_is_light_until_it_is_used() -> None:
    program = (
        "import sys, mlpo_bench.stats as stats\n"
        "print([name for name in ('scipy', 'statsmodels', 'pandas') if name in sys.modules])\n"
        "stats.wilson(1, 2)\n"
        "print('statsmodels' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.split("\n")[:2] == ["[]", "False"]


def test_what_the_room_offers_is_named() -> None:
    from mlpo_bench import stats

    assert sorted(stats.__all__) == stats.__all__
    assert all(hasattr(stats, name) for name in stats.__all__)
