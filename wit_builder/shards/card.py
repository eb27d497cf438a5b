"""The data set's README.md: a Hugging Face card, filled from the run.

The metadata block is YAML; every text in it is a double-quoted scalar with all but printable characters
escaped, so that no caption, name or language code can end the block or turn into another type (`no`, the
code of Norwegian, is false to a YAML 1.1 reader). In the Markdown below, foreign text is escaped as well.
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from wit_builder.ledger import Funnel

_SIZES = [
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"),
    (10**11, "10B<n<100B"),
    (10**12, "100B<n<1T"),
]
_MOST = 50  # rows of a table in the card; the rest is summed up in one
_LONGEST = 300  # characters of a foreign text in the card
_LONGEST_COMMAND = 4_000
_STAGES = {
    "pages": "pages visited, or read in archives",
    "extract": "image references on them, or rows of a list",
    "select": "candidates (URL and text)",
    "fetch": "images asked for",
    "clean": "samples (image and text)",
}


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card says of a build. Counts are of samples unless they say otherwise."""

    name: str
    recipe: str
    samples: int
    shards: int
    bytes: int  # of all tars
    funnel: Funnel
    command: str  # that builds it again
    date: date
    languages: Mapping[str, int] = field(default_factory=dict)  # of the captions
    licences: Mapping[str, int] = field(default_factory=dict)  # URLs that pages link as their licence
    opt_outs: Mapping[str, int] = field(default_factory=dict)  # reason to items left out for it
    versions: Mapping[str, str] = field(default_factory=dict)  # package to version


def render_card(facts: CardFacts) -> str:
    """The card's text, valid YAML and Markdown whatever stands in the facts."""
    sections = (_metadata, _title, _files, _origin, _funnel, _counts, _rights, _again)
    return "\n".join(line for section in sections for line in section(facts)) + "\n"


def size_category(samples: int) -> str:
    """Hugging Face's name for that many samples."""
    return next((name for limit, name in _SIZES if samples < limit), "n>1T")


def _metadata(facts: CardFacts) -> list[str]:
    languages = [code for code in _by_count(facts.languages) if re.fullmatch(r"[a-z]{2,3}", code)]
    return [
        "---",
        f"pretty_name: {_yaml(facts.name)}",
        'license: "other"',
        'license_name: "images-and-texts-remain-their-owners"',
        'license_link: "README.md"',
        *_yaml_list("language", languages),
        *_yaml_list("size_categories", [size_category(facts.samples)]),
        *_yaml_list("task_categories", ["image-to-text", "text-to-image", "zero-shot-image-classification"]),
        *_yaml_list("tags", ["webdataset", "image-text", "clip", "web-crawl"]),
        "configs:",
        '- config_name: "default"',
        "  data_files:",
        '  - split: "train"',
        '    path: "shards/*.tar"',
        "---",
    ]


def _title(facts: CardFacts) -> list[str]:
    return [
        "",
        f"# {_text(facts.name)}",
        "",
        f"{facts.samples:,} pairs of image and text from the web, in {facts.shards:,} WebDataset shards "
        f"({facts.bytes / 1e9:,.2f} GB), built on {facts.date.isoformat()} "
        f"by the recipe {_code(facts.recipe)} of wit-builder.",
    ]


def _files(_: CardFacts) -> list[str]:
    return [
        "",
        "## Files",
        "",
        "| file | what it holds |",
        "|---|---|",
        "| `shards/00000.tar` | `KEY.jpg` (or png, webp), `KEY.json`, `KEY.txt` of each pair |",
        "| `shards/00000.parquet` | a row for each pair, and for each image that was not had, with the reason |",
        "| `shards/00000_stats.json` | counts, as img2dataset writes them |",
        "| `shards/__len__` | number of pairs, where open_clip looks for it |",
        "| `manifest/shards.parquet` | SHA-256, bytes and pairs of each shard |",
        "| `ledger/` | every item that was left out, with stage, reason and evidence |",
        "",
        "The text of a pair is `caption`; `text_source` says where on the page it stood, `alt_texts` holds "
        "the other texts found for the image. `sha256` is of the image as fetched, `phash` is its PDQ hash. "
        "The field `exif` is always null.",
        "",
        "```python",
        "import glob, webdataset",
        "",
        'shards = sorted(glob.glob("shards/*.tar"))',
        'pairs = webdataset.WebDataset(shards, shardshuffle=False).decode("pil")',
        "```",
    ]


