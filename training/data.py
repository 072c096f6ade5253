"""From annotated documents to the windows that training batches are made of."""

import glob
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence

from aqwal.annotations.formats.corpus import Corpus, Format, read_corpus
from aqwal.annotations.page import Page
from aqwal.annotations.records import AQWAL, Document
from aqwal.annotations.scheme import blocks_by
from aqwal.serving.encoding import EncodedWindow, WordEncoder
from aqwal.serving.model_folder import file_sha256
from aqwal.serving.tags import TagSet

PARTS = ("train", "development", "test")
# The loss of these words is not counted; torch's own sign for it.
IGNORED = -100
_SPLITS_FORM = (
    f"expected a mapping of {', '.join(PARTS)} to lists of document ids, each once; give `splits: null` to train on all"
)
_log = logging.getLogger("aqwal.training.data")


@dataclass(frozen=True)
class AnnotatedFiles:
    """Documents with gold annotations, and the sha256 of each file they came from."""

    documents: list[Document]
    hashes: dict[str, str]


def load_documents(
    patterns: Iterable[str], root: Path, scheme: str = AQWAL, file_format: Format | None = None
) -> AnnotatedFiles:
    """Read every file that matches, in order of name, and keep documents that have gold.

    What a file's annotation had to be altered for is logged.

    Args:
        patterns: Files or glob patterns.
        root: Where relative ones start.
        scheme: The scheme of the documents, one of `SCHEMES`.
        file_format: The format of the files; by each file's ending if None.

    Raises:
        FileNotFoundError: If a pattern matches nothing.
        AnnotationError: If a file breaks the scheme.
        ValueError: If a document comes twice or has no adjudicated annotation, or an ending says no format.
    """
    documents: dict[str, Document] = {}
    corpora = [read_corpus(path, scheme, file_format) for path in find_files(patterns, root)]
    for line in Corpus.joined(corpora).summary():
        _log.warning("%s", line)
    for corpus in corpora:
        for document in corpus.documents:
            if document.id in documents or document.gold is None:
                what = "comes twice" if document.id in documents else "has no annotation with ground_truth"
                raise ValueError(f"{corpus.files[0]}: document {document.id} {what}")
            documents[document.id] = document
    hashes = {shown_path(file, root): file_sha256(file) for corpus in corpora for file in corpus.files}
    return AnnotatedFiles(list(documents.values()), hashes)


def find_files(patterns: Iterable[str], root: Path) -> list[Path]:
    """Return the files that match, each once, by pattern and then by name; relative patterns start at `root`.

    Raises:
        FileNotFoundError: If a pattern matches nothing.
    """
    files: list[Path] = []
    for pattern in patterns:
        names = sorted(glob.glob(str(root / Path(pattern).expanduser()), recursive=True))
        if not names:
            raise FileNotFoundError(f"no file matches {pattern!r} under {root}")
        files += map(Path, names)
    return list(dict.fromkeys(files))


def shown_path(path: Path, root: Path) -> str:
    """Return a path as a run folder names it: from the root if it lies there."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def split_documents(documents: Sequence[Document], splits: Path | None) -> dict[str, list[Document]]:
    """Return the documents of each part; all are `train` without a splits file.

    Where the file has a pattern with `*`, all documents are meant whose ids match.

    Raises:
        ValueError: If the file is no such mapping, names a document twice or one that is not there.
    """
    if splits is None:
        return {"train": list(documents), "development": [], "test": []}
    known = {document.id: document for document in documents}
    listed = _read_splits(splits)
    parts = {part: [*chain(*(_matching(name, known) for name in names))] for part, names in listed.items()}
    named = Counter(identifier for part in parts.values() for identifier in part)
    wrong = {
        "unknown parts": sorted(set(parts) - set(PARTS)),
        "unknown documents": sorted(set(named) - set(known)),
        "documents named twice": sorted(identifier for identifier, times in named.items() if times > 1),
    }
    if any(wrong.values()):
        told = "; ".join(
            f"{what}: {', '.join(names[:5])} ({len(names)} in all)" for what, names in wrong.items() if names
        )
        raise ValueError(f"{splits}: {told}; {_SPLITS_FORM}")
    return {part: [known[identifier] for identifier in parts.get(part, [])] for part in PARTS}


def _read_splits(path: Path) -> dict[str, list[str]]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}; {_SPLITS_FORM}") from error
    if not isinstance(listed, dict) or not all(_are_names(names) for names in listed.values()):
        raise ValueError(f"{path}: {_SPLITS_FORM}")
    return listed


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def describe_data(files: AnnotatedFiles, parts: Mapping[str, Sequence[Document]]) -> dict[str, Any]:
    """Return what a run folder says of its documents: sha256 of each file, ids of each part."""
    return {"files": files.hashes, "documents": {part: [document.id for document in parts[part]] for part in PARTS}}


def _matching(name: str, known: Iterable[str]) -> list[str]:
    """Return the ids that a pattern stands for; what stands for none stays, to be reported."""
    return [one for one in known if fnmatchcase(one, name)] or [name] if "*" in name else [name]


def hash_documents(documents: Iterable[Document]) -> str:
    """Return the sha256 of what documents teach: ids, texts, gold."""
    content = repr([(document.id, document.sha256, document.gold) for document in documents])
    return hashlib.sha256(content.encode()).hexdigest()


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
        blocks = _blocks_around(page, document)
        rows += [_row(window, tags, blocks) for window in encoder.encode(page)]
    return Dataset.from_list(rows)


def tell_of_labels(documents: Iterable[Document], labels: Sequence[str]) -> None:
    """Warn of labels that no span has, and of spans whose label is none of the layers'."""
    found = Counter(span.label for one in documents if one.gold for span in one.gold.spans)
    for label, count in found.items():
        if label not in labels:
            _log.warning("%d spans of label %s are not learned; the labels are %s", count, label, ", ".join(labels))
    for label in labels:
        if not found[label]:
            _log.warning("no document for training has a span of label %s", label)


