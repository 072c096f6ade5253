"""The benchmark of training runs on a CPU in seconds with a tiny model, and writes what it promises."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from speed.models import Size
from training.contenders import Job, Round, note_batches, time_steps
from training.limits import operations
from training.race import sum_up

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
    for one in figures["contenders"].values():
        # Each round has two steps of two windows, at least nine tenths full; the step before them does not count.
        assert len(one["sub_tokens"]) == 2
        assert all(0.9 * 2 * 2 * 66 <= count <= 2 * 2 * 66 for count in one["sub_tokens"])
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


def test_the_windows_of_the_timed_steps_are_counted_and_no_others():
    class Model(torch.nn.Module):
        def forward(self, batch=None, **named):
            """Is trained like ours, by a batch, or like transformers' models, by names."""

    model, job = Model(), Job(Size(2, 64, 128, 2, 100), "cpu", 8, 2)
    batches = note_batches(model)

    def run(steps, tick):
        model({"input_ids": torch.zeros(2, 8)})
        tick()
        model({"input_ids": torch.zeros(2, 7)})
        model(input_ids=torch.zeros(2, 6), attention_mask=torch.tensor([[1] * 6, [1] * 4 + [0] * 2]))
        tick()

    for _ in range(2):
        counted = time_steps(run, 2, job, batches)
        assert counted.sub_tokens == 7 + 7 + 6 + 4
        assert counted.operations == operations(job.size, [7, 7, 6, 4])
        assert counted.seconds > 0


def test_speeds_are_compared_by_the_sub_tokens_that_each_contender_had():
    trainer = [Round(2.0, 100, 10.0), Round(4.0, 100, 10.0), Round(5.0, 100, 10.0)]
    ours = [Round(2.0, 120, 12.0), Round(2.0, 80, 8.0), Round(5.0, 150, 15.0)]
    # 60, 40 and 30 sub-tokens a second beside 50, 25 and 20.
    assert sum_up(ours, trainer, steps=2, limit=8.0) == {
        "step_seconds": 1.0,
        "ratio": 1.5,
        "tokens_per_second": 40.0,
        "share": 0.5,
        "sub_tokens": [120, 80, 150],
    }


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
    note = {"note": "An old figure."} if number_format == "bf16" else {}
    figures = {**base, **note, "device": device, "number_format": number_format, "contenders": {name: one}}
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
    assert guide.count("|\n\nAn old figure.\n") == 1
