"""Peak memory of a crawl that knows 10,000 addresses, and of one that knows 1,000,000.

    python benchmarks/crawl/memory.py

The site has no end, every link is new: 323 pages make 10,000 addresses known, 32,260 pages 1,000,000. Those
that are not fetched are lost as over the limit in the end, so the measure holds an address's whole life.
"""

import click
from compare import run_program, serving

PAGES = (33, 323, 3_226, 32_260)


@click.command()
def main() -> None:
    """Print a table."""
    print("pages   known     CPU ms/page  peak MB")
    with serving(0) as port:
        for pages in PAGES:
            run = run_program("ours.py", port, pages, 16)
            cpu = 1000 * run["cpu"] / run["pages"]
            print(f"{run['pages']:6.0f}  {run['known']:8.0f}  {cpu:11.2f}  {run['peak_mb']:7.0f}", flush=True)


if __name__ == "__main__":
    main()
