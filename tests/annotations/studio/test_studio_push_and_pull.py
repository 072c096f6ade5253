"""Documents to a real server and back: the same bytes, however often, whatever they are."""

import json
import time
from pathlib import Path

import pytest

from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.stored import read_documents, write_documents
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.pull import pull

TEXT = "وقال لافروف إن الأزمة في سورية في طريقها إلى الحل."
QUOTE, SPEAKER, TOPIC = Span(12, 49, "QUOTE"), Span(5, 11, "SPEAKER"), Span(15, 30, "TOPIC")
LINKS = (Link(QUOTE, TOPIC, "about"), Link(QUOTE, SPEAKER, "said_by"))
HOSTILE = {
    "emoji families": "👨‍👩‍👧‍👦 قال 👩🏽‍🚀 إن 🏳️‍🌈 هنا",
    "line ends": "قال\r\nالوزير\r\n\nإن\rالأمر",
    "markup": "أعرب <فلاديمير بوتين> &amp; <b>قال</b> &lt;x&gt; {{ text }} $text",
    "diacritics and tatweel": "قَـــالَ الوَزِيرُ إِنَّ الأَمْرَ ﷲ ﻻ",
    "invisible": "قال\u00a0الوزير\u200cإن\u200fالأمر\u200e\u202bانتهى\u202c\ufeff",
    "leading newline": "\n\n قال الوزير\n",
    "long": "قال الوزير إن الأمر انتهى. " * 7400,
}


@pytest.fixture
def marked() -> Document:
    passes = [Annotation(name, (QUOTE, SPEAKER, TOPIC), LINKS) for name in ("سلمى", "pass b/%2")]
    return Document("a document", TEXT, tuple(passes), {"outlet": "x"})


def _pull(project: Project, folder: Path, **options):
    return pull(project, Annotators(project.connection), folder, **options)


