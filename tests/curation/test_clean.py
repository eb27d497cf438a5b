import random
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curation.rows import lost, out, ran, sample, table, written
from wit_builder.curation import clean, near, top
from wit_builder.curation.settings import Duplicates
from wit_builder.errors import ConfigError
from wit_builder.records import losses
from wit_filters.image import ImageSize

SAME, OTHER = "a" * 64, "b" * 64


PLAIN = Duplicates()


def cleaned(folder, rows, filters=(), partitions=2, duplicates=PLAIN, incumbents=None, judges=1, best=None):
    """(urls kept, losses, funnel) of the whole clean step. judges: tasks that filter, and that find near ones."""
    folder.mkdir(exist_ok=True)
    parts = [written(folder / f"{k}.parquet", rows[k::judges]) for k in range(judges)]
    judging = {"filters": filters, "partitions": partitions, "staged": str(folder), "top": best}
    tasks = [ran(clean.judge, folder, {"samples": [part]}, **judging) for part in parts]
    tallies = [str(path) for task in tasks for path in out(task, "tally")]
    lowest = out(ran(top.threshold, folder, None, top=best, tallies=tallies), "threshold") if best else []
    rules = {
        "duplicates": duplicates,
        "incumbents": incumbents,
        "top": best,
        "thresholds": list(map(str, lowest)),
    }
    inputs = [str(path) for task in tasks for path in out(task, "samples")]
    for partition in range(partitions):
        tasks.append(ran(clean.exact, folder, partition, inputs=inputs, partitions=partitions, **rules))
    survivors = [str(path) for task in tasks[judges:] for path in out(task, "samples")]
    cut = {"samples": survivors, "tasks": judges, "parts": 1} | rules
    near_by = [ran(near.pairs, folder, k, **cut) for k in range(judges) if duplicates.radius is not None]
    links = [str(path) for task in near_by for path in out(task, "links")]
    tasks.append(ran(clean.similar, folder, {"samples": survivors}, links=links, **rules))
    dropped = set(table(out(tasks[-1], "dropped")).column("id").to_pylist())
    for task in tasks[1:]:
        tasks[0].funnel.add(task.funnel)
    kept = [row["url"] for row in table(survivors).to_pylist() if row["id"] not in dropped]
    return sorted(kept), lost(*tasks), tasks[0].funnel["clean"]


def told_texts(folder, rows, **cut):
    """alt_texts by id, and the texts that near-duplicates give."""
    cleaned(folder, rows, **cut)
    kept = table(list(folder.glob("exact/*samples*"))).to_pylist()
    texts = table(list(folder.glob("similar/*texts*"))).to_pylist()
    return {row["id"]: row["alt_texts"] for row in kept}, sorted(map(str, texts))


def url(n):
    return f"http://a.test/{n}.jpg"


def test_a_filter_that_sees_the_picture_drops_with_its_reason(tmp_path):
    kept, dropped, count = cleaned(tmp_path, [sample(1, side=10), sample(2)], (ImageSize(min_side=64),))
    assert (kept, dropped) == ([url(2)], [("image_too_small", url(1))])
    assert (count.seen, count.kept) == (2, 1)


def test_of_the_same_bytes_the_strongest_text_stays(tmp_path):
    rows = [sample(1, sha=SAME, source="title"), sample(2, sha=SAME)]
    assert cleaned(tmp_path, rows)[:2] == ([url(2)], [("duplicate_image", url(1))])


