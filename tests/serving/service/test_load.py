"""Twice what the service can do, in short; `benchmarks/service_load.py` is the long form."""

import json
import subprocess
import sys
from pathlib import Path


def test_under_twice_its_capacity_the_service_loses_nothing_it_accepted(
    root: Path, tiny_model: Path, tmp_path: Path
) -> None:
    options = ["--model", tiny_model, "--seconds", "6", "--queue", "4", "--json", tmp_path / "load.json"]
    command = [sys.executable, root / "benchmarks/service_load.py", *map(str, options)]
    # In so short a time the growth of memory says nothing, and so nothing does the exit status of the script.
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    found = json.loads((tmp_path / "load.json").read_text())
    assert set(found["ends"]) == {"answered", "refused"}
    assert found["exit"] == 0
