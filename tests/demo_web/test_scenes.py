"""Scenes: the same for the same key, balanced, never of a held-out combination."""

from collections import Counter

import pytest

from wit_builder.demo_web.scenes import COLOURS, HELD_OUT, SEEN, THINGS, key_of, scene_of


def scenes(count, **more):
    return [scene_of(key_of(0, "test", n), **more) for n in range(count)]


def test_a_key_depends_on_the_seed_and_on_each_part():
    assert len({key_of(0, "a", 1), key_of(1, "a", 1), key_of(0, "b", 1), key_of(0, "a", 2)}) == 4
    assert key_of(3, "a", 1) == key_of(3, "a", 1)


def test_two_colours_of_each_thing_are_held_out_and_each_colour_is_held_out_equally_often():
    assert Counter(thing for thing, _ in HELD_OUT) == dict.fromkeys(THINGS, 2)
    assert Counter(colour for _, colour in HELD_OUT) == dict.fromkeys(COLOURS, 4)
    assert len(SEEN) + len(HELD_OUT) == len(THINGS) * len(COLOURS)


def test_no_scene_shows_a_held_out_combination_and_all_others_come():
    assert {(s.thing, s.colour) for s in scenes(3000)} == set(SEEN)


def test_scenes_of_given_combinations_show_only_those():
    assert {(s.thing, s.colour) for s in scenes(100, combos=HELD_OUT[:2])} == set(HELD_OUT[:2])


@pytest.mark.parametrize(("large", "least"), [(False, 240), (True, 360)])
def test_sides_are_between_their_bounds(large, least):
    sides = [side for s in scenes(300, large=large) for side in (s.width, s.height)]
    assert (min(sides), max(sides)) == (least, 800)
