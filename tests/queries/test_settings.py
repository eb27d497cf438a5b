"""What a recipe may say of its queries."""

import pytest

from wit_builder.errors import ConfigError
from wit_builder.queries.settings import Queries


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "neither files nor entries"),
        ({"files": ("a",), "entries": ("cat",)}, "both files and entries"),
        ({"entries": ("cat", " ")}, "Queries.entries holds a blank"),
        ({"files": ("",)}, "Queries.files holds a blank"),
        ({"files": ("a",), "rule": "metaclip", "exact_case": ("titles",)}, "keeps to the case"),
    ],
)
def test_what_makes_no_sense_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        Queries(**values)


def test_files_alone_and_entries_alone_are_enough():
    assert Queries(files=("a",)).required
    assert Queries(entries=("cat",), exact_case=("given",)).rule == "words"
