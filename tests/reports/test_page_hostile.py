"""The page of a run in which everything that has a name or a text wants out: nothing of it gets past the packing."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.parquet as pq
import pytest
import zstandard
from fixtures import nul  # type: ignore[import-not-found]
from fixtures.golds import gold  # type: ignore[import-not-found]

from mlpo_bench.cli._display import display
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.seals import SEAL
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.matrix.cells import cells
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.questions import SUITES
from mlpo_bench.reports.html import assemble, page, write_page
from mlpo_bench.runs.runner import run_cells


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORD = "zqxj"
"""Stands in every hostile text and nowhere else."""
HOSTILE = (
    f"</script><script>alert('{WORD}')</script>",
    f"<!-- {WORD} <script> ",
    f"<img src={WORD} onerror=alert(1)> ]]> @@SCRIPT@@",
    f"\u202e{WORD}\u2066 \u200f\u2028",
    f"{WORD}\0\x1b[31m\r\n",
    rf"\( \href{{javascript:alert('{WORD}')}}{{x}} \)",
)
SCRIPT = [
    {"when": "number 3", "fail": HOSTILE[0]},
    {"when": "You lead", "say": [f"{text} <answer>{word}</answer>" for text in HOSTILE for word in ("Yes", "No")]},
    {"say": [f"{text} The answer is {word}." for text in HOSTILE for word in ("Yes", "No", "(A)")] + [HOSTILE[4]]},
]
TEAM = f"<b>{WORD}</b>\u202e"
RUN = f"<s>&\"'{WORD} @@SCRIPT@@\u202e"


class Parsed(HTMLParser):
    """A page as a browser reads it: its elements, its scripts, and what is packed in it."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.packed: dict[str, bytes] = {}
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        if tag == "script" and self.cdata_elem:
            if attributes.get("type") == "text/plain":
                self.packed[str(attributes["id"])] = gzip.decompress(base64.b64decode(data, validate=True))
            else:
                self.scripts.append(data)

    @property
    def data(self) -> Any:
        return orjson.loads(self.packed["data"])

    @property
    def questions(self) -> list[Any]:
        """All that the portions hold."""
        return [one for place, _ in enumerate(self.data["portions"]) for one in self._portion(place)]

    def _portion(self, place: int) -> list[Any]:
        found: list[Any] = orjson.loads(self.packed[f"portion-{place}"])
        return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run whose own name and whose team, model, questions, answers and faults are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "data" / "bbh").mkdir(parents=True)
    for subject in SUITES["bbh"].subjects:
        examples = [{"input": f"{text} number {n}", "target": gold(subject, n)} for n, text in enumerate(HOSTILE)]
        (folder / "data" / "bbh" / f"{subject}.json").write_text(json.dumps({"canary": "-", "examples": examples}))
    script = folder / f"<i>{WORD}.yaml"
    script.write_text(nul.marked(json.dumps(SCRIPT)))
    member = {"model": str(script), "engine": "scripted"}
    config = RunConfig.model_validate(
        {
            "suites": ["bbh"], "data": str(folder / "data"), "subjects": ["navigate", "snarks"], "split": "all",
            "teams": {TEAM: {"leader": member, "peers": [member] * 3}},
            "protocols": ["solo", {"vote": {"samples": 3}}, {"leader": {"rounds": [1, 2]}}],
        }
    )  # fmt: skip
    made = RunDirectory.for_run(config, folder / "runs", "run")
    with pytest.MonkeyPatch.context() as patch, display(quiet=True) as observer:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        nul.answer_with_it(patch)
        asyncio.run(run_cells(made, folder / "store.sqlite", observer))
    shutil.move(made.path, folder / RUN)
    return RunDirectory(folder / RUN)


@pytest.fixture(scope="module")
def content(run: RunDirectory) -> bytes:
    return page(LoadedRun(run))


@pytest.fixture(scope="module")
def parsed(content: bytes) -> Parsed:
    return Parsed(content)


