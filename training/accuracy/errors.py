"""Error analysis: what became of each gold span, and what each predicted one is.

A gold span is exact, begins or ends elsewhere (or both), is fragmented into several predicted
ones, or is missed; a predicted one is exact, touches one gold span with other boundaries, merges
several, or is invented.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aqwal.annotations.curation.figures import count_words
from aqwal.annotations.curation.reports import Position, Report, cut_reports
from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Span
from aqwal.annotations.scheme import KINDS, QUOTE, SAID_BY
from aqwal.annotations.scoring import PAIR_IOU, iou
from aqwal.training.metrics import Answered, as_annotation, gold_of
from aqwal.training.slices import range_name


class Fate(StrEnum):
    """What became of a gold span."""

    EXACT = "exact"
    START = "wrong start"
    END = "wrong end"
    BOTH = "wrong start and end"
    FRAGMENTED = "fragmented"
    MISSED = "missed"


class Nature(StrEnum):
    """What a predicted span is."""

    EXACT = "exact"
    BOUNDARY = "other boundaries"
    MERGED = "merged"
    INVENTED = "invented"


DISTANCES = {
    Position.BEFORE: "same sentence, before the quote",
    Position.BEHIND: "same sentence, behind the quote",
    Position.INSIDE: "inside the quote",
    Position.EARLIER: "earlier sentence",
    Position.LATER: "later sentence",
    Position.NOWHERE: "no speaker",
}
EARLIER_PARAGRAPH = "earlier paragraph"
_NOWHERE = DISTANCES[Position.NOWHERE]
_FARTHER_AND_FARTHER = (*(one for one in DISTANCES.values() if one != _NOWHERE), EARLIER_PARAGRAPH, _NOWHERE)
RIGHT, WRONG, NOT_FOUND = ATTRIBUTIONS = ("right", "wrong", "quote not found")
# Longest QUOTE of each group but the last, in words by white space.
_LONGEST = (5, 12, 25)
_CONTEXT_WORDS = 6


@dataclass(frozen=True)
class Case:
    """A span of one side with those of the other side that touch it."""

    page: Page
    document: str
    span: Span
    others: tuple[Span, ...]

    @property
    def fate(self) -> Fate:
        """What became of it, as a gold span."""
        if self.span in self.others:
            return Fate.EXACT
        if len(self.others) != 1:
            return Fate.FRAGMENTED if self.others else Fate.MISSED
        (other,) = self.others
        if other.start == self.span.start:
            return Fate.END
        return Fate.START if other.end == self.span.end else Fate.BOTH

    @property
    def nature(self) -> Nature:
        """What it is, as a predicted span."""
        if self.span in self.others:
            return Nature.EXACT
        if len(self.others) > 1:
            return Nature.MERGED
        return Nature.BOUNDARY if self.others else Nature.INVENTED


def gold_cases(answered: Iterable[Answered], label: str) -> list[Case]:
    """Return every gold span of a label with the predicted ones that touch it."""
    return [case for one in answered for case in _cases(one, gold_of(one), as_annotation(one.prediction), label)]


def predicted_cases(answered: Iterable[Answered], label: str) -> list[Case]:
    """Return every predicted span of a label with the gold ones that touch it."""
    return [case for one in answered for case in _cases(one, as_annotation(one.prediction), gold_of(one), label)]


def _cases(one: Answered, mine: Annotation, theirs: Annotation, label: str) -> Iterator[Case]:
    page, others = Page(one.document.text), theirs.of_label(label)
    for span in mine.of_label(label):
        yield Case(page, one.document.id, span, tuple(other for other in others if other.overlaps(span)))


def span_figures(answered: Sequence[Answered], labels: Sequence[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Return under `gold` and `predicted` label → what became of its spans, or what they are → how many."""
    return {
        "gold": {label: _counted(Fate, (case.fate for case in gold_cases(answered, label))) for label in labels},
        "predicted": {
            label: _counted(Nature, (case.nature for case in predicted_cases(answered, label))) for label in labels
        },
    }


