"""The gate, spoken to as a server does: bodies in parts, too long, too slow, given up."""

import asyncio
import json
from typing import Any

import pytest

from aqwal.serving.service.gate import ClientLeftError, Gate
from aqwal.serving.service.limits import Limits
from aqwal.serving.service.queue import RequestQueue

LIMITS = Limits(body=10, upload=0.05)


class Talk:
    """A request in parts, and what is answered. After the last part nothing more comes."""

    def __init__(self, *parts: bytes, left: bool = False, whole: bool = True) -> None:
        last = len(parts) - 1
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": number < last or not whole}
            for number, part in enumerate(parts)
        ]
        self.messages += [{"type": "http.disconnect"}] if left else []
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            await asyncio.sleep(60)
        return self.messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def content(self) -> dict[str, str]:
        return json.loads(self.sent[1]["body"])


def pass_through(talk: Talk, *headers: tuple[bytes, bytes], method: str = "POST", path: str = "/in") -> list[bytes]:
    """Send a request to a gate; return the bodies that came out behind it."""
    came: list[bytes] = []
    queue = RequestQueue(1, LIMITS.bodies, 1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert queue.taken == (1 if method == "POST" and path == "/in" else 0)
        message = await receive()
        came.append(message["body"])
        assert message["more_body"] is False or path != "/in" or method != "POST"
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask() -> None:
        scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
        await Gate(app, queue, LIMITS, frozenset({"/in"}))(scope, talk.receive, talk.send)
        assert queue.taken == 0

    asyncio.run(ask())
    return came


def test_a_body_in_parts_comes_out_whole() -> None:
    talk = Talk(b"abc", b"", b"defghij")
    assert pass_through(talk) == [b"abcdefghij"]
    assert talk.status == 200


def test_a_body_that_says_it_is_too_large_is_refused_and_left_unread_in_memory() -> None:
    talk = Talk(b"abcdefghijk")
    assert pass_through(talk, (b"content-length", b"11")) == []
    assert talk.status == 413
    assert talk.content == {"detail": "the body has more than 10 bytes; send fewer or shorter documents"}
    assert talk.messages == []


def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    talk = Talk(b"")
    assert pass_through(talk, (b"content-length", b"9" * 5000)) == []
    assert talk.status == 413


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"3")], [(b"content-length", b"-1")]])
def test_a_body_that_is_larger_than_it_says_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    talk = Talk(b"abcdef", b"ghijklm")
    assert pass_through(talk, *headers) == []
    assert talk.status == 413


def test_a_body_that_does_not_arrive_is_refused_and_gives_its_place_back() -> None:
    talk = Talk(b"abc", whole=False)
    assert pass_through(talk, (b"content-length", b"10")) == []
    assert talk.status == 408
    assert talk.content == {"detail": "the body did not arrive within 0.05 seconds"}


def test_a_client_that_leaves_is_not_answered() -> None:
    talk = Talk(b"abc", left=True, whole=False)
    with pytest.raises(ClientLeftError):
        pass_through(talk)
    assert talk.sent == []


def test_a_client_that_leaves_when_all_is_sent_ends_the_work_for_it() -> None:
    talk, ends = Talk(b"abc", left=True), []
    queue = RequestQueue(1, LIMITS.bodies, 1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"abc"
        try:
            await receive()
        except asyncio.CancelledError:
            ends.append(queue.taken)
            raise

    async def ask() -> None:
        scope = {"type": "http", "method": "POST", "path": "/in", "headers": []}
        with pytest.raises(ClientLeftError):
            await Gate(app, queue, LIMITS, frozenset({"/in"}))(scope, talk.receive, talk.send)

    asyncio.run(ask())
    assert (ends, queue.taken, talk.sent) == ([1], 0, [])


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"identity, gzip"])
def test_a_compressed_body_is_refused(encoding: bytes) -> None:
    talk = Talk(b"abc")
    assert pass_through(talk, (b"content-encoding", encoding)) == []
    assert talk.status == 415
    assert talk.content == {"detail": "the body is compressed; send it as it is, without Content-Encoding"}


def test_a_body_that_says_it_is_not_compressed_passes() -> None:
    assert pass_through(Talk(b"abc"), (b"content-encoding", b"Identity")) == [b"abc"]


def test_what_is_refused_is_read_no_further_than_a_body_goes() -> None:
    talk = Talk(*[b"abcdef"] * 50)
    assert pass_through(talk, (b"content-length", b"300")) == []
    assert talk.status == 413
    assert len(talk.messages) == 48


@pytest.mark.parametrize(("method", "path"), [("GET", "/in"), ("POST", "/elsewhere")])
def test_other_requests_pass_untouched(method: str, path: str) -> None:
    talk = Talk(b"abcdefghijklmnop", b"more")
    assert pass_through(talk, method=method, path=path) == [b"abcdefghijklmnop"]


def test_a_client_that_asks_before_it_sends_is_told_at_once() -> None:
    talk = Talk(b"abcdefghijk")
    assert pass_through(talk, (b"content-length", b"11"), (b"expect", b"100-continue")) == []
    assert talk.status == 413
    assert len(talk.messages) == 1