def test_of_near_duplicates_the_largest_stays(tmp_path):
    rows = [sample(1, phash="0" * 64, side=90), sample(2, phash="0" * 63 + "7", side=91)]
    assert cleaned(tmp_path, rows)[:2] == ([url(2)], [("near_duplicate", url(1))])


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize(("quality", "linked"), [(50, True), (49, False), (None, True)])
def test_pictures_without_detail_are_near_nobody(tmp_path, quality, linked, parts):
    seen = [sample(n, phash="0" * 64, quality=50) for n in (1, 2, 3)]
    seen[1] = replace(seen[1], phash_quality=quality)
    paths = [written(tmp_path / f"{n}.parquet", [row]) for n, row in enumerate(seen)]
    cut = {
        "samples": paths[:2],
        "incumbents": paths[2],
        "duplicates": PLAIN,
        "tasks": 16 * parts,
        "parts": parts,
    }
    ends = table(
        [
            path
            for k in range(16 * parts)
            for path in out(ran(near.pairs, tmp_path / str(k), k, **cut), "links")
        ]
    )
    together = {frozenset(pair) for pair in zip(*ends.to_pydict().values(), strict=True)}
    assert {row for pair in together for row in pair} == ({0, 1, 2} if linked else {0, 2})


def test_swatches_of_two_colours_stay_each_with_its_caption(tmp_path):
    rows = [sample(n, f"swatch {n}", phash="0" * 64, quality=0) for n in (1, 2)]
    assert cleaned(tmp_path, rows)[:2] == ([url(1), url(2)], [])


def test_near_duplicates_stay_when_the_recipe_wants_them(tmp_path):
    rows = [sample(1, phash="0" * 64), sample(2, phash="0" * 64)]
    assert cleaned(tmp_path, rows, duplicates=Duplicates(radius=None))[1] == []


@pytest.mark.parametrize(("captions", "reasons"), [(3, {"placeholder"}), (2, {"duplicate_image"})])
def test_bytes_under_many_captions_are_a_placeholder_and_all_of_them_go(tmp_path, captions, reasons):
    rows = [sample(n, f"caption number {n % captions}", sha=SAME) for n in range(6)]
    kept, dropped, _ = cleaned(tmp_path, rows, duplicates=Duplicates(placeholder_captions=3))
    assert {reason for reason, _ in dropped} == reasons
    assert len(kept) + len(dropped) == 6


@pytest.mark.parametrize(
    ("hosts", "captions", "reasons"),
    [(3, 2, {"placeholder"}), (2, 2, {"duplicate_image"}), (3, 1, {"duplicate_image"})],
)
def test_bytes_on_many_sites_under_several_captions_are_a_placeholder(tmp_path, hosts, captions, reasons):
    rows = [
        replace(sample(n, f"caption {n % captions}", sha=SAME), page_url=f"http://{n}.site{n % hosts}.test/")
        for n in range(6)
    ]
    kept, dropped, _ = cleaned(tmp_path, rows, duplicates=Duplicates(placeholder_hosts=3))
    assert {reason for reason, _ in dropped} == reasons
    assert len(kept) + len(dropped) == 6


def test_where_no_page_is_known_the_images_own_site_counts(tmp_path):
    rows = [
        replace(sample(n, f"caption {n}", sha=SAME), page_url="", url=f"http://{n}.test/") for n in range(3)
    ]
    dropped = cleaned(tmp_path, rows, duplicates=Duplicates(placeholder_hosts=3))[1]
    assert {reason for reason, _ in dropped} == {"placeholder"}


def test_the_ledger_names_the_image_that_stays(tmp_path):
    first = sample(2, sha=SAME)
    near = sample(4, phash="0" * 64, side=200)
    rows = [sample(1, sha=SAME, source="title"), first, sample(3, phash="0" * 64), near]
    cleaned(tmp_path, rows)
    found = {loss.url: loss.evidence for path in tmp_path.glob("*/*losses*") for loss in told(path)}
    assert found[url(1)] == f"sha256 {SAME[:16]}, first is {first.id}"
    assert found[url(3)] == f"within 31 bits of the group of {near.id}"


def told(path):
    return losses(pq.read_table(path))


def test_a_published_image_is_the_one_named(tmp_path):
    old = sample(9, sha=OTHER, phash="f" * 64)
    rows = [sample(1, sha=OTHER), sample(2, sha=OTHER, side=999)]
    cleaned(tmp_path, rows, incumbents=written(tmp_path / "old.parquet", [old]))
    found = [loss.evidence for path in tmp_path.glob("*/*losses*") for loss in told(path)]
    assert found == [f"sha256 {OTHER[:16]}, first is {old.id}"] * 2


