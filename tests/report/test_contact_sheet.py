import base64
import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.report import builds
from wit_builder.report import contact_sheet as sheet_
from wit_builder.report.contact_sheet import Tile, contact_sheet
from wit_builder.report.folder import Folder


def shards(out: Path, *sizes: int, **changes: object) -> Folder:
    for index, size in enumerate(sizes):
        builds.add_shard(out, index, [builds.sample(n, **changes) for n in range(size)])
    return Folder(out)


@pytest.mark.parametrize(
    ("sizes", "n", "drawn"),
    [
        ((5,), 60, [5]),
        ((9, 9), 4, [2, 2]),
        ((9, 9, 9), 4, [1, 1, 2]),
        ((3, 3, 3, 3), 2, [1, 0, 1, 0]),
    ],
)
def test_samples_are_drawn_from_all_over_the_shards(
    tmp_path: Path, sizes: tuple[int, ...], n: int, drawn: list[int]
) -> None:
    tiles = contact_sheet(shards(tmp_path, *sizes), n)
    assert [sum(tile.shard == f"{i:05d}" for tile in tiles) for i in range(len(sizes))] == drawn


def test_the_same_samples_are_drawn_every_time_and_stand_by_key(tmp_path: Path) -> None:
    folder = shards(tmp_path, 40)
    keys = [tile.key for tile in contact_sheet(folder, 5)]
    assert keys == sorted(set(keys)) == [tile.key for tile in contact_sheet(folder, 5)]
    assert keys != [f"{n:07d}" for n in range(5)]


def test_every_sample_of_the_window_is_as_likely_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [(f"{n:02d}", b"", "", {}) for n in range(20)]
    monkeypatch.setattr(sheet_, "read_shard", lambda path, file: iter(pairs))
    (tmp_path / "shards").mkdir()
    names = [f"shards/{n:05d}.tar" for n in range(400)]
    for name in names:
        (tmp_path / name).touch()
    draws = [sheet_._draw(Folder(tmp_path), name, 5) for name in names]
    counts = Counter(tile.key for tiles in draws for tile in tiles)
    assert [key for key, _, _, _ in pairs if not 70 <= counts[key] <= 130] == []  # 100 expected


def test_only_the_first_samples_of_a_shard_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_, "WINDOW", 3)
    assert [tile.key for tile in contact_sheet(shards(tmp_path, 9), 60)] == ["0000000", "0000001", "0000002"]


def test_a_tile_tells_what_the_sample_tells(tmp_path: Path) -> None:
    (tile,) = contact_sheet(shards(tmp_path, 1), 1)
    assert tile.image.startswith("data:image/jpeg;base64,")
    assert (tile.caption, tile.lang, tile.text_source) == ("A boat on a lake", "en", "alt")
    assert (tile.width, tile.height, tile.original_width, tile.original_height) == (64, 48, 640, 480)
    assert (tile.link, tile.page_link) == ("http://host0.test/0.jpg", "http://host0.test/page.html")


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("HTTPS://a.test/x", "HTTPS://a.test/x"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        (" http://a.test/", ""),
        ("http://a.test/" + "x" * 4_082, "http://a.test/" + "x" * 4_082),
        ("http://a.test/" + "x" * 4_083, ""),
    ],
)
def test_only_web_addresses_become_links(tmp_path: Path, url: str, link: str) -> None:
    (tile,) = contact_sheet(shards(tmp_path, 1, page_url=url), 1)
    assert tile.page_link == link


def test_a_cut_tar_gives_its_whole_samples_and_a_note(tmp_path: Path) -> None:
    folder = shards(tmp_path, 4)
    tar = tmp_path / "shards" / "00000.tar"
    tar.write_bytes(tar.read_bytes()[:10_000])
    assert 0 < len(contact_sheet(folder)) < 4
    assert len(folder.notes) == 1
    assert folder.notes[0].startswith("shard shards/00000.tar: cut")


@pytest.mark.parametrize("content", [b"", b"not a tar at all" * 64, bytes(1024)])
def test_what_is_no_tar_gives_no_tile_and_no_traceback(tmp_path: Path, content: bytes) -> None:
    folder = shards(tmp_path, 2)
    (tmp_path / "shards" / "00000.tar").write_bytes(content)
    assert contact_sheet(folder) == []


def test_a_picture_that_cannot_be_read_leaves_its_tile_and_a_note(tmp_path: Path) -> None:
    builds.add_shard(tmp_path, 0, [builds.sample(0)], image=b"no picture")
    folder = Folder(tmp_path)
    (tile,) = contact_sheet(folder)
    assert tile.image == ""
    assert folder.notes == ("shards/00000.tar: the picture of 0000000 cannot be read",)


def test_fields_of_other_types_are_left_out() -> None:
    meta = {"url": 7, "page_url": None, "width": "9", "height": -1, "original_width": True, "lang": ["en"]}
    tile = sheet_._tile("00000", ("0", builds.picture(), "", meta))
    assert tile == Tile("00000", "0", tile.image, "", "", "", 0, 0, 0, 0, "", "")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_shown_small_and_keeps_its_shape(kind: str) -> None:
    uri = sheet_.data_uri(builds.picture(size=(800, 400), kind=kind))
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        assert (image.format, image.size) == ("JPEG", (200, 100))


@pytest.mark.parametrize(
    "image", [b"", b"\xff\xd8\xff", builds.picture()[:200], builds.picture(kind="PNG")[:60]]
)
def test_what_is_no_picture_is_not_shown(image: bytes) -> None:
    assert sheet_.data_uri(image) == ""


def test_a_picture_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_, "THUMBNAIL", replace(sheet_.THUMBNAIL, max_pixels=64 * 48))
    assert sheet_.data_uri(builds.picture(size=(64, 48))) != ""
    assert sheet_.data_uri(builds.picture(size=(64, 49))) == ""
