"""What the proof does, in order, and how long each part takes. Every step leaves a whole result behind."""

from __future__ import annotations

from dataclasses import dataclass


WRITTEN_A_SECOND, TRAINED_A_SECOND = 200.0, 350.0
"""Tokens that SmolLM2 writes on two cores with many requests in flight, and that go through its training there."""
START = 120.0
"""Seconds until a command's models are up."""
QUESTIONS = {"bbh": 1303, "mmlu": 300, "math": 100}
"""Test questions of each suite; where that is fewer than it has, spread evenly over its subjects."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of an opening, of a revised attempt, and of what the leader writes, before its training and after."""

    opening: int
    revision: int
    untrained: int
    trained: int


# BBH's are measured on the leaderboard's rows, but for a trained leader's, which is about that of the traces that it
# learns; the others follow from how much longer openings are.
LENGTHS = {"bbh": Lengths(30, 66, 70, 95), "mmlu": Lengths(26, 60, 65, 95), "math": Lengths(90, 105, 110, 120)}


@dataclass(frozen=True)
class Evaluation:
    """Rows of one team on some suites.

    `rows` are ends of cells' names. A question takes so many new completions: `openings` of them (answers to the
    question alone), `revisions` and `verdicts` (the leader's). `suites` are all where none is named.
    """

    team: str
    rows: tuple[str, ...]
    openings: int = 0
    revisions: int = 0
    verdicts: int = 0
    suites: tuple[str, ...] = ("bbh", "mmlu", "math")

    @property
    def words(self) -> str:
        """What is asked, in few words."""
        rows = [row.removesuffix("-3-peers").replace("-", " ") for row in self.rows]
        votes = [row.removeprefix("vote of ") for row in rows if row.startswith("vote of ")]
        told = [row for row in rows if not row.startswith("vote of ")]
        told += [f"votes of {votes[0]} to {votes[-1]}"] if votes else []
        return f"{self.team}: {', '.join(told)}"

    def seconds(self, suite: str) -> float:
        """Return about how long this takes on one suite."""
        each = LENGTHS[suite]
        verdict = each.untrained if self.team == "untrained" else each.trained
        tokens = self.openings * each.opening + self.revisions * each.revision + self.verdicts * verdict
        return START + QUESTIONS[suite] * tokens / WRITTEN_A_SECOND


@dataclass(frozen=True)
class Training:
    """The training of a leader: about so many tokens are written for it, and go through it, that none before it has."""

    leader: str
    written: float
    trained: float

    @property
    def words(self) -> str:
        return f"train {self.leader}"

    @property
    def seconds(self) -> float:
        """About how long this takes."""
        return 2 * START + self.written / WRITTEN_A_SECOND + self.trained / TRAINED_A_SECOND


Part = Evaluation | Training


@dataclass(frozen=True)
class Step:
    """Parts that make one result together."""

    name: str
    what: str
    parts: tuple[Part, ...]


ALONE, ONCE = "solo", "leader-1-round-3-peers"
LATER = ("leader-2-rounds-3-peers", "leader-3-rounds-3-peers")
FIVE = "leader-5-rounds-3-peers"
AT_TOKENS = "vote-at-the-tokens-of-"
FEW = tuple(f"vote-of-{n}" for n in (4, 5, 6, 7, 8))
MANY = tuple(f"vote-of-{n}" for n in (10, 12, 13, 14, 15, 16, 20, 22, 24, 26, 28, 30))

# Reckoned from the recipe: 800 questions x 12 openings of 35 tokens, hot as they are; more than half of the questions
# kept, a prompt each, answered four times with 42 tokens; 142 traces, 560 tokens long, learnt four times.
_OPENINGS, _TRACES, _SFT = 800 * 12 * 35, 465 * 4 * 42, 142 * 560 * 4
# 24 steps of 16 prompts of 450 tokens, each with 8 completions of 95; alone a prompt has 130, a completion 40.
_MLPO_READ, _MLPO_WRITTEN = 24 * 16 * (450 + 8 * 95), 24 * 16 * 8 * 95
_ALONE = (_SFT + _MLPO_READ + _MLPO_WRITTEN) / ((130 + 8 * 40) + 8 * 40)
_GRPO_READ, _GRPO_WRITTEN = _ALONE * (130 + 8 * 40), _ALONE * 8 * 40
# Two suites of 400 questions each; MATH's openings are long, and few of its questions are kept.
_SUITE = {"bbh": 0, "mmlu": 400 * 12 * 30, "math": 400 * 12 * 95}


def _twice(*suites: str) -> float:
    return sum(_SUITE[suite] for suite in suites) + _TRACES + _MLPO_WRITTEN


