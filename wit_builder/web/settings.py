"""What a user decides about asking the web."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OptOut:
    """Which wishes of owners make us leave an image alone."""

    # noai and noimageai are DeviantArt's, noml Bing's, the others Google's; none is noindex with nofollow.
    directives: tuple[str, ...] = ("noai", "noimageai", "noindex", "noimageindex", "none", "noml")
    tdmrep: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """How much is asked of a host, and when it is left alone. Delays are in seconds from start to start."""

    host_delay_s: float = 1.0
    domain_delay_s: float = 0.0  # over all hosts of a registrable domain; 0 counts no domain
    ip_delay_s: float = 0.1  # over all hosts at an address; 0 counts no address
    host_connections: int = 1  # requests to a host at the same time
    max_crawl_delay_s: float = 30.0  # a host whose robots.txt asks for more is not asked at all
    retries: int = 3  # of a transient failure, after the first try
    backoff_s: float = 1.0  # before the first retry; doubles, with full jitter, up to 60
    max_retry_after_s: float = 120.0  # a host that asks for longer is asked again after this
    circuit_failures: int = 10  # transient failures in a row after which a host is given up for the run
    circuit_s: float = 25.0  # as is one that lost so much time, by failures and by answers slower than slow_s
    slow_s: float = 5.0  # what an answer may take; quicker ones make up for slower ones


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """How the web is asked: who we say we are, how long and how much we take, what we honour."""

    contact: str = ""  # a URL or mail address of whoever runs this; stands in every request
    token: str = ""  # a name of theirs besides ours; what robots.txt and headers say to it is obeyed too
    deadline_s: float = 30.0  # of one request, from connecting to the last byte
    connect_s: float = 10.0  # of that for TCP and TLS
    silence_s: float = 10.0  # of that without a byte from the server
    max_page_bytes: int = 10 * 1024**2  # as sent, and inflated
    max_image_bytes: int = 25 * 1024**2
    connections: int = 256  # in use at once
    optout: OptOut = field(default_factory=OptOut)
    politeness: Politeness = field(default_factory=Politeness)
    allow_network: tuple[str, ...] = ()  # networks that are no public ones and may be asked all the same
