"""What bigrams a threshold of normalised pointwise mutual information lets through, on real text.

    python benchmarks/curate/npmi.py [FILE ...] [--min-count 10]

FILE: plain text, a corpus of your own; without one the English alts and captions of the shared data. For each band
of the score: how many bigrams, what share of them WordNet has as a lemma (that is, a person took them for one
thing), and some at random.
"""

import random
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import click
from match import captions_by_set, lines

from wit_builder import remote
from wit_builder.text.words import forms, is_part
from wit_builder.vocabulary.count import Corpus

EDGES = (-1.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)


@click.command()
@click.argument("files", nargs=-1)
@click.option("--min-count", default=10)
def main(files: tuple[str, ...], min_count: int) -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as folder:
        if not files:
            own = Path(folder) / "captions.txt"
            captions = dict.fromkeys(text for texts in captions_by_set().values() for text in texts)
            own.write_text("\n".join(" ".join(text.split()) for text in captions), encoding="utf-8")
            files = (str(own),)
        scratch = Path(folder) / "scratch"
        scratch.mkdir()
        corpus = Corpus(remote.expand(files, (".txt",)), scratch, 1 << 30, lambda *told: None)
        words = corpus.words(min_count, Counter())
        lemmas = set(forms(lines("queries/wordnet-lemmas.txt.gz")))
        print(f"{words.total:,} words; bigrams of {min_count} occurrences and more")
        scored = list(corpus.bigrams(words, min_count))
    draw = random.Random(1)
    for low, high in pairwise(EDGES):
        band = [(a, b) for a, b, _, score in scored if low <= score < high and not (is_part(a) or is_part(b))]
        known = sum(f"{a} {b}" in lemmas for a, b in band)
        some = ", ".join(f"{a} {b}" for a, b in draw.sample(band, min(6, len(band))))
        print(f"{low:5.1f} {len(band):>7,} {known / max(1, len(band)):>6.1%}   {some}")


if __name__ == "__main__":
    main()
