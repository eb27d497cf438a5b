"""Archives as a stage of a build: one task a file."""

from wit_builder.engine.task import Task


def collect(task: Task) -> None:
    """Reads one archive.

    arg: {kind: warc or wat, file: path or URL}; params: extraction (Extraction). Hands on `candidates` and
    `losses` (parquet), and the funnel of the stages pages (archived responses) and extract.
    """
    raise AssertionError("to be written")
