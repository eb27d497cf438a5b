import random
from dataclasses import replace
from functools import partial

import pyarrow.parquet as pq
import pytest

from tests.crawl.maze import maze
from tests.crawl.sites import HASTE, WEB, FakeWeb, answer, page, redirect, run
from wit_builder.crawl.settings import Crawl
from wit_builder.errors import BuildError, ConfigError
from wit_builder.records import CANDIDATE_SCHEMA, url_id
from wit_builder.web.settings import OptOut

SEED = ("http://a.test/",)


def test_links_are_followed_and_images_found(tmp_path):
    web = FakeWeb({"a.test/": page("/b"), "a.test/b": page("/", images={"/cat.jpg": "a cat on a mat"})})
    crawled = run(web, Crawl(SEED), tmp_path)
    (found,) = crawled.candidates
    assert (found["url"], found["caption"]) == ("http://a.test/cat.jpg", "a cat on a mat")
    assert (found["page_url"], found["source"], crawled.kept) == ("http://a.test/b", "crawl", 2)


def test_a_page_is_asked_for_once_however_many_link_to_it(tmp_path):
    web = FakeWeb(
        {f"a.test/{name}": page("/", "/b", "/b#part", "/b?utm_source=c", "/c") for name in ("", "b", "c")}
    )
    run(web, Crawl(SEED), tmp_path)
    assert web.asked == {"a.test/": 1, "a.test/b": 1, "a.test/c": 1}


def test_every_page_known_is_kept_or_lost_once(tmp_path):
    crawled = run(FakeWeb(maze(60)), Crawl(SEED, hosts=("*.test",), max_pages_per_host=20), tmp_path)
    pages = crawled.result.funnel["pages"]
    lost = [row["id"] for row in crawled.losses if row["stage"] == "pages"]
    assert len(set(lost)) == len(lost) == pages.dropped.total()
    assert crawled.reports[-1]["waiting"] == 0
    assert crawled.reports[-1]["pages"] + crawled.reports[-1]["dropped"] == pages.seen


def test_the_funnel_counts_what_the_parts_hold(tmp_path):
    crawled = run(FakeWeb(maze(40)), Crawl(SEED, hosts=("*.test",)), tmp_path)
    funnel = crawled.result.funnel
    assert funnel["extract"].kept == len(crawled.candidates) > 0
    assert funnel["extract"].dropped.total() + funnel["pages"].dropped.total() == len(crawled.losses)
    assert {"no_text", "data_uri"} <= set(funnel["extract"].dropped)


def test_the_parts_have_the_schema_of_the_records(tmp_path):
    web = FakeWeb({"a.test/": page(images={"/cat.jpg": "a cat"})})
    (path,) = run(web, Crawl(SEED), tmp_path).result.candidate_parts
    written = pq.read_schema(path)
    assert written.equals(CANDIDATE_SCHEMA)
    assert written.field("found_at").metadata[b"unit"] == b"UTC, microseconds"


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_page_deeper_than_the_limit_is_lost(tmp_path, depth):
    web = FakeWeb({f"a.test/{'x' * n}": page(f"/{'x' * (n + 1)}") for n in range(5)})
    crawled = run(web, Crawl(SEED, max_depth=depth), tmp_path)
    assert crawled.kept == depth + 1
    assert crawled.reasons == {f"http://a.test/{'x' * (depth + 1)}": "too_deep"}


def test_links_out_of_scope_are_left_alone(tmp_path):
    web = FakeWeb({"a.test/": page("http://b.test/", "http://www.a.test/"), "www.a.test/": page()})
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (crawled.kept, crawled.reasons) == (2, {})
    assert "b.test/" not in web.asked


def test_traps_and_excluded_pages_are_lost_without_being_asked_for(tmp_path):
    web = FakeWeb(
        {"a.test/": page("/x/x/x/", "/tag/b", "/x/x/x/", "/b"), "a.test/b": page("/x/x/x/", "/tag/b")}
    )
    crawled = run(web, Crawl(SEED, exclude=("/tag/",)), tmp_path)
    assert crawled.reasons == {"http://a.test/x/x/x/": "trap", "http://a.test/tag/b": "excluded"}
    assert set(web.asked) == {"a.test/", "a.test/b"}
    assert crawled.result.funnel["pages"].dropped == {"trap": 1, "excluded": 1}


def test_a_seed_need_not_match_what_is_included(tmp_path):
    web = FakeWeb({"a.test/": page("/art/1", "/2"), "a.test/art/1": page()})
    crawled = run(web, Crawl(SEED, include=("/art/",)), tmp_path)
    assert (crawled.kept, crawled.reasons) == (2, {"http://a.test/2": "excluded"})