def test_what_stays_of_the_same_bytes_takes_the_others_captions_along(tmp_path):
    rows = [sample(1, "strong", sha=SAME), sample(2, "weak", sha=SAME, source="title"), sample(3, "other")]
    cleaned(tmp_path, rows)
    found = {
        row["caption"]: row["alt_texts"] for row in table(list(tmp_path.glob("exact/*samples*"))).to_pylist()
    }
    assert found == {"strong": [{"text": "weak", "source": "title"}], "other": []}


def test_what_stays_of_near_duplicates_is_given_the_others_texts_and_what_those_stood_for(tmp_path):
    stays = sample(1, "largest", phash="0" * 64, side=200)
    rows = [
        stays,
        sample(2, "smaller", sha=SAME, phash="0" * 64),
        sample(3, "same bytes", sha=SAME, source="title"),
    ]
    cleaned(tmp_path, rows)
    texts = [{"text": "smaller", "source": "alt"}, {"text": "same bytes", "source": "title"}]
    assert table(list(tmp_path.glob("similar/*texts*"))).to_pylist() == [
        {"id": stays.id} | text for text in texts
    ]


def test_placeholders_and_what_is_published_give_their_captions_to_nobody(tmp_path):
    rows = [sample(n, f"caption {n}", sha=SAME, phash="0" * 64) for n in range(10)]
    rows += [
        sample(11, "new", sha=OTHER),
        sample(12, "near", phash="f" * 64),
        sample(13, "near too", phash="f" * 64),
    ]
    old = sample(99, sha=OTHER, phash="f" * 64)
    kept, *_ = cleaned(tmp_path, rows, incumbents=written(tmp_path / "old.parquet", [old]))
    assert kept == []
    assert table(list(tmp_path.glob("similar/*texts*"))).num_rows == 0
    assert table(list(tmp_path.glob("exact/*samples*"))).column("alt_texts").to_pylist() == [[], []]


def test_no_samples_are_no_trouble(tmp_path):
    kept, dropped, count = cleaned(tmp_path, [])
    assert (kept, dropped, count.seen) == ([], [], 0)


def test_published_images_are_never_given_up_for_new_ones(tmp_path):
    incumbents = written(tmp_path / "old.parquet", [sample(9, sha=OTHER, phash="f" * 64, side=1)])
    rows = [sample(1, sha=OTHER), sample(2, phash="f" * 64, side=999), sample(3)]
    kept, dropped, _ = cleaned(tmp_path, rows, incumbents=incumbents)
    assert (kept, dropped) == ([url(3)], [("duplicate_image", url(1)), ("near_duplicate", url(2))])


BELOW = [{"placeholder_hosts": 1}, {"max_images_per_caption": 0}, {"max_pages_per_image": 0}]


@pytest.mark.parametrize("wrong", [{"radius": -1}, {"radius": 256}, {"placeholder_captions": 1}, *BELOW])
def test_values_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Duplicates(**wrong)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60)), max_size=20), st.randoms())
def test_survivors_depend_on_neither_order_nor_partitions(tmp_path_factory, picks, rng: random.Random):
    rows = [
        sample(n, f"caption {n}", sha=f"{sha:064x}", phash=np.packbits(np.arange(256) < bits).tobytes().hex())
        for n, (sha, bits) in enumerate(picks)
    ]
    first = cleaned(tmp_path_factory.mktemp("a"), rows)
    shuffled, cut = (
        rng.sample(rows, len(rows)),
        {"partitions": rng.randint(1, 4), "judges": rng.randint(1, 4)},
    )
    second = cleaned(tmp_path_factory.mktemp("b"), shuffled, **cut)
    assert first[:2] == second[:2]
    assert told_texts(tmp_path_factory.mktemp("c"), rows) == told_texts(
        tmp_path_factory.mktemp("d"), shuffled, **cut
    )
    assert len(first[0]) + len(first[1]) == len(rows)
