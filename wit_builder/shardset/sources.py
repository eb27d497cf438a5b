"""Which shards are meant: what users write becomes a list of tars with sizes, counts and fingerprints.

A word is a tar, a glob, a folder, `{00000..00041}` or `{a,b}` in braces, on a disk or in a store; `WORD@0.5` takes
half of its samples each epoch, `WORD@3` all of them three times.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice, product
from pathlib import Path, PurePosixPath

import orjson

from wit_builder import place, remote, store
from wit_builder.errors import ConfigError, ShardError, WitError, many
from wit_builder.shards import manifest
from wit_builder.shards.tar import BLOCK
from wit_builder.shards.writer import ShardInfo
from wit_builder.shardset.cache import Cache, Indexed
from wit_builder.shardset.exclude import Exclusion
from wit_builder.shardset.shard import Shard

MAX_SHARDS = 10_000_000
_ENDS = (
    64 << 10
)  # bytes at each end of a tar that its fingerprint is made of, where no manifest has the whole's
_MAX_STATS = 64 << 20  # bytes; img2dataset counts each kind of failure in it
_AT_ONCE = 16  # shards asked after together

_WEIGHT = re.compile(r"(.+)@([0-9]+(?:\.[0-9]+)?)")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})")


def weighed(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """What users write after `--shards`, as words and weights: `B@0.5` is B with 0.5, `A` is A with 1."""
    found = [None if Path(word).exists() else _WEIGHT.fullmatch(word) for word in words]
    return (
        tuple(match[1] if match else word for match, word in zip(found, words, strict=True)),
        tuple(float(match[2]) if match else 1.0 for match in found),
    )


def shards(
    words: Sequence[str], cache: Cache, exclude: Exclusion | None = None, *, captioned: bool = True
) -> tuple[Shard, ...]:
    """The shards that these words mean, in their order, each word's own by name.

    A shard's samples are counted by the build's manifest beside it, else by img2dataset's stats, else by walking its
    headers, for which a remote one is brought here. exclude: samples to leave out; of shards that it names, the
    headers say which are there. captioned: whether a sample needs a text.
    Raises ConfigError for a word that means nothing, and for a list of samples of which none is there or beside which
    none can be used, and ShardError for a shard that is not as its manifest says.
    """
    found: dict[str, tuple[remote.Source, int]] = {}
    for number, word in enumerate(words):
        for source in _meant(word):
            if found.setdefault(source.url, (source, number))[1] != number:
                raise ConfigError(
                    f"{source.url} is in two sources", "name it in one of them, with its weight"
                )
    if not found:
        raise ConfigError("no shards are named", "--shards OUT/shards")
    known = _manifests(sorted({_folder(url) for url in found}))
    named = exclude.shards([PurePosixPath(url).name for url in found]) if exclude else frozenset[str]()
    indexed = partial(cache.indexed, exclude=exclude, captioned=captioned)
    described = partial(_described, known=known, named=named, indexed=indexed)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = tuple(pool.map(described, found.values()))
    passed = passed_over(made)
    if exclude and passed["absent"] and not passed["excluded"]:
        raise ConfigError(
            f"{exclude.url} names {many(passed['absent'], 'sample')}, and none of them is in these shards",
            "audit these shards again: the list was written for others",
        )
    if exclude and passed["excluded"] and not any(shard.samples for shard in made):
        raise ConfigError(
            f"{exclude.url} leaves out {many(passed['excluded'], 'sample')} of these shards, no other can be used",
            "more --shards, or another --exclude FILE",
        )
    return made


def passed_over(shards: Sequence[Shard]) -> Counter[str]:
    """What lies in these shards and is not used, by reason (`cache.Indexed`), as far as headers were read."""
    return sum((Counter(dict(shard.passed_over)) for shard in shards), Counter[str]())


def cut(shards: Sequence[Shard]) -> str:
    """Those on this disk that end too early, in words, else "".

    A build's manifest and img2dataset's stats count what such shards lack; their headers cannot.
    """
    found = [shard.name for shard in shards if not store.protocol(shard.url) and _is_cut(shard)]
    if not found:
        return ""
    which = f"{found[0]} is" if len(found) == 1 else f"{len(found):,} shards, such as {found[0]}, are"
    return f"{which} cut: samples up to there are used"


def _is_cut(shard: Shard) -> bool:
    with Path(shard.url).open("rb") as tar:
        tar.seek(max(0, shard.bytes - 2 * BLOCK))
        return bool(tar.read(2 * BLOCK).strip(b"\0"))


def fingerprint(found: Sequence[Shard], exclude: Exclusion | None = None) -> str:
    """The sha256 (hex) of names, bytes, samples and fingerprints of these shards, and of what is left out of them."""
    digest = hashlib.sha256()
    for shard in found:
        digest.update(f"{shard.name} {shard.bytes} {shard.samples} {shard.sha256} {shard.source}\n".encode())
    digest.update((exclude.sha256 if exclude else "").encode())
    return digest.hexdigest()


def expanded(word: str) -> list[str]:
    """The word with its braces written out: `{00..11}` and `{a,b}`, several of them multiplied."""
    pieces = _BRACES.split(word)  # text and what stands in braces, by turns
    choices = [_choices(piece) if at % 2 else [piece] for at, piece in enumerate(pieces)]
    if math.prod(len(some) for some in choices) > MAX_SHARDS:
        raise ConfigError(f"{word!r} means more than {MAX_SHARDS} shards")
    return ["".join(parts) for parts in islice(product(*choices), MAX_SHARDS)]


def _choices(inside: str) -> Sequence[str]:
    ends = _RANGE.fullmatch(inside)
    if ends is None:
        return inside.split(",") if "," in inside else [f"{{{inside}}}"]
    first, last = int(ends[1]), int(ends[2])
    if abs(last - first) >= MAX_SHARDS:
        raise ConfigError(f"{{{inside}}} means more than {MAX_SHARDS} shards")
    width = max((len(end) for end in ends.groups() if end.startswith("0")), default=1)
    step = 1 if last >= first else -1
    return [f"{number:0{width}d}" for number in range(first, last + step, step)]


def _meant(word: str) -> list[remote.Source]:
    words = [word] if not store.protocol(word) and Path(store.local_path(word)).exists() else expanded(word)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        lists = list(pool.map(lambda one: remote.expand([one], (".tar",)), words))
    found = [source for some in lists for source in some]
    for source in found:
        if not source.bytes:
            what = "is empty" if source.bytes == 0 else "has no size that its server tells"
            raise ConfigError(
                f"the shard {store.shown(source.url)} {what}", "leave it out, or fetch it again"
            )
    return found


def _folder(url: str) -> str:
    return url.rpartition("/")[0]


def _manifests(folders: Sequence[str]) -> dict[str, ShardInfo]:
    """What builds say of their shards, by the shard's path or URL."""
    known: dict[str, ShardInfo] = {}
    for folder in folders:
        out, _, last = folder.rpartition("/")
        if last != "shards" or store.protocol(out) in ("http", "https"):
            continue
        there = place.at(out)
        if there.sizes(manifest.FILE):
            known |= {f"{folder}/{info.file}": info for info in manifest.read_manifest(there)}
    return known


