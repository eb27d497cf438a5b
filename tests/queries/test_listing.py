"""Files of queries: ours, MetaCLIP's, plain ones, and whatever is none."""

import gzip
import json
import random
from collections import Counter

import pyarrow as pa
import pytest

from tests.shared_data import shared_data
from wit_builder.errors import ConfigError
from wit_builder.queries.listing import MAX_ENTRY, Query, digest, load, read, write
from wit_builder.queries.settings import Queries

SOME = [
    Query("a", "words", 7),
    Query("St. Louis", "titles", 90),
    Query("猫", "wordnet", 0),
    Query("a b", "bigrams", 3),
]


@pytest.fixture
def ours(tmp_path):
    write(tmp_path / "queries.tsv", SOME)
    return tmp_path / "queries.tsv"


def put(tmp_path, data, name="mine.txt"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    return path


def test_what_is_written_is_read_sorted_by_entry(ours):
    assert read(ours) == [SOME[1], SOME[0], SOME[3], SOME[2]]


def test_the_bytes_do_not_depend_on_the_order(ours, tmp_path):
    shuffled = random.Random(1).sample(SOME, len(SOME))
    write(tmp_path / "again.tsv", shuffled)
    assert (tmp_path / "again.tsv").read_bytes() == ours.read_bytes()


def test_the_first_line_has_version_number_and_hash(ours):
    first, header, *rows = ours.read_text().splitlines()
    assert first == f"# wit queries 1, 4 entries, sha256 {digest(ours)}"
    assert header == "entry\tsource\tcount"
    assert rows[0] == "St. Louis\ttitles\t90"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a\twords\t7", "a\twords\t8", "has changed since it was written"),
        ("\n", "\r\n", "expected a list of version 1"),
        ("queries 1,", "queries 2,", "expected a list of version 1"),
        ("4 entries", "5 entries", "its first line says 5"),
    ],
)
def test_an_edited_list_is_refused(ours, old, new, said):
    ours.write_bytes(ours.read_text().replace(old, new).encode())
    with pytest.raises(ConfigError, match=said) as error:
        read(ours)
    assert error.value.hint


def test_a_list_that_is_cut_is_refused(ours):
    ours.write_bytes(ours.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="has changed since it was written"):
        read(ours)


def test_rows_that_are_none_are_refused_although_their_hash_fits(tmp_path):
    import hashlib

    rest = b"entry\tsource\tcount\na\twords\n"
    path = put(
        tmp_path, f"# wit queries 1, 1 entries, sha256 {hashlib.sha256(rest).hexdigest()}\n".encode() + rest
    )
    with pytest.raises(ConfigError, match="expected entry, source and count"):
        read(path)


def test_metaclips_metadata_is_read_as_it_is(tmp_path):
    path = put(tmp_path, json.dumps(["cat", "St. Louis", "  a  b", "Cat"]), "metadata.json")
    assert read(path) == [Query(entry, "metaclip", 0) for entry in ("cat", "St. Louis", "  a  b", "Cat")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"cat": 1}', "holds one dict, expected a list of texts"),
        ('["cat", 5]', "item 1 of .* is 5, expected a text"),
        ('["cat"', "begins like JSON and is none"),
        ('["cat", "\\ud800"]', "begins like JSON and is none"),
        ("[]", "holds no query"),
    ],
)
def test_json_that_is_no_list_of_texts_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        read(put(tmp_path, text, "metadata.json"))


@pytest.mark.parametrize("first", ["[sic]", "{braces}", "[5] a footnote"])
def test_an_entry_with_a_bracket_is_no_json(tmp_path, first):
    assert [query.entry for query in read(put(tmp_path, f"{first}\ncat\n", "mine.txt"))] == [first, "cat"]


def test_a_plain_list_is_read_and_what_is_left_out_is_counted(tmp_path):
    lines = [
        "\ufeffcat",
        "",
        "  dog ",
        "x" * MAX_ENTRY,
        "x" * (MAX_ENTRY + 1),
        "y" * 100_000,
        "nul\x00",
        "a\tb",
        "e\u0301",
    ]
    data = "\r\n".join(lines).encode() + b"\ncaf\xe9\n   \n\xe2\x80\x8fmark"
    skipped = Counter()
    found = read(put(tmp_path, data), skipped)
    assert [query.entry for query in found] == ["cat", "dog", "x" * MAX_ENTRY, "é", "mark"]
    assert {query.source for query in found} == {"mine"}
    assert skipped == {"blank": 2, "too_long": 2, "control_characters": 2, "not_utf8": 1}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xff\xfec\x00a\x00t\x00"])
