"""Places and turns."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from aqwal.serving.service.queue import RequestQueue
from aqwal.serving.service.refusal import Refusal


def test_a_request_without_a_place_is_refused_with_a_time_to_come_back() -> None:
    queue = RequestQueue(places=2, room=100, turns=1)
    with queue.place(10), queue.place(10):
        assert not queue.fits(0)
        with pytest.raises(Refusal, match="busy") as refused, queue.place(1):
            pass
        assert refused.value.status_code == 503
        assert int(refused.value.headers["Retry-After"]) >= 1
    assert queue.taken == 0
    assert queue.fits(100)


def test_bodies_that_there_is_no_room_for_are_refused() -> None:
    queue = RequestQueue(places=10, room=100, turns=1)
    with queue.place(60):
        with pytest.raises(Refusal), queue.place(41):
            pass
        assert (queue.fits(40), queue.fits(41)) == (True, False)
        with queue.place(40):
            assert queue.taken == 2
    with queue.place(100):
        assert not queue.fits(1)


def test_a_place_is_given_back_by_a_request_that_fails() -> None:
    queue = RequestQueue(places=1, room=10, turns=1)
    with pytest.raises(ZeroDivisionError), queue.place(10):
        raise ZeroDivisionError
    with queue.place(10):
        assert queue.taken == 1


def test_turns_come_in_order_and_no_more_than_allowed_at_a_time() -> None:
    running, most, order = 0, 0, []
    lock = threading.Lock()

    def work(number: int) -> Callable[[threading.Event], int]:
        def run(_: threading.Event) -> int:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
                order.append(number)
            threading.Event().wait(0.01)
            with lock:
                running -= 1
            return number

        return run

    async def ask() -> list[int]:
        queue = RequestQueue(places=20, room=100, turns=2)
        return await asyncio.gather(*(queue.compute(work(number), 30) for number in range(12)))

    assert asyncio.run(ask()) == list(range(12))
    assert most == 2
    assert [number // 2 for number in order] == [pair for pair in range(6) for _ in range(2)]


def test_a_turn_that_does_not_come_is_a_refusal_and_the_next_one_comes() -> None:
    async def ask() -> tuple[Refusal, int]:
        queue = RequestQueue(places=9, room=9, turns=1)
        ends = threading.Event()
        first = asyncio.create_task(queue.compute(lambda _: ends.wait(), 30))
        await asyncio.sleep(0)
        with pytest.raises(Refusal, match=r"no turn within 0\.05 seconds") as refused:
            await queue.compute(lambda _: 1, 0.05)
        ends.set()
        assert await first
        return refused.value, await queue.compute(lambda _: 2, 30)

    refused, answer = asyncio.run(ask())
    assert (refused.status_code, answer) == (503, 2)
    assert int(refused.headers["Retry-After"]) >= 1


def test_work_that_fails_gives_its_turn_back() -> None:
    def fail(_: threading.Event) -> None:
        raise ZeroDivisionError

    async def ask() -> int:
        queue = RequestQueue(places=9, room=9, turns=1)
        with pytest.raises(ZeroDivisionError):
            await queue.compute(fail, 30)
        return await queue.compute(lambda _: 3, 30)

    assert asyncio.run(ask()) == 3


def test_work_that_is_given_up_hears_of_it_and_keeps_its_turn_until_it_ends() -> None:
    begun, heard = threading.Event(), []

    def work(given_up: threading.Event) -> None:
        begun.set()
        heard.append(given_up.wait(30))
        raise ZeroDivisionError

    async def ask() -> int:
        queue = RequestQueue(places=9, room=9, turns=1)
        asked = asyncio.create_task(queue.compute(work, 30))
        await asyncio.to_thread(begun.wait)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert heard == [True]
        return await queue.compute(lambda _: 4, 30)

    assert asyncio.run(ask()) == 4


def test_the_time_to_come_back_grows_with_what_waits_and_has_an_end() -> None:
    async def ask() -> list[int]:
        queue = RequestQueue(places=10_000, room=10_000, turns=1)
        await queue.compute(lambda _: threading.Event().wait(0.1), 30)
        found = [queue.retry_after]
        with ExitStack() as places:
            for wanted in (100, 9900):
                for _ in range(wanted):
                    places.enter_context(queue.place(0))
                found.append(queue.retry_after)
        return found

    few, more, most = asyncio.run(ask())
    assert few == 1
    assert 1 < more <= 60
    assert most == 60
