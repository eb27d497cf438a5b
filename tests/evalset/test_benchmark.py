"""CLIP_benchmark's layout."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evalset import made
from wit_builder.errors import ConfigError
from wit_builder.evalset import benchmark


@pytest.mark.parametrize("image", ["jpg", "png", "webp"])
def test_classes_are_read_from_all_shards_in_their_order(tmp_path, image):
    folder = made.benchmark(tmp_path, [3, 0, 1, 2, 0], shards=2, image=image)
    found = benchmark.read(folder, "test")
    assert found.keys == ("s0", "s2", "s4", "s1", "s3")
    assert (found.labels.dtype, found.labels.tolist()) == (np.int64, [3, 1, 0, 0, 2])
    kind = image.replace("jpg", "jpeg")
    assert [place.read() for place in found.images] == [made.picture(n, kind) for n in (0, 2, 4, 1, 3)]


def test_labels_of_several_classes_are_rows_of_zeros_and_ones(tmp_path):
    rows = [made.vector(0, 1, 1), made.vector(1, 0, 0, kind=np.int64), made.vector(0, 0, 0, kind=bool)]
    found = benchmark.read(made.benchmark(tmp_path, rows, "npy"), "test")
    assert (found.labels.dtype, found.labels.tolist()) == (np.uint8, [[0, 1, 1], [1, 0, 0], [0, 0, 0]])


def test_captions_are_lines_and_blank_ones_are_none(tmp_path):
    folder = made.benchmark(tmp_path, ["a  cat\r\n\n two\tcats \n", "one"], "txt")
    made.beside(folder, kind="retrieval")
    assert benchmark.read(folder, "test").captions == (("a cat", "two cats"), ("one",))


def test_images_without_labels_are_images(tmp_path):
    folder = made.benchmark(tmp_path, ["{}", "{}"], "json")
    found = benchmark.read(folder, "test")
    assert (found.keys, found.labels, found.captions) == (("s0", "s1"), None, ())


def test_a_class_with_a_caption_is_a_class(tmp_path):
    made.tar(tmp_path / "test" / "0.tar", [("a.jpg", b"x"), ("a.cls", b"1\n"), ("a.txt", b"a cat")])
    (tmp_path / "test" / "nshards.txt").write_text("1")
    assert benchmark.read(tmp_path, "test").labels.tolist() == [1]


def test_each_split_is_read_by_itself(tmp_path):
    made.benchmark(tmp_path, [0, 1, 1], split="train")
    made.benchmark(tmp_path, [1], split="test")
    assert benchmark.splits(tmp_path) == ("test", "train")
    assert benchmark.read(tmp_path, "train").labels.tolist() == [0, 1, 1]


def test_an_empty_image_stays_in_the_count(tmp_path):
    made.tar(tmp_path / "test" / "0.tar", [("a.jpg", b""), ("a.cls", b"0"), ("b.jpg", b"x"), ("b.cls", b"0")])
    (tmp_path / "test" / "nshards.txt").write_text("1")
    assert [place.read() for place in benchmark.read(tmp_path, "test").images] == [b"", b"x"]


def _one(*members):
    def write(folder):
        made.tar(folder / "test" / "0.tar", members)
        (folder / "test" / "nshards.txt").write_text("1")

    return write


def _cut(at):
    def write(folder):
        made.benchmark(folder, [0, 1])
        path = folder / "test" / "0.tar"
        path.write_bytes(path.read_bytes()[:at])

    return write


def _hostile(shape):
    """A header of .npy that promises more than there is."""
    body = io.BytesIO()
    np.lib.format.write_array_header_1_0(body, {"shape": shape, "fortran_order": False, "descr": "|u1"})
    return lambda folder: made.benchmark(folder, [body.getvalue() + b"\0\1"], "npy")


def _said(count, **files):
    def write(folder):
        made.benchmark(folder, [0])
        (folder / "test" / "nshards.txt").write_text(count)
        made.beside(folder, **files)

    return write


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_said("two"), "says b'two', and a number of shards is 1 to"),
        (_said("0"), "says b'0', and a number of shards"),
        (_said("2"), "there is no 1.tar in .*, and its nshards.txt says 2"),
        (_said("1", kind="pairs"), "says 'pairs', not retrieval or multilabel"),
        (_said("1", kind="retrieval"), "1 of 1 images of .* have no .txt, the first is 's0'"),
        (_cut(0), "0.tar is empty"),
        (_cut(1000), "0.tar ends too early: it is not the whole shard"),
        (_cut(2048), "0.tar ends too early"),
        (_one(("a.jpg", b"x"), ("a.cls", b"0"), ("a.cls", b"1")), "holds a.cls twice"),
        (
            _one(("a.jpg", b"x"), ("a.cls", b"0"), ("b.jpg", b"x")),
            "1 of 2 images .* no .cls, the first is 'b'",
        ),
        (_one(("a.cls", b"0"), ("a.gif", b"x")), "'a' in .* has a label and no image"),
        (lambda folder: made.benchmark(folder, ["cat", "0"]), "s0.cls says b'cat', and a label is a number"),
        (lambda folder: made.benchmark(folder, ["-1"]), "s0.cls says b'-1'"),
        (lambda folder: made.benchmark(folder, ["9" * 30]), "s0.cls says b'9999"),
        (lambda folder: made.benchmark(folder, [" \n"], "txt"), "s0.txt is blank"),
        (lambda folder: made.benchmark(folder, [b"\xff\xfe"], "txt"), "s0.txt is no UTF-8 text"),
        (lambda folder: made.benchmark(folder, [b"x"], "npy"), "s0.npy is no row of numbers in an .npy file"),
        (
            lambda folder: made.benchmark(folder, [made.vector(0, 2)], "npy"),
            "s0.npy holds 2, and a class is 0 or 1",
        ),
        (lambda folder: made.benchmark(folder, [made.vector([0, 1])], "npy"), "s0.npy is no row of numbers"),
        (lambda folder: made.benchmark(folder, [made.vector(0.5, kind=float)], "npy"), "s0.npy holds 0"),
        (lambda folder: made.benchmark(folder, [made.vector("a", kind="U1")], "npy"), "s0.npy is no row"),
        (lambda folder: made.benchmark(folder, [made.vector({}, kind=object)], "npy"), "s0.npy is no row"),
        (
            lambda folder: made.benchmark(folder, [made.vector(0, 1), made.vector(0)], "npy"),
            "s1.npy has 1 classes, and s0.npy has 2",
        ),
        (_hostile((99_999_999_999,)), "s0.npy is no row of numbers"),
    ],
)
def test_what_is_not_as_it_must_be_is_one_sentence(tmp_path, make, said):
    make(tmp_path)
    with pytest.raises(ConfigError, match=said) as raised:
        benchmark.read(tmp_path, "test")
    assert "\n" not in str(raised.value)


def test_a_key_of_two_shards_is_an_error(tmp_path):
    folder = made.benchmark(tmp_path, [0, 1])
    (folder / "test" / "1.tar").write_bytes((folder / "test" / "0.tar").read_bytes())
    (folder / "test" / "nshards.txt").write_text("2")
    with pytest.raises(ConfigError, match=r"the key 's0' is in 0.tar and in 1.tar"):
        benchmark.read(folder, "test")


@given(st.integers(0, 10_240 - 1), st.integers(0, 255), st.sampled_from(["cls", "npy", "txt"]))
def test_a_damaged_byte_is_one_sentence_or_no_matter(tmp_path_factory, at, value, kind):
    """Never another exception, and never fewer samples."""
    folder = tmp_path_factory.mktemp("set")
    said = {"cls": 1, "npy": made.vector(0, 1), "txt": "a cat"}[kind]
    body = bytearray(made.benchmark(folder, [said, said], kind).joinpath("test", "0.tar").read_bytes())
    body[at] = value
    (folder / "test" / "0.tar").write_bytes(body)
    try:
        found = benchmark.read(folder, "test")
    except ConfigError as error:
        assert "\n" not in str(error)
    else:
        assert len(found.keys) == 2


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_row_of_labels_is_one_sentence_or_zeros_and_ones(tmp_path_factory, at, value):
    body = bytearray(made.vector(0, 1, 1))
    body[at % len(body)] = value
    folder = made.benchmark(tmp_path_factory.mktemp("set"), [bytes(body)], "npy")
    try:
        assert benchmark.read(folder, "test").labels.shape == (1, 3)
    except ConfigError as error:
        assert "\n" not in str(error)


@given(st.integers(0, 10_240))
def test_a_tar_that_is_cut_anywhere_before_its_end_is_one_sentence(tmp_path_factory, at):
    folder = made.benchmark(tmp_path_factory.mktemp("set"), [0, 1])
    path = folder / "test" / "0.tar"
    path.write_bytes(path.read_bytes()[:at])
    try:
        assert len(benchmark.read(folder, "test").keys) == 2
    except ConfigError as error:
        assert "\n" not in str(error)