def test_a_hosts_budget_goes_to_its_smallest_keys(tmp_path):
    urls = sorted((f"http://a.test/{n}" for n in range(10)), key=url_id)
    web = FakeWeb({"a.test/": page(*urls)} | {url[7:]: page() for url in urls})
    crawled = run(web, Crawl(SEED, max_pages_per_host=4), tmp_path)
    assert set(web.asked) == {"a.test/", *(url[7:] for url in urls[:3])}
    assert crawled.reasons == dict.fromkeys(urls[3:], "page_limit_host")


def test_a_budget_over_all_hosts_is_shared_by_key(tmp_path):
    urls = sorted((f"http://{host}.test/{n}" for n in range(5) for host in "ab"), key=url_id)
    web = FakeWeb({"a.test/": page(*urls)} | {url[7:]: page() for url in urls})
    crawled = run(web, Crawl(SEED, hosts=("b.test",), max_pages=4), tmp_path)
    assert set(web.asked) == {"a.test/", *(url[7:] for url in urls[:3])}
    assert crawled.reasons == dict.fromkeys(urls[3:], "page_limit_total")


def test_pages_that_robots_forbids_do_not_use_up_the_budget(tmp_path):
    names = [f"{kind}/{n}" for n in range(20) for kind in ("no", "yes")]
    web = FakeWeb(
        {"a.test/robots.txt": answer(body="User-agent: *\nDisallow: /no/"), "a.test/": page(*names)}
        | {f"a.test/{name}": page() for name in names}
    )
    crawled = run(web, Crawl(SEED, max_pages_per_host=11), tmp_path)
    assert crawled.kept == 11
    assert not [address for address in web.asked if "/no/" in address]


def test_a_host_whose_robots_cannot_be_read_is_not_asked(tmp_path):
    web = FakeWeb({"a.test/robots.txt": answer(500), "a.test/": page()})
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (crawled.reasons, web.asked) == ({"http://a.test/": "robots_unreachable"}, {})
    assert web.rules["a.test/robots.txt"] == 1 + HASTE.retries


@pytest.mark.parametrize("failure", [answer(503), answer(429), answer(500, Retry_After="0")])
def test_a_robots_txt_that_fails_once_is_asked_for_again_and_costs_nothing(tmp_path, failure):
    allowing = answer(body="User-agent: *\nDisallow: /no")
    web = FakeWeb(
        {"a.test/robots.txt": [failure, allowing], "a.test/": page("/b", "/no"), "a.test/b": page()}
    )
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (crawled.kept, crawled.reasons) == (2, {"http://a.test/no": "robots"})
    assert web.rules["a.test/robots.txt"] == 2


def test_tdmrep_is_asked_before_a_page(tmp_path):
    reserved = answer(body='[{"location": "/", "tdm-reservation": 1}]', Content_Type="application/json")
    web = FakeWeb({"a.test/.well-known/tdmrep.json": reserved, "a.test/": page()})
    crawled = run(web, Crawl(SEED), tmp_path, web_settings=replace(WEB, optout=OptOut()))
    assert (crawled.reasons, "a.test/" in web.asked) == ({"http://a.test/": "opt_out_tdmrep"}, False)


def test_a_failure_that_passes_costs_nothing(tmp_path):
    web = FakeWeb({"a.test/": [answer(503), answer(503), page(images={"/cat.jpg": "a cat"})]})
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (web.asked["a.test/"], crawled.reasons, len(crawled.candidates)) == (3, {}, 1)


def test_a_failure_that_does_not_pass_is_given_up_after_the_retries(tmp_path):
    web = FakeWeb({"a.test/": page("/b"), "a.test/b": answer(503)})
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (web.asked["a.test/b"], crawled.reasons) == (1 + HASTE.retries, {"http://a.test/b": "http_503"})


def test_a_page_that_used_up_its_time_is_not_tried_again(tmp_path):
    web = FakeWeb({"a.test/": page("/b"), "a.test/b": page()})
    web.delay = lambda: 9.0 if web.asked["a.test/b"] else 0.0
    crawled = run(web, Crawl(SEED), tmp_path, web_settings=replace(WEB, deadline_s=0.2))
    assert (web.asked["a.test/b"], crawled.reasons) == (1, {"http://a.test/b": "timeout"})


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (answer(404), "http_404"),
        (answer(body=b"{}", Content_Type="application/json"), "not_html"),
        (answer(body=b"x" * 200_000, Content_Type="text/html"), "too_big"),
        (answer(302, Location="http://b.test/"), "redirect_out_of_scope"),
        (answer(302, Location="mailto:a@b.test"), "bad_url"),
        (b"nonsense\r\n\r\n", "bad_response"),
    ],
)
def test_what_is_no_page_is_lost_with_its_reason(tmp_path, what, reason):
    web = FakeWeb({"a.test/": page("/b"), "a.test/b": what})
    crawled = run(web, Crawl(SEED), tmp_path, web_settings=replace(WEB, max_page_bytes=100_000))
    assert (crawled.kept, crawled.reasons) == (1, {"http://a.test/b": reason})


