"""What an exported model must prove before it may serve: it computes and finds what was trained."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aqwal.annotations.page import Page
from aqwal.annotations.records import Document
from aqwal.annotations.scoring import exact_score, total
from aqwal.serving import Predictor
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import MODEL_FILES
from aqwal.serving.runtime import open_session
from aqwal.training.data import PARTS, pad_ids
from aqwal.training.metrics import Answered, as_annotation, score
from aqwal.training.model import SpanTagger

# Tolerances of fp32 logits between torch and ONNX Runtime, and the least F1 of int8 spans against
# fp32 spans over the documents compared. A model trained for minutes wavers between ends of nearly
# the same probability, so that one span in forty flips; a faulty quantisation flips many more.
ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE = 1e-4, 1e-3
LEAST_INT8_AGREEMENT = 0.95
# Of a part with so many fp32 spans or more, as of all together.
ENOUGH_SPANS = 100
# Of each part, documents at even distances: more would tell little more and take an hour.
MOST_DOCUMENTS = 100
_log = logging.getLogger("aqwal.training.gate")


class ExportError(RuntimeError):
    """A model that must not be served; the message says which check it failed and by how much."""


def pass_gate(
    folder: Path, tagger: SpanTagger, encoder: WordEncoder, documents: dict[str, list[Document]]
) -> dict[str, Any]:
    """Compare torch, fp32 ONNX and int8 ONNX over the run's documents, `MOST_DOCUMENTS` of each part.

    Args:
        folder: A model folder with both precisions.
        tagger: The checkpoint it was made from.
        encoder: As in training.
        documents: The run's documents by part, all with gold.

    Returns:
        `largest_logit_difference` between torch and fp32 ONNX, `int8_span_agreement` (F1 against fp32)
        over all compared documents and of each part, `scores` on the gold of each part in each precision,
        and `documents_compared` of each part.

    Raises:
        ExportError: If torch and fp32 ONNX differ, or int8 finds too many other spans.
    """
    documents = {part: _sample(documents[part]) for part in PARTS}
    present = [part for part in PARTS if documents[part]]
    _log.info("checking torch, fp32 and int8 on %d documents", sum(len(documents[part]) for part in present))
    full: dict[str, list[Answered]] = {}
    difference = _compare_batch(tagger, folder / MODEL_FILES["fp32"], encoder, documents[present[0]])
    onnx = Predictor(folder, "fp32")
    for part in present:
        full[part], found = _compare_documents(tagger, onnx, encoder, documents[part])
        difference = max(difference, found)
    predictor = Predictor(folder, "int8")
    small = {part: predictor_answers(predictor, documents[part]) for part in present}
    agreement = {part: span_agreement(full[part], small[part]) for part in present}
    overall = span_agreement(_joined(full), _joined(small))
    if not _count_spans(_joined(full)):
        _log.warning("the model finds no span in any document, so agreement says nothing: train it longer")
    # Documents that it learned must not make up for others; a few spans say nothing.
    asked = {"all": overall, **{part: agreement[part] for part in present if _count_spans(full[part]) >= ENOUGH_SPANS}}
    if weak := [f"{name} {f1:.4f}" for name, f1 in asked.items() if f1 < LEAST_INT8_AGREEMENT]:
        raise ExportError(
            f"int8 spans against fp32 spans: F1 {', '.join(weak)}, the gate asks for {LEAST_INT8_AGREEMENT}"
        )
    scores = {part: _scores(part, full[part], small[part], tagger.labels) for part in present}
    return {
        "largest_logit_difference": difference,
        "int8_span_agreement": {"all": overall, **agreement},
        "scores": scores,
        "documents_compared": {part: len(documents[part]) for part in present},
    }


def _count_spans(answered: Sequence[Answered]) -> int:
    return sum(len(one.prediction.spans) for one in answered)


def _sample(documents: list[Document]) -> list[Document]:
    return documents[:: -(-len(documents) // MOST_DOCUMENTS) or 1]


def _compare_documents(
    tagger: SpanTagger, onnx: Predictor, encoder: WordEncoder, documents: Sequence[Document]
) -> tuple[list[Answered], float]:
    """Return the fp32 answers and the largest difference of a logit between torch and ONNX."""
    decoder, largest = tagger.decoder(), 0.0
    answered: list[Answered] = []
    for document in documents:
        page = Page(document.text)
        ours, theirs = tagger.emissions(page, encoder), onnx.emissions(page)
        largest = max(largest, _largest_difference(ours, theirs, f"document {document.id}"))
        answer = decoder.decode(page, theirs, document.id)
        if as_annotation(decoder.decode(page, ours)).spans != as_annotation(answer).spans:
            raise ExportError(f"torch and ONNX decode different spans in document {document.id}")
        answered.append(Answered(document, answer))
    return answered, largest


def _compare_batch(tagger: SpanTagger, model_file: Path, encoder: WordEncoder, documents: Sequence[Document]) -> float:
    """Compare one padded batch: the longest and the shortest window of the documents, side by side."""
    windows = sorted((w for d in documents for w in encoder.encode(Page(d.text))), key=lambda one: len(one.input_ids))
    ids = [torch.from_numpy(one.input_ids) for one in windows[:: len(windows) - 1 or 1]]
    padded = pad_ids(ids, tagger.classifier.config.pad_token_id or 0)
    inputs = dict(zip(("input_ids", "attention_mask"), padded, strict=True))
    with torch.no_grad():
        ours = tagger.classifier(**inputs).logits.numpy()
    session = open_session(model_file)
    (theirs,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    inside = inputs["attention_mask"].bool().numpy()
    return _largest_difference(ours[inside], theirs[inside], f"a batch of {len(ids)} windows")


def _largest_difference(ours: NDArray[np.floating], theirs: NDArray[np.floating], where: str) -> float:
    largest = float(np.abs(ours - theirs).max(initial=0.0))
    if not np.allclose(theirs, ours, atol=ABSOLUTE_TOLERANCE, rtol=RELATIVE_TOLERANCE):
        raise ExportError(f"torch and ONNX logits differ by up to {largest:.2e} on {where}")
    return largest


def predictor_answers(predictor: Predictor, documents: Sequence[Document]) -> list[Answered]:
    """Answer documents as they are served."""
    answers = predictor.predict_many((document.text for document in documents), (document.id for document in documents))
    return [Answered(document, answer) for document, answer in zip(documents, answers, strict=True)]


def _joined(by_part: dict[str, list[Answered]]) -> list[Answered]:
    return [one for answered in by_part.values() for one in answered]


def span_agreement(full: Sequence[Answered], small: Sequence[Answered]) -> float:
    """Return the F1 of one model's spans against another's on the same documents, 0 to 1."""
    pairs = zip(
        (as_annotation(one.prediction).spans for one in full),
        (as_annotation(one.prediction).spans for one in small),
        strict=True,
    )
    agreement = total(exact_score(wanted, given) for wanted, given in pairs)
    # A model that finds nothing in either precision agrees with itself.
    return agreement.f1 if agreement.gold or agreement.predicted else 1.0


def _scores(part: str, full: list[Answered], small: list[Answered], labels: Sequence[str]) -> dict[str, Any]:
    """Return the scores of both precisions on a part's gold, and say what int8 costs."""
    scores = {"fp32": score(full, labels), "int8": score(small, labels)}
    wide, narrow = scores["fp32"]["macro_f1"], scores["int8"]["macro_f1"]
    _log.info("%s gold: macro F1 fp32 %.4f, int8 %.4f (%+.4f)", part, wide, narrow, narrow - wide)
    return scores
