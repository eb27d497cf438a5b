"""The steps of the balance, in their order; what each of them does stands in balance.py."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wit_builder.curation.settings import Balance
from wit_builder.engine.task import read_json

Run = Callable[[str, str, Sequence[Any], Mapping[str, Any]], None]  # stage, function, arguments, params
Files = Callable[[str, str], list[str]]  # what a stage's tasks handed on under that kind

_TASKS = "wit_builder.curation.balance"


def run(
    run: Run,
    files: Files,
    samples: Sequence[str],
    dropped: Sequence[str],
    ranges: int,
    queries: str,
    balance: Balance | None,
    say: Callable[[str], None],
) -> None:
    """Drop what is too much of the survivors of duplicates, and count the queries of all.

    samples: parquet paths; dropped: parquet of ids that are gone from them; ranges: parts of them that a task
    holds in memory; queries: path of the list; balance: None keeps all; say: is told what was found.
    """
    own = [{"samples": path, "file": number} for number, path in enumerate(samples)]
    params: dict[str, Any] = {"queries": queries, "balance": balance, "files": len(own), "ranges": ranges}
    params["dropped"] = list(dropped)
    needs: list[str] = []
    found: list[str] = []
    if balance is not None:
        run("clean-spread", f"{_TASKS}:spread", own, params)
        rows = params | {"rows": files("clean-spread", "rows")}
        run("clean-weigh", f"{_TASKS}:weigh", [None], rows)
        run("clean-need", f"{_TASKS}:need", range(ranges), rows | {"counts": files("clean-weigh", "counts")})
        needs = files("clean-need", "needs")
        if balance.target is not None:
            run("clean-solve", f"{_TASKS}:solve", [None], params | {"sizes": files("clean-need", "sizes")})
            found = files("clean-solve", "found")
            solved = read_json(Path(found[0]))
            say(
                f"{solved['per_query']:,} pairs per query keep {solved['kept']:,}; {balance.target:,} were asked for"
            )
    run("clean-decide", f"{_TASKS}:decide", own, params | {"needs": needs, "found": found})
    run(
        "clean-tell",
        f"{_TASKS}:tell",
        [None],
        params | {"counts": files("clean-decide", "counts"), "found": found},
    )
