"""Adjudication against a real server: two annotators, one page, one ground truth that comes home."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from aqwal.annotations.disagreement_page import fingerprint
from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.stored import read_documents
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.review import Review, create_app

TEXT = "وقال لافروف إن الأزمة في سورية في طريقها إلى الحل."
QUOTE, SPEAKER = Span(12, 49, "QUOTE"), Span(5, 11, "SPEAKER")
LONG, SHORT = Span(15, 30, "TOPIC"), Span(15, 21, "TOPIC")


def _annotation(name: str, topic: Span | None) -> Annotation:
    said_by = Link(QUOTE, SPEAKER, "said_by")
    if topic is None:
        return Annotation(name, (QUOTE, SPEAKER), (said_by,))
    return Annotation(name, (QUOTE, SPEAKER, topic), (said_by, Link(QUOTE, topic, "about")))


@pytest.fixture
def document(project: Project, push_to) -> Document:
    """A document on the server whose annotators see another TOPIC each, and a third none."""
    passes = (_annotation("amal", LONG), _annotation("badr", SHORT), _annotation("chadi", None))
    document = Document("d", TEXT, passes)
    push_to(project, document, Document("alone", TEXT, passes[:1]))
    return document


@pytest.fixture
def page(project: Project, document: Document) -> TestClient:
    """The page's application."""
    review = Review(project, Annotators(project.connection), "adjudicated")
    return TestClient(create_app(review), base_url="http://127.0.0.1")


def _decide(page: TestClient, marked: Document, *choices: int, **changes: object) -> object:
    body = {"document": marked.id, "fingerprint": fingerprint(marked), "choices": choices, **changes}
    return page.post("/adjudicate", json=body)


def test_the_page_shows_every_version_and_where_it_lies(page: TestClient, project: Project, document: Document):
    shown = page.get("/").text
    assert re.findall(r"<bdi>([\w, ]+)</bdi></span>", shown) == ["amal", "badr", "chadi"]
    assert shown.count('<form data-document="d"') == 1
    assert 'data-document="alone"' not in shown
    assert any(project.link(task["id"]) in shown for task in project.export())
    assert f'data-fingerprint="{fingerprint(document)}"' in shown


def test_a_decision_comes_home_as_ground_truth(page: TestClient, project: Project, document, run, tmp_path: Path):
    saved = _decide(page, document, 1).json()
    assert saved["status"] == "saved"
    assert run("pull", tmp_path, "--project", project.title).exit_code == 0
    (pulled,) = read_documents(tmp_path / "d.json")
    assert pulled.passes == document.annotations
    wanted = _annotation("adjudicated", SHORT)
    assert pulled.gold == Annotation("adjudicated", wanted.spans, wanted.links, ground_truth=True)
    shown = page.get("/").text
    assert " · حُسم" in shown
    assert f'data-fingerprint="{saved["fingerprint"]}"' in shown


def test_a_second_decision_takes_the_place_of_the_first(
    page: TestClient, project: Project, document: Document, run, tmp_path: Path
):
    seen = fingerprint(document)
    for choice in (0, 2):
        time.sleep(1.1)
        saved = _decide(page, document, choice, fingerprint=seen)
        assert saved.is_success
        seen = saved.json()["fingerprint"]
    task = next(task for task in project.export() if task["data"]["id"] == "d")
    (truth,) = [one for one in task["annotations"] if one["ground_truth"]]
    assert len(truth["result"]) == 3
    # To decide again is not to change another's annotation.
    assert "saved last by" not in run("pull", tmp_path, "--project", project.title).output


def test_an_annotation_starred_by_hand_stays_as_a_pass(
    page: TestClient, project: Project, document: Document, run, tmp_path: Path
):
    task = next(task for task in project.export() if task["data"]["id"] == "d")
    chadi = next(one for one in task["annotations"] if len(one["result"]) == 3)
    project.connection.write(lambda client: client.annotations.update(chadi["id"], ground_truth=True))
    starred = replace(document.annotations[2], ground_truth=True)
    shown = Document(document.id, document.text, (*document.annotations[:2], starred))
    assert _decide(page, shown, 0).is_success
    assert run("pull", tmp_path, "--project", project.title).exit_code == 0
    (pulled,) = read_documents(tmp_path / "d.json")
    assert [one.annotator for one in pulled.annotations] == ["amal", "badr", "chadi", "adjudicated"]
    assert [one.ground_truth for one in pulled.annotations] == [False, False, False, True]


@pytest.mark.parametrize(
    ("choices", "changes", "status", "reason"),
    [
        ((), {}, 409, "there are 1 disagreements, 0 were decided"),
        ((3,), {}, 409, "disagreement 1 has 3 versions; 3 is none of them"),
        ((0,), {"fingerprint": "old"}, 409, "was annotated or adjudicated meanwhile; load the page again"),
        ((0,), {"document": "alone"}, 404, "no document 'alone' with two passes"),
        ((0,), {"surprise": 1}, 422, "surprise"),
    ],
)
def test_what_cannot_be_decided_changes_nothing(
    page: TestClient, project: Project, document: Document, choices, changes, status: int, reason: str
):
    answer = _decide(page, document, *choices, **changes)
    assert answer.status_code == status
    assert reason in answer.text
    assert not any(one["ground_truth"] for task in project.export() for one in task["annotations"])


def test_another_name_for_loopback_is_refused(page: TestClient):
    assert page.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_a_server_that_is_gone_is_told(page: TestClient, project: Project):
    project.connection.client.projects.delete(id=project.id)
    answer = page.get("/")
    assert answer.status_code == 502
    assert "was the project or the task deleted" in answer.json()["detail"]
