"""The values of --connect-to, and whether a crawl stays on hosts of our own or needs a contact."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from wit_builder.archive.settings import Archives
from wit_builder.crawl.settings import Crawl
from wit_builder.errors import ConfigError
from wit_builder.lists.settings import UrlList
from wit_builder.recipe import Recipe
from wit_builder.web.settings import WebSettings
from wit_builder.web.url import host_of

Hosts = Mapping[str, str | None]  # host pattern to ip:port, None: no such host

_ANY = "*"
_EXAMPLE = "--connect-to '*.demo.test=127.0.0.1:8000'"


def parsed(pairs: tuple[str, ...]) -> Hosts:
    """The pairs HOST=IP:PORT, or HOST= for no such host. Raises ConfigError for anything else."""
    found: dict[str, str | None] = {}
    for pair in pairs:
        host, equals, address = pair.partition("=")
        if not (host and equals) or (address and not _is_endpoint(address)):
            raise ConfigError(f"--connect-to {pair!r} is not HOST=IP:PORT", _EXAMPLE)
        found.setdefault(host.lower(), address or None)
    return found


def check_contact(recipe: Recipe, hosts: Hosts) -> None:
    """Raise ConfigError when other people's sites are to be asked by nobody knows whom."""
    if recipe.demo_web is None:
        check_contact_of(recipe.web, hosts, _asked(recipe.source))


def check_contact_of(web: WebSettings, hosts: Hosts, asked: Sequence[str] = (_ANY,)) -> None:
    """The same for a list of hosts."""
    if web.contact.strip():
        return
    for host in asked:
        if not _is_ours(host, hosts):
            what = "a build that may ask any host" if host == _ANY else f"a crawl of {host}"
            raise ConfigError(
                f"{what} needs an address where its owner can reach you",
                "--contact me@example.org, or WebSettings(contact=...) in a recipe of your own",
            )


def _asked(source: Crawl | Archives | UrlList) -> list[str]:
    """The hosts that will be asked as far as is known: of archives and lists, any."""
    if not isinstance(source, Crawl):
        return [_ANY]
    return [host_of(url).strip("[]") for url in (*source.seeds, *source.sitemap_urls)]


def _is_ours(host: str, hosts: Hosts) -> bool:
    """Whether the host is this machine, or --connect-to leads it there, or nowhere."""
    for pattern, target in hosts.items():
        if host.endswith(pattern[1:]) if pattern.startswith("*") else host == pattern:
            return target is None or _is_loopback(target.rpartition(":")[0].strip("[]"))
    return host == "localhost" or _is_loopback(host)


def _is_endpoint(address: str) -> bool:
    ip, _, port = address.rpartition(":")
    return _is_ip(ip.strip("[]")) and port.isdecimal() and 0 < int(port) < 65536


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return _is_ip(text) and ip_address(text).is_loopback
