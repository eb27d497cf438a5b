"""`links.Resolver` over a column: the addresses of the images of many pages at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.extract.links import MAX_PLAIN, Resolver
from wit_builder.web.url import TRACKED

Places = npt.NDArray[np.intp]

_PATH, _FIRST = r"[A-Za-z0-9_.~!$&()*+,;:=@/%-]*", r"[A-Za-z0-9_~!$&()*+,;=@%-]"
_PLAIN = (  # what the URL standard leaves as it is but for the name before it; see `links`
    rf"^(?:https?://(?:[a-z0-9-]+\.)+[a-z]{{2,24}}/{_PATH}|/(?:{_FIRST}{_PATH})?|{_FIRST}[A-Za-z0-9_.~!$&()*+,;=@/%-]*)"
    rf"(?:\?{_PATH})?$"
)
_DOUBTFUL = rf"/\.|%2[eE]|xn--|(?i:{TRACKED})"


def resolved(written: pa.Array, on: Places, pages: Sequence[Resolver]) -> pa.Array:
    """The address of each reference as its page's resolver gives it, null where it is none.

    written: strings without nulls. on: the place of each one's page in `pages`. 0.3 µs where a look tells.
    """
    absolute = _true(pc.starts_with(written, "http://")) | _true(pc.starts_with(written, "https://"))
    rooted = _true(pc.starts_with(written, "/"))
    names = [name for page in pages for name in (page.origin, page.folder)]
    plain = _true(pc.match_substring_regex(written, _PLAIN))
    plain &= ~_true(pc.match_substring_regex(written, _DOUBTFUL))
    plain &= _true(pc.less_equal(pc.binary_length(written), MAX_PLAIN))
    plain &= absolute | np.array([page.origin != "" for page in pages], bool)[on]
    before = pa.array(["", *names]).take(pa.array(np.where(absolute, 0, 2 * on + np.where(rooted, 1, 2))))
    urls = pc.binary_join_element_wise(before, written, "")
    others = np.flatnonzero(
        ~(plain | _true(pc.starts_with(written, "data:")))
    )  # which are often there, and long
    texts = written.take(pa.array(others)).to_pylist()
    read = [pages[page](text) for page, text in zip(on[others].tolist(), texts, strict=True)]
    places = np.where(plain, np.arange(len(written)), -1)
    places[others] = len(written) + np.arange(len(others))
    either = pa.concat_arrays([urls, pa.array(read, pa.string())])
    return either.take(pa.array(places, mask=places < 0))


def _true(column: Any) -> npt.NDArray[np.bool_]:
    """A column of yes and no, without nulls."""
    found: npt.NDArray[np.bool_] = column.to_numpy(zero_copy_only=False)
    return found
