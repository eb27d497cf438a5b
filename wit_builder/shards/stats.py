"""The counts of one shard, as img2dataset's `_stats.json` has them; DataComp's resharder reads `successes`."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Self

from wit_builder.records import Failure, Sample
from wit_builder.shards import sidecar

MIN_DURATION_S = 0.001  # img2dataset's progress log divides by the duration


class Stats:
    """Counts what a shard holds. The times are those of the fetches, so that bytes repeat."""

    def __init__(self) -> None:
        self._statuses: Counter[str] = Counter()
        self._messages: Counter[str] = Counter()
        self._times: list[datetime] = []  # the first and the last

    @classmethod
    def of(cls, items: Iterable[Sample | Failure]) -> Self:
        """Of all these rows."""
        stats = cls()
        for item in items:
            stats.add(*_facts(item))
        return stats

    def add(self, reason: str | None, at: datetime) -> None:
        """Count one row of the sidecar. reason: why it failed; None: it did not."""
        self._statuses[sidecar.status_of(reason) if reason else sidecar.SUCCESS] += 1
        if reason:
            self._messages[sidecar.message_of(reason)] += 1
        self._times = [min([at, *self._times]), max([at, *self._times])]

    def as_json(self) -> bytes:
        """The file, indented by 4."""
        began, ended = self._times or [datetime.fromtimestamp(0, UTC)] * 2
        stats = {
            "count": self._statuses.total(),
            "successes": self._statuses[sidecar.SUCCESS],
            "failed_to_download": self._statuses[sidecar.FAILED_TO_DOWNLOAD],
            "failed_to_resize": self._statuses[sidecar.FAILED_TO_RESIZE],
            "duration": max((ended - began).total_seconds(), MIN_DURATION_S),
            "start_time": began.timestamp(),
            "end_time": ended.timestamp(),
            "status_dict": {sidecar.SUCCESS: self._statuses[sidecar.SUCCESS]}
            | dict(sorted(self._messages.items(), key=lambda item: (-item[1], item[0]))),
        }
        return json.dumps(stats, indent=4).encode("ascii")


def _facts(item: Sample | Failure) -> tuple[str | None, datetime]:
    return (item.reason, item.at) if isinstance(item, Failure) else (None, item.fetched_at)
