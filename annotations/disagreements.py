"""What annotators of one document marked differently, cut into questions that can be decided one by one.

Spans and links that every annotator has are agreed on. The others fall into groups: spans of one
label that overlap, links and the spans at their ends, links of one kind from one quote. Whoever
decides takes, group by group, the version of one annotator.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Link, Span

Mark = TypeVar("Mark", Span, Link)


@dataclass(frozen=True, slots=True)
class Version:
    """What some annotators have where others have something else; nothing, if they marked nothing."""

    annotators: tuple[str, ...]
    spans: tuple[Span, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One question: two versions or more, and the stretches of text that they are about."""

    versions: tuple[Version, ...]
    context: tuple[tuple[int, int], ...]


def find_disagreements(text: str, annotations: Sequence[Annotation]) -> list[Disagreement]:
    """Return what annotations of a text do not agree on, by position.

    Args:
        text: The text.
        annotations: Two or more, of different annotators.
    """
    spans = Counter(span for one in annotations for span in one.spans)
    links = Counter(link for one in annotations for link in one.links)
    groups = _connected([*sorted(_open(spans, annotations)), *sorted(_open(links, annotations))])
    page = Page(text)
    found = [_disagreement(page, annotations, group) for group in groups]
    return sorted(found, key=lambda one: one.context)


def _open(counts: Counter[Mark], annotations: Sequence[Annotation]) -> Iterator[Mark]:
    """Yield what not every annotator has."""
    return (mark for mark, count in counts.items() if count < len(annotations))


def _belong_together(one: Span | Link, other: Span | Link) -> bool:
    if isinstance(one, Span) and isinstance(other, Span):
        return one.label == other.label and one.overlaps(other)
    if isinstance(one, Link) and isinstance(other, Link):
        return one.source == other.source and one.label == other.label
    span, link = (one, other) if isinstance(one, Span) else (other, one)
    assert isinstance(link, Link)
    return span in (link.source, link.target)


def _connected(items: Sequence[Span | Link]) -> list[list[Span | Link]]:
    """Return the connected components of the graph in which `_belong_together` draws the edges."""
    home = list(range(len(items)))

    def root(index: int) -> int:
        while home[index] != index:
            index = home[index]
        return index

    for first, second in combinations(range(len(items)), 2):
        if _belong_together(items[first], items[second]):
            home[root(second)] = root(first)
    groups: dict[int, list[Span | Link]] = {}
    for index, item in enumerate(items):
        groups.setdefault(root(index), []).append(item)
    return list(groups.values())


def _disagreement(page: Page, annotations: Sequence[Annotation], group: list[Span | Link]) -> Disagreement:
    names: dict[tuple[tuple[Span, ...], tuple[Link, ...]], list[str]] = {}
    for annotation in annotations:
        spans = tuple(span for span in annotation.spans if span in group)
        links = tuple(link for link in annotation.links if link in group)
        names.setdefault((spans, links), []).append(annotation.annotator)
    versions = tuple(Version(tuple(who), *marks) for marks, who in names.items())
    spans_met = [item for item in group if isinstance(item, Span)]
    spans_met += [end for item in group if isinstance(item, Link) for end in (item.source, item.target)]
    return Disagreement(versions, _context(page, spans_met))


def _context(page: Page, spans: Iterable[Span]) -> tuple[tuple[int, int], ...]:
    """Return the sentences that spans lie in, neighbouring ones as one stretch."""
    touched = [
        index
        for index, (start, end) in enumerate(page.sentences)
        if any(span.start < end and start < span.end for span in spans)
    ]
    runs: list[list[int]] = []
    for index in touched:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return tuple((page.sentences[run[0]][0], page.sentences[run[-1]][1]) for run in runs)


def adjudicate(text: str, annotations: Sequence[Annotation], choices: Sequence[int], annotator: str) -> Annotation:
    """Return the annotation that decisions make: what all have, and the chosen version of each disagreement.

    Args:
        text: The text.
        annotations: Those whose disagreements were decided.
        choices: For each disagreement, in order, the number of the version chosen.
        annotator: Whose annotation it is to be.

    Raises:
        ValueError: If there are more or fewer choices than disagreements, or one has no such version.
    """
    questions = find_disagreements(text, annotations)
    if len(choices) != len(questions):
        raise ValueError(f"there are {len(questions)} disagreements, {len(choices)} were decided")
    spans = set.intersection(*(set(one.spans) for one in annotations))
    links = set.intersection(*(set(one.links) for one in annotations))
    for number, (question, choice) in enumerate(zip(questions, choices, strict=True), 1):
        if not 0 <= choice < len(question.versions):
            raise ValueError(f"disagreement {number} has {len(question.versions)} versions; {choice} is none of them")
        spans |= set(question.versions[choice].spans)
        links |= set(question.versions[choice].links)
    return Annotation(annotator, tuple(spans), tuple(links), ground_truth=True)
