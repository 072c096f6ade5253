"""Scores of predicted documents against gold: seqeval's exact span F1, overlap, characters, pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2

from aqwal.annotations.page import Page
from aqwal.annotations.records import PLAIN, Annotation, Document, Link, Span
from aqwal.annotations.scheme import ABOUT, LINK_ENDS, SAID_BY
from aqwal.annotations.scoring import character_score, overlap_score, pair_score, total
from aqwal.serving.prediction import Prediction
from aqwal.serving.tags import TagSet

_IOB2 = TagSet("bio")


@dataclass(frozen=True)
class Answered:
    """A document with gold and what a model answered."""

    document: Document
    prediction: Prediction


def score(answered: Sequence[Answered], labels: Sequence[str]) -> dict[str, Any]:
    """Score merged documents, micro-averaged.

    Returns:
        For each label `precision`, `recall`, `f1` (exact, by seqeval in strict mode over one sequence
        a document and layer), `overlap_f1`, `character_f1`, `gold`, `predicted`; `macro_f1` over the
        labels; under `pairs` the F1 of `said_by` and `about` links, nothing for documents of scheme
        `plain`. All from 0 to 1.
    """
    pairs = [(gold_of(one), as_annotation(one.prediction)) for one in answered]
    pages = [Page(one.document.text) for one in answered]
    by_label = {label: _score_label(pages, pairs, label) for label in labels}
    links = {
        label: pair_score_of([(gold.links_of(label), found.links_of(label)) for gold, found in pairs])
        for label in LINK_ENDS
        if not any(one.document.scheme == PLAIN for one in answered)
    }
    macro = sum(row["f1"] for row in by_label.values()) / max(len(by_label), 1)
    return {"labels": by_label, "macro_f1": macro, "pairs": links}


def pair_score_of(pairs: Sequence[tuple[list[Link], list[Link]]]) -> float:
    """Return the pair F1 over documents of (gold links, predicted links)."""
    return total(pair_score(gold, found) for gold, found in pairs).f1


def as_annotation(prediction: Prediction) -> Annotation:
    """Return an answer in the form of an annotation."""
    spans = [Span(span.start, span.end, span.label) for span in prediction.spans]
    links = [
        Link(spans[quote.quote], spans[target], label)
        for quote in prediction.quotes
        for label, target in ((SAID_BY, quote.speaker), (ABOUT, quote.topic))
        if target is not None
    ]
    return Annotation("model", tuple(spans), tuple(links))


def gold_of(one: Answered) -> Annotation:
    """Return the gold annotation of an answered document.

    Raises:
        ValueError: If it has none.
    """
    if one.document.gold is None:
        raise ValueError(f"document {one.document.id} has no annotation with ground_truth to be scored against")
    return one.document.gold


def _score_label(pages: Sequence[Page], pairs: Sequence[tuple[Annotation, Annotation]], label: str) -> dict[str, Any]:
    layers = [(gold.of_label(label), found.of_label(label)) for gold, found in pairs]
    exact = _exact(pages, layers, label)
    return {
        **exact,
        "overlap_f1": total(overlap_score(*layer) for layer in layers).f1,
        "character_f1": total(character_score(*layer) for layer in layers).f1,
        "gold": sum(len(gold) for gold, _ in layers),
        "predicted": sum(len(found) for _, found in layers),
    }


def _exact(pages: Sequence[Page], layers: Sequence[tuple[list[Span], list[Span]]], label: str) -> dict[str, float]:
    """Return precision, recall and F1 of spans that are equal, in seqeval's strict mode."""
    if not any(gold or found for gold, found in layers):
        return {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    sides = [
        [_sequence(page, layer[side], label) for page, layer in zip(pages, layers, strict=True)] for side in (0, 1)
    ]
    # One label a layer, so the micro average is the label's own score.
    precision, recall, f1, _ = precision_recall_fscore_support(*sides, average="micro", scheme=IOB2, zero_division=0)
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def _sequence(page: Page, spans: Sequence[Span], label: str) -> list[str]:
    row = _IOB2.encode(len(page.words), (page.words_over(span.start, span.end) for span in spans))
    return _IOB2.strict_names(row, label)
