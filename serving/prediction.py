"""What the predictor answers: spans, quotes, and the forms in which people take them."""

from dataclasses import dataclass
from typing import Any

from aqwal.annotations.json_text import to_json
from aqwal.serving.render import to_html_fragment
from aqwal.serving.speakers import Speaker, group_speakers, is_named_by


@dataclass(frozen=True, slots=True)
class PredictedSpan:
    """A span found in a text: `text` is exactly the document's `[start:end]`, in code points.

    `score` is the probability, 0 to 1, that a span of this label snaps to exactly these edges: that of all
    the word ranges which the scheme gives them, together.
    """

    label: str
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Quote:
    """Who said what about what; the numbers index `Prediction.spans`.

    Attributes:
        quote: The QUOTE span.
        speaker: Its SPEAKER, or None if the text names none.
        topic: Its TOPIC, or None.
        kind: `direct`, `indirect` or `mixed`, from the quotation marks.
        score: The QUOTE span's score.
    """

    quote: int
    speaker: int | None
    topic: int | None
    kind: str
    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one document: spans by position, quotes by position of their QUOTE."""

    text: str
    spans: tuple[PredictedSpan, ...]
    quotes: tuple[Quote, ...]
    id: str | None = None

    @property
    def speakers(self) -> tuple[Speaker, ...]:
        """The sources, each with all its mentions and quotes, by first mention; grouped anew at each call."""
        return group_speakers(self.spans, self.quotes)

    def said_by(self, name: str) -> tuple[Quote, ...]:
        """Return all quotes of the sources that a name or title stands for, in the order of the text.

        Example:
            >>> [prediction.spans[quote.quote].text for quote in prediction.said_by("بومبيو")]
        """
        named = [
            speaker
            for speaker in self.speakers
            if any(is_named_by(self.spans[index].text, name) for index in speaker.mentions)
        ]
        return tuple(sorted((quote for speaker in named for quote in speaker.quotes), key=lambda quote: quote.quote))

    def to_dict(self) -> dict[str, Any]:
        """Return id, spans and quotes as plain data, ready for JSON; the text itself is left out."""
        spans = [
            {"label": s.label, "start": s.start, "end": s.end, "text": s.text, "score": s.score} for s in self.spans
        ]
        quotes = [
            {"quote": q.quote, "speaker": q.speaker, "topic": q.topic, "kind": q.kind, "score": q.score}
            for q in self.quotes
        ]
        return {"id": self.id, "spans": spans, "quotes": quotes}

    def to_json(self) -> bytes:
        """Return the same as one line of JSON in UTF-8; a lone surrogate, which UTF-8 cannot hold, as its escape."""
        return to_json(self.to_dict())

    def _repr_html_(self) -> str:
        """Show the spans over the text in a notebook, right to left."""
        return to_html_fragment(self)
