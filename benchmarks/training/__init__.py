"""How fast a training is, beside transformers' Trainer doing the same job, all in one run on full windows of one set.

- `windows`: full windows of the corpus's text, as training makes them.
- `contenders`: the ways to train: the Trainer, ours with cross entropy, ours with the CRF; each a process of its own.
- `race`: rounds of optimizer steps, turn by turn, and what they amount to.
- `limits`: the device's matrix rate, measured, and the products that a step needs.
- `report`: a table and JSON, one entry a device.
"""
