"""A pool judged by several presets, by hand and against the rules themselves."""

import hashlib
import json
from contextlib import closing
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ablate import pools
from tests.ablate.pools import KEEP_ALL, Bright, ablated, dropped, kept, moved, pair, preset
from tests.builds import Killed, Silent
from wit_builder.ablate import pool, run
from wit_builder.ablate.asked import Asked
from wit_builder.curation.settings import Duplicates
from wit_builder.engine.local import LocalExecutor
from wit_builder.errors import BuildError, ConfigError
from wit_builder.filtering import judge
from wit_builder.shards import manifest
from wit_builder.shards.reader import read_shard
from wit_filters.caption import CaptionLength
from wit_filters.image import ImageAspect, ImageFormat, ImageSize
from wit_filters.url import UrlHolds

PLAIN = pair(1)
SMALL = pair(2, original_width=199)
LONG = pair(3, original_width=901)
WORD = pair(4, caption="boat")
COPY = pair(5, sha256=PLAIN.sha256, original_width=299)  # of PLAIN, which is larger
NEAR = pair(6, phash=f"{int(PLAIN.phash, 16) ^ (2**31 - 1):064x}", original_width=290)  # 31 bits from PLAIN
GIF = moved(pair(7), url="http://a.test/7.gif")
ROWS = (PLAIN, SMALL, LONG, WORD, COPY, NEAR, GIF)
PRESETS = {
    "texts": preset(UrlHolds((".gif",)), CaptionLength(min_words=3, min_chars=0)),
    "pictures": preset(after=(ImageSize(min_side=200), ImageAspect(3.0)), duplicates=Duplicates(radius=31)),
    "nothing": preset(after=(ImageFormat(("png",)),)),
}


def ids(*rows):
    return {row.id for row in rows}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation")
    return ablated(pools.write(folder / "pool", ROWS), folder / "out", PRESETS)


def told(out):
    return json.loads((out / run.FILE).read_text())


def test_each_preset_keeps_what_its_rules_keep(out):
    assert kept(out, "texts") == ids(PLAIN, SMALL, LONG, NEAR)
    assert kept(out, "pictures") == ids(PLAIN, WORD, GIF)
    assert kept(out, "nothing") == set()


def test_what_is_dropped_stands_with_the_first_rule_that_dropped_it(out):
    assert dropped(out, "texts") == {
        GIF.id: "url_holds",
        WORD.id: "caption_few_words",
        COPY.id: "duplicate_image",
    }
    assert dropped(out, "pictures") == {
        SMALL.id: "image_too_small",
        LONG.id: "image_too_long",
        COPY.id: "duplicate_image",
        NEAR.id: "near_duplicate",
    }
    assert set(dropped(out, "nothing").values()) == {"image_format"}


def test_the_counts_are_those_of_the_files(out):
    found = told(out)
    assert found["pool"]["pairs"] == len(ROWS)
    assert (
        found["pool"]["manifest"]
        == hashlib.sha256((out.parent / "pool" / manifest.FILE).read_bytes()).hexdigest()
    )
    assert {name: row["kept"] for name, row in found["presets"].items()} == {
        "texts": 4,
        "pictures": 3,
        "nothing": 0,
    }
    assert found["presets"]["pictures"]["dropped"] == {
        "duplicate_image": 1,
        "image_too_long": 1,
        "image_too_small": 1,
        "near_duplicate": 1,
    }
    assert found["shared"]["texts"] == {"texts": 4, "pictures": 1, "nothing": 0}
    assert found["sets"] == [
        {"presets": ["texts"], "pairs": 3},
        {"presets": ["pictures"], "pairs": 2},
        {"presets": [], "pairs": 1},
        {"presets": ["texts", "pictures"], "pairs": 1},
    ]


def test_a_kept_pair_is_found_by_its_shard_and_key(out):
    rows = pq.read_table(out / "kept" / "texts.parquet").to_pylist()
    assert rows == sorted(rows, key=lambda row: row["id"])
    for row in rows:
        pairs = {
            key: meta["id"]
            for key, _, _, meta in read_shard(out.parent / "pool/shards" / f"{row['shard']}.tar")
        }
        assert pairs[row["key"]] == row["id"]


def test_the_files_in_out_are_these_alone(out):
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    of_presets = {f"{kind}/{name}.parquet" for kind in ("kept", "dropped") for name in PRESETS}
    assert names - {".lock"} == {"ablation.json", "overlap.png", "report.html", *of_presets}


