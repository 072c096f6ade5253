"""What an annotator does, in a real browser: log in, open a task, draw, relate, submit; what an adjudicator does.

With AQWAL_SCREENSHOTS=DIR the pictures of the annotator's guide are written there.
"""

import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Page, sync_playwright

from aqwal.annotations.disagreement_page import DisagreementPage
from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.stored import read_documents
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.home import Home
from aqwal.annotations.studio.review import Review, create_app

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
TEXT_BOX = ".lsf-richtext__container"
# Where the first and the last letter of a stretch of the text stand on the screen. Line breaks are one code point.
PLACE = """
([box, start, end]) => {
  const shown = NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT;
  const walker = document.createTreeWalker(document.querySelector(box), shown);
  let seen = 0, first, last;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.nodeType === Node.ELEMENT_NODE) { if (node.tagName === "BR") seen += 1; continue; }
    const letters = [...node.data], at = offset => letters.slice(0, offset - seen).join("").length;
    if (!first && start < seen + letters.length) first = [node, at(start), at(start + 1)];
    if (!last && end <= seen + letters.length) last = [node, at(end - 1), at(end)];
    seen += letters.length;
  }
  const around = ([node, from, to]) => {
    const range = document.createRange(); range.setStart(node, from); range.setEnd(node, to);
    return range.getBoundingClientRect();
  };
  first[0].parentElement.scrollIntoView({block: "center"});
  const [a, b] = [around(first), around(last)];
  return [a.right - 1, (a.top + a.bottom) / 2, b.left + 1, (b.top + b.bottom) / 2];
}
"""


# Not for longer than this module: playwright keeps an event loop running, in which other tests could start none.
@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    """A page of a real browser."""
    if BROWSER is None:
        reason = "NOT TESTED: no chromium; on Debian, `apt-get install chromium fonts-noto-core` brings it"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu", *QUIET])
        yield browser.new_page(viewport={"width": 1400, "height": 900})
        browser.close()


@pytest.fixture
def picture(browser_page: Page) -> Callable[[str], None]:
    """Write a picture of the page, if pictures are asked for."""
    folder = os.environ.get("AQWAL_SCREENSHOTS")

    def take(name: str) -> None:
        if folder:
            browser_page.screenshot(path=Path(folder) / f"{name}.png")

    return take


@pytest.fixture
def annotator(browser_page: Page, studio: Home) -> Page:
    """A page whose user is logged in."""
    running, account = studio.running(), studio.account()
    assert running is not None
    assert account is not None
    browser_page.goto(f"{running.url}/user/login")
    # A session that is there already is sent on at once.
    if browser_page.locator("input[name=email]").count():
        browser_page.fill("input[name=email]", account.username)
        browser_page.fill("input[name=password]", account.password)
        browser_page.click("button[type=submit]")
    browser_page.wait_for_load_state("networkidle")
    return browser_page


def _open(page: Page, project: Project, document: str) -> None:
    task = next(task["id"] for task in project.export() if task["data"]["id"] == document)
    page.goto(project.link(task))
    page.wait_for_selector(TEXT_BOX)
    page.wait_for_load_state("networkidle")


def _place(page: Page, span: Span) -> list[float]:
    page.evaluate(PLACE, [TEXT_BOX, span.start, span.end])
    page.wait_for_timeout(300)
    return list(page.evaluate(PLACE, [TEXT_BOX, span.start, span.end]))


def _draw(page: Page, span: Span) -> None:
    """Mark a stretch of the text: the label's key, the mouse from its first letter to its last, Escape."""
    from_x, from_y, to_x, to_y = _place(page, span)
    page.keyboard.press(span.label[0].lower())
    page.mouse.move(from_x, from_y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=12)
    page.mouse.up()
    page.wait_for_timeout(300)
    page.keyboard.press("Escape")


def _click(page: Page, span: Span) -> None:
    x, y, _, _ = _place(page, Span(span.start, span.start + 1, span.label))
    page.mouse.click(x - 2, y)
    page.wait_for_timeout(300)


def _relate(page: Page, link: Link) -> None:
    _click(page, link.source)
    page.keyboard.press("Alt+r")
    page.wait_for_timeout(200)
    _click(page, link.target)
    page.keyboard.press("Escape")


def _submit(page: Page) -> None:
    with page.expect_response(lambda response: "/annotations" in response.url and response.request.method == "POST"):
        page.keyboard.press("Control+Enter")


