"""What models are called: open_clip's names, the paper's spelling of them, the nearest to any other name.

torch is not imported here.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path

from wit_builder.errors import ConfigError

RESNETS = ("RN50", "RN101", "RN50x4", "RN50x16", "RN50x64")
TRANSFORMERS = ("ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336")
NINE = RESNETS + TRANSFORMERS  # the models of tables 19 and 20
QUICK = "-quickgelu"  # ends the name of the twin that has the paper's own activation
TINY = "tiny"
TINY_CONFIG = Path(__file__).with_name("tiny.json")  # a model of our own, for a CPU


def plain(name: str) -> str:
    """open_clip's spelling of a name: `ViT-L/14@336px` is `ViT-L-14-336`. A path stays as it is."""
    is_path = name.endswith(".json") or name.startswith(("/", "./", "../"))
    return name if is_path else name.replace("/", "-").replace("@", "-").removesuffix("px")


def paper_name(name: str) -> str | None:
    """Which of the nine this is, its `-quickgelu` twin included; None for another model."""
    one = plain(name).removesuffix(QUICK)
    return one if one in NINE else None


def unknown(name: str, known: Iterable[str]) -> ConfigError:
    """The error that says which names are nearest."""
    near = difflib.get_close_matches(plain(name), [*known, TINY], 3)
    return ConfigError(
        f"open_clip has no model {name!r}, and none is fetched from the network",
        f"one of {', '.join(near or ['ViT-B-32', 'ViT-L-14'])}, or the path of its open_clip_config.json",
    )
