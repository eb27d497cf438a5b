"""`wit fetch`: img2dataset's options, by its names and with its defaults; what they come to stands in fetched.py."""

import ast
import json
import warnings
from collections.abc import Sequence
from typing import Any

import click

from wit_builder.cli import executors

MODES = ("no", "border", "keep_ratio", "keep_ratio_largest", "center_crop")
FORMATS = ("txt", "csv", "tsv", "json", "jsonl", "parquet")
INPUT_FORMATS = (*FORMATS, *(f"{name}.gz" for name in FORMATS if name != "parquet"))
HASHES = ("None", "md5", "sha256", "sha512")

_HELP = """Fetch a list's images into shards, as img2dataset does: its options, its files.

\b
Examples:
  wit fetch pairs.parquet --out OUT --url_col URL --caption_col TEXT --output_format webdataset \\
      --image_size 256 --contact me@example.org
  wit fetch list.txt --out OUT --contact me@example.org

Each option may be written with _ or with -. Run again, it goes on with what is missing. Writes the folder of --out.
"""


class Words(click.ParamType[tuple[str, ...]]):
    """Several words: a list as Python or JSON writes it, or words with commas between."""

    name = "list"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The words."""
        if isinstance(value, tuple):
            return value
        text = str(value).strip()
        words = _of_json(text) or _of_python(text) or [_bare(word) for word in text.strip("[]()").split(",")]
        return tuple(word for word in words if word)


def _of_json(text: str) -> list[str] | None:
    """None where it is no list of texts."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(word, str) for word in found) else None


def _of_python(text: str) -> list[str] | None:
    """Quoted words are read, others taken as they stand, as fire does; None where it is no list of Python's."""
    try:
        with warnings.catch_warnings(action="ignore"):
            body = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    items = body.elts if isinstance(body, ast.List | ast.Tuple) else [body]
    return [_word(item, text) for item in items]


def _bare(word: str) -> str:
    return word.strip().strip("\"'")


def _word(item: ast.expr, text: str) -> str:
    if isinstance(item, ast.Constant) and isinstance(item.value, str):
        return item.value
    return ast.get_source_segment(text, item) or ""


def _option(name: str, default: Any, help: str, **more: Any) -> click.Option:
    shown = {} if default in (None, "", ()) else {"show_default": True}
    return click.Option([f"--{name}"], default=default, help=help, **shown, **more)


