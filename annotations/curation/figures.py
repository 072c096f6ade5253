"""Figures of a set of annotated documents: how much there is of what, and how long it is.

Words are counted as people count them, by the white space between them; rule 1's words, which count
each mark as one, would make texts with more marks look longer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from aqwal.annotations.curation.reports import Position, Report, cut_reports
from aqwal.annotations.curation.spelling import SPELLING_FEATURES, spelling_of
from aqwal.annotations.curation.ways import WAYS, ways_of
from aqwal.annotations.marks import DOUBLE_MARKS
from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, AnnotationError, Document, Problem
from aqwal.annotations.scheme import KINDS, LABELS

MARKS = '«»"“”'
NAME_AND_COLON, UNKNOWN_WORD = "name: words", "(none known)"


@dataclass(frozen=True, slots=True)
class Spread:
    """How a length in words is spread: its mean and the nine deciles, each a length that occurs."""

    count: int
    mean: float
    deciles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a thing was found, and in how many articles."""

    found: int
    articles: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a set of annotated documents is.

    Args:
        articles: How many documents.
        words: Their words.
        quotes: Their QUOTEs.
        without_quote: How many documents have none.
        kinds: QUOTEs by kind.
        with_speaker: QUOTEs with a SPEAKER.
        with_topic: QUOTEs with a TOPIC.
        lengths: Words of an article, a sentence, a QUOTE, a SPEAKER, a TOPIC.
        positions: QUOTEs by where their SPEAKER stands.
        marks: Quotation marks in the texts.
        spelling: Spelling features in the texts.
        ways: Ways of reporting; `found` counts QUOTEs.
        reporting_words: QUOTEs by the dictionary form of their reporting word, the most frequent first.
    """

    articles: int
    words: int
    quotes: int
    without_quote: int
    kinds: dict[str, int]
    with_speaker: int
    with_topic: int
    lengths: dict[str, Spread]
    positions: dict[str, int]
    marks: dict[str, Tally]
    spelling: dict[str, Tally]
    ways: dict[str, Tally]
    reporting_words: dict[str, int]


@dataclass(frozen=True, slots=True)
class Article:
    """An annotated document with everything that is counted in it."""

    id: str
    page: Page
    annotation: Annotation
    reports: list[Report]
    spelling: dict[str, int]
    ways: dict[str, int]

    @property
    def words(self) -> int:
        """Its words, by white space."""
        return count_words(self.page.text)


def count_words(text: str) -> int:
    """Count the words of a text by white space."""
    return len(text.split())


def read_articles(documents: Iterable[Document]) -> list[Article]:
    """Look at each document's adjudicated annotation, or at its only one.

    Raises:
        AnnotationError: Naming every document that has several annotations, or none, and no adjudicated one.
    """
    articles, problems = [], []
    for document in documents:
        annotation = document.gold or (document.annotations[0] if len(document.annotations) == 1 else None)
        if annotation is None:
            given = f"{len(document.annotations)} annotations, none of them adjudicated"
            message = f"{given}; expected one with `ground_truth`, or only one"
            problems.append(Problem(message, document.id))
        else:
            articles.append(_to_article(document, annotation))
    if problems:
        raise AnnotationError(problems)
    return articles


def _to_article(document: Document, annotation: Annotation) -> Article:
    page = Page(document.text)
    reports = cut_reports(page, annotation)
    return Article(document.id, page, annotation, reports, spelling_of(page), ways_of(reports))


def spread_of(lengths: Iterable[int]) -> Spread:
    """Return mean and deciles; of no length at all, a mean of 0 and no deciles."""
    ordered = sorted(lengths)
    deciles = (ordered[ceil(tenth * len(ordered) / 10) - 1] for tenth in range(1, 10) if ordered)
    return Spread(len(ordered), fmean(ordered) if ordered else 0.0, tuple(deciles))


def figures_of(articles: Sequence[Article]) -> Figures:
    """Count everything in a set of articles."""
    reports = [report for article in articles for report in article.reports]
    return Figures(
        articles=len(articles),
        words=sum(article.words for article in articles),
        quotes=len(reports),
        without_quote=sum(not article.reports for article in articles),
        kinds=_counted(KINDS, (report.kind for report in reports)),
        with_speaker=sum(report.speaker is not None for report in reports),
        with_topic=sum(report.topic is not None for report in reports),
        lengths=_lengths(articles),
        positions=_counted([position.value for position in Position], (report.position.value for report in reports)),
        marks=_marks(articles),
        spelling=_tallies(SPELLING_FEATURES, [article.spelling for article in articles]),
        ways=_tallies(WAYS, [article.ways for article in articles]),
        reporting_words=dict(Counter(map(_reporting_word, reports)).most_common()),
    )


def _counted(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    counts = Counter(found)
    return {name: counts[name] for name in names}


def _lengths(articles: Sequence[Article]) -> dict[str, Spread]:
    lengths = {
        "article": spread_of(article.words for article in articles),
        "sentence": spread_of(
            count_words(article.page.text[start:end]) for article in articles for start, end in article.page.sentences
        ),
    }
    for label in LABELS:
        spans = ((article.page.text, span) for article in articles for span in article.annotation.of_label(label))
        lengths[label] = spread_of(count_words(text[span.start : span.end]) for text, span in spans)
    return lengths


def _marks(articles: Sequence[Article]) -> dict[str, Tally]:
    counts = [Counter(letter for letter in article.page.text if letter in DOUBLE_MARKS) for article in articles]
    others = sorted({mark for count in counts for mark in count} - set(MARKS))
    return _tallies([*MARKS, *others], counts)


def _tallies(names: Iterable[str], counts: Sequence[Mapping[str, int]]) -> dict[str, Tally]:
    """Sum counts of single articles; an article without a name counts 0 for it."""
    found = {name: [count.get(name, 0) for count in counts] for name in names}
    return {name: Tally(sum(each), sum(map(bool, each))) for name, each in found.items()}


def _reporting_word(report: Report) -> str:
    if report.is_name_and_colon:
        return NAME_AND_COLON
    return report.word.lemma if report.word else UNKNOWN_WORD
