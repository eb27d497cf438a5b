"""Parquet files of images."""

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.evalset import made
from wit_builder.errors import ConfigError
from wit_builder.evalset import sets

IMAGES = [made.picture(0, "png"), made.picture(1), made.picture(2, "webp")]


def write(path, schema=None, **columns):
    """A parquet file of these columns; returns its path."""
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(schema), path, row_group_size=2)
    return path


def test_images_alone_are_read_for_the_audit(tmp_path):
    held = sets.read(write(tmp_path / "mine.parquet", jpg=IMAGES), cache=tmp_path / "cache")
    assert (held.name, held.kind) == ("mine", "images")
    assert [place.read() for place in held.images] == IMAGES


def test_classes_have_the_names_that_hugging_face_wrote(tmp_path):
    features = {"label": {"names": ["ant", "zebra"], "_type": "ClassLabel"}}
    path = write(
        tmp_path / "mine.parquet",
        {b"huggingface": orjson.dumps({"info": {"features": features}})},
        image=[{"bytes": body, "path": None} for body in IMAGES],
        label=[1, 0, 1],
    )
    held = sets.read(path, cache=tmp_path / "cache")
    assert (held.kind, held.classes, held.labels.tolist()) == ("classes", (("ant",), ("zebra",)), [1, 0, 1])


def test_captions_are_texts_or_lists_of_them(tmp_path):
    write(tmp_path / "0.parquet", image=IMAGES[:2], captions=[["a", "b\nc"], ["d"]])
    held = sets.read(tmp_path, cache=tmp_path.parent / "cache")
    assert held.captions == (("a", "b c"), ("d",))


def test_a_changed_file_is_read_anew(tmp_path):
    path = write(tmp_path / "mine.parquet", image=IMAGES)
    first = sets.read(path, cache=tmp_path / "cache")
    assert sets.read(path, cache=tmp_path / "cache").images == first.images
    write(path, image=IMAGES[:1])
    assert len(sets.read(path, cache=tmp_path / "cache").images) == 1


def test_a_row_without_an_image_stays_in_the_count(tmp_path):
    held = sets.read(write(tmp_path / "m.parquet", image=[IMAGES[0], None]), cache=tmp_path / "cache")
    assert [place.read() for place in held.images] == [IMAGES[0], b""]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"url": ["a"]}, "has no column of images, it has url"),
        ({"image": ["a"]}, "row 0 of .* has no bytes where its image should be"),
        ({"image": IMAGES[:1], "label": [-1]}, "the label in row 0 of .* is -1"),
        ({"image": IMAGES[:1], "label": ["cat"]}, "is 'cat', and a label is a number"),
        ({"image": IMAGES[:1], "caption": [5]}, "the captions in row 0 of .* are '5'"),
        ({"image": pa.array([], pa.binary())}, "holds no images"),
    ],
)
def test_rows_that_do_not_fit_are_one_sentence_and_leave_nothing(tmp_path, columns, said):
    path = write(tmp_path / "mine.parquet", **columns)
    with pytest.raises(ConfigError, match=said):
        sets.read(path, cache=tmp_path / "cache")
    assert [one.name for one in (tmp_path / "cache").iterdir()] == ["parquet"]


def test_what_is_no_parquet_is_one_sentence(tmp_path):
    (tmp_path / "mine.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ConfigError, match=r"mine\.parquet is no parquet file"):
        sets.read(tmp_path / "mine.parquet", cache=tmp_path / "cache")
