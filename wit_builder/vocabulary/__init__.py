"""Where queries come from: a corpus's words and bigrams, titles of articles, WordNet, lists of others."""
