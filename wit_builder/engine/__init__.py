"""How stages run: tasks over partitions, done records, a file shuffle, executors. Knows nothing of images."""
