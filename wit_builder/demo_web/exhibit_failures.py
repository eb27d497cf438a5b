"""Servers that say no, fall silent, send too much or send rubbish, and redirects.

What may pass (429, 5xx, timeouts, cut connections) has a host of its own for each address, so that no circuit
breaker ever gives up a host.
"""

from wit_builder.demo_web.answers import (
    HTML,
    Answer,
    gzip_bomb,
    redirect,
    status,
    text,
)
from wit_builder.demo_web.expected import Pair
from wit_builder.demo_web.museum import Answering, Hall, Museum, gallery
from wit_builder.demo_web.settings import PRIVATE

ELSEWHERE = "http://elsewhere.example/"  # out of every scope
METADATA = "http://169.254.169.254/latest/meta-data/"  # where clouds keep their machines' secrets
MAX_REDIRECTS = 5  # that are followed, of a page and of a picture

_PIECE = b"<p>" + b"All work and no play makes a very long page. " * 1456 + b"\n"  # 64 KiB
_GIANT_PAGE, _GIANT_PICTURE = 12 * 16, 28 * 16  # pieces; caps are 10 and 25 MiB


def build(museum: Museum) -> None:
    """Put up the halls."""
    _refusals(museum.hall("refusals"))
    _passing(museum.hall("passing"))
    _sizes(museum.hall("sizes"))
    _names(museum.hall("names"))
    hall = museum.hall("redirects")
    _redirects(hall)
    _redirected_pages(hall)


def _refusals(hall: Hall) -> None:
    """Never retried."""
    for code in (404, 410, 403):
        hall.lost_page(f"http://lost-pages.demo.test/{code}.html", f"http_{code}", status(code))
    pairs = [
        hall.lost_photo(f"http://lost-pictures.demo.test/{code}.jpg", "fetch", f"http_{code}", status(code))
        for code in (404, 410, 403)
    ]
    hall.page("pictures.html", gallery(pairs), pairs)
    hall.lost_page("paper.pdf", "not_html", Answer(body=b"%PDF-1.7\n%%EOF\n", content_type="application/pdf"))
    hall.lost_page("data.json", "not_html", text("{}", "application/json"))
    _garbled(hall)


def _garbled(hall: Hall) -> None:
    garbled = Answer(body=b"SSH-2.0-OpenSSH_9.6\r\n\r\n", manner="garbled")
    hall.lost_page("http://garbled-page.demo.test/page.html", "bad_response", garbled)
    pair = hall.lost_photo("http://garbled-picture.demo.test/picture.jpg", "fetch", "bad_response", garbled)
    hall.page("garbled-picture.html", gallery([pair]), [pair])


def _passing(hall: Hall) -> None:
    """Worth another try: some are had on the second, some never."""
    busy, closed, broken = status(429, Retry_After="1"), status(503, Retry_After="1"), status(500)
    pairs = [
        _at_last(hall, "http://busy-once.demo.test/picture.jpg", busy),
        _at_last(hall, "http://closed-once.demo.test/picture.jpg", closed),
        _at_last(hall, "http://broken-once.demo.test/picture.jpg", broken),
        _lost(hall, "http://busy-picture.demo.test/picture.jpg", "http_429", busy),
        _lost(hall, "http://broken-picture.demo.test/picture.jpg", "http_500", broken),
        _lost(hall, "http://drip-picture.demo.test/picture.jpg", "timeout", _dripping("image/jpeg")),
        _lost(hall, "http://cut-picture.demo.test/picture.jpg", "truncated", _cut("image/jpeg")),
        _lost(hall, "http://hangup-picture.demo.test/picture.jpg", "connect", Answer(manner="hangup")),
    ]
    hall.page("pictures.html", gallery(pairs), pairs)

    late = hall.photo("late.jpg")
    url = hall.page("http://busy-once-page.demo.test/page.html", gallery([late]), [late])
    hall.serve(url, _second_time(busy, hall.museum.answers[url]))
    hall.lost_page("http://busy-page.demo.test/page.html", "http_429", busy)
    hall.lost_page("http://broken-page.demo.test/page.html", "http_500", broken)
    hall.lost_page("http://closed-page.demo.test/page.html", "http_503", closed)
    hall.lost_page("http://drip-page.demo.test/page.html", "timeout", _dripping(HTML))
    hall.lost_page("http://cut-page.demo.test/page.html", "truncated", _cut(HTML))
    hall.lost_page("http://hangup-page.demo.test/page.html", "connect", Answer(manner="hangup"))


def _at_last(hall: Hall, url: str, first: Answer) -> Pair:
    pair = hall.photo(url)
    hall.serve(url, _second_time(first, hall.museum.answers[url]))
    return pair


def _second_time(first: Answer, later: Answering) -> Answering:
    return lambda asked: first if asked == 1 else later(asked)


def _lost(hall: Hall, url: str, reason: str, answer: Answer) -> Pair:
    return hall.lost_photo(url, "fetch", reason, answer)


def _dripping(content_type: str) -> Answer:
    return Answer(body=b"<", content_type=content_type, manner="drip")


def _cut(content_type: str) -> Answer:
    return Answer(body=_PIECE, content_type=content_type, manner="cut", repeat=2)


