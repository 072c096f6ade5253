"""A run on one page: curves, scores, calibration, and the worst errors over the text, right to left.

    python -m aqwal.training.report RUN_DIR [--output report.html]

- `run`: a finished run folder and what its checkpoint answers.
- `worst`: the errors that cost most, with their text cut into what is drawn.
- `page`: figures, pictures and `page.html.j2` → one HTML file that needs nothing else.
"""
