"""What a review must not do to others' annotations, and what it tells of those it cannot show: no server needed."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from held_studio import HeldStudio

from aqwal.annotations.disagreement_page import fingerprint
from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.exchange import ServerTask, read_task
from aqwal.annotations.studio.home import Home
from aqwal.annotations.studio.review import Review, create_app

TEXT = "وقال لافروف إن الأزمة في سورية في طريقها إلى الحل."
QUOTE, SPEAKER = Span(12, 49, "QUOTE"), Span(5, 11, "SPEAKER")


def _pass(name: str, topic: Span) -> Annotation:
    links = (Link(QUOTE, SPEAKER, "said_by"), Link(QUOTE, topic, "about"))
    return Annotation(name, (QUOTE, SPEAKER, topic), links)


DOCUMENT = Document("d", TEXT, (_pass("badr", Span(15, 21, "TOPIC")), _pass("salma", Span(15, 30, "TOPIC"))))
# A span of a label that the scheme does not have.
FOREIGN = {"start": 0, "end": 4, "text": "وقال", "labels": ["EVENT"]}
REFUSED = [{"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": FOREIGN}]


@pytest.fixture
def open_page(held_in: Project, push_to):
    """The page over the document, for an adjudicator."""
    push_to(held_in, DOCUMENT)

    def open_for(adjudicator: str = "adjudicated") -> TestClient:
        review = Review(held_in, Annotators(held_in.connection), adjudicator)
        return TestClient(create_app(review), base_url="http://127.0.0.1")

    return open_for


def _decide(page: TestClient, choice: int, seen: str) -> Any:
    return page.post("/adjudicate", json={"document": "d", "fingerprint": seen, "choices": [choice]})


def _on_server(held: HeldStudio, project: Project) -> Document:
    document = read_task(ServerTask(held.tasks[0]), Annotators(project.connection).name_of).document
    assert document is not None
    return document


def test_two_pages_that_were_opened_at_once_do_not_overwrite_each_other(open_page, held: HeldStudio, held_in: Project):
    seen = fingerprint(DOCUMENT)
    first, second = open_page(), open_page("another")
    assert _decide(first, 0, seen).is_success
    gold = _on_server(held, held_in).gold
    refused = _decide(second, 1, seen)
    assert refused.status_code == 409
    assert "d was annotated or adjudicated meanwhile; load the page again" in refused.text
    assert _on_server(held, held_in).gold == gold


def test_a_gold_mended_by_hand_is_not_replaced_by_a_page_that_had_not_seen_it(
    open_page, held: HeldStudio, held_in: Project
):
    saved = _decide(open_page(), 0, fingerprint(DOCUMENT)).json()
    held.of("d")[-1]["result"] = []
    assert _decide(open_page(), 1, saved["fingerprint"]).status_code == 409
    assert held.of("d")[-1]["result"] == []


def test_whoever_saved_may_decide_again_on_the_same_page(open_page, held: HeldStudio, held_in: Project):
    page, seen = open_page(), fingerprint(DOCUMENT)
    for choice in (0, 1, 0):
        seen = _decide(page, choice, seen).json()["fingerprint"]
        assert seen == fingerprint(_on_server(held, held_in))
    assert len(held.of("d")) == 3


def test_an_adjudicator_who_has_a_pass_is_told_to_take_another_name(open_page, held: HeldStudio):
    answer = _decide(open_page("salma"), 0, fingerprint(DOCUMENT))
    assert answer.status_code == 409
    assert "salma has a pass over d" in answer.text
    assert "with another --adjudicator" in answer.text
    assert len(held.of("d")) == 2


def test_a_gold_that_the_scheme_refuses_is_not_replaced_unseen(open_page, held: HeldStudio):
    page = open_page()
    assert _decide(page, 0, fingerprint(DOCUMENT)).is_success
    held.of("d")[-1]["result"] = REFUSED
    answer = _decide(page, 1, fingerprint(DOCUMENT))
    assert answer.status_code == 409
    assert "adjudicated's ground truth of d cannot be accepted, so it is not replaced unseen" in answer.text
    assert held.of("d")[-1]["result"] == REFUSED


def test_what_is_left_out_is_told_with_its_reason_and_link(open_page, held: HeldStudio, held_in: Project, push_to):
    page = open_page()
    push_to(held_in, replace(DOCUMENT, id="alone", annotations=DOCUMENT.annotations[:1]), Document("bare", TEXT))
    assert "Left out" not in page.get("/").text
    held.of("d")[0]["result"] = REFUSED
    held.of("alone")[0]["result"] = REFUSED
    shown = page.get("/").text
    where = f'<li><a href="{held_in.link(held.tasks[0]["id"])}"><bdi class="id">d</bdi></a>: <bdi>'
    assert shown.count("<li>") == shown.count(where) == 2
    assert "unknown label &#39;EVENT&#39;" in shown
    assert "fewer than two passes are left, so it is not compared here" in shown
    assert "<form" not in shown


def test_a_review_is_for_this_machine_alone(run_with, tmp_path):
    done = run_with(Home(tmp_path), "review", "--host", "0.0.0.0")
    assert done.exit_code == 2
    assert "No such option" in done.output
