import pytest

from tests.filters.items import Captioned
from wit_builder.errors import ConfigError
from wit_filters import CaptionBlockedWords, CaptionKnownWords, CaptionStopWords


@pytest.fixture
def listed(tmp_path):
    def write(text, name="list.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def reason(rule, caption):
    return rule(Captioned(caption)).reason


@pytest.mark.parametrize(
    "caption",
    [
        "a SILLY boat",
        "(silly)",
        "silly's boat",
        "“silly”, he said",
        "what a Dumb  Boat!",
        "Schöne Straße",
        "彼は馬鹿です",
    ],
)
def test_a_listed_word_is_found_whole_in_any_dress_and_language(listed, caption):
    rule = CaptionBlockedWords(listed("silly\r\nDumb boat\n\nSTRASSE\n馬鹿\n"))
    assert reason(rule, " ".join(caption.split())) == "caption_blocked_word"


@pytest.mark.parametrize("caption", ["sillyness", "unsilly", "dumb old boat", "a boat", "馬と鹿"])
def test_a_part_of_a_word_or_phrase_is_not_the_word(listed, caption):
    assert reason(CaptionBlockedWords(listed("silly\nDumb boat\n馬鹿\n")), caption) is None


def test_some_listed_words_may_be_allowed(listed):
    rule = CaptionBlockedWords(listed("silly"), max_share=0.25)
    assert reason(rule, "a silly red boat") is None  # 1 of 4
    assert reason(rule, "a silly boat") == "caption_blocked_word"  # 1 of 3


def test_the_evidence_does_not_repeat_the_word(listed):
    assert CaptionBlockedWords(listed("silly"))(Captioned("a silly boat")).evidence == "1 of the list"


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("the boat on the lake of x y z k", None),  # 4 of 10 words
        ("the boat on x y z k l m n", "caption_stop_words"),  # 2 of 10
        ("the boat on the w x y z k l", None),  # 3 of 10, the bound
        ("...", "caption_stop_words"),
    ],
)
def test_a_sentence_has_small_words(listed, caption, expected):
    assert reason(CaptionStopWords(listed("the\non\nof\n")), caption) == expected


def test_every_word_must_be_known_and_seen_often_enough(listed):
    path = listed("boat\t100\nlake\t5\nrare\t4\non\tcommon\t700\na\t9000\n")
    assert reason(CaptionKnownWords(path, min_count=5), "A boat on a lake, 1912") is None
    assert reason(CaptionKnownWords(path, min_count=5), "a rare boat") == "caption_rare_word"
    assert reason(CaptionKnownWords(path), "a rare boat") is None


def test_a_share_of_the_words_may_be_asked_for(listed):
    rule = CaptionKnownWords(listed("a\nboat\nis\nhere"), min_share=0.8)
    assert reason(rule, "a boat is zzz here") is None  # 4 of 5
    assert reason(rule, "a boat is zzz") == "caption_rare_word"  # 3 of 4


def test_two_words_in_a_row_must_be_known_too(listed):
    path = listed("red\nboat\nlake\nred boat\n")
    assert reason(CaptionKnownWords(path, bigrams=True), "red boat") is None
    assert reason(CaptionKnownWords(path, bigrams=True), "red lake") == "caption_rare_word"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds none"),
        (" \n\n...\n", "holds none"),
        (b"caf\xe9\n", "is no UTF-8"),
        ("a" * 1_001, "line 1: 1,001 characters, 1,000 at most"),
        ("boat\n" + " ".join("abcdefghi"), "line 2: a phrase of 9 words, 8 at most"),
        ("boat\n" + "a" * 100_000, "line 2: 65,536 characters"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(listed, text, said):
    with pytest.raises(ConfigError, match=said):
        CaptionBlockedWords(listed(text))


def test_a_phrase_of_eight_words_is_found(listed):
    rule = CaptionBlockedWords(listed("a b c d e f g h"))
    assert reason(rule, "x A b c d e f g, h y") == "caption_blocked_word"
    assert reason(rule, "a b c d e f g") is None


def test_a_list_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        CaptionStopWords(tmp_path / "none.txt")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        CaptionStopWords(tmp_path)


def test_a_count_that_is_none_is_refused_by_its_line(listed):
    with pytest.raises(ConfigError, match="line 2: 'many' is no count"):
        CaptionKnownWords(listed("a\t7\nboat\tmany\n"), min_count=5)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (CaptionBlockedWords, {"max_share": -1}),
        (CaptionStopWords, {"min_share": 2}),
        (CaptionKnownWords, {"min_share": 1.5}),
        (CaptionKnownWords, {"min_count": -1}),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(listed, rule, wrong):
    with pytest.raises(ConfigError, match=rf"^{rule.__name__}\.{next(iter(wrong))} is "):
        rule(listed("a"), **wrong)


@pytest.mark.parametrize("rule", [CaptionBlockedWords, CaptionStopWords, CaptionKnownWords])
def test_a_text_in_the_place_of_a_path_is_refused_by_name(rule):
    with pytest.raises(ConfigError, match=rf"{rule.__name__}\.file is 'words\.txt', expected a Path"):
        rule("words.txt")
