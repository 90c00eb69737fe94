"""The report page as a person meets it, over a run whose texts try to do harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.analysis.matches import verdicts
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.records import read_records


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlpo_bench.log import RunDirectory

    Visit = Callable[..., Any]

pytestmark = pytest.mark.browser
PLOTS = ("frontier", "rounds", "peers", "rescue", "right", "differences", "cost")
HUGE = 120_000


def draw_all(opened: Any) -> None:
    for name in PLOTS:
        opened.page.locator(f"#{name}-plot").scroll_into_view_if_needed()
        opened.page.wait_for_selector(f"#{name}-plot .main-svg", state="attached")


def column(opened: Any, place: int, kind: str = "leader") -> list[float]:
    texts = opened.page.locator(f"#rows tbody[data-kind={kind}] tr.row > :nth-child({place})").all_inner_texts()
    return [float(text.replace(",", "")) for text in texts]


def rights(run: RunDirectory, protocol: str | None = None) -> int:
    cells = [cell for cell in run.results().cells if protocol in {None, cell.protocol}]
    return sum(bool(record.right) for cell in cells for record in read_records(run.records_path(cell.cell)))


def test_it_opens_without_complaint_and_asks_for_nothing(visit: Visit, report: Path) -> None:
    opened = visit()
    draw_all(opened)
    opened.page.locator("#list").focus()
    opened.page.keyboard.press("ArrowDown")
    opened.page.wait_for_selector("#open h3")
    assert opened.complaints == []
    assert [url for url in opened.asked_for if not url.startswith(("data:", "blob:"))] == [report.as_uri()]


def test_the_policy_stops_what_would_act(visit: Visit) -> None:
    opened = visit()
    opened.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 8";
            const image = document.createElement("img");
            image.src = "http://127.0.0.1:9/x.png";
            document.body.append(script, image);
        }"""
    )
    assert opened.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused')") == "refused"
    assert opened.page.evaluate("window.hacked") is None
    assert sum("Content Security Policy" in complaint for complaint in opened.complaints) >= 3


def test_any_column_sorts_by_pointer_and_by_keyboard(visit: Visit) -> None:
    opened = visit()
    accuracy, before = opened.page.locator("[data-key=value]"), column(opened, 2)
    assert accuracy.get_attribute("aria-sort") == "none"
    accuracy.locator("button").click()
    assert accuracy.get_attribute("aria-sort") == "descending"
    assert column(opened, 2) == sorted(before, reverse=True)
    opened.page.keyboard.press("Enter")
    assert accuracy.get_attribute("aria-sort") == "ascending"
    assert column(opened, 2) == sorted(before)
    opened.page.locator("[data-key=calls] button").focus()
    opened.page.keyboard.press("Space")
    calls = column(opened, 1 + [c["key"] for c in _columns(opened)].index("calls"))
    assert calls == sorted(calls, reverse=True)
    assert opened.page.locator("#rows [aria-sort=descending]").count() == 1


def test_the_verdict_comes_first(visit: Visit, run: RunDirectory) -> None:
    loaded = LoadedRun(run)
    found = verdicts(loaded, read_rows(loaded))
    opened = visit()
    assert opened.page.locator("main > section").first.get_attribute("id") == "verdict"
    assert " ".join(opened.text("#answer").split()) == found.sentence
    names = opened.page.locator("#verdicts > .scroll tbody tr > th").all_inner_texts()
    assert names == [one.row for one in found.led]
    assert opened.page.locator("#verdict-warnings .warning").count() == len(found.warnings) + len(found.without)


def test_rows_are_grouped_and_others_folded(visit: Visit) -> None:
    opened = visit()
    groups = opened.page.locator("#rows .fold")
    assert [text.split(" (")[0] for text in groups.all_inner_texts()] == [
        "Led rows", "Solo, and votes of the leader's own answers", "Ceilings",
    ]  # fmt: skip
    hidden = opened.page.locator("#rows tbody[data-kind=oracle] tr.row")
    assert hidden.count() == 2
    assert not hidden.first.is_visible()
    groups.last.click()
    assert hidden.first.is_visible()
    assert opened.page.evaluate("document.activeElement.textContent").startswith("Ceilings")


