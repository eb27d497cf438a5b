"""Why were downloads lost, most likely, and what can be done about it?

`kind_of` puts each reason that a download can fail for into a kind; it is the only place that does. `diagnose`
weighs kinds against the hosts they fell on: a thousand names that do not resolve are one resolver that fails,
three are domains that are gone. What it holds for usual is CC12M's failure budget of August 2026 (PeppaKing8/
minit2i-jax issue 2): of all URLs 12.0 % were 404 or 410, 8.3 % 403, 6.2 % dead names, 3.7 % undecodable.
"""

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wit_builder.errors import ConfigError
from wit_builder.report.folder import plain
from wit_builder.report.tally import Count

KINDS = {
    "dns": "dns",
    "tls": "tls",
    "connect": "connect",
    "truncated": "connect",
    "bad_response": "connect",
    "timeout": "timeout",
    "opt_out_x_robots_tag": "opt_out",
    "opt_out_tdmrep": "opt_out",
    "robots": "robots",
    "robots_unreachable": "robots_unreachable",
    "tdmrep_unreachable": "robots_unreachable",
    "too_big": "too_big",
    "too_many_pixels": "too_big",
    "not_image": "mime",
    "not_html": "mime",
    "unsupported_format": "mime",
    "decode_error": "decode",
    "image_timeout": "decode",
    "image_crash": "decode",
    "bad_url": "url",
    "redirect_loop": "url",
    "too_many_redirects": "url",
    "redirect_out_of_scope": "url",
    "network_refused": "network",
    "hash_mismatch": "hash",
    "bad_boxes": "list",
    "bad_row": "list",
    "no_url": "list",
    "damaged": "list",
    "image_too_small": "filter",
    "image_too_long": "filter",
    "blocked": "blocked",
}

