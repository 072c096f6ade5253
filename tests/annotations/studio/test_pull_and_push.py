"""What push and pull make of ground truths, of files in the way and of accounts' addresses: no server needed."""

import json
from pathlib import Path

import pytest
from held_studio import HeldStudio

from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.stored import read_documents, write_documents
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.pull import pull

TEXT = "وقال لافروف إن الأزمة في سورية في طريقها إلى الحل."
QUOTE, SPEAKER = Span(12, 49, "QUOTE"), Span(5, 11, "SPEAKER")


def _marked(name: str, gold: bool = False) -> Annotation:
    return Annotation(name, (QUOTE, SPEAKER), (Link(QUOTE, SPEAKER, "said_by"),), ground_truth=gold)


PASSES, GOLD = (_marked("badr"), _marked("salma")), _marked("adjudicated", gold=True)


def _star(held: HeldStudio, project: Project, document: str, name: str) -> None:
    names = Annotators(project.connection)
    next(one for one in held.of(document) if names.name_of(one["completed_by"]) == name)["ground_truth"] = True


def test_a_star_on_the_server_does_not_drop_the_files_gold(
    held: HeldStudio, held_in: Project, push_to, run_held, tmp_path: Path
):
    push_to(held_in, Document("d", TEXT, PASSES), Document("other", TEXT, PASSES))
    _star(held, held_in, "d", "salma")
    path = tmp_path / "out" / "d.json"
    write_documents(path, [Document("d", TEXT, (*PASSES, GOLD))])
    before = path.read_bytes()
    done = run_held("pull", path.parent)
    assert done.exit_code == 1
    assert f"{path} has a ground truth by adjudicated, the server one by salma" in done.stderr
    assert path.read_bytes() == before
    assert read_documents(path.parent / "other.json")[0].annotations == PASSES
    assert (path.parent / "rejected" / "d.json").is_file()


@pytest.mark.parametrize("star", [None, "adjudicated", "salma"])
def test_the_files_gold_stays_or_is_the_servers(
    held: HeldStudio, held_in: Project, push_to, star: str | None, tmp_path: Path
):
    """Where the server has the file's gold as well, with or without its star, nothing is lost by the server's word."""
    there = (*PASSES, _marked("adjudicated")) if star else PASSES
    push_to(held_in, Document("d", TEXT, there))
    if star:
        _star(held, held_in, "d", star)
    write_documents(tmp_path / "d.json", [Document("d", TEXT, (*PASSES, GOLD))])
    assert not pull(held_in, Annotators(held_in.connection), tmp_path).rejected
    (pulled,) = read_documents(tmp_path / "d.json")
    assert {one.annotator for one in pulled.annotations} == {"badr", "salma", "adjudicated"}
    assert pulled.gold is not None
    assert pulled.gold.annotator == (star or "adjudicated")


def test_a_second_ground_truth_is_not_pushed(held: HeldStudio, held_in: Project, push_to, run_held, tmp_path: Path):
    push_to(held_in, Document("d", TEXT, PASSES[1:]))
    _star(held, held_in, "d", "salma")
    write_documents(tmp_path / "d.json", [Document("d", TEXT, (PASSES[0], GOLD))])
    done = run_held("push", tmp_path / "d.json")
    assert done.exit_code == 1
    assert "d, adjudicated: the task has a ground truth by salma, and it can have one; take the star" in done.stderr
    assert "0 documents, 1 annotations" in done.stdout
    assert [one["ground_truth"] for one in held.of("d")] == [True, False]
    (accepted,) = pull(held_in, Annotators(held_in.connection), tmp_path / "out").documents.values()
    assert [one.annotator for one in accepted.annotations] == ["badr", "salma"]


def test_a_folder_in_a_files_place_takes_no_other_with_it(held_in: Project, push_to, run_held, tmp_path: Path):
    push_to(held_in, Document("d", TEXT, PASSES), Document("other", TEXT, PASSES))
    (tmp_path / "out" / "d.json").mkdir(parents=True)
    done = run_held("pull", tmp_path / "out")
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    told = f"{tmp_path / 'out' / 'd.json'} cannot be read or written: Is a directory; it is left as it is"
    assert told in done.stderr
    assert read_documents(tmp_path / "out" / "other.json")[0].annotations == PASSES


def test_a_folder_that_cannot_be_written_is_told(held_in: Project, push_to, run_held, tmp_path: Path):
    push_to(held_in, Document("d", TEXT, PASSES))
    (tmp_path / "file").write_text("no folder")
    done = run_held("pull", tmp_path / "file" / "out")
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert f"aqwal studio: {tmp_path / 'file'}" in done.stderr
    assert "Not a directory" in done.stderr


def test_addresses_have_their_name_in_any_letter_case_and_misses_are_told(
    held: HeldStudio, held_in: Project, run_held, tmp_path: Path
):
    held.users.create(email="salma@example.org")
    names = tmp_path / "annotators.json"
    names.write_text(json.dumps({"Salma@Example.org": "salma", "bader@example.org": "badr"}), encoding="utf-8")
    write_documents(tmp_path / "d.json", [Document("d", TEXT, PASSES[1:])])
    told = "the file of annotators' names has addresses that no account has: bader@example.org"
    for command in (("push", tmp_path / "d.json"), ("pull", tmp_path / "out")):
        done = run_held(*command, "--annotators", names)
        assert done.exit_code == 0, done.output
        assert told in done.stderr
    assert len(held.users.list()) == 1
    assert (tmp_path / "out" / "d.json").read_bytes() == (tmp_path / "d.json").read_bytes()
