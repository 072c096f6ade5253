"""Articles in files of every format, and what the single call answers to them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from aqwal.serving import Prediction, Predictor
from aqwal.serving.documents import TextDocument

AQWAL = str(Path(sys.executable).parent / "aqwal")
RunAqwal = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def predictor(tiny_model: Path) -> Predictor:
    return Predictor(tiny_model, threads=1)


@pytest.fixture(scope="session")
def articles(root: Path) -> list[TextDocument]:
    """A hundred documents of which no two are equal: beginnings of seeds, and texts without words."""
    seeds = [path.read_bytes().decode() for path in sorted((root / "seeds").glob("*.txt"))]
    texts = [f"{seeds[2][:1000]}\n{seed[: 40 * number]}" for number in range(1, 20) for seed in seeds]
    return [TextDocument(f"article {number}", text) for number, text in enumerate([*texts, "", " \n", "قال", "\ud83d"])]


@pytest.fixture(scope="session")
def predictions(predictor: Predictor, articles: list[TextDocument]) -> list[Prediction]:
    """The single call's answers."""
    return [predictor.predict(article.text, article.id) for article in articles]


@pytest.fixture
def lines(tmp_path: Path, articles: list[TextDocument]) -> Path:
    """The articles as JSON lines."""
    path = tmp_path / "articles.jsonl"
    path.write_text("".join(json.dumps({"id": article.id, "text": article.text}) + "\n" for article in articles))
    return path


@pytest.fixture
def run_aqwal(tmp_path: Path) -> RunAqwal:
    """Run the command to its end in the test's folder."""

    def run(*arguments: str | Path, stdin: IO[bytes] | None = None) -> subprocess.CompletedProcess[bytes]:
        command = [AQWAL, *map(str, arguments)]
        env = {**os.environ, "COLUMNS": "1000"}
        return subprocess.run(
            command, stdin=stdin, cwd=tmp_path, env=env, capture_output=True, check=False, timeout=120
        )

    return run


@pytest.fixture
def start_aqwal(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start the command in the test's folder."""

    def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([AQWAL, *map(str, arguments)], cwd=tmp_path, stderr=subprocess.PIPE)

    return start
