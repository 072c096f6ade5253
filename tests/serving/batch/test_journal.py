"""The journal: what a killed run left, and whether a later one may go on with it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.serving.batch.journal import Journal, JournalError
from aqwal.serving.documents import TextDocument

SETTINGS = {"model": "a1", "precision": "int8"}
DOCUMENTS = [TextDocument(f"id {number}", text) for number, text in enumerate(["قال", "", "\ud83d", "قال", "نعم\n"])]


def fill(path: Path, documents: list[TextDocument], resume: bool = False) -> int:
    """Answer documents, each by its own text; return how many were answered before."""
    journal = Journal(path, SETTINGS, resume)
    left = iter(documents)
    done = journal.skip_answered(left)
    for document in left:
        journal.append(document.id, document.text, [{"said": document.text}] * len(document.text))
    journal.close()
    return done


def records(path: Path) -> list[list[dict[str, str]]]:
    journal = Journal(path, SETTINGS, resume=True)
    stored = list(journal.records())
    journal.close()
    return stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "journal"


def test_records_come_back_in_order(path: Path) -> None:
    assert fill(path, DOCUMENTS) == 0
    assert records(path) == [[{"said": document.text}] * len(document.text) for document in DOCUMENTS]


@given(st.data())
def test_wherever_a_kill_tears_it_resume_completes_it(tmp_path_factory: pytest.TempPathFactory, data) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    fill(path, DOCUMENTS)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    header = whole.index(b"\n") + 1
    torn = [b"", b"\0\0", *([b"\0\0\n", b"{}"] if cut >= header else [])]
    path.write_bytes(whole[:cut] + data.draw(st.sampled_from(torn)) * (cut < len(whole)))
    assert fill(path, DOCUMENTS, resume=True) == max(whole[:cut].count(b"\n") - 1, 0)
    assert path.read_bytes() == whole


def test_resume_of_nothing_begins(path: Path) -> None:
    assert fill(path, DOCUMENTS, resume=True) == 0
    assert len(records(path)) == len(DOCUMENTS)


def test_resume_takes_no_more_documents_than_were_answered(path: Path) -> None:
    fill(path, DOCUMENTS[:3])
    left = iter(DOCUMENTS)
    journal = Journal(path, SETTINGS, resume=True)
    assert journal.skip_answered(left) == 3
    assert list(left) == DOCUMENTS[3:]
    journal.close()


def test_without_resume_what_a_run_left_is_kept(path: Path) -> None:
    fill(path, DOCUMENTS[:2])
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"did not finish; add --resume to go on, or delete it"):
        Journal(path, SETTINGS, resume=False)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([TextDocument("id 0", "other"), *DOCUMENTS[1:]], r"document 1 \(id 0\) is another one now; delete"),
        ([TextDocument("other", "قال"), *DOCUMENTS[1:]], r"document 1 \(other\) is another one now; delete"),
        ([DOCUMENTS[1], DOCUMENTS[0]], r"document 1 \(id 1\) is another one now"),
        (DOCUMENTS[:2], r"document 3 is not there any more; delete .* to answer all of the new input"),
    ],
)
def test_resume_with_other_documents_is_refused(path: Path, documents: list[TextDocument], told: str) -> None:
    fill(path, DOCUMENTS[:3])
    before = path.read_bytes()
    with pytest.raises(JournalError, match=told):
        fill(path, documents, resume=True)
    assert path.read_bytes() == before


def test_resume_with_other_settings_is_refused(path: Path) -> None:
    fill(path, DOCUMENTS[:3])
    with pytest.raises(JournalError, match="is of a run with another model and kind; delete it to start anew"):
        Journal(path, SETTINGS | {"model": "b2", "kind": "rows"}, resume=True)


@pytest.mark.parametrize("damage", [b"X", b"\n", b"[1]\n", "قال\n".encode()])
def test_resume_leaves_alone_what_does_not_begin_as_a_journal(path: Path, damage: bytes) -> None:
    fill(path, DOCUMENTS)
    for content in (damage + path.read_bytes(), damage):
        path.write_bytes(content)
        with pytest.raises(JournalError, match="does not begin as what a run leaves; delete it or move it"):
            fill(path, DOCUMENTS, resume=True)
        assert path.read_bytes() == content


@pytest.fixture
def other_process(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the journal open until it is killed."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom aqwal.serving.batch.journal import Journal\n"
        f"journal = Journal(Path(sys.argv[1]), {SETTINGS}, True)\nprint('open', flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


def test_two_processes_do_not_write_one_journal(path: Path, other_process: subprocess.Popen[bytes]) -> None:
    with pytest.raises(JournalError, match="another run is writing"):
        Journal(path, SETTINGS, resume=True)
    other_process.kill()
    other_process.wait()
    assert fill(path, DOCUMENTS, resume=True) == 0


def test_a_removed_journal_is_gone(path: Path) -> None:
    journal = Journal(path, SETTINGS, resume=False)
    journal.remove()
    assert not path.exists()
