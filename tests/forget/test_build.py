"""`wit forget` of a finished build: what goes, what stays, and that everything still adds up."""

import json
import shutil
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
import webdataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import builds
from tests.blocklist.entries import flipped
from tests.builds import GOOD, image_url
from tests.forget import folders
from tests.journeys.folders import lost, tars
from tests.site.told import Say, picture, told
from tests.test_retry import again
from wit_builder import build as build_
from wit_builder import ledger, place, publish, report
from wit_builder.blocklist import tombstones
from wit_builder.blocklist.settings import Blocklist
from wit_builder.errors import ConfigError
from wit_builder.forget import build, request
from wit_builder.queries.settings import Queries
from wit_builder.shards import manifest
from wit_builder.shards.reader import read_members

WHY = "asked by its owner"


@pytest.fixture
def out(tmp_path):
    """A copy of a finished build, with its report."""
    copy = shutil.copytree(builds.finished(), tmp_path / "out")
    report.write_report(copy)
    return copy


def stones(radius=31, file=None, **words):
    return request.asked(
        {kind: said if isinstance(said, list) else [said] for kind, said in words.items()},
        file,
        radius,
        WHY,
        datetime.now(UTC),
    )


def forget(out, dry_run=False, **words):
    return build.forget(out, stones(**words), dry_run)


def of(out, n):
    """The row of image n."""
    return next(row for row in folders.rows(out) if row["url"] == image_url(n))


@pytest.mark.parametrize("kind", ["url", "sha256", "pdq"])
def test_nothing_of_a_forgotten_pair_is_left_and_its_neighbours_are(out, kind):
    row, before = of(out, 5), folders.pairs(out)
    forget(out, **{kind: row["phash" if kind == "pdq" else kind]})
    assert folders.mentions(out, row["url"], row["caption"], row["sha256"]) == []
    assert folders.pairs(out) == {key: other for key, other in before.items() if key != row["key"]}
    assert folders.check(out)["clean"].dropped["forgotten"] == 1


@pytest.mark.parametrize(("radius", "gone"), [(9, 0), (10, 1)])
def test_a_look_counts_within_its_radius(out, radius, gone):
    assert forget(out, pdq=flipped(of(out, 5)["phash"], 10), radius=radius).pairs.total() == gone


def test_a_domain_is_of_images_and_of_pages(out):
    assert forget(out, domain="images-2.test").pairs == {"domain": 2}
    assert folders.mentions(out, "images-2.test") == []
    assert {row["url"] for row in folders.pairs(out).values()} == {image_url(n) for n in (1, 3, 4, 6, 7)}
    result = forget(out, domain="site.test")  # whose page shows all of them
    assert result.pairs == {"domain": 5}
    assert folders.mentions(out, "http://images-", "A picture of") == []
    assert folders.check(out)["clean"].kept == 0


def test_a_page_is_an_address_too(out):
    assert forget(out, url=builds.SEED).pairs == {"url": GOOD}


def test_only_shards_that_are_touched_are_others(out):
    row, before = of(out, 5), tars(out)
    result = forget(out, url=row["url"])
    touched = f"{row['key'][:5]}.tar"
    assert result.shards == (touched[:5],)
    assert [name for name, data in tars(out).items() if data != before[name]] == [touched]
    assert list(tars(out)) == list(before)  # no hole in the numbers


def test_the_other_samples_of_a_shard_keep_their_bytes(out):
    row = of(out, 5)
    name = f"{row['key'][:5]}.tar"
    before = _members(out / "shards" / name)
    forget(out, url=row["url"])
    after = _members(out / "shards" / name)
    assert after == {key: members for key, members in before.items() if key != row["key"]}


def test_counts_lie_where_trainers_look_for_them(out):
    shard = of(out, 5)["key"][:5]
    forget(out, url=image_url(5))
    stats = json.loads((out / "shards" / f"{shard}_stats.json").read_text())
    rows = [row for row in folders.rows(out) if row["key"] is None or row["key"].startswith(shard)]
    assert (out / "shards" / "__len__").read_text() == str(GOOD - 1)
    assert (
        stats["successes"] == stats["status_dict"]["success"] == sum(r["status"] == "success" for r in rows)
    )
    assert f"{GOOD - 1} pairs of image and text" in (out / "README.md").read_text()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_shard_of_which_nothing_is_left_is_still_read(out):
    forget(out, domain=["images-0.test", "images-1.test"])
    urls = [str(path) for path in sorted(out.glob("shards/*.tar"))]
    found = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).decode("pil"))
    assert [pair["__key__"] for pair in found] == list(folders.pairs(out))
    assert len(urls) == 3