def test_a_page_that_redirects_is_lost_and_its_target_had_once(tmp_path):
    web = FakeWeb(
        {"a.test/": page("/old", "/older"), "a.test/new": page(images={"/cat.jpg": "a cat"})}
        | dict.fromkeys(("a.test/old", "a.test/older"), redirect("/new"))
    )
    crawled = run(web, Crawl(SEED, max_depth=1), tmp_path)
    assert crawled.reasons == dict.fromkeys(("http://a.test/old", "http://a.test/older"), "redirected")
    assert ([row["page_url"] for row in crawled.candidates], web.asked["a.test/new"]) == (
        ["http://a.test/new"],
        1,
    )


def test_a_redirect_costs_no_depth(tmp_path):
    web = FakeWeb(
        {"a.test/": redirect("http://www.a.test/"), "www.a.test/": page("/b"), "www.a.test/b": page()}
    )
    crawled = run(web, Crawl(SEED, max_depth=1), tmp_path)
    assert (crawled.kept, crawled.reasons) == (2, {"http://a.test/": "redirected"})


def test_a_page_met_by_a_link_and_a_redirect_has_the_depth_of_the_redirect(tmp_path):
    web = FakeWeb({"a.test/": page("/old", "/b"), "a.test/old": redirect("/new"), "a.test/b": page("/new")})
    web.answers["a.test/new"] = page("/deep")
    crawled = run(web, Crawl(SEED, max_depth=1), tmp_path)
    assert crawled.kept == 3
    assert crawled.reasons == {"http://a.test/old": "redirected", "http://a.test/deep": "too_deep"}


def test_redirects_in_a_ring_end(tmp_path):
    web = FakeWeb({"a.test/": redirect("/b"), "a.test/b": redirect("/c"), "a.test/c": redirect("/")})
    crawled = run(web, Crawl(SEED), tmp_path)
    assert set(crawled.reasons.values()) == {"redirected"}
    assert web.asked == {"a.test/": 1, "a.test/b": 1, "a.test/c": 1}


def test_redirects_without_end_end_after_five(tmp_path):
    web = FakeWeb(
        {"a.test/": redirect("/x")}
        | {f"a.test/{'x' * n}": redirect(f"/{'x' * (n + 1)}") for n in range(1, 9)}
    )
    crawled = run(web, Crawl(SEED), tmp_path)
    assert list(crawled.reasons.values()).count("redirected") == 5
    assert crawled.reasons["http://a.test/xxxxx"] == "too_many_redirects"


def test_a_redirect_into_a_trap_is_followed_no_further(tmp_path):
    web = FakeWeb({"a.test/": page("/b"), "a.test/b": redirect("/x/x/x/")})
    crawled = run(web, Crawl(SEED), tmp_path)
    assert crawled.reasons == {"http://a.test/b": "redirected", "http://a.test/x/x/x/": "trap"}


def test_the_outcome_does_not_depend_on_the_order_of_answers(tmp_path):
    outcomes = []
    for number, concurrency in enumerate((1, 4, 16)):
        web = FakeWeb(maze(80))
        web.delay = partial(random.Random(number).uniform, 0, 0.005)
        settings = Crawl(
            SEED, hosts=("*.test",), max_pages_per_host=25, max_pages=60, concurrency=concurrency
        )
        outcomes.append(run(web, settings, tmp_path / str(number)).outcome)
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert min(map(len, outcomes[0])) > 50


def test_a_page_that_opts_its_images_out_loses_them_and_is_kept(tmp_path):
    web = FakeWeb({"a.test/": page(images={"/cat.jpg": "a cat"}, more='<meta name="robots" content="noai">')})
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (crawled.kept, crawled.result.funnel["extract"].dropped) == (1, {"opt_out_meta_robots": 1})


def test_a_page_that_breaks_our_code_stops_the_crawl_and_is_named(tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("wit_builder.crawl.harvest.extract", broken)
    with pytest.raises(BuildError, match=r"'http://a\.test/' makes our code fail: ZeroDivisionError"):
        run(FakeWeb({"a.test/": page()}), Crawl(SEED), tmp_path)


def test_a_folder_keeps_the_settings_it_began_with(tmp_path):
    web = FakeWeb({"a.test/": page()})
    run(web, Crawl(SEED), tmp_path)
    run(web, Crawl(SEED, concurrency=2), tmp_path)
    with pytest.raises(ConfigError, match="max_depth: 5, now 6"):
        run(web, Crawl(SEED, max_depth=6), tmp_path)


def test_a_finished_crawl_asks_for_nothing_more(tmp_path):
    web = FakeWeb({"a.test/": page("/b")})
    first = run(web, Crawl(SEED), tmp_path)
    web.asked.clear()
    assert run(web, Crawl(SEED), tmp_path).outcome == first.outcome
    assert web.asked == {}
