"""The benchmark of training runs on a CPU in seconds with a tiny model, and writes what it promises."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CONTENDERS = ["transformers Trainer, cross entropy", "ours, cross entropy", "ours, CRF"]
BEGIN, END = "<!-- written by make benchmark-training -->", "<!-- end -->"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder with a guide that has a place for the table."""
    (tmp_path / "training.md").write_text(f"before\n{BEGIN}\n**Figures are still to come.**\n{END}\nafter\n")
    return tmp_path


def test_it_trains_all_contenders_and_writes_the_table(root: Path, docs: Path):
    options = ["--device", "cpu", "--size", "tiny", "--tokens", "66", "--batch", "2", "--steps", "2"]
    command = [sys.executable, "-m", "training", *options, "--rounds", "2", "--output", str(docs)]
    done = subprocess.run(
        command, cwd=root / "benchmarks", env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (figures,) = json.loads((docs / "training-speed.json").read_text())
    assert list(figures["contenders"]) == CONTENDERS
    assert figures["contenders"][CONTENDERS[0]]["ratio"] == 1
    for one in figures["contenders"].values():
        # All do steps over the same windows.
        assert one["tokens_per_second"] * one["step_seconds"] == pytest.approx(2 * 64, abs=8)
        assert 0 < one["share"] < 1
        assert one["megabytes"] > 100
    page, guide = ((docs / name).read_text() for name in ("training-speed.md", "training.md"))
    assert all(f"| {name} |" in text for name in CONTENDERS for text in (page, guide))
    assert "\n2 windows of up to 66 sub-tokens a step" in page
    assert all(f"python -m training {' '.join(options)} --rounds 2`\n" in text for text in (page, guide))
    assert "Figures from a GPU are still to come" in page
    assert guide.startswith(f"before\n{BEGIN}\n")
    assert guide.endswith(f"{END}\nafter\n")
    assert guide.count("### ") == 1


def test_the_guide_has_a_place_for_the_table(root: Path):
    guide = (root / "docs" / "training.md").read_text(encoding="utf-8")
    assert guide.index(BEGIN) < guide.index(END)


def test_figures_of_a_gpu_stand_beside_those_of_a_cpu(root: Path, docs: Path):
    script = """
import sys
from pathlib import Path
from training.report import write_report
one = {"step_seconds": 1.0, "ratio": 1.0, "tokens_per_second": 2.0, "share": 0.5, "megabytes": 3.0}
base = {"threads": 1, "size": "arabert", "tokens": 512, "batch": 1, "limit": 1e12, "steps": 5, "rounds": 2}
for device, number_format, name in (("a core", "fp32", "a"), ("a GPU", "bf16", "a, compiled"), ("a core", "fp32", "a")):
    figures = {**base, "device": device, "number_format": number_format, "contenders": {name: one}}
    write_report(Path(sys.argv[1]), figures)
"""
    subprocess.run([sys.executable, "-c", script, str(docs)], cwd=root / "benchmarks", check=True)
    assert len(json.loads((docs / "training-speed.json").read_text())) == 2
    guide = (docs / "training.md").read_text()
    assert [guide.count(f"### {device}, AraBERT's size") for device in ("a core", "a GPU")] == [1, 1]
    assert guide.count("\n1 window of up to 512 sub-tokens") == 2
    options = "--size arabert --tokens 512 --batch 1 --steps 5 --rounds 2"
    assert f"`OMP_NUM_THREADS=1 python -m training --device cpu {options}`\n" in guide
    assert f"`OMP_NUM_THREADS=1 python -m training --device cuda {options} --compile`\n" in guide
    assert "still to come" not in guide
