"""Which demo web: what a recipe holds of it, and where its hosts are while it is served. web.py is the web itself."""

from dataclasses import dataclass

START = "http://start.demo.test/"
SITEMAP = "http://sitemap.demo.test/"  # the second seed, whose sitemaps name pages that nobody links to
PRIVATE = "10.11.12.13"
MIN_PAGES, MAX_PAGES = 10, 1_000_000

_CLOSED_PORT = 1  # tcpmux: nobody has listened there for decades


@dataclass(frozen=True, slots=True)
class DemoWeb:
    """A website with known outcome. pages: content pages, 10 to 1,000,000; seed: another seed, another web.

    exhibits: whether the museum and the traps are there besides: about 150 pages more. The content has copies
    and dead links of its own.
    """

    pages: int = 300
    seed: int = 0
    exhibits: bool = True

    def __post_init__(self) -> None:
        if not MIN_PAGES <= self.pages <= MAX_PAGES:
            raise ValueError(f"DemoWeb.pages is {self.pages}, expected {MIN_PAGES} to {MAX_PAGES}")

    @property
    def seeds(self) -> tuple[str, ...]:
        """Where a crawl begins."""
        return (START, SITEMAP) if self.exhibits else (START,)

    @property
    def per_query(self) -> int:
        """Pairs that a query may bring in: more than show one thing, fewer than hold a frequent word."""
        return 10 + self.pages // 8

    def connect_to(self, port: int) -> dict[str, str | None]:
        """Where the hosts are when the web is served on that port of 127.0.0.1; the first pattern counts."""
        return {
            "gone.demo.test": None,
            "refused.demo.test": f"127.0.0.1:{_CLOSED_PORT}",
            "private.demo.test": f"{PRIVATE}:80",
            "*.demo.test": f"127.0.0.1:{port}",
        }
