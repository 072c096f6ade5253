"""Calibration: what was spoilt is mended, and the answer is the one that was judged."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Document
from aqwal.annotations.scheme import LABELS
from aqwal.annotations.stored import read_documents
from aqwal.serving.decoding import Transitions, posterior
from aqwal.serving.tags import TagSet
from aqwal.training import calibration
from aqwal.training.calibration import Layers, as_yaml, calibrate, fit_temperatures, fit_thresholds, middle_of_best
from aqwal.training.data import gold_tags
from aqwal.training.metrics import Answered, score
from aqwal.training.model import make_decoder
from aqwal.training.tag_scores import TagScores

LAYERS = Layers(LABELS, TagSet("bioes"))


@pytest.fixture(scope="module")
def documents(root: Path) -> list[Document]:
    return read_documents(next((root / "annotations" / "gold").glob("002_*.json")))


@pytest.fixture(scope="module")
def honest(documents: list[Document]) -> TagScores:
    """Scores of which the gold tags are a draw: their best temperature is about 1."""
    rng = np.random.default_rng(0)
    by_text = {}
    for document in documents:
        page = Page(document.text)
        tags = gold_tags(document, page, LABELS, LAYERS.tag_set).numpy()
        by_text[document.sha256] = rng.normal(0, 1.5, (*tags.shape, 5)) + 2.25 * np.eye(5)[tags]
    step = rng.normal(0, 0.1, (3, 5, 5))
    return TagScores(Transitions(np.zeros((3, 5)), step, np.zeros((3, 5))), by_text)


def scaled(scores: TagScores, factor: float) -> TagScores:
    by_text = {text: factor * one for text, one in scores.by_text.items()}
    return TagScores(scores.transitions / np.full(3, 1 / factor), by_text)


def decoded(documents: list[Document], scores: TagScores, chosen: dict[str, dict[str, float]]) -> list[Answered]:
    by_label = {
        label: {"temperature": chosen["temperatures"][label], "threshold": chosen["thresholds"][label]}
        for label in LABELS
    }
    decoder = make_decoder(LABELS, LAYERS.tag_set, scores.transitions, by_label)
    return [Answered(one, decoder.decode(Page(one.text), scores.of(one), one.id)) for one in documents]


def paired(documents: list[Document], scores: TagScores) -> tuple[list[Answered], TagScores]:
    plain = {"temperatures": dict.fromkeys(LABELS, 1.0), "thresholds": dict.fromkeys(LABELS, 0.25)}
    return decoded(documents, scores, plain), scores


def test_scores_that_are_too_sure_get_a_higher_temperature(documents: list[Document], honest: TagScores):
    once = fit_temperatures([paired(documents, honest)], LAYERS)
    thrice = fit_temperatures([paired(documents, scaled(honest, 3.0))], LAYERS)
    for label in LABELS:
        assert 0.7 < once[label] < 1.4
        assert thrice[label] == pytest.approx(3 * once[label], rel=0.08)


def test_the_likelihood_is_that_of_the_chains_that_serve(documents: list[Document], honest: TagScores):
    (document,) = documents
    page, temperature = Page(document.text), 1.7
    tags = gold_tags(document, page, LABELS, LAYERS.tag_set).numpy()
    transitions = honest.transitions / np.full(3, temperature) + Transitions.legal(len(LAYERS.labels), LAYERS.tag_set)
    emissions = honest.of(document) / temperature
    chances = posterior(emissions, page.blocks, transitions)
    wanted = np.zeros(3)
    for first, stop in page.blocks:
        for layer in range(3):
            row = tags[first:stop, layer]
            path = (
                emissions[np.arange(first, stop), layer, row].sum() + transitions.step[layer, row[:-1], row[1:]].sum()
            )
            path += transitions.start[layer, row[0]] + transitions.end[layer, row[-1]]
            wanted[layer] += chances.evidence[first, layer] - path
    stretch = calibration._Stretch.of(documents, honest, LAYERS)
    assert stretch.losses(temperature) == pytest.approx(wanted)


def test_thresholds_are_the_best_of_the_final_answers(
    documents: list[Document], honest: TagScores, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(calibration, "THRESHOLDS", (0.1, 0.3, 0.5))
    temperatures = dict.fromkeys(LABELS, 1.0)
    chosen = fit_thresholds([paired(documents, honest)], LAYERS, temperatures)
    for label in LABELS:
        f1 = {}
        for threshold in calibration.THRESHOLDS:
            thresholds = {**chosen, label: threshold}
            answers = decoded(documents, honest, {"temperatures": temperatures, "thresholds": thresholds})
            f1[threshold] = score(answers, LABELS)["labels"][label]["f1"]
        assert f1[chosen[label]] == max(f1.values()) > 0


def test_an_empty_document_counts_for_nothing(documents: list[Document], honest: TagScores):
    empty = Document("empty", "", (Annotation("adjudicated", (), (), ground_truth=True),))
    scores = TagScores(honest.transitions, {**honest.by_text, empty.sha256: np.zeros((0, 3, 5))})
    both = [*documents, empty]
    assert calibrate([paired(both, scores)], LAYERS) == calibrate([paired(documents, honest)], LAYERS)


def test_ties_go_to_the_middle():
    assert middle_of_best((0.1, 0.2, 0.3, 0.4, 0.5), (0.1, 0.9, 0.9, 0.9, 0.3)) == 0.3


def test_the_lines_are_yaml_for_a_training_run():
    chosen = {"temperatures": {"QUOTE": 1.2, "TOPIC": 0.9}, "thresholds": {"QUOTE": 0.25, "TOPIC": 0.1}}
    assert yaml.safe_load(as_yaml(chosen)) == chosen
