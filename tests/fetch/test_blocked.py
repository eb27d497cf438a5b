"""What is on a list is neither asked for nor staged."""

import hashlib
import io

import orjson
import pytest
from PIL import Image

from tests.blocklist.entries import flipped, table
from tests.fetch.pairs import candidate, kept, lost, task
from tests.site.told import Say, picture, told
from wit_builder.blocklist import blocked
from wit_builder.fetch.fetch import fetch
from wit_builder.images.process import ImageSpec, process

ONE, TWO = "http://a.test/1.png", "http://b.test/2.png"


@pytest.fixture
def fetched(tmp_path):
    """A fetch of ONE and TWO, where this is listed; the task, and the addresses that were asked for."""

    def of(*entries, **answers):
        with told() as web:
            web.answers = {ONE: Say(picture(1)), TWO: Say(picture(2))} | answers
            done = task(tmp_path, [ONE, TWO], web.connect_to)
            session = orjson.loads((tmp_path / "session.json").read_bytes())
            listed = blocked.write(tmp_path, table(*entries))
            (tmp_path / "session.json").write_bytes(orjson.dumps(session | {"blocklist": listed}))
            fetch(done)
            return done, web.asked

    return of


def staged(done):
    """The bytes of all that the task has written."""
    return b"".join(path.read_bytes() for path in done.home.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "entry", [("url", ONE), ("url", ONE.replace("http:", "https:")), ("domain", "a.test")]
)
def test_a_listed_address_is_not_asked_for(fetched, entry):
    done, asked = fetched(entry)
    assert (kept(done), lost(done), asked) == ([TWO], {ONE: "blocked"}, [TWO])


def test_a_listed_page_stands_for_its_pictures(fetched):
    done, asked = fetched(("url", candidate(ONE).page_url))
    assert (lost(done), asked) == ({ONE: "blocked", TWO: "blocked"}, [])


@pytest.mark.parametrize("entry", [("url", "http://c.test/3.png"), ("domain", "c.test")])
def test_a_redirect_to_a_listed_address_is_not_followed(fetched, entry):
    away = {ONE: Say(status=302, location="http://c.test/3.png"), "http://c.test/3.png": Say(picture(3))}
    done, asked = fetched(entry, **away)
    assert (lost(done), sorted(asked)) == ({ONE: "blocked"}, [ONE, TWO])


def test_without_a_list_it_is(fetched):
    away = {ONE: Say(status=302, location="http://c.test/3.png"), "http://c.test/3.png": Say(picture(3))}
    assert kept(fetched(**away)[0]) == [ONE, TWO]


def of(n):
    """sha256 and PDQ of a picture, and it as it would be staged."""
    made = process(picture(n), ImageSpec())
    return hashlib.sha256(picture(n)).hexdigest(), made.phash, made.image


@pytest.mark.parametrize("by", ["sha256", "pdq"])
def test_a_listed_picture_is_never_written(fetched, by):
    digest, phash, image = of(1)
    done, _ = fetched(("sha256", digest) if by == "sha256" else ("pdq", flipped(phash, 31), 31))
    assert (kept(done), lost(done)) == ([TWO], {ONE: "blocked"})
    assert image not in staged(done) and of(2)[2] in staged(done)


def test_one_bit_beyond_the_radius_is_another_picture(fetched):
    assert kept(fetched(("pdq", flipped(of(1)[1], 32), 31))[0]) == [ONE, TWO]


def test_a_smaller_and_recompressed_copy_is_known_by_its_look(fetched):
    image = Image.open(io.BytesIO(picture(1, 400)))
    copy = io.BytesIO()
    image.resize((200, 200)).convert("RGB").save(copy, "JPEG", quality=60)
    phash = process(picture(1, 400), ImageSpec()).phash
    done, _ = fetched(("pdq", phash, 31), **{ONE: Say(copy.getvalue(), type="image/jpeg")})
    assert (kept(done), lost(done)) == ([TWO], {ONE: "blocked"})
