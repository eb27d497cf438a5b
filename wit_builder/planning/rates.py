"""What a trial measured, with how sure one can be of it; JSON, so that a later plan can do without a trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self, get_origin, get_type_hints

import numpy as np

from wit_builder import stats
from wit_builder.errors import ConfigError
from wit_builder.report.diagnosis import kind_of

Z = 1.96  # standard errors on either side of a mean: 95 %


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where it lies with 95 % confidence."""

    value: float
    low: float
    high: float

    def __mul__(self, factor: float) -> "Interval":
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    def plus(self, known: float) -> "Interval":
        """So much more."""
        return Interval(self.value + known, self.low + known, self.high + known)

    def times(self, other: "Interval") -> "Interval":
        """The product of two independent figures, none below 0; relative errors add up in quadrature."""
        value = self.value * other.value

        def spread(a: float, b: float) -> float:
            return value * math.hypot(_relative(a, self.value), _relative(b, other.value))

        return Interval(
            value, max(0.0, value - spread(self.low, other.low)), value + spread(self.high, other.high)
        )


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of n values and their standard deviation."""

    n: int
    mean: float
    sd: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of these values; all 0 where there are none."""
        found = np.asarray(values, dtype=np.float64)
        if not found.size:
            return cls(0, 0.0, 0.0)
        return cls(found.size, float(found.mean()), float(found.std(ddof=1)) if found.size > 1 else 0.0)

    def interval(self) -> Interval:
        """By the normal approximation; below two values nothing is known of the spread, so it is the value."""
        error = Z * self.sd / math.sqrt(self.n) if self.n else 0.0
        return Interval(self.mean, max(0.0, self.mean - error), self.mean + error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What fetching a sample of rows took. Bytes are per pair where nothing else is said, seconds per request."""

    rows: int  # that were tried
    lost: Mapping[str, int]  # of them, by reason; the others became pairs
    down: Mean  # bytes that came for a row, a pair in the end or not
    staged: Mean  # bytes of a picture as re-encoded
    stored: float  # bytes of a pair in a shard, its text, JSON and row of the sidecar among them
    pixels: Mean  # of a pair's original
    request_cpu_s: float  # of the process that asks
    picture_cpu_s: float  # of those that decode, per body
    picture_requests: float  # per row: 1, and redirects and retries
    rule_requests: float  # per host: robots.txt and tdmrep.json, and their redirects
    latency_s: tuple[float, ...]  # of one request for a picture that was answered, ascending
    waiting_s: float  # of one request, answered or not, the mean
    start_s: float  # until a process that decodes has started
    straggler_s: float  # from a row's first request to the end of its last, the longest
    address_share: float  # of all requests, at the IP address that got most
    at: str  # when it was measured, UTC
    machine: str  # where

    @property
    def pairs(self) -> int:
        """Rows that became pairs."""
        return self.rows - sum(self.lost.values())

    def success(self) -> Interval:
        """The share of rows that become pairs."""
        return clopper_pearson(self.pairs, self.rows)

    def latency(self) -> float:
        """Seconds of one request, the mean."""
        return float(np.mean(self.latency_s)) if self.latency_s else 0.0

    def gap(self, delay: float, connections: int = 1) -> float:
        """Seconds between two requests to one host, the mean: its delay, or the answer where that is slower.

        A host is asked for the next picture when the last one is decoded.
        """
        taken = np.asarray(self.latency_s or (0.0,)) + self.picture_cpu_s
        return float(np.maximum(taken / connections, delay).mean())

    def row_cpu_s(self) -> float:
        """CPU seconds of one row, what is asked once per host left out."""
        bodies = (self.pairs + undecoded(self.lost)) / self.rows
        return self.picture_requests * self.request_cpu_s + bodies * self.picture_cpu_s

    def as_json(self) -> dict[str, Any]:
        """For `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The inverse of `as_json`. Raises ConfigError for anything else."""
        try:
            rates: Self = _read(cls, value, "")
            _check(rates)
        except ValueError as error:
            raise ConfigError(f"these are no rates of a trial: {error}", MAKE) from error
        return rates


UNDECODED = frozenset(
    {"decode_error", "unsupported_format", "too_many_pixels", "image_timeout", "image_crash"}
)

MAKE = "wit plan --input pairs.parquet --json > plan.json, then --rates plan.json"


_MOST = 1e15  # of whatever is counted or measured
_WORDS = {str: "a text", int: "a whole number, 0 or more", float: "a number, 0 or more"}


def _read(kind: Any, value: Any, where: str) -> Any:
    """JSON as that type of a field. Raises ValueError that says where something else stands."""
    if kind in (Rates, Mean) and isinstance(value, Mapping):
        types = get_type_hints(kind)
        if lacking := [name for name in types if name not in value]:
            raise ValueError(f"{where or 'they'} lack{'s' if where else ''} {lacking[0]!r}")
        return kind(**{name: _read(types[name], value[name], f"{where} {name}".strip()) for name in types})
    if get_origin(kind) is Mapping and isinstance(value, Mapping):
        return {str(key): _read(int, n, f"{where} {key!r}") for key, n in value.items()}
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_read(float, each, where) for each in value)
    if kind is str and isinstance(value, str):
        return value
    if kind in (int, float) and type(value) in (int, kind) and 0 <= value < _MOST:
        return value
    expected = _WORDS.get(kind, "a list" if get_origin(kind) is tuple else "an object")
    raise ValueError(
        f"{where} is {repr(value)[:80]}, expected {expected}" if where else "an object was expected"
    )


def _check(rates: Rates) -> None:
    """Raise ValueError for numbers that do not go together."""
    if not 0 <= rates.pairs <= rates.rows != 0:
        raise ValueError(f"of {rates.rows:,} rows {sum(rates.lost.values()):,} are lost")
    if rates.address_share > 1:
        raise ValueError(f"address_share is {rates.address_share:g}, expected 1 at most")
    for name, n, whole in (
        ("down", rates.down.n, rates.rows),
        ("staged", rates.staged.n, rates.pairs),
        ("pixels", rates.pixels.n, rates.pairs),
    ):
        if n != whole:
            raise ValueError(f"{name} n is {n:,}, expected {whole:,}")


def undecoded(lost: Mapping[str, int]) -> int:
    """How many bodies were decoded in vain."""
    return sum(n for reason, n in lost.items() if kind_of(reason) == "decode")


def clopper_pearson(hits: int, n: int) -> Interval:
    """The share hits / n with its exact 95 % interval (Clopper and Pearson 1934). n 0: nothing is known."""
    if not n:
        return Interval(0.0, 0.0, 1.0)
    return Interval(hits / n, *stats.clopper_pearson(hits, n, 0.95))


def _relative(bound: float, value: float) -> float:
    return abs(bound - value) / value if value else 0.0
