"""Images in parquet files: brought once into CLIP_benchmark's layout in the cache folder, and read there.

The image is a column `image` (or img, jpg, png, webp) of bytes, or of {bytes, path} as Hugging Face's datasets have.
`label` is its class, `captions` (or caption, text) are its captions; without them the images alone are read. Names of
classes are those that Hugging Face's datasets write into the schema.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder.errors import ConfigError
from wit_builder.evalset import published, writer
from wit_builder.shards.index import MAX_IMAGE_BYTES

_IMAGE = ("image", "img", "jpg", "png", "webp")
_LABEL = ("label",)
_CAPTIONS = ("captions", "caption", "text")
_AT_ONCE = 64  # rows


def is_one(path: Path) -> bool:
    """Whether that is a parquet file, or a folder of nothing else."""
    return bool(_files(path))


def folder(path: Path, split: str, cache: Path | None = None) -> Path:
    """The folder in which it lies in CLIP_benchmark's layout, written where it does not lie yet.

    Raises ConfigError for what is no parquet, has no images, or rows that do not fit.
    """
    files = _files(path)
    known = "\n".join(f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)
    base = cache or published.default_folder()
    here = base / f"{path.stem}-{hashlib.sha256(known.encode()).hexdigest()[:16]}"
    with published.locked(base / "parquet"):
        if not here.exists():
            with writer.whole_folder(here) as temporary:
                _write(files, temporary, split)
    return here


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    found = sorted(one for one in path.iterdir() if not one.name.startswith(".")) if path.is_dir() else []
    return found if found and all(one.suffix == ".parquet" and one.is_file() for one in found) else []


def _write(files: list[Path], here: Path, split: str) -> None:
    schema = _schema(files[0])
    image, label, captions = (_column(schema, names) for names in (_IMAGE, _LABEL, _CAPTIONS))
    if image is None:
        raise ConfigError(
            f"{files[0]} has no column of images, it has {', '.join(schema.names)[:200]}",
            f"the images' bytes in a column called {_IMAGE[0]}",
        )
    if not writer.write_split(here / split, _samples(files, image, label, None if label else captions)):
        raise ConfigError(f"{files[0]} holds no images")
    writer.write_beside(here, "" if label or not captions else "retrieval", _names(schema, label))


def _samples(
    files: list[Path], image: str, label: str | None, captions: str | None
) -> Iterator[list[writer.Member]]:
    for file, number, row in _rows(files, [name for name in (image, label, captions) if name]):
        where = f"row {number} of {file}"
        body = _body(row[image], where)
        said = [("cls", _class(row[label], where))] if label else []
        said += [("txt", _captions(row[captions], where))] if captions else []
        yield [(writer.extension(body), body), *said]


def _rows(files: list[Path], columns: list[str]) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    for file in files:
        number = 0
        try:
            for batch in pq.ParquetFile(file).iter_batches(_AT_ONCE, columns=columns):
                for row in batch.to_pylist():
                    yield file, number, row
                    number += 1
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(f"{file} cannot be read: {' '.join(str(error).split())[:200]}") from error


def _schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{file} is no parquet file: {' '.join(str(error).split())[:200]}") from error


def _column(schema: pa.Schema, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in schema.names), None)


def _body(value: Any, where: str) -> bytes:
    """The image's bytes, none where there are none: it then counts as one that cannot be read."""
    body = value.get("bytes") if isinstance(value, dict) else value
    if body is not None and not isinstance(body, bytes):
        raise ConfigError(
            f"{where} has no bytes where its image should be", "a column of bytes, or {bytes, path}"
        )
    if body is not None and len(body) > MAX_IMAGE_BYTES:
        raise ConfigError(f"the image in {where} has {len(body):,} bytes, {MAX_IMAGE_BYTES:,} are read")
    return body or b""


def _class(value: Any, where: str) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"the label in {where} is {value!r}, and a label is a number from 0")
    return str(value).encode()


def _captions(value: Any, where: str) -> bytes:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"the captions in {where} are {str(value)[:80]!r}, and captions are texts")
    return "\n".join(" ".join(text.split()) for text in texts).encode()


def _names(schema: pa.Schema, label: str | None) -> list[str]:
    """Names of classes, where Hugging Face's datasets wrote them into the schema."""
    try:
        features = orjson.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
    except (ValueError, LookupError, TypeError):
        return []
    return [" ".join(str(name).split()) for name in names] if isinstance(names, list) else []
