"""Duplicates of evaluation images among training images: found, judged, listed (section 5, appendix C)."""
