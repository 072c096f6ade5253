"""From the encoder's tag scores for a document to its answer: candidate spans, the choice among them, links."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aqwal.annotations.page import Page
from aqwal.annotations.records import AQWAL, PLAIN, Link, Span
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY, SPEAKER, TOPIC, blocks_by, kind_of
from aqwal.serving.candidates import Candidate, choose, find_candidates
from aqwal.serving.decoding import Scores, Transitions, posterior
from aqwal.serving.links import link_quotes
from aqwal.serving.prediction import PredictedSpan, Prediction, Quote
from aqwal.serving.tags import TagSet

# More digits than this would differ between machines and thread counts.
_SCORE_DIGITS = 4


@dataclass(frozen=True)
class SpanDecoder:
    """Decode a document's tag scores by the scheme; the same object evaluates and serves.

    Attributes:
        labels: The layers' labels, in the order of the scores' layers.
        tag_set: The tags of each layer.
        transitions: Learned transition scores, without the tag set's law; zeros if none were learned.
        temperatures: By which each layer's scores are divided for the posterior, [labels].
        thresholds: Probability from which a span of each layer is worth answering, [labels].
        scheme: What spans may be, one of `SCHEMES`; only aqwal-1 has quotes.
    """

    labels: tuple[str, ...]
    tag_set: TagSet
    transitions: Transitions
    temperatures: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    scheme: str = AQWAL

    @cached_property
    def _legal(self) -> Transitions:
        return Transitions.legal(len(self.labels), self.tag_set)

    def decode(self, page: Page, emissions: Scores, document_id: str | None = None) -> Prediction:
        """Return the spans and quotes of one document.

        Args:
            page: The document.
            emissions: Tag scores of its words (logits), [words, labels, tags].
            document_id: Carried over into the answer.
        """
        found = self._spans(page, emissions)
        if self.scheme == PLAIN:
            return Prediction(page.text, tuple(found), (), document_id)
        links = link_quotes(page, [_as_span(span) for span in found])
        spans = _without_strays(found, links)
        return Prediction(page.text, tuple(spans), tuple(_quotes(page, spans, links)), document_id)

    def candidates(self, page: Page, emissions: Scores) -> dict[str, list[Candidate]]:
        """Return the spans of each label that a document may be answered with; arguments as for `decode`."""
        if not page.words:
            return {label: [] for label in self.labels}
        tempered = emissions / self.temperatures[None, :, None]
        blocks = blocks_by(self.scheme, page)
        chances = posterior(tempered, blocks, self.transitions / self.temperatures + self._legal)
        return {
            label: find_candidates(page, chances, layer, label, self.tag_set, self.scheme)
            for layer, label in enumerate(self.labels)
        }

    def _spans(self, page: Page, emissions: Scores) -> list[PredictedSpan]:
        found = [
            PredictedSpan(label, start, end, page.text[start:end], round(score, _SCORE_DIGITS))
            for threshold, (label, candidates) in zip(
                self.thresholds, self.candidates(page, emissions).items(), strict=True
            )
            for start, end, score in choose(candidates, float(threshold))
        ]
        return sorted(found, key=lambda span: (span.start, span.end, span.label))


def _as_span(span: PredictedSpan) -> Span:
    return Span(span.start, span.end, span.label)


def _without_strays(spans: list[PredictedSpan], links: list[Link]) -> list[PredictedSpan]:
    """Leave out SPEAKERs and TOPICs that no QUOTE is linked to (rule 17)."""
    targets = {link.target for link in links}
    return [span for span in spans if span.label not in (SPEAKER, TOPIC) or _as_span(span) in targets]


def _quotes(page: Page, spans: list[PredictedSpan], links: list[Link]) -> list[Quote]:
    number = {_as_span(span): index for index, span in enumerate(spans)}
    targets = {(link.source, link.label): number[link.target] for link in links}
    return [
        Quote(index, targets.get((span, SAID_BY)), targets.get((span, ABOUT)), kind_of(page, span), spans[index].score)
        for span, index in number.items()
        if span.label == QUOTE
    ]
