"""What is taken from a page, and how much of it is looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field

from wit_builder.errors import ConfigError
from wit_builder.extract.captions import TEXT_SOURCES
from wit_builder.text.mask import KINDS, Personal, folding
from wit_builder.web.settings import OptOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What is taken from a page."""

    want_px: int = 512  # pixels: of several sizes the smallest at least this wide
    max_images: int = 10_000  # references to images of one page; the rest is not looked at
    max_links: int = 10_000  # different links of one page; the rest is not looked at
    sources: tuple[str, ...] = TEXT_SOURCES  # of texts, the strongest first; those left out are not read
    optout: OptOut = field(default_factory=OptOut)  # which directives of a page keep its images out
    mask: tuple[Personal, ...] = ()  # personal data that no text keeps, also those of lists: email, phone
    agent: str = "wit-builder"  # the name by which meta tags may speak to us

    def __post_init__(self) -> None:
        for name in ("want_px", "max_images", "max_links"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, and must be at least 1")
        if unknown := set(self.sources).difference(TEXT_SOURCES):
            raise ConfigError(f"no source of texts: {', '.join(sorted(unknown))}", ", ".join(TEXT_SOURCES))
        if strange := set(self.mask).difference(KINDS):
            raise ConfigError(f"nothing to mask: {', '.join(sorted(strange))}", ", ".join(KINDS))

    @property
    def fold(self) -> Callable[[str], str]:
        """Gives every text its one form, without what is to be masked."""
        return folding(self.mask)
