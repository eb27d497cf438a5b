"""Every address the crawl knows, on disk: what is to be fetched next, and that nothing is fetched twice.

A crawl goes in levels (levels.py), and one is settled before the next begins. An address has the smallest
level at which it can be met, whatever the order in which answers come in.

    seen    key -> level       every address ever met; the largest table, so the narrowest (24 bytes a row)
    found                      addresses waiting for their level, in the order they came
    moved   key -> level       those of `found` that were met again at a smaller level, by a redirect
    round   host, key -> url   addresses of the current level that are not settled yet
    turn    host -> cut        what is chosen of `round`: keys up to the cut
    hosts, counts, parts, meta what was asked of a host; the funnel; the files written; the rest

Key: the 16 bytes of `records.url_id`. A cut chooses without a mark on each row, a waiting address is appended
and never moved, `round` is used up from one end. A page of 31 links, 2 of them new, costs 24 µs with 10,000
addresses known and 59 µs with 1,000,000; 133 µs if links were strewn evenly over the million, which no site's
are (benchmarks/crawl/frontier.py). Looking up and inserting alone, with no key in memory, took 30 and 90 µs on
strewn links, one table keyed by hash with an index on what is due 65 and 210 µs.

Safe against kill -9 and loss of power: a commit is one transaction in SQLite's write-ahead log. With
synchronous=NORMAL a loss of power may take back the last commits, whole ones, the latest first; the files
they name are then orphans, removed when the crawl goes on, and their pages are fetched again. The opposite, a
row that names a file that is not there, cannot be: a file is synced before its transaction ends.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import xxhash

from wit_builder.crawl.levels import holds_sitemaps
from wit_builder.errors import BuildError

Count = tuple[str, str]  # stage and reason; reason "" counts what was kept

CACHE_KIB = 4096  # of database pages in memory; 32 MiB were no faster with 1,000,000 addresses
RECENT = 32_768  # keys that a generation of the set in front holds; two generations, 6 MB

_REFUSED = -1  # level of an address that was refused when it was met: smaller than any, so nothing moves it
_ROWS = 128  # of one INSERT statement
_STEPS = 500_000  # of SQLite's machine, about 10 ms
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY, level INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS found (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL, level INTEGER NOT NULL, host TEXT NOT NULL, url TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS moved (key BLOB PRIMARY KEY, level INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS round (
        host TEXT NOT NULL, key BLOB NOT NULL, url TEXT NOT NULL, PRIMARY KEY (host, key)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS turn (n INTEGER PRIMARY KEY, host TEXT NOT NULL, cut BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS hosts (
        host TEXT NOT NULL, sitemaps INTEGER NOT NULL, asked INTEGER NOT NULL, PRIMARY KEY (host, sitemaps)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS counts (
        stage TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (stage, reason)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS parts (
        kind TEXT NOT NULL, name TEXT NOT NULL, rows INTEGER NOT NULL, PRIMARY KEY (kind, name)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
# Of the round, what each host's budget allows: its smallest keys.
_DUE = """
    WITH ranked AS (
        SELECT host, key, row_number() OVER (PARTITION BY host ORDER BY key) AS place FROM round
    ), due AS (
        SELECT ranked.host, key FROM ranked
        LEFT JOIN hosts ON hosts.host = ranked.host AND hosts.sitemaps = :sitemaps
        WHERE place <= :per_host - coalesce(asked, 0)
    )
