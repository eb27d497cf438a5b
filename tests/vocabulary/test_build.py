"""A list of queries from all its sources."""

import gzip
import json

import pytest

from wit_builder.errors import ConfigError
from wit_builder.queries.listing import write
from wit_builder.vocabulary.build import build
from wit_builder.vocabulary.settings import Vocabulary

CORPUS = (
    "a cat in New York\n" * 3
    + "the dog and the cat\n" * 2
    + "猫が東京にいる\n" * 3
    + "don't\n" * 3
    + "l'eau\n" * 3
)
VIEWS = b"en New_York 50 0\nen St._Louis 70 0\nen Paris_(Texas) 69 0\nen Paris 1 0\n"
VIEWS += b"en US 90 0\nen Us 91 0\nen ... 99 0\n"


@pytest.fixture
def inputs(tmp_path):
    """One file of each kind; returns where they are."""
    (tmp_path / "corpus.txt").write_text(CORPUS)
    (tmp_path / "views.gz").write_bytes(gzip.compress(VIEWS))
    (tmp_path / "counts.tsv").write_text("(cat)\t4\nus\t3\nrare\t2\n's\t9\n")
    (tmp_path / "lemmas.txt").write_text("cat\nst. louis\nhot dog\nHot Dog\n!\n")
    (tmp_path / "metadata.json").write_text(json.dumps(["Hot-Dog", "zebra", "x" * 257, "a\x00b"]))
    return tmp_path


@pytest.fixture
def built(inputs, tmp_path_factory):
    """Builds a list of some sources, by name of the file; its queries as (entry, source, count)."""

    def make(memory=1 << 30, **values):
        named = {"corpus", "words", "titles", "wordnet", "metaclip"}
        paths = {k: tuple(str(inputs / name) for name in v) if k in named else v for k, v in values.items()}
        small = {"min_count": 3, "bigram_min_count": 3, "bigram_min_npmi": 0.7}
        settings = Vocabulary(**{**small, **paths})
        return build(settings, tmp_path_factory.mktemp("scratch"), lambda *told: None, memory)

    return make


def rows(built):
    return [(query.entry, query.source, query.count) for query in built.queries]


ALL = {
    "corpus": ("corpus.txt",),
    "words": ("counts.tsv",),
    "titles": ("views.gz",),
    "wordnet": ("lemmas.txt",),
    "metaclip": ("metadata.json",),
}


def test_frequent_words_of_a_corpus_become_queries(built):
    found = rows(built(corpus=("corpus.txt",)))
    assert ("cat", "words", 5) in found
    assert ("the", "words", 4) in found
    assert ("don't", "words", 3) in found
    assert ("猫", "words", 3) in found
    assert not {"dog", "l'", "'s"} & {entry for entry, _, _ in found}


def test_bigrams_that_belong_together_become_queries_spelled_as_their_script_is(built):
    found = [row for row in rows(built(corpus=("corpus.txt",))) if row[1] == "bigrams"]
    assert ("new york", "bigrams", 3) in found
    assert ("東京", "bigrams", 3) in found
    assert not any("l'" in entry for entry, _, _ in found)


def test_titles_count_from_their_views_on(built):
    assert rows(built(titles=("views.gz",))) == [
        ("Paris", "titles", 70),
        ("St. Louis", "titles", 70),
        ("Us", "titles", 181),
    ]


def test_an_entry_is_credited_to_the_first_source_that_has_it(built):
    found = {entry: (source, count) for entry, source, count in rows(built(**ALL))}
    assert found["cat"] == ("words", 9)
    assert found["us"] == ("words", 3)
    assert found["St. Louis"] == ("titles", 70)
    assert found["Hot Dog"] == ("wordnet", 0)
    assert found["zebra"] == ("metaclip", 0)
    assert not {"st. louis", "hot dog", "Hot-Dog", "Us", "rare"} & set(found)


