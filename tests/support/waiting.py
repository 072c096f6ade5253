"""Waiting for what another process or thread does."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool]) -> None:
    """Ask again and again until something is true, for 30 seconds at most."""
    ends = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.02)