def _sizes(hall: Hall) -> None:
    """Announced or not, packed or not: more than the caps of 10 MiB a page and 25 MiB a picture."""
    hall.lost_page("announced.html", "too_big", Answer(body=_PIECE, repeat=_GIANT_PAGE))
    hall.lost_page("endless.html", "too_big", Answer(body=_PIECE, repeat=_GIANT_PAGE, manner="chunked"))
    packed = (("Content-Encoding", "gzip"),)
    hall.lost_page("packed.html", "too_big", lambda _: Answer(body=gzip_bomb(), headers=packed))
    giant = Answer(body=_PIECE, content_type="image/jpeg", repeat=_GIANT_PICTURE)
    pairs = [
        hall.lost_photo("announced.jpg", "fetch", "too_big", giant),
        hall.lost_photo(
            "packed.jpg",
            "fetch",
            "too_big",
            lambda _: Answer(body=gzip_bomb(), content_type="image/jpeg", headers=packed),
        ),
    ]
    hall.page("pictures.html", gallery(pairs), pairs)
    large = hall.photo("large.jpg")
    page = gallery([large]) + "<!--" + "x" * (1 << 20) + "-->"
    hall.page("large.html", page, [large])  # 1 MiB: large, and welcome


def _names(hall: Hall) -> None:
    """Names that lead nowhere, or into a private network; where they lead is in `DemoWeb.connect_to`.

    Who refuses the connection refuses it to whoever asks for robots.txt, too.
    """
    for host, reason in (("gone", "dns"), ("refused", "robots_unreachable"), ("private", "network_refused")):
        hall.lost_page(f"http://{host}.demo.test/page.html", reason)
        pair = hall.lost_photo(f"http://{host}.demo.test/picture.jpg", "fetch", reason)
        hall.page(f"{host}-picture.html", gallery([pair]), [pair])
    pair = hall.lost_photo(f"http://{PRIVATE}/picture.jpg", "fetch", "network_refused")
    hall.page("private-address.html", gallery([pair]), [pair])


def _redirects(hall: Hall) -> None:
    moved = [_moved(hall, f"{code}.jpg", [f"{code}-there.jpg"], code) for code in (301, 302, 303, 307, 308)]
    moved.append(_moved(hall, "five/0.jpg", [f"five/{n}.jpg" for n in range(1, 6)]))
    moved.append(_moved(hall, "abroad.jpg", ["http://redirected.demo.test/abroad.jpg"]))
    hall.page("moved.html", gallery(moved), moved)

    lost = [
        _ring(hall, ["ring/0.jpg", "ring/1.jpg", "ring/2.jpg"]),
        _ring(hall, ["self.jpg"]),
        hall.lost_photo("far/0.jpg", "fetch", "too_many_redirects", redirect("/far/1.jpg")),
        hall.lost_photo("inside.jpg", "fetch", "network_refused", redirect(METADATA)),
        hall.lost_photo(
            "private.jpg", "fetch", "network_refused", redirect("http://private.demo.test/picture.jpg")
        ),
        hall.lost_photo("nowhere.jpg", "fetch", "http_404", redirect("/not-there.jpg")),
    ]
    for n in range(1, 30):
        hall.serve(hall.url(f"far/{n}.jpg"), redirect(f"/far/{n + 1}.jpg"))
    hall.page("lost.html", gallery(lost), lost)


def _redirected_pages(hall: Hall) -> None:
    """A page that redirects is lost as such; where it leads is a page of its own, had once."""
    for old in ("old.html", "older.html"):
        hall.lost_page(old, "redirected", redirect("/new.html", 301))
    new = hall.photo("new.jpg")
    hall.page("new.html", gallery([new]), [new], linked=False)

    hops = MAX_REDIRECTS + 1
    for n in range(hops):
        answer = redirect(f"/hop/{n + 1}.html")
        reason = "redirected" if n < hops - 1 else "too_many_redirects"
        hall.lost_page(f"hop/{n}.html", reason, answer, linked=n == 0)

    hall.lost_page("ring/0.html", "redirected", redirect("/ring/1.html"))
    hall.lost_page("ring/1.html", "redirected", redirect("/ring/0.html"), linked=False)
    hall.lost_page("self.html", "redirect_loop", redirect("/self.html"))
    hall.lost_page("away.html", "redirect_out_of_scope", redirect(ELSEWHERE))
    hall.lost_page("inside.html", "redirect_out_of_scope", redirect(METADATA))


def _moved(hall: Hall, path: str, hops: list[str], code: int = 302) -> Pair:
    """A photo that is found behind these hops."""
    pair = hall.photo(path)
    picture = hall.museum.answers[pair.url]
    for here, there in zip([path, *hops], hops, strict=False):
        hall.serve(hall.url(here), redirect(hall.url(there), code))
    hall.serve(hall.url(hops[-1]), picture)
    return pair


def _ring(hall: Hall, paths: list[str]) -> Pair:
    for here, there in zip(paths, [*paths[1:], paths[0]], strict=True):
        hall.serve(hall.url(here), redirect(hall.url(there)))
    url = hall.url(paths[0])
    return hall.lost_photo(url, "fetch", "redirect_loop", hall.museum.answers[url])
