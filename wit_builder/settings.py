"""Typed values as JSON and back: what `build.json` and a stage's plan hold.

A frozen dataclass becomes {"type": "module:Class", field: value, ...}; tuples become lists and come back as
tuples. A class of a recipe file that cannot be imported by name is written as "/path/to/file.py:Class".
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from wit_builder.errors import ConfigError

_FILE_MODULE = "wit_recipe_file_"


def encode(value: Any) -> Any:
    """The value as JSON types. Raises ConfigError for a type that has no place in a recipe."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"type": _name(type(value))} | {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    raise ConfigError(
        f"a recipe holds numbers, texts, tuples and frozen dataclasses, not {type(value).__name__}: {value!r}"
    )


def decode(data: Any) -> Any:
    """The inverse of `encode`. Only dataclasses are ever built."""
    if isinstance(data, list):
        return tuple(decode(item) for item in data)
    if isinstance(data, Mapping):
        values = {key: decode(item) for key, item in data.items() if key != "type"}
        return _find(data["type"])(**values) if "type" in data else values
    return data


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
    return [] if old == new else [f"{at}: {_short(old)}, now {_short(new)}"]


def load_file(path: Path) -> ModuleType:
    """The Python file as a module, loaded once per path. Raises ConfigError when it does not run."""
    path = path.resolve()
    name = _FILE_MODULE + hashlib.sha256(str(path).encode()).hexdigest()[:12]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"{str(path)!r} is no Python file", "give a .py file with a function `recipe`")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ConfigError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        line = getattr(getattr(error, "__traceback__", None), "tb_next", None)
        at = f", line {_last_line(line, path)}" if line else ""
        raise ConfigError(f"{path.name}{at} does not run: {type(error).__name__}: {error}") from error
    return module


def _last_line(trace: Any, path: Path) -> int:
    number = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            number = trace.tb_lineno
        trace = trace.tb_next
    return number


def _name(cls: type) -> str:
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
        found = getattr(module, class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"no {name!r} can be imported: {error}") from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ConfigError(f"{name!r} is no dataclass, and only those may stand in a recipe")
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
