"""Where the exhibits hang: every HTML habit and every planted defect, once, each with what becomes of it.

An exhibit is a page of a hall, written in the `exhibit_*` modules with the few verbs of `Hall`: `photo` puts a
picture on a server and gives its pair, `page` puts up a page with the pairs that must be found on it. The
same calls thus make the answers and the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import escape

from wit_builder.demo_web import expected
from wit_builder.demo_web.answers import HTML, MIME, Answer
from wit_builder.demo_web.captions import TONGUES
from wit_builder.demo_web.expected import Expected, Pair, Stage
from wit_builder.demo_web.markup import frame
from wit_builder.demo_web.pictures import Picture, encoded
from wit_builder.demo_web.scenes import Scene, key_of, scene_of

Answering = Callable[[int], Answer]  # of how often the address was asked for, 1 the first time


@dataclass(slots=True)
class Museum:
    """All exhibits of one seed. About 200 addresses and 1 MB; pictures are painted when asked for."""

    seed: int
    halls: dict[str, list[str]] = field(default_factory=dict)  # name -> addresses linked from its index
    answers: dict[str, Answering] = field(default_factory=dict)
    pages: list[Expected] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)

    def hall(self, name: str) -> "Hall":
        """A new hall, whose pages lie at `name`.demo.test."""
        self.halls[name] = []
        return Hall(self, name)

    def scene(self, name: str) -> Scene:
        """The scene of that name, with sides of 360 pixels or more."""
        return scene_of(key_of(self.seed, "museum", name), large=True)


@dataclass(frozen=True, slots=True)
class Hall:
    """Exhibits of one kind."""

    museum: Museum
    name: str

    def url(self, path: str) -> str:
        """The address of a path in this hall; an address of another host stays as it is."""
        return path if path.startswith("http") else f"http://{self.name}.demo.test/{path}"

    def page(
        self,
        path: str,
        body: str,
        pairs: Sequence[Pair] = (),
        *,
        head: str = "",
        lang: str = "en",
        headers: tuple[tuple[str, str], ...] = (),
        raw: bytes | None = None,
        content_type: str = HTML,
        linked: bool = True,
    ) -> str:
        """A page that is kept, and the pairs on it; returns its address. `raw` is the whole page as bytes."""
        url = self.url(path)
        title = path.rpartition("/")[2].partition(".")[0].replace("-", " ")
        content = frame(title, body, lang, head).encode() if raw is None else raw
        self.serve(url, Answer(body=content, content_type=content_type, headers=headers))
        self.expect(url, linked=linked)
        self.museum.pairs.extend(pairs)
        return url

    def lost_page(
        self, path: str, reason: str, answer: Answer | Answering | None = None, *, linked: bool = True
    ) -> str:
        """A page that is linked and not had; without an answer there is none, or it must never be asked for."""
        url = self.url(path)
        if answer is not None:
            self.serve(url, answer)
        self.expect(url, reason, linked=linked)
        return url

    def photo(
        self,
        path: str,
        lang: str = "en",
        *,
        of: str = "",
        transform: str = "",
        form: str = "jpg",
        source: str = "alt",
    ) -> Pair:
        """A picture at that path, and its pair. `of`: path of the photo whose scene it shows too."""
        url = self.url(path)
        name = self.url(of) if of else url
        picture = Picture(self.museum.scene(name), form, "" if transform == "exact" else transform)
        self.serve(url, lambda _: picture_answer(picture))
        width, height = picture.size
        near = transform in ("", "exact", "resized", "enlarged", "reencoded")
        return Pair(
            url,
            self.caption(name, lang, len(self.museum.answers)),
            source,
            image=name if transform in ("", "exact") else "",
            look=name if near else "",
            area=width * height,
            transform=transform,
        )

    def lost_photo(
        self, path: str, stage: Stage, reason: str, answer: Answer | Answering | None = None, lang: str = "en"
    ) -> Pair:
        """A pair that is lost. With an answer, that is served; else a good picture is, if anyone asks."""
        url = self.url(path)
        if answer is not None:
            self.serve(url, answer)
            return Pair(url, self.caption(url, lang, len(self.museum.answers)), lost=(stage, reason))
        return replace(self.photo(path, lang), lost=(stage, reason), image="", look="")

    def caption(self, name: str, lang: str, style: int) -> str:
        """What is seen on the scene of that name."""
        return TONGUES[lang].caption(self.museum.scene(name), style)

    def serve(self, url: str, answer: Answer | Answering) -> None:
        """Answer requests for that address."""
        self.museum.answers[url] = answer if callable(answer) else lambda _: answer

    def expect(self, url: str, reason: str | None = None, *, linked: bool = True) -> None:
        """Link that page from the hall's index, and say what becomes of it."""
        self.museum.pages.append(expected.page(url, reason))
        if linked:
            self.museum.halls[self.name].append(url)


def picture_answer(picture: Picture, **headers: str) -> Answer:
    """The picture as a server sends it; headers with "_" for "-"."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(body=encoded(picture), content_type=MIME[picture.format], headers=named)


def img(pair: Pair, **attributes: str) -> str:
    """The plainest image reference: src and alt, and what is given besides ("_" for "-")."""
    more = "".join(f' {name.replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    return f'<img src="{escape(pair.url)}" alt="{escape(pair.caption)}"{more}>'


def gallery(pairs: Sequence[Pair]) -> str:
    """Plain image references, one to a paragraph."""
    return "\n".join(f"<p>{img(pair)}</p>" for pair in pairs)
