"""Which addresses may be connected to, and where a host name leads.

The guard judges the address that is really used, after resolution, so a name that answers 8.8.8.8 once and
127.0.0.1 the next time (DNS rebinding) gains nothing. A host that is an address itself is judged as one and
never looked up.
"""

import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from wit_builder.errors import ConfigError, Forbidden, Transient

HOSTS_KEPT = 1024  # that need not be read again for each of their addresses

Lookup = Callable[[str], Awaitable[Sequence[str]]]  # host name to addresses; OSError where there are none
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA IPv4 Special-Purpose Address Registry, and multicast (RFC 5771), which that registry leaves out.
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(cidr)
    for cidr in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; some clouds serve metadata from it
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, the metadata service of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Of IPv6 only global unicast is let through (RFC 4291 section 2.4), less the special parts of it.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(cidr)
    for cidr in (
        "2001::/23",  # protocol assignments; Teredo and ORCHID are in here
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries any IPv4 address inside
        "3fff::/20",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address


class NetworkGuard:
    """Refuses addresses that no public web server has.

    allow: networks that are let through all the same, such as "127.0.0.0/8" for a test web.
    Raises ConfigError where one of them is no network.
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allow = tuple(_network(cidr) for cidr in allow)

    def check(self, ip: str) -> None:
        """Raise Forbidden("network_refused") unless the address is public or allowed."""
        address = _embedded(_address(ip))
        if any(address in network for network in self._allow):
            return
        if isinstance(address, ipaddress.IPv4Address):
            refused = any(address in network for network in _REFUSED_V4)
        else:
            refused = address not in _GLOBAL_V6 or any(address in network for network in _REFUSED_V6)
        if refused:
            raise Forbidden("network_refused", ip)


class Resolver:
    """Host names to addresses, guarded; what the client asks before each new connection.

    connect_to: host pattern to "ip:port", or to None for "no such host"; the first match wins. A pattern is
        a host name, "*.demo.test" (any name below demo.test) or "*". The mapped port replaces the URL's.
    lookup: asks the real DNS.
    ttl_s, negative_ttl_s: how long an answer, or the lack of one, is believed.
    """

    def __init__(
        self,
        guard: NetworkGuard,
        connect_to: Mapping[str, str | None] | None = None,
        *,
        lookup: Lookup | None = None,
        clock: Callable[[], float] = time.monotonic,
        ttl_s: float = 300.0,
        negative_ttl_s: float = 30.0,
        max_hosts: int = 20_000,
    ) -> None:
        self._guard = guard
        self._routes = [
            (pattern.lower(), None if target is None else _endpoint(target))
            for pattern, target in (connect_to or {}).items()
        ]
        self._system: Any = None
        self._lookup = lookup or self._ask_system
        self._clock = clock
        self._ttl_s, self._negative_ttl_s, self._max_hosts = ttl_s, negative_ttl_s, max_hosts
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}  # host: believed until, addresses

    async def resolve(self, host: str, port: int) -> list[tuple[str, int]]:
        """The host's addresses and ports that the guard lets through.

        Raises Forbidden("network_refused") when it lets none through, OSError or Transient("dns") when there
        are none.
        """
        if (literal := literal_ip(host)) is not None:
            self.check_literal(host)
            return [(literal, port)]
        host = host.rstrip(".").lower()
        for pattern, target in self._routes:
            if _matches(host, pattern):
                if target is None:
                    raise OSError(f"{host} is mapped to no address")
                self._guard.check(target[0])
                return [target]
        return [(ip, port) for ip in self._allowed(await self._addresses(host))]

    def check_literal(self, host: str) -> None:
        """Judge a URL's host that is an address itself, in any spelling a socket would understand.

        Raises Forbidden("network_refused"), or Transient("dns") where connect_to maps it to nothing.
        """
        ip = literal_ip(host)
        if ip is None:
            return
        if any(target is None and _matches(host, pattern) for pattern, target in self._routes):
            raise Transient("dns", f"{host} is mapped to no address")
        self._guard.check(ip)

    async def reach(self, host: str) -> str:
        """The address at which a URL's host is asked first.

        Raises what keeps it from being connected to: Forbidden("network_refused") or Transient("dns").
        """
        try:
            return (await self.resolve(host, 0))[0][0]
        except OSError as error:
            raise Transient("dns", str(error)) from None

    async def close(self) -> None:
        """Let go of the DNS client."""
        if self._system is not None:
            await self._system.close()

    def _allowed(self, addresses: Sequence[str]) -> list[str]:
        allowed = []
        refusal: Forbidden | None = None
        for ip in addresses:
            try:
                self._guard.check(ip)
            except Forbidden as error:
                refusal = error
            else:
                allowed.append(ip)
        if refusal is not None and not allowed:
            raise refusal
        return allowed

    async def _addresses(self, host: str) -> Sequence[str]:
        until, addresses = self._known.get(host, (0.0, ()))
        if until <= self._clock():
            try:
                addresses = tuple(await self._lookup(host))
            except OSError:
                addresses = ()
            self._remember(host, addresses)
        if not addresses:
            raise OSError(f"{host} has no address")
        return addresses

    def _remember(self, host: str, addresses: tuple[str, ...]) -> None:
        self._known.pop(host, None)
        while len(self._known) >= self._max_hosts:
            del self._known[next(iter(self._known))]  # the oldest answer
        self._known[host] = (self._clock() + (self._ttl_s if addresses else self._negative_ttl_s), addresses)

    async def _ask_system(self, host: str) -> Sequence[str]:
        import aiodns  # which whoever only judges settings need not wait for

        if self._system is None:
            self._system = aiodns.DNSResolver()
        try:
            found = await self._system.getaddrinfo(
                host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except aiodns.error.DNSError as error:
            raise OSError(str(error)) from None
        return [node.addr[0].decode() for node in found.nodes]


@lru_cache(HOSTS_KEPT)
def literal_ip(host: str) -> str | None:
    """The address that the host spells, or None for a name: "0x7f.1" is 127.0.0.1 to a socket."""
    bare = host.strip("[]").rstrip(".")
    if ":" in bare:
        return str(_address(bare))
    if not bare.rpartition(".")[2][:1].isdigit():  # no top-level domain begins with a digit
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(bare))
    except OSError:
        return None


@lru_cache(HOSTS_KEPT)
def _address(ip: str) -> Address:
    try:
        return ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        raise Forbidden("network_refused", f"{ip!r} is no address") from None


def _embedded(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _network(cidr: str) -> Network:
    try:
        return ipaddress.ip_network(cidr)
    except ValueError as error:
        raise ConfigError(f"{cidr!r} is no network: {error}", "write it as 127.0.0.0/8") from None


def _endpoint(target: str) -> tuple[str, int]:
    ip, _, port = target.rpartition(":")
    try:
        return str(ipaddress.ip_address(ip.strip("[]"))), int(port)
    except ValueError:
        raise ConfigError(f"{target!r} is no ip:port", "write it as 127.0.0.1:8000") from None


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*") else host == pattern
