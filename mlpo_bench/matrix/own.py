"""Suites that a run finds by more than a name: a file of questions, or what a module defines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from mlpo_bench import questions, yamls
from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.questions import PAPER, SUITES, Suite, own


class OwnSuite(BaseModel):
    """Where a suite is found that no package registers.

    Attributes:
        at: A file or folder, or `module:NAME`.
        format: How a file's questions are answered.
        sha256: What a file's questions are (see `questions.own.digest`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str
    format: str | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, suite: Suite) -> OwnSuite:
        """Return where a suite is found again."""
        is_file = suite.answer_format is not None
        return cls(at=suite.reference, format=suite.answer_format, sha256=own.digest(suite) if is_file else None)

    @property
    def identity(self) -> dict[str, str | None]:
        """What of it decides what is asked: a file's content, wherever it lies."""
        return {"format": self.format, "sha256": self.sha256} if self.sha256 else {"at": self.at}

    @property
    def public(self) -> OwnSuite:
        """It without the folder where a file lies on this machine."""
        return self.model_copy(update={"at": Path(self.at).name}) if self.sha256 else self

    def suite(self, name: str, data: Path | None = None) -> Suite:
        """Return the suite, the same as when the run was made.

        Args:
            name: What it is called.
            data: Where the file is looked for by its name, if it is no longer where it was.

        Raises:
            UsageError: It is gone, has another name, or a file has other questions now.
        """
        path = Path(self.at)
        if self.sha256 and not path.exists() and data and (data / path.name).exists():
            path = data / path.name
        suite = questions.find(str(path) if self.sha256 else self.at, self.format)
        if suite.name != name:
            raise UsageError(_misnamed(name, self.at, suite.name))
        if self.sha256 is None:
            _check_new(suite)
        elif (now := own.digest(suite)) != self.sha256:
            raise UsageError(
                f"{path} no longer has the questions that the run was made with (they were sha256:{self.sha256[:16]}, "
                f"and are sha256:{now[:16]} now); choose another --name for the new ones, or put the old file back."
            )
        return suite


def spelled_out(given: dict[str, Any], context: Mapping[str, Path] | None) -> dict[str, Any]:
    """Return a configuration with each suite of one's own named, and where it is found under `own`.

    Args:
        given: A configuration as a file or a command has it: `suites` may hold files, `module:NAME` and suites
            themselves, and `format` the answer format of all files, or of each by its suite's name.
        context: A validator's: files are named relative to the file that names them.

    Raises:
        UsageError: A suite cannot be had, or a format belongs to none.
    """
    given = dict(given)
    format_of = given.pop("format", None)
    named = given.get("suites", ())
    suites = [named] if isinstance(named, (str, Suite)) else list(named) if isinstance(named, (list, tuple)) else []
    written = given.get("own") or {}
    if context is not None and "suites" not in given and isinstance(written, Mapping):
        _check_asked(written, PAPER)
    if not suites or not _are_told(written):
        return given
    known = _told(written, suites)
    kept: dict[str, Any] = {}
    names = []
    for one in suites:
        if not isinstance(one, (str, Suite)):
            raise ValueError("a suite is named, or given as a file")  # noqa: TRY004 - pydantic tells ValueErrors
        if isinstance(one, Suite):
            name = _added(one)
        elif one in known and format_of is None:
            kept[one], name = known[one], one
        elif one in SUITES:
            name = one
        else:
            suite = _found(known[one]["at"] if one in known else one, format_of, context)
            name = suite.name
            if name in names and dict(kept.get(name, ())).get("at") != suite.reference:
                raise UsageError(f"two suites are called {name!r}; {suite.reference} needs another name.")
            kept[name] = OwnSuite.of(suite)
        names.append(name)
    _check_formats(format_of, kept, "--format" if context is None else "format")
    if context is not None:
        _check_asked(written, names)
    return given | {"suites": names, "own": kept} if kept or "own" in given else given | {"suites": names}


def _are_told(written: object) -> bool:
    """Whether suites of one's own are told in a form in which they can be looked up; others pydantic refuses."""
    if not isinstance(written, Mapping):
        return False
    return all(
        isinstance(one, OwnSuite) or (isinstance(one, Mapping) and isinstance(one.get("at"), str))
        for one in written.values()
    )


def _told(written: Mapping[str, Any], asked: Iterable[object]) -> dict[str, dict[str, Any]]:
    """Return what is told of suites of one's own; those that are asked have their own names."""
    known = {name: dict(one) for name, one in written.items()}
    for name in asked:
        if isinstance(name, str) and name in known:
            _check_name(name, known[name])
    return known


def _added(suite: Suite) -> str:
    """Return the name of a suite that code hands over, which is registered by it in this process."""
    if suite.reference:
        raise ValueError(f"name the suite {suite.name!r} by its file or module: {suite.reference}")
    if suite.name not in SUITES or SUITES[suite.name] is not suite:
        SUITES.add(suite, module="__main__")
    return suite.name


def _check_name(name: str, written: Mapping[str, Any]) -> None:
    """Refuse a file under another name than its own, or under that of a suite that everybody has.

    Where a run was made, which the digest tells, its suite may have got a namesake since.
    """
    at = written["at"]
    if ":" in at and not own.is_table(at):
        return  # its name is known when the module is imported
    if (its := own.name_of(Path(at))) != name:
        raise UsageError(_misnamed(name, at, its))
    if name in SUITES and not written.get("sha256"):
        raise UsageError(f"own gives {at} the name of the suite {name!r}; rename the file, and call it so.")


def _check_new(suite: Suite) -> None:
    """Refuse a suite that goes by the name of another."""
    if suite.name in SUITES and replace(SUITES[suite.name], reference=suite.reference) != suite:
        raise UsageError(f"{suite.reference} has the name of the suite {suite.name!r}; give it another.")


def _misnamed(name: str, at: str, its: str) -> str:
    return f"own says that {at} is the suite {name!r}, and its name is {its!r}: call it so, or rename it."


def _found(reference: str, format_of: Any, context: Mapping[str, Path] | None) -> Suite:  # noqa: ANN401
    if not own.is_table(reference):
        suite = questions.find(reference)
        _check_new(suite)
        return suite
    path = yamls.beside(reference, context)
    form = format_of.get(path.stem) if isinstance(format_of, Mapping) else format_of
    if not isinstance(form, str | None):
        raise UsageError(f"format names how answers are read, such as number or choice; it is {yamls.shown(form)}.")
    return questions.find(str(path), form)


def _check_asked(written: Mapping[str, Any], names: Collection[str]) -> None:
    """Refuse suites that a file tells of and does not ask; an option may ask for others than its matrix."""
    for name in written:
        if name not in names:
            hint = nearest(str(name), names) or "."
            raise UsageError(f"own tells where the suite {name!r} is found, which is none of suites{hint}")


def _check_formats(format_of: Any, kept: Mapping[str, Any], field: str) -> None:  # noqa: ANN401
    files = [name for name, one in kept.items() if own.is_table(dict(one)["at"])]
    if format_of is not None and not files:
        raise UsageError(f"{field} is for files of questions; the suites asked for know their own.")
    for name in format_of if isinstance(format_of, Mapping) else ():
        if name not in files:
            hint = nearest(str(name), files) or "."
            raise UsageError(f"a format is named for {name!r}, which is no file of questions here{hint}")
