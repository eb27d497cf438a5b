import time
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curation.rows import candidate, lost, out, ran, written
from wit_builder.curation import boilerplate, histogram, matched, select
from wit_builder.curation.settings import Duplicates
from wit_builder.engine import shuffle
from wit_builder.filtering import Verdict
from wit_builder.queries.settings import Queries
from wit_builder.records import CANDIDATE_SCHEMA, Text, candidates, losses
from wit_builder.text.language import LanguageModel
from wit_filters.caption import CaptionLength

NOTHING_ASKED = {"queries": None, "list": ""}
PLAIN = {"language": LanguageModel(), "duplicates": Duplicates(), **NOTHING_ASKED}


def selected(
    folder,
    rows,
    filters=(),
    bins=2,
    duplicates=Duplicates(),  # noqa: B008
    judges=1,
    asking=NOTHING_ASKED,
):
    """(kept candidates, all tasks' losses, funnel) of the whole select step. judges: tasks that filter."""
    folder.mkdir(exist_ok=True)
    parts = [written(folder / f"{i}.parquet", rows[i::5]) for i in range(min(5, len(rows)))]
    params = {"bins": bins, "duplicates": duplicates}
    judged = [
        ran(
            select.judge,
            folder,
            {"parts": parts[k::judges]},
            filters=filters,
            language=LanguageModel(),
            **params,
            **asking,
        )
        for k in range(judges)
    ]
    counted = [
        ran(boilerplate.captions, folder, k, inputs=names(judged, "captions"), **params)
        for k in range(bins if duplicates.max_images_per_caption is not None else 0)
    ]
    params |= {"inputs": names(judged, "candidates"), "boilerplate": names(counted, "boilerplate")}
    chosen = [ran(select.unique, folder, k, **params) for k in range(bins)]
    for task in (tasks := judged + chosen)[1:]:
        tasks[0].funnel.add(task.funnel)
    kept = [row for k in range(bins) for row in candidates(left(judged, chosen, k, bins))]
    return sorted(kept, key=lambda row: row.id), lost(*tasks), tasks[0].funnel["select"]


def left(judged, chosen, k, bins):
    """What a bin's fetch task reads."""
    inputs = [path for task in judged for path in out(task, "candidates")]
    inputs += [path for task in chosen for path in out(task, "richer")]
    (stays,) = out(chosen[k], "stays")
    return shuffle.read(inputs, k, bins, CANDIDATE_SCHEMA, np.load(stays))


def names(tasks, kind):
    return [str(path) for task in tasks for path in out(task, kind)]


def test_a_filter_drops_with_its_reason_and_the_language_is_filled_in(tmp_path):
    kept, dropped, count = selected(
        tmp_path, [candidate(), candidate("http://a.test/2.jpg", "boat")], (CaptionLength(),)
    )
    assert [row.lang for row in kept] == ["en"]
    assert dropped == [("caption_few_words", "http://a.test/2.jpg")]
    assert (count.seen, count.kept) == (2, 1)


def test_equal_captions_among_others_are_each_told_their_language(tmp_path):
    captions = ["a dog runs in the snow", "der Hund rennt im Schnee", "a dog runs in the snow"] * 5
    rows = [candidate(f"http://a.test/{n}.jpg", caption) for n, caption in enumerate(captions)]
    kept, _, _ = selected(tmp_path, rows)
    assert {(row.caption[:3], row.lang) for row in kept} == {("a d", "en"), ("der", "de")}
    assert len(kept) == len(rows)
    assert len({row.lang_score for row in kept}) == 2


def test_one_pair_on_many_pages_is_kept_once(tmp_path):
    rows = [candidate(page=f"http://a.test/{n}") for n in range(5)]
    kept, dropped, _ = selected(tmp_path, rows)
    assert len(kept) == 1
    assert dropped == [("duplicate_pair", "http://a.test/1.jpg")] * 4


def test_of_one_url_the_strongest_text_stays_and_takes_the_others_along(tmp_path):
    rows = [candidate(caption="a title of it", source="title"), candidate(caption="what is seen")]
    kept, dropped, _ = selected(tmp_path, rows)
    assert [(row.caption, row.alt_texts) for row in kept] == [
        ("what is seen", (Text("a title of it", "title"),))
    ]
    assert dropped == [("duplicate_url", "http://a.test/1.jpg")]


