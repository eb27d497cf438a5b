"""Your own seeds, with rules that lose little: a place to begin, and a recipe to copy."""

from pathlib import Path
from typing import Literal

from wit_builder.blocklist.settings import Blocklist
from wit_builder.crawl.settings import Crawl
from wit_builder.extract.settings import Extraction
from wit_builder.images.picture import ImageSpec
from wit_builder.recipe import Recipe
from wit_builder.shards.writer import ShardSpec
from wit_builder.text.language import LanguageModel
from wit_builder.web.settings import Politeness, WebSettings
from wit_pipelines import rules
from wit_pipelines import seeds as seed_files


def recipe(
    seeds: tuple[str, ...],
    contact: str = "",
    name: str = "crawl",
    scope: Literal["host", "domain", "any"] = "host",
    hosts: tuple[str, ...] = (),
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    max_depth: int = 5,
    max_pages_per_host: int = 1000,
    max_pages: int | None = None,
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
    """Crawl the web from your seeds: `wit build crawl --seeds https://example.org/ --contact me@example.org`.

    Politeness sets the time: with the default delay a host gives at most one page or image a second. What
    the machine adds is measured in docs/benchmarks.md; the demo recipe shows what the filters drop.

    seeds: URLs to begin with, or a file with one a line.
    contact: where a site's owner can reach you: a mail address, or a page about your crawl. It stands in the
        User-Agent, and is needed for all hosts but your own.
    name: names the data set in its card.
    scope: follow links to the seeds' hosts, to their registrable domains, or to any host.
    hosts: host in scope besides, such as *.example.org.
    include: regular expression that a page's URL must match; a seed's need not.
    exclude: regular expression that a page's URL must not match; a seed's may.
    max_depth: links between a seed and a page, at most.
    max_pages_per_host: pages of one host, at most.
    max_pages: pages in all, at most.
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
    deadline: seconds that one request may take; one that used them up is not tried again, `wit retry` does that
        with images.
    allow_network: network that may be reached although it is private, such as 127.0.0.0/8.
    blocklist: list of what must not be taken, as KIND:FILE; kinds are sha256, pdq, urls, domains, and tombstones
        (which `wit forget` wrote).
    """
    chosen = rules.of(preset, given)
    return Recipe(
        name=name,
        source=Crawl(
            seeds=seed_files.read(seeds),
            scope=scope,
            hosts=hosts,
            include=include,
            exclude=exclude,
            max_depth=max_depth,
            max_pages_per_host=max_pages_per_host,
            max_pages=max_pages,
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
