"""A recipe that is wrong ends in one sentence that says where, and a hint; never in a traceback."""

import re

import pytest

HEAD = """\
from dataclasses import dataclass
from wit_builder.crawl.settings import Crawl
from wit_builder.filtering import KEPT, Verdict
from wit_builder.images.picture import ImageSpec
from wit_builder.recipe import Recipe
from wit_builder.web.settings import WebSettings
from wit_filters.caption import CaptionLength
from wit_filters.image import ImageSize

@dataclass(frozen=True)
class Mine:
    what: str
    def __call__(self, item):
        return {"bool": True, "verdict": KEPT, "tuple": (False, "x")}[self.what]

def recipe(n: int = 3):
    seeds = ("http://localhost/",)
    return Recipe(name="mine", source=Crawl(seeds=seeds), SOME)
"""


def recipe(some: str) -> str:
    return HEAD.replace("SOME", some)


FILES = {  # what is in the file: what is said, what is hinted
    "x = 1\ndef recipe(:\n    pass": (r"mine.py, line 2: invalid syntax", ""),
    "x = 1\ny = 1 / 0": (r"mine.py, line 2: ZeroDivisionError: division by zero", ""),
    "import sys\nsys.exit('bye')": (r"mine.py, line 2: SystemExit: bye", ""),
    "x = 1": (r"mine.py has no function `recipe`", r"def recipe\(\) -> Recipe: .*"),
    "recipe = 3": (r"mine.py has no function `recipe`", r"def recipe\(\) -> Recipe: .*"),
    "def recipe(): return 3": (
        r"the function `recipe` of \./mine.py returns int, expected a Recipe",
        r"end it with: return Recipe.*",
    ),
    "def recipe():\n    return {}['no']": (r"mine.py, line 2: KeyError: 'no'", ""),
    "def recipe():\n    raise SystemExit(3)": (r"mine.py, line 2: SystemExit: 3", ""),
    "from wit_filters.caption import CaptionLenght": (
        r"mine.py, line 1: ImportError: cannot import name 'CaptionLenght' .*",
        r"did you mean CaptionLength\?",
    ),
    "import wit_filters.captions": (r".* No module named .*captions'", r"did you mean wit_filters.caption\?"),
    "import wit_filterz": (r".* No module named 'wit_filterz'", r"did you mean wit_filters\?"),
    "import qqqqq": (r".* No module named 'qqqqq'", ""),
    "import mine": (r".* No module named 'mine'", r"a recipe file stands alone: .*"),
    "import wit_filters.url\nwit_filters.url.UrlIkon()": (
        r"mine.py, line 2: AttributeError: .*",
        r"did you mean UrlIcon\?",
    ),
    recipe("candidate_filters=(CaptionLength(min_wrods=3),)"): (
        r"mine.py, line 18: TypeError: .* unexpected keyword argument 'min_wrods'",
        r"did you mean min_words\?",
    ),
    recipe("sampel_filters=()"): (
        r".* unexpected keyword argument 'sampel_filters'",
        r"did you mean sample_filters\?",
    ),
    recipe("candidate_filters=(CaptionLenght(),)"): (
        r"mine.py, line 18: NameError: .*",
        r"did you mean CaptionLength\?",
    ),
    recipe("candidate_filters=(CaptionFileNam(),)"): (
        r".* 'CaptionFileNam' is not defined",
        r"from wit_filters.caption import CaptionFileName",
    ),
    recipe("candidate_filters=(Qqqqq(),)"): (r".* 'Qqqqq' is not defined", ""),
    recipe("candidate_filters=(CaptionLength,)"): (
        r"mine.py, line 18: candidate_filters holds the class CaptionLength, expected a value of it",
        r"write CaptionLength\(\), with the parentheses",
    ),
    recipe("candidate_filters=(len,)"): (
        r".* holds <built-in function len>, expected a filter.*",
        r"`wit filters` .*",
    ),
    recipe("candidate_filters=CaptionLength()"): (r".* expected a tuple: \(a, b\), or \(a,\) .*", ""),
    recipe("candidate_filters=(CaptionLength(min_words=-3),)"): (
        r"mine.py, line 18: CaptionLength.min_words is -3, expected at least 0",
        "",
    ),
    recipe("candidate_filters=(ImageSize(),)"): (
        r"mine.py, line 18: ImageSize reads .*original_width.*, which a candidate does not have",
        r"move it from candidate_filters to sample_filters",
    ),
    recipe("image=ImageSpec(size='256')"): (r"mine.py, line 18: TypeError: .*", ""),
    recipe("web=WebSettings(contact='me\\nX-Evil: 1')"): (
        r".*contact is 'me\\nX-Evil: 1', expected one line.*",
        "",
    ),
    recipe("web=WebSettings(allow_network=('nonsense',))"): (
        r".* 'nonsense' is no network.*",
        r".*127.0.0.0/8",
    ),
    recipe("candidate_filters=(Mine('bool'),)"): (
        r"filter Mine: it returns True, expected a Verdict",
        r".*KEPT.*",
    ),
    recipe("sample_filters=(Mine('tuple'),)"): (
        r"filter Mine: it returns \(False, 'x'\), expected .*",
        r".*KEPT.*",
    ),
    recipe("sample_filters=(Mine('other'),)"): (
        r"filter Mine fails: .*mine.py, line 14: KeyError: 'other'",
        "",
    ),
    "def recipe(a): pass": (r"parameter 'a' of the recipe has no type", r"a: str, .*"),
    "def recipe(a: dict): pass": (r"parameter 'a' of the recipe is a dict, expected str, int, .*", ""),
    "def recipe(a: str | int): pass": (r"parameter 'a' of the recipe is a str \| int, expected .*", ""),
    "def recipe(a: tuple[int, int]): pass": (r"parameter 'a' .* expected .*", ""),
    "def recipe(*a: str): pass": (
        r"the recipe takes '\*a: str', which no option can give",
        r".*names and types",
    ),
    "def recipe(a: 'Nothing'): pass": (r"a type of the recipe's parameters is not there: .*", ""),
    "def recipe(workers: int): pass": (
        r"parameter 'workers' of recipe \./mine.py is an option .*",
        r".*another name",
    ),
}