def _nullable(name: str, default: Any, help: str, **more: Any) -> click.Option:
    """One of those that None does not give, as it does not in img2dataset, where None is their default."""

    def given(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        return default if value in ("None", ("None",)) else value

    return _option(name, default, help, callback=given, **more)


def _switch(name: str, default: bool, help: str) -> click.Option:
    """True or False behind it, as img2dataset takes it; True where nothing is."""
    return _option(name, default, help, type=bool, is_flag=False, flag_value="True", metavar="[BOOLEAN]")


def _choice(name: str, default: str | None, choices: Sequence[str], help: str) -> click.Option:
    return _option(name, default, help, type=click.Choice(choices))


_INPUT = (
    click.Argument(["inputs"], nargs=-1, metavar="LIST..."),
    _option("url_list", (), "The same as LIST: a file, a folder or a glob; local, or a URL.", multiple=True),
    _choice("input_format", None, INPUT_FORMATS, "Of LIST. [default: as its name says]"),
    _option("url_col", None, "Column of the URL. [default: known by name]"),
    _nullable("caption_col", None, "Column of the caption; without it no texts are written."),
    _nullable("save_additional_columns", (), "Other columns to write.", type=Words()),
)
_OUTPUT = (
    _option("out", None, "Folder or URL to write. [default: images]", metavar="FOLDER"),
    _option("output_folder", None, "The same as --out.", metavar="FOLDER"),
    click.Option(["--scratch"], **executors.SCRATCH),
    _choice(
        "output_format", "files", ("files", "webdataset", "parquet", "dummy", "tfrecord"), "Of the shards."
    ),
    _option("number_sample_per_shard", 10_000, "Rows of a shard.", type=click.IntRange(1, 1_000_000)),
    _option("oom_shard_count", 5, "Digits of a shard's number.", type=click.IntRange(1, 9)),
    _choice(
        "incremental_mode",
        "incremental",
        ("incremental", "overwrite", "extend"),
        "incremental goes on, overwrite removes what wit fetch wrote, extend adds new shards.",
    ),
    _option(
        "retry", (), "Then try again what failed for these reasons; 4xx and 5xx are families.", type=Words()
    ),
    _switch("extract_exif", True, "Write a field exif; it is always null."),
    _choice("compute_hash", "sha256", HASHES, "Of the bytes as fetched."),
)
_IMAGES = (
    _option("image_size", 256, "Pixels, see --resize_mode.", type=click.IntRange(1, 65_535)),
    _choice("resize_mode", "border", MODES, "What --image_size means."),
    _switch("resize_only_if_bigger", False, "Leave smaller images as they are."),
    _choice("encode_format", "jpg", ("jpg", "png", "webp"), "Of the images."),
    _option("encode_quality", None, "1 to 100. [default: 95; png has none]", type=int),
    _switch("skip_reencode", False, "Keep images whose pixels need no change, without their metadata."),
    _option("min_image_size", 0, "Pixels of the shorter side, at least.", type=click.IntRange(0)),
    _option(
        "max_image_area",
        float("inf"),
        "Pixels of the original, at most. [default: 100 million; of webp, tiff and avif never over 58.8]",
        type=float,
    ),
    _option("max_aspect_ratio", float("inf"), "Longer side to shorter side, at most.", type=float),
    _nullable("bbox_col", None, "Column of boxes that are blurred: [left, top, right, bottom] from 0 to 1."),
    _nullable("verify_hash", (), "[COLUMN,TYPE]: refuse images of another hash.", type=Words()),
    _option("verify_phash", None, "Column of PDQ hashes: keep an image of another hash that looks the same."),
    _choice(
        "upscale_interpolation",
        "lanczos",
        ("lanczos", "lanczos4"),
        "Bicubic or Lanczos, by what suits the picture.",
    ),
    _choice(
        "downscale_interpolation",
        "area",
        ("area", "lanczos", "lanczos4"),
        "Bicubic or Lanczos, by what suits the picture.",
    ),
)
_WEB = (
    _option("contact", "", "Where a site's owner can reach you; needed for all hosts but your own."),
    _option("processes_count", 1, "Processes, of all machines together.", type=click.IntRange(1, 1024)),
    *(click.Option([flag], **executors.OPTIONS[flag]) for flag in executors.WHERE),
    _option("thread_count", 256, "Connections of each.", type=click.IntRange(1, 100_000)),
    _option("timeout", 10.0, "Seconds to connect, and without a byte; three times that in all.", type=float),
    _option("retries", 0, "Of a failure that may pass.", type=click.IntRange(0, 100)),
    _option("delay", 1.0, "Seconds between two requests to a host, at least.", type=float),
    _nullable("user_agent_token", "", "Name of yours for the User-Agent; rules for it are obeyed too."),
    _nullable("disallowed_header_directives", None, "Opt-outs to honour besides ours.", metavar="LIST"),
    _option(
        "blocklist",
        (),
        "What must not be taken: sha256:FILE, pdq:FILE, urls:FILE, domains:FILE or tombstones:FILE.",
        multiple=True,
        metavar="KIND:FILE",
    ),
    _option("allow_network", (), "Private network that may be reached, such as 127.0.0.0/8.", multiple=True),
    _option("connect-to", (), "As for `wit build`.", multiple=True, metavar="HOST=IP:PORT"),
    _option("max_shard_retry", 1, "How often a crashed task is tried again.", type=click.IntRange(0, 100)),
)
_SAID = (
    click.Option(["--quiet"], is_flag=True, help="No progress; the result alone, on stdout."),
    click.Option(
        ["--json"], is_flag=True, help="Progress as JSON lines on stderr, the result as JSON on stdout."
    ),
)
# Taken so that a command for img2dataset can say them; anything but what is the default there is refused.
_REFUSED = {
    "enable_wandb": ("False", "progress is shown here; --json gives it to other programs"),
    "wandb_project": ("img2dataset", "progress is shown here; --json gives it to other programs"),
    "distributor": ("multiprocessing", "--executor says where tasks run"),
    "subjob_size": ("1000", "it is of the pyspark distributor"),
    "disable_all_reencoding": (
        "False",
        "metadata would reach the shards; --resize_mode no --skip_reencode keeps all files that need no change",
    ),
    "ignore_ssl_certificate": ("False", "what is fetched must come from the host it names"),
}
_GROUPS = {
    "The list": _INPUT,
    "What is written": _OUTPUT,
    "Images": _IMAGES,
    "The web": _WEB,
    "Besides": _SAID,
}


class _Fetch(click.Command):
    """Shows options by what they are about, and leaves out those that are only there to be refused."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, some in _GROUPS.items():
            rows = [row for param in some if (row := param.get_help_record(ctx))]
            with formatter.section(title):
                formatter.write_dl(rows)


def _run(**values: Any) -> None:
    from wit_builder.cli import fetched

    fetched.run(values, _REFUSED)


command = _Fetch(
    "fetch",
    callback=_run,
    params=[
        *(param for group in _GROUPS.values() for param in group),
        *(
            _option(name, None, "Refused.", hidden=True, is_flag=False, flag_value="True")
            for name in _REFUSED
        ),
    ],
    help=_HELP,
    context_settings={"token_normalize_func": lambda word: word.replace("-", "_")},
)
