"""What the words of `wit fetch` come to: a checked Download, run, and its result in a screenful."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import click
import orjson

from wit_builder import place, report
from wit_builder.blocklist.settings import Blocklist
from wit_builder.cli import complaint, connect, executors, progress, result
from wit_builder.cli.stopping import repeatable, stoppable
from wit_builder.download import road
from wit_builder.download.folder import Totals
from wit_builder.download.settings import OURS, Download, taken
from wit_builder.errors import ConfigError, many
from wit_builder.images.picture import ImageSpec, RowRules
from wit_builder.lists import carried, layout
from wit_builder.lists.settings import UrlList
from wit_builder.recipe import check_web
from wit_builder.report.diagnosis import check_reasons
from wit_builder.shards.layout import OF_IMG2DATASET, Layout
from wit_builder.shards.writer import ShardSpec
from wit_builder.web.settings import OptOut, Politeness, WebSettings

_MAX_PIXELS = 100_000_000  # where nothing is said
_MOST_PIXELS = 2**31 - 1  # that can be asked for
_MESSAGES = 12  # that are shown

Values = Mapping[str, Any]


def run(values: Values, refused: Mapping[str, tuple[str, str]]) -> None:
    """Fetch, and print what it has come to."""
    for name, (default, why) in refused.items():
        if values[name] not in (None, default):
            raise ConfigError(f"--{name} {values[name]} is not carried over from img2dataset: {why}")
    what, hosts, out = asked(values), connect.parsed(values["connect_to"]), _out(values)
    connect.check_contact_of(what.web, hosts)
    processes = values["processes_count"]
    tasks = {"workers": processes, "executor": values["executor"], "address": values["address"]}
    executors.check_scratch(values["executor"], out)
    watcher = progress.watcher(quiet=values["quiet"], json=values["json"], stages=("read", "fetch"))
    with repeatable(), place.of(out, values["scratch"]) as there:
        where = road.Where(there, hosts, bins=max(1, processes // 4))
        with watcher, stoppable(watcher.say), executors.opened(tasks, watcher.say) as executor:
            _say_renamed(what, watcher)
            totals = road.run(what, values["incremental_mode"], where, executor, watcher, values["retry"])
    if values["output_format"] == "dummy":
        return _show(out, totals, (), values["json"])
    diagnosis = report.fetched(place.at(out), set(totals.shards)).diagnosis
    return _show(out, totals, diagnosis.sentences, values["json"])


def asked(values: Values) -> Download:
    """What these options ask for. Raises ConfigError for what contradicts itself, or is img2dataset's alone."""
    _check(values)
    extras = values["save_additional_columns"]
    shown = (*extras, *([values["bbox_col"]] if values["bbox_col"] not in (None, *extras) else []))
    verified = (*values["verify_hash"][:1], *filter(None, [values["verify_phash"]]))
    columns = tuple(dict.fromkeys((*shown, *verified)))
    fields = _layout(values, verified)
    keys = carried.keys(columns, taken(fields, values["output_format"]))
    urls = UrlList(
        files=(*values["inputs"], *values["url_list"]),
        format=(values["input_format"] or "").removesuffix(".gz") or None,
        url_col=values["url_col"],
        caption_col=values["caption_col"] or "",  # not to be guessed: then no texts are written
        columns=columns,
    )
    return Download(
        urls=urls,
        output=values["output_format"],
        image=_image(values, keys),
        shards=ShardSpec(values["number_sample_per_shard"], values["oom_shard_count"]),
        layout=fields,
        web=_web(values),
        blocklist=Blocklist.named(values["blocklist"]),
        columns=tuple(keys[name] for name in shown),
        retries=values["max_shard_retry"],
    )


def _say_renamed(what: Download, watcher: progress.Follower) -> None:
    keys = carried.keys(what.urls.columns or (), taken(what.layout, what.output))
    others = {name: key for name, key in keys.items() if key != name and key in what.columns}
    if others:
        watcher.say(f"columns whose names shards have already: {layout.shown(carried.renamed(others))}")


def _layout(values: Values, verified: Sequence[str]) -> Layout:
    return Layout(
        caption=values["caption_col"] is not None,
        exif=values["extract_exif"],
        hash=None if values["compute_hash"] == "None" else values["compute_hash"],
        format=values["encode_format"],
        ours=(*OURS, "hash_check") if verified else OURS,
    )


