"""The rules of published data sets, with the place where each threshold stands, and our own.

A preset is a function of the files that its recipe needs and nobody ships (`Files`); a rule whose file is not named
is left out, and the preset says so. `PRESETS` has all by name; `wit filters --presets` prints them. What a data
set did that no rule here does stands in `left_out`. "From memory" is a source that was not at hand: the paper is
named, and the number may be wrong.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wit_builder.curation.settings import Duplicates, Top
from wit_builder.preset import NO_FILES, Files, Preset, Step, Wanting
from wit_filters.caption import (
    CaptionFileName,
    CaptionLength,
    CaptionLetters,
    CaptionRepetition,
    CaptionUrl,
)
from wit_filters.image import ImageArea, ImageAspect, ImageBytes, ImageDetail, ImageFormat, ImageSize
from wit_filters.language import Language
from wit_filters.model import ClipScore
from wit_filters.noise import CaptionCounter, CaptionMarkup
from wit_filters.speech import CaptionParts
from wit_filters.url import UrlExtension, UrlHolds, UrlIcon
from wit_filters.vocabulary import CaptionBlockedWords, CaptionKnownWords

NO_LIMIT = 2**31 - 1
BELOW_3 = math.nextafter(3.0, 0.0)


def wit(_: Files = NO_FILES) -> Preset:
    """Ours: what loses little and is safe to lose before anything is downloaded."""
    ours = "ours, filters/README.md"
    return Preset(
        title="wit: our own rules, which lose little",
        before=(
            Step(UrlExtension(), ours),
            Step(UrlIcon(), ours),
            Step(CaptionLength(), "lower bounds: DataComp's caption_filter; upper ones: COYO-700M's README"),
            Step(CaptionFileName(), ours),
            Step(CaptionUrl(), ours),
            Step(CaptionMarkup(), ours),
            Step(CaptionCounter(), ours),
            Step(CaptionLetters(), ours),
            Step(CaptionRepetition(), ours),
        ),
        after=(
            Step(ImageSize(min_side=64), "ours; 20,000: OBELICS's config_filter_web_documents.yaml"),
            Step(ImageAspect(), "DataComp's baselines/apply_filter.py"),
            Step(ImageDetail(), "PDQ's authors (ThreatExchange, pdq/README.md)"),
        ),
        duplicates=Duplicates(),
        left_out=(),
    )


def cc3m(files: Files = NO_FILES) -> Preset:
    """Conceptual Captions (Sharma et al. 2018, section 3)."""
    paper = "Sharma et al. 2018, section 3"
    return Preset(
        title="cc3m: Conceptual Captions, 3.3 million pairs",
        before=(
            Step(_english(), "English captions: from memory"),
            _needs(
                files.tagger,
                lambda path: CaptionParts(path),
                Wanting(
                    "tagger",
                    "a noun, a determiner and a preposition in the caption",
                    f"{paper}, text-based filtering",
                ),
            ),
            _needs(
                files.vocabulary,
                lambda path: CaptionKnownWords(path, min_count=5),
                Wanting(
                    "vocabulary",
                    "every word seen 5 times or more in English Wikipedia",
                    f"{paper}: from memory; CC12M's data card confirms the 5",
                ),
            ),
            _needs(
                files.profanity,
                lambda path: CaptionBlockedWords(path),
                Wanting("profanity", "no word of a list", f"{paper}: a classifier's judgement there"),
            ),
        ),
        after=(
            Step(ImageFormat(("jpg",)), f"{paper}, image-based filtering: JPEG only"),
            Step(ImageSize(min_side=401, max_side=NO_LIMIT), f"{paper}: both sides greater than 400"),
            Step(ImageAspect(2.0), f"{paper}: larger to smaller side at most 2"),
        ),
        duplicates=_none(),
        left_out=(
            "Cloud Vision's labels of the picture, of which one must stand in the caption",
            "classifiers of pornography (pictures and texts), profanity and sentiment",
            "caps on nouns, repetition and capitals, and a list of boilerplate, none of them published",
            "hypernyms in place of names, and digits replaced",
        ),
    )


def cc12m(files: Files = NO_FILES) -> Preset:
    """Conceptual 12M (Changpinyo et al. 2021, section 2), as its data card quotes it."""
    card = "data card (conceptual_12m), which quotes Changpinyo et al. 2021"
    return Preset(
        title="cc12m: Conceptual 12M, 12.4 million pairs",
        before=(
            Step(_english(), f"{card}: all captions are English"),
            Step(
                CaptionLength(min_words=3, min_chars=0, max_words=256, max_chars=NO_LIMIT),
                f"{card}: 3 to 256 words",
            ),
            Step(
                CaptionRepetition(min_distinct=0.8, max_run=NO_LIMIT, window=256),
                f"{card}: repetition at most 0.2",
            ),
            _needs(
                files.tagger,
                lambda path: CaptionParts(path, ("noun", "determiner")),
                Wanting("tagger", "a noun and a determiner in the caption", card),
            ),
            _needs(
                files.vocabulary,
                lambda path: CaptionKnownWords(path, min_count=20),
                Wanting("vocabulary", "every word seen 20 times or more", card),
            ),
        ),
        after=(
            Step(ImageFormat(("jpg",)), f"{card}: only JPEG"),
            Step(ImageSize(min_side=401, max_side=NO_LIMIT), f"{card}: size greater than 400 pixels"),
            Step(ImageAspect(2.5), f"{card}: 2.5 instead of 2"),
        ),
        duplicates=_none(),
        left_out=(
            "Cloud Vision's labels of the picture, of which one must stand in the caption",
            "classifiers of pornography",
            "names of persons replaced by <PERSON> in a quarter of the captions",
        ),
    )


def align(files: Files = NO_FILES) -> Preset:
    """ALIGN (Jia et al. 2021, section 3)."""
    paper = "Jia et al. 2021, section 3"
    return Preset(
        title="align: ALIGN, 1.8 billion pairs",
        before=(
            Step(
                CaptionLength(min_words=3, min_chars=0, max_words=20, max_chars=NO_LIMIT),
                f"{paper}: 3 to 20 unigrams; from memory",
            ),
            _needs(
                files.vocabulary,
                lambda path: CaptionKnownWords(path, bigrams=True),
                Wanting(
                    "vocabulary",
                    "every word and every two words among the 100 million most frequent",
                    f"{paper}: from memory",
                ),
            ),
        ),
        after=(
            Step(ImageSize(min_side=201, max_side=NO_LIMIT), f"{paper}: shorter dimension larger than 200"),
            Step(ImageAspect(BELOW_3), f"{paper}: aspect ratio smaller than 3"),
        ),
        duplicates=_none(placeholder_captions=1_001, max_images_per_caption=10, max_captions_per_image=1_000),
        left_out=(
            "a classifier of pornography",
            "near-duplicates of the test sets",
        ),
    )


def laion_400m(files: Files = NO_FILES) -> Preset:
    """LAION-400M (Schuhmann et al. 2021), as the workers' code has it."""
    return _laion(
        files,
        "laion-400m: LAION-400M, 400 million pairs",
        0.3,
        "clip_filter.py of crawlingathome: sim_threshold = 0.3",
        (Step(_english(), "English captions: from memory; ccpp.py told them by cld3"),),
    )


