"""How a caption is put together in any language; the words themselves stand in `tongues_west` and `_east`.

A noun is written for one and for several, a colour in each form its language asks for; all phrases stand in
the case they have in the templates, so nothing is inflected by rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wit_builder.demo_web.scenes import COLOURS, MOODS, PLACES, SIDES, THINGS, Scene


@dataclass(frozen=True, slots=True)
class Noun:
    """A thing in one language."""

    gender: str  # m, f or n; "n" where the language has none
    one: str
    many: str


@dataclass(frozen=True, slots=True)
class Tongue:
    """All that captions and pages in one language are made of."""

    nouns: Mapping[str, Noun]  # by thing
    colours: Mapping[str, Mapping[str, str]]  # by colour, then by gender, with a "+" for several
    numbers: Mapping[str, tuple[str, str, str]]  # by gender: one, two, three; "" is left out
    subject: str  # of {number}, {colour}, {noun}
    places: Mapping[str, str]
    moods: Mapping[str, str]
    sides: Mapping[str, str]
    distances: tuple[str, str]  # close, far
    verbs: tuple[str, str]  # is, are
    templates: tuple[str, ...]  # of {subject}, {place}, {mood}, {side}, {distance}, {verb}
    furniture: tuple[str, ...]  # sentences that fill the pages

    def caption(self, scene: Scene, style: int) -> str:
        """What this language says of the scene, in one of its `templates` (style counts round)."""
        text = self.templates[style % len(self.templates)].format(
            subject=self.named(scene.thing, scene.colour, scene.count),
            place=self.places[scene.place],
            mood=self.moods[scene.mood],
            side=self.sides[scene.side],
            distance=self.distances[scene.far],
            verb=self.verbs[scene.count > 1],
        )
        return text[0].upper() + text[1:]

    def named(self, thing: str, colour: str, count: int) -> str:
        """The thing with its colour and number: two red kites."""
        noun = self.nouns[thing]
        form = noun.gender if count == 1 else f"{noun.gender}+"
        words = self.subject.format(
            number=self.numbers[noun.gender][count - 1],
            colour=self.colours[colour][form],
            noun=noun.one if count == 1 else noun.many,
        )
        return words.strip()


def nouns(table: str) -> dict[str, Noun]:
    """One noun a line, `gender one / many`, in the order of THINGS."""
    found = {}
    for thing, row in zip(THINGS, _lines(table), strict=True):
        gender, words = row.split(" ", 1)
        one, many = words.split(" / ")
        found[thing] = Noun(gender, one, many)
    return found


def colours(forms: str, table: str) -> dict[str, dict[str, str]]:
    """One colour a line in the order of COLOURS; its words in the order of the forms named ("m f m+ f+")."""
    return {
        colour: dict(zip(forms.split(), row.split(), strict=True))
        for colour, row in zip(COLOURS, _lines(table), strict=True)
    }


def places(table: str) -> dict[str, str]:
    """One phrase a line, in the order of PLACES."""
    return dict(zip(PLACES, _lines(table), strict=True))


def moods(table: str) -> dict[str, str]:
    """One phrase a line, in the order of MOODS."""
    return dict(zip(MOODS, _lines(table), strict=True))


def sides(table: str) -> dict[str, str]:
    """One phrase a line, in the order of SIDES."""
    return dict(zip(SIDES, _lines(table), strict=True))


def sentences(table: str) -> tuple[str, ...]:
    """One a line."""
    return tuple(_lines(table))


def _lines(table: str) -> list[str]:
    return [line.strip() for line in table.strip().splitlines()]
