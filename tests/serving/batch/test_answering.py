"""Many documents by the command, killed and gone on with: the same answers as by the single call, each once."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from aqwal.serving import Prediction
from aqwal.serving.batch.answer_files import OutputFormat, open_writer, records_of

FORMATS = ["jsonl", "csv", "parquet"]


@pytest.fixture
def wanted(tmp_path: Path, predictions: list[Prediction]):
    """Return the bytes of a file with the single call's answers."""

    def write(output_format: str) -> bytes:
        path = tmp_path / "wanted"
        with path.open("wb") as file, open_writer(OutputFormat(output_format), file) as writer:
            for prediction in predictions:
                writer.write(records_of(prediction, OutputFormat(output_format)))
        return path.read_bytes()

    return write


@pytest.fixture
def command(tiny_model: Path, lines: Path) -> list[str | Path]:
    return ["predict", "--model", tiny_model, "--threads", "2", "--input-format", "jsonl", lines]


def read_answers(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def kill_when_answered(process: subprocess.Popen[bytes], journal: Path, count: int) -> bool:
    """Kill a run without warning once so many documents are in its journal; say whether it was in time."""
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            if journal.read_bytes().count(b"\n") > count:
                process.send_signal(signal.SIGKILL)
                break
        time.sleep(0.005)
    process.stderr.read()
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("output_format", FORMATS)
def test_killed_and_resumed_it_gives_the_single_calls_answers(
    command, wanted, start_aqwal, run_aqwal, tmp_path: Path, output_format: str
) -> None:
    output, journal = tmp_path / f"answers.{output_format}", tmp_path / f"answers.{output_format}.unfinished"
    call = [*command, "--output-format", output_format, "--output", output, "--resume"]
    answered = 0
    for more in (5, 30):
        assert kill_when_answered(start_aqwal(*call), journal, answered + more)
        assert not output.exists()
        answered = journal.read_bytes().count(b"\n") - 1
        assert answered >= more
    done = run_aqwal(*call)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert output.read_bytes() == wanted(output_format)
    assert not journal.exists()


def test_resume_does_not_answer_again_what_is_answered(command, start_aqwal, run_aqwal, tmp_path: Path) -> None:
    call = [*command, "--output", "answers.jsonl", "--resume"]
    journal = tmp_path / "answers.jsonl.unfinished"
    assert kill_when_answered(start_aqwal(*call), journal, 10)
    # An answer that no model gives: if it comes out, it was not asked for again.
    lines = journal.read_text().splitlines(keepends=True)
    entry = json.loads(lines[1])
    entry["records"] = [{"id": "by hand"}]
    journal.write_text("".join([lines[0], json.dumps(entry) + "\n", *lines[2:]]))
    assert run_aqwal(*call).returncode == 0
    assert read_answers(tmp_path / "answers.jsonl")[0] == {"id": "by hand"}


@pytest.mark.parametrize("output_format", FORMATS)
def test_the_same_goes_over_standard_output(command, wanted, run_aqwal, output_format: str) -> None:
    done = run_aqwal(*command, "--output-format", output_format)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == wanted(output_format)


def test_bad_documents_are_told_and_passed_over_with_status_1(tiny_model: Path, run_aqwal, tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles/1.txt").write_text("قال", encoding="utf-8")
    (tmp_path / "articles/2.txt").write_bytes(b"\xd9")
    (tmp_path / "articles/3.txt").write_text("", encoding="utf-8")
    done = run_aqwal("predict", "--model", tiny_model, "--output", "answers.jsonl", "articles", "missing.txt")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "aqwal: articles/2.txt is not UTF-8 (byte 0); convert it first, as with `iconv -t UTF-8`",
        "aqwal: missing.txt cannot be read: No such file or directory",
    ]
    assert [answer["id"] for answer in read_answers(tmp_path / "answers.jsonl")] == ["articles/1.txt", "articles/3.txt"]


def test_bad_documents_are_told_again_after_a_resume(tiny_model: Path, lines: Path, start_aqwal, run_aqwal) -> None:
    lines.write_text("not JSON\n" + lines.read_text())
    call = ["predict", "--model", tiny_model, "--jsonl", lines, "--output", "answers.jsonl", "--resume"]
    assert kill_when_answered(start_aqwal(*call), lines.with_name("answers.jsonl.unfinished"), 10)
    done = run_aqwal(*call)
    assert done.returncode == 1
    assert b"articles.jsonl, line 1 is not JSON" in done.stderr
    assert len(read_answers(lines.with_name("answers.jsonl"))) == len(lines.read_text().splitlines()) - 1


def test_a_run_that_was_killed_is_not_overwritten(command, start_aqwal, run_aqwal, tmp_path: Path) -> None:
    call = [*command, "--output", "answers.jsonl"]
    assert kill_when_answered(start_aqwal(*call), tmp_path / "answers.jsonl.unfinished", 3)
    done = run_aqwal(*call)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        "aqwal: answers.jsonl.unfinished is what a run left that did not finish; add --resume to go on, or delete it\n"
    )


def test_resume_by_another_model_is_refused(command, start_aqwal, run_aqwal, tmp_path: Path) -> None:
    call = [*command, "--output", "answers.jsonl"]
    assert kill_when_answered(start_aqwal(*call), tmp_path / "answers.jsonl.unfinished", 3)
    done = run_aqwal(*call, "--resume", "--precision", "fp32", "--output-format", "csv")
    assert done.returncode == 2
    assert b"is of a run with another precision and output format; delete it to start anew" in done.stderr


