"""All figures of docs/accuracy.md, from what the stages left on disk; what is not there is None."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aqwal.annotations.page import Page
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import LINK_ENDS, QUOTE
from aqwal.serving.links import link_quotes
from aqwal.serving.model_folder import MODEL_FILES
from aqwal.training.accuracy.bootstrap import CONFIDENCE, RESAMPLES, score_with_intervals
from aqwal.training.accuracy.errors import error_examples, error_figures
from aqwal.training.accuracy.reporting_rules import answer_by_rules
from aqwal.training.accuracy.served import MODEL, Trained, read_as_served
from aqwal.training.config import TrainConfig
from aqwal.training.crossval import RESULT_FILE, CrossValidationConfig, read_out_of_fold
from aqwal.training.metrics import Answered, pair_score_of

# Errors shown of each kind and label: of written articles; of the seeds, which are others' texts, in all.
_CORPUS_EXAMPLES, _SEED_EXAMPLES = 2, 5


@dataclass(frozen=True)
class Material:
    """What the figures are of.

    Attributes:
        trial: The training on the corpus alone.
        corpus: The articles that it was trained on.
        seeds: Real news that it never saw.
        crossval: The cross-validation.
        validated: The articles that it is over.
        curve: The training that the learning curve is made of.
        points: The learning curve, if it was run.
    """

    trial: Trained
    corpus: Sequence[Document]
    seeds: Sequence[Document]
    crossval: CrossValidationConfig
    validated: Sequence[Document]
    curve: TrainConfig
    points: list[dict[str, Any]] | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that are scored."""
        return self.trial.config.labels


def gather_figures(material: Material) -> dict[str, Any]:
    """Return the figures, plain data for JSON and template; of a stage that was not run None."""
    served = read_as_served(material.trial, material.seeds)
    validated = read_out_of_fold(material.crossval, material.validated)
    answers = {
        "seeds": served["int8"] if served else None,
        "corpus": [one for answered in validated for one in answered] if validated else None,
    }
    documents = {"seeds": material.seeds, "corpus": material.validated}
    whole = {"seeds": material.seeds, "corpus": material.corpus}
    return {
        "interval": {"resamples": RESAMPLES, "confidence": CONFIDENCE},
        "sizes": {name: _sizes(each) for name, each in {**whole, "validated": material.validated}.items()},
        "recipes": {
            "served": _recipe(material.trial.config),
            "crossval": _recipe(material.crossval),
            "curve": _recipe(material.curve),
        },
        "served": _served(material, served) if served else None,
        "crossval": _crossval(material, answers["corpus"]) if answers["corpus"] else None,
        "rules": {name: _rules(each, material.labels) for name, each in documents.items()},
        "curve": material.points,
        "links": {name: _links(each) for name, each in whole.items()},
        "errors": {name: error_figures(one, material.labels) if one else None for name, one in answers.items()},
        "examples": _examples(answers, material.labels),
    }


def _sizes(documents: Sequence[Document]) -> dict[str, int]:
    gold = [document.gold for document in documents if document.gold]
    return {"documents": len(documents), "quotes": sum(len(one.of_label(QUOTE)) for one in gold)}


def _recipe(config: TrainConfig) -> dict[str, Any]:
    """Return what sets trainings of this project apart."""
    return {"base": config.base, "epochs": config.epochs, "respelled_share": config.respelled_share}


def _served(material: Material, served: Mapping[str, Sequence[Answered]]) -> dict[str, Any]:
    """Return the scores of each precision, and its model's size in megabytes."""
    model = material.trial.folder / MODEL
    scores = {precision: score_with_intervals(answered, material.labels) for precision, answered in served.items()}
    sizes = {precision: round((model / name).stat().st_size / 1e6, 1) for precision, name in MODEL_FILES.items()}
    return {**scores, "megabytes": sizes}


def _crossval(material: Material, answered: Sequence[Answered]) -> dict[str, Any]:
    """Return what the cross-validation stored, and its scores with intervals."""
    config = material.crossval
    result: dict[str, Any] = json.loads((config.path(config.output_dir) / RESULT_FILE).read_text(encoding="utf-8"))
    counts = {"folds": len(result["folds"]), "random_seeds": len(result["seeds"])}
    kept = {name: result[name] for name in ("summary", "slices", "calibration")}
    return {**counts, "scores": score_with_intervals(answered, material.labels), **kept}


def _rules(documents: Sequence[Document], labels: Sequence[str]) -> dict[str, Any]:
    return score_with_intervals([Answered(document, answer_by_rules(document)) for document in documents], labels)


def _links(documents: Sequence[Document]) -> dict[str, float]:
    """Return the pair F1 of each link when the rules link gold spans."""
    gold = [(Page(document.text), document.gold) for document in documents if document.gold]
    found = [(one, link_quotes(page, one.spans)) for page, one in gold]
    return {
        label: pair_score_of(
            [(one.links_of(label), [link for link in links if link.label == label]) for one, links in found]
        )
        for label in LINK_ENDS
    }


def _examples(answers: Mapping[str, Sequence[Answered] | None], labels: Sequence[str]) -> dict[str, Any]:
    corpus, seeds = answers["corpus"], answers["seeds"]
    few = error_examples(seeds, labels, 1) if seeds else []
    return {
        "corpus": error_examples(corpus, labels, _CORPUS_EXAMPLES) if corpus else [],
        "seeds": few[:: -(-len(few) // _SEED_EXAMPLES) or 1],
    }