def _origin(facts: CardFacts) -> list[str]:
    whence = "from web pages" if "pages" in facts.funnel else "as lists of addresses and texts have them"
    return [
        "",
        "## How it was made",
        "",
        f"Images with their texts were taken {whence}, filtered, fetched, decoded and packed. "
        "robots.txt was asked for whatever was fetched, and where no answer was had, nothing was. "
        "Every setting stands in `build.json`: sources, filters, the opt-outs that were honoured "
        "(X-Robots-Tag, robots meta tags, TDMRep), the pause between two requests to a host.",
    ]


def _funnel(facts: CardFacts) -> list[str]:
    rows = [
        (
            _STAGES[stage],
            f"{facts.funnel[stage].seen:,}",
            f"{facts.funnel[stage].kept:,}",
            ", ".join(
                f"{_text(reason)} {count:,}" for reason, count in _ranked(facts.funnel[stage].dropped)[:_MOST]
            ),
        )
        for stage in facts.funnel
    ]
    head = ("stage", "seen", "kept", "left out, by reason")
    return ["", "## Seen, kept, left out", "", *_table(head, rows)]


def _counts(facts: CardFacts) -> list[str]:
    return [
        *_counted("Languages of the texts", "language", "pairs", facts.languages),
        *_counted("Licences linked by the pages", "licence", "pairs", facts.licences),
        *_counted("Left out because the owner said so", "reason", "items", facts.opt_outs),
    ]


def _rights(_: CardFacts) -> list[str]:
    return [
        "",
        "## Rights and limits",
        "",
        "Images and texts remain their owners'; the data set grants no licence to them. A licence listed "
        "above is what the page linked: a hint, no proof that it covers the image. Pairs were not checked by "
        "people: expect errors, the web's bias and offence, and persons who did not ask to be here. Do not "
        "use it to find or identify people. `url`, `page_url` and `sha256` in the sidecars serve to find an "
        "image and have it removed.",
    ]


def _again(facts: CardFacts) -> list[str]:
    versions = [(_text(name), _text(version)) for name, version in sorted(facts.versions.items())]
    return [
        "",
        "## To build it again",
        "",
        *_fenced(facts.command),
        "",
        *_table(("package", "version"), versions),
    ]


def _counted(title: str, what: str, unit: str, counts: Mapping[str, int]) -> list[str]:
    """A section with a table of counts, none where there is nothing to count."""
    ranked = _ranked(counts)
    rows = [(_text(name) or "(none)", f"{count:,}") for name, count in ranked[:_MOST]]
    if len(ranked) > _MOST:
        rows.append((f"{len(ranked) - _MOST:,} more", f"{sum(count for _, count in ranked[_MOST:]):,}"))
    return ["", f"## {title}", "", *_table((what, unit), rows)] if rows else []


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _by_count(counts: Mapping[str, int]) -> list[str]:
    return [name for name, _ in _ranked(counts)]


def _yaml_list(name: str, values: Sequence[str]) -> list[str]:
    return [f"{name}:", *(f"- {_yaml(value)}" for value in values)] if values else []


def _yaml(text: str) -> str:
    """A double-quoted YAML scalar (1.2, section 7.3.1) on one line."""
    return '"' + "".join(_yaml_character(character) for character in _short(text)) + '"'


def _yaml_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _text(text: str) -> str:
    """Foreign text inside a Markdown line: one line, nothing in it means anything to Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~$-])", r"\\\1", html.escape(_line(text), quote=False))


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _fenced(text: str) -> list[str]:
    """A code block whose fence is longer than any in the text; no line of it is one of dashes alone."""
    runs = [len(run) for run in re.findall("`+", text)]
    fence = "`" * max([3, *(length + 1 for length in runs)])
    line = _line(text, _LONGEST_COMMAND)
    return [f"{fence}sh", f" {line}" if line.startswith("-") else line, fence]


def _line(text: str, longest: int = _LONGEST) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in _short(text, longest)).split())


def _short(text: str, longest: int = _LONGEST) -> str:
    plain = text[:longest].encode("utf-8", "replace").decode()
    return plain if len(text) <= longest else plain[:-1] + "…"