def _check(values: Values) -> None:
    """Raise ConfigError for what contradicts itself, or is img2dataset's alone."""
    if not (values["inputs"] or values["url_list"]):
        raise ConfigError("`wit fetch` needs a LIST", "wit fetch pairs.parquet --out OUT")
    if values["output_format"] == "tfrecord":
        raise ConfigError(
            "--output_format tfrecord is not carried over from img2dataset: it needs TensorFlow",
            "--output_format webdataset",
        )
    if taken := OF_IMG2DATASET.intersection(values["save_additional_columns"]):
        raise ConfigError(f"--save_additional_columns {min(taken)}: shards have a field of that name already")
    verify = values["verify_hash"]
    if verify and (len(verify) != 2 or verify[1] not in ("md5", "sha256", "sha512")):
        raise ConfigError(
            f"--verify_hash {list(verify)} is not a column and md5, sha256 or sha512",
            "--verify_hash sha256,sha256",
        )
    if verify and verify[1] != values["compute_hash"]:
        raise ConfigError(
            f"--verify_hash is of {verify[1]}, --compute_hash is {values['compute_hash']}",
            f"--compute_hash {verify[1]}",
        )
    check_reasons("--retry", values["retry"])
    if values["disallowed_header_directives"] is not None and not _directives(values):
        raise ConfigError(
            "opt-outs are honoured in any case; --disallowed_header_directives can only add to them"
        )


def _image(values: Values, keys: Mapping[str, str]) -> ImageSpec:
    only_bigger, area, ratio = (
        values[name] for name in ("resize_only_if_bigger", "max_image_area", "max_aspect_ratio")
    )
    for name, number in (("max_image_area", area), ("max_aspect_ratio", ratio)):
        if not number >= 1:
            raise ConfigError(f"--{name} is {number:g}, expected 1 or more")
    if not (math.isinf(area) or area < _MOST_PIXELS + 1):
        raise ConfigError(f"--max_image_area is {area:g}, expected {_MOST_PIXELS:,} at most")
    verify, digest = values["verify_hash"], values["compute_hash"]
    return ImageSpec(
        size=values["image_size"],
        mode=values["resize_mode"],
        format=values["encode_format"],
        quality=_quality(values),
        only_shrink=only_bigger,
        small_as_is=only_bigger,
        max_pixels=_MAX_PIXELS if math.isinf(area) else int(area),
        keep_original=values["skip_reencode"],
        min_side=values["min_image_size"],
        max_aspect=None if math.isinf(ratio) else ratio,
        row=RowRules(
            hash="sha256" if digest == "None" else digest,
            hash_column=keys[verify[0]] if verify else None,
            phash_column=keys[values["verify_phash"]] if values["verify_phash"] else None,
            boxes_column=keys[values["bbox_col"]] if values["bbox_col"] else None,
        ),
    )


def _quality(values: Values) -> int:
    """img2dataset takes 0 to 9 for png, how hard it is packed; the pixels are the same."""
    quality = values["encode_quality"]
    low, high = (0, 9) if values["encode_format"] == "png" else (1, 100)
    if quality is not None and not low <= quality <= high:
        raise ConfigError(
            f"--encode_quality is {quality}, expected {low} to {high} for {values['encode_format']}"
        )
    return 95 if quality is None or values["encode_format"] == "png" else int(quality)


def _web(values: Values) -> WebSettings:
    delay, timeout = values["delay"], values["timeout"]
    if not 0 < timeout < math.inf:
        raise ConfigError(f"--timeout is {timeout:g}, expected a number of seconds above 0")
    if not 0 <= delay < math.inf:
        raise ConfigError(f"--delay is {delay:g}, expected a number of seconds, 0 or more")
    ours = OptOut()
    added = tuple(word for word in _directives(values) if word not in ours.directives)
    web = WebSettings(
        contact=values["contact"],
        token=values["user_agent_token"],
        connect_s=timeout,
        silence_s=timeout,
        deadline_s=3 * timeout,
        connections=values["processes_count"]
        * values["thread_count"]
        // max(1, values["processes_count"] // 4),
        optout=OptOut(directives=ours.directives + added),
        politeness=Politeness(host_delay_s=delay, ip_delay_s=delay / 10, retries=values["retries"]),
        allow_network=values["allow_network"],
    )
    check_web(web)
    return web


def _directives(values: Values) -> tuple[str, ...]:
    from wit_builder.cli.fetch import Words

    words = Words().convert(values["disallowed_header_directives"] or "", None, None)
    return tuple(word.lower() for word in words)


def _out(values: Values) -> str:
    named = {name for name in (values["out"], values["output_folder"]) if name is not None}
    if len(named) > 1:
        raise ConfigError(
            f"--out is {values['out']!r}, --output_folder is {values['output_folder']!r}", "name one"
        )
    return named.pop() if named else "images"


def _show(out: str, totals: Totals, sentences: Sequence[str], json: bool) -> None:
    if json:
        click.echo(orjson.dumps(totals.as_json() | {"diagnosis": list(sentences)}))
        return
    click.secho(
        f"{out}: {many(totals.successes, 'image')} of {totals.count:,}",
        bold=True,
        color=complaint.colour(),
    )
    for message, n in totals.status_dict.most_common(_MESSAGES):
        click.echo(f"  {n:>12,}  {message}")
    for line in result.wrapped(sentences):
        click.echo(line)
