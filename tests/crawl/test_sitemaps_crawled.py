from tests.crawl.sites import FakeWeb, answer, page, redirect, run
from tests.crawl.test_sitemap import index, urlset
from wit_builder.crawl.settings import Crawl

SEED = ("http://a.test/",)


def xml(body: bytes) -> bytes:
    return answer(body=body, Content_Type="application/xml", X_Robots_Tag="noindex")


def robots(*sitemaps: str, rules: str = "") -> bytes:
    return answer(body="\n".join([rules, *(f"Sitemap: {url}" for url in sitemaps)]))


def test_the_sitemaps_that_robots_names_are_read(tmp_path):
    web = FakeWeb({"a.test/robots.txt": robots("/map.xml"), "a.test/": page(), "a.test/b": page()})
    web.answers["a.test/map.xml"] = xml(urlset("http://a.test/b", "http://b.test/", "http://a.test/x/x/x"))
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (crawled.kept, crawled.reasons) == (2, {"http://a.test/x/x/x": "trap"})


def test_they_are_left_alone_when_not_wanted(tmp_path):
    web = FakeWeb({"a.test/robots.txt": robots("/map.xml"), "a.test/": page(), "a.test/b": page()})
    web.answers["a.test/map.xml"] = xml(urlset("http://a.test/b"))
    run(web, Crawl(SEED, sitemaps=False), tmp_path)
    assert set(web.asked) == {"a.test/"}


def test_a_given_sitemap_needs_no_seed(tmp_path):
    web = FakeWeb({"b.test/map.txt": answer(body="http://b.test/1\nhttp://b.test/2"), "b.test/1": page()})
    settings = Crawl((), sitemap_urls=("http://b.test/map.txt",), hosts=("b.test",), sitemaps=False)
    crawled = run(web, settings, tmp_path)
    assert (crawled.kept, crawled.reasons) == (1, {"http://b.test/2": "http_404"})


def test_pages_of_a_sitemap_have_depth_1(tmp_path):
    web = FakeWeb({"a.test/robots.txt": robots("/map.xml"), "a.test/": page(), "a.test/b": page("/c")})
    web.answers["a.test/map.xml"] = xml(urlset("http://a.test/b"))
    assert run(web, Crawl(SEED, max_depth=1), tmp_path).reasons == {"http://a.test/c": "too_deep"}


def test_indexes_are_followed_three_deep(tmp_path):
    web = FakeWeb({"a.test/robots.txt": robots("/0.xml"), "a.test/": page()})
    web.answers |= {f"a.test/{n}.xml": xml(index(f"http://a.test/{n + 1}.xml")) for n in range(6)}
    crawled = run(web, Crawl(SEED), tmp_path)
    assert crawled.reasons == {"http://a.test/4.xml": "too_deep"}
    assert set(web.asked) == {"a.test/", *(f"a.test/{n}.xml" for n in range(4))}


def test_an_index_names_no_sitemaps_of_strangers(tmp_path):
    web = FakeWeb({"a.test/robots.txt": robots("/0.xml"), "a.test/": page()})
    web.answers["a.test/0.xml"] = xml(index("http://stranger.test/1.xml"))
    run(web, Crawl(SEED), tmp_path)
    assert "stranger.test/1.xml" not in web.asked


def test_robots_names_no_sitemaps_of_strangers_but_those_of_its_owner(tmp_path):
    robots_txt = robots("http://stranger.test/1.xml", "http://maps.a.test/2.xml")
    web = FakeWeb({"www.a.test/robots.txt": robots_txt, "www.a.test/": page()})
    web.answers["maps.a.test/2.xml"] = xml(urlset("http://www.a.test/b"))
    run(web, Crawl(("http://www.a.test/",)), tmp_path)
    assert set(web.asked) == {"www.a.test/", "maps.a.test/2.xml", "www.a.test/b"}


def test_a_sitemap_may_redirect_within_its_host(tmp_path):
    web = FakeWeb(
        {"a.test/robots.txt": robots("/map.xml", "/off.xml"), "a.test/": page(), "a.test/b": page()}
    )
    web.answers |= {"a.test/map.xml": redirect("/new.xml"), "a.test/new.xml": xml(urlset("http://a.test/b"))}
    web.answers["a.test/off.xml"] = redirect("http://stranger.test/")
    crawled = run(web, Crawl(SEED), tmp_path)
    assert crawled.kept == 2
    assert crawled.reasons == {
        "http://a.test/map.xml": "redirected",
        "http://a.test/off.xml": "redirect_out_of_scope",
    }


def test_a_sitemap_that_cannot_be_had_is_lost_with_its_reason(tmp_path):
    names = ("/gone.xml", "/no/1.xml", "/page.xml", "/mail.xml")
    web = FakeWeb(
        {"a.test/robots.txt": robots(*names, rules="User-agent: *\nDisallow: /no/"), "a.test/": page()}
    )
    web.answers |= {"a.test/page.xml": page(), "a.test/mail.xml": redirect("mailto:a@b.test")}
    reasons = run(web, Crawl(SEED), tmp_path).reasons
    assert list(map(reasons.get, (f"http://a.test{name}" for name in names))) == [
        "http_404",
        "robots",
        "bad_sitemap",
        "bad_url",
    ]


def test_a_sitemap_that_breaks_off_is_a_loss_beside_the_pages_it_names(tmp_path):
    web = FakeWeb({"a.test/robots.txt": robots("/map.xml"), "a.test/": page(), "a.test/b": page()})
    web.answers["a.test/map.xml"] = xml(urlset("http://a.test/b")[:-9])
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (crawled.kept, crawled.reasons) == (2, {"http://a.test/map.xml": "bad_sitemap"})
    assert crawled.result.funnel["pages"].dropped == {"bad_sitemap": 1}
    assert crawled.losses[0]["evidence"].startswith("no element found")


def test_a_host_has_so_many_sitemaps_read(tmp_path):
    web = FakeWeb({"a.test/robots.txt": robots(*(f"/{n}.xml" for n in range(9))), "a.test/": page()})
    web.answers |= {f"a.test/{n}.xml": xml(urlset(f"http://a.test/{n}")) for n in range(9)}
    crawled = run(web, Crawl(SEED, max_sitemaps_per_host=4), tmp_path)
    assert list(crawled.reasons.values()).count("page_limit_host") == 5
    assert crawled.result.funnel["pages"].dropped["http_404"] == 4


def test_a_link_to_a_sitemap_asks_for_it_once(tmp_path):
    web = FakeWeb({"a.test/robots.txt": robots("/map.xml"), "a.test/": page("/map.xml"), "a.test/b": page()})
    web.answers["a.test/map.xml"] = xml(urlset("http://a.test/b", "http://a.test/map.xml"))
    crawled = run(web, Crawl(SEED), tmp_path)
    assert (crawled.kept, crawled.reasons, web.asked["a.test/map.xml"]) == (2, {}, 1)
