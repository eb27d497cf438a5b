"""The images of a page in a WAT record: each becomes a candidate or a loss, by the rules of `extract.html`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wit_builder.archive.rows import Found, Lost
from wit_builder.extract.captions import ranked
from wit_builder.extract.links import Resolver
from wit_builder.extract.meta import PageWishes, SharedImage
from wit_builder.extract.settings import Extraction
from wit_builder.records import candidate_id


class ImageRules:
    """What becomes of an image, for all pages alike."""

    def __init__(self, settings: Extraction) -> None:
        self._max, self._fold = settings.max_images, settings.fold
        self._rank = {source: place for place, source in enumerate(settings.sources)}

    def read(
        self,
        linked: Sequence[Mapping[str, Any]],
        shared: Iterable[SharedImage],
        resolve: Resolver,
        licence: str,
        owner: PageWishes,
    ) -> tuple[list[Found], list[Lost]]:
        """What a page's images become.

        linked: those that stand on it. shared: those that its meta tags name; one whose URL an image on the page
        has is none of its own, and its texts join that image's.
        """
        found: list[Found] = []
        lost: list[Lost] = []
        by_url, nowhere = _by_url(shared, resolve) if shared else ({}, [])
        reason, first = owner.reason, self._rank.get("alt") == 0
        for link in linked[: self._max]:
            written, alt, title = link["url"], link.get("alt"), link.get("title")
            url = resolve(written) if written[:5] != "data:" else None
            if not first or url in by_url or (title and title != alt):
                texts = [("alt", alt or ""), ("title", title or "")]
                texts += by_url.pop(url).texts if url in by_url else ()
                self._add(("img", url, written, texts), licence, owner, found, lost)
                continue
            caption = self._fold(alt) if alt else ""  # nine of ten have one text or none
            if reason or url is None:
                lost.append(_lost("img", url, written, caption, owner))
            elif caption:
                found.append((candidate_id(url, caption), url, caption, "alt", (), licence))
            else:
                lost.append((candidate_id(url, ""), "no_text", url, "", "img"))
        for image in [*by_url.values(), *nowhere]:
            if len(found) + len(lost) < self._max:
                reference = image.kind, resolve(image.url), image.url, image.texts
                self._add(reference, licence, owner, found, lost)
        return found, lost

    def _add(
        self,
        reference: tuple[str, str | None, str, list[tuple[str, str]]],
        licence: str,
        owner: PageWishes,
        found: list[Found],
        lost: list[Lost],
    ) -> None:
        kind, url, written, texts = reference
        told = ranked(texts, self._rank, self._fold)
        if owner.reason or url is None or not told:
            lost.append(_lost(kind, url, written, told[0].text if told else "", owner))
        else:
            id_ = candidate_id(url, told[0].text)
            found.append((id_, url, told[0].text, told[0].source, told[1:], licence))


def _lost(kind: str, url: str | None, written: str, caption: str, owner: PageWishes) -> Lost:
    """An image that its page, its address or its want of a text loses, in this order."""
    shown = written if url is None else url
    reason, evidence = owner.reason, owner.evidence
    if not reason and url is None:
        reason = "data_uri" if written.lstrip()[:5].lower() == "data:" else "bad_url"
        evidence = f"{kind}: {written[:80]}"
    return candidate_id(shown, caption), reason or "no_text", shown, caption, evidence or kind


def _by_url(
    shared: Iterable[SharedImage], resolve: Resolver
) -> tuple[dict[str | None, SharedImage], list[SharedImage]]:
    """The images shared, each URL once with all its texts, and those whose address is none."""
    by_url: dict[str | None, SharedImage] = {}
    nowhere = []
    for image in shared:
        url = resolve(image.url)
        if url is None:
            nowhere.append(image)
        elif url in by_url:
            by_url[url].texts.extend(image.texts)
        else:
            by_url[url] = image
    return by_url, nowhere
