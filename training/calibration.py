"""Calibration: the temperature and the threshold of each label, from answers on documents not trained on.

A trained model is surer of itself than it is right. Each layer's scores are divided by the
temperature under which the gold tags are most likely (Guo et al. 2017); then the threshold from
which a span is answered is the one with the best exact F1. Chosen on the documents that they are
scored on, the two flatter a little, the less the more documents there are.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from aqwal.annotations.page import Page
from aqwal.annotations.records import AQWAL, PLAIN, Document, Span
from aqwal.annotations.scheme import QUOTE, blocks_by
from aqwal.annotations.scoring import exact_score, total
from aqwal.serving.candidates import Candidate, choose
from aqwal.serving.decoding import Transitions
from aqwal.serving.links import link_quotes
from aqwal.serving.tags import TagSet
from aqwal.training.chains import LayeredChains
from aqwal.training.data import IGNORED, gold_tags, mark_pieces
from aqwal.training.metrics import Answered, gold_of
from aqwal.training.model import make_decoder
from aqwal.training.tag_scores import TagScores

TEMPERATURES: tuple[float, ...] = tuple(np.geomspace(0.5, 5.0, 36).round(2).tolist())
THRESHOLDS: tuple[float, ...] = tuple(np.arange(0.05, 0.61, 0.025).round(3).tolist())
# Documents of like length side by side, so that little is spent on padding.
_DOCUMENTS_AT_ONCE = 8

Scored = tuple[Sequence[Answered], TagScores]


@dataclass(frozen=True)
class Layers:
    """The layers that a model's tag scores have, and the scheme of its answers, one of `SCHEMES`."""

    labels: tuple[str, ...]
    tag_set: TagSet
    scheme: str = AQWAL


def calibrate(scored: Iterable[Scored], layers: Layers) -> dict[str, dict[str, float]]:
    """Choose temperatures and thresholds.

    Args:
        scored: For each model, answers on documents that it did not see, and its tag scores of them.
        layers: The layers of all these models.

    Returns:
        `temperatures` and `thresholds` of the labels, as fields of a training configuration.
    """
    models = list(scored)
    temperatures = fit_temperatures(models, layers)
    return {"temperatures": temperatures, "thresholds": fit_thresholds(models, layers, temperatures)}


def fit_temperatures(scored: Sequence[Scored], layers: Layers) -> dict[str, float]:
    """Return the temperature of each label under which its gold tags are most likely."""
    stretches = [_Stretch.of([one.document for one in answered], scores, layers) for answered, scores in scored]

    @cache
    def losses(place: int) -> NDArray[np.float64]:
        return np.asarray(np.sum([one.losses(TEMPERATURES[place]) for one in stretches], axis=0))

    best = [_lowest(losses, layer) for layer, _ in enumerate(layers.labels)]
    return {label: TEMPERATURES[place] for label, place in zip(layers.labels, best, strict=True)}


def _lowest(losses: Callable[[int], NDArray[np.float64]], layer: int) -> int:
    """Return the place in `TEMPERATURES` with the lowest loss of a layer.

    A chain's negative log likelihood is convex in the inverse of the temperature, so it falls to the lowest and
    rises from there.
    """
    places = range(len(TEMPERATURES) - 1)
    return bisect_left(places, True, key=lambda place: bool(losses(place)[layer] <= losses(place + 1)[layer]))


@dataclass(frozen=True)
class _Stretch:
    """The documents of one model, as batches of scores, tags and pieces that `LayeredChains` takes."""

    batches: tuple[tuple[Tensor, Tensor, Tensor], ...]
    transitions: Transitions
    layers: Layers

    @classmethod
    def of(cls, documents: Sequence[Document], scores: TagScores, layers: Layers) -> "_Stretch":
        rows = [_row(document, scores, layers) for document in documents]
        rows = sorted((row for row in rows if len(row[0])), key=lambda row: len(row[0]))
        starts = range(0, len(rows), _DOCUMENTS_AT_ONCE)
        batches = tuple(_pad(rows[start : start + _DOCUMENTS_AT_ONCE]) for start in starts)
        return cls(batches, scores.transitions, layers)

    def losses(self, temperature: float) -> NDArray[np.float64]:
        """Return the negative log likelihood of the gold tags of each layer, [layers]."""
        chains = LayeredChains(len(self.layers.labels), self.layers.tag_set).double()
        scaled = {name: getattr(self.transitions, name) / temperature for name in ("start", "step", "end")}
        chains.load_state_dict({name: torch.from_numpy(part) for name, part in scaled.items()})
        with torch.no_grad():
            parts = [chains.losses(scores / temperature, *gold).sum(dim=0) for scores, *gold in self.batches]
        return np.asarray(torch.stack(parts).sum(dim=0).numpy())


