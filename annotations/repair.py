"""Snap the edges of annotated spans to the scheme and say what was changed."""

from dataclasses import dataclass, replace

from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.scheme import snap_by


@dataclass(frozen=True, slots=True)
class Change:
    """One span moved by repair: from its old offsets to its new ones."""

    document: str
    annotator: str
    before: Span
    after: Span
    text_before: str
    text_after: str

    def __str__(self) -> str:
        """Show label, both offsets and both texts."""
        return (
            f"{self.document}, {self.annotator}: {self.before.label} "
            f"[{self.before.start}:{self.before.end}] {self.text_before!r} → "
            f"[{self.after.start}:{self.after.end}] {self.text_after!r}"
        )


def repair_document(document: Document) -> tuple[Document, list[Change]]:
    """Snap every span of every annotation; links follow their spans.

    A span of which the scheme leaves no word, or that would overlap or equal another of its layer
    once snapped, stays as it is: `check_document` reports it and a person decides.

    Returns:
        The repaired document and what was changed, in order.
    """
    page, changes, annotations = Page(document.text), [], []
    for annotation in document.annotations:
        moved = _moved_spans(document.scheme, page, annotation)
        annotations.append(_with_spans(annotation, moved))
        for before, after in moved.items():
            texts = (page.text[span.start : span.end] for span in (before, after))
            changes.append(Change(document.id, annotation.annotator, before, after, *texts))
    return replace(document, annotations=tuple(annotations)), changes


def _moved_spans(scheme: str, page: Page, annotation: Annotation) -> dict[Span, Span]:
    """Return where each span goes that can go, all moves made at once."""
    moved: dict[Span, Span] = {}
    for span in annotation.spans:
        snapped = snap_by(scheme, page, span.start, span.end, span.label)
        if snapped not in (None, (span.start, span.end)):
            moved[span] = Span(*snapped, span.label)
    while hindered := next((span for span in moved if _is_hindered(span, moved, annotation)), None):
        del moved[hindered]
    return moved


def _is_hindered(span: Span, moved: dict[Span, Span], annotation: Annotation) -> bool:
    """Say whether a span would come to lie over another of its layer, wherever that one goes."""
    others = (moved.get(other, other) for other in annotation.of_label(span.label) if other != span)
    return any(moved[span].overlaps(other) for other in others)


def _with_spans(annotation: Annotation, moved: dict[Span, Span]) -> Annotation:
    spans = tuple(moved.get(span, span) for span in annotation.spans)
    links = tuple(
        Link(moved.get(link.source, link.source), moved.get(link.target, link.target), link.label)
        for link in annotation.links
    )
    return replace(annotation, spans=spans, links=links)
