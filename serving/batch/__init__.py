"""Many documents, on one machine or on many: answered once each, also if the run is killed in between.

- `answering`: documents in, answers out, to a stream or into a file.
- `answer_files`: answers as JSON lines, CSV or Parquet.
- `journal`: which documents have been answered, for a later run to go on with.
- `progress`: the bar in the terminal.
- `ray_job`: the same over a cluster, with Ray Data.
"""
