"""Folds: each batch in every fold, the same folds every time."""

import pytest

from aqwal.training.folds import check_folds, make_folds

BATCHES = {"w1": 14, "w3": 14, "w04": 15, "w18": 12, "w33": 12}
IDS = [f"{batch}-{number:02d}" for batch, count in BATCHES.items() for number in range(1, count + 1)]


def test_every_fold_has_articles_of_each_batch():
    folds = make_folds(IDS, 5)
    check_folds(folds, IDS)
    for fold in folds:
        counts = {batch: sum(one.split("-")[0] == batch for one in fold) for batch in BATCHES}
        assert all(BATCHES[batch] // 5 <= count <= -(-BATCHES[batch] // 5) for batch, count in counts.items())
    assert max(map(len, folds)) - min(map(len, folds)) <= 1


def test_folds_depend_on_the_ids_alone():
    assert make_folds(reversed(IDS), 5) == make_folds(IDS, 5)
    # By number, a plan that goes round five styles would give each fold a style of its own.
    assert not any({int(one[-2:]) % 5 for one in fold} == {1} for fold in make_folds(IDS, 5))


def test_ids_without_a_batch_are_dealt_too():
    folds = make_folds(["a", "b", "c", "w1-01"], 2)
    assert sorted(map(len, folds)) == [2, 2]


def test_too_few_documents_are_refused():
    with pytest.raises(ValueError, match="2 documents cannot make 3 folds"):
        make_folds(["a", "b"], 3)


def test_folds_that_leave_one_out_are_refused():
    with pytest.raises(ValueError, match=r"each of the 3 documents once; off: \['c'\]"):
        check_folds([["a"], ["b"]], ["a", "b", "c"])
