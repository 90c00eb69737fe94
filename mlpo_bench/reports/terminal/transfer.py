"""What a leader gains where it was trained and elsewhere, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.reports.grids import Grid


if TYPE_CHECKING:
    from mlpo_bench.analysis.transfer import Transfer
    from mlpo_bench.stats import Estimate

SPARED = ("n", "rival", "row")
"""What a narrow terminal does without, first to last."""
_HOW_TO_READ = (
    "Gain: the row less its rival on the same questions. Means over suites count each suite the same. Intervals and p "
    "speak of other questions of these subjects and suites (~: the two hardly differ). The last line is the one test "
    "of whether the gain differs, by Welch's t within subjects."
)


def grid(transfer: Transfer, *, exact: bool = False) -> Grid:
    """Return the table in words; with `exact`, its figures unrounded and its intervals in two columns."""

    def figure(value: float, form: str) -> str:
        return repr(float(value)) if exact else format(value, form)

    def interval(estimate: Estimate) -> tuple[str, ...]:
        if exact:
            return figure(estimate.low, ""), figure(estimate.high, "")
        return (f"{'~ ' if estimate.caution else ''}[{estimate.low:+.3f}, {estimate.high:+.3f}]",)

    def line(suite: str, where: str, accuracies: tuple[str, str], gain: Estimate) -> tuple[str, ...]:
        return suite, where, *accuracies, figure(gain.value, "+.3f"), *interval(gain), str(gain.questions)

    rows = [
        line(
            gain.suite,
            "in" if gain.inside else "out",
            (figure(gain.accuracy, ".3f"), figure(gain.rival, ".3f")),
            gain.gain,
        )
        for gain in transfer.gains
    ]
    if transfer.interaction is not None:
        found, none = transfer.interaction, ("", "") if exact else ("-", "-")
        rows += [
            line("mean", "in", none, found.first),
            line("mean", "out", none, found.second),
            line("in less out", "", none, found.difference),
        ]
    bounds = ("low", "high") if exact else ("95 % interval",)
    trained = f"In: suites that the leader was trained on ({transfer.trained_by}: {', '.join(transfer.trained)})."
    others = (f"Other led rows, for --row: {'; '.join(transfer.others)}.",) if transfer.others else ()
    return Grid(
        title=f"{transfer.row} against {transfer.against}",
        columns=("suite", "trained", "row", "rival", "gain", *bounds, "n"),
        rows=tuple(rows),
        notes=(_HOW_TO_READ, trained, *others, transfer.sentence),
    )