def laion_5b(files: Files = NO_FILES) -> Preset:
    """LAION-5B (Schuhmann et al. 2022), as the workers' code has it."""
    return _laion(
        files,
        "laion-5b: LAION-5B, 5.85 billion pairs in all languages",
        0.28,
        "Schuhmann et al. 2022: 0.28 for English captions, 0.26 by a multilingual model for others; from memory",
        (),
    )


def coyo_700m(files: Files = NO_FILES) -> Preset:
    """COYO-700M (Byeon et al. 2022), as its README has it."""
    readme = "README of kakaobrain/coyo-dataset, Data Filtering"
    return Preset(
        title="coyo-700m: COYO-700M, 747 million pairs",
        before=(
            Step(_english(), f"{readme}: English by cld3"),
            Step(
                CaptionLength(min_words=3, min_chars=6, max_words=256, max_chars=1000),
                f"{readme}: 3 to 256 words, more than 5 characters, at most 1,000",
            ),
            _needs(
                files.tagger,
                lambda path: CaptionParts(path, ("noun",)),
                Wanting("tagger", "a noun in the caption", readme),
            ),
            _needs(
                files.profanity,
                lambda path: CaptionBlockedWords(path),
                Wanting("profanity", "no word of three lists, which the README names", readme),
            ),
        ),
        after=(
            Step(ImageBytes(min_bytes=5_000), f"{readme}: at least 5 KB"),
            Step(ImageAspect(3.0), f"{readme}: greater than 3.0 dropped"),
            Step(ImageSize(min_side=200, max_side=NO_LIMIT), f"{readme}: below 200 dropped"),
        ),
        duplicates=_none(max_images_per_caption=10),
        left_out=(
            "scores of OpenNSFW2 and GantMan's model above 0.5",
            "pictures of ImageNet, Flickr30K, COCO, CC3M and CC12M, by pHash",
            "one of each (pHash, caption)",
        ),
    )


