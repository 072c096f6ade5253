"""Published corpora: a CoNLL file trains, exports, predicts and is scored by the commands for everything else."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from aqwal.annotations import Document, write_documents
from aqwal.annotations.formats.corpus import Format, read_corpus
from aqwal.annotations.page import Page
from aqwal.annotations.records import PLAIN
from aqwal.serving import Predictor
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import TOKENIZER_FILE
from aqwal.serving.tags import TagSet
from aqwal.training.bases import load_tokenizer
from aqwal.training.calibration import Layers, calibrate
from aqwal.training.commands import app
from aqwal.training.config import TrainConfig
from aqwal.training.data import encode_documents, load_documents, split_documents, tell_of_labels
from aqwal.training.metrics import score
from aqwal.training.model import SpanTagger, answer_documents
from aqwal.training.tag_scores import TagScores
from aqwal.training.train import CHECKPOINT

LABELS = ("PER", "LOC", "ORG")
NER, QUOTATIONS = "tests/data/annotations/ner.conll", "tests/data/annotations/quotations.ann"


@pytest.fixture(scope="module")
def ner_run(built_once: Callable[..., Path], tiny_base: Path, root: Path) -> Path:
    """A run folder of `train.py`, as the engineer starts it, on a CoNLL file with labels of its own."""
    return built_once("ner-run", lambda folder: _train(folder, tiny_base, root))


@pytest.fixture(scope="module")
def ner_model(built_once: Callable[..., Path], ner_run: Path, root: Path) -> Path:
    return built_once("ner-model", lambda folder: _run(root, "-m", "aqwal.training.export", ner_run, folder))


def _train(folder: Path, base: Path, root: Path) -> None:
    fields = {
        "base": str(base),
        "documents": [NER],
        "scheme": PLAIN,
        "labels": list(LABELS),
        "output_dir": str(folder),
        "max_length": 160,
        "overlap": 40,
        "epochs": 30,
        "batch_size": 4,
        "encoder_rate": 3.0e-3,
        "head_rate": 1.0e-2,
        "dropout": 0.0,
    }
    config = folder / "ner.yaml"
    config.write_text(yaml.safe_dump(fields), encoding="utf-8")
    _run(root, "training/train.py", "--config", config)


def _run(root: Path, *arguments: str | Path) -> None:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=root, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_conll_file_with_other_labels_trains_exports_and_predicts(ner_model: Path):
    text = "زارت منى القاسمي شركة النخيل للبرمجيات في جزيرة الياقوت."
    prediction = Predictor(ner_model).predict(text)
    assert [(span.label, span.text) for span in prediction.spans] == [
        ("PER", "منى القاسمي"),
        ("ORG", "شركة النخيل للبرمجيات"),
        ("LOC", "جزيرة الياقوت"),
    ]
    assert prediction.quotes == ()


def test_a_conll_models_folder_tells_its_labels_and_nothing_of_quotes(ner_model: Path):
    settings = json.loads((ner_model / "aqwal.json").read_text(encoding="utf-8"))
    assert (settings["scheme"], settings["labels"]) == (PLAIN, list(LABELS))
    assert settings["training"]["data"]["files"].keys() == {NER}
    card = (ner_model / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# Aqwal model: PER, LOC, ORG spans\n")
    assert "| train | ORG | 1.000 | 1.000 |" in card
    assert "QUOTE" not in card


def test_a_conll_file_is_scored_by_the_same_command(ner_model: Path, root: Path, tmp_path: Path):
    arguments = ["--model", ner_model, "--gold", root / NER, "--json", tmp_path / "scores.json"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert {label: row["f1"] for label, row in scores["labels"].items()} == dict.fromkeys(LABELS, 1.0)
    assert scores["pairs"] == {}
    assert "pair F1" not in result.output


def test_gold_of_another_scheme_or_format_is_told_in_a_sentence(ner_model: Path, root: Path):
    for file, message in (
        ("annotations/gold/002_35a5180d63e7b702.json", "scheme 'aqwal-1'; this version reads 'plain'"),
        ("docs/demo-article.txt", "the ending '.txt' says no format"),
    ):
        result = CliRunner().invoke(app, ["--model", str(ner_model), "--gold", str(root / file)])
        assert result.exit_code == 1
        assert message in result.stderr
        assert "Traceback" not in result.output


def test_a_checkpoint_keeps_its_scheme_and_calibrates_without_quotes(ner_run: Path, root: Path):
    tagger = SpanTagger.load(ner_run / CHECKPOINT)
    encoder = WordEncoder(load_tokenizer(ner_run / CHECKPOINT), 160, 40)
    documents = load_documents([NER], root, PLAIN).documents
    answered = answer_documents(tagger, encoder, documents)
    assert score(answered, LABELS)["macro_f1"] == 1.0
    by_text = {one.sha256: tagger.emissions(Page(one.text), encoder) for one in documents}
    scored = [(answered, TagScores(tagger.decoder().transitions, by_text))]
    chosen = calibrate(scored, Layers(LABELS, TagSet("bioes"), PLAIN))
    assert chosen["thresholds"].keys() == chosen["temperatures"].keys() == set(LABELS)
    assert (ner_run / CHECKPOINT / TOKENIZER_FILE).is_file()


def test_brat_and_conll_load_side_by_side_with_both_files_hashed_and_alterations_told(
    root: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        files = load_documents([QUOTATIONS, NER], root, PLAIN)
    assert list(files.hashes) == [QUOTATIONS, "tests/data/annotations/quotations.txt", NER]
    assert len(files.documents) == 11
    assert "1 of 2 (50.0%) Content discontinuous, split at its gaps; the first: document quotations" in caplog.text


def test_stored_documents_of_the_scheme_plain_load(root: Path, tmp_path: Path):
    documents = load_documents([QUOTATIONS], root, PLAIN).documents
    write_documents(tmp_path / "quotations.json", documents)
    assert load_documents(["quotations.json"], tmp_path, PLAIN).documents == documents


def test_labels_that_are_not_learned_or_not_there_are_told(
    root: Path, tiny_base: Path, caplog: pytest.LogCaptureFixture
):
    documents = load_documents([NER], root, PLAIN).documents
    encoder = WordEncoder(load_tokenizer(tiny_base), 160, 40)
    with caplog.at_level(logging.WARNING):
        tell_of_labels(documents, ("PER", "MISC"))
    rows = encode_documents(documents, encoder, ("PER", "MISC"), TagSet("bio"))
    assert {len(word) for row in rows for word in row["tags"]} == {2}
    assert [record.getMessage() for record in caplog.records] == [
        "7 spans of label LOC are not learned; the labels are PER, MISC",
        "6 spans of label ORG are not learned; the labels are PER, MISC",
        "no document for training has a span of label MISC",
    ]


def test_a_text_of_the_scheme_plain_is_one_piece_whatever_its_sentences(root: Path, tiny_base: Path):
    (document,) = read_corpus(root / QUOTATIONS, PLAIN).documents
    encoder = WordEncoder(load_tokenizer(tiny_base), 160, 40)
    (row,) = encode_documents([document], encoder, ("Source", "Cue", "Content"), TagSet("bioes"))
    assert [tuple(piece) for piece in row["pieces"]] == [(0, len(row["tags"]), 1, 1)]


def test_patterns_in_a_splits_file_stand_for_all_ids_that_match(tmp_path: Path):
    documents = [Document(name, "نعم") for name in ("train-1", "train-2", "test-1", "other")]
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"train": ["train-*", "other"], "test": ["test-*"]}))
    parts = split_documents(documents, splits)
    assert {part: [one.id for one in found] for part, found in parts.items()} == {
        "train": ["train-1", "train-2", "other"],
        "development": [],
        "test": ["test-1"],
    }
    splits.write_text(json.dumps({"train": ["dev-*"]}))
    with pytest.raises(ValueError, match=r"unknown documents: dev-\*"):
        split_documents(documents, splits)


def test_other_labels_need_the_scheme_plain():
    fields = {"base": "offline", "documents": ["x.txt"], "output_dir": "runs/x", "epochs": 1, "batch_size": 1}
    rates = {"encoder_rate": 1.0e-4, "head_rate": 1.0e-3}
    with pytest.raises(ValueError, match=r"labels \['PER'\] are none of scheme aqwal-1, .*; give scheme: plain"):
        TrainConfig(**fields, **rates, labels=("QUOTE", "PER"))
    config = TrainConfig(**fields, **rates, labels=("QUOTE", "PER"), scheme=PLAIN, documents_format="conll")
    assert config.file_format is Format.conll
