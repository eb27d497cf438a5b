import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wit_builder import settings
from wit_builder.curation.settings import Duplicates
from wit_builder.errors import ConfigError
from wit_builder.shards.writer import ShardSpec


@dataclass(frozen=True, slots=True)
class Nest:
    many: tuple[ShardSpec, ...]
    words: tuple[str, ...] = ()
    table: dict[str, str | None] | None = None


def test_a_value_comes_back_as_it_was():
    value = Nest((ShardSpec(7), ShardSpec()), ("a", "b"), {"x": "y", "z": None})
    assert settings.decode(settings.encode(value)) == value


def test_a_value_that_has_no_place_in_a_recipe_is_named():
    with pytest.raises(ConfigError, match=r"not set: \{1\}"):
        settings.encode(Nest(({1},)))


def test_only_dataclasses_are_built():
    with pytest.raises(ConfigError, match="is no dataclass"):
        settings.decode({"type": "subprocess:Popen", "args": "true"})


def test_a_class_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="clean:Duplicate"):
        settings.decode({"type": "wit_builder.curation.clean:Duplicate"})


def test_equal_values_do_not_differ():
    assert settings.differences(settings.encode(Duplicates()), settings.encode(Duplicates())) == []


def test_a_difference_says_where_and_both_values():
    old, new = Nest((ShardSpec(7),)), Nest((ShardSpec(8),))
    assert settings.differences(settings.encode(old), settings.encode(new)) == [
        "many[0].samples_per_shard: 7, now 8"
    ]


def test_another_class_is_a_difference():
    assert settings.differences(settings.encode(ShardSpec()), settings.encode(Duplicates())) != []


def test_a_class_of_a_recipe_file_is_found_again_by_its_path(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Mine:\n    n: int = 1\n"
    )
    encoded = settings.encode(settings.load_file(path).Mine(3))
    assert encoded == {"type": f"{path}:Mine", "n": 3}
    assert settings.decode(encoded).n == 3


def test_a_file_that_does_not_run_says_which_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("x = 1\ny = x.nothing\n")
    with pytest.raises(ConfigError, match=r"mine.py, line 2: AttributeError"):
        settings.load_file(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no Python file"):
        settings.load_file(tmp_path / "none.py")


@dataclass(frozen=True)
class Places:
    path: Path
    more: tuple[Path, ...] = ()
    sum: int = field(init=False, default=3)

    @dataclass(frozen=True)
    class Inner:
        n: int = 1


def test_a_path_comes_back_as_a_path():
    value = Places(Path("/a/b"), (Path("c"),))
    assert settings.decode(settings.encode(value)) == value


def test_a_class_within_a_class_is_found_again():
    assert settings.decode(settings.encode(Places.Inner(4))) == Places.Inner(4)


def test_a_class_that_no_other_process_could_find_is_refused():
    @dataclass(frozen=True)
    class Local:
        pass

    with pytest.raises(ConfigError, match=r"cannot find the class .*Local"):
        settings.encode(Local())


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_json_cannot_hold_are_refused(value):
    with pytest.raises(ConfigError, match="a recipe holds finite numbers"):
        settings.encode({"x": value})


@pytest.mark.parametrize(
    ("value", "held"), [(2**63 - 1, True), (-(2**63), True), (2**63, False), (-(2**63) - 1, False)]
)
def test_integers_have_64_bits(value, held):
    if held:
        assert settings.encode(value) == value
    else:
        with pytest.raises(ConfigError, match="a recipe holds integers of 64 bits, not 64 bits"):
            settings.encode(value)


def test_a_text_that_is_no_unicode_is_refused():
    with pytest.raises(ConfigError, match=r"not '\\udcff'"):
        settings.encode("\udcff")


def test_a_table_with_a_type_of_its_own_is_refused():
    with pytest.raises(ConfigError, match="not dict"):
        settings.encode({"type": "x"})


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(ConfigError) as refused:
        settings.encode(frozenset(range(1000)))
    assert len(str(refused.value)) < 200


def test_what_another_version_wrote_is_named():
    written = {"type": "wit_builder.shards.writer:ShardSpec", "colour": "red"}
    with pytest.raises(ConfigError, match=r"writer:ShardSpec cannot be made .* 'colour'"):
        settings.decode(written)


def test_a_field_more_or_less_is_a_difference():
    old, new = {"type": "m:C", "a": 1, "b": 2}, {"type": "m:C", "b": 2, "c": 3}
    assert settings.differences(old, new) == ["a: 1, now None", "c: None, now 3"]


def test_of_a_list_of_another_length_only_what_came_and_went_is_said():
    assert settings.differences({"x": [1]}, {"x": [1, 2]}) == ["x: now also 2"]
    assert settings.differences({"x": [1, 2, 3]}, {"x": [4, 2]}) == [
        "x: no longer 1",
        "x: no longer 3",
        "x: now also 4",
    ]
    assert settings.differences({"x": [1, 1]}, {"x": [1]}) == ["x: [1, 1], now [1]"]


def test_a_syntax_error_says_its_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("x = 1\n\ny = (\n")
    with pytest.raises(ConfigError, match=r"mine\.py, line 3: '\(' was never closed"):
        settings.load_file(path)


def test_a_syntax_error_in_another_file_is_not_said_to_be_in_this_one(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_neighbour.py").write_text("\n\n\nx = (\n")
    (tmp_path / "mine.py").write_text("\nimport broken_neighbour\n")
    with pytest.raises(ConfigError, match=r"mine\.py, line 2: SyntaxError: .*broken_neighbour.py, line 4"):
        settings.load_file(tmp_path / "mine.py")


def test_a_refusal_in_a_file_keeps_its_hint(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from wit_builder.errors import ConfigError\nraise ConfigError('no', 'do this')\n")
    with pytest.raises(ConfigError, match=r"mine\.py, line 2: no$") as refused:
        settings.load_file(path)
    assert refused.value.hint == "do this"


def test_a_file_is_run_once_and_a_broken_one_again(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("1 / 0")
    with pytest.raises(ConfigError):
        settings.load_file(path)
    path.write_text("x = []")
    assert settings.load_file(path) is settings.load_file(path)
    assert (
        sum(
            "wit_recipe_file_" in name and module.__file__ == str(path)
            for name, module in sys.modules.items()
        )
        == 1
    )
