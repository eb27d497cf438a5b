"""Typed values as JSON and back: what `build.json` and a stage's plan hold.

A frozen dataclass becomes {"type": "module:Class", field: value, ...}; tuples become lists and come back as
tuples. A class of a recipe file that cannot be imported by name is written as "/path/to/file.py:Class".
"""

import hashlib
import importlib
import importlib.util
import math
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from wit_builder.errors import ConfigError

_FILE_MODULE = "wit_recipe_file_"
_PATH = "pathlib:Path"
_MOST = 2**63  # JSON libraries agree on integers up to here


def encode(value: Any) -> Any:
    """The value as JSON types. Raises ConfigError for what has no place in a recipe, or would not come back."""
    if is_dataclass(value) and not isinstance(value, type):
        values = {f.name: encode(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"type": _name(type(value))} | values
    if value is None or isinstance(value, bool | int | float | str):
        return _scalar(value)
    if isinstance(value, Path):
        return {"type": _PATH, "path": _scalar(str(value))}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping) and "type" not in value:
        return {str(key): encode(item) for key, item in value.items()}
    raise ConfigError(
        "a recipe holds numbers, texts, paths, tuples and frozen dataclasses, "
        f"not {type(value).__name__}: {_short(value)}"
    )


def decode(data: Any) -> Any:
    """The inverse of `encode`. Only dataclasses and paths are ever built."""
    if isinstance(data, list):
        return tuple(decode(item) for item in data)
    if not isinstance(data, Mapping):
        return data
    values = {key: decode(item) for key, item in data.items() if key != "type"}
    if "type" not in data:
        return values
    if data["type"] == _PATH:
        return Path(values["path"])
    try:
        return _find(data["type"])(**values)
    except TypeError as error:  # written by another version, whose fields were others
        raise ConfigError(f"{data['type']} cannot be made from what was written: {error}") from error


def differences(old: Any, new: Any, at: str = "") -> list[str]:
    """What differs between two encoded values, a line each: `where: old value, now new value`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old.get("type") == new.get("type"):
        keys = [*old, *(key for key in new if key not in old)]
        return [
            line
            for key in keys
            for line in differences(old.get(key), new.get(key), f"{at}.{key}" if at else str(key))
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [line for i in range(len(old)) for line in differences(old[i], new[i], f"{at}[{i}]")]
    if isinstance(old, list) and isinstance(new, list):
        gone = [f"{at}: no longer {_short(one)}" for one in old if one not in new]
        if changed := gone + [f"{at}: now also {_short(one)}" for one in new if one not in old]:
            return changed
    return [] if old == new else [f"{at}: {_short(old)}, now {_short(new)}"]


def load_file(path: Path) -> ModuleType:
    """The Python file as a module, loaded once per path.

    Raises ConfigError that names file, line and error when it does not run; the error is its cause.
    """
    shown, path = path, path.resolve()
    name = _FILE_MODULE + hashlib.sha256(str(path).encode()).hexdigest()[:12]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(
            f"{str(shown)!r} is no Python file", "give the path of a .py file with a function `recipe`"
        )
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise failure(error, shown) from error
    return module


def failure(error: BaseException, path: Path) -> ConfigError:
    """What went wrong in that Python file, as one sentence with the last of its lines that took part."""
    if isinstance(error, SyntaxError) and error.lineno and error.filename == str(path.resolve()):
        return ConfigError(f"{path}, line {error.lineno}: {error.msg}")
    number = _last_line(error, path.resolve())
    where = f"{path}, line {number}" if number else str(path)
    if isinstance(error, ConfigError):
        return ConfigError(f"{where}: {error}", error.hint)
    return ConfigError(f"{where}: {type(error).__name__}: {error}")


def _last_line(error: BaseException, path: Path) -> int:
    number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            number = trace.tb_lineno
        trace = trace.tb_next
    return number


def _scalar(value: Any) -> Any:
    """The value itself, where JSON gives it back as it was."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"a recipe holds finite numbers, not {value}")
    if isinstance(value, int) and not -_MOST <= value < _MOST:
        raise ConfigError(f"a recipe holds integers of 64 bits, not {_short(value)}")
    if isinstance(value, str) and not _is_unicode(value):
        raise ConfigError(f"a recipe holds Unicode texts, not {_short(value)}", "write it in UTF-8")
    return value


def _is_unicode(text: str) -> bool:
    """False for half a surrogate pair, such as Python makes of an argument that is not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(cls: type) -> str:
    """How `_find` finds the class again, in any process."""
    if "<locals>" in cls.__qualname__ or cls.__module__ == "__main__":
        raise ConfigError(
            f"worker processes cannot find the class {cls.__qualname__}",
            "write it at the top level of the recipe file, or of a module that is installed",
        )
    module = cls.__module__
    if module.startswith(_FILE_MODULE):
        module = str(sys.modules[module].__file__)
    return f"{module}:{cls.__qualname__}"


def _find(name: str) -> type:
    module_name, _, class_name = name.rpartition(":")
    try:
        module = (
            load_file(Path(module_name))
            if module_name.endswith(".py")
            else importlib.import_module(module_name)
        )
        found = attrgetter(class_name)(module)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"no {name!r} can be imported: {error}") from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ConfigError(f"{name!r} is no dataclass, and only those may stand in a recipe")
    return found


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < _MOST else f"{value.bit_length()} bits"
    return text if len(text) <= 80 else text[:77] + "..."
