"""`wit queries`."""

import json as json_
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wit_builder.queries.match import Matcher
    from wit_builder.vocabulary.build import Built

_EVERY_S = 10.0  # between two lines of progress
_EXAMPLES = 5  # entries shown of each source
_AT_ONCE = 1_000  # captions that are matched together

_SEVERAL = "May be given several times."
_RULE = click.option(
    "--rule",
    type=click.Choice(["words", "metaclip"]),
    default="words",
    show_default=True,
    help="Whole words in one normal form, or MetaCLIP's own rule.",
)


@click.group()
def command() -> None:
    """Queries, one of which a pair's text must hold, as CLIP has them: make a list, look at it, try it.

    \b
    Examples:
      wit queries build --corpus 'wiki/*.txt.gz' --wordnet dict --out queries.tsv
      wit queries show queries.tsv
      wit queries match queries.tsv "a lighthouse in St. Louis"
    """


@command.command()
@click.option(
    "--corpus",
    multiple=True,
    help=f"Plain text or WET archives, also .gz and .zst: files, folders, globs, URLs. {_SEVERAL}",
)
@click.option("--words", multiple=True, help=f"Ready counts, `word TAB count` a line. {_SEVERAL}")
@click.option(
    "--titles",
    multiple=True,
    help=f"Page views as Wikimedia publishes them, `project title views bytes` a line. {_SEVERAL}",
)
@click.option(
    "--wordnet",
    multiple=True,
    help=f"WordNet's dict folder, LMF XML, or a lemma a line. {_SEVERAL}",
)
@click.option("--metaclip", multiple=True, help=f"MetaCLIP's metadata.json, or another list. {_SEVERAL}")
@click.option(
    "--min-count",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Occurrences of a word, at least. CLIP's number (section 2.2, footnote 1).",
)
@click.option(
    "--bigram-min-count",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Occurrences of a bigram, at least. Ours: as of a word.",
)
@click.option(
    "--bigram-min-npmi",
    type=click.FloatRange(-1, 1),
    default=0.5,
    show_default=True,
    help="Normalised pointwise mutual information of a bigram, at least. Ours, measured; CLIP says `high`.",
)
@click.option(
    "--title-min-views",
    type=click.IntRange(1),
    default=70,
    show_default=True,
    help="Views of a title over all files, at least. MetaCLIP's number; CLIP has `a certain search volume`.",
)
@click.option(
    "--project",
    multiple=True,
    default=("en",),
    show_default=True,
    help=f"Code in the page views whose titles are taken, such as en, en.m, de. {_SEVERAL}",
)
@click.option(
    "--exact-case",
    multiple=True,
    type=click.Choice(["words", "bigrams", "titles", "wordnet", "metaclip"]),
    help=f"Source whose entries stay apart from those of another case: US and us. {_SEVERAL}",
)
@click.option(
    "--max-entries",
    type=click.IntRange(1),
    help="Entries, at most: of each source with counts the same share stays, the most frequent. CLIP has 500,000.",
)
@click.option(
    "--memory",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    help="Megabytes, about, in which is counted; what is more goes to --scratch.",
)
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder for what does not fit into the memory. [default: that for temporary files]",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The list's file."
)
@click.option("--quiet", is_flag=True, help="No progress; the result alone, on stdout.")
@click.option("--json", is_flag=True, help="The result as one line of JSON.")
def build(**values: Any) -> None:
    """Make a list of queries: words and bigrams of a corpus, titles that are looked up, WordNet, other lists.

    The same inputs give the same bytes, in whatever order they are named.

    \b
    Example:
      wit queries build --corpus wiki.txt.gz --titles 'pageviews-*.gz' --wordnet dict --out queries.tsv
    """
    from wit_builder.queries import listing
    from wit_builder.vocabulary.build import build as built_of
    from wit_builder.vocabulary.settings import Vocabulary

    inputs = ("corpus", "words", "titles", "wordnet", "metaclip", "exact_case")
    thresholds = ("min_count", "bigram_min_count", "bigram_min_npmi", "title_min_views", "max_entries")
    _check_out(values["out"], [word for name in inputs[:-1] for word in values[name]])
    settings = Vocabulary(
        **{name: values[name] for name in (*inputs, *thresholds)}, projects=values["project"]
    )
    follow = _Progress(quiet=values["quiet"])
    scratch = values["scratch"] or Path(tempfile.gettempdir())
    built = built_of(settings, scratch, follow, values["memory"] << 20)
    listing.write(values["out"], built.queries)
    _say_built(built, values["out"], listing.digest(values["out"]), values["json"])


def _check_out(out: Path, inputs: Iterable[str]) -> None:
    from wit_builder.errors import ConfigError

    if out.suffix in (".gz", ".zst"):
        raise ConfigError(
            f"the list is written as plain text, and {str(out)!r} is named as a packed one",
            f"--out {out.with_suffix('')}",
        )
    if any(Path(word).exists() and out.exists() and out.samefile(word) for word in inputs):
        raise ConfigError(f"{str(out)!r} is one of the inputs, which it would replace", "name another --out")


