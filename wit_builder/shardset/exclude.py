"""Samples to be left out: a parquet file with the columns `shard` (00012.tar or 00012) and `key`, both texts."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder import remote
from wit_builder.errors import ConfigError

_SCHEMA = pa.schema([("shard", pa.string()), ("key", pa.string())])


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Such a file."""

    url: str
    sha256: str

    def shards(self, names: Sequence[str]) -> frozenset[str]:
        """The shards of which it names samples (00012.tar).

        names: of all shards of the run. Raises ConfigError when the file means several of them by one name, or none.
        """
        own = {shard for batch in self._read() for shard in pc.unique(batch["shard"]).to_pylist()}
        named = frozenset(f"{shard.removesuffix('.tar')}.tar" for shard in own - {None})
        if named and not named & set(names):
            raise ConfigError(
                f"{self.url} leaves out samples of {min(named)}, and no shard has one of its names",
                "the column shard has names without folders, such as 00012.tar",
            )
        shared = [name for name, times in Counter(names).items() if times > 1 and name in named]
        if shared:
            raise ConfigError(
                f"{self.url} leaves out samples of {shared[0]}, and several shards have that name",
                "train on one of them, or give the shards of each source names of their own",
            )
        return named

    def keys(self, name: str) -> frozenset[str]:
        """The keys to leave out of the shard of that name."""
        names = pa.array([name, name.removesuffix(".tar")])
        own = (batch.filter(pc.is_in(batch["shard"], names)) for batch in self._read())
        return frozenset(key for batch in own for key in batch["key"].to_pylist()) - {None}

    def _read(self) -> Iterator[pa.RecordBatch]:
        try:
            with remote.opened(self.url) as file:
                parquet = pq.ParquetFile(file, pre_buffer=False)
                for batch in parquet.iter_batches(columns=_SCHEMA.names, use_threads=False):
                    yield batch.select(_SCHEMA.names).cast(_SCHEMA)
        except (pa.ArrowException, KeyError, OSError, ValueError) as error:
            why = (str(error).splitlines() or [type(error).__name__])[0]
            raise ConfigError(
                f"{self.url} is no parquet file with the texts shard and key: {why}", "--exclude FILE"
            ) from error


def read(url: str) -> Exclusion:
    """The file at that path or URL. Raises ConfigError when it is not there."""
    with remote.opened(url) as file:
        return Exclusion(url, hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type]