def _led(leader: str, *suites: str) -> Evaluation:
    """Return the rows that every leader has: alone, and over one round."""
    return Evaluation(leader, (ALONE, ONCE), openings=1, verdicts=1, suites=suites or ("bbh", "mmlu", "math"))


STEPS = (
    Step(
        "1",
        "untrained: alone, led once, votes, a peer at random, the oracle",
        (Evaluation("untrained", (ALONE, ONCE, *FEW, "pick-3-peers", "oracle-3-peers"), openings=8, verdicts=1),),
    ),
    Step(
        "2a",
        "sft, and mlpo from it: alone and led once",
        (
            Training("sft", _OPENINGS + _TRACES, _SFT),
            _led("sft", "bbh"),
            Training("mlpo", _MLPO_WRITTEN, _MLPO_READ),
            _led("mlpo"),
            Evaluation("mlpo", (AT_TOKENS + ONCE,), openings=6, suites=("bbh",)),
        ),
    ),
    Step(
        "2b",
        "untrained and mlpo on BBH: two, three and five rounds",
        (
            Evaluation("untrained", LATER, revisions=6, verdicts=2, suites=("bbh",)),
            Evaluation("mlpo", LATER, revisions=6, verdicts=2, suites=("bbh",)),
            Evaluation("mlpo", (FIVE,), revisions=6, verdicts=2, suites=("bbh",)),
            Evaluation("untrained", (FIVE,), revisions=6, verdicts=2, suites=("bbh",)),
        ),
    ),
    Step(
        "2c",
        "more rounds on the other suites, and votes at the tokens of two and three on BBH",
        (
            Evaluation("untrained", LATER, revisions=6, verdicts=2, suites=("mmlu", "math")),
            Evaluation("mlpo", LATER, revisions=6, verdicts=2, suites=("mmlu", "math")),
            _led("sft", "mmlu", "math"),
            Evaluation("untrained", MANY, openings=22, suites=("bbh",)),
            Evaluation("mlpo", tuple(AT_TOKENS + row for row in LATER), openings=22, suites=("bbh",)),
        ),
    ),
    Step(
        "3a",
        "grpo: trained alone at equal tokens",
        (
            Training("grpo", _GRPO_WRITTEN, _GRPO_READ),
            _led("grpo", "bbh"),
            Evaluation("grpo", FEW, openings=7, suites=("bbh",)),
        ),
    ),
    Step(
        "3b",
        "mlpo for twice as many steps",
        (
            Training("mlpo-longer", 2 * _MLPO_WRITTEN, 2 * _MLPO_READ),
            _led("mlpo-longer", "bbh"),
            Evaluation("mlpo-longer", (AT_TOKENS + ONCE,), openings=6, suites=("bbh",)),
        ),
    ),
    Step(
        "3c",
        "mlpo from sft, on nearly three times the prompts",
        (
            Training("mlpo-more-questions", 5200 * 3 * 35 + 2 * _MLPO_WRITTEN, 2 * _MLPO_READ + 24 * 32 * 450),
            _led("mlpo-more-questions", "bbh"),
            Evaluation("mlpo-more-questions", (AT_TOKENS + ONCE,), openings=6, suites=("bbh",)),
        ),
    ),
    Step(
        "3d",
        "mlpo without sft, and grpo on the other suites",
        (
            Training("mlpo-without-sft", _MLPO_WRITTEN, _MLPO_READ),
            _led("mlpo-without-sft"),
            _led("grpo", "mmlu", "math"),
        ),
    ),
    Step(
        "4a",
        "two more seeds of mlpo",
        (
            Training("mlpo-seed-1", _MLPO_WRITTEN, _MLPO_READ),
            _led("mlpo-seed-1"),
            Training("mlpo-seed-2", _MLPO_WRITTEN, _MLPO_READ),
            _led("mlpo-seed-2"),
        ),
    ),
    Step(
        "4b",
        "trained on two suites, tested on the third",
        (
            Training("not-bbh", _twice("mmlu", "math"), _SFT + _MLPO_READ),
            _led("not-bbh", "bbh"),
            Training("not-mmlu", _twice("bbh"), _SFT + _MLPO_READ),
            _led("not-mmlu", "mmlu"),
            Training("not-math", _twice("bbh"), _SFT + _MLPO_READ),
            _led("not-math", "math"),
        ),
    ),
    Step(
        "4c",
        "no filter; a leader that chooses",
        (
            Training("mlpo-without-filter", 2 * _TRACES + _MLPO_WRITTEN, 1.5 * _SFT + _MLPO_READ),
            _led("mlpo-without-filter"),
            Training("select", _TRACES + _MLPO_WRITTEN, _SFT + _MLPO_READ),
            Evaluation("untrained", ("select-3-peers",), verdicts=1),
            Evaluation("select", ("select-3-peers",), verdicts=1),
        ),
    ),
)
