"""The queries of CLIP, section 2.2: words and names, at least one of which a pair's text must hold."""
