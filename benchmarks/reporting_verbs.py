"""Score plain reporting-verb rules, nothing learned.

    python benchmarks/reporting_verbs.py annotations/gold/*.json

`aqwal.training.accuracy.reporting_rules` has the rules.
"""

import sys
from pathlib import Path

from rich.console import Console

from aqwal.annotations.scheme import LABELS
from aqwal.annotations.stored import read_documents
from aqwal.training.accuracy.reporting_rules import answer_by_rules
from aqwal.training.commands import scores_table
from aqwal.training.metrics import Answered, score


def main(files: list[str]) -> None:
    """Print the rules' scores on annotated files."""
    documents = [document for file in files for document in read_documents(Path(file))]
    scores = score([Answered(document, answer_by_rules(document)) for document in documents], LABELS)
    Console().print(scores_table(scores))
    Console().print(", ".join(f"pair F1 {label}: {f1:.3f}" for label, f1 in scores["pairs"].items()))


if __name__ == "__main__":
    main(sys.argv[1:])
