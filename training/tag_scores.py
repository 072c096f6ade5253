"""Tag scores of documents by one model, kept on disk: all that a change of decoding needs.

Scores leave the encoder in single precision, so what is decoded from the file is what was decoded
when it was written.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqwal.annotations.atomic import write_bytes
from aqwal.annotations.records import Document
from aqwal.serving.decoding import Scores, Transitions

_TRANSITIONS = ("start", "step", "end")


@dataclass(frozen=True)
class TagScores:
    """What one model says of the words of some texts.

    Attributes:
        transitions: Learned with the model; zeros if none were.
        by_text: sha256 of a text → tag scores of its words, [words, labels, tags].
    """

    transitions: Transitions
    by_text: Mapping[str, NDArray[np.floating]]

    def __post_init__(self) -> None:
        """Hold the scores in single precision, as they are stored."""
        single = {text: scores.astype(np.float32) for text, scores in self.by_text.items()}
        object.__setattr__(self, "by_text", single)

    def covers(self, documents: Iterable[Document]) -> bool:
        """Say whether all these documents were scored."""
        return all(document.sha256 in self.by_text for document in documents)

    def of(self, document: Document) -> Scores:
        """Return the tag scores of a document, [words, labels, tags]."""
        return self.by_text[document.sha256].astype(np.float64)

    def save(self, path: Path) -> None:
        """Write an .npz file, whole or not at all."""
        content = io.BytesIO()
        transitions = {name: getattr(self.transitions, name) for name in _TRANSITIONS}
        arrays: dict[str, Any] = {**transitions, **self.by_text}
        np.savez(content, **arrays)
        write_bytes(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> "TagScores":
        """Read a file that `save` wrote."""
        with np.load(path) as stored:
            by_text = {name: stored[name] for name in stored.files if name not in _TRANSITIONS}
            return cls(Transitions(*(stored[name] for name in _TRANSITIONS)), by_text)
