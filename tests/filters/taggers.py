"""A tagger of a few words, trained by NLTK on sentences made here, stored as NLTK stores its own."""

import json
import random
from pathlib import Path

from nltk.tag.perceptron import PerceptronTagger

WORDS = {
    "NN": ("boat", "lake", "dog", "hill", "tree"),
    "DT": ("a", "the", "A"),
    "IN": ("on", "in", "under"),
    "JJ": ("red", "small"),
}
ORDERS = (
    "DT NN IN DT NN",
    "DT JJ NN IN DT NN",
    "NN IN NN",
    "DT NN",
    "NN NN",
    "IN DT",
    "DT NN NN IN NN",
    "NN NN NN NN",
)


def tagger(folder: Path) -> Path:
    """The folder, which then holds the model's three files."""
    draw = random.Random(0)
    sentences = [
        [(draw.choice(WORDS[tag]), tag) for tag in order.split()] for order in ORDERS for _ in range(60)
    ]
    random.seed(0)  # NLTK shuffles by the module's own generator
    model = PerceptronTagger(load=False)
    model.train(sentences)
    for name, part in zip(("weights", "tagdict", "classes"), model.encode_json_obj(), strict=True):
        (folder / f"averaged_perceptron_tagger_xx.{name}.json").write_text(json.dumps(part))
    return folder
