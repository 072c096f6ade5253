"""Places for requests and turns to compute: what does not fit is refused at once, so that nothing piles up."""

import asyncio
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from aqwal.serving.service.refusal import Refusal

_Result = TypeVar("_Result")
_LONGEST_RETRY = 60
# Of the newest request in the running mean of computing times.
_WEIGHT = 0.1


class RequestQueue:
    """Places and turns; used from one event loop.

    Args:
        places: Requests that are held at one time.
        room: Bytes of their bodies that are held at one time.
        turns: Requests that are computed side by side, each on a thread of its own.
    """

    def __init__(self, places: int, room: int, turns: int) -> None:
        self._places, self._room, self._turns = places, room, turns
        self._held = 0
        self._seconds = 0.0
        self._free_turns = asyncio.Semaphore(turns)
        self._threads = ThreadPoolExecutor(turns, thread_name_prefix="aqwal-request")
        self.taken = 0

    def fits(self, size: int) -> bool:
        """Whether a request with a body of so many bytes would get a place now."""
        return self.taken < self._places and self._held + size <= self._room

    @property
    def retry_after(self) -> int:
        """Seconds until a place is likely to be free."""
        return max(1, min(_LONGEST_RETRY, math.ceil(self.taken * self._seconds / self._turns)))

    @contextmanager
    def place(self, size: int) -> Iterator[None]:
        """Hold a place for a request with a body of so many bytes.

        Raises:
            Refusal: If there is no place, or no room for the body.
        """
        if not self.fits(size):
            raise Refusal(503, "the service is busy; ask again later", self.retry_after)
        self.taken += 1
        self._held += size
        try:
            yield
        finally:
            self.taken -= 1
            self._held -= size

    async def compute(self, work: Callable[[threading.Event], _Result], within: float) -> _Result:
        """Run a function on a thread when its turn comes, first come, first served.

        Args:
            work: The function; given an event that is set when its result is not wanted any more.
            within: Seconds to wait for the turn.

        Raises:
            Refusal: If the turn does not come in time.
        """
        await self._turn(within)
        loop, given_up = asyncio.get_running_loop(), threading.Event()
        began = loop.time()
        job = loop.run_in_executor(self._threads, work, given_up)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            given_up.set()
            # Its turn ends when its thread is free.
            with suppress(Exception):
                await job
            raise
        finally:
            self._free_turns.release()
            self._count(loop.time() - began)

    async def _turn(self, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                await self._free_turns.acquire()
        except TimeoutError as error:
            raise Refusal(503, f"no turn within {within:g} seconds; ask again later", self.retry_after) from error

    def _count(self, seconds: float) -> None:
        self._seconds += (_WEIGHT if self._seconds else 1.0) * (seconds - self._seconds)
