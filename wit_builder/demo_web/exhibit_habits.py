"""How pages refer to pictures: each habit on a page of its own, with the one pair that must come out."""

import json
from dataclasses import replace
from html import escape

from wit_builder.demo_web.expected import Pair
from wit_builder.demo_web.markup import DATA_PIXEL
from wit_builder.demo_web.museum import Answering, Hall, Museum, gallery, img, picture_answer
from wit_builder.demo_web.pictures import Picture

LAZY = (
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-lazy",
    "data-lazyload",
    "data-echo",
    "data-img-src",
)
_TINY = 60  # pixels wide: what srcsets and links offer beside the real picture


def build(museum: Museum) -> None:
    """Put up the hall."""
    hall = museum.hall("habits")
    _addresses(hall)
    _texts(hall)
    _srcsets(hall)
    _lazy(hall)
    _captions_elsewhere(hall)
    _links(hall)
    _heads(hall)
    _without(hall)


def _addresses(hall: Hall) -> None:
    root = hall.photo("pictures/root.jpg")
    relative = hall.photo("deep/pictures/relative.jpg")
    above = hall.photo("pictures/above.jpg")
    other_host = hall.photo("http://media.habits.demo.test/protocol.jpg")
    plain = [(root, "/pictures/root.jpg"), (relative, "pictures/relative.jpg")]
    plain += [(above, "../pictures/above.jpg"), (other_host, "//media.habits.demo.test/protocol.jpg")]
    hall.page("deep/addresses.html", _imgs(plain), [pair for pair, _ in plain])

    odd = {
        "odd/port.jpg": "HTTP://Habits.Demo.Test:80/odd/port.jpg",
        "odd/dots.jpg": "/a/../odd/./dots.jpg",
        "odd/fragment.jpg": "/odd/fragment.jpg#top",
        "odd/tracked.jpg?id=3": "/odd/tracked.jpg?utm_source=news&id=3&fbclid=x",
        "odd/gr%C3%B6%C3%9Fe.jpg": "/odd/größe.jpg",
        "odd/two%20words.jpg": " /odd/two words.jpg ",
        "odd/back.jpg": "\\odd\\back.jpg",
        "odd/credentials.jpg": "http://user:secret@habits.demo.test/odd/credentials.jpg",
        "odd/query.jpg?a=1&b=2": "/odd/query.jpg?a=1&b=2",
    }
    pairs = [(hall.photo(path), written) for path, written in odd.items()]
    hall.page("odd-addresses.html", _imgs(pairs), [pair for pair, _ in pairs])

    based = hall.photo("elsewhere/based.jpg")
    head = '<base href="http://habits.demo.test/elsewhere/">\n'
    hall.page("base.html", _imgs([(based, "based.jpg")]), [based], head=head)


def _imgs(written: list[tuple[Pair, str]]) -> str:
    return "\n".join(
        f'<p><img src="{escape(src)}" alt="{escape(pair.caption)}"></p>' for pair, src in written
    )


def _texts(hall: Hall) -> None:
    spaced = hall.photo("texts/spaced.jpg")
    entities = hall.photo("texts/entities.jpg", "fr")
    decomposed = hall.photo("texts/decomposed.jpg", "pl")
    hidden = hall.photo("texts/hidden.jpg", "de")
    entities_text = entities.caption.replace("é", "&eacute;").replace("'", "&#39;").replace(" ", "&nbsp;", 1)
    decomposed_text = (
        decomposed.caption.replace("ó", "o\u0301").replace("ą", "a\u0328").replace("ż", "z\u0307")
    )
    spaced_text = spaced.caption.replace(" ", "   \t")
    hidden_text = hidden.caption.replace("e", "e&#8203;", 3) + "&shy;"
    body = "\n".join(
        (
            f'<img src="{spaced.url}" alt="\n  {spaced_text}\n ">',
            f'<img src="{entities.url}" alt="{entities_text}">',
            f'<img src="{decomposed.url}" alt="{decomposed_text}">',
            f'<img src="{hidden.url}" alt="{hidden_text}">',
        )
    )
    hall.page("texts.html", body, [spaced, entities, decomposed, hidden])


def _srcsets(hall: Hall) -> None:
    wide, wide_tiny = _with_tiny(hall, "srcset/wide.jpg")
    dense, dense_tiny = _with_tiny(hall, "srcset/dense.jpg")
    body = (
        f'<img src="{wide_tiny}" srcset="{wide_tiny} {_TINY}w, {wide.url} 400w" sizes="100vw" '
        f'alt="{escape(wide.caption)}">\n'
        f'<img src="{dense_tiny}" width="{_TINY}" srcset="{dense_tiny} 1x, {dense.url} 2x" '
        f'alt="{escape(dense.caption)}">'
    )
    hall.page("srcset.html", body, [wide, dense])

    pictured, tiny = _with_tiny(hall, "srcset/picture.jpg")
    body = (
        f'<picture><source type="image/jpeg" srcset="{tiny} {_TINY}w, {pictured.url} 400w">'
        f'<img src="{tiny}" width="{_TINY}" alt="{escape(pictured.caption)}"></picture>'
    )
    hall.page("picture.html", body, [pictured])


