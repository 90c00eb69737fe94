"""What differs between a recording and the same run carried out again, each named by where it comes from.

The readers are asked first, of every text that was recorded: what they read differently changes votes and prompts
after it. Then come requests that the recording does not hold, turns that are missing or new, verdicts, and figures.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench import answers
from mlpo_bench.engines.recorded import missing
from mlpo_bench.gate.checks import Check, Outcome
from mlpo_bench.gate.prompt_diff import closest, told_apart
from mlpo_bench.matrix.config import row_name


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlpo_bench.gate.recording import Conversation, Recording, RecordingBaseline, TurnSeen
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.questions import Item

_EXAMPLES = 3
_DIGESTS = {"seats": "what its seats cost", "lm_eval": "lm-eval's own results"}
_END = 90


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a recording came to when it was carried out again.

    `planned` are all cells of its matrix, `asked` its questions by id.
    """

    run: LoadedRun
    planned: frozenset[str]
    conversations: dict[tuple[str, str], Conversation]
    cells: dict[str, dict[str, Any]]
    sources: dict[str, str]
    asked: dict[str, Item]


@dataclass(frozen=True, slots=True)
class _Fault:
    """How one conversation differs."""

    what: str
    question: str
    details: str


def differences(recording: Recording, baseline: RecordingBaseline, replayed: Replayed) -> list[Check]:
    """Return a check for each reader and each cell."""
    if replayed.sources != baseline.sources:
        changed = [suite for suite, revision in replayed.sources.items() if baseline.sources.get(suite) != revision]
        why = f"the questions of {', '.join(changed)} are not those of the recording; make it anew with --record."
        return [Check("gate", "questions", Outcome.CANNOT_JUDGE, why)]
    checks = [*_readers(recording, replayed)]
    checks += [_cell(cell, recording, baseline, replayed) for cell in dict.fromkeys([*baseline.cells, *replayed.cells])]
    return checks


def _readers(recording: Recording, replayed: Replayed) -> Iterator[Check]:
    """Yield a check for every answer format: whether every recorded text is read as it was."""
    turns = {
        (turn.request, question): (turn, f"{cell}, {question}, {turn.place}")
        for (cell, question), one in recording.conversations.items()
        for turn in one.turns
        if question in replayed.asked
    }
    texts: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    other: dict[str, list[str]] = {}
    for (request, question), (turn, where) in turns.items():
        item, made = replayed.asked[question], recording.requests[request].completion
        form, text = item.answer_format, made.text
        texts[form] += 1
        now = answers.read(form, text, question=item.text, cut_off=made.cut_off)
        if now != turn.answer:
            lost[form] += now is None
            other.setdefault(form, []).append(
                f"{where}: read {_quoted(now)}, was {_quoted(turn.answer)}, in ...{text[-_END:]!r}"
            )
    for form, count in sorted(texts.items()):
        faults = other.get(form, [])
        message = f"the reader of {form!r} reads {count} recorded texts as before."
        if faults:
            told = f"the reader of {form!r} reads {len(faults)} of {count} recorded texts in another way"
            message = f"{told} ({lost[form]} of them not at all); first: {faults[0]}."
        yield Check.of("answers", f"reader of {form}", message, "\n".join(faults[:_EXAMPLES]), failed=bool(faults))


def _cell(cell: str, recording: Recording, baseline: RecordingBaseline, replayed: Replayed) -> Check:
    before, now = baseline.cells.get(cell), replayed.cells.get(cell)
    known = before or now
    assert known is not None
    suite, label = str(known["suite"]), row_name(known["team"], known["label"])
    if now is None and cell in replayed.planned:
        why = f"{label} was not run, as the cell whose tokens it matches did not come to its end."
        return Check(suite, label, Outcome.CANNOT_JUDGE, why)
    if before is None or now is None:
        message = f"{label} is {'new' if before is None else 'no longer run'}: the recording was made of other cells."
        return Check.of(suite, label, message, failed=True)
    faults = [
        fault
        for name, one in recording.conversations.items()
        if name[0] == cell and (fault := _conversation(one, replayed.conversations.get(name), recording)) is not None
    ]
    total = sum(name[0] == cell for name in recording.conversations)
    if faults:
        kinds = Counter(fault.what for fault in faults)
        (what, count), *others = kinds.most_common()
        also = " (and other differences)" if others else ""
        first = next(fault for fault in faults if fault.what == what)
        message = f"{label}: {what}, in {count} of {total} conversations{also}; first: {first.question}."
        shown = [first, *(fault for fault in faults if fault is not first)][:_EXAMPLES]
        details = "\n\n".join(f"{fault.question}: {fault.what}\n{fault.details}".rstrip() for fault in shown)
        return Check.of(suite, label, message, details, failed=True)
    if changed := _figures(before, now):
        return Check.of(suite, label, f"{label}: the same conversations come to other figures: {changed}.", failed=True)
    return Check.of(suite, label, f"{label}: {total} conversations as recorded.", failed=False)


