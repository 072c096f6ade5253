"""CoNLL files: tags of every kind, documents, and lines that are none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations import AnnotationError, Document
from aqwal.annotations.formats.conll import parse_conll
from aqwal.annotations.formats.corpus import Corpus, Format, read_corpus
from aqwal.annotations.records import PLAIN
from aqwal.serving.tags import TagSet

SAMPLE = Path(__file__).parents[2] / "data/annotations/ner.conll"


def conll(folder: Path, content: str, name: str = "news.conll") -> Corpus:
    (folder / name).write_bytes(content.encode())
    return read_corpus(folder / name, PLAIN)


def marked(document: Document) -> list[tuple[str, str]]:
    return [(span.label, document.text[span.start : span.end]) for span in document.gold.spans]


def test_conll_sample_is_read_by_its_ending() -> None:
    corpus = read_corpus(SAMPLE, PLAIN)
    assert [document.id for document in corpus.documents] == [f"ner-{number}" for number in range(1, 11)]
    assert dict(corpus.spans) == {"PER": 6, "LOC": 7, "ORG": 6}
    assert corpus.alterations == []
    assert corpus.documents[5].text == "التقى سالم الهادي منى القاسمي في الصفصاف ."
    assert marked(corpus.documents[5]) == [("PER", "سالم الهادي"), ("PER", "منى القاسمي"), ("LOC", "الصفصاف")]
    assert {document.scheme for document in corpus.documents} == {PLAIN}


@pytest.mark.parametrize(
    ("tags", "spans", "unbegun"),
    [
        ("B-P I-P O B-L", ["P 0-2", "L 3-4"], 0),
        ("B-P B-P I-P O", ["P 0-1", "P 1-3"], 0),
        ("B-P E-P S-P S-L", ["P 0-2", "P 2-3", "L 3-4"], 0),
        ("I-P I-P B-P I-L", ["P 0-2", "P 2-3", "L 3-4"], 2),
        ("O I-P O O", ["P 1-2"], 1),
        ("B-P L-P U-P I-P", ["P 0-2", "P 2-3", "P 3-4"], 1),
        ("O O O O", [], 0),
    ],
)
def test_conll_tags_of_every_scheme(tags: str, spans: list[str], unbegun: int, tmp_path: Path) -> None:
    corpus = conll(tmp_path, "".join(f"كلمة {tag}\n" for tag in tags.split()))
    (document,) = corpus.documents
    found = [f"{s.label} {s.start // 5}-{(s.end + 1) // 5}" for s in document.gold.spans]
    assert found == spans
    assert len(corpus.alterations) == unbegun


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=6), st.sampled_from(["bio", "bioes"])
)
def test_conll_spans_are_those_that_the_tags_were_made_of(runs: list[tuple[int, int]], scheme: str) -> None:
    """Runs are (words outside before it, words of the span)."""
    ranges, length = [], 0
    for outside, words in runs:
        ranges.append((length + outside, length + outside + words))
        length = ranges[-1][1]
    tag_set = TagSet(scheme)
    letters = [tag_set.tags[tag] for tag in tag_set.encode(length, ranges)]
    lines = [letter if letter == "O" else f"{letter}-PER" for letter in letters]
    ((document,), problems) = parse_conll("".join(f"كلمة\t{tag}\n" for tag in lines), "n", "f")
    spans, unbegun = document.spans()
    assert [(span.edges[0] // 5, (span.edges[1] + 1) // 5) for span in spans] == ranges
    assert (problems, unbegun) == ([], [])


def test_conll_columns_between_token_and_tag_are_passed_over(tmp_path: Path) -> None:
    content = "\ufeffنادر\tNOUN\tB-NP\tB-PER\r\nالهادي الطويل\tNOUN\tI-NP\tI-PER\r\n\r\n"
    (document,) = conll(tmp_path, content).documents
    assert document.text == "نادر الهادي الطويل"
    assert marked(document) == [("PER", "نادر الهادي الطويل")]


def test_conll_documents_begin_at_their_marks(tmp_path: Path) -> None:
    content = "-DOCSTART- -X- O\n\nوصل O\n\nنادر B-PER\n. O\n\n# newdoc id = خبر 7\n# text = نعم\nنعم O\n-DOCSTART- O\n"
    documents = conll(tmp_path, content).documents
    assert [(document.id, document.text) for document in documents] == [("news-1", "وصل\nنادر ."), ("خبر 7", "نعم")]
    assert marked(documents[0]) == [("PER", "نادر")]


def test_conll_spans_end_with_their_sentence(tmp_path: Path) -> None:
    content = "-DOCSTART- O\nنادر B-PER\n\nالهادي I-PER\n# O\n"
    corpus = conll(tmp_path, content)
    assert marked(corpus.documents[0]) == [("PER", "نادر"), ("PER", "الهادي")]
    assert corpus.documents[0].text.endswith("#")
    assert corpus.summary() == [
        "1 of 2 (50.0%) PER begun by a tag other than B- or S-, as in IOB1; the first: document news-1 [5:11] 'الهادي'"
    ]


def test_conll_lines_that_are_none_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        conll(tmp_path, "نادر B-PER\nالهادي\nوصل PER\nنعم O\n\tO\n")
    assert list(map(str, caught.value.problems)) == [
        f"{tmp_path}/news.conll: line {number}: expected a token and a tag, `O` or `B-LABEL`, got {line!r}"
        for number, line in ((2, "الهادي"), (3, "وصل PER"), (5, "\tO"))
    ]


@pytest.mark.parametrize(("content", "message"), [(b"", "no token with a tag"), (b"\xff O\n", "not UTF-8")])
def test_conll_files_without_content(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "news.bio").write_bytes(content)
    with pytest.raises(AnnotationError, match=message):
        read_corpus(tmp_path / "news.bio", PLAIN)


def test_conll_of_another_ending_needs_its_format_named(tmp_path: Path) -> None:
    path = tmp_path / "anercorp.txt"
    path.write_text("نادر B-PERS\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"the ending '\.txt' says no format, .*; name one of stored, conll, brat by"):
        read_corpus(path, PLAIN)
    assert marked(read_corpus(path, PLAIN, Format.conll).documents[0]) == [("PERS", "نادر")]


def test_conll_tokens_that_hold_no_word_are_told(tmp_path: Path) -> None:
    corpus = conll(tmp_path, "\u200f B-PER\nنعم O\n")
    assert corpus.documents[0].gold.spans == ()
    assert corpus.summary() == [
        "1 of 1 (100.0%) PER left out, as it holds no word; the first: document news-1 [0:1] '\\u200f'"
    ]
