"""Asks origins for their tdmrep.json (optout.py) before anything of theirs is fetched.

So it refuses what a header might have given back.
"""

import time
from collections.abc import Callable

from wit_builder.errors import Forbidden
from wit_builder.web.optout import TdmRule, tdm_match, tdm_rules
from wit_builder.web.robots import KEEP_S, USUAL, Answer, Get, PerOrigin, Unreachable, ask
from wit_builder.web.settings import Politeness
from wit_builder.web.url import origin_of

_RULE_BYTES = 450  # of a TdmRule in memory


class TdmGate:
    """Asks each origin's tdmrep.json once, however many wait, and keeps what it said for a day.

    politeness: how often, and when, it is asked again after failures that may pass.
    """

    def __init__(
        self,
        get: Get,
        clock: Callable[[], float] = time.monotonic,
        politeness: Politeness = USUAL,
    ) -> None:
        self._get, self._politeness = get, politeness
        self._known = PerOrigin(self._load, clock)

    async def check(self, url: str) -> None:
        """Returns when no rule reserves `url` (normalised).

        Raises Forbidden("opt_out_tdmrep") with the rule, or "tdmrep_unreachable" with what went wrong, as
        `RobotsGate.check` does.
        """
        known = await self._known.get(origin_of(url))
        if isinstance(known, Unreachable):
            known.refuse("tdmrep_unreachable")
        rule = tdm_match(known, "/" + url.split("/", 3)[3])
        if rule is not None and rule.reserved:
            policy = f", policy {rule.policy}" if rule.policy else ""
            raise Forbidden("opt_out_tdmrep", f"{rule.location[:200]} in {_address(origin_of(url))}{policy}")

    async def _load(self, origin: str) -> Answer[tuple[TdmRule, ...] | Unreachable]:
        last = self._known.last(origin)
        failed = last if isinstance(last, Unreachable) else None
        answer = await ask(self._get, _address(origin), failed, self._politeness)
        if isinstance(answer, Unreachable):
            return Answer(answer, answer.keep_s)
        rules = tdm_rules(answer.body)
        size = sum(_RULE_BYTES + 4 * len(rule.location + rule.policy) for rule in rules)
        return Answer(rules, KEEP_S - answer.age_s, size)


def _address(origin: str) -> str:
    return f"{origin}/.well-known/tdmrep.json"
