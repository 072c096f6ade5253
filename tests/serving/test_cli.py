"""The `aqwal` command as people call it: a process of its own."""

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from aqwal.serving import Predictor
from aqwal.serving.render import to_html_page

AQWAL = str(Path(sys.executable).parent / "aqwal")


def aqwal(*arguments: str | Path, given: bytes = b"", cwd: Path | None = None, **env: str) -> tuple[int, bytes, str]:
    """Run the command; return exit code, standard output, and standard error without frames and line ends."""
    done = subprocess.run(
        [AQWAL, *map(str, arguments)],
        input=given,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, " ".join(re.sub("[─│╭╮╰╯]", " ", done.stderr.decode()).split())


def answers(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.decode().splitlines()]


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    return Predictor(tiny_model, threads=1)


@pytest.fixture(scope="module")
def seed(root: Path) -> Path:
    return root / "seeds/002_35a5180d63e7b702.txt"


def test_version() -> None:
    assert aqwal("--version") == (0, f"{version('aqwal')}\n".encode(), "")


def test_a_text_file_is_one_document(tiny_model: Path, predictor: Predictor, seed: Path) -> None:
    text = seed.read_bytes().decode()
    code, output, errors = aqwal("predict", "--model", tiny_model, seed)
    assert (code, errors) == (0, "")
    (answer,) = answers(output)
    assert answer == predictor.predict(text, str(seed)).to_dict()
    assert len(answer["spans"]) == 22
    assert all(text[span["start"] : span["end"]] == span["text"] for span in answer["spans"])
    assert "لافروف".encode() in output


def test_files_that_cannot_be_read_are_reported_and_the_others_answered_in_order(
    tiny_model: Path, seed: Path, tmp_path: Path
) -> None:
    (tmp_path / "latin.txt").write_bytes("قال".encode("cp1256"))
    (tmp_path / "empty.txt").touch()
    (tmp_path / "folder").mkdir()
    files = [seed, "missing.txt", "latin.txt", "empty.txt", "folder", seed]
    code, output, errors = aqwal("predict", "--model", tiny_model, *files, cwd=tmp_path)
    assert code == 1
    first, empty, last = answers(output)
    assert first == last
    assert empty == {"id": "empty.txt", "spans": [], "quotes": []}
    assert errors == (
        "aqwal: missing.txt cannot be read: No such file or directory "
        "aqwal: latin.txt is not UTF-8 (byte 0); convert it first, as with `iconv -t UTF-8` "
        "aqwal: folder holds no file that ends in .txt"
    )


# Lines, and what is told of each.
_EXPECTED, _NO_JSON = ": expected an object", " is not JSON in UTF-8"
BAD_LINES = [
    (b'{"id": "no text"}', _EXPECTED),
    (b'{"text": 5}', _EXPECTED),
    (b'["text"]', _EXPECTED),
    (b"not JSON", _NO_JSON),
    (b'{"text": "\xd9"}', _NO_JSON),
]


@pytest.mark.parametrize("options", [["--jsonl"], ["--input-format", "jsonl", "--output-format", "jsonl"]])
def test_json_lines_are_answered_in_order_and_bad_ones_reported(
    tiny_model: Path, predictor: Predictor, seed: Path, tmp_path: Path, options: list[str]
) -> None:
    text = seed.read_bytes().decode()
    documents = [
        {"id": "first", "text": text},
        {"text": text[:625]},
        {"id": 7, "text": "قال \ud83d", "more": [1]},
    ]
    first, *others = [json.dumps(document).encode() for document in documents]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join([first, *(line for line, _ in BAD_LINES), b"", *others]))
    code, output, errors = aqwal("predict", "--model", tiny_model, *options, "in.jsonl", cwd=tmp_path)
    assert code == 1
    assert answers(output) == [
        predictor.predict(text, "first").to_dict(),
        predictor.predict(text[:625], "in.jsonl:8").to_dict(),
        predictor.predict("قال \ud83d", "7").to_dict(),
    ]
    told = re.findall(rf"in\.jsonl, line (\d)({_EXPECTED}|{_NO_JSON})", errors)
    assert told == [(str(number), problem) for number, (_, problem) in enumerate(BAD_LINES, 2)]


def test_standard_input(tiny_model: Path, predictor: Predictor, seed: Path) -> None:
    text = seed.read_bytes().decode()
    code, output, _ = aqwal("predict", "--model", tiny_model, "-", given=text.encode())
    assert (code, answers(output)) == (0, [predictor.predict(text, "-").to_dict()])
    lines = b'{"id": "a", "text": "\\u0642\\u0627\\u0644"}\n{"text": ""}\n'
    code, output, _ = aqwal("predict", "--model", tiny_model, "--jsonl", "-", given=lines)
    assert (code, [answer["id"] for answer in answers(output)]) == (0, ["a", "-:2"])


