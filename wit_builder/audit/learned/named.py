"""Which learned detectors are meant by the words that users write.

runs/detector/detector.safetensors      what `wit audit train-detector` wrote
ViT-B-32:FILE=0.9                       the image tower of an open_clip model, and its threshold
torchscript:FILE:224=0.9                a TorchScript file, the side of its images, and its threshold
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from wit_builder.audit.detectors import Detector
from wit_builder.audit.learned import copies, external
from wit_builder.errors import ConfigError

_PARTS = re.compile(r"(?P<file>.+)\+parts=(?P<threshold>[0-9.]{1,20})")
_OTHERS = re.compile(r"(?P<model>[^:=]+):(?P<file>.+?)(?::(?P<side>[0-9]{1,6}))?=(?P<threshold>[0-9.]{1,20})")


def named(words: Sequence[str]) -> tuple[Detector, ...]:
    """The detectors. Raises ConfigError when a word means none, its file cannot be used, or two are of one kind."""
    found = tuple(_named(word) for word in words)
    twice = [one for one, times in Counter(one.id for one in found).items() if times > 1]
    if twice:
        raise ConfigError(
            f"two detectors of an audit would be called {twice[0]!r}",
            "an audit for each: --detector FILE --out OTHER_FOLDER",
        )
    return found


def _named(word: str) -> Detector:
    if Path(word).is_file() or word.endswith(".safetensors"):
        return copies.read(Path(word))
    if own := _PARTS.fullmatch(word):
        return copies.read(Path(own["file"]), _threshold(word, own["threshold"]))
    found = _OTHERS.fullmatch(word)
    if found is None or (found["model"] == "torchscript") != (found["side"] is not None):
        raise ConfigError(
            f"{word!r} names no detector: FILE, MODEL:FILE=THRESHOLD or torchscript:FILE:SIDE=THRESHOLD was expected",
            "--detector detector.safetensors, or --detector ViT-B-32:weights.pt=0.9",
        )
    path, threshold = Path(found["file"]), _threshold(word, found["threshold"])
    if found["side"] is not None:
        return external.torch_script(path, int(found["side"]), threshold)
    return external.open_clip(found["model"], path, threshold)


def _threshold(word: str, said: str) -> float:
    try:
        return float(said)
    except ValueError:
        raise ConfigError(f"{word!r} has the threshold {said!r}, expected 0 to 1") from None