def datacomp_basic(_: Files = NO_FILES) -> Preset:
    """DataComp's basic filter (Gadre et al. 2023), as its code has it."""
    code = "baselines/apply_filter.py, load_uids_with_basic_filter_helper"
    return Preset(
        title="datacomp-basic: DataComp's basic filter",
        before=_datacomp_captions(code),
        after=_datacomp_images(code),
        duplicates=_none(),
        left_out=("what made the pool: NSFW captions and pictures, copies of the test sets, blurred faces",),
    )


def datacomp_laion2b(files: Files = NO_FILES) -> Preset:
    """DataComp's filter after LAION-2B (Gadre et al. 2023), as its code has it."""
    code = "baselines/apply_filter.py, load_uids_with_clip_score with gcld3_en_filter"
    return Preset(
        title="datacomp-laion2b: DataComp's filter after LAION-2B",
        before=(Step(_english(), f"{code}: English by cld3"),),
        after=(_clip(files, "ViT-B-32-quickgelu", 0.28, f"{code}: 0.28 for ViT-B/32"),),
        duplicates=_none(),
        left_out=("what made the pool: NSFW captions and pictures, copies of the test sets, blurred faces",),
    )


def datacomp_clip(files: Files = NO_FILES) -> Preset:
    """DataComp's filter by the CLIP score of ViT-L/14 (Gadre et al. 2023), as its code has it."""
    model, code = (
        "ViT-L-14-quickgelu",
        "baselines/apply_filter.py, get_threshold: of clip_l14_similarity_score",
    )
    return Preset(
        title="datacomp-clip: the best 30 % of DataComp's pool by CLIP score",
        before=(),
        after=(
            _needs(
                files.clip,
                lambda path: ClipScore(model, str(path), minimum=-1.0),
                Wanting("clip", f"the best 30 % by the cosine of {model}", code),
            ),
        ),
        top=None if files.clip is None else Top("clip_score", 0.3),
        duplicates=_none(),
        left_out=("what made the pool: NSFW captions and pictures, copies of the test sets, blurred faces",),
    )


def obelics(_: Files = NO_FILES) -> Preset:
    """The rules of OBELICS (Laurençon et al. 2023) that speak of pictures; its rules of texts are of paragraphs."""
    yaml = "config_filter_web_documents.yaml of huggingface/OBELICS"
    return Preset(
        title="obelics: the image rules of OBELICS, 353 million pictures",
        before=(),
        after=(
            Step(ImageFormat(("jpg", "png", "webp")), f"{yaml}: valid_formats"),
            Step(ImageSize(min_side=150, max_side=20_000), f"{yaml}: 150 to 20,000"),
            Step(ImageAspect(2.0), f"{yaml}: aspect_ratio_max_cutoff"),
        ),
        duplicates=_none(max_pages_per_image=10),
        left_out=(
            "rules of paragraphs and documents: CaptionNgrams, CaptionSymbols and CaptionStopWords have them",
            "a classifier of nudity",
        ),
    )