def test_all_committed_annotations_come_back_as_they_went(project: Project, run, root: Path, tmp_path: Path):
    folders = [root / "annotations" / name for name in ("gold", "corpus")]
    assert run("push", *folders, "--project", project.title).exit_code == 0
    done = run("pull", tmp_path, "--project", project.title)
    assert done.exit_code == 0, done.output
    files = {path.name: path for folder in folders for path in folder.iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    differing = [name for name, path in files.items() if (tmp_path / name).read_bytes() != path.read_bytes()]
    assert differing == []


def test_a_second_push_changes_nothing(project: Project, run, tmp_path: Path, marked: Document):
    write_documents(tmp_path / "d.json", [marked])
    first = run("push", tmp_path / "d.json", "--project", project.title)
    told = "new on the server: 1 documents, 2 annotations, 0 predictions; documents already there: 0"
    assert told in first.stdout, first.output
    before = project.export()
    second = run("push", tmp_path / "d.json", "--project", project.title)
    told = "new on the server: 0 documents, 0 annotations, 0 predictions; documents already there: 1"
    assert told in second.stdout
    assert project.export() == before


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_come_back_byte_for_byte(project: Project, push_to, name: str):
    text = HOSTILE[name]
    span = Span(text.index("ق"), text.index("ق") + 2, "QUOTE")
    document = Document(f"{name} «١» <a>/..%", text, (Annotation("a", (span,)),))
    push_to(project, document)
    (task,) = project.export()
    assert task["data"]["text"] == text
    assert task["data"]["id"] == document.id
    value = task["annotations"][0]["result"][0]["value"]
    assert (value["start"], value["end"], value["text"]) == (span.start, span.end, text[span.start : span.end])


def test_texts_and_lines_are_pushed_too(project: Project, run, tmp_path: Path):
    (tmp_path / "one.txt").write_bytes("قال\r\nالوزير".encode())
    (tmp_path / "more.jsonl").write_text('{"id": "two", "text": "قال"}\n{"text": "أضاف"}\n', encoding="utf-8")
    assert run("push", tmp_path, "--project", project.title).exit_code == 0
    texts = {task["data"]["id"]: task["data"]["text"] for task in project.export()}
    assert texts == {"one": "قال\r\nالوزير", "two": "قال", "more.jsonl:2": "أضاف"}


def test_what_cannot_be_pushed_is_told_and_the_rest_goes(project: Project, run, tmp_path: Path, marked: Document):
    write_documents(tmp_path / "good.json", [marked])
    write_documents(tmp_path / "bad.json", [Document("bad", TEXT, (Annotation("a", (Span(0, 5, "QUOTE"),)),))])
    (tmp_path / "broken.json").write_text("[")
    lines = [{"id": "surrogate", "text": "قال \ud800"}, {"id": "nul", "text": "قال\0"}, {"id": "fine", "text": "قال"}]
    (tmp_path / "odd.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "blank.txt").write_text("\ufeff \n\u00a0\t\n", encoding="utf-8")
    names = ("good.json", "bad.json", "broken.json", "odd.jsonl", "empty.txt", "blank.txt")
    files = [tmp_path / name for name in names]
    done = run("push", *files, "--project", project.title)
    assert done.exit_code == 1
    for reason in (
        "QUOTE edges",
        "not UTF-8 JSON",
        "surrogate: its text holds a lone surrogate",
        "nul: its text holds",
        "empty: its text is empty, so there is nothing to mark in it",
        "blank: its text is empty",
    ):
        assert reason in done.output
    assert "not pushed: 6" in done.output
    assert {task["data"]["id"] for task in project.export()} == {"a document", "fine"}


def test_a_changed_text_under_an_old_id_is_an_error(project: Project, run, tmp_path: Path):
    (tmp_path / "d.txt").write_text("قال الوزير")
    assert run("push", tmp_path / "d.txt", "--project", project.title).exit_code == 0
    (tmp_path / "d.txt").write_text("قال الوزير.")
    done = run("push", tmp_path / "d.txt", "--project", project.title)
    assert done.exit_code == 1
    assert "d: the server has another text under this id" in done.output
    assert [task["data"]["text"] for task in project.export()] == ["قال الوزير"]


def test_what_the_server_has_otherwise_is_left_as_it_is(project: Project, push_to, marked: Document):
    push_to(project, marked)
    other = Annotation("سلمى", (QUOTE, SPEAKER), LINKS[1:])
    done = push_to(project, Document(marked.id, TEXT, (other, Annotation("new", ())), marked.meta))
    assert (done.documents, done.annotations, len(done.kept)) == (0, 1, 1)
    assert "a document, سلمى" in done.kept[0]
    counts = sorted(len(one["result"]) for one in project.export()[0]["annotations"])
    assert counts == [0, 5, 5]


def test_an_annotation_that_another_changed_is_told(project: Project, push_to, run, tmp_path: Path, marked: Document):
    """Whatever is pushed is made by the account that pushes, in the annotators' names: that is no change."""
    push_to(project, Document("d", TEXT))
    push_to(project, Document("d", TEXT, marked.annotations))
    pull_it = ("pull", tmp_path, "--project", project.title)
    assert "saved last by" not in run(*pull_it).output

    (task,) = project.export()
    changed = task["annotations"][0]
    time.sleep(1.1)
    project.connection.client.annotations.update(changed["id"], result=[])
    done = run(*pull_it)
    assert done.exit_code == 0, done.output
    name = Annotators(project.connection).name_of(changed["completed_by"])
    link = project.link(task["id"])
    assert done.output.count("saved last by") == 1
    assert f"{link}: {name}'s annotation was saved last by annotator; it stays {name}'s" in done.stdout
    (document,) = read_documents(tmp_path / "d.json")
    assert {one.annotator: len(one.spans) for one in document.annotations} == {"pass b/%2": 3, "سلمى": 3} | {name: 0}


def test_texts_alone_are_pushed_if_asked(project: Project, push_to, marked: Document):
    done = push_to(project, marked, with_annotations=False)
    assert (done.documents, done.annotations) == (1, 0)
    assert push_to(project, marked).annotations == 2


def test_a_dry_run_writes_nothing(project: Project, push_to, run, tmp_path: Path, marked: Document):
    push_to(project, marked, Document("bare", TEXT))
    done = run("pull", tmp_path / "out", "--dry-run", "--project", project.title)
    assert done.exit_code == 0
    assert "acceptable documents: 1; nothing was written" in done.stdout
    assert "tasks that nobody has annotated yet: 1" in done.stdout
    assert not (tmp_path / "out").exists()


def test_an_annotation_that_the_server_lacks_stays_in_the_file(project: Project, push_to, tmp_path: Path, marked):
    push_to(project, marked)
    kept = Annotation("only here", (QUOTE, SPEAKER), LINKS[1:])
    write_documents(tmp_path / "a document.json", [Document(marked.id, TEXT, (kept,), marked.meta)])
    assert not _pull(project, tmp_path).rejected
    (document,) = read_documents(tmp_path / "a document.json")
    assert [one.annotator for one in document.annotations] == ["only here", "pass b/%2", "سلمى"]
    again = _pull(project, tmp_path)
    assert (again.written, len(again.unchanged)) == ([], 1)


def test_a_file_of_another_text_is_left_as_it_is(project: Project, push_to, tmp_path: Path, marked: Document):
    push_to(project, marked)
    path = tmp_path / "a document.json"
    write_documents(path, [Document(marked.id, TEXT + "!")])
    before = path.read_bytes()
    done = _pull(project, tmp_path)
    assert "with another document or text, so it is left as it is" in str(done.rejected[0])
    assert path.read_bytes() == before


def test_accounts_have_the_names_that_a_file_gives_them(project: Project, run, tmp_path: Path):
    client = project.connection.client
    user = client.users.create(username="salma@example.org", email="salma@example.org")
    names = tmp_path / "annotators.json"
    names.write_text(json.dumps({"salma@example.org": "سلمى الكاتبة"}), encoding="utf-8")
    document = Document("named", TEXT, (Annotation("سلمى الكاتبة", (QUOTE, SPEAKER, TOPIC), LINKS),))
    write_documents(tmp_path / "named.json", [document])
    options = ("--annotators", names, "--project", project.title)
    assert run("push", tmp_path / "named.json", *options).exit_code == 0
    assert project.export()[0]["annotations"][0]["completed_by"] == user.id
    assert run("pull", tmp_path / "out", *options).exit_code == 0
    assert (tmp_path / "out" / "named.json").read_bytes() == (tmp_path / "named.json").read_bytes()
    names.write_text("[]")
    assert "must be an object like" in run("pull", tmp_path / "out", *options).output


def test_what_was_pulled_is_not_another_when_it_is_pushed_again(project: Project, push_to, tmp_path: Path, marked):
    """People draw loose edges and unlabelled relations; the pulled file has what the scheme makes of them."""
    push_to(project, Document(marked.id, TEXT))
    drawn = {"s": Span(4, 11, "SPEAKER"), "q": Span(11, 50, "QUOTE")}
    regions = [
        {
            "id": name,
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {"start": span.start, "end": span.end, "labels": [span.label]},
        }
        for name, span in drawn.items()
    ]
    relation = {"type": "relation", "from_id": "q", "to_id": "s", "direction": "right"}
    project.connection.client.annotations.create(project.export()[0]["id"], result=[*regions, relation])
    assert not _pull(project, tmp_path).rejected
    done = push_to(project, *read_documents(tmp_path / "a document.json"))
    assert (done.documents, done.annotations, done.kept) == (0, 0, [])