@command.command()
@click.argument("file")
@_RULE
@click.option("--json", is_flag=True, help="All of it as one line of JSON.")
def show(file: str, rule: str, json: bool) -> None:
    """How many queries FILE has of which source, its hash, and some of them; two that match the same are one.

    \b
    Example:
      wit queries show queries.tsv
    """
    from wit_builder.queries import listing
    from wit_builder.queries.settings import Queries

    skipped = Counter[str]()
    queries = listing.load(Queries(files=(file,), rule=rule), skipped)  # type: ignore[arg-type]
    sources = Counter(query.source for query in queries)
    examples = {
        source: [
            query.entry
            for query in sorted(
                (query for query in queries if query.source == source),
                key=lambda query: (-query.count, query.entry),
            )[:_EXAMPLES]
        ]
        for source in sources
    }
    sha256 = listing.digest(file)
    if json:
        shown = {"entries": len(queries), "sha256": sha256, "sources": sources, "skipped": skipped}
        click.echo(json_.dumps(shown | {"examples": examples}))
        return
    click.echo(f"{file}: {len(queries):,} queries{f', sha256 {sha256}' if sha256 else ''}\n")
    for source, count in sources.most_common():
        click.echo(f"  {source:<10}{count:>10,}   {', '.join(examples[source])}")
    if skipped:
        click.echo(f"\n{skipped.total():,} left out: {_reasons(skipped)}")


@command.command()
@click.argument("file")
@click.argument("captions", nargs=-1)
@_RULE
@click.option("--exact-case", multiple=True, help=f"Source that matches in its own case only. {_SEVERAL}")
@click.option("--json", is_flag=True, help="A JSON object for each caption, one a line.")
def match(file: str, captions: tuple[str, ...], rule: str, exact_case: tuple[str, ...], json: bool) -> None:
    """Which queries of FILE stand in CAPTIONS, and where; captions are the lines of stdin when none is given.

    \b
    Example:
      wit queries match queries.tsv "a (cat) in St. Louis"
    """
    from wit_builder.queries import listing
    from wit_builder.queries.match import Matcher
    from wit_builder.queries.settings import Queries

    settings = Queries(files=(file,), rule=rule, exact_case=exact_case)  # type: ignore[arg-type]
    queries = listing.load(settings)
    matcher = Matcher(queries, settings.rule, exact_case)
    lines = captions or (line.rstrip("\r\n") for line in sys.stdin)
    for caption, found in _matched(matcher, lines):
        if json:
            rows = [
                {"entry": queries[n].entry, "source": queries[n].source, "begin": begin, "end": end}
                for n, begin, end in found
            ]
            click.echo(json_.dumps({"caption": caption, "queries": rows}))
            continue
        click.secho(caption, bold=True)
        for n, begin, end in found:
            query = queries[n]
            click.echo(f"  {begin:>4}-{end:<4} {query.entry}   {query.source} {query.count:,}")
        if not found:
            click.echo("  no query")


def _matched(matcher: "Matcher", captions: Iterable[str]) -> Iterator[tuple[str, list[tuple[int, int, int]]]]:
    """Each caption with what `Matcher.spans` says of it."""
    waiting = iter(captions)
    while portion := list(islice(waiting, _AT_ONCE)):
        found = matcher.match(portion)
        rows: list[list[tuple[int, int, int]]] = [[] for _ in portion]
        columns = (found.text, found.query, found.begin, found.end)
        for text, *row in zip(*(column.tolist() for column in columns), strict=True):
            rows[text].append((row[0], row[1], row[2]))
        yield from zip(portion, rows, strict=True)


class _Progress:
    """A line on stderr every ten seconds: what is read, how much of it, and how fast."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._step = ""
        self._bytes = self._words = 0
        self._began = self._said = self._seen = time.monotonic()

    def __call__(self, step: str, bytes_: int, words: int) -> None:
        now = time.monotonic()
        if step != self._step:
            self._step, self._bytes, self._words, self._began = step, 0, 0, self._seen
        self._seen = now
        self._bytes += bytes_
        self._words += words
        if not self._quiet and now - self._said >= _EVERY_S:
            self._said = now
            seconds = max(now - self._began, 1e-6)
            what = "titles" if step == "titles" else "words"
            click.echo(
                f"{step}: {self._bytes / 1e9:,.2f} GB read, {self._words:,} {what}, "
                f"{self._bytes / seconds / 1e6:,.1f} MB and {self._words / seconds:,.0f} {what} a second",
                err=True,
            )


def _say_built(built: "Built", out: Path, sha256: str, json: bool) -> None:
    sources = Counter(query.source for query in built.queries)
    skipped = {source: dict(reasons) for source, reasons in built.skipped.items() if reasons.total()}
    if json:
        shown = {"out": str(out), "entries": len(built.queries), "sha256": sha256, "sources": sources}
        click.echo(json_.dumps(shown | {"skipped": skipped, "over_max_entries": built.cut}))
        return
    click.echo(f"{out}: {len(built.queries):,} queries, sha256 {sha256}\n")
    for source, reasons in built.skipped.items():
        if sources[source] or reasons.total():
            left = f"   left out: {_reasons(reasons)}" if reasons.total() else ""
            click.echo(f"  {source:<10}{sources[source]:>10,}{left}")
    if built.cut:
        click.echo(f"\n{built.cut:,} more were over --max-entries")


def _reasons(counts: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
