"""A picture of a list, held against what its row says of it: the hash it had, how it looked, what must be blurred."""

from dataclasses import replace
from hashlib import new
from typing import Any

import orjson

from wit_builder.errors import ImageError
from wit_builder.images.blur import boxes_of
from wit_builder.images.picture import MIN_QUALITY, ImageSpec, Picture, RowRules
from wit_builder.images.process import process

ALIKE_BITS = 31  # of 256: within these PDQ takes two pictures for one


def process_listed(body: bytes, spec: ImageSpec, extra: str) -> Picture:
    """The picture in these bytes, if it is the one that the row speaks of; see `RowRules`.

    extra: the row's other columns, as a JSON object or "". Raises ImageError: those of `process`, bad_boxes,
    and hash_mismatch.
    """
    rules = spec.row
    if rules == RowRules():
        return process(body, spec)
    row: dict[str, Any] = orjson.loads(extra) if extra else {}
    digest = new(rules.hash, body, usedforsecurity=False).hexdigest()
    check = _check_bytes(digest, row, rules)
    boxes = boxes_of(row.get(rules.boxes_column)) if rules.boxes_column else ()
    picture = process(body, spec, boxes)
    if check == "phash":
        _check_look(picture, row, rules)
    row |= {rules.hash: digest} | ({"hash_check": check} if check else {})
    return replace(picture, extra=orjson.dumps(row).decode())


def _check_bytes(digest: str, row: dict[str, Any], rules: RowRules) -> str | None:
    """What the picture is known by: its bytes, or else its look, which is still to be seen."""
    if rules.hash_column is None:
        return "phash" if rules.phash_column else None
    listed = row.get(rules.hash_column)
    if isinstance(listed, str) and listed.strip().lower() == digest:
        return rules.hash
    if rules.phash_column:
        return "phash"
    raise ImageError("hash_mismatch", f"{rules.hash} is {digest}, listed is {listed!r:.150}")


def _check_look(picture: Picture, row: dict[str, Any], rules: RowRules) -> None:
    assert rules.phash_column
    listed = row.get(rules.phash_column)
    try:
        bits = (int(picture.phash, 16) ^ int(str(listed), 16)).bit_count()
    except ValueError:
        bits = 256
    if bits > ALIKE_BITS or picture.phash_quality < MIN_QUALITY:
        seen = f"PDQ is {picture.phash} of quality {picture.phash_quality}, listed is {listed!r:.100}"
        raise ImageError("hash_mismatch", f"{rules.hash} differs, {seen}")
