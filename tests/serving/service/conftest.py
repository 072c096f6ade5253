"""A real service for the tests: `aqwal serve` in a process of its own, on a free port of loopback."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from waiting import wait_until

AQWAL = str(Path(sys.executable).parent / "aqwal")
_STOPS_WITHIN = 60


@dataclass
class Service:
    """A service that is up; `log` is the file its lines go to."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def predict(self, body: object, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/predict", json=body, timeout=60, **options)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOPS_WITHIN)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="session")
def start_service(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Start a service with options; all are ended with the tests."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Service:
        log = tmp_path_factory.mktemp("service") / "log.jsonl"
        command = [AQWAL, "serve", "--model", str(tiny_model), "--port", "0", "--threads", "2", *options]
        with log.open("w") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
            )
        started.append(process)
        first = process.stdout.readline()
        told = re.search(r"http://\S+:\d+", first)
        assert told, first + log.read_text()
        return Service(process, told.group(), log)

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def service(start_service: Callable[..., Service]) -> Iterator[Service]:
    """A service with limits that tests can reach; whatever they ask, in the end nothing has gone wrong inside."""
    started = start_service("--max-body", "2000000", "--max-document", "300000")
    yield started
    wait_until(lambda: "aqwal_places_taken 0.0" in httpx.get(f"{started.url}/metrics").text)
    assert httpx.get(f"{started.url}/ready").status_code == 200
    assert [line for line in started.lines() if line["level"] == "ERROR" or line.get("status") == 500] == []


@pytest.fixture(scope="session")
def article(root: Path) -> str:
    """The article that the tiny model knows by heart."""
    return (root / "seeds/002_35a5180d63e7b702.txt").read_bytes().decode()
