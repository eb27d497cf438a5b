"""Takes out of a finished OUT what somebody asks to have removed, and leaves tombstones that keep it out."""