def test_a_conversation_tells_the_right_answer(visit: Visit) -> None:
    opened = visit()
    opened.choose("#by-subject", "navigate")
    opened.open_first()
    assert opened.text("#open .gold") in {"Right answer: Yes", "Right answer: No"}


def test_paper_holds_every_plot(visit: Visit) -> None:
    opened = visit(theme="dark")
    opened.page.evaluate("window.print = () => { window.printed = true; }")
    opened.page.locator("#print").click()
    opened.until("window.printed === true")
    widths = opened.page.evaluate("[...document.querySelectorAll('.plot .main-svg')].map(one => one.clientWidth)")
    assert len({opened.page.locator(f"#{name}-plot .main-svg").count() > 0 for name in PLOTS}) == 1
    assert max(widths) <= 680
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "light"
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert opened.complaints == []


def test_paper_holds_every_column_and_the_browser_s_own_print_every_plot(visit: Visit) -> None:
    opened = visit()
    opened.until("window.Plotly !== undefined")  # nobody came near a plot
    opened.page.set_viewport_size({"width": 718, "height": 1_000})  # A4 less its margins
    opened.page.emulate_media(media="print")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    opened.until("document.querySelectorAll('.plot:not([hidden]):not(:has(.main-svg))').length === 0")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 718


def _columns(opened: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = opened.page.evaluate(
        "[...document.querySelectorAll('#rows thead tr > *')].map(cell => ({key: cell.dataset.key ?? ''}))"
    )
    return found


def test_filters_find_what_records_hold(visit: Visit, run: RunDirectory) -> None:
    opened = visit()
    results = run.results().cells
    assert opened.count() == sum(cell.n for cell in results)
    assert opened.choose("#by-outcome", "right") == rights(run)
    assert set(opened.page.locator("#list .mark").all_inner_texts()) == {"✓"}
    assert opened.choose("#by-outcome", "unread") == sum(cell.unread for cell in results)
    opened.choose("#by-outcome", "right")
    assert opened.choose("#by-row", "solo") == rights(run, "solo")
    opened.choose("#by-outcome", "")
    assert opened.choose("#by-row", "solo") == 22
    assert opened.choose("#by-subject", "snarks") == 11
    opened.choose("#by-subject", "")
    opened.choose("#by-row", "")
    every = opened.count()
    opened.page.locator("#by-overturned").check()
    assert 0 < opened.count() < every
    assert set(opened.page.locator("#list .what i").all_inner_texts()) <= {
        f"leader, {t}, {k}" for t in ("1 round", "2 rounds") for k in ("1 peer", "3 peers")
    }


def test_search_finds_text_of_questions_and_turns(visit: Visit) -> None:
    opened = visit()
    for text, expected in (("Made up for navigate, number 3:", 1), ("no such words", 0)):
        opened.choose("#by-row", "solo")
        assert opened.search(text) == expected
    opened.choose("#by-row", "")
    assert opened.search("WINDOW.HACKED = 1") > 0
    opened.open_first()
    assert "window.hacked = 1" in opened.text("#open")


def test_the_list_and_a_rows_name_work_by_keyboard(visit: Visit) -> None:
    opened = visit()
    opened.page.locator("#rows tbody tr", has_text="leader, 2 rounds, 3 peers").locator(".row-name").first.focus()
    opened.page.keyboard.press("Enter")
    assert opened.count() == 22
    assert opened.page.evaluate("document.activeElement.id") == "list"
    titles = []
    for key in ("ArrowDown", "ArrowDown", "End", "Home"):
        opened.page.keyboard.press(key)
        opened.until(
            "document.querySelector('.entry.at b')?.textContent === document.querySelector('#open h3')?.textContent"
        )
        titles.append(opened.text("#open h3"))
    assert titles[3] == titles[0] != titles[1]
    assert titles[2] not in titles[:2]
    assert opened.page.locator("#list").get_attribute("aria-activedescendant") == "entry-0"
    assert opened.page.locator("[role=option]").count() <= 40


def test_a_conversation_shows_every_turn(visit: Visit) -> None:
    opened = visit()
    assert opened.choose("#by-row", "leader, 2 rounds, 3 peers") == 22
    opened.open_first()
    turns = opened.page.locator("#open .turn:not(.question)")
    seats = turns.locator("header b").all_inner_texts()
    assert seats == ["peer 1", "peer 2", "peer 3", "leader"] * 2
    assert opened.page.locator("#open .turn .chip.final").count() == 1
    assert all(" written" in text for text in turns.locator(".spent").all_inner_texts())
    assert turns.locator(".answer").count() == 8
    assert "Made up for" in opened.text("#open .question")
    opened.page.locator("#open summary").click()
    opened.page.locator(".others .other", has_text="solo").click()
    opened.until("document.querySelectorAll('#open .turn').length === 2")


def test_hostile_text_is_shown_and_does_nothing(visit: Visit) -> None:
    opened = visit()
    opened.choose("#by-row", "vote of 8")
    opened.page.locator("#list").focus()
    shown = ""
    for _ in range(6):
        opened.page.keyboard.press("ArrowDown")
        opened.page.wait_for_timeout(250)
        shown += opened.text("#open")
    assert opened.page.evaluate("window.hacked") is None
    for text in (
        "</script><script>window.hacked = 1</script>", '<img src=x onerror="window.hacked = 2">',
        "[press](javascript:window.hacked=4)", "<a href='javascript:window.hacked=5'>press</a>", r"\href{javascript",
        "U+202E", "U+2066", "U+0000", "U+001B",
    ):  # fmt: skip
        assert text in shown, text
    held = opened.page.locator("#open")
    assert held.locator("a, img, script, iframe, object, [href], [onerror], [onload], [src]").count() == 0
    assert "\u202e" not in held.inner_html()
    assert opened.complaints == []
    assert len(opened.asked_for) == len([url for url in opened.asked_for if url.startswith(("file:", "data:"))])


def test_names_of_runs_and_members_are_names(visit: Visit) -> None:
    opened = visit()
    assert opened.text("h1") == "<i>browsed"
    assert "<i>You doubt</i>" in opened.text("#terms")
    assert opened.page.locator("#terms i, h1 i").count() == 0


def test_a_huge_line_is_cut_until_asked_for_and_breaks_nothing(visit: Visit) -> None:
    opened = visit()
    assert opened.search("x" * 100) > 0
    opened.page.locator("#list .entry").first.click()
    more = opened.page.get_by_role("button", name="Show all").first
    more.wait_for()
    box = more.locator("xpath=preceding-sibling::div").element_handle()
    assert len(box.inner_text()) == 20_000
    more.click()
    assert len(box.inner_text()) > HUGE
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_mathematics_is_drawn_and_can_be_seen_as_typed(visit: Visit) -> None:
    opened = visit()
    assert opened.search(r"\frac{1}{2}") > 0
    assert opened.page.locator("math").count() == 0
    opened.page.locator("#list .entry").first.click()
    opened.page.wait_for_selector("#open math mfrac", state="attached")
    assert "costs $5 or $6" in opened.text("#open")
    opened.page.locator("#as-typed").check()
    opened.until("!document.querySelector('#open math')")
    assert r"$\frac{1}{2} + \sqrt{x^2}$" in opened.text("#open")


def test_plots_follow_choices_and_theme(visit: Visit) -> None:
    opened = visit()
    draw_all(opened)
    title = opened.page.locator("#frontier-plot .xtitle")
    assert title.text_content() == "tokens a question"
    opened.page.locator("#frontier-cost").select_option("calls")
    opened.until("document.querySelector('#frontier-plot .xtitle').textContent === 'calls a question'")
    opened.page.locator("#reference").select_option("solo")
    opened.until("document.querySelector('#differences-plot .xtitle').textContent.endsWith('solo')")
    ink = "document.querySelector('#frontier-plot .xtitle').style.fill"
    before = opened.page.evaluate(ink)
    opened.page.locator("#theme").click()
    opened.until(f"{ink} !== '{before}'")
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert opened.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_it_fits_its_width(visit: Visit, pictures: Path, theme: str, width: int) -> None:
    opened = visit(width=width, theme=theme)
    draw_all(opened)
    opened.choose("#by-row", "leader, 1 round, 3 peers")
    opened.open_first()
    assert opened.page.evaluate("document.documentElement.dataset.theme") == theme
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    opened.page.wait_for_timeout(300)
    path = pictures / f"page-{theme}-{width}.png"
    opened.page.screenshot(path=path, full_page=True)
    assert path.stat().st_size > 50_000
