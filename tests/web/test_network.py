import asyncio
from collections.abc import Sequence

import pytest

from wit_builder.errors import ConfigError, Forbidden, Transient
from wit_builder.web.network import NetworkGuard, Resolver, literal_ip


class FakeDns:
    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("no such host")
        return self.answers[host]


class FakeClock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def resolve(resolver: Resolver, host: str, port: int = 80) -> list[tuple[str, int]]:
    return asyncio.run(resolver.resolve(host, port))


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.168.1.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd12::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "100::1", "fec0::1",
    ],
)  # fmt: skip
def test_an_address_of_no_public_server_is_refused(ip: str) -> None:
    with pytest.raises(Forbidden, match="network_refused"):
        NetworkGuard().check(ip)


@pytest.mark.parametrize(
    "ip",
    [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.1",
        "169.253.0.1", "172.15.255.255", "172.32.0.0", "192.167.0.1", "223.255.255.255", "2606:4700::1111",
        "2a00:1450::1", "64:ff9b::101:101", "::ffff:1.1.1.1",
    ],
)  # fmt: skip
def test_an_address_of_a_public_server_is_let_through(ip: str) -> None:
    NetworkGuard().check(ip)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(Forbidden, match="is no address"):
        NetworkGuard().check("localhost")


def test_an_allowed_network_is_let_through_to_its_last_address() -> None:
    guard = NetworkGuard(("127.0.0.0/30", "fd00::/8"))
    for ip in ("127.0.0.3", "::ffff:127.0.0.3", "fd00::1"):
        guard.check(ip)
    with pytest.raises(Forbidden):
        guard.check("127.0.0.4")


@pytest.mark.parametrize("cidr", ["127.0.0.1/8", "localhost", ""])
def test_what_is_no_network_cannot_be_allowed(cidr: str) -> None:
    with pytest.raises(ConfigError, match="is no network"):
        NetworkGuard((cidr,))


@pytest.mark.parametrize(
    ("host", "ip"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[::ffff:7f00:1]", "::ffff:7f00:1"),
        ("a.test", None),
        ("127.0.0.1.nip.io", None),
        ("1.2.3.999", None),
        ("cafe.de", None),
    ],
)
def test_every_spelling_of_an_address_is_read_as_one(host: str, ip: str | None) -> None:
    assert literal_ip(host) == ip


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1"])
def test_a_host_that_is_a_private_address_is_refused(host: str) -> None:
    with pytest.raises(Forbidden, match="network_refused"):
        Resolver(NetworkGuard()).check_literal(host)


def test_a_host_that_is_a_public_address_or_a_name_is_let_through() -> None:
    resolver = Resolver(NetworkGuard())
    resolver.check_literal("1.1.1.1")
    resolver.check_literal("a.test")


def test_a_name_that_leads_to_a_private_address_is_refused() -> None:
    with pytest.raises(Forbidden, match=r"network_refused: 169\.254\.169\.254"):
        resolve(Resolver(NetworkGuard(), lookup=FakeDns(evil=["169.254.169.254"])), "evil")


def test_of_several_addresses_the_public_ones_are_used() -> None:
    dns = FakeDns(mixed=["10.0.0.1", "1.1.1.1", "::1"])
    assert resolve(Resolver(NetworkGuard(), lookup=dns), "mixed", 443) == [("1.1.1.1", 443)]


def test_a_name_that_changes_its_address_is_judged_each_time() -> None:
    dns, clock = FakeDns(rebind=["1.1.1.1"]), FakeClock()
    resolver = Resolver(NetworkGuard(), lookup=dns, clock=clock, ttl_s=10)
    assert resolve(resolver, "rebind") == [("1.1.1.1", 80)]
    dns.answers["rebind"] = ["127.0.0.1"]
    clock.now += 10
    with pytest.raises(Forbidden, match="network_refused"):
        resolve(resolver, "rebind")


def test_an_answer_is_believed_for_its_time_and_no_longer() -> None:
    dns, clock = FakeDns(a=["1.1.1.1"]), FakeClock()
    resolver = Resolver(NetworkGuard(), lookup=dns, clock=clock, ttl_s=10)
    for clock.now in (0.0, 9.9, 10.0):
        resolve(resolver, "a")
    assert dns.asked == ["a", "a"]


