"""A recording: a small run whose every completion is kept, so that it can be carried out again without a model.

questions.yaml              its questions, our own (see `questions.py`)
config.yaml                 the run, with the models that answered when it was recorded
completions.jsonl.zst       every completion with the request that it answered
conversations.jsonl.zst     who asked what in which round, what was read from it, and whether that was right
baseline.json               the models' identities, every cell's figures, when and why it was recorded
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import zstandard
from pydantic import BaseModel, ConfigDict

from mlpo_bench import atomic
from mlpo_bench.chat import MORE, Completion, Message, Sampling, Usage
from mlpo_bench.engines.kinds.recorded import Recording as RecordingEngine
from mlpo_bench.errors import UsageError
from mlpo_bench.gate.history import Kept, read_baseline
from mlpo_bench.matrix.config import RunConfig, read_config


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlpo_bench.log import CellResult, LoadedRun
    from mlpo_bench.teams import Member, Team

LEVEL = 19


class TurnSeen(NamedTuple):
    """A turn as it is compared: `request` is its identity in hex, `answer` what was read from its text."""

    seat: str
    round: int
    stage: int
    sample: int
    request: str
    answer: str | None
    right: bool

    @property
    def place(self) -> str:
        """Who spoke when, as tables count rounds."""
        return f"{self.seat}, round {self.round + 1}"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as it is compared. `final` is a digest of its final text; `error` is why it has none."""

    cell: str
    question: str
    turns: tuple[TurnSeen, ...] = ()
    answer: str | None = None
    right: bool = False
    final: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A completion of a recording, and the request that it answered.

    Messages and sampling are None for the few that stand in no conversation: ballots that a vote turned out not to
    need, and train questions.
    """

    completion: Completion
    messages: tuple[Message, ...] | None = None
    sampling: Sampling | None = None

    @property
    def prompt(self) -> str:
        """All that was read, the last message last."""
        return as_prompt(self.messages or ())


def as_prompt(messages: Iterable[Message]) -> str:
    """Return messages as one text to be compared."""
    return "\n".join(m.content if m.role == "user" else f"[{m.role}] {m.content}" for m in messages)


class Identity(BaseModel):
    """Which model a recorded one stands for. `revision` is what follows the name in its identity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: str
    revision: str
    context: int


class RecordingBaseline(Kept):
    """What a recorded run came to: `models` by `engine model`, `sources` as in its manifest, `cells` as in its files.

    `completions` and `conversations` are the digests of those files, so that none of them changes on its own.
    """

    models: dict[str, Identity]
    sources: dict[str, str]
    completions: str
    conversations: str
    cells: dict[str, dict[str, Any]]


@dataclass(slots=True)
class Recording:
    """The files of a recording."""

    path: Path
    requests: dict[str, Recorded] = field(default_factory=dict)
    conversations: dict[tuple[str, str], Conversation] = field(default_factory=dict)

    @property
    def config_path(self) -> Path:
        """Where its configuration lies."""
        return self.path / "config.yaml"

    @property
    def questions_path(self) -> Path:
        """Where its questions lie."""
        return self.path / "questions.yaml"

    @property
    def baseline_path(self) -> Path:
        """Where its figures lie."""
        return self.path / "baseline.json"

    @property
    def completions_path(self) -> Path:
        """Where its completions lie."""
        return self.path / "completions.jsonl.zst"

    @property
    def conversations_path(self) -> Path:
        """Where its conversations lie."""
        return self.path / "conversations.jsonl.zst"

    @classmethod
    def here(cls, path: Path) -> bool:
        """Whether a folder is a recording, or what one is made from."""
        return (path / "questions.yaml").is_file() and (path / "config.yaml").is_file()

    def baseline(self) -> RecordingBaseline:
        """Read its figures.

        Raises:
            UsageError: there are none, or of another version.
        """
        return read_baseline(self.baseline_path, RecordingBaseline, "--record --reason TEXT")

    def load(self, baseline: RecordingBaseline) -> None:
        """Read completions and conversations.

        Raises:
            UsageError: a file is missing, or is not the one that its baseline was made with.
        """
        lines = _read_lines(self.completions_path, baseline.completions)
        self.requests = dict(_completion(line) for line in lines)
        names = list(self.requests)
        lines = _read_lines(self.conversations_path, baseline.conversations)
        conversations = [_conversation(line, names) for line in lines]
        self.conversations = {(one.cell, one.question): one for one in conversations}

    def write_completions(self) -> str:
        """Write the completions; return the file's digest."""
        return _write_lines(self.completions_path, [_completion_line(*each) for each in self.requests.items()])

    def write_conversations(self) -> str:
        """Write the conversations; return the file's digest."""
        places = {request: place for place, request in enumerate(self.requests)}
        lines = [_conversation_line(one, places) for one in self.conversations.values()]
        return _write_lines(self.conversations_path, lines)

    def config(self, data: Path) -> RunConfig:
        """Read the configuration that it was recorded with, its questions lying in `data`.

        Raises:
            UsageError: it is faulty.
        """
        return read_config(self.config_path).model_copy(update={"data": str(data)})