def test_what_is_left_out_is_counted_by_source_and_reason(built):
    skipped = built(**ALL).skipped
    assert skipped["titles"] == {"in_the_list": 1, "no_word": 1, "same_form": 1}
    assert skipped["wordnet"] == {"in_the_list": 2, "same_form": 1, "no_word": 1}
    assert skipped["metaclip"] == {"in_the_list": 1, "too_long": 1, "control_characters": 1}


def test_a_source_may_keep_spellings_apart(built):
    found = rows(built(**ALL, exact_case=("titles",)))
    assert {("US", "titles", 90), ("Us", "titles", 91), ("us", "words", 3)} <= set(found)


@pytest.mark.parametrize(("exact", "stays"), [("titles", "words"), ("words", "titles")])
def test_of_one_spelling_the_entry_of_any_case_stays(built, inputs, exact, stays):
    (inputs / "counted.tsv").write_text("The\t2900\nus\t300\n")
    (inputs / "views.gz").write_bytes(gzip.compress(b"en The 500 0\nen US 200 0\n"))
    values = {"words": ("counted.tsv",), "titles": ("views.gz",)}
    found = built(**values, min_count=1, exact_case=(exact,))
    counts = {"words": 2900, "titles": 500}
    assert sorted(rows(found)) == [("The", stays, counts[stays]), ("US", "titles", 200), ("us", "words", 300)]
    assert found.skipped[exact] == {"in_the_list": 1}


def test_the_file_is_the_same_whatever_the_order_and_the_memory(built, inputs):
    (inputs / "more.txt").write_text("the cat in New York\nein hund\n" * 3)
    write(inputs / "one.tsv", built(**ALL | {"corpus": ("corpus.txt", "more.txt")}).queries)
    write(inputs / "two.tsv", built(1, **ALL | {"corpus": ("more.txt", "corpus.txt")}).queries)
    assert (inputs / "one.tsv").read_bytes() == (inputs / "two.tsv").read_bytes()


def test_a_list_that_is_too_long_loses_the_rarest_of_each_source_in_the_same_share(built, inputs):
    (inputs / "many.tsv").write_text("".join(f"w{n}\t{1000 - n}\n" for n in range(40)))
    (inputs / "many.gz").write_bytes(
        gzip.compress(b"".join(b"en T%d %d 0\n" % (n, 1000 - n) for n in range(20)))
    )
    values = {"words": ("many.tsv",), "titles": ("many.gz",), "wordnet": ("lemmas.txt",)}
    found = built(**values, max_entries=33)
    kept = {
        source: [e for e, s, _ in rows(found) if s == source] for source in ("words", "titles", "wordnet")
    }
    assert {source: len(entries) for source, entries in kept.items()} == {
        "words": 20,
        "titles": 10,
        "wordnet": 3,
    }
    assert kept["words"] == [f"w{n}" for n in sorted(range(20), key=lambda n: (1000 - n) * -1)]
    assert found.cut == 30


def test_entries_without_counts_are_never_chosen_among(built):
    assert len(built(wordnet=("lemmas.txt",), max_entries=3).queries) == 3
    with pytest.raises(ConfigError, match="3 entries have no count to choose by"):
        built(wordnet=("lemmas.txt",), max_entries=2)


def test_sources_without_an_entry_are_refused(built):
    with pytest.raises(ConfigError, match="no entry was found"):
        built(corpus=("corpus.txt",), min_count=1000, bigram_min_count=1000)


def test_nothing_stays_in_the_scratch_folder(built, tmp_path_factory, inputs):
    scratch = tmp_path_factory.mktemp("mine")
    build(Vocabulary(corpus=(str(inputs / "corpus.txt"),), min_count=1), scratch, lambda *told: None, 1)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "nothing to make queries of"),
        ({"corpus": ("a",), "min_count": 0}, "min_count is 0"),
        ({"corpus": ("a",), "bigram_min_npmi": 1.5}, "bigram_min_npmi is 1.5"),
        ({"corpus": ("a",), "max_entries": 0}, "max_entries is 0"),
        ({"corpus": ("a",), "exact_case": ("nouns",)}, "exact_case names 'nouns'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        Vocabulary(**values)
