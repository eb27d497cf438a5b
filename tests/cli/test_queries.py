"""`wit queries`: build, show, match."""

import io
import json
import re
import sys

import pytest

from wit_builder.cli import queries as queries_


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "corpus.txt").write_text("a lighthouse in St. Louis\n" * 4 + "the cat\n" * 3)
    (tmp_path / "lemmas.txt").write_text("cat\nhot dog\n")
    return "corpus.txt"


BUILD = ("queries", "build", "--min-count", 3, "--bigram-min-count", 3, "--out", "q.tsv")


def test_build_says_what_it_made(wit, corpus, tmp_path):
    said = wit(*BUILD, "--corpus", corpus, "--wordnet", "lemmas.txt")
    assert said.code == 0
    assert re.match(r"q\.tsv: 13 queries, sha256 [0-9a-f]{64}\n", said.out)
    assert re.search(r"^  words +7$", said.out, re.MULTILINE)
    assert re.search(r"^  bigrams +5$", said.out, re.MULTILINE)
    assert re.search(r"^  wordnet +1   left out: in_the_list 1$", said.out, re.MULTILINE)


def test_the_same_inputs_give_the_same_bytes(wit, corpus, tmp_path):
    wit(*BUILD, "--corpus", corpus, "--wordnet", "lemmas.txt")
    first = (tmp_path / "q.tsv").read_bytes()
    wit(*BUILD, "--wordnet", "lemmas.txt", "--corpus", corpus, "--memory", 1)
    assert (tmp_path / "q.tsv").read_bytes() == first


def test_the_result_may_be_json(wit, corpus):
    said = json.loads(wit(*BUILD, "--corpus", corpus, "--json").out)
    assert (said["entries"], said["sources"]) == (12, {"words": 7, "bigrams": 5})


def test_progress_says_how_much_and_how_fast(wit, corpus, monkeypatch):
    monkeypatch.setattr(queries_, "_EVERY_S", 0.0)
    said = wit(*BUILD, "--corpus", corpus).err
    assert re.search(
        r"^words: 0\.00 GB read, 26 words, [\d.,]+ MB and [\d,]+ words a second$", said, re.MULTILINE
    )
    assert "bigrams: " in said
    assert wit(*BUILD, "--corpus", corpus, "--quiet").err == ""


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        ((), "there is nothing to make queries of", "wit queries build --corpus"),
        (("--corpus", "none.txt"), "'none.txt' cannot be read", ""),
        (
            ("--corpus", "corpus.txt", "--bigram-min-npmi", "2"),
            "--bigram-min-npmi",
            "wit queries build --help",
        ),
        (("--wordnet", "lemmas.txt", "--max-entries", "1"), "have no count to choose by", "--max-entries 2"),
    ],
)
def test_what_cannot_be_built_is_refused(wit, corpus, tmp_path, arguments, said, hint):
    found = wit("queries", "build", "--out", "q.tsv", *arguments)
    assert found.code == 2
    assert said in found.error
    assert hint in found.hint
    assert not (tmp_path / "q.tsv").exists()


def test_build_replaces_none_of_its_inputs_and_packs_nothing(wit, tmp_path):
    words = tmp_path / "words.tsv"
    words.write_text("cat\t500\n")
    found = wit("queries", "build", "--words", words, "--out", words)
    assert found.code == 2
    assert "is one of the inputs, which it would replace" in found.error
    assert words.read_text() == "cat\t500\n"
    found = wit("queries", "build", "--words", words, "--out", tmp_path / "queries.tsv.gz")
    assert f"--out {tmp_path / 'queries.tsv'}" in found.hint


def test_show_counts_by_source_with_examples(wit, corpus):
    wit(*BUILD, "--corpus", corpus, "--wordnet", "lemmas.txt")
    said = wit("queries", "show", "q.tsv")
    assert re.match(
        r"q\.tsv: 13 queries, sha256 [0-9a-f]{64}\n\n  words +7   a, in, lighthouse, louis, st\n", said.out
    )
    values = json.loads(wit("queries", "show", "q.tsv", "--json").out)
    assert values["sources"] == {"words": 7, "bigrams": 5, "wordnet": 1}
    assert values["examples"]["wordnet"] == ["hot dog"]


def test_show_says_what_a_foreign_list_loses(wit, tmp_path):
    (tmp_path / "mine.txt").write_text("cat\n\nx\x00\n(Cat)\n!\n")
    said = wit("queries", "show", "mine.txt").out
    assert said.startswith("mine.txt: 1 queries")
    assert "4 left out: blank 1, control_characters 1, duplicate 1, no_word 1" in said


def test_show_counts_what_is_one_by_the_rule(wit, tmp_path):
    (tmp_path / "metadata.json").write_text('["cat", "Cat", "!"]')
    shown = [wit("queries", "show", "metadata.json", *rule).out for rule in ((), ("--rule", "metaclip"))]
    assert [out.split(" queries")[0] for out in shown] == ["metadata.json: 1", "metadata.json: 3"]


def test_an_edited_list_is_refused_with_what_to_type(wit, corpus, tmp_path):
    wit(*BUILD, "--corpus", corpus)
    (tmp_path / "q.tsv").write_text((tmp_path / "q.tsv").read_text().replace("cat", "dog"))
    said = wit("queries", "show", "q.tsv")
    assert (said.code, "q.tsv has changed since it was written" in said.error) == (2, True)
    assert said.hint.startswith("tail -n +3 FILE | cut -f1")


@pytest.fixture
def plain(tmp_path):
    (tmp_path / "mine.txt").write_text("St. Louis\ncat\nLouis\n")
    return "mine.txt"


def test_match_prints_entries_and_spans(wit, plain):
    said = wit("queries", "match", plain, "A (cat) in St. Louis", "nothing")
    assert said.out.splitlines() == [
        "A (cat) in St. Louis",
        "     3-6    cat   mine 0",
        "    11-20   St. Louis   mine 0",
        "    15-20   Louis   mine 0",
        "nothing",
        "  no query",
    ]


def test_match_reads_lines_of_stdin_and_gives_json(wit, plain, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("cat, Cat\n\nst louis\r\n"))
    lines = [json.loads(line) for line in wit("queries", "match", plain, "--json").out.splitlines()]
    assert [[(row["entry"], row["begin"], row["end"]) for row in line["queries"]] for line in lines] == [
        [("cat", 0, 3), ("cat", 5, 8)],
        [],
        [("St. Louis", 0, 8), ("Louis", 3, 8)],
    ]


def test_match_knows_the_other_rules(wit, plain):
    said = wit("queries", "match", plain, "--rule", "metaclip", "(cat), Cat, St. Louis").out
    assert said.splitlines()[1:] == ["    16-21   Louis   mine 0"]
    said = wit("queries", "match", plain, "--exact-case", "mine", "Cat LOUIS Louis").out
    assert said.splitlines()[1:] == ["    10-15   Louis   mine 0"]
    assert wit("queries", "match", plain, "--rule", "metaclip", "--exact-case", "mine", "x").code == 2


def test_a_source_that_is_not_there_is_refused(wit, plain):
    said = wit("queries", "match", plain, "--exact-case", "titles", "x")
    assert (said.code, said.hint) == (2, 'exact_case=("mine",)')
