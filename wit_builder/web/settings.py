"""What a user decides about asking the web."""

from dataclasses import dataclass, field

from wit_builder.web.optout import OptOut
from wit_builder.web.politeness import Politeness


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
