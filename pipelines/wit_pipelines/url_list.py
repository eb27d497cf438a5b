"""Pairs out of a list of URLs and captions, such as LAION's, DataComp's or your own."""

from pathlib import Path
from typing import Literal

from wit_builder.blocklist.settings import Blocklist
from wit_builder.extract.settings import Extraction
from wit_builder.images.picture import ImageSpec
from wit_builder.lists.settings import UrlList
from wit_builder.recipe import Recipe
from wit_builder.shards.writer import ShardSpec
from wit_builder.text.language import LanguageModel
from wit_builder.web.settings import Politeness, WebSettings
from wit_pipelines import rules


def recipe(
    input: tuple[str, ...],
    contact: str = "",
    url_col: str | None = None,
    caption_col: str | None = None,
    input_format: Literal["parquet", "csv", "tsv", "json", "jsonl"] | None = None,
    columns: tuple[str, ...] | None = None,
    name: str = "url-list",
    preset: rules.Name = "wit",
    given: tuple[str, ...] = (),
    languages: tuple[str, ...] = (),
    language_model: Path | None = None,
    mask: tuple[Literal["email", "phone"], ...] = (),
    min_side: int | None = None,
    size: int = 256,
    mode: Literal["keep_ratio", "keep_ratio_largest", "center_crop", "border", "no"] = "keep_ratio",
    format: Literal["jpg", "png", "webp"] = "jpg",
    near_duplicates: int | None = None,
    queries: str = "",
    per_query: int | None = None,
    samples_per_shard: int = 10_000,
    delay: float = 1.0,
    deadline: float = 30.0,
    allow_network: tuple[str, ...] = (),
    blocklist: tuple[str, ...] = (),
) -> Recipe:
    """Pairs from a list of URLs: `wit build url-list --input pairs.parquet --contact me@example.org`.

    input: file of rows with a URL and a caption (parquet, csv, tsv, json, jsonl, also as .gz or .zst), or a
        folder or glob of such files; local, or a URL such as s3://bucket/pairs.parquet.
    url_col: column of the URL; when not given, the one whose name says so, as in the lists of LAION, DataComp,
        COYO and CC12M.
    caption_col: column of the caption; when not given, found the same way.
    input_format: format of the files, when their names do not say it.
    columns: other column to carry through to the shards; all, when none is given.
    contact: where a site's owner can reach you: a mail address, or a page about your build. It stands in the
        User-Agent, and is needed for all hosts but your own.
    name: names the data set in its card.
    preset: rules of a published data set, or our own; `wit filters --presets` prints them.
    given: file that the preset needs, NAME=PATH: tagger, vocabulary, profanity, clip.
    languages: code of a caption language to keep, such as en; all, when none is given.
    language_model: fastText model that tells languages; lid.176 in its small form, when none is given.
    mask: personal data that captions and other texts lose: email, phone.
    min_side: pixels that the shorter side of the original must have; those of the preset (wit: 64) when not given.
    size: pixels of the stored image, see mode.
    mode: what size means: keep_ratio scales the shorter side to size, keep_ratio_largest the longer one;
        center_crop and border make a square of it; no stores the image as it is. Nothing is enlarged.
    format: format of the stored image.
    near_duplicates: bits of 256 in which two pictures' hashes (PDQ) may differ and still be one; -1 keeps
        near-duplicates; that of the preset (wit: 31) when not given.
    queries: file of queries, one of which a caption must hold: of `wit queries build`, MetaCLIP's metadata.json, or
        an entry a line; when none is given, captions need hold none.
    per_query: pairs that a query may bring in; 20,000 as in CLIP when not given, 0 keeps all.
    samples_per_shard: pairs in a shard.
    delay: seconds between two requests to a host, at least; a tenth of it between two to an IP address;
        robots.txt may ask for more.
    deadline: seconds that one request may take; one that used them up is not tried again, `wit retry` does that.
    allow_network: network that may be reached although it is private, such as 127.0.0.0/8.
    blocklist: list of what must not be taken, as KIND:FILE; kinds are sha256, pdq, urls, domains, and tombstones
        (which `wit forget` wrote).
    """
    chosen = rules.of(preset, given)
    return Recipe(
        name=name,
        source=UrlList(
            files=input,
            format=input_format,
            url_col=url_col,
            caption_col=caption_col,
            columns=columns or None,
        ),
        web=WebSettings(
            contact=contact,
            deadline_s=deadline,
            politeness=Politeness(host_delay_s=delay, ip_delay_s=delay / 10),
            allow_network=allow_network,
        ),
        extraction=Extraction(mask=mask),
        language=LanguageModel(language_model),
        blocklist=Blocklist.named(blocklist),
        candidate_filters=rules.of_candidates(chosen, languages, language_model),
        sample_filters=rules.of_samples(chosen, min_side),
        image=ImageSpec(size=size, mode=mode, format=format),
        top=chosen.top,
        duplicates=rules.of_duplicates(chosen, near_duplicates),
        queries=chosen.queries(queries),
        balance=chosen.balance(queries, per_query),
        left_out=tuple(map(str, chosen.missing)),
        shards=ShardSpec(samples_per_shard=samples_per_shard),
    )
