"""The queries and the balance of recipes whose user names a list."""

from wit_builder.curation.balance import Balance
from wit_builder.queries.settings import Queries


def queries(path: str) -> Queries | None:
    """The list in that file; none is asked for where no file is named."""
    return Queries(files=(path,)) if path else None


def balance(path: str, per_query: int) -> Balance | None:
    """CLIP's balance over the list's queries; none for 0 pairs, or without a list."""
    return Balance(per_query=per_query) if path and per_query else None
