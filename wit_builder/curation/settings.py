"""What counts as the same image twice, which scores are among the best, how many pairs a query may bring in."""

import math
from dataclasses import dataclass
from typing import Literal

from wit_builder.errors import ConfigError
from wit_builder.model import load

BalanceRule = Literal["cap", "expectation"]

_LEAST = {
    "placeholder_captions": 2,
    "placeholder_hosts": 2,
    "max_images_per_caption": 1,
    "max_pages_per_image": 1,
    "max_captions_per_image": 1,
}


@dataclass(frozen=True, slots=True)
class Semantic:
    """Two pictures whose embeddings have a cosine above 1 - eps, and fall into one cluster, show the same.

    model, checkpoint: see wit_builder.model.clip.load. fingerprint: filled in, see there.
    clusters: of k-means, fewer where that would leave them with less than 256 samples each. SemDeDup takes 50,000
        for LAION-440M (its clustering_configs.yaml). Pairs in different clusters are not found.
    Raises ConfigError for a value out of range, or a file that cannot be read.
    """

    model: str
    checkpoint: str
    eps: float
    clusters: int = 50_000
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.eps < 1:
            raise ConfigError(f"Semantic.eps is {self.eps}, expected a number between 0 and 1")
        if not 1 <= self.clusters <= 1_000_000:
            raise ConfigError(f"Semantic.clusters is {self.clusters}, expected 1 to 1,000,000")
        load.pin(self)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What counts as the same image twice.

    radius: PDQ bits, 0 to 255, in which two pictures may differ and still be one; None keeps near-duplicates.
        31 is the value PDQ's authors advise.
    placeholder_captions: an image (by its bytes) under at least so many different captions shows none of
        them ("image not available") and is dropped altogether. Captions of one URL are one image's by then, and
        count as its strongest one: max_captions_per_image looks at these.
    placeholder_hosts: the same for an image (by its bytes) that pages of at least so many registrable domains
        show under more than one caption; where no page is known, the image's own domain counts. None: not asked.
    max_images_per_caption: a caption on more different image URLs than that is boilerplate, and all its pairs go,
        before the download (ALIGN and COYO say 10). None: not asked.
    max_pages_per_image: an image URL on more different pages than that goes with all its pairs, before the
        download (OBELICS says 10). None: not asked.
    max_captions_per_image: an image URL under more different captions than that goes with all its pairs, before the
        download (ALIGN says 1,000). None: not asked.
    semantic: pictures that show the same are one, see semantic.py; None keeps them.
    """

    radius: int | None = 31
    placeholder_captions: int = 10
    placeholder_hosts: int | None = None
    max_images_per_caption: int | None = None
    max_pages_per_image: int | None = None
    max_captions_per_image: int | None = None
    semantic: Semantic | None = None

    def __post_init__(self) -> None:
        if self.radius is not None and not 0 <= self.radius <= 255:
            raise ConfigError(f"Duplicates.radius is {self.radius}; PDQ hashes differ in 0 to 255 bits")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"Duplicates.{name} is {value}, below {least}")


@dataclass(frozen=True, slots=True)
class Top:
    """Only the best of all pairs stay, by a score that a rule among sample_filters stores (top.py).

    score: its name, such as `clip_score`. share: of all pairs that the filters keep, before duplicates are looked
        for; about so many stay. DataComp's best filters by CLIP score take 0.3. minimum: the lowest score that
        stays, instead, with share=None.
    """

    score: str
    share: float | None = 0.3
    minimum: float | None = None

    def __post_init__(self) -> None:
        if (self.share is None) == (self.minimum is None):
            both = "neither share nor minimum" if self.share is None else "both share and minimum"
            raise ConfigError(f"Top has {both}", 'Top("clip_score", 0.3), or share=None, minimum=0.28')
        if self.share is not None and not 0 < self.share < 1:
            raise ConfigError(f"Top.share is {self.share}, expected a number between 0 and 1")
        if self.minimum is not None and not math.isfinite(self.minimum):
            raise ConfigError(f"Top.minimum is {self.minimum}, expected a finite number")


@dataclass(frozen=True, slots=True)
class Balance:
    """How many pairs a query brings in; pairs without a query stay, whatever the rule.

    rule: `cap` is CLIP's, `expectation` MetaCLIP's (balance.py).
    per_query: t. CLIP and MetaCLIP's set of 400 million pairs: 20,000.
    target: pairs that the build shall keep instead, with per_query=None: the t whose number comes nearest is found.
    seed: other pairs, as many of them.
    """

    rule: BalanceRule = "cap"
    per_query: int | None = 20_000
    target: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.per_query is None) == (self.target is None):
            both = "neither per_query nor target" if self.per_query is None else "both per_query and target"
            raise ConfigError(f"Balance has {both}", "per_query=20_000, or per_query=None, target=1_000_000")
        for name in ("per_query", "target"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"Balance.{name} is {value}, expected 1 or more")