def _described(
    found: tuple[remote.Source, int],
    known: Mapping[str, ShardInfo],
    named: frozenset[str],
    indexed: Callable[[Shard], Indexed],
) -> Shard:
    source, number = found
    assert source.bytes is not None
    shard = Shard(source.url, source.bytes, 0, "", source.version, number)
    info = known.get(source.url)
    if info and info.bytes != source.bytes:
        raise ShardError(
            f"{source.url} has {source.bytes} bytes, its manifest says {info.bytes}",
            "put back an undamaged copy, or build again into another folder with `--out`",
        )
    told = info.samples if info else _in_stats(source.url)
    sha256 = info.sha256 if info else _ends(source)
    if told is not None and shard.name not in named:
        return replace(shard, samples=told, sha256=sha256)
    read = indexed(shard)
    due = (told or 0) - sum(n for reason, n in read.passed_over.items() if reason != "damaged")
    samples = max(len(read.bounds), due) if "damaged" in read.passed_over else len(read.bounds)
    return replace(shard, samples=samples, sha256=sha256, passed_over=tuple(read.passed_over.items()))


def _in_stats(url: str) -> int | None:
    """How many samples img2dataset says it wrote, None where it does not say."""
    stats = f"{url.removesuffix('.tar')}_stats.json"
    try:
        if not store.protocol(stats) and not Path(stats).exists():
            return None
        with remote.opened(stats) as file:
            successes = orjson.loads(file.read(_MAX_STATS))["successes"]
    except (WitError, ValueError, LookupError, TypeError):
        return None
    return successes if isinstance(successes, int) and successes >= 0 else None


def _ends(source: remote.Source) -> str:
    if store.protocol(source.url) and source.version:
        return hashlib.sha256(source.version.encode()).hexdigest()
    assert source.bytes is not None
    digest = hashlib.sha256()
    with remote.opened(source.url) as file:
        digest.update(file.read(_ENDS))
        file.seek(max(0, source.bytes - _ENDS))
        digest.update(file.read(_ENDS))
    return digest.hexdigest()
