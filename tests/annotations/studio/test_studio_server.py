"""A real local server: up, down, status, and what can be in the way."""

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import jwt
import pytest

from aqwal.annotations.studio import server
from aqwal.annotations.studio.connection import Connection
from aqwal.annotations.studio.home import Home, Running, StudioError


def test_studio_goes_up_and_down_and_keeps_what_it_has(
    own_studio: Home, connect, free_port, run_with, studio_environment: Path, monkeypatch: pytest.MonkeyPatch
):
    running = own_studio.running()
    assert running is not None
    connect(own_studio).client.projects.create(title="kept")
    again = run_with(own_studio, "up", "--environment", studio_environment, "--port", running.port)
    assert again.exit_code == 0, again.output
    assert own_studio.running() == running
    assert running.url in again.stdout

    assert "Label Studio is down" in run_with(own_studio, "down").stdout
    assert not server.is_healthy(running.url)
    down = run_with(own_studio, "status")
    assert down.exit_code == 1
    assert "no local server is up; `aqwal studio up` starts one" in down.output
    assert "no local server was up" in run_with(own_studio, "down").stdout

    monkeypatch.chdir(studio_environment.parent)
    up = run_with(own_studio, "up", "--environment", studio_environment.name, "--port", free_port())
    assert up.exit_code == 0, up.output
    assert "the first start" not in up.output
    assert "kept: 0 tasks, 0 annotated" in run_with(own_studio, "status").stdout


def test_studio_listens_on_loopback_alone_and_tells_nobody(studio: Home):
    running = studio.running()
    assert running is not None
    addresses = {
        connection.laddr.ip
        for process in _family(running)
        for connection in process.net_connections(kind="inet")
        if connection.status == "LISTEN"
    }
    assert addresses == {"127.0.0.1"}
    settings = next(process for process in _family(running)).environ()
    assert settings["LABEL_STUDIO_COLLECT_ANALYTICS"] == "false"
    assert settings["LABEL_STUDIO_SENTRY_DSN"] == ""
    assert settings["HTTPS_PROXY"] == settings["https_proxy"] == "http://127.0.0.1:9"


def _family(running: Running) -> list:
    import psutil

    process = psutil.Process(running.pid)
    return [process, *process.children(recursive=True)]


def test_studio_keeps_its_account_from_others_and_out_of_git(studio: Home):
    assert stat.S_IMODE((studio.folder / "account.json").stat().st_mode) == 0o600
    assert (studio.folder / ".gitignore").read_text().endswith("*\n")
    account = studio.account()
    assert account is not None
    assert account == studio.make_account()
    assert len(account.token) == 40


