"""Folds of a cross-validation: a partition of the articles in which every fold has some of each batch."""

import hashlib
import re
from collections.abc import Iterable, Sequence

Folds = tuple[tuple[str, ...], ...]

# `w18-03`: batch and number.
_IN_BATCH = re.compile(r"(w\d+)-\d+")


def make_folds(ids: Iterable[str], count: int) -> Folds:
    """Deal articles to folds, the same for the same ids in whatever order.

    Batch by batch, so that every fold has articles of each batch and no fold more than one article
    above another; ids without a batch come last.

    Raises:
        ValueError: If there are fewer articles than folds.
    """
    dealt = sorted(ids, key=lambda identifier: (*_batch(identifier), in_no_order(identifier)))
    if len(dealt) < count:
        raise ValueError(f"{len(dealt)} documents cannot make {count} folds")
    return tuple(tuple(sorted(dealt[number::count])) for number in range(count))


def in_no_order(identifier: str) -> str:
    """Return a key that sorts articles at random, the same in every run.

    The plan of a batch goes round styles and subjects, so by number they would all meet again in one fold.
    """
    return hashlib.sha256(identifier.encode()).hexdigest()


def check_folds(folds: Sequence[Sequence[str]], ids: Iterable[str]) -> None:
    """Check that folds are a partition of the documents.

    Raises:
        ValueError: If they are not.
    """
    named, there = sorted(identifier for fold in folds for identifier in fold), sorted(ids)
    if named != there:
        off = sorted(set(named) ^ set(there)) or "some twice"
        raise ValueError(f"the folds must name each of the {len(there)} documents once; off: {off}")


def _batch(identifier: str) -> tuple[bool, str]:
    match = _IN_BATCH.fullmatch(identifier)
    return match is None, match[1] if match else ""