def _row(document: Document, scores: TagScores, layers: Layers) -> tuple[Tensor, Tensor, Tensor]:
    """Return a document's scores, gold tags and marks of its blocks, each [words, …]."""
    page = Page(document.text)
    tags = gold_tags(document, page, layers.labels, layers.tag_set)
    blocks = ((first, stop, 1, 1) for first, stop in blocks_by(layers.scheme, page) if stop > first)
    return torch.from_numpy(scores.of(document)), tags, mark_pieces(blocks, len(page.words))


def _pad(rows: Sequence[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    scores, tags, pieces = map(list, zip(*rows, strict=True))
    return (
        pad_sequence(scores, batch_first=True),
        pad_sequence(tags, batch_first=True, padding_value=IGNORED),
        pad_sequence(pieces, batch_first=True),
    )


def fit_thresholds(scored: Sequence[Scored], layers: Layers, temperatures: Mapping[str, float]) -> dict[str, float]:
    """Return the threshold of each label with the best exact F1 of its spans in the answer.

    QUOTE is chosen first, as SPEAKERs and TOPICs of no QUOTE are left out of an answer by aqwal-1; on
    each other no label depends.
    """
    choices = [_Choices.of(one, scores, layers, temperatures) for answered, scores in scored for one in answered]
    thresholds: dict[str, float] = {}
    for label in sorted(layers.labels, key=lambda label: label != QUOTE):
        found = [_f1(choices, label, {**thresholds, label: threshold}) for threshold in THRESHOLDS]
        thresholds[label] = middle_of_best(THRESHOLDS, found)
    return {label: thresholds[label] for label in layers.labels}


def middle_of_best(values: Sequence[float], scores: Sequence[float]) -> float:
    """Return the value with the best score, of several equally good ones the middle one."""
    best = [value for value, score in zip(values, scores, strict=True) if score == max(scores)]
    return best[len(best) // 2]


@dataclass(frozen=True)
class _Choices:
    """The spans that a document may be answered with, before thresholds choose among them."""

    page: Page
    gold: Mapping[str, list[Span]]
    candidates: Mapping[str, list[Candidate]]
    scheme: str

    @classmethod
    def of(cls, one: Answered, scores: TagScores, layers: Layers, temperatures: Mapping[str, float]) -> "_Choices":
        page = Page(one.document.text)
        uncut = {label: {"temperature": temperatures[label], "threshold": 0.0} for label in layers.labels}
        decoder = make_decoder(layers.labels, layers.tag_set, scores.transitions, uncut, layers.scheme)
        gold = {label: gold_of(one).of_label(label) for label in layers.labels}
        return cls(page, gold, decoder.candidates(page, scores.of(one.document)), layers.scheme)

    def answer(self, label: str, thresholds: Mapping[str, float]) -> list[Span]:
        """Return the spans of a label that would be answered; the others' thresholds only matter for QUOTE."""
        spans = self._chosen(label, thresholds[label])
        if label == QUOTE or self.scheme == PLAIN:
            return spans
        quotes = self._chosen(QUOTE, thresholds[QUOTE]) if QUOTE in thresholds else []
        linked = {link.target for link in link_quotes(self.page, [*quotes, *spans])}
        return [span for span in spans if span in linked]

    def _chosen(self, label: str, threshold: float) -> list[Span]:
        return [Span(start, end, label) for start, end, _ in choose(self.candidates[label], threshold)]


def _f1(choices: Iterable[_Choices], label: str, thresholds: Mapping[str, float]) -> float:
    return total(exact_score(one.gold[label], one.answer(label, thresholds)) for one in choices).f1


def as_yaml(calibration: Mapping[str, Any]) -> str:
    """Return temperatures and thresholds as lines for a training configuration."""
    return "\n".join(
        f"{field}: {{{', '.join(f'{label}: {value}' for label, value in calibration[field].items())}}}"
        for field in ("temperatures", "thresholds")
    )