@pytest.fixture
def copied(run: RunDirectory, tmp_path: Path) -> Iterator[RunDirectory]:
    """A copy of the run that a test may change."""
    shutil.copytree(run.path, tmp_path / "copy")
    yield RunDirectory(tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy")


def test_hostile_text_stands_in_the_packed_data_alone(content: bytes, parsed: Parsed) -> None:
    bare = re.sub(r'(<script type="text/plain" id="[\w-]+">)[A-Za-z0-9+/=]*</script>', r"\1</script>", content.decode())
    assert bare.count(WORD) == 1
    assert f"<title>&lt;s&gt;&amp;&#34;&#39;{WORD} @@SCRIPT@@[U+202E]: mlpo-bench</title>" in bare
    assert not re.search(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\x00-\x08\x0b-\x1f\x7f]", bare)
    assert parsed.data["run"]["name"] == RUN
    assert {entry["name"].split(": ")[0] for entry in parsed.data["cells"]} == {TEAM}
    held = [word[0] for question in parsed.questions for word in question["words"]]
    assert all(any(hostile in word for word in held) for hostile in HOSTILE)
    assert all(any(hostile in question["text"] for question in parsed.questions) for hostile in HOSTILE[:3])


def test_a_hostile_run_has_the_markup_of_any_other(parsed: Parsed) -> None:
    plain = Parsed(assemble.assembled("name", {"text": "text"}, [b"[]"], "// plotly"))
    assert [tag for tag, _ in parsed.elements] == [tag for tag, _ in plain.elements]
    assert parsed.scripts == plain.scripts
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]


def test_the_scripts_make_no_markup_of_text_and_ask_no_address(parsed: Parsed) -> None:
    own = "\n".join(parsed.scripts)
    assert set(re.findall(r"https?://[^\"'\s]*", own)) == {"http://www.w3.org/2000/svg"}
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write|\beval\(|new Function"
    assert not re.search(markup, own)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\b", own)


def test_bytes_depend_on_the_run_alone(content: bytes, run: RunDirectory, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    told = (
        "import sys, pathlib; from mlpo_bench.log import LoadedRun; from mlpo_bench.reports.html import write_page;"
        "write_page(LoadedRun.open(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]))"
    )
    elsewhere = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", told, run.path, out], check=True, env=elsewhere)
    assert out.read_bytes() == content


def test_faults_of_the_machinery_are_told(parsed: Parsed) -> None:
    notes = parsed.data["run"]["notes"]
    assert len(notes) == 4
    assert all("2 of 12 questions could not be asked" in note for note in notes)
    failed = [told for one in parsed.questions for told in one["told"].values() if "error" in told]
    assert len(failed) == 4 * 2
    assert all(HOSTILE[0] in told["error"] for told in failed)


def test_a_run_of_which_nothing_is_done_has_no_page(copied: RunDirectory) -> None:
    for path in (copied.path / "cells").iterdir():
        path.unlink()
    copied.write_results()
    with pytest.raises(UsageError):
        page(LoadedRun(copied))


def test_a_run_from_before_turns_were_judged_has_a_page_that_says_so(copied: RunDirectory) -> None:
    for path in (copied.path / "cells").iterdir():  # nothing told then of what was written
        value = orjson.loads(path.read_bytes())
        path.write_bytes(orjson.dumps({name: each for name, each in value.items() if name not in {"files", SEAL}}))
    for path in (copied.path / "ledger").iterdir():
        pq.write_table(pq.read_table(path).drop_columns(["answer", "right", "cut_off"]), path)
    for cell in cells(copied.config):
        lines = list(read_transcripts(copied.transcript_path(cell)))
        for turn in (turn for line in lines for turn in line.get("turns", ())):
            del turn["right"], turn["key"]
        text = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        copied.transcript_path(cell).write_bytes(zstandard.compress(text))
    old = Parsed(page(LoadedRun(copied)))
    words = [word for question in old.questions for word in question["words"]]
    assert words
    assert {word[3] for word in words} == {None}
    assert old.data["leaders"] == []
    assert old.data["leadersMissing"]
    assert {row["protocol"] for row in old.data["rows"]} == {"solo", "vote", "leader"}


def test_nothing_half_written_is_left(run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "page", lambda _: b"content")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="folder cannot be written: a folder stands there"):
        write_page(LoadedRun(run), tmp_path / "folder")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
