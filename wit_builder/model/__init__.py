"""CLIP models: open_clip's towers, their weights from files, and heads on embeddings."""

import os

# Read by torch's threads when they start. Threads that wait by spinning keep the cores from those with work, and
# where anything else runs beside it, training takes far longer.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
