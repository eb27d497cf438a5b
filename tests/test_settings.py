from dataclasses import dataclass

import pytest

from wit_builder import settings
from wit_builder.curation.clean import Duplicates
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
    with pytest.raises(ConfigError, match=r"mine.py, line 2 does not run: AttributeError"):
        settings.load_file(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no Python file"):
        settings.load_file(tmp_path / "none.py")
