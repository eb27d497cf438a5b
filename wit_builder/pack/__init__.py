"""From samples to final shards of equal size, in the order of their ids."""
