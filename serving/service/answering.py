"""From documents to answers: within the limits, in their turn, in time."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from aqwal.serving.prediction import Prediction
from aqwal.serving.predictor import Predictor
from aqwal.serving.service.accounting import Account
from aqwal.serving.service.limits import Limits
from aqwal.serving.service.queue import RequestQueue
from aqwal.serving.service.refusal import Refusal

_Shown = TypeVar("_Shown")


class Answering:
    """Answer requests with one predictor.

    Args:
        predictor: The predictor.
        queue: Where requests wait for their turn.
        limits: The size of a document and the time for an answer.
    """

    def __init__(self, predictor: Predictor, queue: RequestQueue, limits: Limits) -> None:
        self._predictor, self._queue, self._limits = predictor, queue, limits

    async def answer(
        self, documents: Sequence[tuple[str, str | None]], show: Callable[[Prediction], _Shown], account: Account
    ) -> list[_Shown]:
        """Return what `show` makes of the answer for each (text, id), made on a thread of the request's own.

        Raises:
            Refusal: If a document is too long, the turn does not come, or the answer takes too long.
        """
        self._check_lengths(documents)
        account.documents, account.code_points = len(documents), sum(len(text) for text, _ in documents)
        arrived = time.monotonic()

        def work(given_up: threading.Event) -> list[_Shown]:
            account.waited = time.monotonic() - arrived
            left = self._limits.answer - account.waited
            return [show(prediction) for prediction in self._predictor.predict_documents(documents, left, given_up)]

        try:
            return await self._queue.compute(work, self._limits.answer)
        except TimeoutError as error:
            detail = f"no answer within {self._limits.answer:g} seconds; send fewer or shorter documents"
            raise Refusal(504, detail) from error

    def _check_lengths(self, documents: Sequence[tuple[str, str | None]]) -> None:
        for number, (text, _) in enumerate(documents):
            if len(text) > self._limits.document:
                raise Refusal(
                    413,
                    f"document {number} has {len(text)} code points; {self._limits.document} are allowed: divide it",
                )