def _with_tiny(hall: Hall, path: str) -> tuple[Pair, str]:
    """A photo, and the address of a tiny picture that is offered beside it."""
    photo = hall.photo(path)
    tiny = hall.url(path.replace(".jpg", "-tiny.jpg"))
    hall.serve(tiny, _small_answer(hall, tiny))
    return photo, tiny


def _small_answer(hall: Hall, url: str) -> Answering:
    return lambda _: picture_answer(Picture(hall.museum.scene(url), transform="small"))


def _lazy(hall: Hall) -> None:
    photos = [(hall.photo(f"lazy/{name}.jpg"), name) for name in LAZY]
    body = "\n".join(
        f'<img class="lazy" src="{DATA_PIXEL}" {name}="{photo.url}" alt="{escape(photo.caption)}">'
        for photo, name in photos
    )
    hall.page("lazy.html", body, [photo for photo, _ in photos])

    late = hall.photo("lazy/srcset.jpg")
    body = f'<img src="{DATA_PIXEL}" data-srcset="{late.url} 480w" alt="{escape(late.caption)}">'
    hall.page("lazy-srcset.html", body, [late])

    plain = hall.photo("lazy/noscript.jpg")
    hall.page("noscript.html", f"<noscript>{gallery([plain])}</noscript>", [plain])

    amp = hall.photo("lazy/amp.jpg")
    body = f'<amp-img src="{amp.url}" width="480" height="360" alt="{escape(amp.caption)}"></amp-img>'
    hall.page("amp.html", body, [amp])


def _captions_elsewhere(hall: Hall) -> None:
    figure = hall.photo("figure/figcaption.jpg", source="figcaption")
    both = hall.photo("figure/both.jpg")
    named = hall.photo("figure/named.jpg", source="figcaption")
    body = (
        f'<figure><img src="{figure.url}"><figcaption>{escape(figure.caption)}</figcaption></figure>\n'
        f'<figure><img src="{both.url}" alt="{escape(both.caption)}">'
        f"<figcaption>One of our favourites, from the album of last year</figcaption></figure>\n"
        f'<figure><img src="{named.url}" alt="IMG_2041.JPG">'
        f"<figcaption>{escape(named.caption)}</figcaption></figure>"
    )
    hall.page("figure.html", body, [figure, both, named])

    titled = hall.photo("figure/title.jpg", source="title")
    hall.page("title.html", f'<img src="{titled.url}" title="{escape(titled.caption)}">', [titled])

    label = hall.photo("figure/label.jpg", source="aria-label")
    labelled = hall.photo("figure/labelledby.jpg", source="aria-labelledby")
    body = (
        f'<img src="{label.url}" aria-label="{escape(label.caption)}">\n'
        f'<p id="words">{escape(labelled.caption)}</p>\n<img src="{labelled.url}" aria-labelledby="words">'
    )
    hall.page("aria.html", body, [label, labelled])


def _links(hall: Hall) -> None:
    full, tiny = _with_tiny(hall, "link/full.jpg")
    body = f'<a href="{full.url}"><img src="{tiny}" width="{_TINY}" alt="{escape(full.caption)}"></a>'
    hall.page("link-to-full-size.html", body, [full])
    hall.expect(full.url, "not_html", linked=False)  # the link leads there as well

    licensed = hall.photo("link/licensed.jpg")
    body = (
        f'{gallery([licensed])}<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC BY</a>'
    )
    hall.page("licence.html", body, [licensed])


def _heads(hall: Hall) -> None:
    graph = hall.photo("head/og.jpg", source="og:image:alt")
    head = (
        f'<meta property="og:image" content="{graph.url}">\n'
        f'<meta property="og:image:alt" content="{escape(graph.caption)}">\n'
    )
    hall.page("open-graph.html", "<p>The picture is in the head.</p>", [graph], head=head)

    card = hall.photo("head/twitter.jpg", source="twitter:image:alt")
    head = (
        f'<meta name="twitter:image" content="{card.url}">\n'
        f'<meta name="twitter:image:alt" content="{escape(card.caption)}">\n'
    )
    hall.page("twitter-card.html", "<p>The picture is in the head.</p>", [card], head=head)

    linked = hall.photo("head/linked-data.jpg", source="json-ld")
    data = {
        "@context": "https://schema.org",
        "@graph": [{"@type": "ImageObject", "contentUrl": linked.url, "caption": linked.caption}],
    }
    head = f'<script type="application/ld+json">{json.dumps(data)}</script>\n'
    hall.page("linked-data.html", "<p>The picture is in the head.</p>", [linked], head=head)


def _without(hall: Hall) -> None:
    silent = replace(hall.lost_photo("without/text.jpg", "extract", "no_text"), caption="")
    empty = replace(hall.lost_photo("without/empty.jpg", "extract", "no_text"), caption="")
    inline = Pair(DATA_PIXEL, "A single transparent pixel that nobody can see", lost=("extract", "data_uri"))
    body = f'<img src="{silent.url}">\n<img src="{empty.url}" alt="">\n{img(inline)}'
    hall.page("without.html", body, [silent, empty, inline])