def test_what_takes_no_caption_along_is_not_written_again(tmp_path):
    rows = [candidate(), candidate(page="http://b.test/"), candidate("http://a.test/2.jpg")]
    rows += [candidate("http://a.test/3.jpg"), candidate("http://a.test/3.jpg", "another caption")]
    assert len(selected(tmp_path, rows, bins=1)[0]) == 3
    (richer,) = tmp_path.glob("unique/*.richer*")
    assert shuffle.read([richer], 0, 1, CANDIDATE_SCHEMA).column("url").to_pylist() == ["http://a.test/3.jpg"]


def test_captions_of_the_same_words_are_not_told_twice(tmp_path):
    known = (Text("a title of it", "title"),)
    rows = [candidate(caption="a title of it", source="title"), candidate(caption="seen", texts=known)]
    assert selected(tmp_path, rows)[0][0].alt_texts == known


@pytest.mark.parametrize(("others", "kept_texts"), [(15, 15), (16, 16), (17, 16)])
def test_one_url_takes_sixteen_captions_along_the_strongest_first(tmp_path, others, kept_texts):
    rows = [candidate(caption="strongest")]
    rows += [candidate(caption=f"title {n}", source="title") for n in range(others - 1)]
    rows += [candidate(caption="a figure's", source="figcaption")]
    texts = selected(tmp_path, rows)[0][0].alt_texts
    assert (len(texts), texts[0]) == (kept_texts, Text("a figure's", "figcaption"))


def test_one_url_under_very_many_captions_takes_seconds_and_keeps_one(tmp_path):
    """Each with each would be a thousand million comparisons, and one row of 30,000 texts."""
    rows = [candidate(caption=f"caption {n}") for n in range(30_000)]
    began = time.process_time()
    kept, dropped, _ = selected(tmp_path, rows, bins=1)
    assert time.process_time() - began < 30
    assert (len(kept), len(dropped), len(kept[0].alt_texts)) == (1, 29_999, 16)


def test_what_may_be_duplicates_is_read_some_urls_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(select, "ROWS", 10)
    rows = [candidate(f"http://a.test/{n % 20}.jpg", page=f"http://a.test/{n}") for n in range(60)]
    kept, dropped, _ = selected(tmp_path, rows, bins=1)
    assert (len(kept), len(dropped), len(list(tmp_path.glob("unique/*losses*")))) == (20, 40, 6)


@pytest.mark.parametrize(("size", "files"), [(1, 3), (1 << 20, 1)])
def test_what_takes_captions_along_is_written_in_pieces_of_bytes(tmp_path, monkeypatch, size, files):
    monkeypatch.setattr(select, "RICHER", size)
    monkeypatch.setattr(shuffle, "PIECE", 1)
    monkeypatch.setattr(shuffle, "BATCH", 1)
    rows = [candidate(f"http://a.test/{n % 3}.jpg", f"caption {n}") for n in range(6)]
    kept, dropped, _ = selected(tmp_path, rows, bins=1)
    assert sorted(len(row.alt_texts) for row in kept) == [1, 1, 1]
    assert (len(dropped), len(list(tmp_path.glob("unique/*richer*")))) == (3, files)


def test_what_a_filter_saw_is_cut_and_fit_for_the_ledger(tmp_path):
    (loss,) = losses_of(tmp_path, [candidate(caption="boat")], (Talkative(),))
    assert (loss.reason, loss.evidence) == ("too_dull", "?" + "x" * 499)


@dataclass(frozen=True)
class Talkative:
    def __call__(self, item):
        return Verdict("too_dull", "\ud800" + "x" * 10_000)


def losses_of(folder, rows, filters):
    parts = {"parts": [written(folder / "p", rows)]}
    judged = ran(select.judge, folder, parts, filters=filters, bins=1, **PLAIN)
    return list(losses(pq.read_table(out(judged, "losses")[0])))


def test_where_the_kept_one_stood_is_the_evidence(tmp_path):
    rows = [candidate(page=f"http://a.test/{n}") for n in range(2)]
    (kept,), _, _ = selected(tmp_path, rows)
    (loss,) = [loss for path in tmp_path.glob("unique/*losses*") for loss in losses(pq.read_table(path))]
    assert loss.evidence == f"kept from {kept.page_url}"


def test_of_a_list_without_pages_the_kept_row_is_the_evidence(tmp_path):
    rows = [replace(candidate(page=""), source=f"list.csv#{n}") for n in range(2)]
    (kept,), _, _ = selected(tmp_path, rows)
    (loss,) = [loss for path in tmp_path.glob("unique/*losses*") for loss in losses(pq.read_table(path))]
    assert loss.evidence == f"kept from {kept.source}"


def test_a_part_without_rows_is_no_trouble(tmp_path):
    kept, dropped, count = selected(tmp_path, [])
    assert (kept, dropped, count.seen) == ([], [], 0)


