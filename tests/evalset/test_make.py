"""Sets written in CLIP_benchmark's layout."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset

from tests.evalset import made
from wit_builder.errors import ConfigError
from wit_builder.evalset import layout, make, sets, writer
from wit_builder.evalset.make import make_set

# webdataset leaves the tar open when its pipeline ends
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def files(folder):
    """All bytes below it, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_folder_of_classes_is_the_same_set_in_the_layout(tmp_path):
    folder = made.classes(tmp_path / "cifar-10", ["airplane", "cat"])
    folder.joinpath("cat", "5.png").write_bytes(made.picture(5, "png"))
    first = make_set(folder, tmp_path / "out")
    held, was = sets.read(tmp_path / "out"), sets.read(folder)
    assert first.samples == {"test": 5}
    assert held.keys == ("s0000000", "s0000001", "s0000002", "s0000003", "s0000004")
    assert [place.read() for place in held.images] == [place.read() for place in was.images]
    assert (held.classes, held.labels.tolist()) == (was.classes, was.labels.tolist())
    assert held.templates == tuple(template.replace("{}", "{c}") for template in was.templates)


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    folder = made.classes(tmp_path / "mine", ["a", "b"])
    make_set(folder, tmp_path / "one")
    for path in sorted(folder.rglob("*.jpeg"), reverse=True):
        path.write_bytes(path.read_bytes())
    make_set(folder, tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert set(files(tmp_path / "one")) == {
        "classnames.txt",
        "zeroshot_classification_templates.txt",
        "test/0.tar",
        "test/nshards.txt",
    }


def test_every_split_is_written(tmp_path):
    for split in ("train", "val"):
        made.classes(tmp_path / "mine" / split, ["a", "b"], 1 if split == "val" else 2)
    assert make_set(tmp_path / "mine", tmp_path / "out").samples == {"val": 2, "train": 4}
    assert sets.splits(tmp_path / "out") == ("train", "val")


def test_captions_and_labels_and_images_keep_what_they_are(tmp_path):
    made.beside(made.benchmark(tmp_path / "pairs", ["a\nb", "c"], "txt"), kind="retrieval")
    labels = made.benchmark(tmp_path / "labels", [made.vector(0, 1), made.vector(1, 1)], "npy")
    made.beside(labels, ["x", "y"], kind="multilabel")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.webp").write_bytes(made.picture(0, "webp"))
    for name in ("pairs", "labels", "images"):
        make_set(tmp_path / name, tmp_path / "out" / name)
        held, was = sets.read(tmp_path / "out" / name), sets.read(tmp_path / name)
        assert (held.kind, held.captions, held.labels.tolist()) == (
            was.kind,
            was.captions,
            was.labels.tolist(),
        )


def test_a_parquet_file_becomes_a_set(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pq.write_table(pa.table({"image": [made.picture(0)], "caption": ["a cat"]}), tmp_path / "mine.parquet")
    make_set(tmp_path / "mine.parquet", tmp_path / "out")
    assert sets.read(tmp_path / "out").captions == (("a cat",),)


def test_shards_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "SHARD_SAMPLES", 3)
    make_set(made.classes(tmp_path / "mine", ["a", "b"], 4), tmp_path / "out")
    assert (tmp_path / "out" / "test" / "nshards.txt").read_text() == "3\n"
    assert len(sets.read(tmp_path / "out").keys) == 8


def test_webdataset_reads_it(tmp_path):
    make_set(made.classes(tmp_path / "mine", ["a", "b"]), tmp_path / "out")
    tar = str(tmp_path / "out" / "test" / "0.tar")
    rows = list(webdataset.WebDataset(tar, shardshuffle=False).decode("pil").to_tuple("jpg", "cls"))
    assert [label for _, label in rows] == [0, 0, 1, 1]
    assert rows[0][0].size == (12, 10)


def test_labels_are_read_back_by_numpy(tmp_path):
    source = made.benchmark(tmp_path / "labels", [made.vector(0, 1)], "npy")
    make_set(made.beside(source, ["x", "y"], kind="multilabel"), tmp_path / "out")
    tar = str(tmp_path / "out" / "test" / "0.tar")
    (raw,) = [sample["npy"] for sample in webdataset.WebDataset(tar, shardshuffle=False)]
    assert np.load(io.BytesIO(raw), allow_pickle=False).tolist() == [0, 1]


def test_what_is_there_is_not_written_over(tmp_path):
    folder = made.classes(tmp_path / "mine", ["a", "b"])
    with pytest.raises(ConfigError, match="is there already"):
        make_set(folder, folder)


def test_a_set_that_cannot_be_read_leaves_nothing(tmp_path):
    for split in ("train", "val"):
        made.classes(tmp_path / "mine" / split, ["a", split])
    with pytest.raises(ConfigError, match="the splits val and train of 'mine' are not of the same classes"):
        make_set(tmp_path / "mine", tmp_path / "out" / "set")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(ConfigError, match="is no folder, no parquet file"):
        make_set(tmp_path / "nowhere", tmp_path / "sets" / "set")
    assert not (tmp_path / "sets").exists()


def test_an_image_over_the_bound_is_not_written_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "MAX_IMAGE_BYTES", 10_000)
    monkeypatch.setattr(make, "MAX_IMAGE_BYTES", 10_000)
    folder = made.classes(tmp_path / "mine", ["a", "b"])
    (folder / "a" / "0.jpeg").write_bytes(bytes(10_000))
    make.make_set(folder, tmp_path / "out")
    (folder / "a" / "0.jpeg").write_bytes(bytes(10_002))
    assert len(sets.read(folder).images[0].read()) == 10_001
    with pytest.raises(ConfigError, match=r"the image 'a/0\.jpeg' has over 10,000 bytes"):
        make.make_set(folder, tmp_path / "more")
