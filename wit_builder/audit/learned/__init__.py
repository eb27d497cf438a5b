"""The learned detectors: appendix C's network and its training, and embeddings of others. torch is nowhere else."""
