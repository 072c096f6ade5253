"""Time by length of the text, up to a million characters: it must grow as the length does."""

import time
from dataclasses import dataclass
from pathlib import Path

from aqwal.serving import Predictor

LENGTHS = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Growth:
    """Code points of a text, the CPU seconds of its answer, and code points a second."""

    length: int
    seconds: float
    per_second: float


def growth(folder: Path, text: str) -> list[Growth]:
    """Answer a text repeated to each length."""
    predictor = Predictor(folder, threads=1)
    predictor.predict(text)
    found = []
    for length in LENGTHS:
        long = (text + "\n") * (length // (len(text) + 1) + 1)
        begun = time.process_time()
        predictor.predict(long[:length])
        seconds = time.process_time() - begun
        found.append(Growth(length, seconds, length / seconds))
    return found
