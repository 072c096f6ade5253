"""The model's answers as predictions of Label Studio: what annotators see when they open a task."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aqwal.annotations.records import Span, region_id
from aqwal.annotations.scheme import ABOUT, SAID_BY
from aqwal.annotations.stored import FROM_NAME, TO_NAME

if TYPE_CHECKING:
    from aqwal.serving import Prediction, Predictor


class Preannotator:
    """A predictor that answers in the server's terms.

    Args:
        predictor: The predictor, loaded.
    """

    def __init__(self, predictor: "Predictor") -> None:
        self._predictor = predictor

    @cached_property
    def version(self) -> str:
        """The name of the model's predictions: its folder and the first digits of its file's sha256."""
        folder = self._predictor.folder
        # The folder was checked against these when it was opened.
        sha256 = folder.settings["files"][folder.model_file.name]
        return f"{Path(folder.path).resolve().name}-{sha256[:8]}"

    def predict(self, text: str) -> dict[str, Any]:
        """Return a prediction: regions with scores, relations, the answer's certainty as score, model version."""
        prediction = self._predictor.predict(text)
        return {
            "result": to_results(prediction),
            "score": round(certainty(prediction), 4),
            "model_version": self.version,
        }


def certainty(prediction: "Prediction") -> float:
    """Return how certain a model is of an answer: the mean probability of its spans, 0 to 1.

    This is the least-confidence measure of active learning for sequences, per span instead of per
    sequence, so that long articles do not come first only because they are long (Culotta and McCallum 2005,
    Shen et al. 2018). An answer without spans counts as certain.
    """
    scores = [span.score for span in prediction.spans]
    return sum(scores) / len(scores) if scores else 1.0


def to_results(prediction: "Prediction") -> list[dict[str, Any]]:
    """Return an answer's spans as regions and its quotes as relations."""
    ids = [region_id(prediction.text, Span(one.start, one.end, one.label)) for one in prediction.spans]
    regions = [
        {
            "id": name,
            "from_name": FROM_NAME,
            "to_name": TO_NAME,
            "type": "labels",
            "value": {"start": span.start, "end": span.end, "text": span.text, "labels": [span.label]},
            "score": span.score,
        }
        for name, span in zip(ids, prediction.spans, strict=True)
    ]
    ends = [
        (quote.quote, target, link)
        for quote in prediction.quotes
        for link, target in ((SAID_BY, quote.speaker), (ABOUT, quote.topic))
        if target is not None
    ]
    relations = [
        {"type": "relation", "from_id": ids[source], "to_id": ids[target], "direction": "right", "labels": [link]}
        for source, target, link in ends
    ]
    return regions + relations
