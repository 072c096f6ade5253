"""Documents out of files of every format, in folders and pipes, bad ones told."""

import csv
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.serving.documents import InputFormat, count_texts, read_texts

TABLES = ("csv", "parquet")
FORMATS = ("jsonl", *TABLES)


def read(*names: str | Path, input_format: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return (id, text) of each document, and what was reported."""
    told: list[str] = []
    documents = list(read_texts([str(name) for name in names], InputFormat(input_format), told.append))
    return [(document.id, document.text) for document in documents], told


def write(path: Path, documents: list[tuple[str | None, str | None]]) -> Path:
    """Store (id, text) pairs in the format that the path's ending says."""
    entries = [{"id": identifier, "text": text} for identifier, text in documents]
    if path.suffix == ".parquet":
        schema = pa.schema([("id", pa.string()), ("text", pa.string())])
        pq.write_table(pa.Table.from_pylist(entries, schema), path, row_group_size=100)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["id", "text"])
            writer.writeheader()
            writer.writerows(entries)
    else:
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


@pytest.mark.parametrize("input_format", FORMATS)
def test_every_format_gives_ids_and_exact_texts(tmp_path: Path, input_format: str) -> None:
    documents = [("a", 'قال: "نعم"،\r\n\n ثم, لا\u200f'), ("7", ""), ("a", "\ufeff😀"), ("long", "قال " * 60_000)]
    path = write(tmp_path / f"in.{input_format}", documents)
    assert read(path, input_format=input_format) == (documents, [])


@pytest.mark.parametrize("input_format", FORMATS)
def test_a_document_without_an_id_is_named_by_its_place(tmp_path: Path, input_format: str) -> None:
    path = write(tmp_path / f"in.{input_format}", [("a", "قال"), (None, "نعم")])
    assert read(path, input_format=input_format) == ([("a", "قال"), (f"{path}:2", "نعم")], [])


@pytest.mark.parametrize("input_format", TABLES)
def test_a_table_without_a_column_of_texts_is_told(tmp_path: Path, input_format: str) -> None:
    path = tmp_path / f"in.{input_format}"
    if input_format == "csv":
        path.write_text("id,body\n1,x\n")
    else:
        pq.write_table(pa.table({"id": [1], "body": ["x"]}), path)
    documents, (told,) = read(path, input_format=input_format)
    assert documents == []
    assert told == f"{path}: expected a column \"text\" and at most one column \"id\", got ['id', 'body']"


@pytest.mark.parametrize("input_format", TABLES)
@pytest.mark.parametrize("header", [["text", "text"], ["id", "text", "id"]])
def test_a_table_that_has_a_column_twice_is_told_and_the_next_file_read(
    tmp_path: Path, input_format: str, header: list[str]
) -> None:
    path, following = tmp_path / f"1.{input_format}", write(tmp_path / f"2.{input_format}", [("a", "قال")])
    if input_format == "csv":
        path.write_text(f"{','.join(header)}\n{','.join(header)}\n")
    else:
        pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * len(header), header), path)
    documents, (told,) = read(path, following, input_format=input_format)
    assert documents == [("a", "قال")]
    assert told == f'{path}: expected a column "text" and at most one column "id", got {header}'


def test_bad_rows_of_csv_are_told_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = [b"one,1", b"two", b"x\xd9,3", b"a,b,c", b'"f"our,4', b'"fi""ve",5', b"", b'"never']
    path.write_bytes(b"\n".join(["\ufefftext,id".encode(), *rows]))
    documents, told = read(path, input_format="csv")
    assert documents == [("1", "one"), (f"{path}:2", "two"), ("5", 'fi"ve')]
    assert [message.removeprefix(f"{path}, ") for message in told] == [
        "row 3 is not UTF-8; convert the file first, as with `iconv -t UTF-8`",
        "row 4: expected as many fields as in the header; put texts between quotation marks",
        """row 5 is not CSV: ',' expected after '"'""",
        "row 7 is not CSV: unexpected end of data",
    ]


def test_bad_rows_of_parquet_are_told_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    broken = pa.array([b"one", None, b"\xd9", b"four"], pa.binary()).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"text": broken, "id": [1, 2, 3, 4]}), path)
    documents, told = read(path, input_format="parquet")
    assert documents == [("1", "one"), ("4", "four")]
    assert told == [
        f'{path}, row 2: expected a string in the column "text", got None',
        f"{path}, row 3: text or id is not UTF-8",
    ]


