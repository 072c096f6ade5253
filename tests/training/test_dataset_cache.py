"""Windows and text that are kept: the same as made anew, another entry for whatever decides them, none broken."""

import logging
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import Dataset
from tokenizers import Tokenizer

from aqwal.annotations.records import Document
from aqwal.annotations.scheme import LABELS
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.tags import TagSet
from aqwal.training import dataset_cache
from aqwal.training.config import TrainConfig
from aqwal.training.data import encode_documents, load_documents
from aqwal.training.dataset_cache import KEPT, cached_dataset, cached_windows
from aqwal.training.train import train


@pytest.fixture(scope="module")
def documents(root: Path) -> list[Document]:
    return load_documents(["annotations/gold/002_*.json"], root).documents


@pytest.fixture
def make(tiny_base: Path, documents: list[Document], tmp_path: Path) -> Callable[..., Dataset]:
    """Make windows with what is to be otherwise; entries are kept in `cache`."""

    def call(max_length=128, overlap=32, labels=LABELS, tags="bioes", documents=documents, pieces=None) -> Dataset:
        tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
        tokenizer.add_tokens(pieces or [])
        encoder = WordEncoder(tokenizer, max_length, overlap)
        return cached_windows(documents, encoder, labels, TagSet(tags), tmp_path / "cache")

    return call


@pytest.fixture
def entries(tmp_path: Path) -> Callable[[], list[Path]]:
    return lambda: sorted(path for path in (tmp_path / "cache").iterdir() if path.is_dir())


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let nothing be encoded any more."""
    return lambda: monkeypatch.setattr(dataset_cache, "encode_documents", None)


def test_kept_windows_are_those_made_anew(make, entries, forbid, documents, tiny_base):
    encoder = WordEncoder(Tokenizer.from_file(str(tiny_base / "tokenizer.json")), 128, 32)
    anew = encode_documents(documents, encoder, LABELS, TagSet("bioes"))
    assert make().to_list() == anew.to_list()
    forbid()
    kept = make()
    assert kept.to_list() == anew.to_list()
    assert kept.features == anew.features
    assert len(entries()) == 1


def test_whatever_decides_the_windows_has_an_entry_of_its_own(make, entries, documents, monkeypatch):
    (document,) = documents
    unlike = [
        {},
        {"max_length": 160},
        {"overlap": 16},
        {"labels": LABELS[:2]},
        {"tags": "bio"},
        {"pieces": ["قال"]},
        {"documents": [replace(document, text=document.text + " قال")]},
        {"documents": [replace(document, annotations=(replace(document.gold, spans=(), links=()),))]},
        {"documents": [document, replace(document, id="copy")]},
    ]
    for changes in unlike:
        make(**changes)
    monkeypatch.setattr(dataset_cache, "_hash_code", lambda code: "of another release")
    make()
    assert len(entries()) == len(unlike) + 1


@pytest.mark.parametrize("damage", ["cut", "flip", "remove", "seal"])
def test_a_broken_entry_is_named_and_made_anew(make, entries, forbid, caplog, damage):
    anew = make().to_list()
    (entry,) = entries()
    path = entry / "files.json" if damage == "seal" else next(entry.glob("*.arrow"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    changed = {"cut": content[:100], "flip": content, "seal": b"{"}
    path.unlink() if damage == "remove" else path.write_bytes(changed[damage])
    with caplog.at_level(logging.WARNING):
        assert make().to_list() == anew
    assert f"{entry} is broken and passed over" in caplog.text
    forbid()
    assert make().to_list() == anew


def test_a_kill_while_an_entry_is_written_leaves_none(make, entries, forbid, monkeypatch):
    def interrupt(folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(dataset_cache, "seal", interrupt)
        make()
    assert entries() == []
    anew = make().to_list()
    forbid()
    assert make().to_list() == anew


def test_a_full_disk_costs_the_entry_and_not_the_run(make, entries, monkeypatch, caplog):
    def fail(self, path: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "save_to_disk", fail)
        assert len(make()) > 1
    assert "No space left on device" in caplog.text
    assert entries() == []


def test_an_entry_is_made_anew_when_its_own_code_changes(tmp_path, entries, monkeypatch):
    """And when that changes which all entries are made by, but not that of other entries."""
    for name in ("training/one.py", "training/other.py", "annotations/words.py", "serving/encoding.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.setattr(dataset_cache, "PROJECT_ROOT", tmp_path)
    # Within a process code does not change otherwise.
    monkeypatch.setattr(dataset_cache, "_hash_code", dataset_cache._hash_code.__wrapped__)
    made = []

    def make() -> Dataset:
        made.append(len(made))
        return Dataset.from_dict({"number": made[-1:]})

    def kept(**decides: object) -> int:
        return cached_dataset(make, decides, ("training/one.py",), tmp_path / "cache")[0]["number"]

    assert [kept(seed=1), kept(seed=1), kept(seed=2), kept(seed=1)] == [0, 0, 1, 0]
    for number, name in enumerate(["training/one.py", "annotations/words.py", "serving/encoding.py"], 2):
        (tmp_path / name).write_text("changed")
        assert [kept(seed=1), kept(seed=1)] == [number, number]
    (tmp_path / "training/other.py").write_text("changed")
    assert kept(seed=1) == 4
    assert len(entries()) == 5


def test_what_has_no_rows_is_not_kept(tmp_path, entries):
    nothing = Dataset.from_dict({"number": []})
    for _ in range(2):
        kept = cached_dataset(lambda: nothing, {}, ("training/data.py",), tmp_path / "cache")
        assert (len(kept), kept.column_names) == (0, ["number"])
    assert entries() == []


def test_the_last_used_entries_stay(make, entries, monkeypatch):
    monkeypatch.setattr(dataset_cache, "KEPT", 2)
    assert KEPT > 2
    make()
    (first,) = entries()
    make(overlap=16)
    make()
    make(overlap=8)
    assert len(entries()) == 2
    assert first in entries()


def test_nothing_else_in_the_folder_is_removed(make, entries, monkeypatch, tmp_path):
    monkeypatch.setattr(dataset_cache, "KEPT", 1)
    run = tmp_path / "cache" / "release" / "checkpoint"
    run.mkdir(parents=True)
    make()
    make(overlap=16)
    assert run.is_dir()
    assert len(entries()) == 2


def _in_a_process(base: Path, root: Path, cache: Path, answers) -> None:
    documents = load_documents(["annotations/gold/*.json"], root).documents
    encoder = WordEncoder(Tokenizer.from_file(str(base / "tokenizer.json")), 128, 32)
    windows = cached_windows(documents, encoder, LABELS, TagSet("bioes"), cache)
    answers.put((len(windows), sum(map(len, windows["tags"]))))


def test_runs_that_want_the_same_at_the_same_time_get_the_same(tiny_base, root, tmp_path, entries):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    arguments = tiny_base, root, tmp_path / "cache", answers
    processes = [context.Process(target=_in_a_process, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()
    assert len(set(found)) == 1
    assert len(entries()) == 1


def test_a_run_takes_the_windows_of_the_run_before_it(tiny_settings, tmp_path, entries, forbid):
    settings = {"epochs": 2, "window_cache": str(tmp_path / "cache")}
    before = train(TrainConfig(**tiny_settings(tmp_path / "before", **settings)))
    forbid()
    assert train(TrainConfig(**tiny_settings(tmp_path / "after", **settings))) == before
    assert len(entries()) == 1