def test_browser_what_is_drawn_right_to_left_is_what_is_pulled(
    annotator: Page, project: Project, push_to, run, root: Path, tmp_path: Path, picture
):
    text = next((root / "seeds").glob("002_*.txt")).read_bytes().decode()
    quote_start, speaker_start = text.index("اهتمام موسكو"), text.index("لافروف، في مؤتمر")
    quote = Span(quote_start, text.index("، مؤكدا في سياق"), "QUOTE")
    speaker = Span(speaker_start, speaker_start + len("لافروف"), "SPEAKER")
    topic = Span(text.index("بتطبيع العلاقات مع"), quote.end - len(" على أساس الاحترام المتبادل"), "TOPIC")
    push_to(project, Document("drawn", text))

    _open(annotator, project, "drawn")
    picture("studio-task")
    for span in (quote, speaker, topic):
        _draw(annotator, span)
    for link in (Link(quote, speaker, "said_by"), Link(quote, topic, "about")):
        _relate(annotator, link)
    picture("studio-marked")
    _submit(annotator)

    done = run("pull", tmp_path, "--project", project.title)
    assert done.exit_code == 0, done.output
    (document,) = read_documents(tmp_path / "drawn.json")
    (annotation,) = document.annotations
    assert annotation.spans == (speaker, quote, topic)
    assert set(annotation.links) == {Link(quote, speaker, "said_by"), Link(quote, topic, "about")}
    assert annotation.annotator == "annotator"


def test_browser_hostile_text_is_marked_where_the_mouse_was(annotator: Page, project: Project, push_to, run, tmp_path):
    text = "👨‍👩‍👧‍👦 أعرب <فلاديمير بوتين> &amp; قَـــالَ\u00a0إِنَّ الأَمْرَ\u200c هُنا.\r\n\r\nنهاية"
    quote = Span(text.index("إِنَّ"), text.index("."), "QUOTE")
    speaker = Span(text.index("فلاديمير"), text.index(">"), "SPEAKER")
    push_to(project, Document("hostile", text))
    _open(annotator, project, "hostile")
    for span in (quote, speaker):
        _draw(annotator, span)
    _relate(annotator, Link(quote, speaker, "said_by"))
    _submit(annotator)
    done = run("pull", tmp_path, "--project", project.title)
    assert done.exit_code == 0, done.output
    (document,) = read_documents(tmp_path / "hostile.json")
    assert document.text == text
    assert document.annotations[0].spans == (speaker, quote)
    assert document.annotations[0].links == (Link(quote, speaker, "said_by"),)


def test_browser_opening_a_task_shows_what_was_pushed_as_prediction(
    annotator: Page, project: Project, run, root: Path, tiny_model: Path, picture
):
    seed = next((root / "seeds").glob("002_*.txt"))
    pushed = run("push", seed, "--model", tiny_model, "--project", project.title)
    assert pushed.exit_code == 0, pushed.output
    _open(annotator, project, seed.stem)
    annotator.wait_for_selector("text=QUOTE")
    picture("studio-preannotated")
    regions = annotator.locator(f"{TEXT_BOX} .htx-highlight").count()
    assert regions > 5


@pytest.fixture
def second_annotator(annotator: Page, project: Project) -> Iterator[Page]:
    """A page in a window of its own, whose user has made the account `second` by an invitation."""
    annotator.goto(project.connection.url)
    annotator.click(".main-menu-trigger")
    annotator.get_by_text("Organization", exact=True).click()
    annotator.get_by_text("Add Members").click()
    invitation = annotator.wait_for_selector("input[value*=signup]").input_value()
    window = annotator.context.browser.new_context(viewport={"width": 1400, "height": 900})
    page = window.new_page()
    page.goto(invitation)
    page.fill("input[name=email]", "second@example.org")
    page.fill("input[name=password]", "a password")
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")
    yield page
    window.close()


def _update(page: Page) -> None:
    with page.expect_response(lambda response: "/annotations/" in response.url and response.request.method == "PATCH"):
        page.keyboard.press("Control+Enter")


