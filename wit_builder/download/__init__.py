"""`wit fetch`: a list's images into img2dataset's shards, window by window, and nothing else."""
