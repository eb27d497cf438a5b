"""Evaluation sets: images with classes, labels or captions, in the layouts that users have."""