def test_a_file_without_a_query_is_refused(tmp_path, data):
    with pytest.raises(ConfigError, match="holds no query"):
        read(put(tmp_path, data))


def test_counts_given_as_a_plain_list_are_pointed_to_the_right_option(tmp_path):
    with pytest.raises(ConfigError) as error:
        read(put(tmp_path, "the\t5\na\t3\n"))
    assert "--words FILE" in error.value.hint


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be opened"):
        read(tmp_path / "none.tsv")


def test_a_recipe_gets_every_query_once(ours, tmp_path):
    more = put(tmp_path, "cat\nA\nCAT\n...\ncafé\ncafe\u0301\n")
    skipped = Counter()
    found = load(Queries(files=(str(ours), str(more))), skipped)
    assert [query.entry for query in found] == ["St. Louis", "a", "a b", "猫", "cat", "café"]
    assert skipped == {"duplicate": 3, "no_word": 1}


def test_sources_that_keep_to_their_case_keep_their_spellings_apart():
    found = load(Queries(entries=("US", "us", "US", "Us"), exact_case=("given",)))
    assert [query.entry for query in found] == ["US", "us", "Us"]


@pytest.mark.parametrize("order", [1, -1])
def test_of_one_spelling_the_query_of_any_case_stays(tmp_path, order):
    words, titles = tmp_path / "words.txt", tmp_path / "titles.txt"
    words.write_text("The\nus\nHot-Dog\n")
    titles.write_text("The\nUS\nHot Dog\nOf\n")
    skipped = Counter()
    files = tuple(map(str, (words, titles)[::order]))
    found = {
        (query.entry, query.source) for query in load(Queries(files=files, exact_case=("titles",)), skipped)
    }
    of_words, of_titles = {"The", "us", "Hot-Dog"}, {"US", "Of"}
    assert found == {(entry, "words") for entry in of_words} | {(entry, "titles") for entry in of_titles}
    assert skipped == {"duplicate": 2}


def test_metaclips_rule_keeps_what_the_other_takes_for_one():
    assert len(load(Queries(entries=("cat", "Cat", "(cat)", "...", "cat"), rule="metaclip"))) == 4


def test_a_source_that_is_not_there_cannot_keep_to_its_case(ours):
    with pytest.raises(
        ConfigError, match="names 'title', and the queries are of bigrams, titles, wordnet, words"
    ):
        load(Queries(files=(str(ours),), exact_case=("title",)))


def test_queries_without_any_word_are_refused():
    with pytest.raises(ConfigError, match="none of the 2 queries has a word"):
        load(Queries(entries=("...", "!")))


def test_every_lemma_of_the_real_wordnet_has_a_form(tmp_path):
    import gzip

    path = put(
        tmp_path, gzip.decompress(shared_data("queries/wordnet-lemmas.txt.gz").read_bytes()), "lemmas.txt"
    )
    skipped = Counter()
    found = load(Queries(files=(str(path),)), skipped)
    assert (len(found), skipped["no_word"]) == (128_044 - skipped.total(), 0)
    assert len(found) > 120_000


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_packed_list_is_unpacked_whatever_its_name(tmp_path, ours, packing):
    packed = pa.compress(ours.read_bytes(), packing, asbytes=True)
    assert read(put(tmp_path, packed)) == read(ours)
    plain = put(tmp_path, pa.compress(b"cat\ndog\n", packing, asbytes=True), "animals.txt.gz")
    assert read(plain) == [Query("cat", "animals", 0), Query("dog", "animals", 0)]


def test_a_packed_list_that_is_cut_is_refused(tmp_path, ours):
    cut = gzip.compress(random.Random(0).randbytes(10_000))[:5_000]
    with pytest.raises(ConfigError, match=r"mine\.txt begins like gzip and cannot be unpacked"):
        read(put(tmp_path, cut))