def recorded_config(config: RunConfig, models: Mapping[str, Identity]) -> RunConfig:
    """Return a configuration with a recorded model in the place of every one.

    Raises:
        UsageError: it names a model that the recording was not made with.
    """

    def recorded(member: Member) -> Member:
        identity = models.get(model_key(member))
        if identity is None:
            raise UsageError(f"the recording was made without {model_key(member)}; make it anew with --record.")
        change = {
            "engine": RecordingEngine.name,
            "revision": identity.revision,
            "context": identity.context,
            "base_url": None,
        }
        return member.model_copy(update=change)

    def seated(team: Team) -> Team:
        peers = tuple(map(recorded, team.peers))
        untrained = team.untrained_leader and recorded(team.untrained_leader)
        return team.model_copy(update={"leader": recorded(team.leader), "peers": peers, "untrained": untrained})

    return config.model_copy(update={"teams": {name: seated(team) for name, team in config.teams.items()}})


def model_key(member: Member) -> str:
    """Return under which name a member's model stands in a recording."""
    return f"{member.engine} {member.name}"


def conversations_of(run: LoadedRun) -> dict[tuple[str, str], Conversation]:
    """Read the conversations of a run, by cell and question."""
    conversations: dict[tuple[str, str], Conversation] = {}
    for cell in run.cells:
        for line in run.transcripts(cell) if run.directory.transcript_path(cell).exists() else ():
            conversations[cell.id, line["question"]] = _held(cell.id, line)
    return conversations


def _held(cell: str, line: Mapping[str, Any]) -> Conversation:
    if "error" in line:
        return Conversation(cell, line["question"], error=line["error"])
    turns = tuple(
        TurnSeen(t["seat"], t["round"], t["stage"], t["sample"], t["request"], t["answer"], t["right"])
        for t in line["turns"]
    )
    return Conversation(cell, line["question"], turns, line["answer"], line["right"], _digest(line["final"]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def figures_of(result: CellResult) -> dict[str, Any]:
    """Return a cell's figures; of what its seats cost and of lm-eval's results, digests.

    The sizes of models are left out, for a recording does not know them, and so are the readers, which are compared by
    what they read, and what follows from the turns alone; of fractions, the digits in which libraries and processors
    may differ.
    """
    figures: dict[str, Any] = _rounded(result.model_dump(mode="json", exclude={"readers", "serial_tokens"}))
    seats = {name: cost | {"parameters": None} for name, cost in figures["seats"].items()}
    results = figures["lm_eval"].get("results", {})
    return figures | {"seats": _digest_of(seats), "lm_eval": _digest_of(results)}


def _rounded(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    match value:
        case float():
            return float(f"{value:.9g}")
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
    return value


def _digest_of(value: object) -> str:
    return _digest(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())


def _completion_line(request: str, one: Recorded) -> bytes:
    made, u = one.completion, one.completion.usage
    line: dict[str, Any] = {"request": request, "text": made.text, "finish": made.finish_reason}
    line |= {"tokens": [u.prompt, u.cached, u.completion], "seconds": made.seconds, **made.more}
    if one.messages is not None and one.sampling is not None:
        line |= {"read": [[m.role, m.content] for m in one.messages], "sampling": asdict(one.sampling)}
    return orjson.dumps(line)


def _completion(line: Mapping[str, Any]) -> tuple[str, Recorded]:
    more = {name: line[name] for name in MORE if name in line}
    made = Completion(line["text"], Usage(*line["tokens"]), line["finish"], line["seconds"], **more)
    if "read" not in line:
        return line["request"], Recorded(made)
    sampling = Sampling(**{**line["sampling"], "stop": tuple(line["sampling"]["stop"])})
    return line["request"], Recorded(made, tuple(Message(*m) for m in line["read"]), sampling)


def _conversation_line(one: Conversation, places: Mapping[str, int]) -> bytes:
    turns = [[*t[:4], places[t.request], t.answer, t.right] for t in one.turns]
    return orjson.dumps([one.cell, one.question, turns, one.answer, one.right, one.final])


def _conversation(line: list[Any], names: list[str]) -> Conversation:
    cell, question, turns, answer, right, final = line
    seen = tuple(TurnSeen(t[0], t[1], t[2], t[3], names[t[4]], t[5], t[6]) for t in turns)
    return Conversation(cell, question, seen, answer, right, final)


def _write_lines(path: Path, lines: list[bytes]) -> str:
    content = zstandard.compress(b"\n".join(lines), LEVEL)
    path.write_bytes(content)
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _read_lines(path: Path, digest: str) -> list[Any]:
    try:
        content = atomic.read(path)
    except OSError as error:
        raise UsageError(f"the recording's {path} cannot be read: {error.strerror}.") from None
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise UsageError(f"{path} is not the file that baseline.json was made with; make the recording anew.")
    with zstandard.ZstdDecompressor().stream_reader(content) as stream:
        return [orjson.loads(line) for line in io.BufferedReader(stream)]