def contents(out):
    """Every file but the lock, by its name."""
    files = (path for path in out.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_no_byte(out, tmp_path, workers):
    folder = pools.write(tmp_path / "pool", ROWS)
    with closing(LocalExecutor(workers)) as executor:
        assert contents(ablated(folder, tmp_path / "out", PRESETS, executor)) == contents(out)


def test_partitions_change_nothing(out, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "ROWS_PER_PARTITION", 2)
    again = ablated(pools.write(tmp_path / "pool", ROWS), tmp_path / "out", PRESETS)
    assert told(again) == told(out)
    assert (again / "report.html").read_bytes() == (out / "report.html").read_bytes()
    for name in PRESETS:
        for kind in ("kept", "dropped"):
            file = f"{kind}/{name}.parquet"
            assert pq.read_table(again / file).equals(pq.read_table(out / file))


def test_a_rule_that_looks_sees_the_pools_pictures(tmp_path):
    rows = [pair(n) for n in range(9)]
    out = ablated(
        pools.write(tmp_path / "pool", rows), tmp_path / "out", {"bright": preset(after=(Bright(),))}
    )
    assert kept(out, "bright") == ids(*rows[::2])
    assert set(dropped(out, "bright").values()) == {"too_dark"}


def test_queries_are_asked_for_and_balanced_by_each_presets_rule(tmp_path):
    (tmp_path / "queries.txt").write_text("boat\nharbour\n")
    rows = [pair(n) for n in range(5)] + [pair(8, caption="the old harbour"), pair(9, caption="a cat")]
    folder = pools.write(tmp_path / "pool", rows)
    presets = {"cap": preset(), "chance": preset(balance_rule="expectation")}
    out = ablated(folder, tmp_path / "out", presets, queries=str(tmp_path / "queries.txt"), per_query=2)
    reasons = dropped(out, "cap")
    assert reasons[rows[-1].id] == "no_query"
    assert sorted(reasons.values()) == ["no_query", "query_full", "query_full", "query_full"]
    assert rows[-2].id in kept(out, "cap") & kept(out, "chance")
    assert kept(out, "cap") | set(reasons) == ids(*rows)
    assert list(told(out)["queries"]) == ["cap", "chance"]


RULES = {
    "words": (CaptionLength(min_words=3, min_chars=0),),
    "sides": (ImageSize(min_side=300),),
    "both": (CaptionLength(min_words=2, min_chars=0), ImageSize(min_side=200), ImageAspect(2.0)),
}
SIDE = st.integers(100, 700)
PAIRS = st.lists(st.tuples(st.integers(1, 5), SIDE, SIDE), min_size=1, max_size=9)


@given(PAIRS)
@settings(max_examples=5)
def test_sets_are_those_of_the_rules_asked_one_by_one(tmp_path_factory, drawn):
    rows = [
        pair(n, caption=" ".join(["boat"] * words), original_width=width, original_height=height)
        for n, (words, width, height) in enumerate(drawn)
    ]
    folder = tmp_path_factory.mktemp("drawn")
    presets = {name: preset(after=rules) for name, rules in RULES.items()}
    out = ablated(pools.write(folder / "pool", rows), folder / "out", presets)
    expected = {}
    for name, rules in RULES.items():
        verdicts = dict(zip([row.id for row in rows], judge(rows, rules), strict=True))
        expected[name] = {id_ for id_, verdict in verdicts.items() if verdict.kept}
        assert kept(out, name) == expected[name]
        assert dropped(out, name) == {
            i: verdict.reason for i, verdict in verdicts.items() if not verdict.kept
        }
    shared = {one: {other: len(expected[one] & expected[other]) for other in RULES} for one in RULES}
    assert told(out)["shared"] == shared


class Dying(pools.Here):
    """Killed when it is asked for so many stages."""

    def __init__(self, left):
        self.left = left

    def run(self, *arguments):
        self.left -= 1
        if not self.left:
            raise Killed
        return super().run(*arguments)


@pytest.mark.parametrize("left", [1, 2, 6, 17, 31, 32])
def test_killed_it_goes_on_and_ends_with_the_same(out, tmp_path, left):
    folder = pools.write(tmp_path / "pool", ROWS)
    with pytest.raises(Killed):
        ablated(folder, tmp_path / "out", PRESETS, Dying(left))
    assert not (tmp_path / "out" / run.FILE).exists()
    assert contents(ablated(folder, tmp_path / "out", PRESETS)) == contents(out)


def test_what_is_complete_is_not_done_again(tmp_path):
    folder = pools.write(tmp_path / "pool", ROWS)
    ablated(folder, tmp_path / "out", PRESETS)
    assert run.start(Asked(pool.opened(folder), PRESETS), tmp_path / "out")


def test_another_ablation_needs_another_folder(tmp_path):
    folder = pools.write(tmp_path / "pool", ROWS)
    asked = Asked(pool.opened(folder), {"texts": PRESETS["texts"]})
    run.start(asked, tmp_path / "out")
    with pytest.raises(ConfigError, match="holds another ablation: by texts, now by nothing, texts"):
        run.start(replace(asked, presets={**asked.presets, "nothing": PRESETS["nothing"]}), tmp_path / "out")
    changed = {"texts": preset(CaptionLength(min_words=4))}
    with pytest.raises(ConfigError, match=r"rules\.texts\.candidate_filters"):
        run.start(replace(asked, presets=changed), tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="is not empty and holds no ablation"):
        run.start(asked, tmp_path / "full")


def test_a_pool_that_changes_meanwhile_ends_it(tmp_path):
    folder = pools.write(tmp_path / "pool", ROWS)
    asked = Asked(pool.opened(folder), {"texts": PRESETS["texts"]})
    run.start(asked, tmp_path / "out")
    manifest.write_manifest(folder, manifest.read_manifest(folder)[:1])
    with pytest.raises(BuildError, match="changed while it was read"):
        run.run(asked, tmp_path / "out", pools.Here(), Silent())
    assert not (tmp_path / "out" / run.FILE).exists()


def test_one_preset_at_least_is_compared(tmp_path):
    with pytest.raises(ConfigError, match="0 presets are to be compared, expected 1 to 63"):
        Asked(pool.opened(pools.write(tmp_path / "pool", ROWS)), {})


def test_a_preset_that_keeps_all_drops_nothing(tmp_path):
    out = ablated(
        pools.write(tmp_path / "pool", [PLAIN]), tmp_path / "out", {"all": preset(duplicates=KEEP_ALL)}
    )
    assert kept(out, "all") == ids(PLAIN)
    assert dropped(out, "all") == {}
