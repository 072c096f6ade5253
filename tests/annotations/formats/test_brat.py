"""brat standoff: fragments, relations, offsets that do not fit."""

from pathlib import Path

import pytest

from aqwal.annotations import AnnotationError, Document
from aqwal.annotations.formats.corpus import Corpus, read_corpus
from aqwal.annotations.records import AQWAL, PLAIN
from aqwal.annotations.scheme import SAID_BY

SAMPLE = Path(__file__).parents[2] / "data/annotations/quotations.ann"
TEXT = "قال نادر: نعم، ثم أضاف: لا.\r\nوغادر"


def brat(folder: Path, *lines: str, text: str = TEXT, scheme: str = PLAIN) -> Corpus:
    (folder / "news.txt").write_bytes(text.encode())
    (folder / "news.ann").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_corpus(folder / "news.ann", scheme)


def marked(document: Document) -> list[tuple[str, str]]:
    return [(span.label, document.text[span.start : span.end]) for span in document.gold.spans]


def test_brat_sample_is_split_counted_and_joined_over_the_line() -> None:
    corpus = read_corpus(SAMPLE, PLAIN)
    (document,) = corpus.documents
    assert document.id == "quotations"
    assert document.text == SAMPLE.with_suffix(".txt").read_text(encoding="utf-8")
    assert marked(document) == [
        ("Cue", "قال"),
        ("Source", "مدير المعرض"),
        ("Content", '"الإقبال كبير"'),
        ("Content", '"سنعود العام المقبل"'),
        ("Cue", "وبحسب"),
        ("Source", "الزوار"),
        # Two fragments with no word between them are one span.
        ("Content", "فإن\nالمكان ضيق"),
    ]
    assert corpus.files == (SAMPLE, SAMPLE.with_suffix(".txt"))
    assert [line.split(";")[0] for line in corpus.summary()] == [
        "1 of 2 (50.0%) Content discontinuous, split at its gaps",
        "1 of 2 (50.0%) Cue edges moved to where the scheme has them",
        "1 event not read, as only spans are",
        "1 note not read, as only spans are",
        "1 relation attributed not read, as only spans are",
    ]


def test_brat_offsets_count_both_characters_of_a_windows_line_end(tmp_path: Path) -> None:
    corpus = brat(tmp_path, f"T1\tCue {TEXT.index('وغادر')} {len(TEXT)}\tوغادر")
    assert marked(corpus.documents[0]) == [("Cue", "وغادر")]
    assert corpus.documents[0].text == TEXT


def test_brat_marks_and_relations_of_aqwal_become_linked_quotes(tmp_path: Path) -> None:
    lines = ["T1\tSPEAKER 4 9\tنادر:", "T2\tQUOTE 10 14\tنعم،", "R1\tsaid_by Arg1:T2 Arg2:T1"]
    corpus = brat(tmp_path, *lines, scheme=AQWAL)
    gold = corpus.documents[0].gold
    assert marked(corpus.documents[0]) == [("SPEAKER", "نادر"), ("QUOTE", "نعم")]
    assert [(link.label, link.source, link.target) for link in gold.links] == [(SAID_BY, gold.spans[1], gold.spans[0])]
    assert [line.split(";")[0] for line in corpus.summary()] == [
        "1 of 1 (100.0%) SPEAKER edges moved to where the scheme has them",
        "1 of 1 (100.0%) QUOTE edges moved to where the scheme has them",
    ]


def test_brat_both_parts_of_a_broken_quote_have_its_speaker(tmp_path: Path) -> None:
    lines = ["T1\tSPEAKER 4 8\tنادر", "T2\tQUOTE 10 13;24 26\tنعم لا", "R1\tsaid_by Arg1:T2 Arg2:T1"]
    gold = brat(tmp_path, *lines, scheme=AQWAL).documents[0].gold
    speaker, *quotes = gold.spans
    assert [TEXT[quote.start : quote.end] for quote in quotes] == ["نعم", "لا"]
    assert [gold.target_of(quote, SAID_BY) for quote in quotes] == [speaker, speaker]


def test_brat_relations_that_the_scheme_does_not_know_are_counted(tmp_path: Path) -> None:
    lines = ["T1\tSPEAKER 4 8\tنادر", "T2\tQUOTE 10 13\tنعم", "R1\tsaid_by Arg1:T2 Arg2:T1"]
    corpus = brat(tmp_path, *lines, "R2\tcoref Arg1:T1 Arg2:T9", scheme=AQWAL)
    assert [link.label for link in corpus.documents[0].gold.links] == [SAID_BY]
    assert [line.split(";")[0] for line in corpus.summary()] == ["1 relation coref not read, as only spans are"]


def test_brat_links_to_what_is_not_marked_are_named(tmp_path: Path) -> None:
    lines = ["T1\tQUOTE 10 13\tنعم", "R1\tsaid_by Arg1:T1 Arg2:T9"]
    with pytest.raises(AnnotationError, match=r"document news: relation said_by ends at T9, which no `T` line marks$"):
        brat(tmp_path, *lines, scheme=AQWAL)
    assert [line.split(";")[0] for line in brat(tmp_path, *lines).summary()] == [
        "1 relation said_by not read, as only spans are"
    ]


def test_brat_that_breaks_the_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"news\.ann, document news.*SPEAKER belongs to no QUOTE \(rule 17\)"):
        brat(tmp_path, "T1\tSPEAKER 4 8\tنادر", scheme=AQWAL)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "T1\tCue 4 8\tقال",
            "region T1, [4:8] 'قال': the text there is 'نادر'; is the .txt the one that was annotated",
        ),
        ("T1\tCue 4 99\tنادر", "offsets lie outside the text of 34 code points"),
        ("T1\tCue 8 4\tنادر", "offsets lie outside the text of 34 code points, or end before they begin"),
        ("T1 Cue 4 8 نادر", "line 1: expected an annotation as `T1<tab>LABEL 0 5<tab>text`, got 'T1 Cue 4 8 نادر'"),
        ("R1\tsaid_by T1 T2", "line 1: expected an annotation"),
    ],
)
def test_brat_lines_that_do_not_fit_are_named(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        brat(tmp_path, line)
    assert message in str(caught.value)
    assert "document news" in str(caught.value)


def test_brat_ids_that_come_twice_are_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"region T1.*two annotations have this id"):
        brat(tmp_path, "T1\tCue 0 3\tقال", "T1\tCue 4 8\tنادر")


def test_brat_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "news.ann").write_text("")
    with pytest.raises(FileNotFoundError, match=r"news\.txt is missing: brat standoff needs the text beside news\.ann"):
        read_corpus(tmp_path / "news.ann", PLAIN)


def test_brat_without_a_mark_is_a_document_all_the_same(tmp_path: Path) -> None:
    (document,) = brat(tmp_path, "").documents
    assert document.gold.spans == ()
