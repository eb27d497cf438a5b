"""Our crawl of the benchmark's site: robots.txt, TDMRep, frontier and parquet on disk, full extraction.

python benchmarks/crawl/ours.py PORT PAGES CONCURRENCY
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from wit_builder.crawl.crawler import crawl
from wit_builder.crawl.settings import Crawl
from wit_builder.extract.settings import Extraction
from wit_builder.web.settings import Politeness, WebSettings


def main(port: int, pages: int, concurrency: int) -> None:
    """Crawl, and print pages, images, known addresses, seconds, CPU seconds and peak memory as JSON."""
    settings = Crawl(
        seeds=(f"http://127.0.0.1:{port}/section-0/page-0.html",),
        max_depth=20,
        max_pages_per_host=pages,
        concurrency=concurrency,
    )
    haste = Politeness(host_delay_s=0, ip_delay_s=0, host_connections=concurrency)
    web = WebSettings(politeness=haste, allow_network=("127.0.0.0/8",))
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        result = uvloop.run(
            crawl(
                settings,
                web,
                Extraction(),
                Path(folder),
                attempt="0000000a",
                stop=lambda: False,
                report=lambda counts: None,
            )
        )
        run = {
            "pages": result.funnel["pages"].kept,
            "images": result.funnel["extract"].kept,
            "known": result.funnel["pages"].seen,
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    print(json.dumps(run))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
