"""How much a request may bring and how long it may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a service; together they bound its memory and how long a stop can take.

    Attributes:
        body: Bytes of a request's body.
        document: Code points of a document.
        places: Requests that are accepted at one time, those being computed included.
        upload: Seconds a body may take to arrive.
        answer: Seconds from a body's arrival to its answer, waiting included.
    """

    body: int = 10_000_000
    document: int = 1_000_000
    places: int = 64
    upload: float = 30.0
    answer: float = 120.0

    @property
    def bodies(self) -> int:
        """Bytes of all bodies held at one time: ten of the largest."""
        return 10 * self.body

    @property
    def stop(self) -> float:
        """Seconds within which everything accepted is answered or refused."""
        return self.upload + self.answer + 10.0
