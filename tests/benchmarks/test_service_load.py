"""The load test itself, beside a stub of the service that does what the real one must not."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from service_load import Load

Answer = Callable[[httpx.Request], httpx.Response]
TEXTS = ["one", "another"]


def _metrics(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="process_resident_memory_bytes 2e+06\n")


def _press(answer: Answer, metrics: Answer = _metrics) -> dict:
    """Return what ten requests in a tenth of a second come to, after each text was answered alone."""
    alone = iter(TEXTS)

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/metrics":
            return metrics(request)
        return httpx.Response(200, json={}) if next(alone, None) else answer(request)

    async def run() -> dict:
        async with httpx.AsyncClient(transport=httpx.MockTransport(serve), base_url="http://stub") as client:
            load = Load(client, TEXTS)
            await load.ask_alone()
            await load.press(100, 0.1)
            return load.to_dict()

    return asyncio.run(run())


def test_what_was_answered_as_before_is_told_apart_from_the_rest():
    found = _press(lambda _: httpx.Response(200, json={}))
    assert found["ends"] == {"answered": 10}
    assert found["median_seconds"] is not None
    assert (found["memory_mb"], found["growth"]) == ([2.0, 2.0], 0.0)
    assert _press(lambda _: httpx.Response(200, text="no JSON"))["ends"] == {"another answer": 10}


@pytest.mark.parametrize(
    ("headers", "end"), [({}, "503"), ({"retry-after": "soon"}, "503"), ({"retry-after": "1"}, "refused")]
)
def test_a_503_is_a_refusal_only_if_it_says_when_to_ask_again(headers: dict[str, str], end: str):
    found = _press(lambda _: httpx.Response(503, headers=headers))
    assert found["ends"] == {end: 10}
    assert found["median_seconds"] is None


def test_an_early_end_of_the_watch_over_the_memory_is_told():
    found = _press(lambda _: httpx.Response(200, json={}), lambda _: httpx.Response(500))
    assert found["ends"] == {"answered": 10, "watch over memory: HTTPStatusError": 1}
    assert (found["memory_mb"], found["growth"]) == (None, None)


@pytest.mark.parametrize("status", [500, 503])
def test_what_is_not_answered_is_no_capacity(status: int):
    async def run() -> None:
        stub = httpx.MockTransport(lambda _: httpx.Response(status))
        async with httpx.AsyncClient(transport=stub, base_url="http://stub") as client:
            await Load(client, TEXTS).measure_capacity(2, 0.01)

    with pytest.raises(SystemExit, match=f"2 clients.*{status}"):
        asyncio.run(run())
