"""The whole road on a web of our own: `make shards`."""

from wit_builder.crawl.settings import Crawl
from wit_builder.curation.settings import Balance, Duplicates
from wit_builder.demo_web.queries import ENTRIES
from wit_builder.demo_web.settings import DemoWeb
from wit_builder.images.picture import ImageSpec
from wit_builder.queries.settings import Queries
from wit_builder.recipe import Recipe
from wit_builder.shards.writer import ShardSpec
from wit_builder.web.settings import Politeness, WebSettings
from wit_filters.caption import (
    CaptionFileName,
    CaptionLength,
    CaptionLetters,
    CaptionRepetition,
    CaptionUrl,
)
from wit_filters.image import ImageAspect, ImageBytes, ImageDetail, ImageSize
from wit_filters.language import Language
from wit_filters.url import UrlExtension, UrlIcon


def recipe(pages: int = 300, seed: int = 0, samples_per_shard: int = 250) -> Recipe:
    """Crawl the demo web, served on loopback while the build runs: `wit build demo`.

    Its pages hold every habit and trap of the real web, and what must come out is known beforehand; that it
    does, pair by pair and loss by loss, is tested in tests/journeys. What it costs: docs/benchmarks.md.

    pages: size of the demo web, 10 to 1,000,000.
    seed: number that the demo web is drawn from; another one, another web.
    samples_per_shard: pairs in a shard.
    """
    demo = DemoWeb(pages, seed)
    return Recipe(
        name="demo",
        source=Crawl(
            seeds=demo.seeds,
            hosts=("*.demo.test",),
            max_pages_per_host=1_000_000,
            max_depth=12,
            concurrency=16,
        ),
        web=WebSettings(
            deadline_s=5.0,
            max_page_bytes=2 << 20,
            connections=16,  # the demo web paints one picture at a time
            politeness=Politeness(
                host_delay_s=0.0, ip_delay_s=0.0, host_connections=4, retries=2, backoff_s=0.1
            ),
            allow_network=("127.0.0.0/8",),
        ),
        candidate_filters=(
            UrlExtension(),
            UrlIcon(),
            CaptionLength(),
            CaptionFileName(),
            CaptionUrl(),
            CaptionLetters(),
            CaptionRepetition(),
            Language(allowed=("en", "de", "fr", "es", "pl", "ja")),
        ),
        sample_filters=(ImageSize(min_side=64), ImageAspect(), ImageBytes(min_bytes=1_000), ImageDetail()),
        image=ImageSpec(size=224),
        duplicates=Duplicates(),
        queries=Queries(entries=ENTRIES),
        balance=Balance(per_query=demo.per_query),
        shards=ShardSpec(samples_per_shard=samples_per_shard),
        demo_web=demo,
    )