def test_candidates_of_one_domain_lie_in_one_bin(tmp_path):
    rows = [candidate(f"http://{h}.example.org/{n}.jpg") for h in "abc" for n in range(4)]
    part = written(tmp_path / "p", rows)
    judged = ran(select.judge, tmp_path, {"parts": [part]}, filters=(), bins=5, **PLAIN)
    sizes = [shuffle.read(out(judged, "candidates"), k, 5, CANDIDATE_SCHEMA).num_rows for k in range(5)]
    assert sorted(sizes) == [0, 0, 0, 0, 12]


@pytest.mark.parametrize("caption", ["\ud800 half a pair of surrogates", "nul \0 in it", "x " * 500_000])
def test_awful_captions_come_through(tmp_path, caption):
    kept, dropped, _ = selected(tmp_path, [candidate(caption=caption)])
    assert (len(kept), dropped) == (1, [])


def asking(folder, *entries, **more):
    """The parameters of a recipe with these queries."""
    wanted = Queries(entries=entries, **more)
    matched.begin(folder / "queries.parquet", wanted, lambda said: None)
    return {"queries": wanted, "list": str(folder / "queries.parquet")}


def test_a_pair_has_the_queries_of_its_caption_in_its_order_and_where_each_match_stands(tmp_path):
    rows = [candidate(caption="Kites, a red KITE and 凧 of kites by the sea")]
    (kept,), _, _ = selected(tmp_path, rows, asking=asking(tmp_path, "red kite", "kites", "sea", "zebra"))
    assert kept.queries == ("kites", "red kite", "sea")
    texts = [(kept.queries[span.query], kept.caption[span.start : span.end]) for span in kept.query_spans]
    assert texts == [("kites", "Kites"), ("red kite", "red KITE"), ("kites", "kites"), ("sea", "sea")]


def test_what_is_left_out_of_a_list_is_said_and_the_list_is_written_once(tmp_path):
    said = []
    for entries in (("boat", "Boat", "..."), ("sea",)):
        matched.begin(tmp_path / "q.parquet", Queries(entries=entries), said.append)
    assert histogram.entries(str(tmp_path / "q.parquet")).to_pylist() == ["boat"]
    assert said == ["left out of the queries: duplicate 1, no_word 1"]


def test_a_pair_without_a_query_is_dropped_where_one_is_required(tmp_path):
    rows = [candidate(caption="a boat at sea"), candidate("http://a.test/2.jpg", "a boathouse by a lake")]
    kept, dropped, count = selected(tmp_path, rows, asking=asking(tmp_path, "boat", "sea"))
    assert [row.queries for row in kept] == [("boat", "sea")]
    assert dropped == [("no_query", "http://a.test/2.jpg")]
    assert (count.seen, count.kept) == (2, 1)


def test_a_pair_without_a_query_stays_where_none_is_required(tmp_path):
    rows = [candidate(caption="a boat at sea"), candidate("http://a.test/2.jpg", "a lake in the hills")]
    kept, dropped, _ = selected(tmp_path, rows, asking=asking(tmp_path, "boat", required=False))
    assert (sorted(row.queries for row in kept), dropped) == ([(), ("boat",)], [])


def test_what_a_filter_drops_is_not_looked_at_for_queries(tmp_path):
    _, dropped, _ = selected(
        tmp_path, [candidate(caption="hut")], (CaptionLength(),), asking=asking(tmp_path, "boat")
    )
    assert [reason for reason, _ in dropped] == ["caption_few_words"]


def test_captions_without_a_match_among_others_keep_the_spans_of_the_others_right(tmp_path):
    captions = ["nothing", "a boat, a boat", "", "sea", "nothing at all", "the sea and a boat"]
    rows = [candidate(f"http://a.test/{n}.jpg", caption) for n, caption in enumerate(captions)]
    kept, _, _ = selected(tmp_path, rows, asking=asking(tmp_path, "boat", "sea", required=False))
    for row in kept:
        assert {row.caption[s.start : s.end] for s in row.query_spans} == set(row.queries)
        assert [s.start for s in row.query_spans] == sorted(s.start for s in row.query_spans)
    assert sum(len(row.query_spans) for row in kept) == 5


