"""From annotated documents to the windows that training batches are made of."""

import glob
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence

from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Document
from aqwal.annotations.stored import read_documents
from aqwal.serving.encoding import EncodedWindow, WordEncoder
from aqwal.serving.model_folder import file_sha256
from aqwal.serving.tags import TagSet

PARTS = ("train", "development", "test")
# The loss of these words is not counted; torch's own sign for it.
IGNORED = -100


@dataclass(frozen=True)
class AnnotatedFiles:
    """Documents with gold annotations, and the sha256 of each file they came from."""

    documents: list[Document]
    hashes: dict[str, str]


def load_documents(patterns: Iterable[str], root: Path) -> AnnotatedFiles:
    """Read every file that matches, in order of name, and keep documents that have gold.

    Raises:
        FileNotFoundError: If a pattern matches nothing.
        AnnotationError: If a file breaks the scheme.
        ValueError: If a document comes twice or has no adjudicated annotation.
    """
    documents: dict[str, Document] = {}
    hashes: dict[str, str] = {}
    for path in find_files(patterns, root):
        hashes[shown_path(path, root)] = file_sha256(path)
        for document in read_documents(path):
            if document.id in documents or document.gold is None:
                what = "comes twice" if document.id in documents else "has no annotation with ground_truth"
                raise ValueError(f"{path}: document {document.id} {what}")
            documents[document.id] = document
    return AnnotatedFiles(list(documents.values()), hashes)


def find_files(patterns: Iterable[str], root: Path) -> list[Path]:
    """Return the files that match, by pattern and then by name; relative patterns start at `root`.

    Raises:
        FileNotFoundError: If a pattern matches nothing.
    """
    files: list[Path] = []
    for pattern in patterns:
        names = sorted(glob.glob(str(root / Path(pattern).expanduser()), recursive=True))
        if not names:
            raise FileNotFoundError(f"no file matches {pattern!r} under {root}")
        files += map(Path, names)
    return files


def shown_path(path: Path, root: Path) -> str:
    """Return a path as a run folder names it: from the root if it lies there."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def split_documents(documents: Sequence[Document], splits: Path | None) -> dict[str, list[Document]]:
    """Return the documents of each part; all are `train` without a splits file.

    Raises:
        ValueError: If the file is no such mapping, names a document twice or one that is not there.
    """
    if splits is None:
        return {"train": list(documents), "development": [], "test": []}
    parts: dict[str, list[str]] = json.loads(splits.read_text(encoding="utf-8"))
    named = [identifier for part in parts.values() for identifier in part]
    known = {document.id: document for document in documents}
    unknown = sorted(set(named) - set(known))
    if set(parts) - set(PARTS) or unknown or len(set(named)) != len(named):
        raise ValueError(
            f"{splits}: expected lists of different document ids under {', '.join(PARTS)}; "
            f"unknown parts {sorted(set(parts) - set(PARTS))}, unknown documents {unknown[:5]} "
            f"({len(unknown)} in all); give `splits: null` to train on all documents"
        )
    return {part: [known[identifier] for identifier in parts.get(part, [])] for part in PARTS}


def encode_documents(
    documents: Sequence[Document], encoder: WordEncoder, labels: tuple[str, ...], tag_set: TagSet
) -> Dataset:
    """Return one row a window: `input_ids`, `heads`, `tags`, `pieces`.

    `heads` [own words] are positions of the first sub-tokens of the words the window answers for,
    `tags` [own words, labels] their gold tags. `pieces` are the stretches of own words that lie in
    one block, as (first, stop, begins a block, ends a block), counted from the first own word.
    """
    rows: list[dict[str, Any]] = []
    for document in documents:
        page = Page(document.text)
        tags = gold_tags(document, page, labels, tag_set)
        blocks = _blocks_around(page, document.gold)
        rows += [_row(window, tags, blocks) for window in encoder.encode(page)]
    return Dataset.from_list(rows)


def _blocks_around(page: Page, gold: Annotation | None) -> list[tuple[int, int]]:
    """Return the page's blocks, those joined that a gold span runs over, as spans of other schemes may."""
    spans = gold.spans if gold else ()
    ranges = [page.words_over(span.start, span.end) for span in spans]
    inner = {word for first, stop in ranges for word in range(first + 1, stop)}
    edges = [first for first, _ in page.blocks if first not in inner]
    return list(pairwise([*edges, len(page.words)]))


def gold_tags(document: Document, page: Page, labels: tuple[str, ...], tag_set: TagSet) -> torch.Tensor:
    """Return the gold tags of every word, [words, labels]."""
    gold = document.gold
    assert gold is not None, "load_documents refuses documents without gold"
    layers = [
        tag_set.encode(len(page.words), (page.words_over(span.start, span.end) for span in gold.of_label(label)))
        for label in labels
    ]
    return torch.stack([torch.from_numpy(layer) for layer in layers], dim=1)


def _row(encoded: EncodedWindow, tags: torch.Tensor, blocks: list[tuple[int, int]]) -> dict[str, Any]:
    first, stop = encoded.window.own_first, encoded.window.own_stop
    pieces = [
        (max(start, first) - first, min(end, stop) - first, int(start >= first), int(end <= stop))
        for start, end in blocks
        if start < stop and end > first
    ]
    return {
        "input_ids": encoded.input_ids.tolist(),
        "heads": encoded.own_heads.tolist(),
        "tags": tags[first:stop].tolist(),
        "pieces": pieces,
    }


def collate(rows: list[dict[str, Any]], pad_id: int) -> dict[str, torch.Tensor]:
    """Pad windows to a batch.

    Returns:
        `input_ids` and `attention_mask` [windows, tokens]; `heads` [windows, words]; `tags`
        [windows, words, labels] with `IGNORED` in the padding; `pieces` [pieces, 5] whose first
        column is the number of the window.
    """
    ids = [torch.tensor(row["input_ids"]) for row in rows]
    pieces = [(number, *piece) for number, row in enumerate(rows) for piece in row["pieces"]]
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad_id),
        "attention_mask": pad_sequence([torch.ones_like(one) for one in ids], batch_first=True),
        "heads": pad_sequence([torch.tensor(row["heads"]) for row in rows], batch_first=True),
        "tags": pad_sequence([torch.tensor(row["tags"]) for row in rows], batch_first=True, padding_value=IGNORED),
        "pieces": torch.tensor(pieces),
    }
