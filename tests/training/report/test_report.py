"""The page of a run: one file with figures, curves and errors over the text; what is missing is said."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aqwal.training.accuracy.errors import Fate, Nature
from aqwal.training.config import TrainConfig
from aqwal.training.report.page import curves_figure, render_report
from aqwal.training.report.run import Run, read_run
from aqwal.training.report.worst import worst_errors

TEXT = "قال زيد إن الحل <قريب>، وأضافت ليلى أن السلام ممكن، ثم مضى الجميع."
FIRST, SECOND = ("إن الحل <قريب>", "زيد", None), ("أن السلام ممكن", "ليلى", "السلام")


class Texts(HTMLParser):
    """The text of every element of class `text`, and the addresses that the page would load."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self._depth = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [given[name] or "" for name in ("src", "href") if name in given]
        if given.get("class") == "text":
            assert given["dir"] == "rtl"
            self.texts.append("")
            self._depth = 1
        elif self._depth:
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        self._depth = max(self._depth - 1, 0)

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.texts[-1] += data


@pytest.fixture
def run(gold, answered) -> Run:
    """A run whose model missed, invented and cut, written out by hand."""
    document = gold("خبر-1", TEXT, FIRST, SECOND)
    answers = [answered(document, ("الحل <قريب>", "زيد", "الجميع"), score=0.7)]
    scores = {"labels": {label: {"f1": 0.5} for label in ("SPEAKER", "QUOTE", "TOPIC")}}
    epochs = [{"epoch": number, "loss": 1 / number, "development": scores} for number in (1, 2)]
    rates = {"encoder_rate": 1.0e-4, "head_rate": 1.0e-3}
    config = TrainConfig(base="offline", documents=["a.json"], output_dir="runs/a", epochs=2, batch_size=1, **rates)
    data = {"files": {"a.json": "f" * 64}, "documents": {"train": ["x"], "development": ["خبر-1"], "test": []}}
    kept = {"epoch": 2, "development": scores}
    norms = [4.0 / step for step in range(1, 500)]
    return Run("a", config, data, {"python": "3.11"}, {"epochs": epochs, "kept": kept}, norms, {"development": answers})


def test_the_page_shows_figures_and_errors_and_loads_nothing(run: Run):
    page = render_report(run)
    read = Texts(page)
    assert [address for address in read.addresses if not address.startswith("#")] == []
    assert page.count("<svg") == 2
    assert "On 1 development documents" in page
    assert "<tr><td>QUOTE</td><td>0.000</td>" in page
    assert "The run holds no documents out" not in page
    assert all(text in TEXT for text in read.texts)
    assert len(read.texts) == 5
    assert "&lt;" in page
    assert "<قريب>" not in page


def test_the_page_is_the_same_every_time(run: Run):
    assert render_report(run) == render_report(run)


def test_the_worst_errors_of_each_kind_come_with_both_sides_over_the_text(run: Run):
    (cut, missed) = worst_errors(run.answers["development"], "QUOTE", 4)
    assert (cut.error, cut.score, cut.document) == (Nature.BOUNDARY, 0.7, "خبر-1")
    assert [(piece.text, piece.classes) for piece in cut.pieces][1:3] == [
        ("إن ", "gold"),
        ("الحل <قريب>", "gold predicted"),
    ]
    assert (missed.error, missed.score) == (Fate.MISSED, None)
    assert [piece.text for piece in missed.pieces if piece.classes == "gold"] == ["أن السلام ممكن"]
    assert "".join(piece.text for piece in missed.pieces) in TEXT
    (invented, _) = worst_errors(run.answers["development"], "TOPIC", 1)
    assert (invented.error, [p.text for p in invented.pieces if p.classes]) == (Nature.INVENTED, ["الجميع"])


def test_of_many_errors_the_surest_come_first(gold, answered):
    answers = [
        answered(gold(str(number), TEXT), ("إن الحل <قريب>", "زيد", None), score=number / 10) for number in range(1, 6)
    ]
    assert [one.score for one in worst_errors(answers, "QUOTE", 3)] == [0.5, 0.4, 0.3]


def test_what_there_is_is_drawn(run: Run):
    bare = replace(run, norms=[], metrics={"epochs": [{**one, "development": {}} for one in run.metrics["epochs"]]})
    titles = [[panel.get_title() for panel in curves_figure(one).axes] for one in (bare, replace(run, norms=[]), run)]
    assert titles[0] == ["loss of a word"]
    assert titles[1] == [*titles[0], "exact F1, development"]
    assert titles[2] == [*titles[1], "norm of the gradient; clipped above the line"]


def test_the_norms_of_many_steps_are_drawn_in_few_points(run: Run):
    line = curves_figure(run).axes[-1].lines[0]
    assert len(line.get_xdata()) == 200
    assert line.get_xdata()[-1] == len(run.norms)
    assert line.get_ydata()[0] == pytest.approx(np.median(run.norms[:3]))


def test_the_norms_of_every_step_are_read_from_the_curves(tiny_run: Path):
    events = EventAccumulator(str(tiny_run / "tensorboard")).Reload()
    assert read_run(tiny_run).norms == [event.value for event in events.Scalars("step/gradient_norm")]


def test_the_command_answers_the_documents_of_a_run(root: Path, tiny_run: Path, tmp_path: Path):
    command = [sys.executable, "-m", "aqwal.training.report", str(tiny_run), "--output", str(tmp_path / "page.html")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The run holds no documents out" in page
    assert "<tr><td>QUOTE</td><td>1.000</td>" in page
    assert not (tiny_run / "report.html").exists()


def test_a_run_that_is_not_finished_or_whose_documents_changed_is_named(tiny_run: Path, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"is missing; is .* the folder of a finished run"):
        read_run(tmp_path)
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    data = json.loads((run / "data.json").read_text())
    (file,) = data["files"]
    (run / "data.json").write_text(json.dumps({**data, "files": {file: "0" * 64}}))
    with pytest.raises(ValueError, match=rf"files {file} \(1 in all\) are not as the run had them"):
        read_run(run)
    shutil.copyfile(tiny_run / "data.json", run / "data.json")
    shutil.rmtree(run / "tensorboard")
    assert read_run(run).norms == []
    (run / "metrics.json").write_text('{"epochs": [], "kept": {}}')
    with pytest.raises(FileNotFoundError, match="has kept no weights yet"):
        read_run(run)