MANY_HOSTS = 20  # from here on the fault is hardly theirs
TOO_MUCH = 0.2  # of all downloads: three times CC12M's dead names, and far above its timeouts
WORTH_SAYING = 0.05  # of all failures
SENTENCES = 4
_DEADLINE, _DELAY = " --deadline 120", " --delay 10"  # several times what recipes have
DOMINANT = 0.5  # of all failures, at one host
FEW = 10  # failures, of which nothing is concluded about one host
MOST_HOSTS = 100_000  # told apart; beyond them the rarer half is forgotten


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What lost downloads have in common. All texts are safe to show."""

    kinds: tuple[Count, ...]  # by falling count; HTTP answers by code, as http_404
    sentences: tuple[str, ...]  # most weighty first, none where nothing failed

    def as_json(self) -> dict[str, Any]:
        """In JSON types."""
        return {"kinds": {kind.name: kind.n for kind in self.kinds}, "sentences": list(self.sentences)}


def kind_of(reason: str) -> str:
    """What kind of failure a reason is.

    That is dns, tls, connect, timeout, http_CODE, opt_out, robots, robots_unreachable, too_big, mime, decode,
    url, network, hash, list or blocked; any other reason is some filter's: filter.
    """
    return reason if re.fullmatch(r"http_\d{3}", reason) else KINDS.get(reason, "filter")


def check_reasons(option: str, words: Iterable[str]) -> None:
    """Raise ConfigError for a word that is no reason for which downloads fail, nor a family of them (4xx, 5xx)."""
    for word in words:
        if not (word in KINDS or re.fullmatch(r"[45]xx|http_\d{3}", word)):
            nearest = difflib.get_close_matches(word, KINDS, 1)
            raise ConfigError(
                f"{option} {word}: no download fails for such a reason",
                f"{option} {nearest[0]}" if nearest else f"4xx, 5xx, http_404, {', '.join(KINDS)}",
            )


def diagnose(
    reasons: Mapping[str, int],
    hosts: Mapping[str, Mapping[str, int]],
    kept: int,
    again: str = "",
    exact: bool = True,
    once: bool = False,
) -> Diagnosis:
    """What the failures have in common.

    reasons: failed downloads by reason; hosts: the same by host, as `by_host` gives it. kept: downloads that
    did not fail. again: the command that takes failures up again, to which their reasons are appended; ""
    where there is none. exact: whether these are all the hosts. once: whether that command takes --delay and
    --deadline for this once.
    """
    lost = sum(reasons.values())
    case = _Case(lost, lost + kept, again, exact, once)
    groups: dict[str, _Group] = defaultdict(_Group)
    for reason, n in reasons.items():
        groups[_cause(kind_of(reason))].count(reason, n)
    for host, counts in hosts.items():
        for reason, n in counts.items():
            groups[_cause(kind_of(reason))].hosts[host] += n
    worthy = sorted(groups.items(), key=lambda item: (-item[1].n, item[0]))
    said = [_sentence(cause, group, case) for cause, group in worthy if group.n >= WORTH_SAYING * case.lost]
    kinds: Counter[str] = Counter()
    for reason, n in reasons.items():
        kinds[kind_of(reason)] += n
    return Diagnosis(
        tuple(Count(kind, n) for kind, n in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        tuple(said[:SENTENCES] + _dominant(hosts, case)),
    )


def by_host(pairs: Iterable[tuple[str, str]]) -> dict[str, Counter[str]]:
    """Counts of (host, reason) by host, in bounded memory: of very many hosts the rarer ones are forgotten."""
    hosts: dict[str, Counter[str]] = defaultdict(Counter)
    for host, reason in pairs:
        hosts[host][reason] += 1
        if len(hosts) > MOST_HOSTS:
            often = sorted(hosts.items(), key=lambda item: -item[1].total())[: MOST_HOSTS // 2]
            hosts = defaultdict(Counter, often)
    return dict(hosts)


@dataclass(frozen=True, slots=True)
class _Case:
    lost: int
    seen: int
    again: str
    exact: bool
    once: bool

    def retry(self, group: "_Group", more: str = "") -> str:
        """What to type to take the group up again. more: options of this once."""
        if not self.again:
            return "fetch them again"
        return f"`{self.again} {','.join(sorted(group.reasons))}{more if self.once else ''}`"


class _Group:
    """Failures of one cause."""

    def __init__(self) -> None:
        self.n = 0
        self.reasons: set[str] = set()
        self.hosts: Counter[str] = Counter()

    def count(self, reason: str, n: int) -> None:
        self.n += n
        self.reasons.add(reason)

    def everywhere(self, case: _Case) -> bool:
        """Whether so much at so many hosts is hardly the hosts' fault."""
        return len(self.hosts) >= MANY_HOSTS and self.n >= TOO_MUCH * case.seen


def _cause(kind: str) -> str:
    """The kind; of HTTP answers what they have in common."""
    if not kind.startswith("http_"):
        return kind
    code = kind[5:]
    families = {"gone": ("404", "410"), "refusal": ("401", "403", "451"), "busy": ("429", "503")}
    named = next((name for name, codes in families.items() if code in codes), None)
    return named or ("server" if code[0] == "5" else "http")


def _sentence(cause: str, group: _Group, case: _Case) -> str:
    name, because = _CAUSES[cause]
    share = f"{100 * group.n / case.lost:.0f} % of failed downloads are {name}{_where(group, case)}"
    return f"{share}: {because(group, case)}"


def _where(group: _Group, case: _Case) -> str:
    heaviest = sorted(group.hosts, key=lambda host: (-group.hosts[host], host))[:3]
    names = [plain(host, 80) or "no host" for host in heaviest]
    if names and (len(group.hosts) > 3 or not case.exact):
        return f" at {len(group.hosts):,} hosts{'' if case.exact else ' or more'}"
    return f" at {' and '.join(names)}" if names else ""


def _dns(group: _Group, case: _Case) -> str:
    if case.lost == case.seen and group.n == case.lost and len(group.hosts) > 1:
        return "no name resolves; check this machine's network and /etc/resolv.conf"
    if group.everywhere(case):
        return (
            "more than dead domains explain (6 % of CC12M's URLs in 2026), so this machine's resolver fails or "
            "is overloaded; give it a caching one of its own (unbound, knot-resolver), then "
            f"{case.retry(group)}"
        )
    return "these domains are gone, as some of every list are; nothing can be done"


