"""Cross-validation: folds held out, stopped runs gone on with, a table with spread."""

import json
from pathlib import Path

import pytest

from aqwal.annotations.curation.plan import read_plan
from aqwal.training import crossval, trial
from aqwal.training.crossval import CrossValidationConfig, cross_validate, markdown_table
from aqwal.training.data import load_documents

FOLDS = (("002_35a5180d63e7b702",), ("004_1c209e6ac6ae10d1",))


@pytest.fixture
def config(tiny_settings, tmp_path: Path) -> CrossValidationConfig:
    documents = ["annotations/gold/002_*.json", "annotations/gold/004_*.json"]
    changes = {"documents": documents, "epochs": 8, "dropout": None, "folds": FOLDS, "seeds": (1, 2)}
    return CrossValidationConfig(**tiny_settings(tmp_path / "crossval", **changes))


def test_folds_are_held_out_and_a_stopped_run_goes_on(
    config: CrossValidationConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    result = cross_validate(config)
    assert result["folds"] == [list(fold) for fold in FOLDS]
    assert result["seeds"]["1"]["labels"]["QUOTE"]["gold"] == 9 + 22
    assert sum(one["documents"] for one in result["slices"]["words"].values()) == 2
    for field in ("temperatures", "thresholds"):
        assert list(result["calibration"][field]) == list(config.labels)
    for seed in config.seeds:
        for number, fold in enumerate(FOLDS):
            run = tmp_path / "crossval" / f"seed-{seed}" / f"fold-{number}"
            parts = json.loads((run / "data.json").read_text())["documents"]
            assert parts["test"] == list(fold)
            assert parts["train"] == list(FOLDS[1 - number])
            assert [answer["id"] for answer in json.loads((run / "answers.json").read_text())] == list(fold)
            assert not (run / "checkpoint").exists()

    trained: list[str] = []
    train = trial.train
    monkeypatch.setattr(trial, "train", lambda one: trained.append(one.output_dir) or train(one))
    (tmp_path / "crossval" / "seed-2" / "fold-1" / "scores.npz").unlink()
    again = cross_validate(config)
    assert [Path(name).parts[-2:] for name in trained] == [("seed-2", "fold-1")]
    assert again == result
    assert json.loads((tmp_path / "crossval" / "crossval.json").read_text()) == result

    documents = load_documents(config.documents, config.path("")).documents
    assert [len(one) for one in crossval.read_out_of_fold(config, documents)] == [2] * len(config.seeds)
    other = config.model_copy(update={"thresholds": {"QUOTE": 0.5}})
    assert crossval.read_out_of_fold(other, documents) is None


def test_the_table_has_mean_and_spread():
    row = {"f1": {"mean": 0.5, "spread": 0.01}, "overlap_f1": {"mean": 0.9, "spread": 0.02}}
    row["character_f1"] = {"mean": 0.8, "spread": 0.0}
    table = markdown_table({"summary": {"labels": {"QUOTE": row}, "pairs": {"said_by": {"mean": 0.4, "spread": 0.1}}}})
    assert "| QUOTE | 0.50 ± 0.01 | 0.90 ± 0.02 | 0.80 ± 0.00 |" in table
    assert table.endswith("said_by 0.40 ± 0.10")


def test_folds_that_miss_a_document_are_refused(config: CrossValidationConfig):
    with pytest.raises(ValueError, match="each of the 2 documents once"):
        cross_validate(config.model_copy(update={"folds": (FOLDS[0], FOLDS[0])}))


def test_folds_are_given_in_one_way(config: CrossValidationConfig):
    fields = config.model_dump()
    for changes in ({"fold_count": 2}, {"folds": None}, {"folds": FOLDS[:1]}):
        with pytest.raises(ValueError, match="folds"):
            CrossValidationConfig(**{**fields, **changes})
    counted = CrossValidationConfig(**{**fields, "folds": None, "fold_count": 2})
    documents = load_documents(config.documents, config.path("")).documents
    assert sorted(len(fold) for fold in counted.deal(documents)) == [1, 1]


def test_the_corpus_is_sliced_by_its_plan():
    config = crossval.parse_config(
        ["--config", "configs/crossval-corpus.yaml"], crossval.DEFAULT_CONFIG, CrossValidationConfig
    )
    planned = {article.id for article in read_plan(config.path(config.plan)).articles}
    there = {document.id for document in load_documents(config.documents, config.path("")).documents}
    assert {identifier.split("-")[0] for identifier in there - planned} == {"w1", "w2", "w3"}


def test_the_seeds_fold_keeps_the_two_accounts_of_one_event_together():
    config = crossval.parse_config([], crossval.DEFAULT_CONFIG, CrossValidationConfig)
    assert {"000_fb1b0e5927def39d", "001_5c94106b819420c7"} in [set(fold) for fold in config.folds]