def test_an_output_that_is_there_is_replaced_at_the_end(tiny_model: Path, run_aqwal, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("قال", encoding="utf-8")
    for _ in range(2):
        assert run_aqwal("predict", "--model", tiny_model, "--output", "new/answers.jsonl", "a.txt").returncode == 0
    assert [answer["id"] for answer in read_answers(tmp_path / "new/answers.jsonl")] == ["a.txt"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["answers.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--resume", "a.txt"], "--resume goes on with a file: name it by --output"),
        (["--output", "a.txt", "a.txt"], "--output a.txt is among the files to be read"),
        (["--output", ".", "a.txt"], "aqwal: . cannot be written: Is a directory"),
        (["--output", "pipe", "a.txt"], "aqwal: pipe cannot be written: Is no regular file"),
        (["--output", "a.txt/answers", "a.txt"], "aqwal: a.txt/answers cannot be written: "),
    ],
)
def test_an_output_that_cannot_be_is_told_in_a_sentence(
    tiny_model: Path, run_aqwal, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "a.txt").write_text("قال", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    done = run_aqwal("predict", "--model", tiny_model, *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert told in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "قال"
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "pipe"}


@pytest.mark.parametrize("output", ["src/a.jsonl", "src/more/new.jsonl", "src/../src/new.jsonl", "link", "all/a.jsonl"])
def test_an_output_among_the_files_of_a_folder_is_refused(
    tiny_model: Path, run_aqwal, tmp_path: Path, output: str
) -> None:
    (tmp_path / "src/more").mkdir(parents=True)
    (tmp_path / "src/a.jsonl").write_text('{"text": ""}\n')
    (tmp_path / "link").symlink_to("src/new.jsonl")
    (tmp_path / "all").symlink_to("src")
    done = run_aqwal("predict", "--model", tiny_model, "--jsonl", "src", "--output", output)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"--output {output} is among the files to be read: choose another place" in done.stderr.decode()
    assert (tmp_path / "src/a.jsonl").read_text() == '{"text": ""}\n'
    assert not (tmp_path / "src/new.jsonl").exists()


def test_an_output_beside_the_files_of_a_folder_is_written(tiny_model: Path, run_aqwal, tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert run_aqwal("predict", "--model", tiny_model, tmp_path, "--output", "answers.jsonl").returncode == 0
    assert len(read_answers(tmp_path / "answers.jsonl")) == 1


def test_what_standard_input_comes_from_is_not_replaced(tiny_model: Path, run_aqwal, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": ""}\n')
    with path.open("rb") as file:
        done = run_aqwal("predict", "--model", tiny_model, "--jsonl", "-", "--output", path, stdin=file)
    assert done.returncode == 2
    assert path.read_text() == '{"text": ""}\n'


def test_an_output_that_is_a_link_stays_one(tiny_model: Path, run_aqwal, tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.jsonl").symlink_to("disk/answers.jsonl")
    for _ in range(2):
        assert run_aqwal("predict", "--model", tiny_model, "--output", "link.jsonl", "a.txt").returncode == 0
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len(read_answers(tmp_path / "disk/answers.jsonl")) == 1


def test_from_csv_in_to_csv_out(tiny_model: Path, run_aqwal, tmp_path: Path, predictions: list[Prediction]) -> None:
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("id", "text"), *((answer.id, answer.text) for answer in predictions[:5])])
    done = run_aqwal("predict", "--model", tiny_model, "--input-format", "csv", "--output-format", "csv", "in.csv")
    rows = list(csv.DictReader(done.stdout.decode().splitlines(keepends=True)))
    assert [row["quote"] for row in rows] == [
        answer.spans[quote.quote].text for answer in predictions[:5] for quote in answer.quotes
    ]
    assert {row["document"] for row in rows} == {answer.id for answer in predictions[:5]}


def test_parquet_over_a_pipe(command, run_aqwal, tmp_path: Path) -> None:
    done = run_aqwal(*command, "--output-format", "parquet")
    (tmp_path / "out.parquet").write_bytes(done.stdout)
    assert pq.read_table(tmp_path / "out.parquet").num_rows > 0


# What a process has had in memory at most since it was started; the usage of a child counts its parent's.
WITH_PEAK = """
import re, sys
from pathlib import Path
from aqwal.serving.cli import main
sys.argv[0] = "aqwal"
try: main()
except SystemExit as end: assert not end.code
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def test_memory_stays_flat_over_many_documents(tiny_model: Path, tmp_path: Path) -> None:
    peaks = []
    for count in (50, 1_000):
        # Of each document's words two come nowhere else, one long and of letters of four bytes: so few are enough.
        texts = (f"قال {number} إن {'𐎀' * 10_000}{number} قريب." for number in range(count))
        lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
        (tmp_path / "in.jsonl").write_text("".join(lines), encoding="utf-8")
        arguments = ["predict", "--model", tiny_model, "--jsonl", "in.jsonl", "--output", "out.jsonl"]
        command = [sys.executable, "-c", WITH_PEAK, *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=300)
        assert len(read_answers(tmp_path / "out.jsonl")) == count
        peaks.append(int(done.stdout))
    # The second time the long words are 38 MB more.
    assert peaks[1] - peaks[0] < 20_000