def test_a_row_of_the_ledger_keeps_stage_reason_and_id_alone(out):
    before = {row["id"]: row for row in _ledger(out) if row["url"] == image_url(9)}
    assert forget(out, url=image_url(9)).losses == 1
    (row,) = [row for row in _ledger(out) if row["id"] in before]
    assert (row["reason"], row["stage"]) == ("http_500", "fetch")
    assert (row["url"], row["caption"], row["evidence"]) == ("", "", "")
    assert folders.mentions(out, image_url(9), "A picture of a mountain") == []
    assert folders.check(out)["fetch"].dropped["http_500"] == 2


def test_copies_of_a_picture_that_is_forgotten_by_its_bytes_go_too_and_by_its_url_do_not(out):
    kept, copy = image_url(7), image_url(0)
    by_url = shutil.copytree(out, out.with_name("by url"))
    forget(by_url, url=kept)
    assert folders.mentions(by_url, kept) == [] and folders.mentions(by_url, copy) != []
    forget(out, sha256=of(out, 7)["sha256"])
    assert folders.mentions(out, kept, copy, "A picture of a boat") == []


def inherited(out):
    """One image under two captions on two pages: the weaker one became the other text of the stronger.

    The pair, that text, its page and the pair's own.
    """
    image = image_url(1)
    with told() as web:
        web.answers[image] = Say(picture(1))
        other = "http://other.test/"
        web.page(builds.SEED, {image: "A boat on a lake"})
        web.page(other, {image: "Grandmother on her boat"})
        made = builds.recipe(source=builds.Crawl(seeds=(builds.SEED, other)))
        builds.run(out, web.connect_to, made)
    (pair,) = folders.pairs(out).values()
    (text,) = pair["alt_texts"]
    gone, stays = (other, builds.SEED) if pair["page_url"] == builds.SEED else (builds.SEED, other)
    return pair, text["text"], gone, stays


def test_a_text_that_another_pair_took_over_goes_with_its_own(tmp_path):
    out = tmp_path / "out"
    pair, text, gone, stays = inherited(out)
    result = forget(out, url=gone)
    assert (result.pairs, result.shards, result.candidates) == ({}, ("00000",), 1)
    assert folders.mentions(out, text) == []
    (left,) = folders.pairs(out).values()
    assert left == pair | {"alt_texts": []} and left["page_url"] == stays
    folders.check(out)


class Elsewhere(place.Place):
    """OUT in another folder, of which files are brought as from a store."""

    def __init__(self, folder, there):
        super().__init__(folder)
        self.there = there

    def pull(self, patterns):
        for path in (path for pattern in patterns for path in self.there.glob(pattern)):
            shutil.copyfile(path, self.folder / path.relative_to(self.there))


def test_a_text_goes_from_a_tar_that_is_brought_again_after_a_kill(tmp_path, monkeypatch):
    """With a sidecar of before beside it: one of after would say that nothing changes."""
    out, there = tmp_path / "out", tmp_path / "there"
    _, text, gone, _ = inherited(out)
    shutil.copytree(out, there)

    def dies(*_):
        raise builds.Killed

    with monkeypatch.context() as patch, pytest.raises(builds.Killed):
        patch.setattr(manifest, "write_manifest", dies)
        build.forget(Elsewhere(out, there), stones(url=gone))
    build.forget(Elsewhere(out, there), stones(url=gone))
    assert folders.mentions(out, text) == []
    folders.check(out)


def test_the_tombstone_says_what_and_why_and_is_no_copy_of_an_address(out):
    forget(out, url=image_url(5), domain="images-2.test", pdq="0" * 64)
    found = tombstones.read(str(out / "tombstones.parquet"))
    assert [(stone.kind, stone.radius, stone.why) for stone in found] == [
        ("url", None, WHY),
        ("domain", None, WHY),
        ("pdq", 31, WHY),
    ]
    assert image_url(5) not in repr(found) and found[1].value == "images-2.test"


