"""Scrapy's crawl of the same site: no robots.txt, memory only, src and alt only; what it needs and no more.

python benchmarks/crawl/scrapys.py PORT PAGES CONCURRENCY
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess


class _Spider(scrapy.Spider):
    name = "benchmark"
    pages = images = 0

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Any]:
        """Count images, follow links."""
        type(self).pages += 1
        for image in response.css("img"):
            type(self).images += 1
            yield {"src": response.urljoin(image.attrib["src"]), "alt": image.attrib.get("alt", "")}
        for href in response.css("a::attr(href)").getall():
            yield scrapy.Request(response.urljoin(href))


def main(port: int, pages: int, concurrency: int) -> None:
    """Crawl, and print pages, images, seconds, CPU seconds and peak memory as JSON."""
    process = CrawlerProcess(
        {
            "CONCURRENT_REQUESTS": concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": concurrency,
            "DOWNLOAD_DELAY": 0,
            "CLOSESPIDER_PAGECOUNT": pages,
            "ROBOTSTXT_OBEY": False,
            "COOKIES_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "ERROR",
        }
    )
    process.crawl(_Spider, start_urls=[f"http://127.0.0.1:{port}/section-0/page-0.html"])
    began, cpu = time.perf_counter(), time.process_time()
    process.start()
    run = {
        "pages": _Spider.pages,
        "images": _Spider.images,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(run))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
