"""CLIP models: open_clip's towers, their weights from files, and heads on embeddings. torch is nowhere else."""

import os

# Read by torch's threads when they start. Threads that wait by spinning keep the cores from those with work: where
# anything else ran on two cores, a training step took four times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
