"""Has the owner opted out? X-Robots-Tag, robots meta tags and the W3C's TDM reservation protocol (TDMRep).

Robots directives are read by one grammar, into lower-case words ("noai", "max-snippet:-1"); a policy says
which of them opt out. A TDM reservation stands in /.well-known/tdmrep.json, in a header or in a meta tag.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import orjson

from wit_builder.web.settings import OptOut

MAX_TDMREP = 1 << 20  # bytes of a tdmrep.json that are read
_RESERVATION = "tdm-reservation"

# name: value. All else before a colon is the agent that the directives after it are meant for.
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_PLAIN = """
    all none index noindex follow nofollow noarchive nocache nosnippet notranslate noimageindex
    indexifembedded noodp noydir noai noimageai noml
"""
_DIRECTIVES = _VALUED.union(_PLAIN.split())
_AGENT = re.compile(r"[a-z_*][a-z0-9_.*-]*(?:/[^\s:]*)?")
_WORD = re.compile(r"[a-z][a-z0-9_-]*")
_SEPARATOR = re.compile("[,;]")


def refused(directives: frozenset[str], policy: OptOut) -> str | None:
    """The directive that opts out, the policy's first; None where none does."""
    return next((directive for directive in policy.directives if directive in directives), None)


def robots_directives(header_values: Sequence[str], agent: str) -> frozenset[str]:
    """The directives of all X-Robots-Tag headers of one response that are meant for everyone or for `agent`.

    "agent: a, b" scopes what follows it, up to the next agent or the end of that header. A word is taken
    from either side of a colon that makes no sense ("noai: yes"): what might opt out does.
    """
    token = agent.lower()
    return frozenset(word for value in header_values for word in _directives(value, token))


def meta_directives(pairs: Iterable[tuple[str, str]], agent: str) -> frozenset[str]:
    """The directives of a page's (name, content) meta tags that are named "robots" or `agent`."""
    names = ("robots", agent.lower())
    ours = (content for name, content in pairs if name.strip().lower() in names)
    return frozenset(word for content in ours for word in _directives(content, None))


@dataclass(frozen=True, slots=True)
class TdmRule:
    """One entry of a tdmrep.json."""

    location: str  # as written
    reserved: bool
    policy: str  # URL of the licence on offer, "" where there is none
    parts: tuple[str, ...]  # of the location between its asterisks, without escapes
    anchored: bool  # ended with "$"

    def matches(self, path: str) -> bool:
        """Whether a path with its query, without escapes, begins like the location (RFC 9309 2.2.3)."""
        first, *others = self.parts
        if not path.startswith(first):
            return False
        if not others:
            return not self.anchored or path == first
        at = len(first)
        for part in others[:-1] if self.anchored else others:
            found = path.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return not self.anchored or (path.endswith(others[-1]) and len(path) - len(others[-1]) >= at)


def tdm_rules(body: bytes) -> tuple[TdmRule, ...]:
    """The rules of a tdmrep.json, in its order. Never raises.

    Entries that break the protocol are left out. A file that speaks of reservations but has no entry with a
    location and one, or cannot be read, reserves everything: not knowing is not permission. Any other, a web
    page say, reserves nothing.
    """
    try:
        entries = orjson.loads(body.removeprefix(b"\xef\xbb\xbf")) if len(body) <= MAX_TDMREP else None
    except orjson.JSONDecodeError:
        entries = None
    listed = entries if isinstance(entries, list) else [entries]
    told = [entry for entry in listed if isinstance(entry, dict) and _RESERVATION in entry]
    told = [entry for entry in told if isinstance(entry.get("location"), str)]
    if not told and _RESERVATION.encode() in body.replace(b"\0", b"").lower():  # else it may be UTF-16
        return (TdmRule("/", True, "", ("/",), False),)
    return tuple(rule for entry in told if (rule := _rule(entry)) is not None)


def tdm_match(rules: Sequence[TdmRule], path: str) -> TdmRule | None:
    """The first rule whose location has `path` (with its query, as in a normalised URL)."""
    plain = unquote(path)
    return next((rule for rule in rules if rule.matches(plain)), None)


def tdm_reserved(
    well_known: bytes | None, path: str, header: str | None = None, meta: str | None = None
) -> bool:
    """Whether text and data mining is reserved: the meta tag outranks the header, the header the file.

    well_known: the origin's tdmrep.json; header, meta: values of tdm-reservation. None: there is none. A
    value but 0 or 1 breaks the protocol and says nothing.
    """
    for value in (meta, header):
        said = _reservation(value)
        if said is not None:
            return said
    rule = tdm_match(tdm_rules(well_known or b""), path)
    return rule is not None and rule.reserved


def _directives(value: str, agent: str | None) -> Iterator[str]:
    """The words of one header or meta tag; agent None: its colons scope nothing."""
    ours = True
    for piece in _SEPARATOR.split(value.lower()):
        name, colon, rest = _at_colon(piece)
        while agent is not None and colon and name not in _DIRECTIVES and _AGENT.fullmatch(name):
            ours = name.partition("/")[0] in (agent, "*")
            piece = rest
            name, colon, rest = _at_colon(piece)
        if ours:
            yield from _words(piece)


def _words(piece: str) -> Iterator[str]:
    """What stands between two commas: one directive, or several where somebody forgot the comma."""
    name, _, rest = _at_colon(piece)
    if name == "unavailable_after":
        yield f"{name}:{rest}"  # a date; what it has after a comma begins with a digit
    elif name in _VALUED:
        value, *others = rest.split() or [""]
        yield f"{name}:{value}"
        yield from filter(_WORD.fullmatch, others)
    elif not name[:1].isdigit():
        yield from filter(_WORD.fullmatch, piece.replace(":", " ").split())


def _at_colon(piece: str) -> tuple[str, str, str]:
    name, colon, rest = piece.partition(":")
    return name.strip(), colon, rest.strip()


def _rule(entry: dict[str, object]) -> TdmRule | None:
    reserved = _reservation(entry[_RESERVATION])
    if reserved is None:
        return None
    location = str(entry["location"])
    policy = entry.get("tdm-policy")
    path = re.sub(r"^https?://[^/]*", "", location)
    path = path if path.startswith(("/", "*")) else f"/{path}"
    parts = tuple(unquote(part) for part in path.removesuffix("$").split("*"))
    return TdmRule(location, reserved, policy if isinstance(policy, str) else "", parts, path.endswith("$"))


def _reservation(value: object) -> bool | None:
    """What a tdm-reservation says; of several values in one header the strictest."""
    said = {part.strip() for part in str(value).lower().split(",")}
    if said & {"1", "1.0", "true"}:
        return True
    return False if said & {"0", "0.0", "false"} else None
