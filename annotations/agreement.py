"""Agreement of two passes over the same documents, per label and per link.

It is the F1 of one pass against the other, as usual for span annotation, where the number of
things not marked is undefined and kappa with it (Hripcsak and Rothschild 2005).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.scheme import LABELS, LINK_ENDS
from aqwal.annotations.scoring import Score, exact_score, overlap_score, pair_score, total

Item = TypeVar("Item", Span, Link)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two annotators agree in a layer or link; `exact` and `loose` are F1, 0 to 1, None if nothing is marked.

    `loose` counts spans that overlap, and links whose quotes have IoU ≥ .5 and whose targets overlap.
    """

    annotators: tuple[str, str]
    label: str
    counts: tuple[int, int]
    exact: float | None
    loose: float | None

    @property
    def figures(self) -> tuple[str, str]:
        """`exact` and `loose` as they are shown, with a dash for None."""
        exact, loose = ("–" if figure is None else f"{figure:.3f}" for figure in (self.exact, self.loose))
        return exact, loose


def agreement(documents: Iterable[Document]) -> list[Agreement]:
    """Compare every two annotators who passed over the same documents; adjudicated gold is left out."""
    pairs: dict[tuple[str, str], list[tuple[Annotation, Annotation]]] = {}
    for document in documents:
        for one, other in combinations(sorted(document.passes, key=lambda item: item.annotator), 2):
            pairs.setdefault((one.annotator, other.annotator), []).append((one, other))
    return [row for names, annotated in sorted(pairs.items()) for row in _rows(names, annotated)]


def _rows(names: tuple[str, str], annotated: list[tuple[Annotation, Annotation]]) -> list[Agreement]:
    rows = []
    for label in LABELS:
        layers = [(one.of_label(label), other.of_label(label)) for one, other in annotated]
        rows.append(_row(names, label, _sum(exact_score, layers), _sum(overlap_score, layers)))
    for label in LINK_ENDS:
        links = [(one.links_of(label), other.links_of(label)) for one, other in annotated]
        rows.append(_row(names, label, _sum(exact_score, links), _sum(pair_score, links)))
    return rows


def _sum(measure: Callable[[list[Item], list[Item]], Score], pairs: list[tuple[list[Item], list[Item]]]) -> Score:
    return total(measure(one, other) for one, other in pairs)


def _row(names: tuple[str, str], label: str, exact: Score, loose: Score) -> Agreement:
    counts = (exact.gold, exact.predicted)
    # An F1 of 0 would say that they agree in nothing.
    return Agreement(names, label, counts, exact.f1 if any(counts) else None, loose.f1 if any(counts) else None)
