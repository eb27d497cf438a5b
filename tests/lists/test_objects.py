import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.errors import Dropped
from wit_builder.lists import objects
from wit_builder.lists.lines import Broken

OBJECTS = st.lists(st.dictionaries(st.text(), st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
), max_size=3), max_size=5)  # fmt: skip


@given(OBJECTS, st.integers(1, 50), st.sampled_from([None, 1]), st.booleans())
def test_an_array_comes_in_pieces(rows, size, indent, ascii_only):
    data = json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert list(objects.of_array(pieces)) == json.loads(data)


def of_lines(*lines):
    found = objects.of_lines(lines)
    return ["broken" if isinstance(it, Broken) else it for it in found]


def test_a_line_that_is_no_object_is_broken_and_the_next_is_read():
    assert of_lines('{"a": 1}', '{"a": ', "[1]", "7", "", "  ", Broken("x"), '{"a": 2}') == [
        {"a": 1}, "broken", "broken", "broken", "broken", {"a": 2},
    ]  # fmt: skip


def test_half_a_surrogate_pair_and_nan_are_met_in_lists_and_read():
    (found,) = of_lines('{"a": "\\ud800", "b": NaN}')
    assert (found["a"], found["b"] != found["b"]) == ("\ud800", True)


@pytest.mark.parametrize("line", ["[" * 100_000, '{"a":' * 100_000, '{"a": ' + "9" * 5_000 + "}"])
def test_a_line_made_to_break_a_parser_is_broken(line):
    assert of_lines(line) == ["broken"]


@pytest.mark.parametrize(
    ("data", "read", "evidence"),
    [
        ('[{"a": 1}, {"a": 2', 1, "no JSON"),
        ('[{"a": 1}, x, {"a": 2}]', 1, "no JSON"),
        ('[{"a": 1},', 1, "it ends before its last ]"),
        ("[" * 100_000, 0, "no JSON"),
        ('{"a": 1}', 0, "it begins with '{'"),
    ],
)
def test_of_an_array_that_breaks_what_came_before_is_read(data, read, evidence):
    found = []
    with pytest.raises(Dropped, match="damaged") as damage:
        found.extend(objects.of_array([data.encode()]))
    assert len(found) == read
    assert damage.value.evidence.startswith(evidence)


def test_what_is_in_an_array_and_no_object_is_broken():
    found = list(objects.of_array([b'[1, "x", nul', b'l, {"a": 1}, [2', b"3]]"]))
    assert [isinstance(it, Broken) for it in found] == [True, True, True, False, True]


def test_one_object_has_a_bounded_size(monkeypatch):
    monkeypatch.setattr(objects, "MAX_LINE", 1_000)
    given = [0]

    def chunks():
        yield b'[{"a": "'
        for _ in range(1_000):
            given[0] += 1
            yield b"x" * 100

    with pytest.raises(Dropped, match="no JSON"):
        list(objects.of_array(chunks()))
    assert given[0] < 15