def test_that_there_is_no_such_host_is_believed_for_a_shorter_time() -> None:
    dns, clock = FakeDns(), FakeClock()
    resolver = Resolver(NetworkGuard(), lookup=dns, clock=clock, negative_ttl_s=5)
    for clock.now in (0.0, 4.9, 5.0):
        with pytest.raises(OSError, match="no address"):
            resolve(resolver, "none")
    assert dns.asked == ["none", "none"]


def test_the_oldest_answer_is_forgotten_when_there_are_too_many() -> None:
    dns = FakeDns(a=["1.1.1.1"], b=["1.1.1.1"], c=["1.1.1.1"])
    resolver = Resolver(NetworkGuard(), lookup=dns, max_hosts=2)
    for host in ("a", "b", "c", "b", "a"):
        resolve(resolver, host)
    assert dns.asked == ["a", "b", "c", "a"]


def test_names_are_asked_in_one_spelling() -> None:
    dns = FakeDns(**{"a.test": ["1.1.1.1"]})
    resolver = Resolver(NetworkGuard(), lookup=dns)
    resolve(resolver, "A.test.")
    resolve(resolver, "a.test")
    assert dns.asked == ["a.test"]


ROUTES = {"www.a.test": "127.0.0.1:8000", "*.a.test": "[::1]:8001", "gone.test": None, "*.gone.test": None}


@pytest.mark.parametrize(
    ("host", "target"), [("www.a.test", ("127.0.0.1", 8000)), ("WWW.b.a.test", ("::1", 8001))]
)
def test_the_first_matching_pattern_says_where_to_connect(host: str, target: tuple[str, int]) -> None:
    resolver = Resolver(NetworkGuard(("127.0.0.0/8", "::1/128")), ROUTES, lookup=FakeDns())
    assert resolve(resolver, host) == [target]


@pytest.mark.parametrize("host", ["gone.test", "a.gone.test"])
def test_a_host_mapped_to_nothing_does_not_exist(host: str) -> None:
    with pytest.raises(OSError, match="mapped to no address"):
        resolve(Resolver(NetworkGuard(), ROUTES), host)


def test_a_pattern_does_not_match_the_name_it_stands_below() -> None:
    dns = FakeDns(**{"a.test": ["1.1.1.1"]})
    assert resolve(Resolver(NetworkGuard(), ROUTES, lookup=dns), "a.test") == [("1.1.1.1", 80)]


def test_a_mapped_address_is_guarded_too() -> None:
    with pytest.raises(Forbidden, match=r"127\.0\.0\.1"):
        resolve(Resolver(NetworkGuard(), ROUTES), "www.a.test")


def test_an_address_is_no_host_where_every_host_is_mapped_to_nothing() -> None:
    with pytest.raises(Transient, match="dns"):
        Resolver(NetworkGuard(), {"*": None}).check_literal("1.1.1.1")


@pytest.mark.parametrize("target", ["127.0.0.1", "localhost:80", "127.0.0.1:http", ""])
def test_what_is_no_ip_and_port_cannot_be_mapped_to(target: str) -> None:
    with pytest.raises(ConfigError, match="is no ip:port"):
        Resolver(NetworkGuard(), {"a.test": target})


def test_reach_tells_a_refused_network_from_a_missing_host() -> None:
    resolver = Resolver(NetworkGuard(), lookup=FakeDns(inside=["10.0.0.1"], fine=["1.1.1.1"]))
    asyncio.run(resolver.reach("fine"))
    with pytest.raises(Forbidden, match="network_refused"):
        asyncio.run(resolver.reach("inside"))
    with pytest.raises(Transient, match="dns"):
        asyncio.run(resolver.reach("none"))


def test_the_systems_dns_is_asked_where_no_other_is_given() -> None:
    async def ask() -> list[str]:
        resolver = Resolver(NetworkGuard(("127.0.0.0/8", "::1/128")))
        try:
            return [ip for ip, _ in await resolver.resolve("localhost", 80)]
        finally:
            await resolver.close()

    assert set(asyncio.run(ask())) <= {"127.0.0.1", "::1"}