def test_what_matches_nothing_leaves_a_tombstone_all_the_same(out):
    before = tars(out), lost(out)
    result = forget(out, domain="elsewhere.test")
    assert (result.pairs, result.shards, result.candidates, result.losses, result.tombstones) == (
        {},
        (),
        0,
        0,
        1,
    )
    assert (tars(out), lost(out)) == before
    assert json.loads((out / "build.json").read_text())["tombstones"] is not None
    folders.check(out)


def test_the_same_again_changes_nothing_and_adds_no_tombstone(out):
    forget(out, url=image_url(5))
    before = {name: text for name, text in folders.texts(out) if name not in ("report.html", "build.json")}
    assert forget(out, url=image_url(5)).tombstones == 1
    assert {n: text for n, text in folders.texts(out) if n not in ("report.html", "build.json")} == before


def test_a_dry_run_says_the_same_and_changes_nothing(out):
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != ".lock"}
    said = forget(out, dry_run=True, domain="images-2.test")
    assert {path: path.read_bytes() for path in before} == before
    assert {path for path in out.rglob("*") if path.is_file()} - {out / ".lock"} == set(before)
    assert forget(out, domain="images-2.test") == said


def test_a_retry_obeys_the_tombstones_of_its_own_folder(out):
    forget(out, pdq=of(out, 1)["phash"])
    with told() as web:
        builds.tell(web)
        web.answers[image_url(9)] = Say(picture(9))
        web.answers[image_url(10)] = Say(picture(1))
        assert again(out, ["5xx"], web) == (2, 1)
    assert ("fetch", "blocked", image_url(10)) in {row[:3] for row in lost(out)}
    folders.check(out)


def test_what_is_listed_now_is_lost_in_a_retry_before_it_is_asked_for(out):
    with told() as web:
        builds.tell(web)
        tombstones.write(out / tombstones.NAME, stones(url=image_url(9)))
        assert again(out, ["5xx"], web) == (2, 0)
        assert web.asked == [image_url(10)]
    assert ("select", "blocked", image_url(9)) in {row[:3] for row in lost(out)}
    folders.check(out)


def test_a_later_build_over_the_same_web_does_not_take_it_again(out, tmp_path):
    row = of(out, 5)
    forget(out, url=row["url"], sha256=of(out, 3)["sha256"], pdq=of(out, 4)["phash"], domain="images-2.test")
    made = builds.recipe(blocklist=Blocklist(tombstones=(str(out / tombstones.NAME),)))
    with told() as web:
        builds.tell(web)
        builds.run(tmp_path / "later", web.connect_to, made)
        assert image_url(5) not in web.asked and image_url(2) not in web.asked
    found = {row[:3] for row in lost(tmp_path / "later") if row[1] == "blocked"}
    assert found == {("select", "blocked", image_url(n)) for n in (2, 5, 8, 11)} | {
        ("fetch", "blocked", image_url(n)) for n in (3, 4)
    }
    assert set(_urls(tmp_path / "later")) == {image_url(n) for n in (1, 6, 7)}
    folders.check(tmp_path / "later")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


drawn = st.lists(
    st.tuples(st.sampled_from(["url", "domain", "sha256", "pdq"]), st.integers(0, len(builds.SUBJECTS) - 1)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn)
def test_whatever_is_forgotten_is_gone_and_all_counts_stay(scratch, choices):
    out = scratch / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(builds.finished(), out)
    by_url = {row["url"]: row for row in folders.pairs(out).values()}
    words, gone = {}, set()
    for kind, n in choices:
        row = by_url.get(image_url(n), {})
        word = {"url": image_url(n), "domain": f"images-{n % 3}.test"}.get(kind) or row.get(
            "phash" if kind == "pdq" else kind
        )
        if word:
            words.setdefault(kind, []).append(word)
            gone |= {image_url(m) for m in range(n % 3, 12, 3)} if kind == "domain" else {image_url(n)}
    if not words:
        return
    before = publish.recounted(out)
    forget(out, **words)
    after = folders.check(out)
    assert {stage: after[stage].seen for stage in after} == {stage: before[stage].seen for stage in before}
    assert set(_urls(out)) == set(by_url) - gone
    hashes = [by_url[url]["sha256"] for url in gone if url in by_url]
    assert folders.mentions(out, *(f"{url}'" for url in gone), *hashes) == []


# -- what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"url": "a.test/1.jpg"}, "--url: 'a.test/1.jpg' is no address"),
        ({"domain": "http://a.test/"}, "--domain: 'http://a.test/' is no domain"),
        ({"domain": "com"}, "--domain: 'com' is a public suffix"),
        ({"domain": "CO.UK."}, "--domain: 'co.uk' is a public suffix"),
        ({"sha256": "a" * 63}, "is no SHA-256"),
        ({"pdq": "x" * 64}, "is no PDQ hash"),
    ],
)
def test_what_is_nothing_of_its_kind_is_refused_and_nothing_is_written(out, words, said):
    with pytest.raises(ConfigError, match=said[:20]) as caught:
        forget(out, **words)
    assert said in str(caught.value)
    assert not (out / tombstones.NAME).exists()


