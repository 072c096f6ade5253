"""Requests of every kind, allowed and not: whatever comes, the service answers properly or not at all, and goes on."""

import json
import socket
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from strategies import odd_texts
from waiting import wait_until

CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance),
    *(response_headers_conformance, negative_data_rejection, positive_data_acceptance, unsupported_method),
]
few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def described(service: Any) -> Any:
    return schemathesis.openapi.from_url(f"{service.url}/openapi.json")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_predict_answers_what_openapi_allows_and_refuses_what_it_forbids(described: Any, mode: GenerationMode) -> None:
    @given(case=described["/v1/predict"]["POST"].as_strategy(generation_mode=mode))
    @few
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=60)

    ask()


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_the_other_routes_are_as_openapi_says(described: Any, path: str) -> None:
    @given(case=described[path]["GET"].as_strategy())
    @settings(max_examples=3, deadline=None)
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=60)

    ask()


@given(text=odd_texts, identifier=st.none() | odd_texts)
@few
def test_any_text_is_answered_with_spans_of_it(service: Any, text: str, identifier: str | None) -> None:
    content = json.dumps({"text": text, "id": identifier}).encode()
    response = httpx.post(f"{service.url}/v1/predict", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 200
    answer = json.loads(response.content)
    assert answer["id"] == identifier
    assert all(text[span["start"] : span["end"]] == span["text"] for span in answer["spans"])


@given(text=odd_texts)
@few
def test_any_text_is_drawn_on_the_page(service: Any, text: str) -> None:
    sendable = text.encode("utf-8", "replace").decode("utf-8")
    response = httpx.post(f"{service.url}/", data={"text": sendable})
    assert response.status_code == 200
    assert "<script" not in response.text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "id", "documents"]), inner),
    max_leaves=12,
)


@given(value=json_values)
@few
def test_any_json_is_answered_or_told_in_a_sentence(service: Any, value: Any) -> None:
    content = json.dumps(value).encode()
    response = httpx.post(f"{service.url}/v1/predict", content=content, headers={"content-type": "application/json"})
    assert response.status_code in (200, 422)
    if response.status_code == 422:
        assert isinstance(response.json()["detail"], str)


@given(
    content=st.binary(max_size=2000), kind=st.sampled_from(["application/json", "text/plain", "multipart/form-data"])
)
@few
def test_any_bytes_are_refused_or_answered(service: Any, content: bytes, kind: str) -> None:
    for path in ("/v1/predict", "/"):
        response = httpx.post(f"{service.url}{path}", content=content, headers={"content-type": kind})
        assert response.status_code in (200, 400, 422)


def talk(service: Any, sent: bytes, *, shut: bool = True) -> bytes:
    """Send bytes and return what comes until the server closes the connection."""
    with service.connect() as connection:
        connection.sendall(sent)
        if shut:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
    return received


HEAD = "POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param("Content-Length: 5\r\n", b"422", id="too small: the rest is no JSON"),
        pytest.param("Content-Length: 5000\r\n", b"", id="too large: the client leaves"),
        pytest.param("Content-Length: -1\r\n", b"400", id="negative"),
        pytest.param("Content-Length: many\r\n", b"400", id="no number"),
        pytest.param("Content-Length: 12\r\nContent-Length: 13\r\n", b"400", id="two of them"),
        pytest.param(f"Content-Length: {'9' * 5000}\r\n", b"400", id="thousands of digits"),
        pytest.param("Content-Length: 99999999\r\n", b"", id="beyond the limit: the client leaves"),
        pytest.param("Transfer-Encoding: chunked\r\n", b"", id="chunked, but not in chunks"),
        pytest.param("", b"422", id="none"),
    ],
)
def test_a_wrong_content_length(service: Any, headers: str, status: bytes) -> None:
    answer = talk(service, f"{HEAD}{headers}\r\n".encode() + b'{"text": ""}')
    assert answer.split(b" ")[1:2] == ([status] if status else [])
    assert service.predict({"text": ""}).status_code == 200


@given(garbage=st.binary(min_size=1, max_size=500))
@few
def test_what_is_no_http_ends_the_connection_and_nothing_else(service: Any, garbage: bytes) -> None:
    talk(service, garbage)
    assert httpx.get(f"{service.url}/health").status_code == 200


def test_a_client_that_leaves_gives_its_place_back(start_service: Any) -> None:
    service = start_service("--queue", "1")
    for _ in range(5):
        with service.connect() as connection:
            connection.sendall(f"{HEAD}Content-Length: 500\r\n\r\n".encode() + b'{"te')
    wait_until(lambda: httpx.get(f"{service.url}/ready").status_code == 200)
    assert service.predict({"text": ""}).status_code == 200
    assert service.stop() == 0
    assert 499 in [line.get("status") for line in service.lines()]
    assert not any(line["level"] == "ERROR" for line in service.lines())


def test_a_client_that_leaves_when_all_is_sent_ends_the_work_for_it(start_service: Any, article: str) -> None:
    service = start_service("--queue", "1")
    content = json.dumps({"text": (article + "\n") * 200}).encode()
    with service.connect() as connection:
        connection.sendall(f"{HEAD}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        wait_until(lambda: httpx.get(f"{service.url}/ready").status_code == 503)
    wait_until(lambda: httpx.get(f"{service.url}/ready").status_code == 200)
    assert service.predict({"text": ""}).status_code == 200
    assert service.stop() == 0
    lines = service.lines()
    assert [line["status"] for line in lines if line.get("route") == "/v1/predict"] == [499, 200]
    assert not any(line["level"] == "ERROR" for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\u200b\u200f\u2066" * 50_000, id="zero-width only"),
        pytest.param("قال.\n" * 10_000, id="10,000 paragraphs"),
        pytest.param("اب" * 145_000, id="one word of letters"),
        pytest.param("12" * 145_000, id="one word of digits"),
        pytest.param("ا" + "\u0651\u064e" * 145_000, id="one word of marks"),
        pytest.param("«" * 10_000, id="marks that open"),
        pytest.param('"' * 10_001, id="straight marks"),
    ],
)
def test_large_odd_texts(service: Any, text: str) -> None:
    response = service.predict({"text": text})
    assert response.status_code == 200
    assert all(text[one["start"] : one["end"]] == one["text"] for one in response.json()["spans"])
