"""Which of many addresses are what `normalise` would make of them already, without parsing one: 0.2 µs each.

Nearly all addresses of a list are. A yes is certain, a no only means that `normalise` must be asked.
"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_builder.web.url import MAX_URL, TRACKING, TRACKING_PREFIX

# A host of lower-case labels with single hyphens, so no punycode, the last of letters, so no IPv4 address, and
# no port. A path of signs that the URL standard leaves alone (its path percent-encode set, 1.3) in which no
# segment begins with a dot, written or as %2E; a query of such signs; no fragment.
_SEGMENT = r"(?:[\w~!$&'()*+,;=:@-]|%[013-9A-Fa-f][0-9A-Fa-f]|%2[0-9A-DFa-df])"
_CANONICAL = (
    r"^https?://(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}/"
    rf"(?:{_SEGMENT}(?:{_SEGMENT}|\.)*)?(?:/(?:{_SEGMENT}(?:{_SEGMENT}|\.)*)?)*"
    r"(?:\?[\w.~!$&()*+,;=:@/?%-]*)?$"
)
_TRACKING = rf"[?&](?:{TRACKING_PREFIX}|(?:{'|'.join(map(re.escape, sorted(TRACKING)))})(?:[=&]|$))"


def canonical(urls: pa.Array) -> NDArray[np.bool_]:
    """For each address whether `normalise` returns it as it is; false for null. urls: of type string."""
    plain = pc.match_substring_regex(urls, _CANONICAL)
    tracked = pc.match_substring_regex(urls, _TRACKING, ignore_case=True)
    short = pc.less_equal(pc.binary_length(urls), MAX_URL)
    found = pc.and_(pc.and_not(plain, tracked), short)
    return np.asarray(pc.fill_null(found, False))
