"""A list as a stage of a build: one task for each slice of a file."""

from wit_builder.engine.task import Task


def collect(task: Task) -> None:
    """Reads one slice of a list.

    Hands on `candidates` and `losses` (parquet), and the funnel of the stage extract.
    """
    raise AssertionError("to be written")
