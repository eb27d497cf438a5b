"""Each preset's thresholds, held by values on both sides of them."""

from dataclasses import dataclass

import pytest

from tests.filters.taggers import tagger
from wit_builder.curation.settings import Top
from wit_builder.errors import ConfigError
from wit_builder.filtering import judge
from wit_builder.preset import NO_FILES, Files, Step
from wit_filters.presets import PRESETS


@dataclass(frozen=True, slots=True)
class Pair:
    caption: str = "a red boat on the lake"
    url: str = "http://a.test/boat.jpg"
    page_url: str = "http://a.test/"
    text_source: str = "alt"
    lang: str = "en"
    lang_score: float = 0.3
    original_width: int = 640
    original_height: int = 480
    original_bytes: int = 50_000
    phash_quality: int = 100
    original_format: str = "jpg"
    animated: bool = False
    alpha: bool = False


def reason(preset, files=NO_FILES, **pair):
    made = PRESETS[preset](files)
    return judge([Pair(**pair)], (*made.candidate_filters, *made.sample_filters))[0].reason


def words(n):
    return " ".join(f"word{i}" for i in range(n))


@pytest.mark.parametrize("preset", PRESETS)
def test_an_ordinary_pair_passes(preset):
    assert reason(preset, lang_score=0.9) is None


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_says_where_each_rule_comes_from(preset):
    made = PRESETS[preset](NO_FILES)
    assert made.title.startswith(f"{preset}: ")
    for step in (*made.before, *made.after):
        assert step.source
        assert step.source in str(made)
        if isinstance(step, Step):
            assert repr(step.rule) in str(made)
    assert all(text in str(made) for text in made.left_out)


W, H = "original_width", "original_height"
BOUNDS = [
    ("cc3m", {W: 401, H: 401}, {W: 400, H: 401}),
    ("cc3m", {W: 1_000, H: 500}, {W: 1_001, H: 500}),
    ("cc3m", {"original_format": "jpg"}, {"original_format": "png"}),
    ("cc3m", {"lang": "en", "lang_score": 0.1}, {"lang": "de", "lang_score": 0.9}),
    ("cc12m", {W: 401, H: 401}, {W: 400, H: 401}),
    ("cc12m", {W: 1_250, H: 500}, {W: 1_251, H: 500}),
    ("cc12m", {"original_format": "jpg"}, {"original_format": "webp"}),
    ("cc12m", {"caption": words(3)}, {"caption": words(2)}),
    ("cc12m", {"caption": words(256)}, {"caption": words(257)}),
    ("cc12m", {"caption": f"{words(8)} word0 word1"}, {"caption": f"{words(7)} word0 word1"}),  # 2 of 10, of 9
    ("align", {"caption": words(3)}, {"caption": words(2)}),
    ("align", {"caption": words(20)}, {"caption": words(21)}),
    ("align", {W: 201, H: 300}, {W: 200, H: 300}),
    ("align", {W: 899, H: 300}, {W: 900, H: 300}),
    ("laion-400m", {"caption": "abcde"}, {"caption": "abcd"}),
    ("laion-400m", {"original_bytes": 5_000}, {"original_bytes": 4_999}),
    ("laion-400m", {W: 2, H: 44_739_242}, {W: 2, H: 44_739_243}),
    ("laion-400m", {"original_format": "webp"}, {"original_format": "gif"}),
    ("laion-400m", {"url": "http://a.test/a.svh"}, {"url": "http://a.test/a.svg.png"}),
    ("laion-400m", {"lang": "en"}, {"lang": "fr"}),
    ("laion-5b", {"lang": "fr"}, {"caption": "abcd"}),
    ("laion-5b", {"original_bytes": 5_000}, {"original_bytes": 4_999}),
    ("coyo-700m", {"caption": words(3)}, {"caption": words(2)}),
    ("coyo-700m", {"caption": "a b cd"}, {"caption": "a b c"}),
    ("coyo-700m", {"caption": " ".join(["ab"] * 256)}, {"caption": " ".join(["ab"] * 257)}),
    ("coyo-700m", {"caption": f"a b {'c' * 996}"}, {"caption": f"a b {'c' * 997}"}),
    ("coyo-700m", {"original_bytes": 5_000}, {"original_bytes": 4_999}),
    ("coyo-700m", {W: 200, H: 600}, {W: 200, H: 601}),
    ("coyo-700m", {W: 200}, {W: 199}),
    ("coyo-700m", {"original_format": "bmp"}, {"lang": "fr"}),
    ("datacomp-basic", {"caption": "one of it"}, {"caption": "two words"}),
    ("datacomp-basic", {"caption": "a b cd"}, {"caption": "a b c"}),
    ("datacomp-basic", {W: 200}, {W: 199}),
    ("datacomp-basic", {W: 600, H: 200}, {W: 601, H: 200}),
    ("datacomp-basic", {"lang": "en", "lang_score": 0.01}, {"lang": "fr", "lang_score": 0.99}),
    ("datacomp-laion2b", {"caption": "x"}, {"lang": "de"}),
    ("obelics", {W: 150, H: 150}, {W: 149, H: 150}),
    ("obelics", {W: 20_000, H: 10_000}, {W: 20_001, H: 10_001}),
    ("obelics", {W: 1_000, H: 500}, {W: 1_001, H: 500}),
    ("obelics", {"original_format": "png"}, {"original_format": "gif"}),
    ("metaclip", {"lang": "en", "lang_score": 0.01}, {"lang": "de", "lang_score": 0.99}),
    ("wit", {W: 64, H: 64}, {W: 63, H: 64}),
    ("wit", {"caption": "a boat"}, {"caption": "Photo 3 of 12"}),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "kept", "lost"), BOUNDS)
