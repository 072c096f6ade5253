"""The loop of a fine-tuning: the same steps however it is run, and nothing lost when it is stopped.

- `order`: which windows make an optimizer step, and which process and forward pass has which of them.
- `optimizer`: AdamW with the rates of encoder, head and transitions, and their schedule.
- `fine_tuning`: the model trained on the windows, step by step.
- `figures`: losses and gradient norms of the steps, fetched now and then; the end of a run that diverges.
- `progress`: how far a run is, as its checkpoints have it.
- `stopping`: the wish to end, from a signal, agreed on by all processes.
"""
