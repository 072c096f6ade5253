"""`aqwal agreement` and `aqwal check`, as people call them."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aqwal.annotations import Annotation, Document, Link, Span, read_documents, write_documents
from aqwal.annotations.commands import app
from aqwal.annotations.records import region_id
from aqwal.annotations.scheme import QUOTE, SAID_BY, SPEAKER

GOLD = sorted((Path(__file__).parents[2] / "annotations" / "gold").glob("*.json"))
TEXT = "وقال بوتين: “نعم”."
WHO, YES = Span(5, 10, SPEAKER), Span(12, 17, QUOTE)
GOOD = Annotation("pass-a", (WHO, YES), (Link(YES, WHO, SAID_BY),))
# Both edges are off; repair knows where they belong.
LOOSE_WHO, LOOSE_YES = Span(5, 11, SPEAKER), Span(13, 16, QUOTE)
LOOSE = Annotation("pass-a", (LOOSE_WHO, LOOSE_YES), (Link(LOOSE_YES, LOOSE_WHO, SAID_BY),))


def aqwal(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})


def stored(folder: Path, *annotations: Annotation, name: str = "أخبار.json") -> Path:
    write_documents(folder / name, [Document("خبر-1", TEXT, annotations)])
    return folder / name


# aqwal check


def test_check_of_the_gold() -> None:
    result = aqwal("check", *GOLD)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "files that follow the scheme: 5\n", "")


def test_check_names_every_problem_and_changes_nothing(tmp_path: Path) -> None:
    path, good = stored(tmp_path, LOOSE), stored(tmp_path, GOOD, name="good.json")
    before = path.read_bytes()
    result = aqwal("check", path, good)
    assert (result.exit_code, result.stdout) == (1, "")
    where = f"{path}, document خبر-1, annotator pass-a, "
    names = [region_id(TEXT, span) for span in LOOSE.spans]
    assert result.stderr.splitlines() == [
        f"{where}region {names[0]}, [5:11] 'بوتين:': SPEAKER edges: the scheme has [5:10] 'بوتين' "
        "(rules 1, 2, 5, 6, 11)",
        f"{where}region {names[1]}, [13:16] 'نعم': QUOTE edges: the scheme has [12:17] '“نعم”' (rules 1, 2, 5, 6, 11)",
    ]
    assert path.read_bytes() == before


def test_check_of_what_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "أخبار.json"
    path.write_text("[{", encoding="utf-8")
    result = aqwal("check", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{path}: not UTF-8 JSON: ")


@pytest.mark.parametrize("command", ["check", "agreement"])
def test_missing_file_or_folder_is_an_error_of_use(command: str, tmp_path: Path) -> None:
    assert aqwal(command, tmp_path / "none.json").exit_code == 2
    assert aqwal(command, tmp_path).exit_code == 2


# aqwal check --repair


def test_repair_writes_the_file_and_lists_each_change(tmp_path: Path) -> None:
    path = stored(tmp_path, LOOSE)
    result = aqwal("check", "--repair", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{path}: خبر-1, pass-a: SPEAKER [5:11] 'بوتين:' → [5:10] 'بوتين'",
        f"{path}: خبر-1, pass-a: QUOTE [13:16] 'نعم' → [12:17] '“نعم”'",
        "files that follow the scheme: 1",
    ]
    assert read_documents(path) == [Document("خبر-1", TEXT, (GOOD,))]
    assert aqwal("check", path).exit_code == 0


def test_repair_does_not_touch_a_file_that_needs_none(tmp_path: Path) -> None:
    path = Path(shutil.copy(GOLD[0], tmp_path))
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    before = path.read_bytes()
    assert aqwal("check", "--repair", path).exit_code == 0
    assert path.read_bytes() == before


def test_repair_still_tells_what_it_cannot_decide(tmp_path: Path) -> None:
    path = stored(tmp_path, Annotation("pass-a", (Span(5, 11, SPEAKER),)))
    result = aqwal("check", "--repair", path)
    assert result.exit_code == 1
    assert result.stdout == f"{path}: خبر-1, pass-a: SPEAKER [5:11] 'بوتين:' → [5:10] 'بوتين'\n"
    where = f"{path}, document خبر-1, annotator pass-a"
    where = f"{where}, region {region_id(TEXT, Span(5, 10, SPEAKER))}"
    assert result.stderr == f"{where}, [5:10] 'بوتين': SPEAKER belongs to no QUOTE (rule 17)\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda task: task["annotations"][0]["result"].append({"id": "c1", "type": "choices"}),
        lambda task: task["annotations"][0]["result"][1]["value"].update(end=99),
        lambda task: task["annotations"][0].update(lead_time=3),
        lambda task: task["data"].update(scheme="aqwal-2"),
        lambda task: task["data"].pop("id"),
    ],
    ids=["result of another kind", "offsets outside", "unknown field", "other scheme", "no id"],
)
def test_file_that_cannot_be_read_in_part_is_never_rewritten(damage, tmp_path: Path) -> None:
    path, other = stored(tmp_path, LOOSE), stored(tmp_path, LOOSE, name="other.json")
    tasks = json.loads(path.read_text(encoding="utf-8"))
    damage(tasks[0])
    path.write_text(json.dumps(tasks), encoding="utf-8")
    before = path.read_bytes()
    result = aqwal("check", "--repair", path, other)
    assert result.exit_code == 1
    assert str(path) not in result.stdout
    told, *problems = result.stderr.splitlines()
    assert told == f"{path}: left as it was; mend what cannot be read first"
    assert problems[0].startswith(f"{path}, document ")
    assert path.read_bytes() == before
    assert read_documents(other)[0].annotations == (GOOD,)


def test_repair_that_cannot_be_written_ends_no_other_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path, broken = stored(tmp_path, LOOSE), tmp_path / "broken.json"
    broken.write_text("[{", encoding="utf-8")
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", fail)
    result = aqwal("check", "--repair", path, broken)
    assert (result.exit_code, result.stdout) == (1, "")
    _, *problems = result.stderr.splitlines()
    assert problems[0] == f"{path} cannot be read or written: No space left on device"
    assert problems[1].startswith(f"{broken}: not UTF-8 JSON: ")
    assert path.read_bytes() == before


# aqwal agreement


def test_agreement_prints_a_row_for_each_label_and_link(tmp_path: Path) -> None:
    path = stored(tmp_path, GOOD, Annotation("pass-b", (YES,)), Annotation("gold", (YES,), (), True))
    result = aqwal("agreement", path)
    assert result.exit_code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "pass-a" in line]
    assert rows == [
        ["pass-a / pass-b", "SPEAKER", "1 / 0", "0.000", "0.000"],
        ["pass-a / pass-b", "QUOTE", "1 / 1", "1.000", "1.000"],
        ["pass-a / pass-b", "TOPIC", "0 / 0", "–", "–"],
        ["pass-a / pass-b", "said_by", "1 / 0", "0.000", "0.000"],
        ["pass-a / pass-b", "about", "0 / 0", "–", "–"],
    ]
    assert "gold" not in result.stdout


def test_agreement_of_all_seeds() -> None:
    result = aqwal("agreement", *GOLD)
    assert result.exit_code == 0
    assert result.stdout.count("pass-a / pass-b") == 5


def test_agreement_is_printed_though_its_page_cannot_be_written(tmp_path: Path) -> None:
    path = stored(tmp_path, GOOD, Annotation("pass-b", (YES,)))
    result = aqwal("agreement", path, "--html", os.devnull)
    assert result.exit_code == 2
    assert "pass-a / pass-b" in result.stdout
    assert result.stderr == f"aqwal: {os.devnull} cannot be read or written: Is no regular file\n"


def test_agreement_needs_two_passes(tmp_path: Path) -> None:
    result = aqwal("agreement", stored(tmp_path, GOOD))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "aqwal: no document here has two passes besides its adjudicated annotation\n"


def test_agreement_is_not_counted_over_broken_files(tmp_path: Path) -> None:
    result = aqwal("agreement", stored(tmp_path, LOOSE, Annotation("pass-b", (YES,))))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "[5:11] 'بوتين:': SPEAKER edges" in result.stderr
    assert result.stderr.endswith("aqwal: nothing was done; problems to mend: 2\n")


# other corpora


def test_check_of_a_conll_and_a_brat_file_lists_what_is_altered() -> None:
    data = Path(__file__).parents[1] / "data" / "annotations"
    result = aqwal("check", data / "ner.conll", data / "quotations.ann")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"{data}/ner.conll: 10 documents; spans: 7 LOC, 6 ORG, 6 PER"
    moved = "document quotations [91:95] 'بحسب': Cue edges moved to where the scheme has them"
    assert f"{data}/quotations.ann: {moved}" in lines
    assert lines[-2:] == [
        f"{data}/quotations.ann: 1 documents; spans: 2 Content, 2 Cue, 2 Source",
        "files that follow the scheme: 2",
    ]


def test_check_names_lines_and_formats_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("نعم PER\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("نعم B-PER\n", encoding="utf-8")
    result = aqwal("check", tmp_path / "a.conll", tmp_path / "b.txt")
    assert result.exit_code == 1
    assert "a.conll: line 1: expected a token and a tag" in result.stderr
    assert "b.txt: the ending '.txt' says no format" in result.stderr
    assert aqwal("check", "--format", "conll", tmp_path / "b.txt").exit_code == 0
    brat = aqwal("check", "--scheme", "aqwal-1", tmp_path / "b.txt", "--format", "conll")
    assert "unknown label 'PER'; the scheme has SPEAKER, QUOTE, TOPIC" in brat.stderr
