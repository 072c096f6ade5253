"""Full windows of the corpus's text, as training makes them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from datasets import Dataset
from speed.models import RELEASED, ROOT
from tokenizers import Tokenizer

from aqwal.annotations.records import Annotation, Document
from aqwal.annotations.scheme import LABELS
from aqwal.annotations.stored import read_documents
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import TOKENIZER_FILE
from aqwal.serving.tags import TagSet
from aqwal.training.data import encode_documents

TAGS = TagSet("bioes")
# Articles that are cut as one, so that most windows are full.
_JOINED = 24
# Of a window less full than that a step would be mostly padding.
_FULL = 0.9


def make_windows(tokens: int, count: int) -> Dataset:
    """Return windows of `tokens` sub-tokens or a few less, cut from articles one after another.

    Sub-tokens are the released model's, whatever the size of the measured one: they take as long, whatever they mean.

    Raises:
        ValueError: If the corpus has not so many.
    """
    encoder = WordEncoder(Tokenizer.from_file(str(RELEASED / TOKENIZER_FILE)), tokens, 0)
    full: list[dict[str, Any]] = []
    files = sorted((ROOT / "annotations/corpus").glob("*.json"))
    for first in range(0, len(files), _JOINED):
        documents = [document for file in files[first : first + _JOINED] for document in read_documents(file)]
        windows = encode_documents([_joined(documents)], encoder, LABELS, TAGS)
        full += [row for row in windows if len(row["input_ids"]) >= _FULL * tokens]
        if len(full) >= count:
            return Dataset.from_list(full[:count])
    raise ValueError(f"the corpus has {len(full)} full windows of {tokens} sub-tokens, and {count} are wanted")


def _joined(documents: Sequence[Document]) -> Document:
    """Return articles as one text with all their gold spans."""
    starts = accumulate((len(document.text) + 1 for document in documents), initial=0)
    spans = tuple(
        replace(span, start=span.start + start, end=span.end + start)
        for start, document in zip(starts, documents, strict=False)
        for span in (document.gold.spans if document.gold else ())
    )
    text = "\n".join(document.text for document in documents)
    return Document("joined", text, (Annotation("adjudicated", spans, (), ground_truth=True),))
