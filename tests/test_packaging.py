"""The wheel: what it depends on, and that it predicts in an environment that has nothing else."""

import json
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

SERVING_ONLY = """
import json, sys
from aqwal.serving import Predictor
prediction = Predictor(sys.argv[1]).predict(open(sys.argv[2], encoding="utf-8", newline="").read())
loaded = [name for name in ("torch", "transformers", "datasets", "label_studio_sdk") if name in sys.modules]
print(json.dumps({"spans": len(prediction.spans), "quotes": len(prediction.quotes), "loaded": loaded}))
"""


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree, so that no build folder is left in it."""
    copy = tmp_path_factory.mktemp("tree")
    tracked = _run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=root).splitlines()
    for name in tracked:
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((root / name).read_bytes())
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", copy / "dist", copy)
    return next((copy / "dist").glob("*.whl"))


def test_serving_depends_on_four_packages(root: Path):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = {requirement.split(">")[0] for requirement in project["optional-dependencies"]["serving"]}
    assert names == {"numpy", "onnxruntime", "tokenizers", "typer"}
    assert {requirement.split(">")[0] for requirement in project["dependencies"]} <= names


def test_every_module_of_the_tree_is_in_the_wheel(root: Path, wheel: Path):
    inside = set(zipfile.ZipFile(wheel).namelist())
    modules = {f"aqwal/{path.relative_to(root)}" for stage in STAGES for path in (root / stage).rglob("*.py")}
    assert modules <= inside
    assert {"aqwal/training/model_card.md.j2", "aqwal/serving/service/page.html.j2"} <= inside


STAGES = ("annotations", "serving", "training")


def test_the_wheel_predicts_without_torch(root: Path, wheel: Path, tiny_model: Path, tmp_path: Path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    _run(python, "-m", "pip", "install", "--quiet", "--constraint", root / "constraints.txt", f"{wheel}[serving]")
    article = root / "seeds" / "002_35a5180d63e7b702.txt"

    answer = json.loads(_run(python, "-c", SERVING_ONLY, tiny_model, article, cwd=tmp_path))
    assert answer == {"spans": 22, "quotes": 9, "loaded": []}
    packages = {entry["name"] for entry in json.loads(_run(python, "-m", "pip", "list", "--format", "json"))}
    assert not packages & {"torch", "transformers", "datasets", "accelerate", "label-studio-sdk"}

    line = json.loads(_run(tmp_path / "env" / "bin" / "aqwal", "predict", "--model", tiny_model, article, cwd=tmp_path))
    assert (len(line["spans"]), len(line["quotes"])) == (22, 9)
