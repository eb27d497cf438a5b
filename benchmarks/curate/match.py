"""CPU and memory of matching captions against 500,000 queries, beside MetaCLIP's loop over all entries.

    python benchmarks/curate/match.py [--rounds 5] [--looped 60]

Queries: the 155,131 real English entries of the shared data (WordNet's lemmas, 50,000 words of film subtitles), and
345,000 pairs of those words, drawn by their counts. Captions: the shared data's, real ones. Each side runs in a
process of its own; CPU seconds, medians (lowest to highest), peak memory of the process.

- ours: `Matcher`, with every span in the original; rule "words", and rule "metaclip".
- MetaCLIP's loop: its substr_matching.py as it stands: for each caption every entry is looked for, `in`. On a
  sample of captions, scaled. Ours by its rule must find the same entries in the sample.
- pyahocorasick: what MetaCLIP 2 does in its place, an automaton of the spaced entries over the spaced text; only
  where that package is installed, which this project does not need.
"""

import gzip
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import click

DATA = Path(os.environ.get("WIT_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
MANY = 500_000
SIGNS = (",", ".", ";", ":", "?", "!", "`")


@click.group(invoke_without_command=True)
@click.option("--rounds", default=5)
@click.option("--looped", default=60, help="Captions that MetaCLIP's loop is measured on.")
@click.pass_context
def main(context: click.Context, rounds: int, looped: int) -> None:
    """Print two tables."""
    if context.invoked_subcommand:
        return
    sides = {side: measured(side, rounds, looped) for side in ("words", "metaclip", "loop", "automaton")}
    print(f"{MANY:,} queries, {rounds} rounds; the loop on {looped} captions of each set, spread over it")
    print(f"\n{'':<12}{'build s':>10}{'peak MB':>10}{'holds MB':>10}")
    for side, found in sides.items():
        if found:
            print(f"{side:<12}{found['build_s']:>10.2f}{found['peak_mb']:>10.0f}{found['held_mb']:>10.0f}")
    for name, captions in captions_by_set().items():
        letters = sum(map(len, captions)) / len(captions)
        print(f"\n{name}: {len(captions):,} captions of {letters:.0f} characters")
        loop = statistics.median(sides["loop"]["us"][name])
        for side, found in sides.items():
            if found:
                print(row(side, found["us"][name], loop, found["matches"][name]))
    same = sides["metaclip"]["sample"] == sides["loop"]["sample"]
    print(
        f"\nentries found in the sample by MetaCLIP's rule and by its loop: {'the same' if same else 'NOT THE SAME'}"
    )


def row(side: str, us: list[float], loop: float, matches: float) -> str:
    """A side's time and rate on one set."""
    mid = statistics.median(us)
    spread = f"({min(us):.1f} to {max(us):.1f})"
    rate = f"{1e6 / mid:>10,.0f}/s {loop / mid:>9,.0f}x"
    return f"  {side:<10}{mid:>10.1f} us {spread:<22}{rate} {matches:>6.1f} matches"


def measured(side: str, rounds: int, looped: int) -> dict[str, Any]:
    """What the side printed, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "side", side, str(rounds), str(looped)], stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@main.command()
@click.argument("name")
@click.argument("rounds", type=int)
@click.argument("looped", type=int)
def side(name: str, rounds: int, looped: int) -> None:
    """Build one matcher and run it over all captions."""
    entries = queries()
    before = held_mb()
    began = time.process_time()
    find = SIDES[name](entries)
    if find is None:
        print("{}")
        return
    built, held = time.process_time() - began, held_mb() - before
    us, matches = {}, {}
    for title, captions in captions_by_set().items():
        part = sample(captions, looped) if name == "loop" else captions
        times = []
        for _ in range(1 if name == "loop" else rounds):
            began = time.process_time()
            count = find(part)
            times.append((time.process_time() - began) / len(part) * 1e6)
        us[title], matches[title] = times, count / len(part)
    every = [caption for captions in captions_by_set().values() for caption in sample(captions, looped)]
    found = sampled(name, find, entries, every)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"build_s": built, "peak_mb": peak, "held_mb": held, "us": us, "matches": matches} | found)
    )


def sampled(
    name: str, find: Callable[[list[str]], int], entries: list[str], captions: list[str]
) -> dict[str, Any]:
    """The entries that are in each caption, by the two sides that must agree."""
    if name == "loop":
        spaced = [f" {entry} " for entry in entries]
        texts = [spacing(caption) for caption in captions]
        return {"sample": [[n for n, entry in enumerate(spaced) if entry in text] for text in texts]}
    if name == "metaclip":
        matcher = find.__self__  # type: ignore[attr-defined]
        return {"sample": [sorted({n for n, _, _ in matcher.matcher.spans(caption)}) for caption in captions]}
    return {}


def sample(captions: list[str], count: int) -> list[str]:
    """So many, spread over all."""
    return captions[:: max(1, len(captions) // count)][:count]


class Ours:
    """Our matcher under one rule."""

    def __init__(self, entries: list[str], rule: Any) -> None:
        from wit_builder.queries.listing import Query
        from wit_builder.queries.match import Matcher

        self.matcher = Matcher([Query(entry, "words", 0) for entry in entries], rule)

    def find(self, captions: list[str]) -> int:
        """How many matches there are."""
        return len(self.matcher.match(captions).query)


def spacing(text: str) -> str:
    """MetaCLIP's."""
    text = f" {text} "
    for sign in SIGNS:
        text = text.replace(sign, f" {sign} ")
    for blank in ("\t", "\n", "\r"):
        text = text.replace(blank, " ")
    return text


def loop(entries: list[str]) -> Callable[[list[str]], int]:
    """MetaCLIP's substr_matching: every entry against every caption."""
    spaced = [f" {entry} " for entry in entries]

    def find(captions: list[str]) -> int:
        found = []
        for caption in captions:
            text = spacing(caption)
            found.append([number for number, entry in enumerate(spaced) if entry in text])
        return sum(map(len, found))

    return find


def automaton(entries: list[str]) -> Callable[[list[str]], int] | None:
    """What MetaCLIP 2 does, with pyahocorasick; None where that is not installed."""
    try:
        import ahocorasick
    except ImportError:
        return None
    made = ahocorasick.Automaton()
    for number, entry in enumerate(entries):
        made.add_word(f" {entry} ", number)
    made.make_automaton()

    def find(captions: list[str]) -> int:
        return sum(len({number for _, number in made.iter(spacing(caption))}) for caption in captions)

    return find


SIDES: dict[str, Callable[[list[str]], Callable[[list[str]], int] | None]] = {
    "words": lambda entries: Ours(entries, "words").find,
    "metaclip": lambda entries: Ours(entries, "metaclip").find,
    "loop": loop,
    "automaton": automaton,
}


def queries() -> list[str]:
    """500,000 different entries."""
    rows = [line.split("\t") for line in lines("queries/english-unigrams-50k.tsv.gz")]
    words, counts = [word for word, _ in rows], list(accumulate(int(count) for _, count in rows))
    entries = dict.fromkeys([*words, *lines("queries/wordnet-lemmas.txt.gz")])
    draw = random.Random(1)
    while len(entries) < MANY:
        pair = draw.choices(words, cum_weights=counts, k=2)
        entries[" ".join(pair)] = None
    return list(islice(entries, MANY))


def captions_by_set() -> dict[str, list[str]]:
    """Real captions: of photographs, of web pages, of textbooks."""
    photos = [json.loads(line) for line in lines("text/captions-multi30k.jsonl.gz")]
    alts = [json.loads(line) for line in lines("text/alts-trafilatura.jsonl.gz")]
    books = [
        json.loads(line)
        for path in sorted((DATA / "captions").glob("*.jsonl"))
        for line in path.open(encoding="utf-8")
    ]
    return {
        "photo captions (Multi30k, English)": [row["text"] for row in photos if row["lang"] == "en"],
        "alts of web pages": [row["alt"] for row in alts],
        "alts and captions of textbooks (OpenStax)": [
            text
            for row in books
            if row["lang"] == "en"
            for text in (row.get("alt"), row.get("caption"))
            if text
        ],
    }


def lines(name: str) -> list[str]:
    """Of a packed file of the shared data."""
    return gzip.decompress((DATA / name).read_bytes()).decode().splitlines()


def held_mb() -> float:
    """Megabytes of memory that this process holds now."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
