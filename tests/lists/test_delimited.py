import csv
import io
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.lists import delimited, lines
from wit_builder.lists.lines import Broken


def rows(text, delimiter=",", width=2, url=0):
    found = delimited.rows(lines.lines([text.encode()]), delimiter, width, url)
    return ["broken" if isinstance(row, Broken) else row for row in found]


def test_a_quoted_cell_may_hold_delimiters_quotes_and_newlines():
    """img2dataset reads captions with newlines as rows of their own (its pull request 283)."""
    text = 'http://a.test/,"one, ""two""\r\n\nthree"\nhttp://b.test/,four\n'
    assert rows(text) == [["http://a.test/", 'one, "two"\n\nthree'], ["http://b.test/", "four"]]


def test_a_stray_quote_costs_nothing():
    """Google's TSVs quote nothing, and captions begin with quotes."""
    text = 'http://a.test/\t"Hello" he said\nhttp://b.test/\t"open\nhttp://c.test/\t12" disk\nhttp://d.test/\tx\n'
    assert rows(text, "\t") == [
        ["http://a.test/", '"Hello" he said'],
        ["http://b.test/", '"open'],
        ["http://c.test/", '12" disk'],
        ["http://d.test/", "x"],
    ]


def test_a_quote_that_closes_rows_later_swallows_no_row():
    text = 'http://a.test/\t"open\nhttp://b.test/\tmiddle\nhttp://c.test/\tclosed"\n'
    assert [row[1] for row in rows(text, "\t")] == ['"open', "middle", 'closed"']
    turned = '"open\thttp://a.test/\nclosed"\thttp://b.test/\n'
    assert rows(turned, "\t", url=1) == [['"open', "http://a.test/"], ['closed"', "http://b.test/"]]


def test_a_row_of_another_width_is_broken_and_the_next_one_is_read():
    text = "http://a.test/,x\nhttp://b.test/\nhttp://c.test/,x,y\nhttp://d.test/,x\n"
    assert rows(text) == [["http://a.test/", "x"], "broken", "broken", ["http://d.test/", "x"]]
    broken = [row for row in delimited.rows(iter(["a,b,c"]), ",", 2) if isinstance(row, Broken)]
    assert broken == [Broken("3 cells where there are 2 columns: a,b,c")]


def test_in_a_single_column_delimiters_belong_to_the_cell():
    assert rows('http://a.test/x,y.jpg\n"http://b.test/x,y.jpg"\n', width=1) == [
        ["http://a.test/x,y.jpg"],
        ["http://b.test/x,y.jpg"],
    ]


def test_empty_lines_are_no_rows():
    assert rows("\n\na,b\n\r\n\n") == [["a", "b"]]


@pytest.mark.parametrize(("extra", "whole"), [(0, True), (1, False)])
def test_a_row_has_a_bounded_number_of_lines(extra, whole):
    text = 'x,"' + "\n" * (delimited.MAX_LINES - 1 + extra) + '"\nhttp://b.test/,next\n'
    found = rows(text)
    assert found[-1] == ["http://b.test/", "next"]
    assert (len(found) == 2) is whole


def test_a_row_has_bounded_bytes(monkeypatch):
    monkeypatch.setattr(delimited, "MAX_LINE", 100)
    text = 'x,"' + "123456789\n" * 20 + '"\nhttp://b.test/,next\n'
    assert rows(text)[-1] == ["http://b.test/", "next"]
    assert "broken" in rows(text)


def test_a_quote_without_an_end_costs_no_more_than_its_line():
    text = 'http://a.test/,"open\n' + "http://b.test/,x\n" * 3_000
    found = rows(text)
    assert len(found) == 3_001
    assert found[0] == ["http://a.test/", '"open']


def test_a_broken_line_within_a_quoted_cell_breaks_only_what_it_touches():
    source = iter(['http://a.test/,"one', Broken("not UTF-8"), 'two"', "http://b.test/,x"])
    found = list(delimited.rows(source, ",", 2))
    assert found[0] == ["http://a.test/", '"one']
    assert found[1] == Broken("not UTF-8")
    assert found[-1] == ["http://b.test/", "x"]


def test_captions_of_a_megabyte_are_read():
    caption = "x, " * 400_000
    assert rows(f'http://a.test/,"{caption}"\n') == [["http://a.test/", caption]]


# what csv's writer writes of these comes back; CR alone ends a line for its reader, and not for us
CELL = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=12)


@given(
    st.lists(st.tuples(st.integers(0, 99).map("http://a.test/{}".format), CELL, CELL), max_size=8),
    st.sampled_from(",\t"),
    st.integers(1, 40),
)
def test_what_a_writer_of_csv_wrote_comes_back(table, delimiter, size):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(table)
    data = io.BytesIO(file.getvalue().encode())
    chunks = iter(lambda: data.read(size), b"")
    found = list(delimited.rows(lines.lines(chunks), delimiter, 3))
    assert found == [list(row) for row in table]


@given(st.text(max_size=200), st.sampled_from(",\t"))
def test_no_text_is_too_odd_and_every_line_is_accounted_for(text, delimiter):
    found = list(islice(delimited.rows(lines.lines([text.encode("utf-8", "replace")]), delimiter, 2), 1_000))
    assert len(found) <= text.count("\n") + 1
    assert all(isinstance(row, Broken) or len(row) == 2 for row in found)
