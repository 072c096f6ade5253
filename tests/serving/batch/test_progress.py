"""The bar, in a terminal of our own."""

import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aqwal.serving import Prediction
from aqwal.serving.batch.progress import follow_in_terminal
from aqwal.serving.documents import InputFormat

AQWAL = str(Path(sys.executable).parent / "aqwal")


def shown_in_terminal(*arguments: str | Path, cwd: Path) -> str:
    """Run the command with standard error on a terminal; return what stands there."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [AQWAL, *map(str, arguments)]
    with subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = read_to_end(ours)
    assert process.returncode == 1
    return shown


def read_to_end(terminal: int) -> str:
    """Return what stands in a terminal, without colours and movements, when its other end is closed."""
    parts = []
    # That it is closed is an error on Linux.
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 4096):
            parts.append(part)
    os.close(terminal)
    return re.sub(r"\x1b\[[?\d;]*\w", "", b"".join(parts).decode())


@pytest.mark.parametrize("output", [[], ["--output", "answers.jsonl"]])
def test_a_bar_counts_documents_and_bad_ones_are_told(tiny_model: Path, tmp_path: Path, output: list[str]) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\nnot JSON\n{"text": "b"}\n')
    shown = shown_in_terminal("predict", "--model", tiny_model, "--jsonl", *output, "in.jsonl", cwd=tmp_path)
    assert "2/2 documents" in shown
    assert "in.jsonl, line 2 is not JSON" in shown


def test_a_resumed_bar_begins_where_the_run_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n')
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        follow = follow_in_terminal([str(tmp_path / "in.jsonl")], InputFormat.jsonl, tmp_path / "out.jsonl")
        answers = [Prediction("c", (), ())]
        assert list(follow(iter(answers), 2)) == answers
    assert "3/3 documents" in read_to_end(ours)


def test_without_a_terminal_nothing_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [Prediction("", (), ())]
    assert list(follow_in_terminal(["missing"], InputFormat.text, None)(iter(answers), 0)) == answers
    assert capsys.readouterr() == ("", "")