def test_a_taken_port_is_said(studio: Home, tmp_path: Path, run_with, studio_environment: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_with(Home(tmp_path / "other"), "up", "--environment", studio_environment, "--port", port)
    assert done.exit_code == 1
    assert f"port {port} cannot be used (Address already in use); give another one with --port" in done.output
    assert not (tmp_path / "other" / "server.json").exists()


def test_another_port_of_a_server_that_is_up_is_refused(studio: Home, free_port, run_with, studio_environment: Path):
    done = run_with(studio, "up", "--environment", studio_environment, "--port", free_port())
    assert done.exit_code == 1
    assert "`aqwal studio down` ends it first" in done.output


def test_a_start_that_takes_long_goes_on_and_is_waited_for(
    own_studio: Home, run_with, studio_environment: Path, free_port, monkeypatch: pytest.MonkeyPatch
):
    server.down(own_studio)
    up = ("up", "--environment", studio_environment, "--port", free_port())
    with monkeypatch.context() as patched:
        patched.setattr(server, "_UP_WITHIN", 0.2)
        early = run_with(own_studio, *up)
    starting = own_studio.running()
    assert early.exit_code == 1
    assert "is still starting after 0.2 s; give the command again to wait on" in early.output
    told = run_with(own_studio, "status")
    assert told.exit_code == 1
    assert "`aqwal studio up` starts it, or waits while it starts" in told.output

    again = run_with(own_studio, *up)
    assert again.exit_code == 0, again.output
    assert "is starting already; waiting for it" in again.stdout
    assert own_studio.running() == starting
    assert run_with(own_studio, "status").exit_code == 0


def _environment_of(program: str, folder: Path) -> Path:
    """An environment whose Label Studio is a shell script."""
    script = folder / "environment" / "bin" / "label-studio"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\n{program}\n")
    script.chmod(0o755)
    return folder / "environment"


def test_only_the_first_start_is_said_to_take_long(tmp_path: Path, free_port):
    environment, home, told = _environment_of("touch data/label_studio.sqlite3", tmp_path), Home(tmp_path / "home"), []
    for _ in range(2):
        with pytest.raises(StudioError, match="ended while it started"):
            server.up(home, environment, free_port(), told.append)
    assert ["the first start takes a minute or two" in line for line in told] == [True, False]


def test_a_server_that_ends_while_it_starts_is_told_with_its_log(tmp_path: Path, free_port):
    environment = _environment_of("echo the disk is full\nexit 3", tmp_path)
    with pytest.raises(StudioError, match=r"ended while it started.*\n.*the disk is full"):
        server.up(Home(tmp_path / "home"), environment, free_port(), print)
    assert Home(tmp_path / "home").running() is None


def test_the_users_proxies_do_not_reach_the_server(tmp_path: Path, free_port, monkeypatch: pytest.MonkeyPatch):
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "All_Proxy", "no_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    environment = _environment_of("env > data/environment\nexit 3", tmp_path)
    with pytest.raises(StudioError, match="ended while it started"):
        server.up(Home(tmp_path / "home"), environment, free_port(), print)
    seen = dict(line.split("=", 1) for line in (tmp_path / "home/data/environment").read_text().splitlines())
    proxies = {name: value for name, value in seen.items() if name.lower().endswith("_proxy")}
    nowhere, here = "http://127.0.0.1:9", "127.0.0.1,localhost"
    assert proxies == {"HTTPS_PROXY": nowhere, "https_proxy": nowhere, "NO_PROXY": here, "no_proxy": here}


class _Stranger(BaseHTTPRequestHandler):
    """A server that is healthy and knows nobody."""

    def do_GET(self):
        healthy = self.path == "/health"
        content = b'{"status": "UP"}' if healthy else b'{"detail": "Invalid token."}'
        self.send_response(200 if healthy else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of a server that refuses every token."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Stranger) as listening:
        threading.Thread(target=listening.serve_forever).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_a_server_on_this_machine_is_asked_through_no_proxy(stranger: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert server.is_healthy(stranger)
    for url in (stranger, stranger.replace("127.0.0.1", "localhost")):
        with pytest.raises(StudioError, match="refuses the token"):
            Connection.open(url, "unknown")
    with pytest.raises(StudioError, match="no server answers"):
        Connection.open("http://elsewhere.invalid", "unknown")


def test_a_token_that_has_expired_is_told(tmp_path: Path, run_with):
    token = jwt.encode({"exp": 1, "token_type": "refresh"}, "x" * 32)
    done = run_with(Home(tmp_path), "status", "--url", "http://127.0.0.1:9", "--token", token)
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert "http://127.0.0.1:9 refuses the token; copy it anew" in done.output


def test_make_clean_leaves_trainings_and_the_servers_database(root: Path):
    done = subprocess.run(["make", "--dry-run", "clean"], cwd=root, capture_output=True, text=True, check=True)
    assert not {"runs", ".studio"} & set(done.stdout.split())


def test_an_environment_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StudioError, match="cannot be installed into"):
        server.install(tmp_path / "file" / "environment", print)


def test_another_process_with_the_same_number_is_not_the_server():
    assert not server.is_alive(Running(os.getpid(), 8080, 1.0))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not server.is_alive(Running(gone.pid, 8080, 1.0))


@pytest.mark.parametrize(
    ("content", "message"), [("{", "is not JSON"), ('{"pid": 1}', "must be an object with pid, port, began")]
)
def test_a_damaged_note_of_the_server_is_told(tmp_path: Path, content: str, message: str, run_with):
    (tmp_path / "server.json").write_text(content)
    done = run_with(Home(tmp_path), "status")
    assert done.exit_code == 1
    assert message in done.output


def test_a_server_elsewhere_is_used_by_url_and_token(studio: Home, tmp_path: Path, free_port, run_with):
    running, account = studio.running(), studio.account()
    assert running is not None
    assert account is not None
    elsewhere = ("status", "--url", running.url + "/")
    assert run_with(Home(tmp_path), *elsewhere, "--token", account.token).exit_code == 0
    for token, message in ((["--token", "wrong"], "refuses the token"), ([], "a token is needed")):
        done = run_with(Home(tmp_path), *elsewhere, *token)
        assert done.exit_code == 1
        assert message in done.output
    nobody = run_with(Home(tmp_path), "status", "--url", f"http://127.0.0.1:{free_port()}", "--token", "x")
    assert "no server answers at" in nobody.output


def test_what_is_no_label_studio_is_told(tmp_path: Path, free_port, run_with):
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port := free_port()), "--bind", "127.0.0.1"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    ) as other:
        _wait_for(f"http://127.0.0.1:{port}")
        done = run_with(Home(tmp_path), "status", "--url", f"http://127.0.0.1:{port}", "--token", "x")
        other.terminate()
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert f"http://127.0.0.1:{port} no longer has what was asked for" in done.output


def _wait_for(url: str) -> None:
    for _ in range(100):
        try:
            httpx.get(url)
        except httpx.HTTPError:
            continue
        return