@pytest.mark.parametrize("text", FILES, ids=lambda text: text.splitlines()[-1].strip()[-40:])
def test_a_wrong_recipe_is_one_sentence_and_a_hint(wit, recipe_file, text):
    said = wit("build", recipe_file(text))
    error, hint = FILES[text]
    assert re.fullmatch(error, said.error)
    assert re.fullmatch(hint, said.hint)
    assert (said.code, said.out) == (2, "")


def test_a_recipe_that_is_right_gets_past_all_these(wit, recipe_file):
    some = "candidate_filters=(CaptionLength(), Mine('verdict')), sample_filters=(ImageSize(),)"
    said = wit("build", recipe_file(recipe(some)), "--until", "collect")
    assert said.error.startswith("no page could be read from the seeds http://localhost/: network_refused")


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\x01", b"x = '\x00'", b"\x7fELF" * 99])
def test_a_file_that_is_no_text_is_refused(wit, tmp_path, data):
    (tmp_path / "mine.py").write_bytes(data)
    said = wit("build", "./mine.py")
    assert (said.code, said.error.startswith("mine.py")) == (2, True)


@pytest.mark.parametrize("name", ["./none.py", "none/there", "./folder.py", "./text.txt"])
def test_what_is_no_python_file_is_refused(wit, tmp_path, name):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "text.txt").touch()
    said = wit("build", name)
    assert (said.code, said.error) == (2, f"{name.removeprefix('./')!r} is no Python file")


@pytest.mark.parametrize(("name", "hint"), [("dmeo", "wit build demo"), ("mine", "wit build ./mine.py")])
def test_an_unknown_recipe_names_the_nearest(wit, recipe_file, name, hint):
    recipe_file("")
    said = wit("build", name)
    assert (said.code, said.hint) == (2, hint)
    assert said.error == f"no recipe is called {name!r}; installed are common-crawl, crawl, demo, url-list"


def test_a_recipe_unlike_any_other_is_told_how_to_write_one(wit):
    assert "my_recipe.py" in wit("build", "qqqqq").hint
