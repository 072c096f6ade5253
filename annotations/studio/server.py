"""A local Label Studio server: installed in an environment of its own, on loopback only, nothing sent anywhere.

`up` starts it in the background and waits until it is healthy; `down` ends it; both can be given again.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
from tenacity import RetryError, retry, retry_if_result, stop_after_delay, wait_fixed

from aqwal.annotations.studio.home import LOOPBACK, Account, Home, Running, StudioError

REQUIREMENTS = Path(__file__).with_name("server-requirements.txt")
# Seconds: the first start makes the database, on a slow machine for minutes.
_UP_WITHIN, _DOWN_WITHIN = 300, 20
_ONE_REQUEST = 5.0
_LOG_LINES = 15


def up(home: Home, environment: Path, port: int, tell: Callable[[str], None]) -> Running:
    """Start the server unless it is up or starting, and wait until it is healthy.

    Args:
        home: Where its database, log and account lie.
        environment: The virtual environment to run it from; made, with Label Studio in it, if it is not there.
        port: Where it is to listen, on loopback.
        tell: Called with a line before what takes minutes.

    Raises:
        StudioError: If the port is taken, the environment cannot be made, the server ends while it starts, or takes
            longer than is waited for; in that case it goes on starting, and another call waits for it.
    """
    running = home.running()
    if running is None or not is_alive(running):
        running = _launch(home, environment, port, tell)
    elif running.port != port:
        raise StudioError(f"the server of {home.folder} is up at {running.url}; `aqwal studio down` ends it first")
    elif not is_healthy(running.url):
        tell(f"Label Studio at {running.url} is starting already; waiting for it")
    _wait_until_healthy(running, home)
    return running


def down(home: Home) -> bool:
    """End the server and wait until it has ended; return whether one was up."""
    running = home.running()
    process = None if running is None else _process(running)
    if process is not None:
        # The server has children; one that outlives it would keep the port.
        family = [*process.children(recursive=True), process]
        for member in family:
            _ask(member.terminate)
        _, left = psutil.wait_procs(family, timeout=_DOWN_WITHIN)
        for member in left:
            _ask(member.kill)
        psutil.wait_procs(left, timeout=_DOWN_WITHIN)
    home.forget()
    return process is not None


def is_alive(running: Running) -> bool:
    """Say whether the process still runs, and is not another one with the same number."""
    return _process(running) is not None


def is_healthy(url: str) -> bool:
    """Say whether a server on loopback answers there that it is up."""
    try:
        # A proxy of this environment knows nothing of this machine's loopback.
        answer = httpx.get(f"{url}/health", timeout=_ONE_REQUEST, trust_env=False)
        return bool(answer.status_code == httpx.codes.OK and answer.json().get("status") == "UP")
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


def install(environment: Path, tell: Callable[[str], None]) -> Path:
    """Return the server's program, installed with pinned versions if it is not there.

    Raises:
        StudioError: If it cannot be installed.
    """
    # The server runs in a folder of its own, where a relative path would lead elsewhere.
    environment = environment.expanduser().absolute()
    program = environment / "bin" / "label-studio"
    if program.is_file():
        return program
    tell(f"installing Label Studio into {environment} (1 GB, some minutes; it is kept)")
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", str(environment)], [*pip, "--requirement", str(REQUIREMENTS)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StudioError(f"Label Studio cannot be installed into {environment}:\n{_last_lines(done.stderr)}")
    return program


def _launch(home: Home, environment: Path, port: int, tell: Callable[[str], None]) -> Running:
    """Start the server and keep which process it is; it does not answer yet."""
    _check_port(port)
    program = install(environment, tell)
    account = home.make_account()
    first = "" if home.has_database() else "; the first start takes a minute or two"
    process = _start(program, home, account, port)
    running = Running(process.pid, port, psutil.Process(process.pid).create_time())
    home.remember(running)
    tell(f"starting Label Studio at {running.url}{first}")
    return running


def _check_port(port: int) -> None:
    """Label Studio itself would take the next port and say nothing."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            message = f"port {port} cannot be used ({error.strerror}); give another one with --port"
            raise StudioError(message) from error


def _start(program: Path, home: Home, account: Account, port: int) -> subprocess.Popen[bytes]:
    command = [str(program), "start", "--no-browser", "--internal-host", LOOPBACK, "--port", str(port)]
    home.data.mkdir(parents=True, exist_ok=True)
    with home.log.open("ab") as log:
        return subprocess.Popen(
            command,
            env={**_inherited(), **_settings(home, account)},
            cwd=home.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A process group of its own: the terminal's Ctrl+C is not for it, and `down` ends all of it.
            start_new_session=True,
        )


def _inherited() -> dict[str, str]:
    """Return this environment without what would reach into the server's own."""
    foreign = ("LABEL_STUDIO_", "DJANGO_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}


def _settings(home: Home, account: Account) -> dict[str, str]:
    own = {
        "BASE_DATA_DIR": str(home.data),
        "USERNAME": account.username,
        "PASSWORD": account.password,
        "USER_TOKEN": account.token,
        "ENABLE_LEGACY_API_TOKEN": "true",
        "DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        # The model that `aqwal studio model` serves is on loopback too.
        "ML_BLOCK_LOCAL_IP": "false",
    }
    # One request home has no switch; a proxy that is not there keeps it in. Lower case is what Python looks for first.
    no_way_out = {"HTTPS_PROXY": f"http://{LOOPBACK}:9", "NO_PROXY": f"{LOOPBACK},localhost"}
    lower = {name.lower(): value for name, value in no_way_out.items()}
    return {**{f"LABEL_STUDIO_{name}": value for name, value in own.items()}, **no_way_out, **lower}


def _wait_until_healthy(running: Running, home: Home) -> None:
    @retry(stop=stop_after_delay(_UP_WITHIN), wait=wait_fixed(0.5), retry=retry_if_result(lambda healthy: not healthy))
    def wait() -> bool:
        return not is_alive(running) or is_healthy(running.url)

    try:
        wait()
    except RetryError as error:
        what = f"Label Studio at {running.url} is still starting after {_UP_WITHIN} s"
        raise StudioError(f"{what}; give the command again to wait on, or see its log, {home.log}") from error
    if not is_alive(running):
        home.forget()
        log = _last_lines(home.log.read_text(encoding="utf-8", errors="replace"))
        raise StudioError(f"Label Studio ended while it started; the end of {home.log}:\n{log}")


def _process(running: Running) -> psutil.Process | None:
    try:
        process = psutil.Process(running.pid)
        same = process.create_time() == running.began and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if same else None


def _ask(end: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        end()


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LOG_LINES:])
