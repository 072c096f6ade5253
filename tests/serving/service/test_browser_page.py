"""The page at `/` in a real browser: a text is pasted and answered, with the keyboard alone."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if shutil.which(CHROMIUM) is None:
        reason = f"NOT TESTED: no browser at {CHROMIUM}; `make browser` installs it where apt-get can"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, service: Any) -> Iterator[Page]:
    """The page, loaded; what the browser complains of fails the test, and nothing may be asked of another server."""
    context = browser.new_context(viewport={"width": 900, "height": 1300}, locale="ar")
    opened = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(service.url)
    yield opened
    context.close()
    # A refusal is a status, which the console repeats.
    assert [text for text in complaints if "responded with a status" not in text] == []
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:"))] == []


def send(page: Page, text: str) -> None:
    page.locator("#text").fill(text)
    with page.expect_navigation():
        page.get_by_role("button").click()


def shown_text(page: Page) -> str:
    """The text of the answer without the numbers of quotes."""
    return page.locator(".aqwal .text").evaluate(
        "node => { const copy = node.cloneNode(true); copy.querySelectorAll('sup').forEach(one => one.remove());"
        "return copy.textContent }"
    )


def test_the_page_is_arabic_and_runs_from_right_to_left(page: Page) -> None:
    assert page.title() == "أقوال: من قال ماذا عن ماذا"
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
    assert page.evaluate("getComputedStyle(document.querySelector('textarea')).direction") == "rtl"
    button, field = page.get_by_role("button").bounding_box(), page.locator("#text").bounding_box()
    # What comes first stands on the right.
    assert button["x"] + button["width"] == pytest.approx(field["x"] + field["width"], abs=1)
    assert page.locator("#answer").count() == 0


def test_a_text_is_answered_with_the_keyboard_alone(page: Page, article: str) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.insert_text(article)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.endswith("/#answer")
    assert page.get_by_role("heading", level=2).inner_text() == "عدد الأقوال: 9"
    assert page.locator("tbody tr").count() == 9
    assert page.locator("tbody tr").first.locator("td").nth(1).inner_text() == "لافروف"
    # A reader who goes on from here, by ear or by key, is at the answer and not at the top again.
    assert page.evaluate("document.activeElement.id") == "answer"


def test_the_answer_shows_the_text_and_its_marks_and_keeps_the_text_in_the_field(page: Page, article: str) -> None:
    send(page, article)
    assert page.locator("#text").input_value() == article
    assert shown_text(page) == article
    assert "لافروف" in page.locator(".aqwal .text .speaker").all_inner_texts()
    for name in ("speaker", "quote", "topic"):
        assert page.locator(f".aqwal .text .{name}").count() > 0
    assert page.evaluate("getComputedStyle(document.querySelector('.aqwal .text .quote')).backgroundColor") == (
        "rgb(254, 243, 199)"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_fits_a_telephone(page: Page, article: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    send(page, article)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_looks_like_html_is_shown_as_it_is(page: Page) -> None:
    text = "</textarea><script>document.title='x'</script><img src=x onerror=alert(1)> قال \u202eلافروف\u202c & \"نعم\""
    send(page, text)
    assert page.locator("#text").input_value() == text
    assert shown_text(page) == text
    assert page.title() != "x"
    assert page.locator("main script, main img").count() == 0


def test_line_breaks_at_the_beginning_stay(page: Page) -> None:
    send(page, "\n\nقال الوزير")
    assert page.locator("#text").input_value() == "\n\nقال الوزير"
    assert page.get_by_role("heading", level=2).inner_text() == "لم نجد قولا في هذا النص."


def test_an_empty_field_is_not_sent(page: Page) -> None:
    page.get_by_role("button").click()
    assert page.evaluate("document.querySelector('#text').validity.valueMissing")
    assert "#answer" not in page.url


def test_a_refusal_is_told_in_arabic(page: Page, start_service: Any) -> None:
    small = start_service("--max-document", "100")
    page.goto(small.url)
    page.locator("#text").fill("ا" * 101)
    with page.expect_navigation() as navigation:
        page.get_by_role("button").click()
    assert navigation.value.status == 413
    assert page.get_by_role("alert").inner_text() == "النص أطول من المسموح به. قسّمه وأرسل جزءا منه."


def test_a_picture_of_the_page_can_be_taken(page: Page, root: Path, tmp_path: Path) -> None:
    send(page, (root / "docs/demo-article.txt").read_text(encoding="utf-8"))
    page.screenshot(path=tmp_path / "service.png", full_page=True)
    assert (tmp_path / "service.png").stat().st_size > 20_000
