"""Rules that read an image's address, before anything is downloaded."""

import re
import string
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import HasUrl
from wit_filters.bounds import check_words


@dataclass(frozen=True, slots=True)
class UrlExtension:
    """Drops addresses whose file extension names something that is no photograph or drawing in pixels.

    Only the extension of the last piece of the path counts, in any case; queries do not: an image service
    asked for `?url=logo.svg` answers pixels, and so does `map.svg.png`.

    Default: LAION's pipeline drops addresses that hold ".svg" anywhere (and ".gif", which we keep: many are
    photographs, and the rules of pictures see to the rest); the others are ours.

    Drops for: `url_extension`.
    """

    dropped: tuple[str, ...] = (
        "svg", "svgz", "ico", "cur", "pdf", "ps", "eps", "psd", "swf",
        "mp4", "webm", "mov", "avi", "mp3", "zip", "css", "js",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_words(self, "dropped", string.ascii_lowercase + string.digits)

    def __call__(self, item: HasUrl, /) -> Verdict:  # noqa: D102
        extension = _split_name(_pieces(item.url)[-1])[1]
        return Verdict("url_extension", extension) if extension in self.dropped else KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        pattern = rf"(?i)\.(?:{'|'.join(self.dropped)})(?:[;?#/]|$)"
        return pc.match_substring_regex(rows.column("url"), pattern)


@dataclass(frozen=True, slots=True)
class UrlIcon:
    """Drops addresses of decoration: spacers, tracking pixels, sprites, favicons, smilies.

    An address goes when its file's name is nothing but words of `names`, numbers and sizes ("spacer.gif",
    "icon-32x32.png", "1x1.gif"), or when one of its folders is called exactly one of `folders`. One such word
    among others says nothing: "google-pixel-7.jpg" and "icon-of-st-nicholas.jpg" stay. Ours, without a
    published source: a wrong drop here is final, a missed icon costs one download and falls to the rules of
    pictures.

    Drops for: `url_icon`.
    """

    names: tuple[str, ...] = (
        "spacer", "spacers", "pixel", "px", "blank", "transparent", "clear", "dot", "shim", "sprite",
        "sprites", "favicon", "favicons", "icon", "icons", "bullet", "arrow", "loading", "loader", "spinner",
        "placeholder", "noimage", "ajax",
    )  # fmt: skip
    folders: tuple[str, ...] = (
        "favicon", "favicons", "sprite", "sprites", "spacer", "spacers",
        "emoji", "emojis", "emoticon", "emoticons", "smiley", "smileys", "smilie", "smilies",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_words(self, "names", string.ascii_lowercase)
        check_words(self, "folders", string.ascii_lowercase + string.digits + "-_")

    def __call__(self, item: HasUrl, /) -> Verdict:  # noqa: D102
        *folders, name = _pieces(item.url)
        for folder in folders:
            if folder in self.folders:
                return Verdict("url_icon", f"folder {folder}")
        return Verdict("url_icon", name[:100]) if self._is_decoration(_split_name(name)[0]) else KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        folder, name = (f"(?i:{'|'.join(words) or '[^/]*'})" for words in (self.folders, self.names))
        number, apart = r"(?:[0-9]{1,5}(?:x[0-9]{1,5})?|[0-9]{1,5}px|[0-9]{0,2}x)", "[^A-Za-z0-9/]"
        stem = f"{apart}*(?:{number}{apart}+)*{name}[0-9]*(?:{apart}+(?:{number}|{name}[0-9]*))*{apart}*"
        pattern = rf"/{folder}(?:;[^/]*)?/|/(?:{stem}|{apart}*1x1{apart}*)(?:\.[^/.;?#]*)?(?:[;?#]|$)|İ"
        return pc.match_substring_regex(rows.column("url"), pattern)

    def _is_decoration(self, stem: str) -> bool:
        tokens = [token for token in _SEPARATORS.split(stem) if token]
        words = [token for token in tokens if not _NUMBER.fullmatch(token)]
        if words:
            return all(word.rstrip(string.digits) in self.names for word in words)
        return tokens == ["1x1"]


@dataclass(frozen=True, slots=True)
class UrlHolds:
    """Drops addresses that hold one of these texts anywhere, in any case.

    Default: LAION's, which its parser looks for in the whole address (crawlingathome's ccpp.py); of them "data:image"
    and "javascript:" never become candidates here.

    Drops for: `url_holds`.
    """

    parts: tuple[str, ...] = (".svg", ".gif")

    def __post_init__(self) -> None:
        check_words(self, "parts", string.ascii_lowercase + string.digits + string.punctuation)

    def __call__(self, item: HasUrl, /) -> Verdict:  # noqa: D102
        url = item.url.lower()
        found = next((part for part in self.parts if part in url), None)
        return KEPT if found is None else Verdict("url_holds", found[:100])

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        pattern = rf"(?i){'|'.join(map(re.escape, self.parts))}|İ"
        return pc.match_substring_regex(rows.column("url"), pattern)


_SEPARATORS = re.compile(r"[^a-z0-9]+|%[0-9a-f]{2}")
_NUMBER = re.compile(r"\d{1,5}(?:x\d{1,5})?|\d{1,5}px|\d{0,2}x")  # 32, 32x32, 16px, 2x


def _pieces(url: str) -> list[str]:
    """The path's pieces in lower case: folders, then the file's name ("" where the path ends in a slash)."""
    rest = url.partition("#")[0].partition("?")[0].partition("://")[2]
    return [piece.partition(";")[0] for piece in rest.lower().split("/")[1:]] or [""]


def _split_name(name: str) -> tuple[str, str]:
    """Stem and extension, the latter without its dot and "" where there is none."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot else (name, "")
