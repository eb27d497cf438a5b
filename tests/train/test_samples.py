"""A sample becomes a square, a caption and hashes, by chance that its key alone decides."""

import pytest

from tests.train import tars
from wit_builder.errors import Dropped
from wit_builder.shards import index
from wit_builder.train.samples import Preparation, prepare


def prepared(parts, preparation, lap=0, key="000000001"):
    """What becomes of a sample of these parts."""
    at, members, data = 0, {}, b""
    for extension, part in parts.items():
        members[extension] = index.Member(key, extension, at, at, len(part))
        at, data = at + len(part), data + part
    return prepare(data, members, preparation, lap)


def test_one_of_several_captions_is_drawn_each_lap():
    parts = tars.members(1, "the text", alts=["another", "the text", "", "a third"])
    drawn = [prepared(parts, Preparation(32), lap).caption for lap in range(200)]
    assert 40 < drawn.count("the text") < 95
    assert set(drawn) == {"the text", "another", "a third"}
    assert drawn == [prepared(parts, Preparation(32), lap).caption for lap in range(200)]
    assert {prepared(parts, Preparation(32, captions="first"), lap).caption for lap in range(20)} == {
        "the text"
    }
    assert drawn != [prepared(parts, Preparation(32, seed=1), lap).caption for lap in range(200)]


def test_a_caption_may_stand_in_the_json_alone_and_bad_json_is_no_caption():
    parts = tars.members(1, "said in JSON")
    del parts["txt"]
    assert prepared(parts, Preparation(32)).caption == "said in JSON"
    for broken in (
        b"{",
        b"[]",
        b'{"caption": 7, "alt_texts": {"a": 1}}',
        b'{"caption": "  "}',
        b"[" * 100_000,
        b"\xff",
    ):
        with pytest.raises(Dropped, match="no_caption"):
            prepared(parts | {"json": broken}, Preparation(32))
        assert prepared(parts | {"json": broken, "txt": b"text"}, Preparation(32)).caption == "text"


def test_a_text_that_is_no_utf8_is_none():
    parts = tars.members(1, caption="said in JSON") | {"txt": b"caf\xe9 photo"}
    assert prepared(parts, Preparation(32)).caption == "said in JSON"
    with pytest.raises(Dropped, match="no_caption"):
        prepared(parts | {"json": b"{}"}, Preparation(32))


def test_the_same_picture_has_the_same_id_and_another_has_not():
    def ids(*parts):
        return len({prepared(one, Preparation(32)).image_id for one in parts})

    first, second = tars.members(1), tars.members(2)
    assert ids(first, first | {"txt": b"other"}) == 1
    assert ids(first, second) == 2
    assert ids(first, first | {"jpg": second["jpg"]}) == 2
    hashed = [tars.members(n, phash="ab" * 32, sha256=str(n)) for n in (1, 2)]
    assert ids(*hashed) == 1
    assert ids(*[tars.members(n, sha256=str(n)) for n in (1, 2)]) == 2
    assert all(0 <= prepared(one, Preparation(32)).image_id < 2**63 for one in (first, *hashed))
