"""Pages for tests: a piece of HTML as it stands on http://a.test/dir/page.html."""

from datetime import UTC, datetime

from wit_builder.extract.html import Extraction, Page, extract

PAGE_URL = "http://a.test/dir/page.html"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def read(
    html: str,
    settings: Extraction | None = None,
    directives: frozenset[str] = frozenset(),
    tdm_header: str | None = None,
    page_url: str = PAGE_URL,
) -> Page:
    """What extraction finds on the page."""
    return extract(
        html.encode("utf-8", "surrogatepass"),
        page_url,
        settings=settings or Extraction(),
        directives=directives,
        tdm_header=tdm_header,
        found_at=NOW,
    )


def urls(html: str) -> list[str]:
    """The URLs of its candidates, without the folder where it is the page's own."""
    return [candidate.url.removeprefix("http://a.test/dir/") for candidate in read(html).candidates]


def texts(html: str) -> list[tuple[str, str]]:
    """(source, text) of its one candidate, the caption first."""
    [candidate] = read(html).candidates
    others = [(text.source, text.text) for text in candidate.alt_texts]
    return [(candidate.text_source, candidate.caption), *others]


def reasons(html: str) -> list[str]:
    """The reasons of its losses."""
    return [loss.reason for loss in read(html).losses]