def _blocks_around(page: Page, document: Document) -> list[tuple[int, int]]:
    """Return the page's blocks, those joined that a gold span runs over."""
    spans = document.gold.spans if document.gold else ()
    ranges = [page.words_over(span.start, span.end) for span in spans]
    inner = {word for first, stop in ranges for word in range(first + 1, stop)}
    edges = [first for first, _ in blocks_by(document.scheme, page) if first not in inner]
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


def as_tensors(row: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return a row of `encode_documents` as `collate` takes it; made once, since lists cost more than the padding.

    `pieces` become what `mark_pieces` gives. All are in few bytes, as a whole corpus of them stays in memory.
    """
    return {
        "input_ids": torch.tensor(row["input_ids"], dtype=torch.int32),
        "heads": torch.tensor(row["heads"], dtype=torch.int16),
        "tags": torch.tensor(row["tags"], dtype=torch.int8),
        "pieces": mark_pieces(row["pieces"], len(row["heads"])),
    }


def collate(rows: list[dict[str, torch.Tensor]], pad_id: int) -> dict[str, torch.Tensor]:
    """Pad windows to a batch.

    Args:
        rows: As `as_tensors` gives them.
        pad_id: What fills up the shorter ones.

    Returns:
        `input_ids` [windows, tokens]; `attention_mask` of the same shape, if there is padding to be told of; `heads`
        [windows, words]; `tags` [windows, words, labels] with `IGNORED` in the padding; `pieces` [windows, words, 3].
    """
    ids, mask = pad_ids([row["input_ids"] for row in rows], pad_id)
    batch = {
        "input_ids": ids,
        **({} if mask.all() else {"attention_mask": mask}),
        "heads": pad_sequence([row["heads"] for row in rows], batch_first=True),
        "tags": pad_sequence([row["tags"] for row in rows], batch_first=True, padding_value=IGNORED),
        "pieces": pad_sequence([row["pieces"] for row in rows], batch_first=True),
    }
    return {name: tensor.long() for name, tensor in batch.items()}


def pad_ids(ids: list[torch.Tensor], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return windows of sub-tokens as one, and where they are, 1 or 0, both [windows, tokens]."""
    mask = pad_sequence([torch.ones_like(one) for one in ids], batch_first=True)
    return pad_sequence(ids, batch_first=True, padding_value=pad_id), mask


def mark_pieces(pieces: Iterable[Sequence[int]], words: int) -> torch.Tensor:
    """Return of each word whether it begins a piece, whether it begins a block and whether it ends one, [words, 3].

    Args:
        pieces: (first, stop, begins a block, ends a block) of each stretch, which together are all words.
        words: How many there are.
    """
    first, stop, begins, ends = np.array([*pieces], dtype=np.int64).reshape(-1, 4).T
    marks = np.zeros((words, 3), dtype=np.int8)
    marks[first, 0], marks[first, 1], marks[stop - 1, 2] = 1, begins, ends
    return torch.from_numpy(marks)
