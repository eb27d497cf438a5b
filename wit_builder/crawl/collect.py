"""The crawl as a stage of a build: one task, which goes on where an attempt before it was stopped."""

from dataclasses import replace

import uvloop

from wit_builder.crawl.crawler import crawl
from wit_builder.engine import lease
from wit_builder.engine.task import Stopped, Task
from wit_builder.web import journal


def collect(task: Task) -> None:
    """Crawls into the task's own folder.

    params: crawl (Crawl), web (WebSettings), extraction (Extraction). Hands on `candidates` and `losses`
    (parquet), `wishes` (its journal), and the funnel of the stages pages and extract.
    """
    web, extraction = task.params["web"], task.params["extraction"]
    with lease.alone(task.home):
        result = uvloop.run(
            crawl(
                task.params["crawl"],
                web,
                replace(extraction, optout=web.optout),  # one policy for pages and images
                task.home,
                attempt=task.attempt,
                stop=task.stopping,
                report=task.report,
                connect_to=dict(task.session["connect_to"]),
            )
        )
    if not result.finished:
        raise Stopped
    for path in result.candidate_parts:
        task.keep("candidates", path)
    for path in result.loss_parts:
        task.keep("losses", path)
    task.keep("wishes", task.home / journal.NAME)
    task.funnel.add(result.funnel)