def _timeout(group: _Group, case: _Case) -> str:
    if group.everywhere(case):
        return (
            "so many hosts are not all slow, so this machine's line is slow or full; ask with fewer connections "
            f"or a longer deadline, then {case.retry(group, _DEADLINE)}"
        )
    return f"these hosts are slow or gone; later, or with a longer deadline, {case.retry(group, _DEADLINE)}"


def _connect(group: _Group, case: _Case) -> str:
    if group.everywhere(case):
        return (
            "something on the way cuts connections (a firewall, a proxy, a full NAT table); mend that, then "
            f"{case.retry(group)}"
        )
    return f"these servers are gone or do not speak HTTP; what passes is had later by {case.retry(group)}"


def _tls(group: _Group, case: _Case) -> str:
    if group.everywhere(case):
        return "so many certificates are not all bad; see to this machine's clock and its CA certificates"
    return "their certificates are expired or another's; they are not asked without one"


def _later(words: str, more: str = "") -> Callable[[_Group, _Case], str]:
    return lambda group, case: f"{words} {case.retry(group, more)}"


def _always(words: str) -> Callable[[_Group, _Case], str]:
    return lambda group, case: words


_CAUSES: dict[str, tuple[str, Callable[[_Group, _Case], str]]] = {
    "dns": ("DNS", _dns),
    "tls": ("TLS", _tls),
    "connect": ("broken connections", _connect),
    "timeout": ("timeouts", _timeout),
    "gone": (
        "HTTP 404 or 410",
        _always("the pictures are gone (12 % of CC12M's in 2026); a fresher list has fewer of them"),
    ),
    "refusal": (
        "HTTP 401, 403 or 451",
        _always(
            "these hosts refuse us or whoever has no account (8 % of CC12M's in 2026); a contact that they can "
            "reach and a longer delay help with some, their owners' leave with the others"
        ),
    ),
    "busy": (
        "HTTP 429 or 503",
        _later("these hosts want to be asked less often; with a longer delay", _DELAY),
    ),
    "server": ("HTTP 5xx", _later("these servers have trouble of their own; some other day")),
    "http": ("other HTTP answers", _always("these addresses are not meant for a plain GET")),
    "opt_out": ("opt-outs", _always("their owners reserve these pictures, so they stay where they are")),
    "robots": ("robots.txt", _always("their owners do not want them fetched, so they stay where they are")),
    "robots_unreachable": (
        "a robots.txt or tdmrep.json that could not be had",
        _later("not knowing is not permission (RFC 9309 section 2.3.1.4); later"),
    ),
    "too_big": ("too big", _always("they are above the recipe's limit of bytes or pixels")),
    "mime": (
        "no pictures",
        _always(
            "a page or another file came instead, often because the picture is gone or linking is barred"
        ),
    ),
    "decode": ("not decodable", _always("the files are cut or broken (4 % of CC12M's in 2026)")),
    "url": ("bad addresses or redirects", _always("they lead nowhere; nothing can be done")),
    "network": (
        "private addresses",
        _always("these names lead into private networks, which only the recipe's allow_network opens"),
    ),
    "hash": (
        "other pictures than listed",
        _always(
            "they have changed since the list was made (14 % of DataComp's: mlfoundations/datacomp issue 67), "
            "or its hashes were made otherwise"
        ),
    ),
    "list": ("rows of no use", _always("the list is at fault; what was seen stands beside each")),
    "blocked": (
        "blocked",
        _always("a blocklist or a tombstone of `wit forget` names them, so they are not taken"),
    ),
    "filter": ("filtered", _always("they were had, and the filters you chose refuse them")),
}


def _dominant(hosts: Mapping[str, Mapping[str, int]], case: _Case) -> list[str]:
    """One host that has most of the failures, where others failed too."""
    host = max(hosts, key=lambda host: sum(hosts[host].values()), default="")
    counts = Counter(hosts.get(host, {}))
    n = counts.total()
    if n < FEW or n < DOMINANT * case.lost or len(hosts) == 1:
        return []
    why = counts.most_common(1)[0][0]
    return [
        f"{plain(host, 80)} alone has {100 * n / case.lost:.0f} % of the failed downloads, most often "
        f"{plain(why, 80)}; see to that first: ask its owner, or leave its rows out"
    ]
