"""A hostile run's page in Chromium, which is asked for by no test that does not need it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from fixtures import nul  # type: ignore[import-not-found]

from mlpo_bench.cli._display import display
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.runs.runner import run_cells


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HUGE = 120_000
HOSTILE = (
    "</script><script>window.hacked = 1</script> The answer is (A).",
    '<img src=x onerror="window.hacked = 2"><svg onload="window.hacked = 3"> The answer is Yes.',
    "\u202eesrever\u202c \u2066isolated\u2069 \x00\x1b[2J The answer is No.",
    "[press](javascript:window.hacked=4) <a href='javascript:window.hacked=5'>press</a> The answer is (B).",
    r"$\href{javascript:window.hacked=6}{x}$ $\includegraphics{http://127.0.0.1:9/x.png}$ $\url{javascript:alert(7)}$",
    r"So $\frac{1}{2} + \sqrt{x^2}$, that is \[ \int_0^1 x\,dx = \tfrac12. \] It costs $5 or $6. The answer is (A).",
    "x" * HUGE + " The answer is Yes.",
    r"$\def\a{\a\a}\a$ \(" + "{" * 900 + r"\) The answer is No.",
)


@dataclass
class Opened:
    """A page, and what it asked for and complained of while it was open."""

    page: Any
    asked_for: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).inner_text())

    def until(self, expression: str) -> None:
        """Wait until an expression holds; playwright's own way is `eval`, which the page's policy refuses."""
        ends = time.monotonic() + 20
        while not self.page.evaluate(expression):
            assert time.monotonic() < ends, f"never came true: {expression}"
            self.page.wait_for_timeout(50)

    def count(self) -> int:
        """Wait until the search is over, and return how many conversations it found."""
        self.until("document.querySelector('#list').ariaBusy === 'false'")
        return int(self.text("#found").split()[0].replace(",", ""))

    def choose(self, control: str, value: str) -> int:
        self.page.locator(control).select_option(value)
        return self.count()

    def search(self, text: str) -> int:
        self.page.locator("#by-text").fill(text)
        return self.count()

    def open_first(self) -> None:
        self.page.locator("#list .entry").first.click()
        self.page.wait_for_selector("#open .turn:not(.question)")


@pytest.fixture(scope="module")
def chromium(report: Path) -> Iterator[Any]:  # noqa: ARG001 - runs are made first: playwright keeps a loop going
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> RunDirectory:
    folder = tmp_path_factory.mktemp("browsed")
    script = folder / "script.yaml"
    led = [f"<think>{text}</think><answer>{'Yes' if n % 2 else '(A)'}</answer>" for n, text in enumerate(HOSTILE)]
    script.write_text(nul.marked(json.dumps([{"when": "You lead", "say": led}, {"say": list(HOSTILE)}])))
    member = {"model": str(script), "engine": "scripted", "persona": "<i>You doubt</i>"}
    config = RunConfig.model_validate(
        {
            "suites": ["bbh"], "data": str(made_up), "subjects": ["navigate", "snarks"], "split": "all",
            "team": {"leader": member, "peers": [member] * 3}, "rounds": [1, 2], "peers": [1, 3],
            "protocols": ["solo", {"vote": {"samples": [8, "tokens"]}}, "leader", "oracle"],
        }
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, display(quiet=True) as observer:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        nul.answer_with_it(patch)
        made = RunDirectory.for_run(config, folder / "runs", "<i>browsed")
        asyncio.run(run_cells(made, folder / "store.sqlite", observer))
    return made


@pytest.fixture(scope="session")
def report(run: RunDirectory) -> Path:
    pytest.importorskip("plotly", reason="plotly is not installed")
    from mlpo_bench.reports.html import write_page

    path = run.path.parent / "report.html"
    write_page(LoadedRun(run), path)
    return path


@pytest.fixture
def visit(chromium: Any, report: Path) -> Iterator[Callable[..., Opened]]:
    """Open the page: `visit(width=375, theme="dark")`."""
    contexts = []

    def go(width: int = 1440, height: int = 900, theme: str = "light") -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("request", lambda request: opened.asked_for.append(request.url))
        opened.page.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
        opened.page.on("pageerror", lambda fault: opened.complaints.append(str(fault)))
        opened.page.goto(report.as_uri())
        opened.page.wait_for_selector("html[data-ready]")
        return opened

    yield go
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the page go: the folder that MLPO_BENCH_PICTURES names, if it names one."""
    from pathlib import Path

    named = os.environ.get("MLPO_BENCH_PICTURES")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
