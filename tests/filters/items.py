"""Items as rules see them: only what the rule's argument type names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Captioned:
    caption: str = "A boat on a lake"
    text_source: str = "alt"
    lang: str = "en"
    lang_score: float = 0.9


@dataclass(frozen=True, slots=True)
class Addressed:
    url: str
    page_url: str = "http://a.test/"


@dataclass(frozen=True, slots=True)
class Pictured:
    original_width: int = 640
    original_height: int = 480
    original_bytes: int = 50_000
    phash_quality: int = 100
    original_format: str = "jpg"
    animated: bool = False
    alpha: bool = False