def test_numbers_for_texts_are_told(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": [1]}), path)
    assert read(path, input_format="parquet") == (
        [],
        [f'{path}, row 1: expected a string in the column "text", got 1'],
    )


def test_what_a_line_holds_is_told_without_control_characters(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes('["\x9b2J\u202e"]\n'.encode())
    documents, (told,) = read(tmp_path / "in.jsonl", input_format="jsonl")
    assert documents == []
    assert told.endswith(r"""line 1: expected an object with a string "text", got '["\x9b2J\u202e"]'""")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is not Parquet that can be read: "),
        (b"not Parquet at all, but long enough", "is not Parquet that can be read: "),
        (b"PAR1\0\0\0\0PAR1", "cannot be read: "),
    ],
)
def test_what_is_not_parquet_is_told(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "in.parquet").write_bytes(content)
    documents, (told,) = read(tmp_path / "in.parquet", input_format="parquet")
    assert documents == []
    assert told.startswith(f"{tmp_path}/in.parquet {expected}")
    assert "\n" not in told


def test_a_header_that_is_not_csv_is_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b'"text')
    documents, (told,) = read(tmp_path / "in.csv", input_format="csv")
    assert documents == []
    assert told == f"{tmp_path}/in.csv is not CSV: unexpected end of data"


@pytest.mark.parametrize("input_format", ["text", *FORMATS])
def test_of_folders_every_file_of_the_format_is_read_by_name(tmp_path: Path, input_format: str) -> None:
    ending = "txt" if input_format == "text" else input_format
    names = ["b/2", "b/1", "a", "c/d/3", "c/4", ".hidden/5", "b/.6"]
    for name in names:
        path = tmp_path / f"{name}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name) if input_format == "text" else write(path, [(name, name)])
        path.with_suffix(".other").write_text("no document")
    documents, told = read(tmp_path, input_format=input_format)
    assert ([text for _, text in documents], told) == (["a", "b/1", "b/2", "c/4", "c/d/3"], [])
    assert count_texts([str(tmp_path)], InputFormat(input_format)) == 5


def test_in_a_folder_what_is_no_regular_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").symlink_to("nowhere")
    (tmp_path / "c.txt").symlink_to("kept")
    (tmp_path / "kept").write_text("قال")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/d.txt").write_text("نعم")
    (tmp_path / "linked").symlink_to("folder")
    documents, told = read(tmp_path, input_format="text")
    assert [text for _, text in documents] == ["قال", "نعم"]
    assert told == [
        f"{tmp_path}/a.txt is no regular file",
        f"{tmp_path}/b.txt cannot be read: No such file or directory",
    ]


@pytest.mark.parametrize("input_format", FORMATS)
def test_an_article_in_the_place_of_a_name_is_told(input_format: str) -> None:
    article = "قال " * 1000
    assert read(article, input_format=input_format) == ([], [f"{article[:500]} cannot be read: File name too long"])
    assert count_texts([article], InputFormat(input_format)) is None


def test_a_folder_without_such_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("قال")
    assert read(tmp_path, input_format="csv") == ([], [f"{tmp_path} holds no file that ends in .csv"])


@pytest.mark.parametrize("input_format", FORMATS)
def test_a_pipe_is_read_as_a_file_is(tmp_path: Path, input_format: str) -> None:
    path = write(tmp_path / f"in.{input_format}", [("a", "قال"), ("b", "نعم")])
    program = (
        "import sys\nfrom aqwal.serving.documents import InputFormat, read_texts\n"
        "print([document.id for document in read_texts(['-'], InputFormat(sys.argv[1]), print)])"
    )
    command = [sys.executable, "-c", program, input_format]
    done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True, timeout=60)
    assert done.stdout == b"['a', 'b']\n"


def test_what_can_be_read_only_once_is_not_counted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("-", str(tmp_path / "pipe"), str(tmp_path / "missing")):
        assert count_texts([name], InputFormat.jsonl) is None


@pytest.mark.parametrize("input_format", FORMATS)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, input_format: str) -> None:
    # 20 million characters, of which no more than some rows may be in memory.
    path = write(tmp_path / f"in.{input_format}", [(str(number), f"{number:010000}") for number in range(2000)])
    before = pa.total_allocated_bytes()
    most = 0
    tracemalloc.start()
    for document in read_texts([str(path)], InputFormat(input_format), pytest.fail):
        assert len(document.text) == 10_000
        most = max(most, pa.total_allocated_bytes() - before)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak + most < 8_000_000


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))))
def test_any_text_comes_through_csv(tmp_path_factory: pytest.TempPathFactory, documents: list[tuple[str, str]]) -> None:
    path = write(tmp_path_factory.mktemp("csv") / "in.csv", documents)
    assert read(path, input_format="csv") == (documents, [])
