"""Every file of configs/accelerate is one that `accelerate launch` reads, and docs/training.md has its command."""

from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser

NAMES = ["cpu", "fsdp", "one-gpu", "several-gpus", "several-machines"]


@pytest.mark.parametrize("name", NAMES)
def test_accelerate_reads_it(root: Path, name: str):
    config = load_config_from_file(str(root / "configs" / "accelerate" / f"{name}.yaml"))
    known = vars(launch_command_parser().parse_args(["train.py"]))
    assert set(config.fsdp_config) <= set(known)
    assert config.num_processes >= config.num_machines
    assert (config.distributed_type.value in {"MULTI_GPU", "FSDP"}) == (config.num_processes > 1)


def test_none_is_forgotten(root: Path):
    assert sorted(path.stem for path in (root / "configs" / "accelerate").iterdir()) == NAMES
    guide = (root / "docs" / "training.md").read_text(encoding="utf-8")
    assert all(f"--config_file configs/accelerate/{name}.yaml" in guide for name in NAMES)
