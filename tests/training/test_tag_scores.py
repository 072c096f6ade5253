"""Tag scores on disk: what was decoded when they were written is decoded from them."""

from pathlib import Path

import numpy as np

from aqwal.annotations.records import Document
from aqwal.serving.decoding import Transitions
from aqwal.training.tag_scores import TagScores


def test_scores_come_back_as_they_were(tmp_path: Path):
    documents = [Document("file", "قال نعم"), Document("a/b", "قال لا")]
    rng = np.random.default_rng(0)
    transitions = Transitions(rng.normal(size=(1, 5)), rng.normal(size=(1, 5, 5)), rng.normal(size=(1, 5)))
    scores = TagScores(transitions, {one.sha256: rng.normal(size=(2, 1, 5)) for one in documents})
    scores.save(tmp_path / "scores.npz")
    stored = TagScores.load(tmp_path / "scores.npz")
    assert stored.covers(documents)
    assert not stored.covers([*documents, Document("file", "نص آخر")])
    for document in documents:
        assert np.array_equal(stored.of(document), scores.of(document))
    assert np.array_equal(stored.transitions.step, transitions.step)