def error_figures(answered: Sequence[Answered], labels: Sequence[str]) -> dict[str, Any]:
    """Count fates and natures.

    Returns:
        `gold` and `predicted`: label → what → how many; `quote_kinds` and `quote_lengths`: kind, or
        words, of a gold QUOTE → fate → how many; `speakers`: where the SPEAKER of a gold QUOTE stands
        → `right`, `wrong` and `quote not found`, how many.
    """
    reports = [(one, report) for one in answered for report in cut_reports(Page(one.document.text), gold_of(one))]
    kinds = {(one.document.id, report.quote): report.kind for one, report in reports}
    quotes = gold_cases(answered, QUOTE)
    lengths = sorted(quotes, key=lambda case: count_words(_words(case)))
    return {
        **span_figures(answered, labels),
        "quote_kinds": _crossed(((kinds[case.document, case.span], case.fate) for case in quotes), KINDS),
        "quote_lengths": _crossed((range_name(count_words(_words(case)), _LONGEST), case.fate) for case in lengths),
        "speakers": _speakers(reports),
    }


def _words(case: Case) -> str:
    return case.page.text[case.span.start : case.span.end]


def _counted(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    counts = Counter(found)
    return {str(name): counts[name] for name in names}


def _crossed(pairs: Iterable[tuple[str, Fate]], names: Iterable[str] = ()) -> dict[str, dict[str, int]]:
    """Count fates under each name, in the order given or met."""
    fates: dict[str, list[Fate]] = {name: [] for name in names}
    for name, fate in pairs:
        fates.setdefault(name, []).append(fate)
    return {name: _counted(Fate, found) for name, found in fates.items() if found}


def _speakers(reports: Iterable[tuple[Answered, Report]]) -> dict[str, dict[str, int]]:
    outcomes: dict[str, list[str]] = {}
    for one, report in reports:
        outcomes.setdefault(_distance(report), []).append(_attribution(as_annotation(one.prediction), report))
    return {
        distance: _counted(ATTRIBUTIONS, outcomes[distance])
        for distance in _FARTHER_AND_FARTHER
        if distance in outcomes
    }


def _distance(report: Report) -> str:
    speaker, is_earlier = report.speaker, report.position is Position.EARLIER
    if speaker and is_earlier and report.page.breaks_in(speaker.start, report.quote.start):
        return EARLIER_PARAGRAPH
    return DISTANCES[report.position]


def _attribution(found: Annotation, report: Report) -> str:
    """Say whether the QUOTE was given its SPEAKER, or none if it has none; as pair F1 sees it."""
    quotes = [quote for quote in found.of_label(QUOTE) if iou(quote, report.quote) >= PAIR_IOU]
    if not quotes:
        return NOT_FOUND
    speakers = [found.target_of(quote, SAID_BY) for quote in quotes]
    if report.speaker is None:
        return RIGHT if None in speakers else WRONG
    return RIGHT if any(one is not None and one.overlaps(report.speaker) for one in speakers) else WRONG


def error_examples(answered: Sequence[Answered], labels: Sequence[str], count: int) -> list[dict[str, Any]]:
    """Return a few errors of each kind and label, spread over the documents.

    Returns:
        Entries with `document`, `label`, `error`, the texts of `gold` and `predicted` spans (one of
        them may have none), and some words `before` and `behind` all of them.
    """
    examples = []
    for label in labels:
        by_error: dict[str, list[dict[str, Any]]] = {}
        for case in gold_cases(answered, label):
            if case.fate is not Fate.EXACT:
                by_error.setdefault(case.fate, []).append(_example(case, case.fate, [case.span], case.others))
        for case in predicted_cases(answered, label):
            if case.nature in (Nature.MERGED, Nature.INVENTED):
                by_error.setdefault(case.nature, []).append(_example(case, case.nature, case.others, [case.span]))
        for found in by_error.values():
            examples += found[:: -(-len(found) // count)]
    return examples


def _example(case: Case, error: str, gold: Sequence[Span], predicted: Sequence[Span]) -> dict[str, Any]:
    text = case.page.text
    start, end = min(one.start for one in (*gold, *predicted)), max(one.end for one in (*gold, *predicted))
    return {
        "document": case.document,
        "label": case.span.label,
        "error": str(error),
        "gold": [text[one.start : one.end] for one in gold],
        "predicted": [text[one.start : one.end] for one in predicted],
        "before": " ".join(text[:start].split()[-_CONTEXT_WORDS:]),
        "behind": " ".join(text[end:].split()[:_CONTEXT_WORDS]),
    }