def test_nothing_named_is_said(out):
    with pytest.raises(ConfigError, match="what shall be forgotten"):
        forget(out)


def test_an_unfinished_build_or_retry_comes_first(out, tmp_path):
    build_.start(tmp_path / "new", builds.recipe(), resume=False)
    with pytest.raises(ConfigError, match="is not finished"):
        forget(tmp_path / "new", domain="a.test")
    (out / "retry").mkdir()
    with pytest.raises(ConfigError, match="unfinished retry"):
        forget(out, domain="a.test")


def test_a_folder_without_a_build_is_said(tmp_path):
    with pytest.raises(ConfigError, match="holds no build"):
        forget(tmp_path, domain="a.test")


def test_while_one_command_works_another_is_refused(out):
    with build_.only_one(out), pytest.raises(ConfigError, match="another wit command"):
        forget(out, domain="a.test")


def test_a_file_holds_lines_of_kind_and_value(out, tmp_path):
    path = tmp_path / "asked.txt"
    path.write_text(f"# of Monday\n\nurl {image_url(5)}\t# by post\ndomain images-2.test # by mail\n")
    result = forget(out, file=path)
    assert (result.pairs, result.tombstones) == ({"url": 1, "domain": 1}, 2)


@pytest.mark.parametrize(
    "line", ["http://a.test/", "domain org", "host a.test", "url a.test", "sha256", f"pdq {'a' * 65}"]
)
def test_a_line_of_the_file_that_says_nothing_is_refused_by_its_number(tmp_path, line):
    path = tmp_path / "asked.txt"
    path.write_text(f"domain a.test\n{line}\n")
    with pytest.raises(ConfigError, match=r"asked\.txt, line 2: "):
        stones(file=path)


@pytest.mark.parametrize("domain", ["localhost", "10.0.0.1", "[::1]", "example.com", "somebody.github.io"])
def test_a_host_of_one_owner_may_be_named(domain):
    assert stones(domain=domain)[0].value == domain


@pytest.mark.parametrize(("why", "fits"), [("x" * 1000, True), ("x" * 1001, False), ("two\nlines", False)])
def test_why_is_one_line(why, fits):
    if fits:
        assert request.asked({"domain": ["a.test"]}, None, 31, why, datetime.now(UTC))[0].why == why
    else:
        with pytest.raises(ConfigError, match="--why"):
            request.asked({"domain": ["a.test"]}, None, 31, why, datetime.now(UTC))


def _urls(out):
    return [row["url"] for row in folders.pairs(out).values()]


def _ledger(out):
    return [row for stage in ledger.STAGES for rows in ledger.read(out, stage) for row in rows.to_pylist()]


def _members(path):
    return dict(read_members(path))


def test_the_queries_of_a_forgotten_pair_have_one_pair_less_and_no_place_becomes_free(tmp_path):
    with told() as web:
        builds.tell(web)
        asked = Queries(entries=("picture", "tree", "zebra"), required=False)
        builds.run(tmp_path, web.connect_to, builds.recipe(queries=asked))
    forget(tmp_path, url=image_url(1))
    counts = pq.read_table(tmp_path / "queries.parquet", columns=["entry", "matched", "kept"]).to_pylist()
    assert [tuple(row.values()) for row in counts] == [("picture", 7, 6), ("tree", 1, 0), ("zebra", 0, 0)]
