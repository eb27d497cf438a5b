"""Lists of others: ready counts, page views, WordNet."""

import gzip
from collections import Counter

import pytest

from tests.shared_data import shared_data
from wit_builder import remote
from wit_builder.errors import ConfigError
from wit_builder.vocabulary import readers

VIEWS = b"""en Cat 40 0
en Cat 31 0
en Mercury_(planet) 50 0
en Mercury_(element) 25 0
en Spider-Man:_Homecoming 9 0
en Talk:Cat 900 0
en Caf%C3%A9 5 0
en.m Cat 7 0
de Katze 99 0
en \xff\xfe 5 0
en broken
en St._Louis 3 12345
en (What's_the_Story)_Morning_Glory? 2 0
"""


def titles(tmp_path, *files, projects=("en",), most=1000):
    """Names with views, and what was left out."""
    for n, data in enumerate(files):
        (tmp_path / f"pageviews-{n}.gz").write_bytes(gzip.compress(data))
    skipped = Counter()
    sources = remote.expand([str(tmp_path / f"pageviews-{n}.gz") for n in range(len(files))], ())
    found = readers.titles(sources, projects, tmp_path / "scratch", most, skipped, lambda *told: None)
    return dict(found), +skipped


def test_views_of_a_name_are_summed_over_lines_and_brackets(tmp_path):
    found, skipped = titles(tmp_path, VIEWS)
    assert found == {
        "Cat": 71,
        "Mercury": 75,
        "Spider-Man: Homecoming": 9,
        "Café": 5,
        "St. Louis": 3,
        "(What's the Story) Morning Glory?": 2,
    }
    assert skipped == {"bad_line": 1, "not_utf8": 1}


@pytest.mark.parametrize("most", [1, 2])
def test_views_are_summed_over_files_in_any_memory(tmp_path, most):
    found, _ = titles(tmp_path, VIEWS, VIEWS, VIEWS, most=most)
    assert (found["Cat"], found["Mercury"]) == (213, 225)


def test_several_projects_may_count(tmp_path):
    assert titles(tmp_path, VIEWS, projects=("en", "en.m"))[0]["Cat"] == 78


def test_a_project_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no line of the page views is of fr"):
        titles(tmp_path, VIEWS, projects=("fr",))


def test_ready_counts_are_read_and_bad_lines_counted(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("the\t5\nnew york\t3\nno count\nx\tmany\n\ny\t-1\nz\t7 \n")
    skipped = Counter()
    assert list(readers.counted_words(remote.expand([str(path)], ()), skipped)) == [
        ("the", 5),
        ("new york", 3),
        ("z", 7),
    ]
    assert skipped == {"bad_line": 3}


def test_real_counts_are_read():
    (source,) = remote.expand([str(shared_data("queries/english-unigrams-50k.tsv.gz"))], ())
    found = list(readers.counted_words([source], Counter()))
    assert (len(found), found[0]) == (50_000, ("you", 28_787_591))


LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by Princeton\n"
NOUN = "08932568 15 n 03 Paris 0 City_of_Light 0 French_capital 0 002 @i 08696931 n 0000 | the capital of France\n"
ADJECTIVE = "00013887 00 s 01 galore(ip) 0 001 & 00013662 a 0000 | existing in abundance\n"


@pytest.fixture
def dict_folder(tmp_path):
    folder = tmp_path / "dict"
    folder.mkdir()
    (folder / "data.noun").write_text(LICENCE + NOUN)
    (folder / "data.adj").write_text(LICENCE + ADJECTIVE)
    for name in ("data.verb", "data.adv"):
        (folder / name).write_text(LICENCE)
    return folder


def test_a_dict_folder_gives_lemmas_in_their_own_case(dict_folder):
    assert list(readers.wordnet(str(dict_folder), Counter())) == [
        "Paris",
        "City of Light",
        "French capital",
        "galore",
    ]


def test_a_single_data_file_is_enough(dict_folder):
    assert list(readers.wordnet(str(dict_folder / "data.adj"), Counter())) == ["galore"]


def test_a_line_that_is_no_synset_is_refused(dict_folder):
    (dict_folder / "data.noun").write_text("08932568 15 n zz Paris\n")
    with pytest.raises(ConfigError, match="expected a synset"):
        list(readers.wordnet(str(dict_folder), Counter()))


LMF = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.1.dtd">
<LexicalResource><Lexicon id="x" language="fr">
<LexicalEntry id="a"><Lemma writtenForm="pomme de terre" partOfSpeech="n"/></LexicalEntry>
<LexicalEntry id="b"><Lemma writtenForm="caf&#233;" partOfSpeech="n"/><Form writtenForm="cafés"/></LexicalEntry>
</Lexicon></LexicalResource>
"""


@pytest.mark.parametrize("packed", [False, True])
def test_lmf_xml_gives_its_lemmas(tmp_path, packed):
    path = tmp_path / ("wn.xml.gz" if packed else "wn.xml")
    path.write_bytes(gzip.compress(LMF.encode()) if packed else LMF.encode())
    assert list(readers.wordnet(str(path), Counter())) == ["pomme de terre", "café"]


def test_xml_that_is_cut_or_a_bomb_is_refused(tmp_path):
    (tmp_path / "cut.xml").write_text(LMF[:300])
    bomb = '<!DOCTYPE b [<!ENTITY a "' + "x" * 1000 + '">'
    bomb += "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 100}">' for n in range(1, 9)) + "]><b>&a8;</b>"
    (tmp_path / "bomb.xml").write_text(bomb.replace("&a;", "&a;"))
    for name in ("cut.xml", "bomb.xml"):
        with pytest.raises(ConfigError, match="cannot be read as XML"):
            list(readers.wordnet(str(tmp_path / name), Counter()))


def test_a_lemma_a_line_is_read(tmp_path):
    path = tmp_path / "lemmas.txt"
    path.write_text("dog\nhot_dog\n\n")
    assert list(readers.wordnet(str(path), Counter())) == ["dog", "hot dog"]


def test_a_file_without_a_lemma_is_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ConfigError, match="holds no lemma"):
        list(readers.wordnet(str(tmp_path / "empty.txt"), Counter()))


def test_the_real_lemmas_are_read():
    assert len(list(readers.wordnet(str(shared_data("queries/wordnet-lemmas.txt.gz")), Counter()))) == 128_044