def metaclip(_: Files = NO_FILES) -> Preset:
    """MetaCLIP (Xu et al. 2023): its queries (metadata.json, which the user names) take the place of rules."""
    return Preset(
        title="metaclip: MetaCLIP, 400 million pairs",
        before=(Step(_english(), "English by fastText: metaclip/pipeline of facebookresearch/MetaCLIP"),),
        after=(),
        duplicates=_none(),
        query_rule="metaclip",
        balance_rule="expectation",
        left_out=(
            "without --queries metadata.json: an entry of it in each caption, 20,000 pairs an entry",
            "classifiers of nudity and faces",
        ),
    )


PRESETS: Mapping[str, Callable[[Files], Preset]] = {
    "wit": wit,
    "cc3m": cc3m,
    "cc12m": cc12m,
    "align": align,
    "laion-400m": laion_400m,
    "laion-5b": laion_5b,
    "coyo-700m": coyo_700m,
    "datacomp-basic": datacomp_basic,
    "datacomp-laion2b": datacomp_laion2b,
    "datacomp-clip": datacomp_clip,
    "obelics": obelics,
    "metaclip": metaclip,
}


def _laion(files: Files, title: str, minimum: float, source: str, more: tuple[Step, ...]) -> Preset:
    parser, worker = "ccpp.py of crawlingathome", "dbdl.py of crawlingathome"
    return Preset(
        title=title,
        before=(
            Step(UrlHolds(), f"{parser}: links of svg, gif"),
            Step(
                CaptionLength(min_words=0, min_chars=5, max_words=NO_LIMIT, max_chars=NO_LIMIT),
                f"{parser}: fewer than 5 characters dropped, cut at 2,000",
            ),
            *more,
        ),
        after=(
            Step(ImageBytes(min_bytes=5_000), f"{worker}: fewer than 5,000 bytes rejected"),
            Step(ImageArea(max_pixels=89_478_484), f"{worker}: more pixels rejected"),
            Step(ImageFormat(("jpg", "png", "webp")), f"{worker}: JPEG, JPG, PNG, WEBP"),
            _clip(files, "ViT-B-32-quickgelu", minimum, source),
        ),
        duplicates=_none(),
        left_out=(
            "pictures that CLIP's prompts took for unlawful: ClipPrompts does so with texts of yours",
            "captions of Han and kana have their characters counted twice here",
        ),
    )


def _datacomp_captions(code: str) -> tuple[Step, ...]:
    return (
        Step(_english(), f"{code}: fastText's first label is en"),
        Step(
            CaptionLength(min_words=3, min_chars=6, max_words=NO_LIMIT, max_chars=NO_LIMIT),
            f"{code}: more than 2 words, more than 5 characters",
        ),
    )


def _datacomp_images(code: str) -> tuple[Step, ...]:
    return (
        Step(ImageSize(min_side=200, max_side=NO_LIMIT), f"{code}: at least 200"),
        Step(ImageAspect(3.0), f"{code}: at most 3.0"),
    )


def _english() -> Language:
    """English by the first label, however sure."""
    return Language(("en",), min_score=0.0)


def _needs(path: Path | None, rule: Callable[[Path], Any], wanting: Wanting) -> Step | Wanting:
    return wanting if path is None else Step(rule(path), wanting.source)


def _clip(files: Files, model: str, minimum: float, source: str) -> Step | Wanting:
    wanting = Wanting("clip", f"a cosine of at least {minimum:g} by {model}", source)
    return _needs(files.clip, lambda path: ClipScore(model, str(path), minimum), wanting)


def _none(
    placeholder_captions: int = NO_LIMIT,
    max_images_per_caption: int | None = None,
    max_pages_per_image: int | None = None,
    max_captions_per_image: int | None = None,
) -> Duplicates:
    """Only copies to the byte are one, as with every build; and how widely something may be spread."""
    return Duplicates(
        radius=None,
        placeholder_captions=placeholder_captions,
        max_images_per_caption=max_images_per_caption,
        max_pages_per_image=max_pages_per_image,
        max_captions_per_image=max_captions_per_image,
    )