@pytest.mark.parametrize(("images", "reasons"), [(3, set()), (4, {"boilerplate"})])
def test_a_caption_on_more_images_than_the_limit_is_boilerplate_and_all_its_pairs_go(
    tmp_path, images, reasons
):
    rows = [candidate(f"http://a.test/{n}.jpg", "our logo", page=f"http://a.test/{n}") for n in range(images)]
    rows += [candidate("http://a.test/0.jpg", "our logo", page="http://a.test/again")]
    rows += [candidate("http://a.test/0.jpg", "something of its own", page="http://b.test/")]
    kept, dropped, count = selected(tmp_path, rows, duplicates=Duplicates(max_images_per_caption=3))
    assert {reason for reason, _ in dropped} - {"duplicate_pair", "duplicate_url"} == reasons
    assert ("our logo" in {row.caption for row in kept}) == (not reasons)
    assert count.seen == len(rows)


@pytest.mark.parametrize(("pages", "reasons"), [(3, set()), (4, {"image_on_many_pages"})])
def test_an_image_on_more_pages_than_the_limit_goes_with_all_its_captions(tmp_path, pages, reasons):
    rows = [candidate(caption=f"caption {n % 2}", page=f"http://{n}.test/") for n in range(pages)]
    rows += [candidate(caption=f"on a page twice {n}", page="http://0.test/") for n in range(3)]
    kept, dropped, _ = selected(tmp_path, rows, duplicates=Duplicates(max_pages_per_image=3))
    assert {reason for reason, _ in dropped} - {"duplicate_pair", "duplicate_url"} == reasons
    assert len(kept) == (0 if reasons else 1)


@pytest.mark.parametrize(("captions", "reasons"), [(3, set()), (4, {"image_under_many_captions"})])
def test_an_image_under_more_captions_than_the_limit_goes_with_all_of_them(tmp_path, captions, reasons):
    rows = [candidate(caption=f"caption {n % captions}", page=f"http://{n}.test/") for n in range(8)]
    kept, dropped, _ = selected(tmp_path, rows, duplicates=Duplicates(max_captions_per_image=3))
    assert {reason for reason, _ in dropped} - {"duplicate_pair", "duplicate_url"} == reasons
    assert len(kept) == (0 if reasons else 1)


def test_how_widely_it_is_spread_is_the_evidence(tmp_path):
    rows = [candidate(f"http://a.test/{n}.jpg", "logo", page=f"http://a.test/{n}") for n in range(2)]
    rows += [candidate("http://b.test/1.jpg", page=f"http://b.test/{n}") for n in range(3)]
    rows += [candidate("http://c.test/1.jpg", f"caption {n}") for n in range(3)]
    limits = {"max_images_per_caption": 1, "max_pages_per_image": 2, "max_captions_per_image": 2}
    selected(tmp_path, rows, duplicates=Duplicates(**limits))
    found = [loss for path in tmp_path.glob("unique/*losses*") for loss in losses(pq.read_table(path))]
    assert sorted((loss.reason, loss.evidence) for loss in found) == [
        *[("boilerplate", "on 2 images")] * 2,
        *[("image_on_many_pages", "on 3 pages")] * 3,
        *[("image_under_many_captions", "under 3 captions")] * 3,
    ]


def test_without_a_limit_nothing_is_counted(tmp_path):
    parts = {"parts": [written(tmp_path / "p", [candidate()])]}
    task = ran(select.judge, tmp_path, parts, filters=(), bins=1, **PLAIN)
    assert set(task.files) == {"candidates", "losses"}


RULES = st.builds(
    Duplicates,
    max_images_per_caption=st.none() | st.integers(1, 3),
    max_pages_per_image=st.none() | st.integers(1, 3),
    max_captions_per_image=st.none() | st.integers(1, 3),
)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), max_size=25),
    st.randoms(),
    RULES,
)
def test_the_kept_set_depends_on_neither_order_nor_bins_nor_turns(tmp_path_factory, picks, rng, rules):
    rows = [
        candidate(
            f"http://{u % 3}.test/{u}.jpg",
            f"caption number {t}",
            ["alt", "title"][p % 2],
            f"http://a.test/{p}",
        )
        for u, t, p in picks
    ]
    first = selected(tmp_path_factory.mktemp("a"), rows, duplicates=rules)
    shuffled, bins, judges = rng.sample(rows, len(rows)), rng.randint(1, 3), rng.randint(1, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "ROWS", rng.randint(1, 9))
        patch.setattr(select, "PIECE", rng.choice([1, 500]))
        patch.setattr(select, "RICHER", rng.choice([1, 500]))
        patch.setattr(shuffle, "BATCH", rng.randint(1, 9))
        second = selected(tmp_path_factory.mktemp("b"), shuffled, (), bins, duplicates=rules, judges=judges)
    assert first[:2] == second[:2]
    assert first[2].seen == len(rows)