def test_what_stands_at_a_bound_stays_and_what_stands_beyond_goes(preset, kept, lost):
    assert reason(preset, **kept) is None
    assert reason(preset, **lost) is not None


@pytest.mark.parametrize(
    ("preset", "kept", "lost"),
    [
        ("cc3m", "the boat on a lake", "the boat"),
        ("cc12m", "the red boat", "boat on lake"),
        ("coyo-700m", "boat on lake", "in the a under"),
    ],
)
def test_a_tagger_brings_the_rule_of_parts_of_speech(preset, kept, lost, tmp_path):
    files = Files(tagger=tagger(tmp_path))
    assert reason(preset, files, caption=kept) is None
    assert reason(preset, files, caption=lost).startswith("caption_no_")


@pytest.mark.parametrize(("preset", "least"), [("cc3m", 5), ("cc12m", 20)])
def test_a_vocabulary_brings_the_rule_of_rare_words(preset, least, tmp_path):
    path = tmp_path / "words.tsv"
    known = "a\t900\nboat\t900\non\t900\nthe\t900\n"
    for count, expected in ((least, None), (least - 1, "caption_rare_word")):
        path = tmp_path / f"{count}.tsv"
        path.write_text(f"{known}lake\t{count}\n")
        assert reason(preset, Files(vocabulary=path), caption="a boat on the lake") == expected


def test_aligns_vocabulary_holds_two_words_in_a_row_too(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nboat\nhere\na boat\nboat here\n")
    assert reason("align", Files(vocabulary=path), caption="a boat here") is None
    assert reason("align", Files(vocabulary=path), caption="boat a here") == "caption_rare_word"


@pytest.mark.parametrize("preset", ["cc3m", "coyo-700m"])
def test_a_list_of_profanity_brings_its_rule(preset, tmp_path):
    (path := tmp_path / "bad.txt").write_text("silly\n")
    assert reason(preset, Files(profanity=path), caption="a Silly boat here") == "caption_blocked_word"


def test_a_preset_names_the_files_it_could_use():
    assert PRESETS["cc3m"](NO_FILES).wanting == {"tagger", "vocabulary", "profanity"}
    assert PRESETS["laion-400m"](NO_FILES).wanting == {"clip"}
    assert PRESETS["wit"](NO_FILES).wanting == set()


def test_a_checkpoint_brings_the_best_by_its_score(tmp_path):
    (path := tmp_path / "clip.pt").write_bytes(b"weights")
    assert PRESETS["datacomp-clip"](NO_FILES).top is None
    made = PRESETS["datacomp-clip"](Files(clip=path))
    assert made.top == Top("clip_score", 0.3)
    assert made.sample_filters[0].minimum == -1


@pytest.mark.parametrize("given", ["words", "tagger=", "model=/a", "=/a"])
def test_what_names_no_file_is_refused(given):
    with pytest.raises(
        ConfigError, match=r"names no file, expected one of tagger, vocabulary, profanity, clip once"
    ):
        Files.named((given,))


def test_a_file_named_twice_is_refused():
    with pytest.raises(ConfigError, match="once"):
        Files.named(("clip=/a", "clip=/b"))
