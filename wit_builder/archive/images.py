"""The images of a page in a WAT record: each becomes a candidate or a loss, by the rules of `extract.html`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wit_builder.archive.rows import Found, Lost
from wit_builder.extract.captions import ranked
from wit_builder.extract.links import Resolver
from wit_builder.extract.meta import SharedImage
from wit_builder.extract.settings import Extraction
from wit_builder.records import candidate_id
from wit_builder.text.normalize import fold

_IMAGE = "IMG@/src"


@dataclass(slots=True)
class _Shared:
    """What meta tags say of one URL."""

    kind: str
    written: str
    texts: list[tuple[str, str]]


class Images:
    """Gathers what a page's images become."""

    def __init__(self, settings: Extraction, resolve: Resolver, licence: str, opt_out: tuple[str, str]) -> None:
        """opt_out: reason and evidence why the page's images are left alone, "" where they are not."""
        self.found: list[Found] = []
        self.lost: list[Lost] = []
        self._resolve, self._licence = resolve, licence
        self._reason, self._evidence = opt_out
        self._max = settings.max_images
        self._rank = {source: place for place, source in enumerate(settings.sources)}

    def read(self, linked: Iterable[Mapping[str, Any]], shared: Iterable[SharedImage]) -> None:
        """linked: links of the page, img among them. shared: images that its meta tags name.

        One that is shared is no image of its own where an img has its URL: its texts join that image's.
        """
        by_url, without = self._by_url(shared)
        plain = not self._reason and "alt" in self._rank
        resolve, found, lost, licence = self._resolve, self.found, self.lost, self._licence
        for link in linked:
            if link["path"] != _IMAGE:
                continue
            if len(found) + len(lost) >= self._max:
                return
            written, alt, title = link["url"], link.get("alt"), link.get("title")
            url = resolve(written) if written[:5] != "data:" else None
            if url in by_url:
                texts = [("alt", alt), ("title", title), *by_url.pop(url).texts]
            elif url is None or not plain or (title and title != alt):
                texts = [("alt", alt), ("title", title)]
            elif alt and (caption := fold(alt)):  # nearly all that are found, and all without a text, end here
                found.append((candidate_id(url, caption), url, caption, "alt", (), licence))
                continue
            else:
                lost.append((candidate_id(url, ""), "no_text", url, "", "img"))
                continue
            self._add("img", url, written, texts)
        for url, image in (*by_url.items(), *((None, image) for image in without)):
            if len(found) + len(lost) < self._max:
                self._add(image.kind, url, image.written, image.texts)

    def _by_url(self, shared: Iterable[SharedImage]) -> tuple[dict[str | None, _Shared], list[_Shared]]:
        """The images shared, by URL, and those whose address is none."""
        by_url: dict[str | None, _Shared] = {}
        without = []
        for image in shared:
            url = self._resolve(image.url)
            if url is None:
                without.append(_Shared(image.kind, image.url, image.texts))
            elif url in by_url:
                by_url[url].texts += image.texts
            else:
                by_url[url] = _Shared(image.kind, image.url, list(image.texts))
        return by_url, without

    def _add(self, kind: str, url: str | None, written: str, texts: Iterable[tuple[str, str | None]]) -> None:
        told = ranked(((source, text) for source, text in texts if text), self._rank)
        caption = told[0].text if told else ""
        id_ = candidate_id(written if url is None else url, caption)
        if self._reason:
            self.lost.append((id_, self._reason, written if url is None else url, caption, self._evidence))
        elif url is None:
            reason = "data_uri" if written.lstrip()[:5].lower() == "data:" else "bad_url"
            self.lost.append((id_, reason, written, caption, f"{kind}: {written[:80]}"))
        elif not told:
            self.lost.append((id_, "no_text", url, "", kind))
        else:
            self.found.append((id_, url, caption, told[0].source, told[1:], self._licence))
