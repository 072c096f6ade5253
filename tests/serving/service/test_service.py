"""`aqwal serve` as a process: answers, limits, a full queue, a graceful stop, its log and its numbers."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from waiting import wait_until

from aqwal.serving import Predictor

AQWAL = str(Path(sys.executable).parent / "aqwal")


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    return Predictor(tiny_model, threads=1)


def request_head(length: int) -> bytes:
    lines = [
        "POST /v1/predict HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def read_answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Read until the server has sent as much as it said."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        assert part, received
        received += part
    head, _, content = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head).group(1))
    while len(content) < length:
        content += connection.recv(65536)
    return int(head.split()[1]), json.loads(content)


def test_a_text_is_answered_as_by_the_predictor(service: Any, predictor: Predictor, article: str) -> None:
    response = service.predict({"text": article})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert answer == predictor.predict(article).to_dict()
    assert len(answer["quotes"]) == 9
    assert service.predict({"text": article, "id": "002"}).json()["id"] == "002"


def test_documents_are_answered_in_order(service: Any, predictor: Predictor, article: str) -> None:
    texts = [article, "", "قال", article[:625], " \n"]
    documents = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    answer = service.predict({"documents": documents}).json()
    assert answer == {"documents": [predictor.predict(text, str(n)).to_dict() for n, text in enumerate(texts)]}
    assert service.predict({"documents": []}).json() == {"documents": []}


def test_many_clients_at_once_have_the_answers_of_one(service: Any, predictor: Predictor, article: str) -> None:
    texts = [article[:cut] for cut in (100, 300, 625, 1200, 2000)] * 6
    with ThreadPoolExecutor(10) as clients:
        answers = list(clients.map(lambda text: service.predict({"text": text}).json(), texts))
    assert answers == [predictor.predict(text).to_dict() for text in texts]


def test_lone_surrogates_are_escapes_in_json_in_and_out(service: Any, article: str) -> None:
    text = article.replace("ضرورة القيام", "ضرورة\ud83d القيام")
    content = json.dumps({"id": "\udc00", "text": text}).encode()
    response = httpx.post(f"{service.url}/v1/predict", content=content, headers={"content-type": "application/json"})
    answer = json.loads(response.content)
    assert answer["id"] == "\udc00"
    assert all(text[span["start"] : span["end"]] == span["text"] for span in answer["spans"])
    assert "\ud83d" in "".join(span["text"] for span in answer["spans"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "text: Field required"),
        ({"text": 5}, "text: expected a string"),
        ({"text": None}, "text: expected a string"),
        ({"text": "قال", "lang": "ar"}, "lang: Extra inputs are not permitted"),
        ({"text": "قال", "id": 7}, "id: expected a string"),
        ({"documents": None}, "documents: Input should be a valid list"),
        ({"documents": [{"id": "1"}]}, "documents.0.text: Field required"),
        ({"documents": ["قال"]}, "documents.0: Input should be a valid dictionary"),
        ({"documents": [], "text": "قال"}, "text: Extra inputs are not permitted"),
        ({"documents": [{"text": ""}] * 1001}, "documents: List should have at most 1000 items"),
        ({"documents": [{}] * 9}, "documents.4.text: Field required; and 4 more"),
        ([], 'expected {"text": …} or {"documents": [{"text": …}, …]} as application/json'),
        ("قال", 'expected {"text": …}'),
        (None, 'expected {"text": …}'),
    ],
)
def test_a_body_of_another_form_is_told_in_a_sentence(service: Any, body: object, told: str) -> None:
    response = service.predict(body)
    assert response.status_code == 422
    assert told in response.json()["detail"]
    assert "قال" not in response.text


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"", 422, 'expected {"text"'),
        (b"{", 422, "the body is not JSON: Expecting property name"),
        (b'{"text": "\xd9"}', 400, "the body cannot be read: it is not UTF-8"),
        (b"[" * 100_000, 400, "the body cannot be read: it is nested too deeply"),
        (
            b'{"text": "", "id": ' + b"9" * 5000 + b"}",
            400,
            "the body cannot be read: a number in it has too many digits",
        ),
        (b'{"text": "a"} {}', 422, "the body is not JSON: Extra data"),
    ],
)
def test_a_body_that_is_no_json(service: Any, content: bytes, status: int, told: str) -> None:
    response = httpx.post(f"{service.url}/v1/predict", content=content, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert told in response.json()["detail"]


def test_another_content_type_is_not_taken_for_json(service: Any) -> None:
    # A page elsewhere may send such a body without asking.
    response = httpx.post(f"{service.url}/v1/predict", content=b'{"text": ""}', headers={"content-type": "text/plain"})
    assert response.status_code == 422
    assert response.json()["detail"].endswith("as application/json")


def test_limits_of_body_and_document(service: Any) -> None:
    response = service.predict({"documents": [{"text": ""}, {"text": "ا" * 300_001}]})
    assert response.status_code == 413
    assert response.json()["detail"] == "document 1 has 300001 code points; 300000 are allowed: divide it"
    response = service.predict({"text": "ا" * 1_000_000})
    assert response.status_code == 413
    assert response.json()["detail"].startswith("the body has more than 2000000 bytes")

    def parts() -> Any:
        yield from [b"a" * 100_000] * 30

    response = httpx.post(f"{service.url}/v1/predict", content=parts())
    assert response.status_code == 413
    assert service.predict({"text": "اب" * 150_000}).status_code == 200


def test_a_request_beyond_the_queue_is_refused_while_the_accepted_one_is_answered(
    start_service: Any, article: str
) -> None:
    service = start_service("--queue", "1")
    content = json.dumps({"text": article}).encode()
    with service.connect() as held:
        held.sendall(request_head(len(content)) + content[:100])
        wait_until(lambda: httpx.get(f"{service.url}/ready").status_code == 503)
        for refused in (service.predict({"text": article}), httpx.get(f"{service.url}/ready")):
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
        assert httpx.get(f"{service.url}/health").json() == {"status": "ok"}
        page = httpx.post(f"{service.url}/", data={"text": article})
        assert (page.status_code, page.headers["retry-after"]) == (503, "1")
        assert "الخادم مشغول الآن" in page.text
        held.sendall(content[100:])
        status, answer = read_answer(held)
    assert (status, len(answer["quotes"])) == (200, 9)
    assert httpx.get(f"{service.url}/ready").json() == {"status": "ready"}
    assert service.predict({"text": article}).json() == answer


def test_a_service_without_room_for_the_largest_body_is_not_ready(start_service: Any) -> None:
    service = start_service("--max-body", "100")
    with ExitStack() as held:
        # There is room for ten of the largest bodies, and place for 64 requests.
        for _ in range(10):
            held.enter_context(service.connect()).sendall(request_head(91))
        wait_until(lambda: "aqwal_places_taken 10.0" in httpx.get(f"{service.url}/metrics").text)
        assert httpx.get(f"{service.url}/ready").status_code == 503
        assert httpx.post(f"{service.url}/v1/predict", content=b" " * 100).status_code == 503
        assert service.predict({"text": ""}).status_code == 200
    wait_until(lambda: httpx.get(f"{service.url}/ready").status_code == 200)


def test_an_answer_that_takes_too_long_is_given_up_and_the_service_goes_on(start_service: Any, article: str) -> None:
    service = start_service("--timeout", "0.5")
    response = service.predict({"text": (article + "\n") * 200})
    assert response.status_code == 504
    assert response.json()["detail"] == "no answer within 0.5 seconds; send fewer or shorter documents"
    assert service.predict({"text": article}).status_code == 200


def test_a_stop_answers_what_was_accepted_and_takes_nothing_new(start_service: Any, article: str) -> None:
    service = start_service()
    content = json.dumps({"text": article}).encode()
    with service.connect() as held:
        held.sendall(request_head(len(content)) + content[:100])
        wait_until(lambda: "aqwal_places_taken 1.0" in httpx.get(f"{service.url}/metrics").text)
        service.process.send_signal(signal.SIGTERM)

        def refuses() -> bool:
            try:
                service.connect().close()
            except ConnectionRefusedError:
                return True
            return False

        wait_until(refuses)
        held.sendall(content[100:])
        status, answer = read_answer(held)
    assert (status, len(answer["quotes"])) == (200, 9)
    assert service.process.wait(30) == 0
    assert [line["message"] for line in service.lines()][-1] == "ended"


def test_the_log_says_what_a_request_cost_and_never_what_it_said(start_service: Any, article: str) -> None:
    service = start_service()
    answered = service.predict({"id": "سر", "text": article})
    service.predict({"text": article, "سر": 1})
    httpx.post(f"{service.url}/", data={"text": article})
    httpx.get(f"{service.url}/سر?q=سر")
    httpx.request("BREW", f"{service.url}/health")
    assert service.stop() == 0
    lines = service.lines()
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        *(("POST", "/v1/predict", 200), ("POST", "/v1/predict", 422), ("POST", "/", 200)),
        *(("GET", "other", 404), ("other", "/health", 405)),
    ]
    assert requests[0]["request"] == answered.headers["x-request-id"]
    assert (requests[0]["documents"], requests[0]["code_points"]) == (1, len(article))
    assert all({"time", "level", "logger", "seconds"} <= set(line) for line in requests)
    written = json.dumps(lines, ensure_ascii=False) + service.log.read_text()
    assert [word for word in ["سر", *article.split()] if len(word) > 3 and word in written] == []


def test_the_numbers_are_for_prometheus(start_service: Any, article: str) -> None:
    service = start_service()
    service.predict({"documents": [{"text": article}, {"text": "قال"}]})
    service.predict({"text": 5})
    httpx.get(f"{service.url}/unknown")
    response = httpx.get(f"{service.url}/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    for line in (
        'aqwal_requests_total{method="POST",route="/v1/predict",status="200"} 1.0',
        'aqwal_requests_total{method="POST",route="/v1/predict",status="422"} 1.0',
        'aqwal_requests_total{method="GET",route="other",status="404"} 1.0',
        "aqwal_documents_total 2.0",
        f"aqwal_code_points_total {float(len(article) + 3)}",
        "aqwal_places_taken 0.0",
        "aqwal_waiting_seconds_count 1.0",
    ):
        assert line in response.text.splitlines()
    assert "process_resident_memory_bytes" in response.text


def test_openapi_describes_every_route_and_its_examples_are_accepted(service: Any) -> None:
    described = httpx.get(f"{service.url}/openapi.json").json()
    assert set(described["paths"]) == {"/v1/predict", "/health", "/ready", "/metrics"}
    predict = described["paths"]["/v1/predict"]["post"]
    assert set(predict["responses"]) == {"200", "400", "408", "413", "415", "422", "503", "504"}
    examples = predict["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == {"text", "documents"}
    answers = predict["responses"]["200"]["content"]["application/json"]["examples"]
    for name, example in examples.items():
        given = service.predict(example["value"])
        assert given.status_code == 200
        assert set(given.json()) == set(answers[name]["value"])
    text, answer = examples["text"]["value"]["text"], answers["text"]["value"]
    spans = answer["spans"]
    assert all(text[one["start"] : one["end"]] == one["text"] for one in spans)
    assert spans == sorted(spans, key=lambda one: (one["start"], one["end"]))
    for quote in answer["quotes"]:
        assert [spans[quote[end]]["label"] for end in ("quote", "speaker", "topic")] == ["QUOTE", "SPEAKER", "TOPIC"]


def test_on_loopback_only_its_own_names_are_answered(service: Any, start_service: Any) -> None:
    def status(host: str, url: str) -> int:
        return httpx.get(f"{url}/health", headers={"host": host}).status_code

    for url in (f"{service.url}/health", f"{service.url}/v1/predict"):
        told = httpx.get(url, headers={"host": "evil.example"}).json()
        assert told == {"detail": "the Host is none of this service's names; --allowed-host gives it others"}
    page = httpx.get(service.url, headers={"host": "evil.example"})
    assert (page.status_code, "ليس هذا العنوان من عناوين الخدمة" in page.text) == (400, True)
    assert [status(host, service.url) for host in ("localhost", "127.0.0.1:1", "[::1]:80")] == [200, 200, 200]
    assert [status(host, service.url) for host in ("evil.example", "localhost.evil.example")] == [400, 400]
    named = start_service("--allowed-host", "aqwal.example", "--allowed-host", "127.0.0.1")
    assert [status(host, named.url) for host in ("aqwal.example", "127.0.0.1", "localhost")] == [200, 200, 400]


def test_every_address_of_loopback_has_its_own_name_only(start_service: Any) -> None:
    service = start_service("--host", "127.0.0.2")
    for host, status in (("127.0.0.2", 200), ("localhost", 200), ("evil.example", 400)):
        assert httpx.get(f"{service.url}/health", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--timeout", "inf"], "inf is not between 0.1 and 86400 seconds"),
        (["--timeout", "nan"], "nan is not between 0.1 and 86400 seconds"),
        (["--timeout", "0"], "0 is not between 0.1 and 86400 seconds"),
        (["--allowed-host", "a*b"], "'a*b' is no name; expected one as example.org, *.example.org, or *"),
        (["--allowed-host", "a.example:80"], "'a.example:80' is no name"),
        (["--host", ""], "expected an address, as 127.0.0.1"),
    ],
)
def test_options_that_cannot_be_served_by_are_refused_at_once(options: list[str], told: str) -> None:
    command = [AQWAL, "serve", "--model", "nowhere", *options]
    env = {**os.environ, "COLUMNS": "1000"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/metrics", "/openapi.json"])
def test_head_is_get_without_its_body(service: Any, path: str) -> None:
    asked, told = httpx.get(service.url + path), httpx.head(service.url + path)
    assert (told.status_code, told.content) == (200, b"")
    assert told.headers["content-type"] == asked.headers["content-type"]


def test_a_method_that_a_route_has_not_is_told_with_those_it_has(service: Any) -> None:
    response = httpx.put(f"{service.url}/", content=b"text=1")
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "POST"})
    assert "لا تجيب هذه الصفحة عن طلب كهذا" in response.text
    assert "وقع خطأ في الخادم" not in response.text
    response = httpx.get(f"{service.url}/v1/predict")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json() == {"detail": "Method Not Allowed"}


def test_the_page_takes_no_form_from_another_site(service: Any) -> None:
    for site, status in (("cross-site", 403), ("same-origin", 200), ("none", 200)):
        response = httpx.post(f"{service.url}/", data={"text": "قال"}, headers={"sec-fetch-site": site})
        assert response.status_code == status


def test_the_page_without_a_text_says_so(service: Any) -> None:
    for content in (b"", b"word=1", b"text=1&a=2&b=3", b"\xff\xfe"):
        response = httpx.post(f"{service.url}/", content=content)
        assert response.status_code == 422
        assert "لم يصل نص" in response.text


def test_a_port_that_is_taken_and_a_model_that_is_missing_are_told_in_a_sentence(
    service: Any, tiny_model: Path
) -> None:
    for options, code, told in (
        (["--model", str(tiny_model), "--port", str(service.port)], 1, f"port {service.port} cannot be used"),
        (["--model", "nowhere"], 2, "no model folder nowhere"),
    ):
        command = [service.process.args[0], "serve", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=os.environ)
        assert (done.returncode, done.stdout) == (code, "")
        assert told in done.stderr
        assert "Traceback" not in done.stderr
