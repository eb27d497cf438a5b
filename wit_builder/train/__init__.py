"""Train CLIP on shards: the paper's recipe, exact large batches, resume to the sample."""