"""
_LAST_KEY = b"\xff" * 16


class Interrupted(Exception):
    """A long step was given up because a stop was asked for; nothing of it happened."""


@dataclass(frozen=True, slots=True)
class Address:
    """A page or sitemap to be had."""

    key: bytes  # 16 bytes, `records.url_id` of the URL
    host: str
    url: str  # normalised


@dataclass(frozen=True, slots=True)
class Leftover:
    """An address of the round that no budget is left for."""

    address: Address
    host_is_spent: bool  # else the whole crawl's budget is


class Frontier:
    """One crawl's addresses and counts; a context manager, of one process at a time.

    Everything that writes stands in a `transaction`. Raises BuildError where the file is in use or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = _open(path)
        self._counts: Counter[Count] = Counter(
            {(stage, reason): n for stage, reason, n in self._db.execute("SELECT * FROM counts")}
        )
        self._changed: set[Count] = set()
        self._recent: set[bytes] = set()
        self._less_recent: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._db.close()

    # What is kept besides addresses

    def recall(self, name: str) -> str | None:
        """A text stored with `remember`, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, name: str, value: str) -> None:
        """Store a small text under a name."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def parts(self, kind: str) -> dict[str, int]:
        """The files of that kind that make up the result, with their rows, in the order of their names."""
        statement = "SELECT name, rows FROM parts WHERE kind = ? ORDER BY length(name), name"
        return dict(self._db.execute(statement, (kind,)))

    def add_part(self, kind: str, name: str, rows: int) -> None:
        """Make a file, already synced, part of the result."""
        self._db.execute("INSERT INTO parts VALUES (?, ?, ?)", (kind, name, rows))

    def drop_part(self, kind: str, name: str) -> None:
        """Leave a file out of the result from now on."""
        self._db.execute("DELETE FROM parts WHERE kind = ? AND name = ?", (kind, name))

    def sync(self) -> None:
        """Wait until all that was committed is on the disk; between transactions."""
        self._db.execute("PRAGMA wal_checkpoint")

    def copy_to(self, path: Path) -> None:
        """Write all that was committed to another file; between transactions."""
        with closing(sqlite3.connect(path)) as copy:
            self._db.backup(copy)

    @property
    def counts(self) -> Counter[Count]:
        """How often each (stage, reason) was counted; ("frontier", "known") are all addresses ever met."""
        return self._counts

    def count(self, stage: str, reason: str, n: int) -> None:
        """Add to a count."""
        if n:
            self._counts[stage, reason] += n
            self._changed.add((stage, reason))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside happens, or nothing of it; then this object is of no more use."""
        self._db.execute("BEGIN")
        try:
            yield
            self._db.executemany(
                "INSERT OR REPLACE INTO counts VALUES (?, ?, ?)",
                [(*name, self._counts[name]) for name in self._changed],
            )
            self._changed.clear()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # some errors have rolled it back already
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def interruptible(self, stop: Callable[[], bool]) -> Iterator[None]:
        """Raises Interrupted out of what takes long inside, once `stop` says True; asked every few ms."""
        self._db.set_progress_handler(stop, _STEPS)
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            raise Interrupted from None
        finally:
            self._db.set_progress_handler(None, 0)

    # Addresses come in

    def unfamiliar(self, urls: Iterable[str]) -> list[tuple[bytes, str]]:
        """Keys and URLs of those not met lately: most links of a page are those of the page before.

        They count as met from now on, so whoever asks must `add`, `move` or `refuse` them, or not want them.
        """
        recent, less_recent = self._recent, self._less_recent
        keyed = [(xxhash.xxh3_128_digest(url.encode()), url) for url in urls]
        rare = [pair for pair in keyed if pair[0] not in recent]
        if rare:
            recent.update([key for key, _ in rare])
            if len(recent) > RECENT:
                self._recent, self._less_recent = set(), recent
            rare = [pair for pair in rare if pair[0] not in less_recent]
        return rare

    def add(self, addresses: Sequence[Address], level: int) -> None:
        """Addresses that links name, each once; those met before stay as they are."""
        new = self._insert([address.key for address in addresses], level)
        self._wait([address for address in addresses if address.key in new], level)

    def move(self, addresses: Sequence[Address], level: int) -> None:
        """Addresses for a level that may lie before one they wait for: where redirects lead, and sitemaps."""
        new = self._insert([address.key for address in addresses], level)
        earlier = [
            address for address in addresses if address.key not in new and self._lower(address.key, level)
        ]
        self._wait([*(address for address in addresses if address.key in new), *earlier], level)

    def refuse(self, keys: Sequence[bytes]) -> set[bytes]:
        """Addresses that are not to be fetched whoever names them; returns those never met before."""
        return self._insert(keys, _REFUSED)

    def _insert(self, keys: Sequence[bytes], level: int) -> set[bytes]:
        """Put keys into `seen`; the new ones among them."""
        new: set[bytes] = set()
        waiting = sorted(keys)  # neighbours lie on one page of the table
        start = 0
        while start < len(waiting):
            size = min(_ROWS, 1 << (len(waiting) - start).bit_length() - 1)  # few statements to prepare
            rows = f"({'?, ' + str(level)}), " * size
            statement = f"INSERT OR IGNORE INTO seen VALUES {rows[:-2]} RETURNING key"
            new.update(key for (key,) in self._db.execute(statement, waiting[start : start + size]))
            start += size
        self.count("frontier", "known", len(new))
        return new

    def _wait(self, addresses: Iterable[Address], level: int) -> None:
        self._db.executemany(
            "INSERT INTO found (key, level, host, url) VALUES (?, ?, ?, ?)",
            [(address.key, level, address.host, address.url) for address in addresses],
        )

    def _lower(self, key: bytes, level: int) -> bool:
        lowered = self._db.execute("UPDATE seen SET level = ?2 WHERE key = ?1 AND level > ?2", (key, level))
        if lowered.rowcount:
            self._db.execute("INSERT OR REPLACE INTO moved VALUES (?, ?)", (key, level))
        return bool(lowered.rowcount)

    # Addresses are handed out

    @property
    def level(self) -> int:
        """The level that is being settled; -1 before the first."""
        return int(self.recall("level") or -1)

    def next_level(self) -> int | None:
        """Begin the smallest level that waits, everything of the one before being settled; None: no more."""
        (level,) = self._db.execute("SELECT min(level) FROM found").fetchone()
        if level is None:
            return None
        self._db.execute(
            "INSERT INTO round SELECT host, key, url FROM found WHERE level = ? AND NOT EXISTS ("
            "SELECT 1 FROM moved WHERE moved.key = found.key AND moved.level < found.level) "
            "ORDER BY host, key",
            (level,),
        )
        self._db.execute("DELETE FROM found WHERE level = ?", (level,))
        self.remember("level", str(level))
        return int(level)

    def is_settled(self) -> bool:
        """Whether nothing is left of the current level."""
        return self._db.execute("SELECT 1 FROM round LIMIT 1").fetchone() is None

    def choose(self, per_host: int, total: int | None) -> None:
        """Choose of the round, by smallest key, what the budgets allow: first each host's, then that of all.

        What was asked of a host before counts against its budget, what was asked of all against the total.
        """
        given = {"sitemaps": holds_sitemaps(self.level), "per_host": per_host, "cut": _LAST_KEY}
        self._db.execute("DELETE FROM turn")
        if total is not None:
            left = max(0, total - self._counts["frontier", "asked"])
            (due,) = self._db.execute(f"{_DUE} SELECT count(*) FROM due", given).fetchone()
            if left < due:
                given["cut"] = self._smallest_due(left, given) if left else b""
        self._db.execute(
            f"{_DUE} INSERT INTO turn (host, cut) "
            "SELECT host, max(key) FROM due WHERE key <= :cut GROUP BY host ORDER BY max(key)",
            given,
        )

    def _smallest_due(self, n: int, given: Mapping[str, Any]) -> bytes:
        """The n-th smallest key that is due."""
        statement = f"{_DUE} SELECT key FROM due ORDER BY key LIMIT 1 OFFSET :offset"
        (key,) = self._db.execute(statement, {**given, "offset": n - 1}).fetchone()
        return bytes(key)

    def chosen(self) -> tuple[int, int]:
        """How many addresses are chosen and not settled, and of how many hosts."""
        statement = (
            "SELECT count(*), count(DISTINCT n) FROM turn JOIN round ON round.host = turn.host AND key <= cut"
        )
        addresses, hosts = self._db.execute(statement).fetchone()
        return int(addresses), int(hosts)

    def hosts(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Numbers and names of hosts that something is chosen of, in no telling order, from a number on."""
        return self._db.execute(
            "SELECT n, host FROM turn WHERE n > ? ORDER BY n LIMIT ?", (after, limit)
        ).fetchall()

    def addresses(self, host_number: int, after: bytes, limit: int) -> list[Address]:
        """Addresses chosen of that host and not settled, by key, beyond a key."""
        rows = self._db.execute(
            "SELECT key, turn.host, url FROM turn JOIN round ON round.host = turn.host AND key <= cut "
            "WHERE n = ? AND key > ? ORDER BY key LIMIT ?",
            (host_number, after, limit),
        )
        return [Address(*row) for row in rows]

    def leftovers(self, per_host: int, limit: int) -> list[Leftover]:
        """Addresses of the round that no budget allows any more."""
        rows = self._db.execute(
            "SELECT key, round.host, url, coalesce(asked, 0) >= ? FROM round "
            "LEFT JOIN hosts ON hosts.host = round.host AND hosts.sitemaps = ? LIMIT ?",
            (per_host, holds_sitemaps(self.level), limit),
        )
        return [Leftover(Address(key, host, url), bool(spent)) for key, host, url, spent in rows]

    # Addresses are done with

    def settle(self, addresses: Iterable[Address]) -> None:
        """Addresses of the round that are kept or lost."""
        self._db.executemany(
            "DELETE FROM round WHERE host = ? AND key = ?", sorted((a.host, a.key) for a in addresses)
        )

    def charge(self, asked: Counter[str]) -> None:
        """Count requests against the budgets of hosts, and, for pages, of the crawl."""
        sitemaps = holds_sitemaps(self.level)
        self._db.executemany(
            "INSERT INTO hosts VALUES (?, ?, ?) "
            "ON CONFLICT (host, sitemaps) DO UPDATE SET asked = asked + excluded.asked",
            [(host, sitemaps, n) for host, n in sorted(asked.items())],
        )
        if not sitemaps:
            self.count("frontier", "asked", asked.total())


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute(f"PRAGMA journal_size_limit = {64 * 1024 * 1024}")
        db.execute("BEGIN IMMEDIATE")
        db.execute("COMMIT")
        db.executescript(_SCHEMA)
    except sqlite3.DatabaseError as error:
        db.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise BuildError(f"{str(path)!r} is in use: another process crawls into this folder") from None
        raise BuildError(f"{str(path)!r} cannot be opened: {error}", "crawl into another folder") from error
    return db
