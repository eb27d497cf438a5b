import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.errors import Dropped
from wit_builder.lists import lines as lines_
from wit_builder.lists.lines import Broken, lines


def cut(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


@given(st.text(st.characters(exclude_characters="\r\ufeff", exclude_categories=["Cs"])), st.integers(1, 9))
def test_lines_are_the_same_wherever_the_chunks_end(text, size):
    expected = text.split("\n")
    assert list(lines(cut(text.encode(), size))) == (expected if expected[-1] else expected[:-1])


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_ends_of_both_kinds_and_the_mark_at_the_beginning_go(size):
    data = b"\xef\xbb\xbfa\r\nb\nc\rd\r\n\xef\xbb\xbfe"
    assert list(lines(cut(data, size))) == ["a", "b", "c\rd", "\ufeffe"]


def test_a_line_that_is_not_utf8_is_broken_and_the_next_is_read():
    found = list(lines([b"one\ncaf\xe9\r\ntwo\n"]))
    assert found == ["one", Broken("not UTF-8 (invalid continuation byte at byte 3): caf\ufffd\r"), "two"]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_line_that_is_too_long_is_broken_and_not_held(monkeypatch, size):
    monkeypatch.setattr(lines_, "MAX_LINE", 10)
    data = b"1234567890\n12345678901\n" + b"x" * 5_000 + b"\nshort"
    found = list(lines(cut(data, size)))
    assert [isinstance(line, Broken) for line in found] == [False, True, True, False]
    assert found[1].evidence.startswith("longer than 10 bytes: 123")


def test_of_a_text_that_is_cut_the_last_line_is_not_given():
    def chunks():
        yield b"one\ntw"
        raise Dropped("damaged")

    found = []
    with pytest.raises(Dropped):
        found.extend(lines(chunks()))
    assert found == ["one"]
