"""Tools for texts: folding them to one form, telling their language."""
