"""Serving stays light: no torch, and nothing at all until it is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "transformers", "datasets", "label_studio_sdk", "accelerate", "fastapi", "uvicorn", "jinja2"}
RUNTIME = {"numpy", "onnxruntime", "tokenizers"}


def modules_after(code: str, *arguments: str | Path) -> set[str]:
    """Run code in a fresh interpreter; return the names of what it has imported."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, check=True, env=env, text=True, encoding="utf-8", timeout=60)
    return set(json.loads(done.stderr.splitlines()[-1]))


def packages_of(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_predicting_imports_neither_torch_nor_training(tiny_model: Path) -> None:
    modules = modules_after(
        "import sys, aqwal.serving.commands\n"
        "from aqwal.serving.predictor import Predictor\n"
        "Predictor(sys.argv[1]).predict('قال لافروف إن الحل قريب')",
        tiny_model,
    )
    assert packages_of(modules) >= RUNTIME
    assert packages_of(modules) & HEAVY == set()
    assert not any(name.startswith("aqwal.training") for name in modules)


def test_the_predict_command_imports_no_heavy_package_of_other_stages(tiny_model: Path, root: Path) -> None:
    modules = modules_after(
        "import sys\nfrom aqwal.serving.cli import main\nsys.argv[0] = 'aqwal'\n"
        "try: main()\nexcept SystemExit as end: assert not end.code",
        *("predict", "--model", tiny_model, root / "seeds/002_35a5180d63e7b702.txt"),
    )
    assert packages_of(modules) >= RUNTIME
    assert packages_of(modules) & HEAVY == set()


def test_importing_the_package_imports_nothing_else() -> None:
    modules = modules_after("import aqwal.serving")
    assert packages_of(modules) & (RUNTIME | HEAVY) == set()


def test_the_packages_names_are_found_when_first_used() -> None:
    modules = modules_after("from aqwal.serving import PredictedSpan, Prediction, Quote")
    assert "aqwal.serving.prediction" in modules
    assert packages_of(modules) & RUNTIME == set()


def test_every_public_name_exists_and_others_do_not() -> None:
    import aqwal.serving

    for name in aqwal.serving.__all__:
        assert getattr(aqwal.serving, name).__name__ == name
    with pytest.raises(AttributeError, match=r"module 'aqwal\.serving' has no attribute 'Reader'"):
        _ = aqwal.serving.Reader
