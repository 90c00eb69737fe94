"""What can go wrong, sorted by whose fault it is.

A person's mistake (`UsageError`) ends the command with one sentence and exit code 2. A fault of the machinery
(`EngineError`) is retried and, if it stays, leaves its question without an answer: it is never scored as wrong.
"""

from __future__ import annotations

import difflib
import errno
import os
import signal
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class UsageError(Exception):
    """Something a person asked for cannot be done; the message says what is wrong and what to do instead."""


class EngineError(Exception):
    """An engine failed to answer.

    `transient` says whether asking again may help; `tried` that the engine itself has asked again, in vain; `own` that
    it is the request's own fault, or the model's: whatever serves that model would fail alike; `barred` that it has
    nothing to do with the request: all are refused until a person does something. `spent` is how many seconds asking
    took, where waiting for a turn is not to be counted; None where it is not told.
    """

    def __init__(
        self, message: str, *, transient: bool = True, tried: bool = False, own: bool = False, barred: bool = False
    ) -> None:
        super().__init__(message)
        self.transient, self.tried, self.own, self.barred = transient, tried, own, barred
        self.spent: float | None = None


class Unreachable(EngineError):
    """Nothing answers where an engine should be: its server or its process is gone, or the way there is."""


class Stopped(Exception):
    """A person, or the system, wants the run to end: nothing more is asked. What was answered until then is kept.

    `signum` is the signal that said so: SIGINT for Ctrl-C.
    """

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__()
        self.signum = signum


class StoppedAtOnce(Stopped):
    """What is under way is not waited for either."""


class ContextOverflow(EngineError):
    """A prompt and its answer do not fit the model's context. Nothing is ever cut to make them fit.

    Sizes are in tokens: `prompt` as the model's chat template renders it, `answer` the most that may be written,
    `context` what the model holds (None where a server does not tell). `said` is how a server puts it: its words stand
    where its figures alone do not show that it is too much. `told` is the message without what may be done about it.
    """

    def __init__(self, *, model: str, prompt: int, answer: int, context: int | None, said: str = "") -> None:
        over = None if context is None else prompt + answer - context
        if over is not None and (over > 0 or not said):
            told = (
                f"{model} holds {context} tokens, but this prompt has {prompt} and its answer may take {answer}: "
                f"{over} too many."
            )
        else:
            told = f"this prompt and its answer of up to {answer} tokens exceed what {model} holds: {said.rstrip('.')}."
        super().__init__(
            f"{told} Lower the answer's length (--gen-kwargs max_gen_toks=N), "
            "ask fewer peers, or take a model with a longer context.",
            transient=False,
            own=True,
        )
        self.told = told
        self.model, self.prompt, self.answer, self.context = model, prompt, answer, context
        self._made_of = {"model": model, "prompt": prompt, "answer": answer, "context": context, "said": said}

    def __reduce__(self) -> tuple[Callable[..., ContextOverflow], tuple[dict[str, Any]]]:
        """Let it travel between processes, though it is made of named values."""
        return _overflow, (self._made_of,)


def _overflow(made_of: dict[str, Any]) -> ContextOverflow:
    return ContextOverflow(**made_of)


def nearest(wrong: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the known name closest to a wrong one, or nothing where none is close."""
    by_small_letters = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wrong.lower(), list(by_small_letters), n=1, cutoff=0.5)
    return f"; did you mean {by_small_letters[close[0]]!r}?" if close else ""


def reason(error: OSError) -> str:
    """Return why the system cannot write; of a file in a folder's place it may say no more than that it exists."""
    in_place_of_folder = error.strerror in {os.strerror(errno.EEXIST), os.strerror(errno.ENOTDIR)}
    return "a file stands where a folder is needed" if in_place_of_folder else error.strerror or str(error)


def digits_or(error: ValueError) -> str:
    """Return what is wrong with a number of too many digits to be read, or else what an error of reading JSON says."""
    told = str(error)
    return "a number has more digits than are read" if "integer string conversion" in told else told


def unknown(kind: str, wrong: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not one of the known ones, with the nearest right one."""
    names = sorted(known)
    listed = ", ".join(names) if len(names) <= 30 else f"{', '.join(names[:30])}, … ({len(names)} in all)"  # noqa: PLR2004
    hint = nearest(wrong, names)
    known_ones = f"Known: {listed}." if names else "There is none."
    return UsageError(f"no {kind} is called {wrong!r}{hint or '.'} {known_ones}")
