from tests.crawl.sites import FakeWeb, page, run
from wit_builder.crawl.settings import Crawl


def test_links_are_followed_and_images_found(tmp_path):
    web = FakeWeb(
        {
            "a.test/": page("/b"),
            "a.test/b": page("/", images={"/cat.jpg": "a cat on a mat"}),
        }
    )
    crawled = run(web, Crawl(("http://a.test/",)), tmp_path)
    assert crawled.images == {"http://a.test/cat.jpg"}
    assert crawled.kept == 2
