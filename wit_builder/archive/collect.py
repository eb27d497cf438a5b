"""Archives as a stage of a build: one task a file."""

import io
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryFile
from typing import BinaryIO

from wit_builder import remote
from wit_builder.archive.framing import Break, records
from wit_builder.archive.images import LinkedPage
from wit_builder.archive.parts import Parts
from wit_builder.archive.rows import NoPage, Page, Rows
from wit_builder.archive.warc import WarcReader
from wit_builder.archive.wat import WatReader
from wit_builder.engine.task import Stopped, Task
from wit_builder.ledger import Funnel

BATCH = 10_000  # pages and rows that become tables at a time
REPORT_EVERY = 500  # pages

Reader = WarcReader | WatReader
Outcome = Page | LinkedPage | NoPage

_READERS: dict[str, type[Reader]] = {"warc": WarcReader, "wat": WatReader}


def collect(task: Task) -> None:
    """Reads one archive.

    arg: {kind: warc or wat, file: path or URL, name: of the file, in sources}; params: web (WebSettings),
    extraction (Extraction). Hands on `candidates` and `losses` (parquet), and the funnel of the stages pages
    (archived responses) and extract.
    """
    web, extraction = task.params["web"], task.params["extraction"]
    file = task.arg["file"]
    reader = _READERS[task.arg["kind"]](
        task.arg["name"],
        replace(extraction, optout=web.optout),  # one policy for pages and images
        web.max_page_bytes,
    )
    sink = _Sink(task, reader)
    with remote.opened(file) as opened, _seekable(opened) as stream:
        for outcome in outcomes(stream, reader):
            sink.take(outcome)
    sink.close()


def outcomes(file: BinaryIO, reader: Reader) -> Iterator[Outcome]:
    """What the records of an archive become, and its damaged places; of one without a response, what it holds.

    A record counts once what follows it has shown that it ended where it said.
    """
    held: Outcome | None = None
    others: Counter[str] | None = Counter()  # the kinds of its records, as long as none is of a response
    for record in records(file):
        if isinstance(record, Break):
            yield from _at_break(record, held, reader.name)
            held = None
        else:
            if held is not None:
                yield held
            held = reader.read(record)
            if held is not None:
                others = None
            elif others is not None:
                others[str(record.record_type)] += 1
    if held is not None:
        yield held
    if others:
        kinds = ", ".join(f"{kind} ({n})" for kind, n in others.most_common())
        yield NoPage("no_response", "", f"its records are {kinds}", f"{reader.name}@0")


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file, or a copy on the disk where its server gives it only from beginning to end."""
    try:
        file.seek(0, io.SEEK_END)  # `seekable` says yes of streams that are not
    except (OSError, ValueError):
        pass
    else:
        yield file
        return
    with TemporaryFile() as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        yield copy


def _at_break(place: Break, held: Outcome | None, name: str) -> Iterator[Outcome]:
    """One loss for a damaged place; the record before it is kept only if it is sound."""
    if held is not None and place.sound:
        yield held
    url = held.url if held is not None and not place.sound else ""
    yield NoPage("not_warc" if place.empty else "bad_record", url, place.why, f"{name}@{place.offset}")


class _Sink:
    """Turns outcomes into the task's files and counts."""

    def __init__(self, task: Task, reader: Reader) -> None:
        self._task, self._reader = task, reader
        self._candidates, self._losses = Parts(task, "candidates"), Parts(task, "losses")
        self._rows = Rows(reader.images)
        self._pages = 0

    def take(self, outcome: Outcome) -> None:
        """Raises Stopped when the user asked to stop."""
        self._rows.add(outcome)
        self._pages += 1
        if self._rows.count >= BATCH:
            self._hand_on()
        if self._pages % REPORT_EVERY == 0:
            if self._task.stopping():
                raise Stopped
            self._hand_on()
            self._task.report(_counts(self._task.funnel))

    def close(self) -> None:
        """Write what waits."""
        self._hand_on()
        self._candidates.flush()
        self._losses.flush()

    def _hand_on(self) -> None:
        self._candidates.add(self._rows.candidates())
        self._losses.add(self._rows.losses())
        self._task.funnel.add(self._rows.funnel())
        self._rows = Rows(self._reader.images)


def _counts(funnel: Funnel) -> dict[str, int]:
    """As a crawl tells them."""
    return {
        "pages": funnel["pages"].kept,
        "dropped": funnel["pages"].dropped.total(),
        "candidates": funnel["extract"].kept,
    }
