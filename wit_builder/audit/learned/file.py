"""A detector's file: the network's weights as safetensors, and in its header what it takes to use them.

The header's metadata has one entry, `detector`: a JSON object with kind, variant, threshold, source (where the
threshold comes from) and data (fingerprint of the shards it was trained on). The sha256 of the whole file is what a
report knows the detector by. torch is not imported here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from wit_builder.errors import ConfigError

KIND = "wit-builder copy detector 1"
ENTRY = "detector"
MAX_BYTES = 2 << 30  # of a file; a ResNet-50 has a tenth of a GB
_HINT = "--detector detector.safetensors, as `wit audit train-detector` writes it"


@dataclass(frozen=True, slots=True)
class Header:
    """What a detector's file says of itself."""

    variant: str  # one of network.VARIANTS
    threshold: float  # similarity from which on two images are taken for copies, 0 to 1
    source: str  # where it comes from, a phrase
    data: str  # fingerprint of the shards it was trained on
    accuracy: float  # on the proxy task, among the images held out
    kind: str = KIND

    def metadata(self) -> dict[str, str]:
        """As safetensors takes it."""
        return {ENTRY: orjson.dumps(asdict(self)).decode()}


def read(path: Path, expected: str = "") -> tuple[Header, str]:
    """The header of a detector's file, and the file's sha256.

    expected: the sha256 that it must have, "" for any. Raises ConfigError for whatever is no such file.
    """
    digest = sha256(path)
    if expected and digest != expected:
        raise ConfigError(
            f"{str(path)!r} is another detector than expected: its sha256 is {digest[:12]}, not {expected[:12]}",
            "--out OTHER_FOLDER, or put the file back",
        )
    said = _said(path)
    if said.get("kind") != KIND:
        raise ConfigError(f"{str(path)!r} is of kind {said.get('kind')!r}, expected {KIND!r}", _HINT)
    try:
        header = Header(**said)
    except TypeError as error:
        raise ConfigError(f"{str(path)!r} has another header than expected: {error}", _HINT) from error
    if not (isinstance(header.threshold, float | int) and 0 <= header.threshold <= 1):
        raise ConfigError(f"{str(path)!r} has the threshold {header.threshold!r}, expected 0 to 1", _HINT)
    return header, digest


def sha256(path: Path) -> str:
    """Of a file's bytes. Raises ConfigError when it cannot be read."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size > MAX_BYTES:
                raise ConfigError(
                    f"{str(path)!r} has {path.stat().st_size} bytes, at most {MAX_BYTES} are read"
                )
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error.strerror}", _HINT) from error


def _said(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            said = orjson.loads((file.metadata() or {}).get(ENTRY, "{}"))
    except (SafetensorError, orjson.JSONDecodeError, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise ConfigError(f"{str(path)!r} is no detector, or is cut: {why}", _HINT) from error
    return said if isinstance(said, dict) else {}
