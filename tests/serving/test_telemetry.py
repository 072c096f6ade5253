"""Nobody is told that aqwal is used: what onnxruntime and Ray report by default is off, however they are reached."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

VARIABLES = ("ORT_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED")
PREDICT = "import sys; from aqwal.serving import Predictor; Predictor(sys.argv[1]).predict('قال الوزير نعم.')"
# As training does: the runtime is imported before anything of serving.
TRAIN = (
    "import sys, aqwal.training.quantization, onnxruntime;"
    "onnxruntime.InferenceSession(f'{sys.argv[1]}/model.onnx', providers=['CPUExecutionProvider'])"
)
COMMAND = (
    "import sys; from aqwal.serving.cli import main; sys.argv = ['aqwal', 'predict', '--model', *sys.argv[1:]]; main()"
)


def run_at_home(home: Path, program: str, *arguments: str | Path, **variables: str) -> str:
    """Run a program with a home folder of its own and none of the variables but those given; return its output."""
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES and not name.startswith("XDG_")}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    env |= {"HOME": str(home), **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("program", [PREDICT, TRAIN, COMMAND], ids=["library", "training", "command"])
def test_the_runtime_writes_and_sends_nothing(tiny_model: Path, root: Path, tmp_path: Path, program: str) -> None:
    run_at_home(tmp_path, program, tiny_model, root / "seeds/002_35a5180d63e7b702.txt")
    # What it is about to send, and the name it has given this machine, lie in a folder `.onnxruntime`.
    assert list(tmp_path.rglob("*onnxruntime*")) == []


@pytest.mark.parametrize(
    ("wish", "found"), [({}, ["1", "0"]), ({VARIABLES[0]: "0"}, ["0", "0"]), ({VARIABLES[1]: "1"}, ["1", "1"])]
)
def test_ray_is_told_the_same_and_who_wants_to_report_may(
    tmp_path: Path, wish: dict[str, str], found: list[str]
) -> None:
    program = "import os, sys, aqwal.serving.batch.ray_job; print(*(os.environ[name] for name in sys.argv[1:]))"
    assert run_at_home(tmp_path, program, *VARIABLES, **wish).split() == found
