"""What of a round is in memory: a bounded number of addresses, of as many hosts as can be asked at once."""

from collections.abc import Callable
from dataclasses import dataclass

from wit_builder.crawl.frontier import Address, Frontier

ADDRESSES = 16_384  # about 6 MB
HOSTS = 1_024  # a host that is asked once a second and answers within 60 ms keeps 1/16 of a worker busy
_LEAST = 16  # addresses of one host read at once: 20 µs for 16


@dataclass(slots=True)
class _Host:
    number: int
    waiting: int = 0  # handed out and not taken yet
    last: bytes = b""  # key up to which addresses were read
    more: bool = True


class Window:
    """Hands addresses of the frontier's turn to `put`, host by host, as those before are taken."""

    def __init__(self, frontier: Frontier, put: Callable[[Address], None]) -> None:
        self._frontier = frontier
        self._put = put
        self._hosts: dict[str, _Host] = {}
        self._last_host = 0
        self._batch = _LEAST

    def open(self, hosts: int) -> None:
        """Begin a turn of that many hosts."""
        self._hosts.clear()
        self._last_host = 0
        self._batch = max(_LEAST, ADDRESSES // max(1, min(hosts, HOSTS)) // 2)
        self._more_hosts()

    def taken(self, host: str) -> None:
        """An address of that host was taken: make room for those behind it."""
        state = self._hosts[host]
        state.waiting -= 1
        if state.waiting <= self._batch // 2 and state.more:
            self._more_addresses(state)
        if not state.waiting:
            del self._hosts[host]
            self._more_hosts()

    def _more_hosts(self) -> None:
        while len(self._hosts) < HOSTS:
            rows = self._frontier.hosts(self._last_host, HOSTS - len(self._hosts))
            for number, host in rows:
                state = _Host(number)
                self._more_addresses(state)
                if state.waiting:
                    self._hosts[host] = state
                self._last_host = number
            if not rows:
                return

    def _more_addresses(self, state: _Host) -> None:
        addresses = self._frontier.addresses(state.number, state.last, self._batch)
        state.more = len(addresses) == self._batch
        for address in addresses:
            state.last = address.key
            state.waiting += 1
            self._put(address)
