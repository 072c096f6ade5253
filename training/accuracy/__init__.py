"""What the model is worth, measured and written down: docs/accuracy.md with its figures and pictures.

    python -m aqwal.training.accuracy --config configs/accuracy.yaml [--stages corpus,report]

- `stages`: the configuration, and the stages from training to report.
- `served`: answers on real news as they are served, in both precisions.
- `learning_curve`: trainings on samples of the corpus.
- `figures`: all figures of the report, from what the stages left; `pictures` draws them, `accuracy.md.j2` words them.
- `bootstrap`: scores with confidence intervals.
- `errors`: what becomes of gold and predicted spans, and examples.
- `reporting_rules`: plain rules, nothing learned, as the floor.
"""
