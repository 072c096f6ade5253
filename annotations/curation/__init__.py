"""What `aqwal corpus` does: put a corpus together, say what it is, keep it free of near-duplicates.

- `commands`: the command line of `compile`, `inline`, `report` and `duplicates`.
- `passes` (for `compile`): inline files of the same articles, joined, checked and stored a document a file; and back,
  for `inline`.
- `figures` (for `report`): how much there is of what, and how long it is; `tables` shows it in the terminal.
- `plan` (for `report`): which articles were to be written, beside those that are there.
- `reports`: each QUOTE with its sentence and source; `reporting_words` finds the word that brings it, `ways` tells
  which of the plan's ways of reporting can be seen.
- `spelling`: what typists vary, counted.
- `duplicates`: words in a row that two documents share; `pool` reads the texts to compare with.
"""
