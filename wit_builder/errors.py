"""What can go wrong, one type per decision the caller takes.

    WitError                    the command ends with one sentence and a hint
    ├── ConfigError             nothing was started: recipe, flag or file is wrong (exit code 2)
    ├── BuildError              a stage stopped; what is written stays good, `--resume` goes on (exit code 1)
    │   └── Busy                another process is at this task: a try of it is lost, and nothing else
    ├── ShardError              a published file is not what its manifest says (exit code 1)
    └── Dropped                 one item is lost for a reason the ledger keeps; the run goes on
        ├── FetchError          one URL was not had
        │   ├── Forbidden       robots, opt-out, network guard, scope: never retried
        │   ├── Transient       may pass: dns, timeout, connect, 429, 5xx; retried within a budget
        │   └── Gone            will not pass: 404, wrong type, too big, redirect loop; never retried
        └── ImageError          the bytes are no image that may be used

A message names the thing, what is, and what was expected. A hint can be typed.
"""


def many(n: int, noun: str) -> str:
    """1 page, 2,000 pages: how a message counts."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


class WitError(Exception):
    """Base of every error this project raises on purpose."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint  # what to type next


class ConfigError(WitError):
    """Nothing was started: the recipe, a flag or an input file is wrong."""


class BuildError(WitError):
    """A stage stopped. What was committed is whole, and `--resume` goes on from there."""


class Busy(BuildError):
    """Another process is at this task. The others go on."""


class ShardError(WitError):
    """A published file is not what its manifest says."""


class Dropped(WitError):
    """One item is lost, for a reason that goes into the ledger.

    reason: snake_case, a key of the stage's counts.
    evidence: what was seen, at most a few hundred characters (a header, a status line, a size).
    """

    def __init__(self, reason: str, evidence: str = "") -> None:
        super().__init__(f"{reason}: {evidence}" if evidence else reason)
        self.reason = reason
        self.evidence = evidence[:500]

    def __reduce__(self) -> tuple[type["Dropped"], tuple[str, str]]:
        return type(self), (self.reason, self.evidence)


class FetchError(Dropped):
    """One URL was not had."""


class Forbidden(FetchError):
    """Robots, an opt-out, the network guard or the scope says no. Never retried."""


class Transient(FetchError):
    """May pass later: dns, timeout, connect, 429, 5xx. Retried within a budget.

    retry_after: seconds the server asked us to wait, None where it did not say.
    """

    def __init__(self, reason: str, evidence: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason, evidence)
        self.retry_after = retry_after


class Gone(FetchError):
    """Will not pass: 404, wrong type, too big, a redirect loop. Never retried."""


class ImageError(Dropped):
    """The bytes are no image that may be used."""
