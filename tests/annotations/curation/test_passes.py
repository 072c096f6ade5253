"""Passes joined from inline files: the corpus comes back byte for byte, and nothing wrong is stored."""

from dataclasses import replace
from pathlib import Path

import pytest

from aqwal.annotations import AnnotationError, Document, read_documents
from aqwal.annotations.curation.passes import join_passes, store_documents
from aqwal.annotations.inline import format_inline

CORPUS = Path(__file__).parents[3] / "annotations" / "corpus"
# One of each spelling that could be lost on the way: plain, with mended marks, with tatweel, without quotes.
NAMES = ["w04-01", "w06-14", "w1-03", "w13-04", "w17-09", "w3-01"]

WRITER = "=== خبر-1\nوقال {S1:بوتين}: {Q1:“نعم”}.\n---\nQ1 S1 -\n"
BLIND = "=== خبر-1\nوقال بوتين: {Q1:“{T1:نعم}”}.\n---\nQ1 - T1\n"
OTHER = "=== خبر-2\nلا قول هنا.\n---\n"


def inline_file(folder: Path, name: str, source: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(source if isinstance(source, bytes) else source.encode("utf-8"))
    return path


def problems(*arguments: Path | None) -> list[str]:
    with pytest.raises(AnnotationError) as caught:
        join_passes(*arguments)
    return str(caught.value).splitlines()


def test_the_corpus_comes_back_byte_for_byte(tmp_path: Path) -> None:
    documents = [document for name in NAMES for document in read_documents(CORPUS / f"{name}.json")]
    files = [
        inline_file(
            tmp_path, f"{number}.txt", "\n".join(format_inline(one, one.annotations[number]) for one in documents)
        )
        for number in range(3)
    ]
    paths = store_documents(join_passes(*files), tmp_path / "corpus")
    assert [path.name for path in paths] == [f"{name}.json" for name in NAMES]
    for path in paths:
        assert path.read_bytes() == (CORPUS / path.name).read_bytes()


def test_annotations_stand_in_order_and_only_gold_is_ground_truth(tmp_path: Path) -> None:
    writer, blind = inline_file(tmp_path, "a", WRITER + OTHER), inline_file(tmp_path, "b", OTHER + BLIND)
    documents = join_passes(writer, blind, writer)
    assert [document.id for document in documents] == ["خبر-1", "خبر-2"]
    for document in documents:
        assert [(one.annotator, one.ground_truth) for one in document.annotations] == [
            ("pass-a", False),
            ("pass-b", False),
            ("adjudicated", True),
        ]
    first, second, gold = documents[0].annotations
    assert [span.label for span in second.spans] == ["QUOTE", "TOPIC"]
    assert first.spans == gold.spans


@pytest.mark.parametrize(
    ("has_blind", "has_gold", "annotators"),
    [(False, False, ["pass-a"]), (True, False, ["pass-a", "pass-b"]), (False, True, ["pass-a", "adjudicated"])],
)
def test_passes_that_are_not_there_yet(has_blind: bool, has_gold: bool, annotators: list[str], tmp_path: Path) -> None:
    file = inline_file(tmp_path, "a", WRITER)
    (document,) = join_passes(file, file if has_blind else None, file if has_gold else None)
    assert [annotation.annotator for annotation in document.annotations] == annotators
    assert (document.gold is not None) is has_gold


def test_a_byte_order_mark_is_no_part_of_an_article(tmp_path: Path) -> None:
    (document,) = join_passes(inline_file(tmp_path, "a", b"\xef\xbb\xbf" + WRITER.encode("utf-8")))
    assert document.text == "وقال بوتين: “نعم”."


def test_a_text_that_differs_is_told_with_its_place(tmp_path: Path) -> None:
    writer = inline_file(tmp_path, "a", WRITER)
    gold = inline_file(tmp_path, "g", WRITER.replace("نعم", "نعمـ"))
    assert problems(writer, None, gold) == [
        f"{gold}, document خبر-1, annotator adjudicated, [6:19] 'وتين: “نعمـ”.': "
        f"the text differs from code point 16 on; {writer} has 'وتين: “نعم”.'"
    ]


def test_a_text_that_goes_on_is_told(tmp_path: Path) -> None:
    writer = inline_file(tmp_path, "a", WRITER)
    blind = inline_file(tmp_path, "b", BLIND.replace("\n---", "\nثم مضى.\n---"))
    (problem,) = problems(writer, blind)
    assert "the text differs from code point 18 on" in problem


def test_missing_unknown_and_doubled_articles_are_told(tmp_path: Path) -> None:
    writer = inline_file(tmp_path, "a", WRITER + OTHER)
    blind = inline_file(tmp_path, "b", BLIND + OTHER.replace("خبر-2", "خبر-3"))
    gold = inline_file(tmp_path, "g", WRITER + OTHER + WRITER)
    assert problems(writer, blind, gold) == [
        f"{blind}, document خبر-2: the article is missing; {writer} has it",
        f"{blind}, document خبر-3: {writer} has no such article",
        f"{gold}, document خبر-1: 2 articles have this id; each needs one of its own",
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_the_scheme_does_not_allow_is_told_of_every_pass(place: int, tmp_path: Path) -> None:
    good = inline_file(tmp_path, "good", WRITER)
    bad = inline_file(tmp_path, "bad", WRITER.replace("{S1:بوتين}:", "{S1:بوتين:}"))
    (problem,) = problems(*(bad if number == place else good for number in range(3)))
    annotator = ("pass-a", "pass-b", "adjudicated")[place]
    assert problem.startswith(f"{bad}, document خبر-1, annotator {annotator}, region ")
    assert problem.endswith("[5:11] 'بوتين:': SPEAKER edges: the scheme has [5:10] 'بوتين' (rules 1, 2, 5, 6, 11)")


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    writer = inline_file(tmp_path, "a", "=== خبر-1\n{Q1:نعم\n---\n")
    blind = inline_file(tmp_path, "b", b"\xff")
    gold = inline_file(tmp_path, "g", "")
    assert problems(writer, blind, gold) == [
        f"{writer}, document خبر-1, annotator pass-a: Q1 is never closed",
        f"{blind}: not UTF-8 (byte 0); convert it first, as with `iconv -t UTF-8`",
        f"{gold}: no article; one begins with a line `=== its-id`",
    ]


@pytest.mark.parametrize("name", [".خبر", "../خبر", "أ/ب", "أ\\ب", ".."])
def test_an_id_that_no_file_may_have(name: str, tmp_path: Path) -> None:
    writer = inline_file(tmp_path, "a", f"=== {name}\nنعم\n---\n")
    assert problems(writer) == [
        f"{writer}, document {name}: an id names a file: it may not begin with a full stop or hold a slash"
    ]


# Storing


def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    writer, blind = inline_file(tmp_path, "a", WRITER), inline_file(tmp_path, "b", BLIND)
    store_documents(join_passes(writer), tmp_path)
    (path,) = store_documents(join_passes(writer, blind), tmp_path)
    assert [annotation.annotator for annotation in read_documents(path)[0].annotations] == ["pass-a", "pass-b"]


def test_other_fields_of_a_file_that_is_replaced_stay(tmp_path: Path) -> None:
    writer = inline_file(tmp_path, "a", WRITER)
    (document,) = join_passes(writer)
    (path,) = store_documents([replace(document, meta={"source_url": "https://example.org/1"})], tmp_path)
    before = path.read_bytes()
    store_documents(join_passes(writer), tmp_path)
    assert path.read_bytes() == before


def test_no_annotation_is_lost_and_nothing_is_half_written(tmp_path: Path) -> None:
    writer = inline_file(tmp_path, "a", OTHER + WRITER)
    (_, path) = store_documents(join_passes(writer, writer, writer), tmp_path)
    (tmp_path / "خبر-2.json").unlink()
    before = path.read_bytes()
    with pytest.raises(AnnotationError) as caught:
        store_documents(join_passes(writer), tmp_path)
    told = "the file there has pass-b, adjudicated, which would be lost; give all passes, or another folder"
    assert str(caught.value) == f"{path}, document خبر-1: {told}"
    assert path.read_bytes() == before
    assert not (tmp_path / "خبر-2.json").exists()


def test_a_file_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    path = inline_file(tmp_path, "خبر-1.json", "[{")
    with pytest.raises(AnnotationError, match=r"there is such a file already and it cannot be read; move it away$"):
        store_documents([Document("خبر-1", "نعم")], tmp_path)
    assert path.read_bytes() == b"[{"
