"""`aqwal corpus compile`, `inline`, `report` and `duplicates`, as people call them."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aqwal.annotations import Annotation, Document, read_documents, write_documents
from aqwal.annotations.commands import app
from aqwal.annotations.inline import format_inline, parse_inline

ANNOTATIONS = Path(__file__).parents[3] / "annotations"
CORPUS, PLAN = ANNOTATIONS / "corpus", ANNOTATIONS / "corpus-spec.json"
GOLD = sorted((ANNOTATIONS / "gold").glob("*.json"))
NAMES = ["w04-01", "w12-07", "w2-05"]
ONE = Annotation("pass-a", ())
EIGHT = "سننتظر ونرى ما تقوله اللجنة في تقريرها الأخير"


def aqwal_corpus(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["corpus", *map(str, arguments)], env={"COLUMNS": "200"})


def rows(output: str, first: str) -> list[list[str]]:
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines()]
    return [row for row in cells if row and row[0] == first]


@pytest.fixture
def passes(tmp_path: Path) -> list[Path]:
    documents = [document for name in NAMES for document in read_documents(CORPUS / f"{name}.json")]
    files = [tmp_path / f"{name}.txt" for name in ("writer", "blind", "gold")]
    for number, file in enumerate(files):
        source = "".join(format_inline(document, document.annotations[number]) for document in documents)
        file.write_bytes(source.encode("utf-8"))
    return files


# aqwal corpus compile


def test_compile_makes_the_files_of_the_corpus(passes: list[Path], tmp_path: Path) -> None:
    writer, blind, gold = passes
    folder = tmp_path / "corpus"
    result = aqwal_corpus("compile", writer, "--blind", blind, "--gold", gold, "--output", folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{folder}: documents written: 3, each with pass-a, pass-b, adjudicated\n"
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.json" for name in NAMES]
    for path in folder.iterdir():
        assert path.read_bytes() == (CORPUS / path.name).read_bytes()


def test_compile_of_the_writers_pass_alone(passes: list[Path], tmp_path: Path) -> None:
    result = aqwal_corpus("compile", passes[0], "--output", tmp_path / "corpus")
    assert result.stdout == f"{tmp_path / 'corpus'}: documents written: 3, each with pass-a\n"
    (document,) = read_documents(tmp_path / "corpus" / "w04-01.json")
    assert (document.gold, [one.annotator for one in document.passes]) == (None, ["pass-a"])


def test_compile_writes_nothing_if_one_article_is_wrong(passes: list[Path], tmp_path: Path) -> None:
    writer, blind, gold = passes
    source = gold.read_text(encoding="utf-8")
    gold.write_text(source[: source.index("=== w2-05")], encoding="utf-8")
    result = aqwal_corpus("compile", writer, "--blind", blind, "--gold", gold, "--output", tmp_path / "corpus")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"{gold}, document w2-05: the article is missing; {writer} has it",
        "aqwal: nothing was done; problems to mend: 1",
    ]
    assert not (tmp_path / "corpus").exists()


def test_compile_where_nothing_can_be_written(passes: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = aqwal_corpus("compile", passes[0], "--output", tmp_path / "file" / "corpus")
    assert (result.exit_code, result.stdout) == (2, "")
    told = f"aqwal: {tmp_path / 'file' / 'corpus'} cannot be read or written: Not a directory"
    assert result.stderr == f"{told}; documents written before it: 0 of 3\n"


def test_compile_on_a_disk_that_gets_full(passes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def sync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > 1:
            raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr("os.fsync", sync)
    result = aqwal_corpus("compile", passes[0], "--output", tmp_path / "corpus")
    assert (result.exit_code, result.stdout) == (2, "")
    told = f"aqwal: {tmp_path / 'corpus' / 'w12-07.json'} cannot be read or written: File too large"
    assert result.stderr == f"{told}; documents written before it: 1 of 3\n"
    assert [path.name for path in (tmp_path / "corpus").iterdir()] == ["w04-01.json"]


# aqwal corpus inline


def test_inline_gives_what_compile_takes(tmp_path: Path) -> None:
    stored_files = [CORPUS / f"{name}.json" for name in NAMES]
    files = []
    for options in (["--annotator", "pass-a"], ["--annotator", "pass-b"], []):
        result = aqwal_corpus("inline", *stored_files, *options)
        assert (result.exit_code, result.stderr) == (0, "")
        files.append(tmp_path / f"{len(files)}.txt")
        files[-1].write_bytes(result.stdout_bytes)
    writer, blind, gold = files
    aqwal_corpus("compile", writer, "--blind", blind, "--gold", gold, "--output", tmp_path / "corpus")
    for path in stored_files:
        assert (tmp_path / "corpus" / path.name).read_bytes() == path.read_bytes()


def test_bare_texts_keep_their_line_ends_and_have_no_marks(tmp_path: Path) -> None:
    document = Document("خبر-1", "نعم {لا}\r\n=== ثم\n")
    write_documents(tmp_path / "خبر.json", [document])
    result = aqwal_corpus("inline", tmp_path / "خبر.json", GOLD[0], "--bare")
    first, second = parse_inline(result.stdout_bytes.decode("utf-8"), "pass-b")
    assert (first.id, first.text) == (document.id, document.text)
    assert (second.text, second.annotations[0].spans) == (read_documents(GOLD[0])[0].text, ())
    assert aqwal_corpus("inline", GOLD[0], "--bare", "--annotator", "pass-a").exit_code == 2


@pytest.mark.parametrize(
    ("document", "options", "message"),
    [
        (Document("خبر-1", "نعم", (ONE,)), [], "none is adjudicated; there are annotations by pass-a"),
        (Document("خبر-1", "نعم", (ONE,)), ["--annotator", "سمر"], "none is by سمر; there are annotations by pass-a"),
        (Document("خبر-1", "نعم"), [], "none is adjudicated; there are annotations by nobody"),
        (Document("خبر 1", "نعم"), ["--bare"], "the inline form can hold neither white space in an id nor a lone"),
        (Document("خبر-1", "\ud83d"), ["--bare"], "the inline form can hold neither white space in an id nor a lone"),
    ],
)
def test_what_cannot_be_shown_inline(document: Document, options: list[str], message: str, tmp_path: Path) -> None:
    write_documents(tmp_path / "خبر.json", [document])
    result = aqwal_corpus("inline", GOLD[0], tmp_path / "خبر.json", *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert any(line.startswith(f"document {document.id}: {message}") for line in result.stderr.splitlines())


# aqwal corpus report


def test_report_of_the_seeds() -> None:
    result = aqwal_corpus("report", *GOLD)
    assert (result.exit_code, result.stderr) == (0, "")
    assert rows(result.stdout, "quotes") == [["quotes", "94"]]
    assert rows(result.stdout, "articles without quote") == [["articles without quote", "0 (0.0 %)"]]
    assert rows(result.stdout, "direct") == [["direct", "21 (22.3 %)"]]
    assert rows(result.stdout, "قال") == [["قال", "20 (21.3 %)"]]


def test_report_beside_another_set_and_a_plan(tmp_path: Path) -> None:
    files = [CORPUS / f"{name}.json" for name in NAMES]
    out = tmp_path / "new" / "figures.json"
    result = aqwal_corpus("report", *files, "--plan", PLAN, "--beside", GOLD[0].parent, "--json", out)
    assert (result.exit_code, result.stderr) == (0, "")
    assert rows(result.stdout, "articles") == [["articles", "3", "5"]]
    assert [row[1] for row in rows(result.stdout, "QUOTE")] == ["files", "beside"]
    assert "among the files and not planned: 1 (w2-05)" in result.stdout.splitlines()
    assert rows(result.stdout, "Oman") == [["Oman", "12", "0", "—"]]
    assert [row[3] for row in rows(result.stdout, "greeting of persons, condolences")] == ["—"]
    assert "with quotes though planned without, or the reverse: 0" in result.stdout.splitlines()
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert list(figures) == ["files", "beside", "plan"]
    assert (figures["files"]["articles"], figures["beside"]["quotes"]) == (3, 94)
    assert figures["beside"]["kinds"] == {"direct": 21, "indirect": 57, "mixed": 16}
    assert figures["plan"]["not_planned"] == ["w2-05"]
    assert "w04-01" not in figures["plan"]["missing"]
    assert len(figures["files"]["lengths"]["QUOTE"]["deciles"]) == 9


def test_report_needs_a_plan_that_is_one(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}", encoding="utf-8")
    result = aqwal_corpus("report", GOLD[0], "--plan", tmp_path / "plan.json")
    assert (result.exit_code, result.stdout) == (1, "")
    expected = "expected a JSON object with a list `articles` and an object `lengths`"
    assert result.stderr == f"aqwal: {tmp_path / 'plan.json'}: {expected}\n"


def test_report_of_files_without_a_clear_annotation(tmp_path: Path) -> None:
    write_documents(tmp_path / "خبر.json", [Document("خبر-1", "نعم")])
    result = aqwal_corpus("report", tmp_path / "خبر.json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "document خبر-1: 0 annotations, none of them adjudicated; expected one with `ground_truth`, or only one",
        "aqwal: nothing was done; problems to mend: 1",
    ]


# aqwal corpus duplicates


def stored(folder: Path, name: str, text: str) -> Path:
    write_documents(folder / f"{name}.json", [Document(name, text)])
    return folder / f"{name}.json"


def test_no_duplicates(tmp_path: Path) -> None:
    files = [stored(tmp_path, "خبر-1", f"{EIGHT} نعم"), stored(tmp_path, "خبر-2", "خبر آخر لا يشبهه في شيء أبدا")]
    result = aqwal_corpus("duplicates", *files, "--against", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    # The files themselves lie in the folder, and no file is compared with itself.
    assert result.stdout == "no near-duplicates among 2 documents, nor with those of 0 other files\n"


def test_duplicates_are_shown_with_ids_and_words(tmp_path: Path) -> None:
    one = stored(tmp_path, "خبر-1", f"وقال الوزير: «{EIGHT}».")
    (tmp_path / "بركة.txt").write_text(f"كلمات أخرى ثم {EIGHT} ثم غيرها", encoding="utf-8")
    line = json.dumps({"id": "سطر", "text": EIGHT[:-7]}, ensure_ascii=False)
    (tmp_path / "بركة.jsonl").write_text(f"{line}\n", encoding="utf-8")
    pool = [argument for name in ("بركة.txt", "بركة.jsonl") for argument in ("--against", tmp_path / name)]
    result = aqwal_corpus("duplicates", one, *pool)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "خبر-1 / بركة.txt: Jaccard 0.36, containment 0.67",
        f"  8 words in a row: {EIGHT}",
        "خبر-1 / سطر: Jaccard 0.50, containment 1.00",
        f"  7 words in a row: {EIGHT[:-7]}",
    ]
    assert result.stderr == "aqwal: pairs of documents that share too much: 2\n"


def test_a_lone_surrogate_is_shown_as_a_question_mark(tmp_path: Path) -> None:
    text = EIGHT.replace(" ", " \ud83d ", 1)
    result = aqwal_corpus("duplicates", stored(tmp_path, "خبر-1", text), stored(tmp_path, "خبر-2", EIGHT))
    assert result.exit_code == 1
    assert f"  8 words in a row: {text}".replace("\ud83d", "?") in result.stdout.splitlines()


def test_limits_are_the_callers(tmp_path: Path) -> None:
    one, other = stored(tmp_path, "خبر-1", f"{EIGHT} نعم"), stored(tmp_path, "خبر-2", f"لا {EIGHT}")
    assert aqwal_corpus("duplicates", one, other).exit_code == 1
    assert aqwal_corpus("duplicates", one, other, "--words", "9").exit_code == 1
    assert aqwal_corpus("duplicates", one, other, "--words", "9", "--threshold", "0.9").exit_code == 0
    assert aqwal_corpus("duplicates", one, other, "--words", "4").exit_code == 2


def test_long_lists_of_runs_are_cut(tmp_path: Path) -> None:
    pieces = [f"{EIGHT} {number}" for number in range(5)]
    one = stored(tmp_path, "خبر-1", " ".join(f"{piece} أ{at}" for at, piece in enumerate(pieces)))
    other = stored(tmp_path, "خبر-2", " ".join(f"{piece} ب{at}" for at, piece in enumerate(pieces)))
    lines = aqwal_corpus("duplicates", one, other).stdout.splitlines()
    assert len(lines) == 5
    assert lines[-1] == "  and 3 more"


@pytest.mark.parametrize(("name", "content"), [("بركة.csv", ""), ("بركة.jsonl", "{"), ("بركة.json", "{}")])
def test_a_pool_that_cannot_be_read_is_no_duplicate(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    result = aqwal_corpus("duplicates", GOLD[0], "--against", tmp_path / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert str(tmp_path / name) in result.stderr
    assert "Traceback" not in result.stderr


def test_a_copy_under_another_name_is_found(tmp_path: Path) -> None:
    copy = shutil.copy(CORPUS / "w04-01.json", tmp_path / "copy.json")
    result = aqwal_corpus("duplicates", CORPUS / "w04-01.json", "--against", copy)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "w04-01 / w04-01: Jaccard 1.00, containment 1.00"


# All of them


@pytest.mark.parametrize("command", ["report", "duplicates", "compile", "inline"])
def test_missing_files_are_an_error_of_use(command: str, tmp_path: Path) -> None:
    assert aqwal_corpus(command, tmp_path / "none.json").exit_code == 2


def test_the_commands_import_no_numpy_and_serving_none_of_them() -> None:
    code = (
        "import sys\n"
        "import aqwal.annotations.commands\n"
        "from aqwal.annotations.curation import duplicates, passes, pool, tables\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    code = (
        "import sys, aqwal.serving.commands, aqwal.serving.predictor\n"
        "assert not [name for name in sys.modules if name.startswith('aqwal.annotations.curation')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