def test_offsets_are_those_of_the_stored_text(tiny_model: Path, seed: Path, tmp_path: Path) -> None:
    text = "\ufeff" + seed.read_bytes().decode().replace("\n", "\r\n")
    (tmp_path / "windows.txt").write_bytes(text.encode())
    code, output, _ = aqwal("predict", "--model", tiny_model, tmp_path / "windows.txt")
    (answer,) = answers(output)
    assert code == 0
    assert "لافروف" in [span["text"] for span in answer["spans"]]
    assert all(text[span["start"] : span["end"]] == span["text"] for span in answer["spans"])


def test_lone_surrogates_are_escapes_in_json_in_and_out(tiny_model: Path, seed: Path) -> None:
    # One inside a span and one in the id; UTF-8 could hold neither.
    text = seed.read_bytes().decode().replace("ضرورة القيام", "ضرورة\ud83d القيام")
    line = json.dumps({"id": "\udc00", "text": text}).encode()
    code, output, errors = aqwal("predict", "--model", tiny_model, "--jsonl", "-", given=line, PYTHONIOENCODING="ascii")
    assert (code, errors) == (0, "")
    (answer,) = answers(output)
    assert answer["id"] == "\udc00"
    assert all(text[span["start"] : span["end"]] == span["text"] for span in answer["spans"])
    assert "\ud83d" in "".join(span["text"] for span in answer["spans"])
    assert rb"\ud83d" in output
    assert "لافروف".encode() in output


def test_an_id_of_null_is_no_id(tiny_model: Path) -> None:
    _, output, _ = aqwal("predict", "--model", tiny_model, "--jsonl", "-", given=b'{"id": null, "text": ""}')
    assert [answer["id"] for answer in answers(output)] == ["-:1"]


def test_a_line_that_is_nested_too_deeply_is_a_bad_line(tiny_model: Path) -> None:
    lines = b"[" * 100_000 + b'\n{"id": "next", "text": ""}\n'
    code, output, errors = aqwal("predict", "--model", tiny_model, "--jsonl", "-", given=lines)
    assert "Traceback" not in errors
    assert (code, [answer["id"] for answer in answers(output)]) == (1, ["next"])


def test_a_model_that_cannot_be_used_is_told_in_a_sentence(tiny_model_copy: Path, seed: Path) -> None:
    (tiny_model_copy / "model.onnx").write_bytes(b"")
    for arguments, told in [
        (["--model", tiny_model_copy], "model.onnx is not the file that was exported (sha256 differs)"),
        (["--model", "nowhere"], "no model folder nowhere; a checkout of aqwal has models/release"),
        (["--model", seed], "no model folder"),
        (["--model", seed.parent], "is no model folder: aqwal.json is missing"),
        (["--model", tiny_model_copy, "--precision", "int4"], "'int4' is not one of 'int8', 'fp32'"),
    ]:
        code, output, errors = aqwal("predict", *arguments, seed, cwd=tiny_model_copy.parent, COLUMNS="1000")
        assert (code, output) == (2, b"")
        assert told in errors
        assert "Traceback" not in errors


