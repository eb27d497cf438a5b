"""CLIP models: open_clip's towers, their weights from files, and heads on embeddings. torch is nowhere else."""
