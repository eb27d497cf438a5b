"""When a record was made: WARC-Date, a W3C date of any precision (WARC 1.1, section 5.4)."""

from datetime import UTC, datetime


def read(written: str) -> datetime | None:
    """The moment in UTC, the earliest it can mean; None where it is no date."""
    if len(written) in (4, 7):  # a year, a month
        written += "0000-01-01"[len(written) :]
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    if moment.tzinfo is UTC:
        return moment
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
