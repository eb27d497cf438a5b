"""Your own seeds, with rules that lose little: a place to begin, and a recipe to copy."""

from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from wit_builder.crawl.settings import Crawl
from wit_builder.curation.clean import Duplicates
from wit_builder.errors import ConfigError
from wit_builder.images.process import ImageSpec
from wit_builder.recipe import Recipe
from wit_builder.shards.writer import ShardSpec
from wit_builder.web.politeness import Politeness
from wit_builder.web.url import host_of
from wit_builder.web.visitor import WebSettings
from wit_filters.caption import (
    CaptionFileName,
    CaptionLength,
    CaptionLetters,
    CaptionRepetition,
    CaptionUrl,
)
from wit_filters.image import ImageAspect, ImageDetail, ImageSize
from wit_filters.language import Language
from wit_filters.url import UrlExtension, UrlIcon

MAX_SEED_FILE_BYTES = 256 << 20


def recipe(
    seeds: tuple[str, ...],
    contact: str = "",
    scope: Literal["host", "domain", "any"] = "host",
    hosts: tuple[str, ...] = (),
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    max_depth: int = 5,
    max_pages_per_host: int = 1000,
    max_pages: int | None = None,
    languages: tuple[str, ...] = (),
    min_side: int = 64,
    size: int = 256,
    mode: Literal["keep_ratio", "keep_ratio_largest", "center_crop", "border", "no"] = "keep_ratio",
    format: Literal["jpg", "png", "webp"] = "jpg",
    near_duplicates: int = 31,
    samples_per_shard: int = 10_000,
    delay: float = 1.0,
    allow_network: tuple[str, ...] = (),
) -> Recipe:
    """Crawl the web from your seeds: `wit build crawl --seeds https://example.org/ --contact me@example.org`.

    Politeness sets the time: with the default delay a host gives at most one page or image a second.

    seeds: URLs to begin with, or a file with one a line.
    contact: address where a site's owner reaches you, part of the User-Agent; needed for all but loopback.
    scope: follow links to the seeds' hosts, to their registrable domains, or to any host.
    hosts: hosts in scope besides, such as *.example.org.
    include: regular expression that a page's URL must match.
    exclude: regular expression that a page's URL must not match.
    max_depth: links between a seed and a page, at most.
    max_pages_per_host: pages of one host, at most.
    max_pages: pages in all, at most.
    languages: ISO 639 code of a caption language to keep; all, when none is given.
    min_side: pixels that the shorter side of the original must have.
    size: pixels of the stored image, see mode.
    mode: keep_ratio scales the shorter side to size, keep_ratio_largest the longer one.
    format: of the stored image.
    near_duplicates: PDQ bits within which two pictures are one; -1 keeps near-duplicates.
    samples_per_shard: pairs in a shard.
    delay: seconds between two requests to a host, at least; a tenth of it between two to an IP address;
        robots.txt may ask for more.
    allow_network: network that may be reached although it is private, such as 127.0.0.0/8.
    """
    urls = _read(seeds)
    if not contact and not all(_is_loopback(url) for url in urls) and "127.0.0.0/8" not in allow_network:
        raise ConfigError(
            "a crawl of other people's sites needs an address where they reach you",
            "--contact me@example.org",
        )
    return Recipe(
        name="crawl",
        source=Crawl(
            seeds=urls,
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
            politeness=Politeness(host_delay_s=delay, ip_delay_s=delay / 10),
            allow_network=allow_network,
        ),
        candidate_filters=(
            UrlExtension(),
            UrlIcon(),
            CaptionLength(),
            CaptionFileName(),
            CaptionUrl(),
            CaptionLetters(),
            CaptionRepetition(),
            *((Language(allowed=languages),) if languages else ()),
        ),
        sample_filters=(ImageSize(min_side=min_side), ImageAspect(), ImageDetail()),
        image=ImageSpec(size=size, mode=mode, format=format),
        duplicates=Duplicates(radius=None if near_duplicates < 0 else near_duplicates),
        shards=ShardSpec(samples_per_shard=samples_per_shard),
    )


def _read(seeds: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses given, and those in the files given."""
    urls: list[str] = []
    for seed in seeds:
        if "://" in seed:
            urls.append(seed)
            continue
        path = Path(seed)
        if not path.is_file():
            raise ConfigError(
                f"--seeds {seed!r} is neither an address nor a file",
                "write addresses as https://example.org/",
            )
        if path.stat().st_size > MAX_SEED_FILE_BYTES:
            raise ConfigError(f"seed file {seed!r} is over {MAX_SEED_FILE_BYTES >> 20} MiB")
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        urls += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return tuple(urls)


def _is_loopback(url: str) -> bool:
    host = host_of(url).strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
