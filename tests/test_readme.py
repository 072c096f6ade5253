"""The README's commands are real: CI runs them, the Makefile has them, its Python runs."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from aqwal.annotations.commands import app as annotations_app
from aqwal.serving.commands import app as serving_app
from aqwal.serving.service.commands import app as service_app
from aqwal.training.commands import app as training_app


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def _blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)


def _commands(readme: str) -> list[str]:
    lines = "\n".join(_blocks(readme, "bash")).splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def test_ci_runs_the_readmes_test_command(root: Path, readme: str):
    assert "make test" in _commands(readme)
    assert re.search(r"^make test$", (root / ".ci" / "run").read_text(), re.MULTILINE)


def test_every_make_target_named_exists(root: Path, readme: str):
    named = set(re.findall(r"\bmake ([a-z-]+)", readme))
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    assert named
    assert named <= targets


def test_every_file_named_exists(root: Path, readme: str):
    named = set(re.findall(r"\]\(([^)#:]+)\)", readme)) | set(re.findall(r"--config (\S+)", readme))
    assert named
    assert [name for name in sorted(named) if not (root / name).exists()] == []


def test_what_it_installs_is_this_checkout_with_extras_that_exist(root: Path, readme: str):
    named = re.findall(r"pip install [^`\n]*'([^']*)\[([a-z,]+)\]'", readme)
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert named
    # Not by its name, under which no index has it.
    assert {where for where, _ in named} == {"."}
    assert {extra for _, listed in named for extra in listed.split(",")} <= set(extras)


def test_every_aqwal_command_named_takes_its_options(readme: str):
    known = {}
    for app in (serving_app, service_app, annotations_app, training_app):
        command = get_command(app)
        known.update(getattr(command, "commands", {command.name: command}))
    named = [part.split() for line in _commands(readme) for part in line.split(" && ") if part.startswith("aqwal ")]
    assert named
    for _, name, *words in named:
        command = known[name]
        # Of a group, the word behind its name says which.
        command = command.commands[words[0]] if hasattr(command, "commands") else command
        options = {option for parameter in command.params for option in parameter.opts}
        assert [word for word in words if word.startswith("--") and word not in options] == []


def test_the_python_example_runs(
    root: Path, readme: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    (example,) = _blocks(readme, "python")
    shutil.copytree(tiny_model, tmp_path / "models" / "release")
    shutil.copy(root / "seeds" / "002_35a5180d63e7b702.txt", tmp_path / "article.txt")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    assert "لافروف" in capsys.readouterr().out


def test_the_quickstart_recipe_is_the_documented_path(root: Path):
    dry = subprocess.run(
        ["make", "--dry-run", "quickstart"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    steps = [
        "accelerate launch",
        "training/train.py --config configs/quickstart.yaml",
        "aqwal.training.export",
        "aqwal render",
    ]
    positions = [dry.index(step) for step in steps]
    assert positions == sorted(positions)
    assert "models/quickstart" in dry
