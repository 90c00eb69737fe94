"""What the proof asks: pairs of rows, named before any of them was run."""

from __future__ import annotations

from dataclasses import dataclass

from training.proof.steps import ALONE, AT_TOKENS, FIVE, LATER, ONCE


VOTE = "vote at the tokens of A"
"""Stands for the smallest of a team's votes that takes at least the other row's tokens."""


@dataclass(frozen=True)
class Question:
    """Whether row A is right more often than row B, each a team and the end of a cell's name, on one suite."""

    words: str
    a: tuple[str, str]
    b: tuple[str, str]
    suite: str = "bbh"


LED, UNTRAINED = ("mlpo", ONCE), ("untrained", ONCE)

MAIN = (
    Question("trained against untrained leader", LED, UNTRAINED),
    Question("trained leader against the untrained model's vote at its tokens", LED, ("untrained", VOTE)),
    Question("trained leader against its own vote at its tokens", LED, ("mlpo", AT_TOKENS + ONCE)),
    Question("trained leader against itself alone: what peers add", LED, ("mlpo", ALONE)),
    Question("alone: trained against untrained", ("mlpo", ALONE), ("untrained", ALONE)),
    Question("MLPO against SFT only", LED, ("sft", ONCE)),
    Question("MLPO against the vote of GRPO, alone, at its tokens", LED, ("grpo", VOTE)),
)
"""The family over which p is adjusted: all on BBH, over one round. The bar is 0.01."""

FURTHER = (
    *(
        Question(f"{words}, {suite.upper()}", a, b, suite)
        for suite in ("mmlu", "math")
        for words, a, b in (
            ("trained against untrained leader", LED, UNTRAINED),
            ("trained leader against the untrained model's vote at its tokens", LED, ("untrained", VOTE)),
            ("alone: trained against untrained", ("mlpo", ALONE), ("untrained", ALONE)),
        )
    ),
    *(
        Question(f"{row.split('-')[1]} rounds: trained against untrained leader", ("mlpo", row), ("untrained", row))
        for row in (*LATER, FIVE)
    ),
    *(
        Question(f"trained leader: {row.split('-')[1]} rounds against one", ("mlpo", row), LED)
        for row in (*LATER, FIVE)
    ),
    *(
        Question(
            f"{row.split('-')[1]} rounds: trained leader against the untrained model's vote at its tokens",
            ("mlpo", row),
            ("untrained", VOTE),
        )
        for row in LATER
    ),
    *(
        Question(f"twice the steps: trained leader against {words}", ("mlpo-longer", ONCE), b)
        for words, b in (
            ("the untrained model's vote at its tokens", ("untrained", VOTE)),
            ("its own vote at its tokens", ("mlpo-longer", AT_TOKENS + ONCE)),
            ("that of half the steps", LED),
        )
    ),
    *(
        Question(f"more questions: trained leader against {words}", ("mlpo-more-questions", ONCE), b)
        for words, b in (
            ("the untrained model's vote at its tokens", ("untrained", VOTE)),
            ("its own vote at its tokens", ("mlpo-more-questions", AT_TOKENS + ONCE)),
            ("that of 465 questions", LED),
        )
    ),
    Question("MLPO against MLPO without SFT", LED, ("mlpo-without-sft", ONCE)),
    Question("MLPO against MLPO without a filter", LED, ("mlpo-without-filter", ONCE)),
    *(
        Question(
            f"another seed ({seed}): trained leader against {words}", (f"mlpo-seed-{seed}", ONCE), ("untrained", row)
        )
        for seed in (1, 2)
        for words, row in (("untrained leader", ONCE), ("the untrained model's vote at its tokens", VOTE))
    ),
    *(
        Question(
            f"not trained on {suite.upper()}: trained against untrained leader",
            (f"not-{suite}", ONCE),
            UNTRAINED,
            suite,
        )
        for suite in ("bbh", "mmlu", "math")
    ),
    Question(
        "a leader trained to choose against a peer at random",
        ("select", "select-3-peers"),
        ("untrained", "pick-3-peers"),
    ),
)
"""Whatever else is of interest, adjusted over all of these."""