def test_browser_a_second_account_that_saves_the_first_ones_annotation_is_told(
    annotator: Page, second_annotator: Page, project: Project, push_to, run, tmp_path: Path
):
    text = "وقال لافروف إن الأزمة في سورية. وأضاف أن الحل قريب."
    quotes = [
        Span(text.index(first), text.index(last) + len(last), "QUOTE")
        for first, last in (("إن", "سورية"), ("أن", "قريب"))
    ]
    push_to(project, Document("d", text, (Annotation("annotator", ()),)))
    for page, quote, told in ((second_annotator, quotes[0], True), (annotator, quotes[1], False)):
        _open(page, project, "d")
        _draw(page, quote)
        _update(page)
        done = run("pull", tmp_path, "--project", project.title)
        assert done.exit_code == 0, done.output
        assert ("annotator's annotation was saved last by second; it stays annotator's" in done.stdout) == told
    assert read_documents(tmp_path / "d.json")[0].annotations == (Annotation("annotator", tuple(quotes)),)


@contextmanager
def _reviewed(project: Project, push_to, free_port) -> Iterator[str]:
    """Serve the review page over a document with two passes, at an address of its own."""
    text = "وقال لافروف إن الأزمة في سورية في طريقها إلى الحل."
    quote, speaker = Span(12, 49, "QUOTE"), Span(5, 11, "SPEAKER")
    passes = [
        Annotation(name, (quote, speaker, topic), (Link(quote, speaker, "said_by"), Link(quote, topic, "about")))
        for name, topic in (("أمل", Span(15, 30, "TOPIC")), ("بدر", Span(15, 21, "TOPIC")))
    ]
    push_to(project, Document("two passes", text, tuple(passes)))
    app = create_app(Review(project, Annotators(project.connection), "adjudicated"))
    server = uvicorn.Server(uvicorn.Config(app, port=(port := free_port()), log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        pass
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def review_url(project: Project, push_to, free_port) -> Iterator[str]:
    """The address of the review page."""
    with _reviewed(project, push_to, free_port) as url:
        yield url


def test_browser_an_adjudicator_decides_by_keyboard(
    browser_page: Page, review_url: str, run, project, tmp_path, picture
):
    browser_page.goto(review_url)
    browser_page.keyboard.press("Tab")
    browser_page.keyboard.press("Tab")
    browser_page.keyboard.press("Space")
    browser_page.keyboard.press("ArrowDown")
    picture("studio-review")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_selector("text=حُفظ")
    assert run("pull", tmp_path, "--project", project.title).exit_code == 0
    (document,) = read_documents(tmp_path / "two passes.json")
    assert document.gold is not None
    assert [one.annotator for one in document.annotations] == ["أمل", "بدر", "adjudicated"]
    assert document.gold.of_label("TOPIC") == [Span(15, 21, "TOPIC")]


def test_browser_choices_outlive_a_reload_until_they_are_sent(browser_page: Page, review_url: str):
    browser_page.goto(review_url)
    chosen = browser_page.locator("input:checked")
    browser_page.locator("input").nth(1).check()
    browser_page.reload()
    assert [one.get_attribute("value") for one in chosen.all()] == ["1"]
    browser_page.get_by_role("button").click()
    browser_page.wait_for_selector("text=حُفظ")
    browser_page.reload()
    assert chosen.count() == 0
    assert browser_page.evaluate("localStorage.length") == 0


def test_browser_a_decision_may_be_changed_on_the_same_page(browser_page: Page, held_in: Project, push_to, free_port):
    with _reviewed(held_in, push_to, free_port) as url:
        browser_page.goto(url)
        for choice in (0, 1):
            browser_page.locator("input").nth(choice).check()
            with browser_page.expect_response("**/adjudicate") as answer:
                browser_page.get_by_role("button").click()
            assert answer.value.ok
            browser_page.wait_for_function("localStorage.length === 0")


def test_browser_the_disagreements_of_the_seeds_stand_side_by_side(browser_page: Page, root: Path, tmp_path, picture):
    files = sorted((root / "annotations" / "gold").glob("*.json"))
    documents = [document for file in files for document in read_documents(file)]
    (tmp_path / "page.html").write_text(DisagreementPage(documents).to_html(), encoding="utf-8")
    browser_page.goto(f"file://{tmp_path / 'page.html'}")
    picture("disagreements")
    one, other = browser_page.locator(".question").first.locator(".version").all()
    boxes = [version.bounding_box() for version in (one, other)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] > boxes[1]["x"], "the first pass stands on the right"
    assert one.locator(".differs").count() == 1
    assert other.locator(".differs").count() == 0