def _conversation(before: Conversation, now: Conversation | None, recording: Recording) -> _Fault | None:
    """Return how a conversation differs from the recorded one, or None where it does not."""
    if now == before:
        return None
    if now is None:
        return _Fault("is not held any more", before.question, "")
    if now.error is not None:
        return _unrecorded(before, now.error, recording)
    if [t[:5] for t in before.turns] != [t[:5] for t in now.turns]:
        return _Fault(_other_turns(before, now), before.question, _first_other(before, now, recording))
    for was, is_ in zip(before.turns, now.turns, strict=True):
        if was != is_:
            return _Fault(_other_verdict(was, is_), before.question, "")
    return _other_end(before, now)


def _other_end(before: Conversation, now: Conversation) -> _Fault:
    if before.final != now.final:
        details = f"answer {_quoted(now.answer)}, was {_quoted(before.answer)}"
        return _Fault("another turn's text is final", before.question, details)
    told = f"{_quoted(now.answer)} is {_right(now.right)}, was {_quoted(before.answer)}, {_right(before.right)}"
    return _Fault("the verdict on the final text is another", before.question, told)


def _unrecorded(before: Conversation, error: str, recording: Recording) -> _Fault:
    """Explain a request that the recording does not hold by the one of this conversation that is most like it."""
    asked = missing(error)
    if asked is None:
        return _Fault("ends in a fault", before.question, error)
    turn = closest(asked, before, recording)
    if turn is None:
        return _Fault("asks what was not recorded", before.question, "")
    what = f"{turn.place} asks what was not recorded"
    return _Fault(what, before.question, told_apart(asked, recording.requests[turn.request]))


def _other_turns(before: Conversation, now: Conversation) -> str:
    """Return in words which turns are missing or new, or else which is asked something else."""
    was, is_ = Counter(t.place for t in before.turns), Counter(t.place for t in now.turns)
    parts = [("no longer asked", was - is_), ("newly asked", is_ - was)]
    told = [f"{what}: {_places(places)}" for what, places in parts if places]
    if told:
        return f"{len(now.turns)} turns, recorded {len(before.turns)}; {'; '.join(told)}"
    turn = next(now for was, now in zip(before.turns, now.turns, strict=True) if was[:5] != now[:5])
    return f"{turn.place} is asked something else of the recording"


def _places(places: Counter[str]) -> str:
    rounds: dict[str, list[str]] = {}
    for place, count in places.items():
        seat, _, when = place.rpartition(", ")
        rounds.setdefault(when, []).append(seat if count == 1 else f"{seat} {count} times")
    return "; ".join(f"{when} ({', '.join(seats)})" for when, seats in rounds.items())


def _first_other(before: Conversation, now: Conversation, recording: Recording) -> str:
    """Return how the first request that differs does, where both conversations have a turn in its place."""
    for was, is_ in zip(before.turns, now.turns, strict=False):
        if was.request != is_.request:
            mine, its = recording.requests.get(is_.request), recording.requests.get(was.request)
            return told_apart(mine, its) if mine and its and was.place == is_.place else ""
    return ""


def _other_verdict(was: TurnSeen, is_: TurnSeen) -> str:
    if was.answer != is_.answer:
        return f"from {is_.place} is read {_quoted(is_.answer)}, was {_quoted(was.answer)}"
    return f"the answer {_quoted(is_.answer)} of {is_.place} is judged {_right(is_.right)}, was {_right(was.right)}"


def _figures(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return which of the recorded figures changed; a version that states more of them changes none."""
    changed = [name for name in before if before[name] != now.get(name)]
    return "; ".join(_DIGESTS.get(name) or f"{name} {now.get(name)}, was {before[name]}" for name in changed)


def _quoted(answer: str | None) -> str:
    return "nothing" if answer is None else repr(answer)


def _right(right: bool) -> str:
    return "right" if right else "wrong"
