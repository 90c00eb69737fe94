"""How large a big run's page is, and how soon it can be read.

    python benchmarks/page.py --questions 1000 --repetitions 3

Writes a run of made-up conversations, in each of which a leader and three peers speak for five rounds (20 turns), and
its page; then opens the page in the machine's Chromium, whose cache is empty each time, until the table is shown, and
goes on until the first conversation is. Prints the size and the median seconds. Exit code 1 above 60 MB or 3 s.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from mlpo_bench.chat import Message, Usage
from mlpo_bench.dispatch import Tally
from mlpo_bench.harness.verdicts import Judged, TurnVerdict, Verdict
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.files import write_json
from mlpo_bench.log.ledger import SeatCost, by_seat
from mlpo_bench.log.manifest import Manifest
from mlpo_bench.log.records import write_records
from mlpo_bench.log.results import CellResult
from mlpo_bench.matrix.cells import Cell, cells
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.protocols import Transcript, Turn
from mlpo_bench.questions import Question, Source
from mlpo_bench.reports.html import write_page
from mlpo_bench.runs.progress import CellProgress


MOST_MB, MOST_SECONDS = 60.0, 3.0
ROUNDS, PEERS = 5, 3
SUBJECTS = ("navigate", "snarks", "date_understanding", "web_of_lies")
LETTERS = "ABCD"
WORDS_IN_USE = 4000
SYLLABLES = ("ka", "ter", "mo", "lin", "su", "ver", "da", "pro", "ni", "ce", "or", "th", "al", "ing", "re", "st")
CHARACTERS_A_TOKEN = 4


class Writer:
    """Writes prose of made-up words, a few of which are frequent as in any language, with formulas in it."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)  # noqa: S311 - not a secret
        self._words = [
            "".join(self.source.choices(SYLLABLES, k=self.source.randint(1, 4))) for _ in range(WORDS_IN_USE)
        ]
        self._weights = [1 / (place + 1) for place in range(WORDS_IN_USE)]

    def text(self, characters: int) -> str:
        """Return a text whose length lies about so many characters."""
        words = self.source.choices(self._words, self._weights, k=max(4, int(characters * self._spread() / 6)))
        for place in range(11, len(words), 40):
            words[place] = rf"$\frac{{{place}}}{{{len(words)}}} x^{{{place % 9}}}$,"
        return " ".join(words).capitalize()

    def _spread(self) -> float:
        return min(self.source.lognormvariate(0, 0.5), 5)


def conversation(writer: Writer, question: Question, characters: int) -> Judged:
    """Return a conversation of five rounds, in which every turn answers with a letter; A is right."""
    turns, verdicts = [], []
    for number in range(ROUNDS):
        for seat in (*(f"peer {peer + 1}" for peer in range(PEERS)), "leader"):
            letter = writer.source.choices(LETTERS, (5, 2, 2, 1))[0]
            text = f"{writer.text(characters)} The answer is ({letter})."
            usage = Usage(len(question.prompt) // CHARACTERS_A_TOKEN, 0, len(text) // CHARACTERS_A_TOKEN)
            stage = 2 * number + (seat == "leader")
            read = (Message("user", question.prompt),)
            turns.append(Turn(seat, number, stage, 0, read, text, f"({letter})", usage, "stop", usage.completion / 50))
            verdicts.append(TurnVerdict(f"({letter})", right=letter == "A"))
    transcript = Transcript(question, tuple(turns), turns[-1].text)
    return Judged(transcript, Verdict(turns[-1].answer, verdicts[-1].right), tuple(verdicts))


def write_run(parent: Path, questions: int, characters: int) -> RunDirectory:
    """Write a run that holds one cell of such conversations."""
    protocols = [{"leader": {"rounds": ROUNDS, "peers": PEERS}}]
    config = RunConfig.model_validate({"suites": ["bbh"], "protocols": protocols})
    folder = RunDirectory.for_run(config, parent, "made-up")
    (cell,) = cells(config)
    source = Source("folder", "made up", "made up")
    manifest = Manifest(folder.manifest_path, config, {"bbh": source}, {})
    with CellProgress(cell, questions, folder) as progress:
        writer = Writer(0)
        for place in range(questions):
            subject = SUBJECTS[place % len(SUBJECTS)]
            asked = Question("bbh", subject, f"bbh/{subject}/{place}", writer.text(600), "option")
            progress.put(place, conversation(writer, asked, characters))
        progress.finish()
    _write_figures(folder, cell, progress)
    manifest.end(Tally())
    return folder


def _write_figures(folder: RunDirectory, cell: Cell, progress: CellProgress) -> None:
    sitting = cell.setting.team.seats
    spent = by_seat(folder.ledger_path(cell.id))
    seats = {seat: SeatCost(**cost.model_dump(), model=sitting[seat].model) for seat, cost in spent.items()}
    write_records(folder.records_path(cell.id), progress.records)
    write_json(folder.suite_path("bbh"), {"source": "made up", "lm_eval": {}})
    write_json(folder.cell_path(cell.id), CellResult.of(cell, progress.records, seats, {}).model_dump(mode="json"))
    folder.write_results()


def seconds_to_read(page: Path, repetitions: int) -> tuple[float, float]:
    """Return the median seconds until the table is shown, and until a first conversation is."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    table, conversation = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(repetitions):
            opened = browser.new_page()
            started = time.perf_counter()
            opened.goto(page.as_uri())
            opened.locator("#rows tbody tr").first.wait_for()
            table.append(time.perf_counter() - started)
            opened.locator("#list").press("Home")
            opened.locator("#open .turn .answer").first.wait_for()
            conversation.append(time.perf_counter() - started)
            opened.close()
        browser.close()
    return statistics.median(table), statistics.median(conversation)


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description="How large a big run's page is, and how soon it can be read.")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--characters", type=int, default=1500, help="the median length of a turn's text")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        folder = write_run(Path(parent), options.questions, options.characters)
        page = Path(parent) / "page.html"
        started = time.perf_counter()
        size = write_page(LoadedRun(folder), page) / 1e6
        print(f"{options.questions} questions, {ROUNDS * (PEERS + 1)} turns each; page written in", end=" ")
        print(f"{time.perf_counter() - started:.1f} s")
        table, conversation = seconds_to_read(page, options.repetitions)
    print(f"size {size:.1f} MB (at most {MOST_MB:.0f} wanted)")
    print(f"table {table:.2f} s, first conversation {conversation:.2f} s (at most {MOST_SECONDS:.0f} wanted)")
    return 0 if size <= MOST_MB and conversation <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