def test_without_a_model_the_released_one_answers_from_any_folder(seed: Path, tmp_path: Path) -> None:
    code, output, errors = aqwal("predict", seed, cwd=tmp_path)
    assert (code, errors) == (0, "")
    (answer,) = answers(output)
    found = {span["label"] for span in answer["spans"]}
    assert found == {"SPEAKER", "QUOTE", "TOPIC"}
    assert any(quote["speaker"] is not None and quote["topic"] is not None for quote in answer["quotes"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["predict"], "Missing argument 'FILE...'"),
        (["predict", "--threads", "0", "-"], "Invalid value for '--threads'"),
        (["predict", "--input-format", "pdf", "-"], "Invalid value for '--input-format'"),
        (["foretell"], "No such command 'foretell'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments: list[str], told: str) -> None:
    code, output, errors = aqwal(*arguments, COLUMNS="1000")
    assert (code, output) == (2, b"")
    assert told in errors


def test_a_reader_that_leaves_early_is_no_failure_of_ours(tiny_model: Path) -> None:
    # The answer comes when nobody reads any more, as behind `| head`.
    lines = b'{"text": "' + "قال ".encode() * 10 + b'"}\n'
    command = [AQWAL, "predict", "--model", str(tiny_model), "--jsonl", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        process.stdin.write(lines)
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_render_shows_text_and_quotes_in_the_terminal(tiny_model: Path, seed: Path) -> None:
    code, output, errors = aqwal("render", "--model", tiny_model, seed)
    assert (code, errors) == (0, "")
    shown = "".join(output.decode().split())
    assert shown.startswith("".join(seed.read_text(encoding="utf-8").split()))
    assert "9.لافروف:باحتمالعقدلقاءبينالرئيسين" in shown


def test_render_writes_a_page(tiny_model: Path, predictor: Predictor, seed: Path, tmp_path: Path) -> None:
    page = tmp_path / "new folder" / "out.html"
    assert aqwal("render", "--model", tiny_model, "--html", page, seed) == (0, b"", "")
    assert page.read_bytes().decode() == to_html_page(predictor.predict(seed.read_bytes().decode(), str(seed)))


def test_render_of_a_missing_file_writes_nothing(tiny_model: Path, tmp_path: Path) -> None:
    code, output, errors = aqwal("render", "--model", tiny_model, "--html", "out.html", "missing.txt", cwd=tmp_path)
    assert (code, output) == (1, b"")
    assert errors == "aqwal: missing.txt cannot be read: No such file or directory"
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_told_in_a_sentence(tiny_model: Path, seed: Path, tmp_path: Path) -> None:
    code, output, errors = aqwal("render", "--model", tiny_model, "--html", tmp_path, seed)
    assert (code, output) == (2, b"")
    assert f"{tmp_path} cannot be written" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", ["predict", "render"])
@pytest.mark.parametrize(
    ("redirection", "expected", "told"),
    [
        (">&-", 2, "aqwal: standard output cannot be written: It is closed\n"),
        (">/dev/full", 2, "aqwal: standard output cannot be written: No space left on device\n"),
        ("<&-", 1, "aqwal: - cannot be read: Standard input is closed\n"),
    ],
)
def test_a_stream_that_cannot_be_used_is_told_in_a_sentence(
    tiny_model: Path, seed: Path, command: str, redirection: str, expected: int, told: str
) -> None:
    file = "-" if redirection == "<&-" else seed
    line = shlex.join([AQWAL, command, "--model", str(tiny_model), str(file)])
    done = subprocess.run(f"{line} {redirection}", shell=True, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (expected, b"", told)


def test_a_model_that_cannot_be_read_is_told_in_a_sentence(tiny_model_copy: Path, seed: Path) -> None:
    (tiny_model_copy / "model.onnx").unlink()
    # A file that no user can read from its beginning.
    (tiny_model_copy / "model.onnx").symlink_to("/proc/self/mem")
    code, output, errors = aqwal("predict", "--model", tiny_model_copy, seed)
    assert (code, output) == (2, b"")
    assert errors == f"aqwal: {tiny_model_copy} cannot be read: Input/output error"


def test_an_output_whose_name_is_too_long_is_told_in_a_sentence(tiny_model: Path, seed: Path) -> None:
    code, output, errors = aqwal("predict", "--model", tiny_model, "--output", "a" * 300, seed)
    assert (code, output) == (2, b"")
    assert errors == f"aqwal: {'a' * 300} cannot be written: File name too long"


def test_render_of_a_folder_is_refused(tiny_model: Path, seed: Path, tmp_path: Path) -> None:
    arguments = ["--model", tiny_model, "--html", tmp_path / "out.html", seed.parent]
    code, output, errors = aqwal("render", *arguments, COLUMNS="1000")
    assert (code, output) == (2, b"")
    assert f"{seed.parent} is a folder: name one text" in errors
    assert list(tmp_path.iterdir()) == []


def test_render_does_not_replace_the_text_by_its_page(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("قال", encoding="utf-8")
    (tmp_path / "link.html").symlink_to("a.txt")
    for page in ("a.txt", "link.html"):
        arguments = ["--model", tiny_model, "--html", page, "a.txt"]
        code, output, errors = aqwal("render", *arguments, cwd=tmp_path, COLUMNS="1000")
        assert (code, output) == (2, b"")
        assert f"--html {page} is the text to be read: choose another place" in errors
        assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "قال"


def test_a_missing_extra_is_told_with_how_to_install_it(tiny_model: Path, tmp_path: Path) -> None:
    # A package of that name that is not there, before the one that is.
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError('no fastapi', name='fastapi')")
    code, output, errors = aqwal("serve", "--model", tiny_model, PYTHONPATH=str(tmp_path))
    assert (code, output) == (1, b"")
    hint = "install aqwal with its extra service, in a checkout by `pip install -e '.[service]'`"
    assert errors == f"aqwal: this command needs the package fastapi; {hint}"
